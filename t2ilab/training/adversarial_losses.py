"""What painter and judge are each asked for. Logits (B,), or a map (B, H, W) of patches, are high for real."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Cross-entropy of real against fake (Goodfellow et al. 2014, eq. 1, turned into a loss): 2 ln 2 for logits of 0.

    Args:
        real, fake: logits of real and of painted pictures.

    Returns:
        The sum of both means, in nats.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """The non-saturating loss, -log D(G(z)) (Goodfellow et al. 2014, section 3): steep where the judge is sure."""
    return F.softplus(-fake).mean()


def saturating_generator_loss(fake: Tensor) -> Tensor:
    """log(1 - D(G(z))), as eq. 1 has it: flat where the judge is sure, which is where a painter begins."""
    return -F.softplus(fake).mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Only what is not yet a unit on its own side counts (Lim & Ye 2017; the loss of Zhang et al. 2019)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator_loss(fake: Tensor) -> Tensor:
    """The painter's part of the hinge loss: higher logits, without end (Zhang et al. 2019)."""
    return -fake.mean()


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Real pictures are to get 1, painted ones 0 (Mao et al. 2017), halved as CycleGAN has it."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """Painted pictures are to get 1 (Zhu et al. 2017, section 4)."""
    return (fake - 1).square().mean()


def gradient_penalty(judge: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """How steep the judge is at real pictures: the mean squared length of its gradient (Mescheder et al. 2018, eq. 9).

    Half of it, times a weight, is the paper's R1.

    Args:
        judge: pictures (B, 3, H, W) -> logits.
        images: real ones.

    Returns:
        A scalar with a gradient for the judge's weights.
    """
    images = images.detach().requires_grad_()
    (slope,) = torch.autograd.grad(judge(images).sum(), images, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


def cycle_loss(x: Tensor, y: Tensor, g: Callable[[Tensor], Tensor], f: Callable[[Tensor], Tensor]) -> Tensor:
    """There and back again is to be where one was (Zhu et al. 2017, eq. 2), as means over all elements.

    Args:
        x, y: pictures of the two domains.
        g: from x's to y's. f: from y's to x's.
    """
    return (f(g(x)) - x).abs().mean() + (g(f(y)) - y).abs().mean()


def identity_loss(x: Tensor, y: Tensor, g: Callable[[Tensor], Tensor], f: Callable[[Tensor], Tensor]) -> Tensor:
    """What is in the right domain already is to stay as it is (the identity loss of Zhu et al. 2017): colours keep."""
    return (g(y) - y).abs().mean() + (f(x) - x).abs().mean()
