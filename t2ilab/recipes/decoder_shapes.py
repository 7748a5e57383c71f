"""`decoder-shapes`: an unCLIP decoder, from image embeddings to 32x32 pictures of the `shapes` level."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = Numbers(
    name="decoder-shapes",
    level="shapes",
    size=32,
    told="clip-storybook",
    steps=4_000,
    batch=32,
    japanese=0.0,
    unet=UNetConfig(
        block_out_channels=(32, 32, 64),
        attention=(False, False, True),
        cross_attention_dim=64,
        patch_size=2,
        ff_multiple=2,
        image_embed_dim=128,
        positions=True,
        scale_shift=True,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Scenes of the shapes level, drawn as it trains, and what clip-storybook sees in them; a tenth without."
LIMITS = (
    "Only pictures of the shapes level, told by embeddings of clip-storybook; eight pairs of thing and colour unseen."
)


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
