"""`monsters`: the storybook's model, all of its U-Net trained on with 416 monsters."""

from __future__ import annotations

from torch import nn

from t2ilab.device import DeviceManager
from t2ilab.recipes.finetuning import MONSTERS, PICTURES, Numbers, StyleRecipe

NUMBERS = Numbers(name="monsters", steps=1600, batch=16, rates=(1e-3, 1e-5), decay=0.995)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = f"{MONSTERS}; {PICTURES}"
LIMITS = "What its base draws, as far as it was not forgotten, and monsters."


class Recipe(StyleRecipe):
    """Full fine-tuning: every weight of the U-Net learns; words and autoencoder stay."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def _learner(self) -> nn.Module:
        return self.pipe.unet.requires_grad_(True)
