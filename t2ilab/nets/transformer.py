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

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """x (B, L, width), mask (B, L) or None: where it is False, a token is seen by none -> (B, L, width).

        With `at`, int64 (B,), only the token at that place looks: -> (B, 1, width), what stands there otherwise.
        """
        asking = x if at is None else one_of(x, at)
        q, k, v = (
            proj(of).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, L, width / heads)
            for proj, of in ((self.q_proj, asking), (self.k_proj, x), (self.v_proj, x))
        )
        if mask is None and at is None:
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            places = torch.arange(x.shape[1], device=x.device)
            seen = torch.ones_like(x[..., 0], dtype=torch.bool) if mask is None else mask.bool()
            seen = seen[:, None]  # (B, 1, L): who looks, at whom
            if self.causal:
                seen = seen & (places <= (places if at is None else at[:, None])[..., None])
            attended = F.scaled_dot_product_attention(q, k, v, seen[:, None])  # (B, heads, L, width / heads)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


def one_of(x: Tensor, at: Tensor) -> Tensor:
    """Of tokens (B, L, width) the one at each row's place, int64 (B,) -> (B, 1, width)."""
    return x[torch.arange(len(x), device=x.device), at][:, None]


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
        return self.fc2(F.silu(1.702 * h) / 1.702 if self.quick_gelu else F.gelu(h))  # silu(x) = x sigmoid(x)


class Layer(nn.Module):
    """Attention, then the MLP, each on a normalised copy and added back."""

    def __init__(self, width: int, heads: int, quick_gelu: bool, causal: bool):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = SelfAttention(width, heads, causal)
        self.layer_norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, 4 * width, quick_gelu)

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """(B, L, width) -> (B, L, width), or (B, 1, width) for the token at one place of each row."""
        attended = self.self_attn(self.layer_norm1(x), mask, at)
        x = (x if at is None else one_of(x, at)) + attended
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

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """x (B, L, width), mask (B, L) or None -> (B, L, width).

        With `at`, int64 (B,), the token at that place alone, (B, 1, width): whoever needs one token of a row spares
        most of the last layer.
        """
        *before, last = self.layers
        for layer in before:
            x = layer(x, mask)
        return last(x, mask, at)
