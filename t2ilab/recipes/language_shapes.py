"""`language-shapes`: a T5 of the captions of the `shapes` level, whose encoder a cascade reads with."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.recipes.language import LanguageRecipe, Numbers

NUMBERS = Numbers(name="language-shapes", level="shapes", steps=1_000)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Captions of the shapes level, a quarter of them Japanese and a fifth partial, with spans cut out; no picture."
LIMITS = "Only the words of this world; eight pairs of thing and colour unread."


class Recipe(LanguageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
