"""`cascade-shapes-32`: a cascade's second stage, 16x16 pictures of the `shapes` level into 32x32."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = Numbers(
    name="cascade-shapes-32",
    level="shapes",
    size=32,
    from_size=16,
    told="language-shapes",
    steps=3_000,
    whole=500,
    batch=32,
    # Most of its weights are where maps are small, which is what makes a U-Net of Imagen's efficient.
    unet=UNetConfig(
        in_channels=6,
        block_out_channels=(32, 48),
        attention=(False, True),
        cross_attention_dim=64,
        text_pooling_heads=4,  # so that it hears at once what the small picture leaves open
        patch_size=2,
        ff_multiple=2,
        scale_shift=True,
        class_timesteps=True,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "Scenes of the shapes level, drawn as it trains, beside the same shrunk to 16x16 with noise of every level; "
    "a quarter of captions Japanese, from step 500 a fifth partial."
)
LIMITS = "One shape a picture, and only the words of this world; eight pairs of thing and colour unseen."


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
