"""DALL-E 2's prior: a causal transformer that guesses a picture's CLIP embedding from its text's (Ramesh et al. 2022).

Its sequence is the text's tokens, the text's embedding, the time, the noised image embedding, and a last token of its
own, at which the guess is read off (section 2.2). Names of parameters are those of diffusers' PriorTransformer, in
which Karlo's and Kandinsky's published priors lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.layers import Attention, TimeEmbedding, timestep_embedding

ADDED = 4  # tokens after the text's


@dataclass(frozen=True)
class PriorConfig(Config):
    """What a prior looks like.

    Args:
        embed_dim: of CLIP's common space, and of the tokens of its text encoder.
        context_length: tokens of a text.
        width, layers, heads: of its transformer.

    Raises:
        ValueError: a width that is no multiple of heads, or odd.
    """

    what: ClassVar[str] = "A prior"

    embed_dim: int = 128
    context_length: int = 32
    width: int = 192
    layers: int = 4
    heads: int = 4

    def __post_init__(self) -> None:
        self.check_numbers()
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"A prior's width must be even and a multiple of heads={self.heads}; got {self.width}.")

    @classmethod
    def karlo(cls) -> PriorConfig:
        """The prior of Karlo, a published unCLIP in CLIP ViT-L/14's space: a billion parameters."""
        return cls(embed_dim=768, context_length=77, width=2048, layers=20, heads=32)


class GELU(nn.Module):
    """A linear layer and an exact GELU."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.proj = nn.Linear(dim, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, dim) -> (B, N, hidden)."""
        return F.gelu(self.proj(x))


class FeedForward(nn.Module):
    """Four times wider and back. `net[1]` is where the published layout keeps its dropout."""

    def __init__(self, dim: int):
        super().__init__()
        self.net = nn.Sequential(GELU(dim, 4 * dim), nn.Identity(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, dim) -> (B, N, dim)."""
        return self.net(x)


class Block(nn.Module):
    """Attention to what came before, then the feed-forward, each on a normalised copy and added back.

    There is no `norm2`: the published layout keeps that number for a cross-attention.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn1 = Attention(dim, heads, bias=True)
        self.norm3 = nn.LayerNorm(dim)
        self.ff = FeedForward(dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, N, dim), mask (B, N, N) -> (B, N, dim)."""
        x = x + self.attn1(self.norm1(x), mask=mask)
        return x + self.ff(self.norm3(x))


class Prior(nn.Module):
    """A network (x_t, t, text embedding, text tokens) -> the image embedding, in its normalised space.

    `clip_mean` and `clip_std` (1, embed_dim) say how embeddings of CLIP are normalised for diffusion; they are measured
    on the data and not trained.

    Args:
        config: its layout.
    """

    clip_mean: Tensor
    clip_std: Tensor

    def __init__(self, config: PriorConfig):
        super().__init__()
        self.config = config
        dim, width = config.embed_dim, config.width
        self.time_embedding = TimeEmbedding(width, width)
        self.proj_in = nn.Linear(dim, width)
        self.embedding_proj = nn.Linear(dim, width)
        self.encoder_hidden_states_proj = nn.Linear(dim, width)
        self.positional_embedding = nn.Parameter(0.02 * torch.randn(1, config.context_length + ADDED, width))
        self.prd_embedding = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.transformer_blocks = nn.ModuleList([Block(width, config.heads) for _ in range(config.layers)])
        self.norm_out = nn.LayerNorm(width)
        self.proj_to_clip_embeddings = nn.Linear(width, dim)
        self.register_buffer("clip_mean", torch.zeros(1, dim))
        self.register_buffer("clip_std", torch.ones(1, dim))

    def forward(
        self, x_t: Tensor, t: Tensor, text_embedding: Tensor, tokens: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """One guess.

        Args:
            x_t: noised image embeddings (B, embed_dim), in the normalised space.
            t: timesteps (B,), or one for all.
            text_embedding: of CLIP (B, embed_dim).
            tokens: of its text encoder (B, context_length, embed_dim).
            mask: (B, context_length), False for padding that nobody may look at; the first token is never padding.

        Returns:
            (B, embed_dim).

        Raises:
            ValueError: an embedding of another CLIP, tokens of another length or width, or a mask without a start.
        """
        self._check(x_t, text_embedding, tokens, mask)
        length = self.config.context_length + ADDED
        t = torch.as_tensor(t, device=x_t.device).expand(len(x_t))
        time = self.time_embedding(timestep_embedding(t, self.config.width).to(x_t.dtype))  # (B, width)
        text, own = self.embedding_proj(text_embedding), self.prd_embedding.expand(len(x_t), -1, -1)
        added = torch.stack([text, time, self.proj_in(x_t)], dim=1)  # (B, 3, width)
        x = torch.cat([self.encoder_hidden_states_proj(tokens), added, own], dim=1)  # (B, length, width)
        x = x + self.positional_embedding

        seen = torch.ones(1, length, length, dtype=torch.bool, device=x.device).tril()  # (1, length, length)
        if mask is not None:
            seen = seen & F.pad(mask.bool(), (0, ADDED), value=True)[:, None]  # (B, length, length)
        for block in self.transformer_blocks:
            x = block(x, seen)
        return self.proj_to_clip_embeddings(self.norm_out(x)[:, -1])  # (B, embed_dim)

    def normalise(self, embedding: Tensor) -> Tensor:
        """CLIP's image embeddings (B, embed_dim) -> what diffuses, of mean 0 and variance 1 in every number."""
        return (embedding - self.clip_mean) / self.clip_std

    def restore(self, x0: Tensor) -> Tensor:
        """And back."""
        return x0 * self.clip_std + self.clip_mean

    def _check(self, x_t: Tensor, text_embedding: Tensor, tokens: Tensor, mask: Tensor | None) -> None:
        dim, length = self.config.embed_dim, self.config.context_length
        for name, given in (("image", x_t), ("text", text_embedding)):
            if given.shape != (len(x_t), dim):
                raise ValueError(
                    f"This prior works on {name} embeddings {dim} wide, {(len(x_t), dim)}; got {tuple(given.shape)}. "
                    "Use the CLIP that it was trained with."
                )
        if tokens.shape != (len(x_t), length, dim):
            raise ValueError(f"This prior reads text tokens {(len(x_t), length, dim)}; got {tuple(tokens.shape)}.")
        if mask is not None and (mask.shape != tokens.shape[:2] or not mask[:, 0].all()):
            raise ValueError(
                f"A mask has one entry for each token, {tuple(tokens.shape[:2])}, and True for the first, which is "
                f"the start of the text; got {tuple(mask.shape)}."
            )
