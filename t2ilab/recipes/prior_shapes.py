"""`prior-shapes`: from the text embeddings of `clip-storybook` to its image embeddings, on the `shapes` level."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.recipes.priors import Numbers, PriorRecipe

NUMBERS = Numbers(name="prior-shapes", level="shapes")
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "25,600 scenes of the shapes level as clip-storybook sees them, in new English words each time they are met."
LIMITS = "English words of this world; eight pairs of thing and colour unseen."


class Recipe(PriorRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
