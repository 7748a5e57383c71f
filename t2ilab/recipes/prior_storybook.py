"""`prior-storybook`: from the text embeddings of `clip-storybook` to its image embeddings, on the whole storybook."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.recipes.priors import Numbers, PriorRecipe

NUMBERS = Numbers(name="prior-storybook", level="storybook", steps=4_000, width=96, layers=3, cached=2_000)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "128,000 scenes of the storybook as clip-storybook sees them, in new English words each time they are met."
LIMITS = "English words of this world; some pairs of things, and of thing and colour, unseen."


class Recipe(PriorRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
