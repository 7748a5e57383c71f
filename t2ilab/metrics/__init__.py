"""How well a picture shows what was asked: a reader from the zoo reads it back, and each attribute is counted.

Where a map was asked for as well, silhouettes and edges are read from the pixels and laid over those of the map.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab import zoo
from t2ilab.data.layout import place_of
from t2ilab.data.scenes import MOST_THINGS, ORDINALS, Scene
from t2ilab.data.surroundings import backdrop
from t2ilab.files import read_json
from t2ilab.interop.weights import read_weights, write_weights
from t2ilab.nets.reader import Logits, Reader

FOUND = 0.4  # from this probability on, a cell holds the middle of a thing
APART = 0.12  # so far to one side, in a picture that spans 2, is beside or above
UNLIKE = 0.12  # so far from the surroundings in one channel, between 0 and 1, is no longer they


@dataclass(frozen=True)
class Seen:
    """One thing that was read in a picture: what it is, its middle in [-1, 1] (y down), and what it does to another.

    `role` is "riding", "in", "heading towards" or "none".
    """

    thing: str
    color: str
    accent: str
    size: str
    role: str
    x: float
    y: float

    def __str__(self) -> str:
        colors = self.color if self.accent == "none" else f"{self.color} and {self.accent}"
        role = "" if self.role == "none" else f", {self.role} something"
        return f"{self.size} {colors} {self.thing} at ({self.x:+.1f}, {self.y:+.1f}){role}"


@dataclass(frozen=True)
class Reading:
    """All that was read in a picture, the clearest thing first."""

    things: tuple[Seen, ...]
    background: str

    def __str__(self) -> str:
        return "; ".join([*map(str, self.things), f"background {self.background}"])

    def find(self, thing: str | None) -> Seen | None:
        """The thing of that name; for None the first."""
        return next((seen for seen in self.things if thing in (None, seen.thing)), None)

    def shows(self, asked: Scene) -> dict[str, bool]:
        """Whether each attribute that was asked for is there, and whether there are as many things as were named."""
        chain = asked.chain()
        found = self._found([one.thing for one in chain])
        right: dict[str, bool] = {}
        for ordinal, one, seen in zip(ORDINALS, chain, found, strict=False):
            for name in ("thing", "color", "accent", "size"):
                if (value := getattr(one, name)) is not None:
                    right[ordinal + name] = seen is not None and getattr(seen, name) == value
            if one.place:
                right["place"] = seen is not None and place_of(one.thing, one.size, seen.x, seen.y) == one.place
        if asked.background:
            right["background"] = self.background == asked.background
        for i, one in enumerate(chain[:-1]):
            a, b = found[i], found[i + 1]
            right[ORDINALS[i] + "relation"] = a is not None and b is not None and self._holds(a, str(one.relation), b)
        if asked.thing:
            right["number"] = len(self.things) == len(chain)
        return right

    def _found(self, asked: list[str | None]) -> list[Seen | None]:
        """What was read of each thing that was asked for; for one that is not there, the first of those left over."""
        left = [seen for seen in self.things if seen.thing not in asked]
        found = [self.find(thing) if thing else None for thing in asked]
        return [seen or (left.pop(0) if left else None) for seen in found]

    def _holds(self, a: Seen, relation: str, b: Seen) -> bool:
        right, down = b.x - a.x, b.y - a.y
        if relation == "and":
            return True
        if relation in ("riding", "in", "heading towards"):
            nearest = min((s for s in self.things if s is not a), key=lambda s: math.hypot(s.x - a.x, s.y - a.y))
            return a.role == relation and (relation == "heading towards" or nearest is b)
        along, across = (right, down) if relation in ("left of", "right of") else (down, right)
        return (along if relation in ("left of", "above") else -along) > max(APART, abs(across))


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
    reads: tuple[Reading | None, ...]

    def __str__(self) -> str:
        each = ", ".join(f"{name} {share:.1%}" for name, share in self.attributes.items())
        return f"all attributes {self.all:.1%} ({each}; recognised {self.recognised:.1%})"


def faithfulness(images: Tensor, asked: Sequence[Scene], reader: Reader | None = None) -> Faithfulness:
    """Reads each picture and compares it with what was asked.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        asked: B scenes; attributes that are None are not counted.
        reader: the instrument; by default the zoo's `reader`, whose card states its own accuracy.

    Raises:
        ValueError: not as many scenes as pictures, or no picture.
    """
    if len(images) != len(asked) or not len(images):
        raise ValueError(f"faithfulness needs one scene a picture; got {len(images)} pictures and {len(asked)} scenes.")
    reads = read(images, reader)
    nothing = Reading((), "")
    hits: dict[str, list[bool]] = {}
    every = []
    for got, scene in zip(reads, asked, strict=True):
        right = (got or nothing).shows(scene)
        every.append(got is not None and all(right.values()))
        for attribute, hit in right.items():
            hits.setdefault(attribute, []).append(hit)
    return Faithfulness(
        all=sum(every) / len(every),
        attributes={attribute: sum(h) / len(h) for attribute, h in hits.items()},
        recognised=sum(got is not None for got in reads) / len(reads),
        reads=tuple(reads),
    )


@torch.no_grad()
def read(images: Tensor, reader: Reader | None = None, batch_size: int = 64) -> list[Reading | None]:
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
    readings: list[Reading | None] = []
    for batch in images.split(batch_size):
        finite = batch.isfinite().flatten(1).all(dim=1)
        clean = torch.where(batch.isfinite(), batch, torch.zeros_like(batch)).to(device, torch.float32)
        readings += _decided(reader(clean.clamp(-1.5, 1.5)), reader, finite)
    return readings


@torch.no_grad()
def features(images: Tensor, reader: Reader | None = None, batch_size: int = 64) -> Tensor:
    """What a reader sees in each picture as a whole, to compare heaps of pictures by (`t2ilab.distances`).

    Args:
        images: (B, 3, H, W) in [-1, 1].
        reader: by default the zoo's, whose features are 256 numbers a picture.

    Returns:
        float32 (B, D), on the reader's device. Figures that are made of them belong to this reader alone.

    Raises:
        ValueError: pictures of another shape, none, out of range, or not finite.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not len(images):
        raise ValueError(f"Pictures must be (B, 3, H, W), at least one; got {tuple(images.shape)}.")
    if not (images.abs() <= 1.5).all():  # not for NaN either
        raise ValueError(
            f"Pictures must be finite, in [-1, 1]; got {images.min().item():.3g} to {images.max().item():.3g}."
        )
    reader = reader or default_reader()
    device = next(reader.parameters()).device
    return torch.cat([reader.features(batch.to(device, torch.float32)) for batch in images.split(batch_size)])


def _decided(logits: Logits, reader: Reader, finite: Tensor) -> list[Reading | None]:
    """One reading a picture: the things at the peaks of the grid, at most three and each kind once."""
    heat = logits.center.sigmoid()
    peak = heat * (heat == F.max_pool2d(heat[:, None], 3, 1, 1)[:, 0])
    grid = heat.shape[-1]
    value, cell = peak.flatten(1).topk(2 * MOST_THINGS)  # (B, 6)
    best = {name: rows.argmax(1).flatten(1).gather(1, cell).tolist() for name, rows in logits.things.items()}
    whole = {name: rows.argmax(1).tolist() for name, rows in logits.whole.items()}
    shown = ((logits.recognised > 0).cpu() & finite.cpu() & (value[:, 0] > FOUND).cpu()).tolist()
    readings: list[Reading | None] = []
    for i, (values, cells) in enumerate(zip(value.tolist(), cell.tolist(), strict=True)):
        things: list[Seen] = []
        for k in range(2 * MOST_THINGS):
            names = {a: reader.things[a][rows[i][k]] for a, rows in best.items()}
            new = len(things) < MOST_THINGS and names["thing"] not in [seen.thing for seen in things]
            if new and values[k] > FOUND:
                y, x = divmod(cells[k], grid)
                things.append(Seen(**names, x=(2 * x + 1) / grid - 1, y=(2 * y + 1) / grid - 1))
        background = reader.whole["background"][whole["background"][i]]
        readings.append(Reading(tuple(things), background) if shown[i] else None)
    return readings


def silhouettes(images: Tensor, asked: Sequence[Scene]) -> Tensor:
    """Where something is in pictures: whatever is unlike the surroundings that were asked for, holes filled.

    The surroundings of the world look the same in all its pictures, so no network is needed, and none is asked. Read in
    the world's own 64x64 pictures so and laid over the true masks, their holes filled too, silhouettes overlap by 99%
    at the `shapes` level. In the storybook they overlap by 89%: it has things as dark as the night.

    Args:
        images: (B, 3, H, W) in [-1, 1], square.
        asked: B scenes with a background each.

    Returns:
        bool (B, H, W).

    Raises:
        ValueError: pictures that are not square, not as many scenes as pictures, or a scene without a background.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
        raise ValueError(f"silhouettes reads square pictures (B, 3, S, S); got {tuple(images.shape)}.")
    grounds = [scene.background for scene in asked]
    if len(images) != len(grounds) or None in grounds:
        raise ValueError(
            f"silhouettes needs a scene with a background for each picture; got {len(images)} pictures and "
            f"{len(grounds) - grounds.count(None)} backgrounds."
        )
    ground = torch.stack([backdrop(str(name), images.shape[-1], images.device) for name in grounds])  # (B, H, W, 3)
    unlike = (images / 2 + 0.5 - ground.permute(0, 3, 1, 2)).abs().amax(1)  # (B, H, W)
    # Half of the way to the most unlike neighbour, where the edge of whatever is there lies.
    return filled((unlike > UNLIKE) & (unlike > F.max_pool2d(unlike, 3, 1, 1) / 2))


def filled(masks: Tensor) -> Tensor:
    """Masks bool (B, H, W) with their holes filled: all that no way from the border leads to but through them."""
    free = F.pad(~masks, (1, 1, 1, 1), value=True)
    outside = torch.zeros_like(free)
    outside[:, 0] = True
    while True:
        cross = outside.clone()
        cross[:, 1:] |= outside[:, :-1]
        cross[:, :-1] |= outside[:, 1:]
        cross[..., 1:] |= outside[..., :-1]
        cross[..., :-1] |= outside[..., 1:]
        cross &= free
        if torch.equal(cross, outside):
            return ~outside[:, 1:-1, 1:-1]
        outside = cross


def overlap(asked: Tensor, drawn: Tensor) -> Tensor:
    """The intersection of two masks bool (B, H, W) over their union, (B,) in [0, 1]; 1 where both are empty."""
    both, any_of_them = (part.flatten(1).sum(1) for part in (asked & drawn, asked | drawn))
    return torch.where(any_of_them > 0, both / any_of_them.clamp(min=1), 1.0)


def edges_met(asked: Tensor, drawn: Tensor, within: int = 2) -> Tensor:
    """The share of the asked edges that a drawn edge is near to, (B,) in [0, 1]; 1 where none is asked.

    Exchanged, it is the share of the drawn edges that were asked for: a picture full of edges is near to all.

    Args:
        asked, drawn: bool (B, H, W), True on an edge.
        within: pixels.
    """
    axis = torch.arange(-within, within + 1, device=drawn.device)
    disc = (axis.square() + axis.square()[:, None] <= within**2).float()
    near = F.conv2d(drawn.float()[:, None], disc[None, None], padding=within)[:, 0] > 0
    met, all_of_them = (part.flatten(1).sum(1) for part in (asked & near, asked))
    return torch.where(all_of_them > 0, met / all_of_them.clamp(min=1), 1.0)


@cache
def default_reader() -> Reader:
    """The zoo's reader, loaded once."""
    return load_reader(zoo.folder("reader"))


def save_reader(reader: Reader, folder: Path) -> None:
    """Writes a reader's configuration and its weights, in half precision."""
    write_weights(folder / "model.safetensors", reader, config=reader.to_dict())


def load_reader(folder: Path) -> Reader:
    """Opens what `save_reader` wrote. Raises OSError where a file is missing, cut short or of another layout."""
    try:
        reader = Reader(**read_json(folder / "config.json"))
    except (TypeError, ValueError, AttributeError) as error:
        raise OSError(f"{folder / 'config.json'} is not a reader's ({error}); the file is changed.") from error
    read_weights(folder / "model.safetensors", reader)
    return reader.eval()
