"""A small network that looks at a picture and says what is in it: the measuring instrument of this course."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class Reader(nn.Module):
    """Pictures -> one row of logits for each attribute, and one number for "there is something to read".

    Args:
        values: attribute -> the values that it can have, in the order of the logits.
        width: channels of the first level; each of the four levels halves the picture.
        size: the side that pictures are brought to, at least 16.

    Raises:
        ValueError: a size below 16, of which four halvings would leave nothing.
    """

    def __init__(self, values: dict[str, list[str]], width: int = 32, size: int = 32):
        super().__init__()
        if size < 16:
            raise ValueError(f"A reader halves its pictures four times, so size must be at least 16; got {size}.")
        self.values, self.width, self.size = values, width, size
        widths = [3, width, 2 * width, 3 * width, 4 * width]
        self.convs = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(widths)])
        self.norms = nn.ModuleList([nn.GroupNorm(8, w) for w in widths[1:]])
        features = widths[-1] * (size // 16) ** 2
        self.hidden = nn.Linear(features, 4 * width)
        self.heads = nn.ModuleDict({name: nn.Linear(4 * width, len(names)) for name, names in values.items()})
        self.recognised = nn.Linear(4 * width, 1)

    def to_dict(self) -> dict[str, Any]:
        """The arguments that make this layout again."""
        return {"values": self.values, "width": self.width, "size": self.size}

    def forward(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """images (B, 3, H, W) in [-1, 1] -> ({attribute: logits (B, values)}, logit of "recognised" (B,))."""
        x = images
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.max_pool2d(F.silu(norm(conv(x))), 2)  # (B, C, size / 2, size / 2), and so on down to size / 16
        h = F.silu(self.hidden(x.flatten(1)))  # (B, 4 * width)
        return {name: head(h) for name, head in self.heads.items()}, self.recognised(h)[:, 0]
