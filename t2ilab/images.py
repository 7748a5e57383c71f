"""Pictures as tensors: float (B, 3, H, W) in [-1, 1], and the way to and from PIL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_pil(images: Tensor) -> list[Image.Image]:
    """Turns a batch into PIL pictures.

    Args:
        images: float (B, 3, H, W) in [-1, 1]; values outside are clipped.

    Raises:
        ValueError: another shape, whole numbers, or values that are not finite.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"Pictures must be (B, 3, H, W); got {tuple(images.shape)}. Add a batch axis with images[None]."
        )
    if not images.is_floating_point():
        raise ValueError(f"Pictures must be floats in [-1, 1]; got {images.dtype}. Bytes become so by x / 127.5 - 1.")
    if not torch.isfinite(images).all():
        raise ValueError("Pictures must be finite numbers; got NaN or infinity. Look at the step that made them.")
    levels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return [Image.fromarray(picture) for picture in levels.permute(0, 2, 3, 1).cpu().numpy()]


def from_pil(images: Image.Image | Sequence[Image.Image]) -> Tensor:
    """Turns one PIL picture, or several of one size, into float (B, 3, H, W) in [-1, 1].

    Raises:
        ValueError: no picture, pictures of different sizes, or what is no PIL picture.
    """
    pictures = pil_pictures(images)
    if not pictures:
        raise ValueError("A batch needs at least one picture; got none.")
    if len({picture.size for picture in pictures}) != 1:
        raise ValueError(
            f"A batch needs pictures of one size; got {sorted({p.size for p in pictures})}. Resize them first."
        )
    levels = np.stack([np.array(picture.convert("RGB")) for picture in pictures])
    return torch.from_numpy(levels).permute(0, 3, 1, 2).float() / 127.5 - 1


def pil_pictures(images: Any) -> list[Image.Image]:
    """One PIL picture or several as a list. Raises ValueError for whatever else came in their place."""
    alone = isinstance(images, Image.Image | str | Path) or not isinstance(images, Iterable)
    pictures = [images] if alone else list(images)
    for one in pictures:
        if not isinstance(one, Image.Image):
            raise ValueError(
                f"A picture is PIL here; got a {type(one).__name__}. A file becomes one by Image.open(path), an array "
                "(H, W, 3) of bytes by Image.fromarray(array)."
            )
    return pictures


def grid(images: Tensor, columns: int | None = None, gap: int = 2) -> Tensor:
    """Lays a batch out as one picture, row by row, on white.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        columns: pictures a row; by default the square root of B, rounded up.
        gap: pixels between pictures.

    Returns:
        (3, H', W') in [-1, 1].

    Raises:
        ValueError: no batch of pictures, no picture in it, columns below 1 or a negative gap.
    """
    if images.ndim != 4 or not len(images):
        raise ValueError(
            f"A grid needs at least one picture, (B, 3, H, W); got {tuple(images.shape)}. "
            "Add a batch axis with images[None]."
        )
    if (columns is not None and columns < 1) or gap < 0:
        raise ValueError(f"A grid needs at least 1 column and a gap of at least 0 pixels; got {columns} and {gap}.")
    count, channels, height, width = images.shape
    columns = min(count, columns or int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    sheet = images.new_ones(channels, rows * (height + gap) - gap, columns * (width + gap) - gap)
    for i, picture in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = picture
    return sheet
