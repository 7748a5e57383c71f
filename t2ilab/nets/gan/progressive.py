"""A GAN that grows: first small pictures, then larger ones, each size faded in (Karras et al. 2018).

"Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2017 as a preprint).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config

SLOPE = 0.2  # of every leaky ReLU


@dataclass(frozen=True)
class ProgressiveConfig(Config):
    """What a growing GAN looks like.

    Args:
        latent_dim: width of the noise.
        widths: channels of each stage: the first draws 8x8 pixels, each next one twice as many a side.

    Raises:
        ValueError: counts below 1, or no stage.
    """

    what: ClassVar[str] = "A growing GAN"

    latent_dim: int = 64
    widths: tuple[int, ...] = (64, 64, 32)

    def __post_init__(self) -> None:
        self.check_numbers()
        if not self.widths:
            raise ValueError("A growing GAN has at least one stage; got widths=().")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The side of each stage's pictures, in pixels."""
        return tuple(8 * 2**stage for stage in range(len(self.widths)))


def check_stage(stages: int, stage: int, alpha: float) -> int:
    """The number of a stage, of which -1 is the last. Raises ValueError for one that there is not, or a share outside
    of [0, 1]."""
    number = stages - 1 if stage == -1 else stage
    if not 0 <= number < stages or not 0 <= alpha <= 1:
        raise ValueError(f"There are stages 0 to {stages - 1}, each with an alpha in [0, 1]; got {stage} and {alpha}.")
    return number


class EqualisedLinear(nn.Module):
    """A linear layer whose weights are trained at unit variance and scaled as it runs (section 4.1).

    So all weights learn at the same speed, however many inputs a layer has.

    Args:
        in_features, out_features: widths.
        gain: by which the output is larger than with unit variance; the root of two makes up for a ReLU.
        rate: learns so many times faster; below 1 slower.
    """

    def __init__(self, in_features: int, out_features: int, gain: float = math.sqrt(2), rate: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / rate)
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.scale, self.rate = gain * rate / math.sqrt(in_features), rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_features) -> (B, out_features)."""
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualisedConv2d(nn.Module):
    """The same of a convolution that keeps height and width."""

    def __init__(self, in_channels: int, out_channels: int, size: int = 3, gain: float = math.sqrt(2)):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale, self.padding = gain / math.sqrt(in_channels * size**2), size // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W)."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


def pixel_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Brings the channels of each place to a mean square of 1 (section 4.2): (B, C, ...) -> (B, C, ...)."""
    return x * (x.square().mean(1, keepdim=True) + eps).rsqrt()


def minibatch_deviation(x: Tensor, eps: float = 1e-8) -> Tensor:
    """One more channel: by how much the pictures of the batch differ, one number everywhere (section 3).

    A judge that reads it sees a painter who always paints the same.

    Args:
        x: (B, C, H, W).

    Returns:
        (B, C + 1, H, W).
    """
    deviation = (x.var(0, unbiased=False) + eps).sqrt().mean()
    return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], dim=1)


def fade_in(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    """From a small picture to one of twice the size (figure 2): all of `low` at alpha 0, all of `high` at 1.

    Args:
        low: (B, C, H, W); each pixel becomes four.
        high: (B, C, 2H, 2W).
        alpha: in [0, 1].
    """
    return torch.lerp(F.interpolate(low, scale_factor=2, mode="nearest"), high, alpha)


class Grow(nn.Module):
    """Twice the size, then two convolutions, with pixel norms."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = EqualisedConv2d(in_channels, out_channels)
        self.conv2 = EqualisedConv2d(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', 2H, 2W)."""
        h = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, C, 2H, 2W)
        h = pixel_norm(F.leaky_relu(self.conv1(h), SLOPE))
        return pixel_norm(F.leaky_relu(self.conv2(h), SLOPE))


class Shrink(nn.Module):
    """Two convolutions, then half the size."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = EqualisedConv2d(in_channels, in_channels)
        self.conv2 = EqualisedConv2d(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/2, W/2)."""
        h = F.leaky_relu(self.conv1(x), SLOPE)
        return F.avg_pool2d(F.leaky_relu(self.conv2(h), SLOPE), 2)


class ProgressiveGenerator(nn.Module):
    """Noise into a picture of the size that its stage draws."""

    configuration: ClassVar[type[ProgressiveConfig]] = ProgressiveConfig

    def __init__(self, config: ProgressiveConfig):
        super().__init__()
        self.config = config
        first = config.widths[0]
        self.linear = EqualisedLinear(config.latent_dim, 16 * first)
        self.blocks = nn.ModuleList(
            Grow(before, after) for before, after in zip((first, *config.widths), config.widths, strict=False)
        )
        self.to_rgb = nn.ModuleList(EqualisedConv2d(width, 3, 1, gain=1.0) for width in config.widths)

    def forward(self, z: Tensor, stage: int = -1, alpha: float = 1.0) -> Tensor:
        """Noise into pictures, not clipped: as in the paper, the last layer is linear.

        Args:
            z: (B, latent_dim), standard normal.
            stage: from 0; -1 is the last.
            alpha: the share of the stage's own picture; the rest is that of the stage before, enlarged.

        Returns:
            (B, 3, size, size) of the stage's size, about in [-1, 1].

        Raises:
            ValueError: a stage that there is not, or a share outside of [0, 1].
        """
        stage = check_stage(len(self.blocks), stage, alpha)
        h = F.leaky_relu(self.linear(pixel_norm(z)), SLOPE)
        h = pixel_norm(h.unflatten(1, (-1, 4, 4)))  # (B, C, 4, 4)
        before = h
        for block in self.blocks[: stage + 1]:
            before, h = h, block(h)  # (B, C', 2H, 2W)
        picture = self.to_rgb[stage](h)
        if stage and alpha < 1:
            picture = fade_in(self.to_rgb[stage - 1](before), picture, alpha)
        return picture


class ProgressiveDiscriminator(nn.Module):
    """A picture of any stage's size into one logit, by the way back."""

    def __init__(self, config: ProgressiveConfig):
        super().__init__()
        self.config = config
        first = config.widths[0]
        self.from_rgb = nn.ModuleList(EqualisedConv2d(3, width, 1) for width in config.widths)
        self.blocks = nn.ModuleList(
            Shrink(width, below) for width, below in zip(config.widths, (first, *config.widths), strict=False)
        )
        self.conv = EqualisedConv2d(first + 1, first)
        self.hidden = EqualisedLinear(16 * first, first)
        self.logit = EqualisedLinear(first, 1, gain=1.0)

    def forward(self, images: Tensor, stage: int = -1, alpha: float = 1.0) -> Tensor:
        """Pictures into logits.

        Args:
            images: (B, 3, size, size) of the stage's size.
            stage, alpha: as the generator has them; what fades in there fades in here.

        Returns:
            (B,), above 0 for real.

        Raises:
            ValueError: a stage that there is not, a share outside of [0, 1], or pictures of another size.
        """
        stage = check_stage(len(self.blocks), stage, alpha)
        size = self.config.sizes[stage]
        if images.shape[1:] != (3, size, size):
            raise ValueError(f"Stage {stage} judges pictures (B, 3, {size}, {size}); got {tuple(images.shape)}.")
        h = self.blocks[stage](F.leaky_relu(self.from_rgb[stage](images), SLOPE))  # (B, C, H/2, W/2)
        if stage and alpha < 1:
            small = F.leaky_relu(self.from_rgb[stage - 1](F.avg_pool2d(images, 2)), SLOPE)
            h = torch.lerp(small, h, alpha)
        for below in reversed(range(stage)):
            h = self.blocks[below](h)  # in the end (B, C, 4, 4)
        h = F.leaky_relu(self.conv(minibatch_deviation(h)), SLOPE)
        h = F.leaky_relu(self.hidden(h.flatten(1)), SLOPE)  # (B, C)
        return self.logit(h)[:, 0]
