"""A conditional GAN: a painter that is told what to paint, and a judge that is told what was asked.

Goodfellow et al. 2014, "Generative Adversarial Nets", with the condition of Mirza & Osindero 2014 and the convolutions
of Radford et al. 2016. The judge hears the condition late, where the picture is small, as in Reed et al. 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.gan.labels import OneHot

SLOPE = 0.2  # of every leaky ReLU


@dataclass(frozen=True)
class ConditionalConfig(Config):
    """What a conditional GAN looks like.

    Args:
        values: how many values each label of a picture has; by default those of the `shapes` level.
        latent_dim: width of the noise.
        width: channels of the finest maps; twice as many at half the size.
        size: of the pictures, in pixels a side: 8, 16, 32 or 64.

    Raises:
        ValueError: counts below 1, no label, or another size.
    """

    what: ClassVar[str] = "A conditional GAN"

    values: tuple[int, ...] = (8, 8, 2, 9, 2)
    latent_dim: int = 32
    width: int = 32
    size: int = 32

    def __post_init__(self) -> None:
        self.check_numbers()
        if self.size not in (8, 16, 32, 64) or not self.values:
            raise ValueError(
                f"A conditional GAN needs labels, and a size of 8, 16, 32 or 64; got {self.values} and {self.size}."
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels at 4 pixels a side, at 8 and so on, up to half of the size."""
        levels = self.size.bit_length() - 3
        return tuple(self.width * 2**level for level in reversed(range(levels)))


class ConditionalGenerator(nn.Module):
    """Noise and labels into a picture: a linear layer to 4x4, then twice the size each time."""

    configuration: ClassVar[type[ConditionalConfig]] = ConditionalConfig

    def __init__(self, config: ConditionalConfig):
        super().__init__()
        self.config = config
        widths = config.widths
        self.labels = OneHot(config.values)
        self.linear = nn.Linear(config.latent_dim + sum(config.values), 16 * widths[0], bias=False)
        self.norm_in = nn.BatchNorm2d(widths[0])
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1, bias=False)
            for before, after in zip(widths, (*widths[1:], widths[-1]), strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (*widths[1:], widths[-1]))
        self.conv_out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z (B, latent_dim), standard normal, and labels int64 (B, L) -> pictures (B, 3, size, size) in [-1, 1]."""
        told = torch.cat([z, self.labels(labels).to(z)], dim=1)  # (B, latent_dim + sum(values))
        h = self.linear(told).unflatten(1, (-1, 4, 4))  # (B, C, 4, 4)
        h = F.relu(self.norm_in(h))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = F.interpolate(h, scale_factor=2, mode="nearest")  # (B, C, 2H, 2W)
            h = F.relu(norm(conv(h)))
        return self.conv_out(h).tanh()


class ConditionalDiscriminator(nn.Module):
    """A picture and labels into one logit: is it a real picture of what was asked?"""

    def __init__(self, config: ConditionalConfig):
        super().__init__()
        self.config = config
        widths = (3, *reversed(config.widths))
        self.labels = OneHot(config.values)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in pairwise(widths)
        )
        last = widths[-1]
        self.join = nn.Conv2d(last + sum(config.values), last, 1)
        self.hidden = nn.Linear(16 * last, last)
        self.logit = nn.Linear(last, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Pictures (B, 3, size, size) in [-1, 1] and labels int64 (B, L) -> logits (B,), above 0 for real."""
        h = images
        for conv in self.convs:
            h = F.leaky_relu(conv(h), SLOPE)  # (B, C, H/2, W/2), in the end (B, C, 4, 4)
        asked = self.labels(labels).to(h)[:, :, None, None].expand(-1, -1, 4, 4)  # (B, sum(values), 4, 4)
        h = F.leaky_relu(self.join(torch.cat([h, asked], dim=1)), SLOPE)  # (B, C, 4, 4)
        h = F.leaky_relu(self.hidden(h.flatten(1)), SLOPE)  # (B, C)
        return self.logit(h)[:, 0]
