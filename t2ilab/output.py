"""The files that a command leaves: pictures with their settings inside, and animations; whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from t2ilab.files import written_beside
from t2ilab.images import to_pil

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def check_target(path: Path, endings: tuple[str, ...]) -> None:
    """Before any work is done: can this file be written? Nothing is left behind, not even a folder.

    Raises:
        ValueError: an ending that is none of these, or a folder of that name.
        OSError: a folder that cannot be written, or that is none.
    """
    if path.suffix.lower() not in endings:
        raise ValueError(f"The file's name must end in {' or '.join(endings)}; got {str(path)!r}.")
    if path.is_dir():
        raise ValueError(f"A file is to be written, and {path} is a folder; add a name, such as {path / 'star.png'}.")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"Could not write {path}: {folder}: {error.strerror}. Choose another folder with -o.") from error


def save_picture(picture: Image.Image, path: Path, scale: int, settings: dict[str, Any]) -> None:
    """Saves a picture, each pixel as a square; a PNG also says how it was made, as text entries."""
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(path.suffix.lower(), "PNG")
    with written_beside(path) as beside:
        enlarged(picture, scale).save(beside, kind, **({"pnginfo": notes(settings)} if kind == "PNG" else {}))


def notes(settings: dict[str, Any]) -> PngImagePlugin.PngInfo:
    """Settings as a PNG's text entries."""
    entries = PngImagePlugin.PngInfo()
    for name, value in settings.items():
        entries.add_itxt(name, str(value))
    return entries


def enlarged(picture: Image.Image, scale: int) -> Image.Image:
    """Each pixel as a square of `scale` pixels a side."""
    return picture.resize((scale * picture.width, scale * picture.height), Image.Resampling.NEAREST)


class Frames:
    """A sampler's callback that keeps the first picture of the batch on its way out of the noise.

    Args:
        decode: makes pictures of what the sampler works on; None where those are pictures.
    """

    def __init__(self, decode: Callable[[Tensor], Tensor] | None = None) -> None:
        self.decode = decode or (lambda x: x)
        self.pictures: list[Tensor] = []

    def __call__(self, step: int, t: int, x_t: Tensor, x0_hat: Tensor) -> None:
        self.pictures.append(torch.cat([self.decode(x_t[:1]), self.decode(x0_hat[:1])], dim=-1).float().cpu())

    def save(self, path: Path, last: list[Image.Image], scale: int) -> None:
        """Saves an animation: on the left the noisy picture, on the right the estimate, which stays at the end.

        Raises:
            ValueError: it was never called.
        """
        if not self.pictures:
            raise ValueError(
                "An animation needs at least one frame; got none. Hand this object to a sampler as its callback."
            )
        frames = [enlarged(picture, scale) for pair in self.pictures for picture in to_pil(pair)]
        end = Image.new("RGB", frames[-1].size)
        for left in (0, end.width // 2):
            end.paste(enlarged(last[0], scale), (left, 0))
        with written_beside(path) as beside:
            frames[0].save(beside, "GIF", save_all=True, append_images=[*frames[1:], end], loop=0,
                           duration=[120] * len(frames) + [2000])  # fmt: skip
