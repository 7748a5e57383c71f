"""`control-edges`: a ControlNet that looks at Canny's edges of a picture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from t2ilab.data.edges import canny
from t2ilab.data.render import Drawing
from t2ilab.data.scenes import Scene
from t2ilab.device import DeviceManager
from t2ilab.metrics import edges_met
from t2ilab.recipes.control import ControlRecipe, Numbers


def edges(drawing: Drawing, scenes: Sequence[Scene]) -> Tensor:
    """The edges that are found in the pictures, white on black: (B, 3, H, W) in [-1, 1]."""
    return (canny(drawing.image)[:, None].float() * 2 - 1).expand(-1, 3, -1, -1)


NUMBERS = Numbers(name="control-edges", condition=edges)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "8,000 scenes of the base's level of the world as latents and edges, in new words each time they are met; half of "
    "the captions empty, of the others a quarter Japanese and a fifth partial."
)
LIMITS = "For its base alone, and for edges one pixel thin, as `t2ilab.data.edges.canny` finds them."


class Recipe(ControlRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def follows(self, images: Tensor, drawing: Drawing, scenes: Sequence[Scene]) -> dict[str, float]:
        """How many edges lie within 2 pixels of one of the others, both ways; the same detector finds both."""
        asked, drawn = canny(drawing.image), canny(images)
        return {
            "asked edges drawn": edges_met(asked, drawn).mean().item(),
            "drawn edges asked": edges_met(drawn, asked).mean().item(),
        }
