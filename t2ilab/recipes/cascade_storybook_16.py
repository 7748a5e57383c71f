"""`cascade-storybook-16`: a cascade's stage of 16x16 pictures of the whole storybook."""

from __future__ import annotations

from dataclasses import replace

from t2ilab.device import DeviceManager
from t2ilab.recipes import cascade_shapes_16
from t2ilab.recipes.stages import Numbers, StageRecipe

NUMBERS = replace(
    cascade_shapes_16.NUMBERS,
    name="cascade-storybook-16",
    level="storybook",
    told="language-storybook",
    steps=12_000,
    whole=4_000,
    two_colors=0.9,
    usual=0.15,
    cached=2_000,
    # Like the network of storybook-pixel, which learns beside its text encoder; here that is frozen.
    unet=replace(
        cascade_shapes_16.NUMBERS.unet,
        block_out_channels=(40, 56, 80),
        attention=(False, True, True),
        cross_attention_dim=96,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "64,000 scenes of the storybook shrunk to 16x16, in new words each time they are met, with second colours half as "
    "often again as where it is measured, and usual colours less than half as often; a quarter of captions Japanese, "
    "from a third of the steps on a fifth partial."
)
LIMITS = "Up to three things a picture, only the words of this world; some pairs, of things and of colours, unseen."


class Recipe(StageRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
