"""`stable-diffusion-1`: the 859,520,964 weights of Stable Diffusion 1.5's U-Net, trained from nothing out of shards.

Batch, steps, learning rate and warmup are those of its model cards for 256x256, the first of its phases; the next go on
at 512x512 with --start. The optimizer is the course's, so the rate is a beginning. Nobody here has run it at its size:
docs/scaling.md has the sums, and a test takes two steps of it at a small width.
"""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.sharded import Numbers, ShardedRecipe

NUMBERS = Numbers(
    "stable-diffusion-1",
    steps=237_000,
    batch=2_048,
    learning_rate=1e-4,
    warmup=10_000,
    unet=UNetConfig.stable_diffusion_1(),
    lanes=256,  # one for each of the 256 GPUs of its cards; of fewer processes each holds more
    decay=0.9999,
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "The pairs of a folder of shards, made with the autoencoder and the text encoder of Stable Diffusion 1.5."
LIMITS = "It knows what its shards show; it has never been trained at its size here."


class Recipe(ShardedRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
