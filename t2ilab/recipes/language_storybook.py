"""`language-storybook`: a T5 of the captions of the storybook, whose encoder a cascade reads with."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.recipes.language import LanguageRecipe, Numbers

NUMBERS = Numbers(
    name="language-storybook",
    level="storybook",
    steps=4_000,
    context_length=32,
    width=96,
    layers=3,
    head_dim=24,
    hidden=192,
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Captions of the storybook, a quarter of them Japanese and a fifth partial, with spans cut out; no picture."
LIMITS = "Only the words of this world; some pairs of things, and of thing and colour, unread."


class Recipe(LanguageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
