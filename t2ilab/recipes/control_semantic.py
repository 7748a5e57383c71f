"""`control-semantic`: a ControlNet that looks at a map of what is where, a colour for each class."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from t2ilab.data.maps import MAPS, semantic_map
from t2ilab.data.render import Drawing
from t2ilab.data.scenes import Scene
from t2ilab.data.words import SURROUNDINGS
from t2ilab.device import DeviceManager
from t2ilab.metrics import filled, overlap, silhouettes
from t2ilab.recipes.control import ControlRecipe, Numbers

NUMBERS = Numbers(name="control-semantic", condition=MAPS["semantic"])
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "8,000 scenes of the base's level of the world as latents and semantic maps, in new words each time they are met; "
    "half of the captions empty, of the others a quarter Japanese and a fifth partial."
)
LIMITS = "For its base alone, and for maps in the colours of this world's classes (`PALETTE`)."


class Recipe(ControlRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def follows(self, images: Tensor, drawing: Drawing, scenes: Sequence[Scene]) -> dict[str, float]:
        """How far silhouettes overlap those of the map, the mean over pictures. Which thing it is, the reader says."""
        asked = filled(semantic_map(drawing, scenes) >= len(SURROUNDINGS))  # a map's classes begin with these
        return {"overlap": overlap(asked, silhouettes(images, scenes)).mean().item()}
