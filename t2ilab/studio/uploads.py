"""Pictures from people: opened with care, turned upright, and made to fit; and what was painted on them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageOps

from t2ilab.studio.words import sentence

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MOST_PIXELS = 50_000_000  # a good camera's; 150 MB once it is unpacked
MOST_BYTES = 20_000_000
CANVAS = 512  # pixels a side on which one paints
PARTS = ("all", "painted", "left", "right", "top", "bottom")


def open_picture(path: str | Path, language: str = "en") -> Image.Image:
    """Any picture as one to paint on: RGB, upright as EXIF has it, on white, its longer side CANVAS pixels.

    Its size is read before its pixels are, so that a small file that unpacks to gigabytes is refused in time.

    Raises:
        ValueError: no picture, a broken or too large or too thin one, in one sentence of that language.
    """
    with small_enough(path, FORMATS, "not_picture", language) as picture:
        width, height = picture.size
        thin = min(picture.size) < 8 or max(picture.size) > 8 * min(picture.size)
        upright = picture if thin else ImageOps.exif_transpose(picture).convert("RGBA")
    if thin:
        raise ValueError(sentence("too_thin", language, width=width, height=height))
    white = Image.new("RGBA", upright.size, "white")
    return on_canvas(Image.alpha_composite(white, upright).convert("RGB"))


@contextmanager
def small_enough(path: str | Path, formats: tuple[str, ...], broken: str, language: str) -> Iterator[Image.Image]:
    """A picture file whose pixels may be read. What goes wrong while they are is said by the sentence `broken`.

    Raises:
        ValueError: a file that is too large or would unpack to too much, or that is no such picture or not whole.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as picture:
                if picture.width * picture.height > MOST_PIXELS or Path(path).stat().st_size > MOST_BYTES:
                    raise Image.DecompressionBombError
                yield picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(sentence("too_big", language, most=MOST_PIXELS // 1_000_000)) from None
    except (OSError, SyntaxError, EOFError, ValueError):  # broken files end in any of them
        raise ValueError(sentence(broken, language)) from None


def on_canvas(picture: Image.Image) -> Image.Image:
    """A picture with its longer side CANVAS pixels; small ones of ours grow by whole squares where they can."""
    scale = CANVAS / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    if scale < 1:
        return picture.resize((width, height), Image.Resampling.LANCZOS)
    return picture.resize((width, height), Image.Resampling.NEAREST if scale >= 4 else Image.Resampling.BICUBIC)


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture or mask in that size (width, height), cut where its sides have another ratio; squares become pixels."""
    shrinks = picture.width >= size[0] and picture.height >= size[1]
    return ImageOps.fit(picture, size, Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC)


def background_of(editor: Mapping[str, Any] | None) -> Image.Image | None:
    """The picture under what was painted, or None where there is none."""
    found = (editor or {}).get("background")
    return found.convert("RGB") if found is not None else None


def painted_on(editor: Mapping[str, Any] | None) -> Image.Image | None:
    """Where somebody painted: white there and black elsewhere ("L"), or None where nobody did."""
    total: Image.Image | None = None
    for layer in (editor or {}).get("layers") or ():
        alpha = layer.convert("RGBA").getchannel("A")
        total = alpha if total is None else ImageChops.lighter(total, alpha)
    return total if total is not None and total.getbbox() else None


def mask_of(part: str, editor: Mapping[str, Any] | None, size: tuple[int, int], language: str = "en") -> Any:
    """The mask of what is drawn anew, white there, of that size (width, height); None for the whole picture.

    The halves are for those who cannot paint: they can be chosen by keyboard.

    Raises:
        ValueError: nothing is painted where "painted" is asked for, or no such part.
    """
    width, height = size
    if part == "all":
        return None
    if part == "painted":
        painted = painted_on(editor)
        mask = fitted(painted, size).point(lambda v: 255 if v >= 64 else 0) if painted is not None else None
        if mask is None or not mask.getbbox():
            raise ValueError(sentence("mask_missing", language))
        return mask if mask.getextrema() != (255, 255) else None
    boxes = {
        "left": (0, 0, width // 2, height),
        "right": (width // 2, 0, width, height),
        "top": (0, 0, width, height // 2),
        "bottom": (0, height // 2, width, height),
    }
    if part not in boxes:
        raise ValueError(f"The part to draw anew is one of {', '.join(PARTS)}; got {part!r}.")
    mask = Image.new("L", size)
    mask.paste(255, boxes[part])
    return mask


def scribble_of(editor: Mapping[str, Any] | None, size: tuple[int, int], language: str = "en") -> Image.Image:
    """What was scribbled, white lines on black, of that size. Raises ValueError where there is none."""
    painted = painted_on(editor)
    if painted is None:
        raise ValueError(sentence("scribble_missing", language))
    lines = fitted(painted, size)
    return ImageOps.autocontrast(lines).convert("RGB")  # a thin line must not fade where the picture is small
