"""`upsampler-shapes`: an unCLIP's upsampler, 32x32 pictures of the `shapes` level into 64x64."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = Numbers(
    name="upsampler-shapes",
    level="shapes",
    size=64,
    from_size=32,
    told="clip-storybook",
    steps=1_000,
    whole=500,
    batch=16,
    japanese=0.0,
    unet=UNetConfig(
        in_channels=6,
        block_out_channels=(24, 32, 48),
        attention=(False, False, True),
        cross_attention_dim=64,
        patch_size=2,
        ff_multiple=2,
        image_embed_dim=128,
        scale_shift=True,
        class_timesteps=True,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Scenes of the shapes level, drawn as it trains, beside the same shrunk to 32x32 with noise of every level."
LIMITS = (
    "Only pictures of the shapes level, told by embeddings of clip-storybook; eight pairs of thing and colour unseen."
)


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
