"""What pictures are drawn with: checked, written into each PNG, and read back from it."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from t2ilab.output import enlarged, notes
from t2ilab.pipelines.text_to_image import SAMPLERS
from t2ilab.studio.uploads import small_enough
from t2ilab.studio.words import sentence

MOST_CHARACTERS = 1000  # of a prompt; no text encoder here reads more than a quarter of it
MOST_STEPS = 100
MOST_PICTURES = 8
MOST_GUIDANCE = 20.0
LARGEST_SEED = 2**32 - 1
SHAPES = {"square": (1.0, 1.0), "wide": (1.5, 1.0), "tall": (1.0, 1.5)}  # width and height, in the model's own size


@dataclass(frozen=True)
class Settings:
    """How one picture is drawn. The names are those of `t2ilab generate`'s PNGs.

    Attributes:
        model: the name that the studio offers it under.
        shape: one of SHAPES.
        strength: where a picture is drawn over, how much of it; None where it is drawn from noise alone.
    """

    prompt: str
    model: str
    negative_prompt: str = ""
    num_inference_steps: int = 20
    guidance_scale: float = 3.0
    sampler: str = "ddim"
    seed: int = 0
    shape: str = "square"
    strength: float | None = None

    def with_seed(self, seed: int) -> Settings:
        """The same for another picture."""
        return replace(self, seed=seed)


def check(settings: Settings, count: int, language: str = "en") -> None:
    """Refuses what the studio does not draw, before anything is computed.

    Raises:
        ValueError: the rule, the value received and the fix, in one sentence of that language ("en" or "ja").
    """

    def refuse(name: str, **values: object) -> None:
        raise ValueError(sentence(name, language, **values))

    if not settings.prompt.strip():
        refuse("prompt_empty")
    for text in (settings.prompt, settings.negative_prompt):
        if len(text) > MOST_CHARACTERS:
            refuse("prompt_long", most=f"{MOST_CHARACTERS:,}", got=f"{len(text):,}")
    if not _whole(settings.num_inference_steps, 1, MOST_STEPS):
        refuse("steps", most=MOST_STEPS, got=settings.num_inference_steps)
    if not _whole(count, 1, MOST_PICTURES):
        refuse("count", most=MOST_PICTURES, got=count)
    if not _whole(settings.seed, 0, LARGEST_SEED):
        refuse("seed", most=LARGEST_SEED, got=settings.seed)
    if not _number(settings.guidance_scale, 1, MOST_GUIDANCE):
        refuse("guidance", most=f"{MOST_GUIDANCE:g}", got=settings.guidance_scale)
    if settings.negative_prompt.strip() and settings.guidance_scale <= 1:
        refuse("negative", got=settings.guidance_scale)
    if settings.sampler not in SAMPLERS:
        refuse("sampler", known=", ".join(SAMPLERS), got=settings.sampler)
    if settings.shape not in SHAPES:
        refuse("shape", known=", ".join(SHAPES), got=settings.shape)
    if settings.strength is not None and not _number(settings.strength, 0, 1):
        refuse("strength", got=settings.strength)


def to_png(picture: Image.Image, settings: Settings) -> bytes:
    """A picture as the file that one downloads: small ones enlarged as `t2ilab generate` does, its settings inside."""
    said = {name: value for name, value in asdict(settings).items() if value is not None}
    file = io.BytesIO()
    enlarged(picture, 8 if max(picture.size) <= 192 else 1).save(file, "PNG", pnginfo=notes(said))
    return file.getvalue()


def from_png(path: str | Path, language: str = "en") -> dict[str, Any]:
    """The settings in a PNG of the studio or of `t2ilab generate`, by name; those that it lacks are left out.

    Raises:
        ValueError: no PNG, one that unpacks to too much, without settings, or with settings that are none; in that
            language.
    """
    with small_enough(path, ("PNG",), "not_png", language) as picture:
        picture.load()  # what stands behind the pixels counts too
        found = read_notes(getattr(picture, "text", {}))
    if "prompt" not in found:
        raise ValueError(sentence("no_settings", language))
    return found


def read_notes(entries: Mapping[str, str]) -> dict[str, Any]:
    """Text entries as values; those that nobody could draw with are left out."""
    kinds: dict[str, Any] = {
        "prompt": lambda text: text if 0 < len(text) <= MOST_CHARACTERS else None,
        "negative_prompt": lambda text: text if len(text) <= MOST_CHARACTERS else None,
        "model": str,
        "num_inference_steps": lambda text: _between(int(text), 1, MOST_STEPS),
        "guidance_scale": lambda text: _between(float(text), 1, MOST_GUIDANCE),
        "sampler": lambda text: text if text in SAMPLERS else None,
        "seed": lambda text: _between(int(text), 0, LARGEST_SEED),
        "shape": lambda text: text if text in SHAPES else None,
        "strength": lambda text: _between(float(text), 0, 1),
    }
    found = {}
    for name, kind in kinds.items():
        if name in entries:
            try:
                value = kind(str(entries[name]))
            except ValueError:
                continue
            if value is not None:
                found[name] = value
    return found


def size_of(shape: str, image_size: int) -> tuple[int, int]:
    """Width and height in pixels of a shape, for a model that was trained at image_size pixels a side."""
    width, height = SHAPES[shape]
    return int(width * image_size), int(height * image_size)


def _between(value: float, low: float, high: float) -> float | None:
    return value if low <= value <= high else None


def _number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and low <= value <= high


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and low <= value <= high
