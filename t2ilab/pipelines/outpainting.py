"""Outpainting: a picture goes on beyond its edges. The canvas grows, and what is new of it is inpainted."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch.nn.functional as F

from t2ilab.pipelines.arguments import Pictures, pictures_of
from t2ilab.pipelines.inpainting import inpaint
from t2ilab.pipelines.text_to_image import TextToImage


def outpaint(
    pipe: TextToImage,
    prompt: str | Sequence[str],
    image: Pictures,
    *,
    left: int = 0,
    right: int = 0,
    top: int = 0,
    bottom: int = 0,
    **how: Any,
) -> Any:
    """Draws what lies beside a picture; the picture itself stays as it is, pixel by pixel.

    Before the first step the new canvas goes on in the colours of the picture's edge. The network sees nothing of that
    at a strength of 1, but a VAE looks at the neighbourhood of each latent, and a hard edge there would show.

    Args:
        prompt: one caption or several, of the whole new picture.
        image: as in `inpaint`.
        left, right, top, bottom: pixels to add on each side, from 0. The new height and width are multiples of the
            VAE's factor. A model draws best at sizes near the one that it was trained at, `pipe.image_size`.
        how: what else `inpaint` takes, but the mask.

    Returns:
        A list of PIL pictures, or a tensor (B, 3, top + H + bottom, left + W + right) in [0, 1].

    Raises:
        ValueError: a negative number of pixels, or none on all sides, or what `inpaint` does not draw.
    """
    sides = {"left": left, "right": right, "top": top, "bottom": bottom}
    for name, pixels in sides.items():
        if not isinstance(pixels, Integral) or pixels < 0:
            raise ValueError(f"{name} is a whole number of pixels from 0 on; got {pixels}. To cut a picture, crop it.")
    if not any(sides.values()):
        raise ValueError("Outpainting needs a side to add to; got 0 pixels on all four. Try right=16.")
    if "mask" in how:
        raise ValueError("Outpainting makes its own mask, of all that is new; got another. Call inpaint with that.")
    images, margins = pictures_of(image), (left, right, top, bottom)
    canvas = F.pad(images, margins, mode="replicate")  # (B, 3, H', W')
    mask = F.pad(images.new_zeros(1, 1, *images.shape[-2:]), margins, value=1)
    return inpaint(pipe, prompt, (canvas / 2 + 0.5).clamp(0, 1), mask, **how)
