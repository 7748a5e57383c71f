"""How well a picture shows what was asked: a reader from the zoo reads it back, and each attribute is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from t2ilab import zoo
from t2ilab.data.scenes import Scene
from t2ilab.nets.reader import Reader


@dataclass(frozen=True)
class Faithfulness:
    """Shares of pictures, in [0, 1].

    Attributes:
        all: every asked attribute was read.
        attributes: each asked attribute by itself.
        recognised: something could be read at all.
        reads: what was read in each picture, None for nothing.
    """

    all: float
    attributes: Mapping[str, float]
    recognised: float
    reads: tuple[Scene | None, ...]

    def __str__(self) -> str:
        each = ", ".join(f"{name} {share:.1%}" for name, share in self.attributes.items())
        return f"all attributes {self.all:.1%} ({each}; recognised {self.recognised:.1%})"


def faithfulness(images: Tensor, asked: Sequence[Scene], reader: Reader | None = None) -> Faithfulness:
    """Reads each picture and compares it with what was asked.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        asked: B scenes; attributes that are None are not counted.
        reader: the instrument; by default the zoo's `shapes-reader`, whose card states its own accuracy.

    Raises:
        ValueError: not as many scenes as pictures, or no picture.
    """
    if len(images) != len(asked) or not len(images):
        raise ValueError(f"faithfulness needs one scene a picture; got {len(images)} pictures and {len(asked)} scenes.")
    reads = read(images, reader)
    hits: dict[str, list[bool]] = {}
    every = []
    for got, scene in zip(reads, asked, strict=True):
        right = {a: got is not None and getattr(got, a) == value for a, value in scene.asked().items()}
        every.append(got is not None and all(right.values()))
        for attribute, hit in right.items():
            hits.setdefault(attribute, []).append(hit)
    return Faithfulness(
        all=sum(every) / len(every),
        attributes={attribute: sum(h) / len(h) for attribute, h in hits.items()},
        recognised=sum(got is not None for got in reads) / len(reads),
        reads=tuple(reads),
    )


@torch.inference_mode()
def read(images: Tensor, reader: Reader | None = None, batch_size: int = 256) -> list[Scene | None]:
    """What each picture shows, or None where nothing is recognisable.

    Args:
        images: (B, 3, H, W) in [-1, 1], finite or not: a picture that is not finite shows nothing.
        reader: by default the zoo's.

    Raises:
        ValueError: pictures of another shape.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"Pictures must be (B, 3, H, W); got {tuple(images.shape)}. Add a batch axis with images[None]."
        )
    reader = reader or default_reader()
    device = next(reader.parameters()).device
    scenes: list[Scene | None] = []
    for batch in images.split(batch_size):
        finite = batch.isfinite().flatten(1).all(dim=1)
        clean = torch.where(batch.isfinite(), batch, torch.zeros_like(batch)).to(device, torch.float32)
        logits, recognised = reader(clean.clamp(-1.5, 1.5))
        names = {a: [reader.values[a][i] for i in rows.argmax(1).tolist()] for a, rows in logits.items()}
        shown = (recognised > 0).cpu() & finite.cpu()
        scenes += [Scene(**{a: n[i] for a, n in names.items()}) if shown[i] else None for i in range(len(batch))]
    return scenes


@cache
def default_reader() -> Reader:
    """The zoo's reader, loaded once."""
    return load_reader(zoo.folder("shapes-reader"))


def save_reader(reader: Reader, folder: Path) -> None:
    """Writes a reader's configuration and its weights, in half precision."""
    zoo.write_json(folder / "config.json", reader.to_dict())
    zoo.write_weights(folder / "model.safetensors", reader)


def load_reader(folder: Path) -> Reader:
    """Opens what `save_reader` wrote. Raises OSError where a file is missing, cut short or of another layout."""
    try:
        reader = Reader(**zoo.read_json(folder / "config.json"))
    except (TypeError, ValueError, AttributeError) as error:
        raise OSError(f"{folder / 'config.json'} is not a reader's ({error}); the file is changed.") from error
    zoo.read_weights(folder / "model.safetensors", reader)
    return reader.eval()
