"""`cascade-shapes-16`: a cascade's first stage, text to 16x16 pictures of the `shapes` level."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = Numbers(
    name="cascade-shapes-16",
    level="shapes",
    size=16,
    told="language-shapes",
    steps=4_000,
    batch=32,
    whole=2_000,
    # Like the network of shapes-pixel, which learns beside its text encoder; here that is frozen.
    unet=UNetConfig(
        block_out_channels=(32, 32, 64),
        attention=(False, False, True),
        cross_attention_dim=64,
        text_pooling_heads=4,
        ff_multiple=2,
        positions=True,
        scale_shift=True,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "Scenes of the shapes level, drawn as it trains and shrunk to 16x16; a quarter of captions Japanese, from "
    "step 2,000 a fifth partial."
)
LIMITS = "One shape a picture, and only the words of this world; eight pairs of thing and colour unseen."


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
