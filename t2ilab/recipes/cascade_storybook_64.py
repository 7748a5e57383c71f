"""`cascade-storybook-64`: a cascade's stage of 64x64 pictures of the whole storybook."""

from __future__ import annotations

from dataclasses import replace

from t2ilab.device import DeviceManager
from t2ilab.recipes import cascade_shapes_64
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = replace(
    cascade_shapes_64.NUMBERS,
    name="cascade-storybook-64",
    level="storybook",
    told="language-storybook",
    steps=2_500,
    whole=1_000,
    # The words reach it pooled; at this size, only its middle looks for single ones.
    unet=replace(
        cascade_shapes_64.NUMBERS.unet,
        block_out_channels=(16, 24, 32),
        attention=(False, False, False),
        cross_attention_dim=96,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "Scenes of the storybook, drawn as it trains, beside the same shrunk to 32x32 with noise of every level; a "
    "quarter of captions Japanese, from step 1,000 on a fifth partial."
)
LIMITS = "Up to three things a picture, only the words of this world; some pairs, of things and of colours, unseen."


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
