"""`from-shards`: text to pictures by latent diffusion, a small U-Net trained from latents and embeddings in shards."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.recipes.sharded import Numbers, ShardedRecipe

NUMBERS = Numbers("from-shards", steps=18_000, batch=32, learning_rate=3e-3, warmup=200)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "The pairs of a folder of shards, in the same words each time that they are met; one caption in ten left empty."
LIMITS = "It knows what its shards show; autoencoder and text encoder are those that they were made with."


class Recipe(ShardedRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
