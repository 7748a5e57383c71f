"""CLIP's tower of pictures: a vision transformer (Dosovitskiy et al. 2021; Radford et al. 2021, section 2.4).

The picture is cut into patches; each becomes a token, one more token stands for the whole, and they look at each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.transformer import Transformer


@dataclass(frozen=True)
class VisionConfig(Config):
    """What a vision transformer looks like.

    Args:
        image_size, patch_size: pixels a side; the first a multiple of the second.
        width, layers, heads: of its transformer.
        in_channels: of the pictures.
        quick_gelu: whether the MLPs use OpenAI's quick GELU, or the exact one.

    Raises:
        ValueError: a picture that patches do not fill, or a width that is no multiple of heads.
    """

    what: ClassVar[str] = "A vision encoder"

    image_size: int = 32
    patch_size: int = 4
    width: int = 128
    layers: int = 4
    heads: int = 4
    in_channels: int = 3
    quick_gelu: bool = True

    def __post_init__(self) -> None:
        self.check_numbers()
        if self.image_size % self.patch_size:
            raise ValueError(
                f"Patches must fill the picture, so image_size is a multiple of patch_size={self.patch_size}; got "
                f"{self.image_size}."
            )
        if self.width % self.heads:
            raise ValueError(f"A vision encoder's width must be a multiple of heads={self.heads}; got {self.width}.")


class Patches(nn.Module):
    """A vector for each patch and one for the whole picture, each plus a vector for its place."""

    def __init__(self, config: VisionConfig):
        super().__init__()
        count = (config.image_size // config.patch_size) ** 2
        self.class_embedding = nn.Parameter(torch.randn(config.width) * config.width**-0.5)
        self.patch_embedding = nn.Conv2d(
            config.in_channels, config.width, config.patch_size, stride=config.patch_size, bias=False
        )
        self.position_embedding = nn.Embedding(count + 1, config.width)
        nn.init.normal_(self.position_embedding.weight, std=config.width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) -> (B, 1 + patches, width)."""
        patches = self.patch_embedding(x).flatten(2).transpose(1, 2)  # (B, patches, width)
        whole = self.class_embedding.expand(len(x), 1, -1)  # (B, 1, width)
        return torch.cat([whole, patches], dim=1) + self.position_embedding.weight


class VisionEncoder(nn.Module):
    """Pictures -> tokens, the first of which stands for the whole.

    `pre_layrnorm` is spelt as in the published checkpoints.
    """

    def __init__(self, config: VisionConfig):
        super().__init__()
        self.config = config
        self.embeddings = Patches(config)
        self.pre_layrnorm = nn.LayerNorm(config.width)
        self.encoder = Transformer(config.width, config.layers, config.heads, config.quick_gelu, causal=False)
        self.post_layernorm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        """Pictures (B, in_channels, image_size, image_size) -> (B, 1 + patches, width), before the last norm; with
        `at`, int64 (B,), the token at that place of each row alone, (B, 1, width).

        Raises:
            ValueError: pictures of another size or number of channels.
        """
        size, channels = self.config.image_size, self.config.in_channels
        if x.ndim != 4 or x.shape[1:] != (channels, size, size):
            raise ValueError(
                f"This vision encoder reads pictures (B, {channels}, {size}, {size}); got {tuple(x.shape)}. Resize "
                "them first."
            )
        return self.encoder(self.pre_layrnorm(self.embeddings(x)), at=at)

    def pooled(self, x: Tensor) -> Tensor:
        """The picture in one vector: its first token, normalised -> (B, width)."""
        return self.post_layernorm(self(x, torch.zeros(len(x), dtype=torch.int64, device=x.device))[:, 0])
