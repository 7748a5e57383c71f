"""CLIP's tower of words: token ids in, one vector a token out (Radford et al. 2021, section 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.transformer import Transformer


@dataclass(frozen=True)
class TextConfig(Config):
    """What a text encoder looks like.

    Args:
        vocab_size: tokens it knows.
        context_length: tokens it reads; shorter texts are padded.
        width, layers, heads: of its transformer.
        quick_gelu: whether the MLPs use OpenAI's quick GELU, x sigmoid(1.702 x), or the exact one, as OpenCLIP's in
            Stable Diffusion 2.
        end_id: of the token that ends a text; None where it is the largest, as in a tokenizer without learned words.

    Raises:
        ValueError: a width that is no multiple of heads.
    """

    what: ClassVar[str] = "A text encoder"

    vocab_size: int
    context_length: int = 32
    width: int = 128
    layers: int = 2
    heads: int = 4
    quick_gelu: bool = True
    end_id: int | None = None

    def __post_init__(self) -> None:
        self.check_numbers(from_zero=("end_id",))
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


class TextEncoder(nn.Module):
    """Token ids -> tokens that a U-Net can attend to.

    Args:
        config: its layout.
    """

    def __init__(self, config: TextConfig):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Transformer(config.width, config.layers, config.heads, config.quick_gelu, causal=True)
        self.final_layer_norm = nn.LayerNorm(config.width)

    def forward(self, ids: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """The text as the U-Net reads it.

        Args:
            ids: int64 (B, L), L at most context_length.
            mask: (B, L), False or 0 for ids that no token may look at; None lets each see all before it. Stable
                Diffusion has none: its U-Net reads the padding too.
            at: int64 (B,), where only the token at that place of each row is wanted.

        Returns:
            (B, L, width), or (B, 1, width).

        Raises:
            ValueError: a longer text, or a mask of another shape.
        """
        if ids.shape[-1] > self.config.context_length:
            raise ValueError(
                f"This text encoder reads at most {self.config.context_length} tokens; got {ids.shape[-1]}. "
                "Use the tokenizer that it was trained with, which cuts longer texts."
            )
        if mask is not None and mask.shape != ids.shape:
            raise ValueError(f"A mask has one entry for each id, {tuple(ids.shape)}; got {tuple(mask.shape)}.")
        return self.final_layer_norm(self.encoder(self.embeddings(ids), mask, at))

    def pooled(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """The text in one vector: its token at the first end token -> (B, width)."""
        end_id = self.config.end_id
        end = (ids if end_id is None else (ids == end_id).int()).argmax(dim=-1)  # the first of equals
        length = int(end.max()) + 1  # nothing looks ahead, so what follows the last end token need not be read
        return self(ids[:, :length], mask if mask is None else mask[:, :length], end)[:, 0]
