"""`vae-storybook-decoder`: the decoder of `vae-storybook` trained on alone, its encoder as it is.

Whatever was trained in its latents draws better pictures and need not be trained again. So Stability AI went on with
Stable Diffusion's autoencoder, says the card of `stabilityai/sd-vae-ft-mse`.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from t2ilab.device import DeviceManager
from t2ilab.nets.vae import VAE
from t2ilab.recipes import vae_storybook
from t2ilab.recipes.autoencoder import AutoencoderRecipe, Numbers, open_vae

NUMBERS = replace(vae_storybook.NUMBERS, name="vae-storybook-decoder", steps=10_000, batch=16, learning_rate=2e-3)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA, LIMITS = vae_storybook.DATA, vae_storybook.LIMITS


class Recipe(AutoencoderRecipe):
    """The numbers, and what is left as it is."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS, start: str = "vae-storybook"):
        super().__init__(device, seed, numbers)
        theirs = open_vae(start, device)
        self.model.load_state_dict(theirs.state_dict())
        self.model.config = theirs.config
        for part in (self.model.encoder, self.model.quant_conv):
            part.requires_grad_(False)

    def start_from(self, start: str) -> None:
        """Takes over a decoder. Raises ValueError for one of other widths, or whose encoder is another."""
        ours = {name: tensor.clone() for name, tensor in self.model.encoder.state_dict().items()}
        super().start_from(start)
        if any(not torch.equal(tensor, ours[name]) for name, tensor in self.model.encoder.state_dict().items()):
            raise ValueError(
                f"{start} has another encoder than vae-storybook, so its decoder reads other latents and cannot be its "
                f"start. Give a folder that `t2ilab train {NAME}` wrote."
            )

    def scaling_factor(self, model: VAE, count: int = 512) -> float:
        """The old one, as the latents are the old ones."""
        return self.model.config.scaling_factor
