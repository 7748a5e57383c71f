"""A small network that looks at a picture and says what is in it and where: the measuring instrument of this course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Logits:
    """What the reader says of a batch of pictures, before anything is decided.

    Attributes:
        center: (B, G, G): is the middle of a thing in this cell?
        things: attribute -> (B, values, G, G): what the thing in the middle of this cell is like.
        whole: attribute -> (B, values): what the picture as a whole is like.
        recognised: (B,): is there anything to read?
    """

    center: Tensor
    things: dict[str, Tensor]
    whole: dict[str, Tensor]
    recognised: Tensor


class Block(nn.Module):
    """A convolution and a norm, added to what came in where the channels allow it."""

    def __init__(self, channels: int, out_channels: int, dilation: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.GroupNorm(8, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) -> (B, C', H, W)."""
        y = F.silu(self.norm(self.conv(x)))
        return x + y if x.shape == y.shape else y


class Reader(nn.Module):
    """Pictures -> for each cell of a grid whether a thing has its middle there and what it is like.

    In the manner of Zhou et al. 2019, "Objects as Points": a thing is found by its middle and read off there.

    Args:
        things: attribute of a thing -> the values that it can have, in the order of the logits.
        whole: the same for the picture as a whole.
        width: channels at full size; twice as many at half of it, four times at a quarter.
        size: the side that pictures are brought to.
        fold: so many pixels a side become the channels of one, so that a picture twice as fine costs little more. What
            is left of `size` must be a multiple of 4 and at least 16. The grid has half of it.

    Raises:
        ValueError: another size.
    """

    def __init__(
        self, things: dict[str, list[str]], whole: dict[str, list[str]], width: int = 32, size: int = 32, fold: int = 1
    ):
        super().__init__()
        if fold < 1 or size < 16 * fold or size % (4 * fold):
            raise ValueError(
                f"A reader's size must be a multiple of 4 and at least 16, times its fold; got {size}, fold {fold}."
            )
        self.things, self.whole, self.width, self.size, self.fold = things, whole, width, size, fold
        w = width
        self.fine = nn.Sequential(Block(3 * fold**2, w), Block(w, w))
        self.at_half = nn.Sequential(Block(w, 2 * w), Block(2 * w, 2 * w))
        self.at_quarter = nn.Sequential(Block(2 * w, 4 * w), Block(4 * w, 4 * w, 2), Block(4 * w, 4 * w, 3))
        self.joined = nn.Sequential(Block(6 * w, 3 * w), Block(3 * w, 3 * w))
        self.center = nn.Conv2d(3 * w, 1, 1)
        self.thing_heads = nn.ModuleDict({name: nn.Conv2d(3 * w, len(v), 1) for name, v in things.items()})
        self.whole_heads = nn.ModuleDict({name: nn.Linear(8 * w, len(v)) for name, v in whole.items()})
        self.recognised = nn.Linear(8 * w, 1)

    def to_dict(self) -> dict[str, Any]:
        """The arguments that make this layout again."""
        names = ("things", "whole", "width", "size", "fold")
        return {name: getattr(self, name) for name in names}

    def forward(self, images: Tensor) -> Logits:
        """images (B, 3, H, W) in [-1, 1] -> Logits on a grid of G = size / fold / 2 cells a side."""
        half, quarter = self._maps(images)
        up = F.interpolate(quarter, scale_factor=2, mode="nearest")  # (B, 4w, G, G)
        features = self.joined(torch.cat([half, up], dim=1))  # (B, 3w, G, G)
        seen = self._pooled(quarter)
        return Logits(
            center=self.center(features)[:, 0],
            things={name: head(features) for name, head in self.thing_heads.items()},
            whole={name: head(seen) for name, head in self.whole_heads.items()},
            recognised=self.recognised(seen)[:, 0],
        )

    def features(self, images: Tensor) -> Tensor:
        """images (B, 3, H, W) in [-1, 1] -> (B, 8w), what is seen in each as a whole, to compare pictures by."""
        return self._pooled(self._maps(images)[1])

    def _maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen at half of the size (B, 2w, G, G) and at a quarter (B, 4w, G/2, G/2)."""
        x = images
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        x = F.pixel_unshuffle(x, self.fold)  # (B, 3 * fold ** 2, size / fold, size / fold)
        half = self.at_half(F.max_pool2d(self.fine(x), 2))
        return half, self.at_quarter(F.max_pool2d(half, 2))

    @staticmethod
    def _pooled(quarter: Tensor) -> Tensor:
        """The means and the maxima over all places: (B, 4w, G/2, G/2) -> (B, 8w)."""
        return torch.cat([quarter.mean(dim=(2, 3)), quarter.amax(dim=(2, 3))], dim=1)
