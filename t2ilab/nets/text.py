"""CLIP's text transformer: token ids in, one vector a token out (Radford et al. 2021, section 2.4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TextConfig:
    """What a text encoder looks like.

    Args:
        vocab_size: tokens it knows.
        context_length: tokens it reads; shorter texts are padded.
        width, layers, heads: of its transformer.
        quick_gelu: whether the MLPs use OpenAI's quick GELU, x sigmoid(1.702 x), or the exact one, as OpenCLIP's in
            Stable Diffusion 2.

    Raises:
        ValueError: a width that is no multiple of heads.
    """

    vocab_size: int
    context_length: int = 32
    width: int = 128
    layers: int = 2
    heads: int = 4
    quick_gelu: bool = True

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"A text encoder's width must be a multiple of heads={self.heads}; got {self.width}.")

    @classmethod
    def stable_diffusion_1(cls) -> TextConfig:
        """The text encoder of Stable Diffusion 1: that of CLIP ViT-L/14."""
        return cls(vocab_size=49408, context_length=77, width=768, layers=12, heads=12)

    @classmethod
    def stable_diffusion_2(cls) -> TextConfig:
        """The text encoder of Stable Diffusion 2: all but the last layer of OpenCLIP's ViT-H/14."""
        return cls(vocab_size=49408, context_length=77, width=1024, layers=23, heads=16, quick_gelu=False)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TextConfig:
        """Raises ValueError for a key that no text encoder has."""
        if extra := set(values) - set(cls.__dataclass_fields__):
            raise ValueError(
                f"A text encoder's configuration has no {sorted(extra)}; it has {sorted(cls.__dataclass_fields__)}."
            )
        return cls(**values)


class Embeddings(nn.Module):
    """A vector for each token plus a vector for each position."""

    def __init__(self, config: TextConfig):
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.position_embedding = nn.Embedding(config.context_length, config.width)
        # Larger than CLIP's 0.02: at this width and depth a token would drown in what the layers add to it.
        nn.init.normal_(self.token_embedding.weight, std=1.0)
        nn.init.normal_(self.position_embedding.weight, std=0.25)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, L) -> (B, L, width)."""
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class SelfAttention(nn.Module):
    """Attention in which each token sees itself and those before it."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        q, k, v = (
            proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, L, width / heads)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Four times wider and back, with a GELU, quick or exact."""

    def __init__(self, width: int, quick_gelu: bool = True):
        super().__init__()
        self.quick_gelu = quick_gelu
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h) if self.quick_gelu else F.gelu(h))


class Layer(nn.Module):
    """Attention, then the MLP, each on a normalised copy and added back."""

    def __init__(self, config: TextConfig):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.width)
        self.self_attn = SelfAttention(config.width, config.heads)
        self.layer_norm2 = nn.LayerNorm(config.width)
        self.mlp = MLP(config.width, config.quick_gelu)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    """The stack of layers; a class of its own because the published layout has it."""

    def __init__(self, config: TextConfig):
        super().__init__()
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.layers)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        for layer in self.layers:
            x = layer(x)
        return x


class TextEncoder(nn.Module):
    """Token ids -> tokens that a U-Net can attend to.

    Args:
        config: its layout.
    """

    def __init__(self, config: TextConfig):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.width)
        for name, layer in self.named_modules():
            if name.endswith(("out_proj", "fc2")) and isinstance(layer, nn.Linear):
                # A fresh layer whispers, so that each token still says its own word at the end of the stack.
                nn.init.normal_(layer.weight, std=0.1 * layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)

    def forward(self, ids: Tensor) -> Tensor:
        """int64 ids (B, L), L at most context_length -> (B, L, width). Raises ValueError for a longer text."""
        if ids.shape[-1] > self.config.context_length:
            raise ValueError(
                f"This text encoder reads at most {self.config.context_length} tokens; got {ids.shape[-1]}. "
                "Use the tokenizer that it was trained with, which cuts longer texts."
            )
        return self.final_layer_norm(self.encoder(self.embeddings(ids)))
