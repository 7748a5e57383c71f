"""The transformer of CLIP's two towers (Radford et al. 2021, section 2.4): of words, who look back, and of patches.

Names of parameters are those of the published checkpoints as transformers keeps them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Attention in which each token sees all others, or, where causal, itself and those before it."""

    def __init__(self, width: int, heads: int, causal: bool):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, L, width), mask (B, L) or None: where it is False, a token is seen by none -> (B, L, width)."""
        q, k, v = (
            proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, L, width / heads)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        if mask is None:
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            seen = mask.bool()[:, None, None]  # (B, 1, 1, L)
            if self.causal:
                seen = seen & torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
            attended = F.scaled_dot_product_attention(q, k, v, seen)  # (B, heads, L, width / heads)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Wider and back, with a GELU: OpenAI's quick one, x sigmoid(1.702 x), or the exact one."""

    def __init__(self, width: int, hidden: int, quick_gelu: bool):
        super().__init__()
        self.quick_gelu = quick_gelu
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h) if self.quick_gelu else F.gelu(h))


class Layer(nn.Module):
    """Attention, then the MLP, each on a normalised copy and added back."""

    def __init__(self, width: int, heads: int, quick_gelu: bool, causal: bool):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = SelfAttention(width, heads, causal)
        self.layer_norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, 4 * width, quick_gelu)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        x = x + self.self_attn(self.layer_norm1(x), mask)
        return x + self.mlp(self.layer_norm2(x))


class Transformer(nn.Module):
    """The stack of layers.

    A fresh layer whispers, so that each token still says its own at the end of the stack.
    """

    def __init__(self, width: int, layers: int, heads: int, quick_gelu: bool, causal: bool):
        super().__init__()
        self.layers = nn.ModuleList([Layer(width, heads, quick_gelu, causal) for _ in range(layers)])
        for name, layer in self.named_modules():
            if name.endswith(("out_proj", "fc2")) and isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.1 * layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, L, width), mask (B, L) or None -> (B, L, width)."""
        for layer in self.layers:
            x = layer(x, mask)
        return x
