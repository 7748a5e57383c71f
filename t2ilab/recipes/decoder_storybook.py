"""`decoder-storybook`: an unCLIP decoder, from image embeddings to 32x32 pictures of the whole storybook."""

from __future__ import annotations

from dataclasses import replace

from t2ilab.device import DeviceManager
from t2ilab.recipes import decoder_shapes
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = replace(
    decoder_shapes.NUMBERS,
    name="decoder-storybook",
    level="storybook",
    steps=14_000,
    two_colors=0.9,
    usual=0.15,
    cached=2_000,
    unet=replace(decoder_shapes.NUMBERS.unet, block_out_channels=(40, 56, 80), attention=(False, True, True)),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "64,000 scenes of the storybook and what clip-storybook sees in them, a tenth without; second colours half as "
    "often again as where it is measured, and usual colours less than half as often."
)
LIMITS = "Only pictures of the storybook, told by embeddings of clip-storybook; some pairs of thing and colour unseen."


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
