"""T5, the language model whose frozen encoder Imagen reads prompts with (Raffel et al. 2020; Saharia et al. 2022).

It has learnt from text alone: spans of a text are cut out, and the decoder says what stood there. Afterwards only the
encoder is kept. The layout and its names are those of the published T5 v1.1: norms without mean and bias, gated
feed-forward layers, distances in place of positions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config

BUCKETS, FARTHEST = 32, 128  # kinds of distances between tokens, and the one from which all are alike


@dataclass(frozen=True)
class T5Config(Config):
    """What a T5 looks like.

    Args:
        vocab_size: tokens it knows, those that stand for gaps among them.
        width: of its tokens. heads, head_dim: of its attentions; their product need not be the width.
        layers: of the encoder, and of the decoder.
        hidden: width of the feed-forward layers.
    """

    what: ClassVar[str] = "A T5"

    vocab_size: int
    width: int = 128
    layers: int = 2
    heads: int = 4
    head_dim: int = 32
    hidden: int = 256

    def __post_init__(self) -> None:
        self.check_numbers()

    @classmethod
    def v1_1_xxl(cls) -> T5Config:
        """T5 v1.1 XXL, with which Imagen and DeepFloyd's IF read: 4.8 billion parameters in its encoder."""
        return cls(32128, width=4096, layers=24, heads=64, head_dim=64, hidden=10240)


def distance_buckets(queries: int, keys: int, both_ways: bool, device: torch.device | str = "cpu") -> Tensor:
    """Which kind of distance lies between each pair of places: int64 (queries, keys), from 0 to 31.

    Near ones have a kind each, farther ones share one by their logarithm (Raffel et al. 2020, section 2.1). With
    `both_ways` half of the kinds are for what comes after; else all that comes after has the kind of distance 0.
    """
    distance = torch.arange(keys, device=device)[None] - torch.arange(queries, device=device)[:, None]
    count = BUCKETS // 2 if both_ways else BUCKETS
    after = (distance > 0).long() * count if both_ways else 0
    far = distance.abs() if both_ways else (-distance).clamp(min=0)
    exact = count // 2
    by_logarithm = (far.clamp(min=1) / exact).log() / math.log(FARTHEST / exact) * (count - exact)
    return after + torch.where(far < exact, far, (exact + by_logarithm.long()).clamp(max=count - 1))


class Attention(nn.Module):
    """Attention without scaling: T5 has that factor in its first weights."""

    def __init__(self, config: T5Config, distances: bool = False):
        super().__init__()
        self.heads, inner = config.heads, config.heads * config.head_dim
        self.q, self.k, self.v = (nn.Linear(config.width, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, config.width, bias=False)
        if distances:  # the first layer's, which all use
            self.relative_attention_bias = nn.Embedding(BUCKETS, config.heads)

    def forward(self, x: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """x (B, N, width), context (B, L, width), bias that fits (B, heads, N, L) -> (B, N, width)."""
        q, k, v = (
            one.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, N or L, head_dim)
            for one in (self.q(x), self.k(context), self.v(context))
        )
        attended = F.scaled_dot_product_attention(q, k, v, bias, scale=1.0)  # (B, heads, N, head_dim)
        return self.o(attended.transpose(1, 2).flatten(2))  # (B, N, width)


class Gated(nn.Module):
    """A feed-forward layer whose one half gates the other, with the GELU by tanh."""

    def __init__(self, config: T5Config):
        super().__init__()
        self.wi_0, self.wi_1 = (nn.Linear(config.width, config.hidden, bias=False) for _ in range(2))
        self.wo = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) -> (B, N, width)."""
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class Sublayer(nn.Module):
    """One of a block's layers with the norm before it, under the name that the published layout gives it."""

    def __init__(self, config: T5Config, name: str, layer: nn.Module):
        super().__init__()
        self.name = name
        self.add_module(name, layer)
        self.layer_norm = nn.RMSNorm(config.width, eps=1e-6)

    def forward(self, x: Tensor, bias: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """x (B, N, width) with what the layer says added; an attention has a bias, and may look at a context."""
        h, layer = self.layer_norm(x), getattr(self, self.name)
        return x + (layer(h) if bias is None else layer(h, h if context is None else context, bias))


class Block(nn.Module):
    """Attention to its own text, for a decoder to the other text, and the feed-forward layer, each added back."""

    def __init__(self, config: T5Config, first: bool, decodes: bool):
        super().__init__()
        parts = {"SelfAttention": Attention(config, distances=first)}
        if decodes:
            parts["EncDecAttention"] = Attention(config)
        layers: dict[str, nn.Module] = {**parts, "DenseReluDense": Gated(config)}
        self.layer = nn.ModuleList([Sublayer(config, name, layer) for name, layer in layers.items()])

    def forward(self, x: Tensor, bias: Tensor, context: Tensor | None = None, seen: Tensor | None = None) -> Tensor:
        """x (B, N, width); of a decoder, context (B, L, width) and what is seen of it -> (B, N, width)."""
        own, *cross, last = self.layer
        x = own(x, bias)
        for one in cross:
            x = one(x, seen, context)
        return last(x)


class Stack(nn.Module):
    """The blocks of the encoder or of the decoder, which share one table of distances."""

    def __init__(self, config: T5Config, decodes: bool):
        super().__init__()
        self.decodes = decodes
        self.block = nn.ModuleList([Block(config, i == 0, decodes) for i in range(config.layers)])
        self.final_layer_norm = nn.RMSNorm(config.width, eps=1e-6)

    def forward(
        self, x: Tensor, mask: Tensor | None, context: Tensor | None = None, context_mask: Tensor | None = None
    ) -> Tensor:
        """x (B, N, width), masks (B, N) and (B, L), False for padding -> (B, N, width)."""
        n = x.shape[1]
        buckets = distance_buckets(n, n, not self.decodes, x.device)
        first: Any = self.block[0]
        bias = first.layer[0].SelfAttention.relative_attention_bias(buckets)  # (N, N, heads)
        bias = bias.permute(2, 0, 1)[None].to(x.dtype)  # (1, heads, N, N)
        if self.decodes:
            ahead = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
            bias = bias.masked_fill(ahead, -math.inf)
        if mask is not None:
            bias = bias + _hidden(mask, x)
        seen = x.new_zeros(1, 1, 1, 1) if context_mask is None else _hidden(context_mask, x)
        for block in self.block:
            x = block(x, bias, context, seen)
        return self.final_layer_norm(x)


class T5Encoder(nn.Module):
    """Token ids -> tokens that a U-Net can attend to.

    Args:
        config: its layout.
    """

    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.width)
        self.encoder = Stack(config, decodes=False)
        _initialise(self, config)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """ids int64 (B, L), mask (B, L), False for padding, which nobody looks at -> (B, L, width).

        Raises:
            ValueError: a mask of another shape, or one that hides a whole text.
        """
        if mask is not None and (mask.shape != ids.shape or not mask.any(1).all()):
            raise ValueError(
                f"A mask has one entry for each id, {tuple(ids.shape)}, and shows at least one of each text; got "
                f"{tuple(mask.shape)}."
            )
        return self.encoder(self.shared(ids), mask)


class T5(T5Encoder):
    """The whole of it, as it is trained: an encoder reads the text with gaps, a decoder says what was in them."""

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.decoder = Stack(config, decodes=True)
        self.lm_head = nn.Linear(config.width, config.vocab_size, bias=False)
        _initialise(self, config)

    def predict(self, ids: Tensor, mask: Tensor | None, given: Tensor) -> Tensor:
        """Logits of the decoder's next token at each place.

        Args:
            ids, mask: the text with gaps, as `forward` takes them.
            given: int64 (B, N), what the decoder has said before each place.

        Returns:
            (B, N, vocab_size).
        """
        context = self(ids, mask)
        return self.lm_head(self.decoder(self.shared(given), None, context, mask))


def _hidden(mask: Tensor, x: Tensor) -> Tensor:
    """(B, L), False for padding, as a bias (B, 1, 1, L) that hides it."""
    return torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(~mask.bool(), -math.inf)[:, None, None]


@torch.no_grad()
def _initialise(net: nn.Module, config: T5Config) -> None:
    """As Raffel et al.'s code has it: queries small, since nothing else scales the attention."""
    for name, parameter in net.named_parameters():
        last = name.split(".")[-2]
        if last in ("q", "k", "v", "o", "wi_0", "wi_1", "wo", "lm_head"):
            std = (config.width * config.head_dim) ** -0.5 if last == "q" else parameter.shape[1] ** -0.5
            nn.init.normal_(parameter, std=std)
        elif last == "relative_attention_bias":
            nn.init.normal_(parameter, std=config.width**-0.5)
