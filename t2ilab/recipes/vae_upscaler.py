"""`vae-upscaler`: 64x64 pictures of the storybook to 16x16 latents and back, at an upscaler's factor of 4."""

from __future__ import annotations

from t2ilab.device import DeviceManager
from t2ilab.nets.vae import VAEConfig
from t2ilab.recipes.autoencoder import AutoencoderRecipe, Numbers

NUMBERS = Numbers(
    name="vae-upscaler",
    level="storybook",
    steps=6_000,
    batch=8,
    learning_rate=4e-3,
    warmup=30,
    vae=VAEConfig(block_out_channels=(8, 24, 48), norm_num_groups=2),
    kl_weight=4e-9,
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Scenes of the storybook, drawn as it trains; no captions."
LIMITS = "64x64 pictures of this world: it has seen nothing else. Other sizes are multiples of 4."


class Recipe(AutoencoderRecipe):
    """The numbers."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)
