"""`cascade-storybook-32`: a cascade's stage of 32x32 pictures of the whole storybook."""

from __future__ import annotations

from dataclasses import replace

from t2ilab.device import DeviceManager
from t2ilab.recipes import cascade_shapes_32
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = replace(
    cascade_shapes_32.NUMBERS,
    name="cascade-storybook-32",
    level="storybook",
    told="language-storybook",
    steps=5_000,
    whole=1_500,
    unet=replace(cascade_shapes_32.NUMBERS.unet, block_out_channels=(24, 40), cross_attention_dim=96),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "Scenes of the storybook, drawn as it trains, beside the same shrunk to 16x16 with noise of every level; a "
    "quarter of captions Japanese, from step 1,500 on a fifth partial."
)
LIMITS = "Up to three things a picture, only the words of this world; some pairs, of things and of colours, unseen."


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
