"""`upsampler-storybook`: an unCLIP's upsampler, 32x32 pictures of the whole storybook into 64x64."""

from __future__ import annotations

from dataclasses import replace

from t2ilab.device import DeviceManager
from t2ilab.recipes import upsampler_shapes
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = replace(
    upsampler_shapes.NUMBERS,
    name="upsampler-storybook",
    level="storybook",
    steps=2_500,
    # The paper's have no attention at all (section 2.1); here only the middle has.
    unet=replace(
        upsampler_shapes.NUMBERS.unet,
        block_out_channels=(16, 24, 32),
        attention=(False, False, False),
        cross_attention_dim=32,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Scenes of the storybook, drawn as it trains, beside the same shrunk to 32x32 with noise of every level."
LIMITS = "Only pictures of the storybook, told by embeddings of clip-storybook; some pairs of thing and colour unseen."


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
