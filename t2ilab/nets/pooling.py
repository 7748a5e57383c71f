"""The words in one vector: attention over the tokens, for a network that tells them to every block at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AttentionPooling(nn.Module):
    """The tokens' mean, and a learnt vector besides, asks all of them and itself (as in DeepFloyd's IF, 2023).

    Args:
        dim: width of the tokens. heads: dim must be a multiple of it.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(1, dim) / dim**0.5)
        self.q_proj = nn.Linear(dim, dim)
        self.k_proj = nn.Linear(dim, dim)
        self.v_proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, dim) -> (B, dim)."""
        asking = tokens.mean(dim=1, keepdim=True) + self.positional_embedding  # (B, 1, dim)
        tokens = torch.cat([asking, tokens], dim=1)  # (B, 1 + L, dim)
        q, k, v = (
            split.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, 1 or 1 + L, dim / heads)
            for split in (self.q_proj(asking), self.k_proj(tokens), self.v_proj(tokens))
        )
        return F.scaled_dot_product_attention(q, k, v).flatten(1)  # (B, dim)


class TextPooling(nn.Module):
    """Pooled words as wide as the time embedding, to be added to it.

    Args:
        dim: width of the tokens. out_dim: of the time embedding. heads: dim must be a multiple of it.
    """

    def __init__(self, dim: int, out_dim: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.pool = AttentionPooling(dim, heads)
        self.proj = nn.Linear(dim, out_dim)
        self.norm2 = nn.LayerNorm(out_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, dim) -> (B, out_dim)."""
        return self.norm2(self.proj(self.pool(self.norm1(tokens))))
