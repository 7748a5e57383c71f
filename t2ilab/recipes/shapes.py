"""`shapes`: text to 64x64 pictures of the `shapes` level by latent diffusion, trained from nothing on two CPU cores."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.drawn import shapes_scores
from t2ilab.recipes.text_to_image import Model, Numbers, TextToImageRecipe

NUMBERS = Numbers(
    name="shapes",
    level="shapes",
    steps=4_000,
    batch=32,
    learning_rate=3e-3,
    warmup=200,
    whole=2_000,
    partial=0.2,
    japanese=0.25,
    context_length=24,
    unet=UNetConfig(
        in_channels=4,
        out_channels=4,
        block_out_channels=(48, 64),
        attention=(False, True),
        cross_attention_dim=64,
        text_pooling_heads=4,
        scale_shift=True,
    ),
    size=64,
    prediction_type="v_prediction",
    vae="vae-shapes",
    cached=500,
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "16,000 scenes of the shapes level as latents of vae-shapes, in new words each time they are met; a quarter of "
    "captions Japanese, from step 2,000 a fifth partial."
)
LIMITS = "One shape a picture, 64x64 pixels, and only the words of this world; eight pairs of thing and colour unseen."


class Recipe(TextToImageRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def measure(self, model: Model, count: int = 512) -> dict[str, float]:
        """As `shapes_scores` has it."""
        return shapes_scores(self.pipeline(model), count, self.seed)
