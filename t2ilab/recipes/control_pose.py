"""`control-pose`: a ControlNet that looks at the poses of the people in a picture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from t2ilab.data.maps import MAPS, poses
from t2ilab.data.render import Drawing
from t2ilab.data.scenes import Scene
from t2ilab.device import DeviceManager
from t2ilab.metrics.joints import joints, joints_met
from t2ilab.recipes.control import ControlRecipe, Numbers

NUMBERS = Numbers(name="control-pose", condition=MAPS["pose"], people=True)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "8,000 scenes of the storybook with somebody in them, as latents and poses, in new words each time they are met; "
    "half of the captions empty, of the others a quarter Japanese and a fifth partial."
)
LIMITS = "For its base alone: robot, astronaut, chef, Jizo statue and snowman, who do not bend."


class Recipe(ControlRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def follows(self, images: Tensor, drawing: Drawing, scenes: Sequence[Scene]) -> dict[str, float]:
        """How many of the joints that were asked for lie within 3 of 64 pixels of where the picture has them."""
        return {"joints": joints_met(poses(drawing, scenes), joints(images, scenes))}
