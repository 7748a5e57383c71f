"""What the recipes of the GANs that grow share: which size is trained when, and the world's pictures of that size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from t2ilab.device import DeviceManager
from t2ilab.nets.gan.progressive import fade_in
from t2ilab.recipes.adversarial import AdversarialRecipe, Numbers

FADING = 0.3  # share of each stage's steps but the first's


class GrowingRecipe(AdversarialRecipe):
    """Painter and judge that grow together (Karras et al. 2018); a recipe adds networks and losses.

    Args:
        device, seed, numbers: as for all GANs.
        sizes: of the pictures, in pixels a side, one for each stage.
    """

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers, sizes: tuple[int, ...]):
        self.sizes = sizes
        super().__init__(device, seed, numbers, sizes[-1])

    def stage(self, step: int) -> tuple[int, float]:
        """Which stage the step-th update is of, and the share of its own picture: each stage has twice the steps of
        the one before, and fades in over the first of them."""
        stages = len(self.sizes)
        first = self.steps / (2**stages - 1)
        stage = min(stages - 1, int(step / first + 1).bit_length() - 1)  # floor of log2
        begun = first * (2**stage - 1)
        alpha = (step - begun) / (FADING * first * 2**stage) if stage else 1.0
        return stage, min(1.0, alpha)

    def real(self, step: int) -> Tensor:
        """The step-th batch at the size of its stage, faded as the painter's pictures are."""
        stage, alpha = self.stage(step)
        images = at(self.batch(step)["image"], self.sizes[stage])
        return fade_in(F.avg_pool2d(images, 2), images, alpha) if alpha < 1 else images


def at(images: Tensor, size: int) -> Tensor:
    """Pictures (B, 3, H, W) as (B, 3, size, size), each pixel the mean of those that it stands for."""
    return F.avg_pool2d(images, images.shape[-1] // size)
