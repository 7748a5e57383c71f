"""A learned word in the file that diffusers' `load_textual_inversion` opens: `learned_embeds.safetensors`.

It holds one tensor, named as the word is written in a prompt: the row of the token embedding, (1, width).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from t2ilab.interop.weights import PICKLES, tensors_of, write_tensors

FILE = "learned_embeds.safetensors"


def save_word(folder: str | Path, word: str, vector: Tensor, dtype: torch.dtype = torch.float32) -> Path:
    """Writes a learned word; its few hundred numbers are kept in full precision.

    Args:
        folder: the file in it is `learned_embeds.safetensors`.
        word: as it is written in a prompt.
        vector: (width,), its row.

    Returns:
        The file.

    Raises:
        ValueError: a vector of another shape, or one that is not finite.
        OSError: the file cannot be written.
    """
    if vector.ndim != 1 or not vector.isfinite().all():
        raise ValueError(f"A word is one row of finite numbers, (width,); got shape {tuple(vector.shape)}.")
    path = Path(folder) / FILE
    write_tensors(path, {word: vector[None]}, dtype)
    return path


def load_word(path: str | Path, width: int) -> tuple[str, Tensor]:
    """Reads what `save_word` or diffusers' training wrote.

    Args:
        path: the file, or the folder that it is in.
        width: of the token embedding that the word was learned for.

    Returns:
        The word and its row (width,), in float32.

    Raises:
        ValueError: a word of another width, so for another model; one of several rows; or a pickle.
        OSError: a file that is missing, cut short, or not of this form.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    if path.suffix in PICKLES:
        raise ValueError(f"{path} is a pickle, which may run a program when it is opened; take one in safetensors.")
    tensors = {name: tensor for _, name, tensor in tensors_of([path])}
    if len(tensors) != 1:
        raise OSError(f"{path} is no learned word, which is one tensor; it holds {len(tensors)}.")
    ((word, tensor),) = tensors.items()
    if tensor.ndim == 2 and len(tensor) > 1:
        raise ValueError(f"{path}: {word!r} has {len(tensor)} rows, {tuple(tensor.shape)}; this course opens one.")
    if tensor.shape[-1:] != (width,) or tensor.numel() != width:
        raise ValueError(
            f"{path}: {word!r} is {tuple(tensor.shape)}, and this model's words are {width} wide; it was learned for "
            "another model."
        )
    if not tensor.isfinite().all():
        raise OSError(f"{path} holds numbers that are not finite; the file is damaged.")
    return word, tensor.reshape(width).float()
