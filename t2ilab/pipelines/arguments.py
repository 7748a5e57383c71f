"""What a caller may ask a pipeline for, checked before anything is drawn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from t2ilab.clip.tokenizer import CLIPTokenizer


def prompts_of(prompt: str | Sequence[str] | None) -> list[str]:
    """One prompt or several as a list. Raises ValueError for one without a word."""
    prompts = [prompt] if isinstance(prompt, str) else list(prompt or ())
    if not prompts or not all(isinstance(p, str) and p.strip() for p in prompts):
        raise ValueError("A prompt needs at least one word; got an empty one. Try 'a big red star'.")
    return prompts


def check_length(prompts: Sequence[str], tokenizer: CLIPTokenizer) -> None:
    """Warns of the first prompt that is longer than what the text encoder reads, and says what is left out."""
    for prompt in prompts:
        if unread := tokenizer.unread(prompt):
            warnings.warn(
                f"This model reads {tokenizer.context_length - 2} tokens of a prompt, and the rest is left out: "
                f"{unread!r}. Say it in fewer words.",
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
