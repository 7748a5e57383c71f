"""Where pairs come from: the noisy storybook, the world or any data set, told in JSON and begun again anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from t2ilab.data.export import BATCH, plain
from t2ilab.data.noisy import NoisyPairs
from t2ilab.data.world import World

State = dict[str, int]
ADDRESSES = ("url", "URL", "file_name", "__key__", "key")  # columns that say where a pair was found


class PairSource(Protocol):
    """Pairs, one after the other, from wherever an earlier reading stopped."""

    def describe(self) -> dict[str, Any]:
        """What makes it this source and no other, as JSON holds it; "kind" says which class."""

    def rows(self, state: Mapping[str, int]) -> Iterator[tuple[dict[str, Any], State]]:
        """Each pair from a state on ({} is the beginning), with the state after it. "position" counts the rows."""

    def about(self, item: Mapping[str, Any], position: int) -> dict[str, Any]:
        """What is kept of a pair beside its features, as JSON holds it: "caption", "where" and the truth, if known."""


@dataclass(frozen=True)
class Storybook:
    """`NoisyPairs` as a source; what is kept of a pair includes the truth."""

    pairs: NoisyPairs = field(default_factory=NoisyPairs)

    def describe(self) -> dict[str, Any]:
        return {"kind": "storybook", **asdict(self.pairs)}

    def rows(self, state: Mapping[str, int]) -> Iterator[tuple[dict[str, Any], State]]:
        for index in count(state.get("position", 0)):
            yield self.pairs[index], {"position": index + 1}

    def about(self, item: Mapping[str, Any], position: int) -> dict[str, Any]:
        truth = {name: item[name] for name in ("mismatch", "copy_of", "noise", "shows")}
        return {"caption": item["caption"], "where": f"pair {position} of the storybook", "pair": position} | truth


@dataclass(frozen=True)
class Drawn:
    """The world with right captions, which say all that is in a picture, as `World` draws it.

    Attributes:
        level: "shapes" or "storybook".
        size: pixels a side.
        seed: worlds of different seeds have different pictures.
        japanese: the share of captions in Japanese.
    """

    level: str = "storybook"
    size: int = 64
    seed: int = 0
    japanese: float = 0.25

    def describe(self) -> dict[str, Any]:
        return {"kind": "world", **asdict(self)}

    def rows(self, state: Mapping[str, int]) -> Iterator[tuple[dict[str, Any], State]]:
        world = World(self.size, self.seed, partial=0.0, japanese=self.japanese, level=self.level)
        start = state.get("position", 0)
        for number in count(start // BATCH):
            batch = world.batch(number, BATCH)
            for position in range(max(start, number * BATCH), (number + 1) * BATCH):
                one = {name: batch[name][position % BATCH] for name in ("image", "caption", "scene")}
                yield one, {"position": position + 1}

    def about(self, item: Mapping[str, Any], position: int) -> dict[str, Any]:
        return {"caption": item["caption"], "where": f"picture {position} of the world", "scene": plain(item["scene"])}


@dataclass(frozen=True)
class DataSet:
    """A data set of this machine or of the Hugging Face hub as a source; see `data.hub.stream`.

    Attributes:
        name: an id, a use, a folder or a file, or a folder's path.
        size: pixels a side that pictures are brought to.
        options: of `stream`, such as {"split": "test", "caption_column": "text"}.
    """

    name: str
    size: int = 224
    options: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        path = Path(self.name).expanduser()
        about = {"kind": "data set", "name": str(path.resolve()) if path.exists() else self.name, "size": self.size,
                 "options": dict(self.options)}  # fmt: skip
        return about | ({"files": _listing(path)} if path.exists() else {})

    def rows(self, state: Mapping[str, int]) -> Iterator[tuple[dict[str, Any], State]]:
        from t2ilab.data.hub import stream

        found = stream(self.name, size=self.size, skip=dict(state) or 0, **self.options)
        for item in found:
            yield item, dict(found.state)

    def about(self, item: Mapping[str, Any], position: int) -> dict[str, Any]:
        given = next((str(item[name]) for name in ADDRESSES if isinstance(item.get(name), str)), "")
        return {"caption": item["caption"], "where": given or f"row {position} of {self.name}"}


def source_of(description: Mapping[str, Any]) -> PairSource:
    """The source that described itself so. Raises ValueError for a kind that there is not."""
    rest = {name: value for name, value in description.items() if name not in ("kind", "files")}
    if description.get("kind") == "storybook" and rest.keys() <= {f.name for f in fields(NoisyPairs)}:
        return Storybook(NoisyPairs(**rest))
    if description.get("kind") == "world" and rest.keys() <= {f.name for f in fields(Drawn)}:
        return Drawn(**rest)
    if description.get("kind") == "data set" and rest.keys() == {"name", "size", "options"}:
        return DataSet(**rest)
    raise ValueError(
        f"Pairs come from a storybook, the world or a data set; got {dict(description)}. Is the folder from elsewhere?"
    )


def images_at(source: PairSource, states: Mapping[int, Mapping[str, int]]) -> dict[int, Tensor]:
    """Pictures of single pairs, read or drawn again.

    Args:
        source: where they are from.
        states: the number of a pair -> the state before it, which is kept of each as "at".

    Raises:
        OSError: the source has ended before one.
    """
    found: dict[int, Tensor] = {}
    for number, state in states.items():
        item = next(source.rows(state), None)
        if item is None:
            raise OSError(f"The source ends before pair {number}: it is not what it was when the pairs were embedded.")
        found[number] = item[0]["image"]
    return found


def _listing(path: Path) -> str:
    """A hash of which files there are and how long they are: enough to tell one data set from another, and quick."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n" for file in files]
    return hashlib.sha256("".join(lines).encode(errors="replace")).hexdigest()
