"""Words that a finished model learned afterwards: textual inversion (Gal et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.interop.textual_inversion import load_word
from t2ilab.nets.new_word import NewWord, add_word, settle_word, settled_embedding
from t2ilab.pipelines.text_to_image import TextToImage


def begin_word(pipe: TextToImage, word: str, like: str | Sequence[str]) -> NewWord:
    """Gives a model a new word, which is then to be learned, in place; the rest of its text encoder is frozen.

    Args:
        pipe: whose tokenizer knows the word from now on.
        word: as `CLIPTokenizer.with_word` has it.
        like: a word or several that it begins as: at the mean of their rows (section 4 of the paper takes one coarse
            word).

    Returns:
        What learns.

    Raises:
        ValueError: a word that is none or is known, no word that it begins as, a model that is learning one already,
            or one whose tokenizer and text encoder do not count the same tokens.
    """
    rows = settled_embedding(pipe.text_encoder).weight
    tokenizer = _with_word(pipe, word)
    like = [like] if isinstance(like, str) else like  # and not its letters
    ids = [i for text in like for i in pipe.tokenizer.encode(text)]
    if not ids:
        raise ValueError(f"A new word begins as one that the model knows; got {', '.join(like) or 'none'}.")
    made = add_word(pipe.text_encoder, rows[torch.tensor(ids, device=rows.device)].mean(0))
    pipe.tokenizer = tokenizer
    return made


def load_textual_inversion(pipe: TextToImage, path: str | Path, word: str | None = None) -> str:
    """Teaches a model a word that `t2ilab train monsters --method textual-inversion` or diffusers learned, in place.

    Args:
        pipe: the model that it was learned for.
        path: the file, or the folder that it is in.
        word: what to call it here; None for its own name.

    Returns:
        The word, to be used in prompts.

    Raises:
        ValueError: a word for another model, or one that is known already; and as `begin_word` has it.
        OSError: a file that is missing or damaged.
    """
    own, vector = load_word(path, pipe.text_encoder.config.width)
    said = word or own
    tokenizer = _with_word(pipe, said)
    add_word(pipe.text_encoder, vector)
    settle_word(pipe.text_encoder)
    pipe.tokenizer = tokenizer
    return said


def _with_word(pipe: TextToImage, word: str) -> CLIPTokenizer:
    """The model's tokenizer with the word. Raises ValueError where its id is not that of the next row."""
    tokenizer = pipe.tokenizer.with_word(word)
    new, rows = max(tokenizer.vocab.values()), settled_embedding(pipe.text_encoder).num_embeddings
    if new != rows:
        raise ValueError(
            f"A new word's id is that of the text encoder's next row; the tokenizer gives {word!r} {new}, and the "
            f"embedding has {rows} rows. Take the tokenizer that it was trained with, or give the embedding {new} rows."
        )
    return tokenizer
