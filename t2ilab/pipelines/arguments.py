"""What a caller may ask a pipeline for, checked before anything is drawn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.understanding import quoted
from t2ilab.images import from_pil

Pictures = Image.Image | Sequence[Image.Image] | Tensor


def prompts_of(prompt: str | Sequence[str] | None, *, empty: bool = False) -> list[str]:
    """One prompt or several as a list. Raises ValueError for one without a word, unless `empty` ones are allowed, and
    for none at all."""
    prompts = [prompt] if isinstance(prompt, str) else list(prompt or ())
    if not prompts or not all(isinstance(p, str) and (empty or p.strip()) for p in prompts):
        raise ValueError("A prompt needs at least one word; got an empty one. Try 'a big red star'.")
    return prompts


def check_length(prompts: Sequence[str], tokenizer: CLIPTokenizer) -> None:
    """Warns of the first prompt that is longer than what the text encoder reads, and says what is left out."""
    for prompt in prompts:
        if unread := tokenizer.unread(prompt):
            warnings.warn(
                f"This model reads {tokenizer.context_length - 2} tokens of a prompt, and the rest is left out: "
                f"{quoted(unread)}. Say it in fewer words.",
                stacklevel=3,
            )
            return


def check_strength(strength: float) -> None:
    """Raises ValueError for one outside [0, 1]."""
    if not 0 <= strength <= 1:
        raise ValueError(f"strength lies in 0 to 1; got {strength}. 0 keeps the picture, 0.8 keeps little of it.")


def check_output_type(output_type: str) -> None:
    """Raises ValueError for what is neither "pil" nor "pt"."""
    if output_type not in ("pil", "pt"):
        raise ValueError(f"output_type is 'pil' or 'pt'; got {output_type!r}.")


def pictures_of(image: Pictures, channels: int = 3) -> Tensor:
    """PIL pictures, or a tensor (B, channels, H, W) in [0, 1], as floats (B, channels, H, W) in [-1, 1].

    Raises:
        ValueError: pictures of several sizes, or what is no picture of so many channels.
    """
    given = image if isinstance(image, Tensor) else from_pil(image)
    if given.ndim != 4 or given.shape[1] != channels or not given.is_floating_point() or not len(given):
        kinds = "PIL, or floats" if channels == 3 else "floats"
        raise ValueError(f"A picture is {kinds} (B, {channels}, H, W); got {given.dtype} {tuple(given.shape)}.")
    if not isinstance(image, Tensor):
        return given
    low, high = (float(end) for end in image.aminmax())
    if math.isnan(low) or low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(
            f"A picture's numbers lie in 0 to 1; got {low:.4g} to {high:.4g}. From [-1, 1] they come by x / 2 + 0.5."
        )
    return image * 2 - 1


def check_count(images: Tensor, prompts: int) -> None:
    """Raises ValueError for what is neither one picture for all prompts nor one a prompt."""
    if len(images) not in (1, prompts):
        raise ValueError(f"Give one picture for all prompts or one a prompt; got {len(images)} for {prompts} prompts.")
