"""`storybook-pixel`: text to 32x32 pictures of the whole storybook, trained from nothing on two CPU cores."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.drawn import storybook_scores
from t2ilab.recipes.text_to_image import Model, Numbers, TextToImageRecipe

NUMBERS = Numbers(
    name="storybook-pixel",
    level="storybook",
    steps=18_000,
    batch=32,
    learning_rate=3e-3,
    warmup=200,
    whole=6_000,
    partial=0.4,
    japanese=0.4,
    context_length=32,
    unet=UNetConfig(
        block_out_channels=(48, 64, 96),
        attention=(False, True, True),
        cross_attention_dim=96,
        patch_size=2,
        ff_multiple=2,
        pooled_context=True,
        positions=True,
        scale_shift=True,
    ),
    two_colors=0.9,
    usual=0.15,
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "Scenes of the storybook, drawn as it trains, with second colours half as often again as where it is measured, and "
    "usual colours less than half as often; two in five captions Japanese, and two in five partial, from step 6,000 on "
    "or, with a start that knows the words, at once."
)
LIMITS = "Up to three things a picture, 32x32 pixels, and only the words of this world; some pairs unseen."


class Recipe(TextToImageRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def measure(self, model: Model, count: int = 512) -> dict[str, float]:
        """As `storybook_scores` has it."""
        return storybook_scores(self.pipeline(model), count, self.seed)
