"""`control-scribble`: a ControlNet that looks at a line drawing."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from t2ilab.data.edges import canny
from t2ilab.data.maps import MAPS
from t2ilab.data.render import Drawing
from t2ilab.data.scenes import Scene
from t2ilab.device import DeviceManager
from t2ilab.metrics import edges_met
from t2ilab.recipes.control import ControlRecipe, Numbers

NUMBERS = Numbers(name="control-scribble", condition=MAPS["scribble"])
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "8,000 scenes of the base's level of the world as latents and line drawings, in new words each time they are met; "
    "half of the captions empty, of the others a quarter Japanese and a fifth partial."
)
LIMITS = "For its base alone, and for thin lines where the edges are to be: it has seen no shaky hand."


class Recipe(ControlRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def follows(self, images: Tensor, drawing: Drawing, scenes: Sequence[Scene]) -> dict[str, float]:
        """How many of the asked lines lie within 2 pixels of an edge that Canny's detector finds in the picture, and
        the other way round, which includes the edges of the surroundings, for which no line asks."""
        asked, drawn = drawing.edges > 0.5, canny(images)
        return {
            "asked lines drawn": edges_met(asked, drawn).mean().item(),
            "drawn edges asked": edges_met(drawn, asked).mean().item(),
        }
