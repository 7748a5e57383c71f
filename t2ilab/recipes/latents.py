"""Latents of the world's pictures, made once: what a latent model trains on."""

from __future__ import annotations

import torch
from torch import Tensor

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.nets.vae import VAE


class Latents:
    """The latents of a world's batches, scaled to unit variance.

    Args:
        world, batch_size: as `World.batch` takes them.
        vae: draws no noise here: the mean of each latent is taken.
        cached: so many batches are encoded when the first is asked for, and kept in half precision (512 bytes for a
            picture in 8x8x4 numbers); 0 encodes each when it is asked for.
    """

    def __init__(self, world: World, vae: VAE, batch_size: int, cached: int, device: DeviceManager):
        self.world, self.vae, self.batch_size, self.cached, self.device = world, vae, batch_size, cached, device
        self.kept: list[Tensor] = []

    def __call__(self, index: int) -> Tensor:
        """The latents of the index-th batch (B, C, h, w), index below `cached` where that is not 0."""
        if not self.cached:
            return self._encoded(index)
        if not self.kept:
            self.kept = [self._encoded(i).half() for i in range(self.cached)]
        return self.kept[index].float()

    @torch.no_grad()
    def _encoded(self, index: int) -> Tensor:
        image = self.world.batch(index, self.batch_size, self.device.device)["image"]
        with self.device.autocast():
            mean, _ = self.vae.encode(image)
        return mean.float() * self.vae.config.scaling_factor
