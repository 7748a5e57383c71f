"""A new word for a finished text encoder: one more row of its token embedding, which alone learns (Gal et al. 2022)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from t2ilab.nets.text import TextEncoder


class NewWord(nn.Module):
    """A frozen token embedding with one row more, the only one that learns ("An Image is Worth One Word", eq. 2).

    Args:
        base: the embedding; it is frozen.
        start: (width,), the row at first, such as that of a word that is near.

    Attributes:
        vector: the row, (width,). Its id is the first one that `base` does not have.

    Raises:
        ValueError: a start of another width, or one that is not finite.
    """

    def __init__(self, base: nn.Embedding, start: Tensor):
        super().__init__()
        if start.shape != (base.embedding_dim,) or not start.isfinite().all():
            raise ValueError(
                f"A word starts from {base.embedding_dim} finite numbers, as wide as the embedding; got {start.shape}."
            )
        self.base = base.requires_grad_(False)
        self.vector = nn.Parameter(start.detach().to(base.weight).clone())

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, L) -> (B, L, width)."""
        new = ids == self.base.num_embeddings
        return torch.where(new[..., None], self.vector, self.base(ids.masked_fill(new, 0)))


def settled_embedding(text_encoder: TextEncoder) -> nn.Embedding:
    """The token embedding of an encoder that is learning no word. Raises ValueError where one is."""
    embedding = text_encoder.embeddings.token_embedding
    if not isinstance(embedding, nn.Embedding):
        raise ValueError("This text encoder is learning a word already; settle_word ends that.")
    return embedding


def add_word(text_encoder: TextEncoder, start: Tensor) -> NewWord:
    """Gives a text encoder one more word, in place; all other parameters are frozen.

    Args:
        text_encoder: its config counts the new word, too.
        start: as `NewWord` has it.

    Raises:
        ValueError: a start that does not fit, or an encoder whose last new word is not yet settled.
    """
    word = NewWord(settled_embedding(text_encoder), start)
    text_encoder.requires_grad_(False)
    setattr(text_encoder.embeddings, "token_embedding", word)  # noqa: B010 (an Embedding to the type checker)
    config = text_encoder.config
    # Until now the end token may have been told by its id, the largest; the new word's is larger.
    end_id = config.vocab_size - 1 if config.end_id is None else config.end_id
    text_encoder.config = replace(config, vocab_size=config.vocab_size + 1, end_id=end_id)
    return word


@torch.no_grad()
def settle_word(text_encoder: TextEncoder) -> None:
    """Makes the new word a row as all others, in place. Raises ValueError where there is none (left)."""
    word = text_encoder.embeddings.token_embedding
    if not isinstance(word, NewWord):
        raise ValueError("This text encoder has no new word; add_word adds one. Was it settled before?")
    weight = torch.cat([word.base.weight, word.vector[None]])
    settled = nn.Embedding.from_pretrained(weight)
    text_encoder.embeddings.token_embedding = settled
