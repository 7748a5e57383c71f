"""Data sets of the Hugging Face hub or of this machine, streamed: the same items, whatever form they lie in."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2ilab.data.opening import Opened, first_line, is_cut_short, is_out_of_reach, open_source, say, unreadable
from t2ilab.data.sources import SOURCES, Source

if TYPE_CHECKING:  # torch, Pillow and datasets load where they are used
    from PIL.Image import Image as Picture
    from torch import Tensor

IMAGES = ("image", "img", "jpg", "jpeg", "png", "webp", "picture")  # what columns are usually called
CAPTIONS = ("caption", "text", "txt", "captions", "caption_0", "prompt", "description")
LABELS = ("label", "labels", "cls", "class_name", "class", "fine_label")
MEDIA = ("Image(", "Audio(", "Video(", "Pdf(", "Mesh(", "Nifti(")
OURS = ("image", "caption", "captions", "class_name")  # what an item says itself; a column of that name stays behind
MOST_BROKEN = 100  # rows one after the other: then it is the column that is wrong, or all of it


class Stream(Iterator[dict[str, Any]]):
    """The pictures of a data set with their captions, one after the other, from where it stands.

    Gives {"image": float (3, H, W) in [-1, 1], "caption": one string, ...}: with several captions also "captions", all
    of them, of which "caption" is the first; with classes also "class_name"; and every other column that is no picture
    or sound, by its own name. What is transparent in a picture lies on white.

    When a shard is broken the error names it; who goes on after that goes on with the next shard.

    Attributes:
        source: the data set.
        split: the part of it that is read.
        said: size and licence, as they were said; None where nothing is downloaded.
        class_names: of the classes 0, 1, ...; None where there are captions, or words for classes.
        skipped: broken rows that this stream left out.
        why_skipped: what was wrong with the latest of them.
        broken: what was wrong with each, up to a hundred.
    """

    def __init__(
        self,
        source: Source,
        opened: Opened,
        size: int | None,
        start: Mapping[str, int],
        template: str,
        class_names: Sequence[str] | None,
        on_broken: str,
    ) -> None:
        self.source, self.split, self.said = source, opened.split, opened.said
        self.skipped, self.why_skipped = 0, ""
        self.broken: list[str] = []
        self._opened, self._size, self._template, self._on_broken = opened, size, template, on_broken
        self._shard, self._row = start["shard"], start["row"]  # rows of this shard that are done with
        self._before = start["position"] - start["row"]  # rows of the shards before it
        self._broken_in_a_row = 0
        self._items: Iterator[dict[str, Any]] | None = None

        columns, name = list(opened.features), source.id
        self._image = _column("image_column", source.image_column, IMAGES, columns, name)
        self._caption = self._label = None
        if source.caption_column or (not source.label_column and any(c in columns for c in CAPTIONS)):
            self._caption = _column("caption_column", source.caption_column, CAPTIONS, columns, name)
        else:
            if not source.label_column and not any(c in columns for c in LABELS):
                raise ValueError(
                    f"{name} has pictures but neither captions nor classes, only the columns {', '.join(columns)}: add "
                    "metadata.jsonl with a file_name and a text for each picture, or name the caption_column."
                )
            self._label = _column("label_column", source.label_column, LABELS, columns, name)
        names = self._named_classes(self._label, class_names) if self._label else None
        self.class_names = None if names is None else [_words(name) for name in names]
        used = {self._image, self._caption, *OURS}
        self._extras = [
            column
            for column, feature in opened.features.items()
            if column not in used and not any(medium in repr(feature) for medium in MEDIA)
        ]
        needed = dict.fromkeys([self._image, *filter(None, [self._caption, self._label]), *self._extras])
        self._dataset = opened.dataset.select_columns(list(needed))

    @property
    def position(self) -> int:
        """Rows of the split that are done with, broken ones too."""
        return self._before + self._row

    @property
    def state(self) -> dict[str, int]:
        """Where it stands; `stream(..., skip=state)` goes on from there, and opens no shard before."""
        return {"position": self.position, "shard": self._shard, "row": self._row}

    def __next__(self) -> dict[str, Any]:
        if self._items is None:
            self._items = self._read()
        try:
            return next(self._items)
        except StopIteration:
            raise
        except BaseException:
            self._items = None  # a generator that raised is over; a new one goes on from the state
            raise

    def _read(self) -> Iterator[dict[str, Any]]:
        shards = self._opened.shards
        while self._shard < len(shards):
            rows = iter(self._dataset.shard(len(shards), self._shard) if len(shards) > 1 else self._dataset)
            read = 0
            while (row := self._next_row(rows)) is not None:
                read += 1
                if read <= self._row:
                    continue
                try:
                    item = self._item(row)
                except _BrokenRow as error:
                    self._row = read
                    self._leave_out(error)
                    continue
                self._row, self._broken_in_a_row = read, 0
                yield item
            self._before += read
            self._row = max(0, self._row - read)  # more than 0 where `skip` reaches beyond this shard
            self._shard += 1
            if is_cut_short(shards[self._shard - 1]):
                raise unreadable(shards[self._shard - 1], EOFError("it ends between two files"))
        self._row = 0

    def _next_row(self, rows: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
        try:
            return next(rows, None)
        except Exception as error:
            shard = self._opened.shards[self._shard]
            if not is_out_of_reach(shard, error):
                self._before, self._row, self._shard = self.position, 0, self._shard + 1
            raise unreadable(shard, error, f" from row {self.position}, with skip={self.state}") from error

    def _item(self, row: dict[str, Any]) -> dict[str, Any]:
        item: dict[str, Any] = {}
        if self._caption:
            said = row[self._caption]
            texts = [said] if isinstance(said, str) else list(said or ())
            texts = [text.strip() for text in texts if isinstance(text, str) and text.strip()]
            if not texts:
                raise _BrokenRow(f"its {self._caption} says nothing")
            item["caption"] = texts[0]
            if not isinstance(said, str):
                item["captions"] = texts
        else:
            label = row[self._label or ""]
            name = ""
            if self.class_names is None:
                name = _words("" if label is None else str(label))
            elif isinstance(label, int) and 0 <= label < len(self.class_names):
                name = self.class_names[label]
            if not name:
                raise _BrokenRow(f"its {self._label} {label!r} has no name")
            item |= {"caption": self._template.replace("{}", name), "class_name": name}
        return {"image": _tensor(row[self._image], self._size)} | item | {name: row[name] for name in self._extras}

    def _leave_out(self, error: _BrokenRow) -> None:
        where = f"Row {self.position - 1} of {self.source.id}, split {self.split!r}, is broken: {error}."
        if self._on_broken == "raise":
            raise OSError(f'{where} on_broken="skip" leaves such rows out.')
        self.skipped, self.why_skipped = self.skipped + 1, where
        self.broken += [where] if len(self.broken) < MOST_BROKEN else []
        self._broken_in_a_row += 1
        if self._broken_in_a_row >= MOST_BROKEN:
            self._broken_in_a_row = 0
            raise OSError(
                f"{MOST_BROKEN} rows one after the other are broken. {where} Is {self._image!r} its pictures?"
            )

    def _named_classes(self, label: str, given: Sequence[str] | None) -> Sequence[str] | None:
        """Of a column of numbers, their names; None where the column holds the names itself."""
        feature = self._opened.features[label]
        if getattr(feature, "dtype", "string") in ("string", "large_string"):
            return None
        names = given or getattr(feature, "names", None) or self._opened.class_names()
        if names is None:
            raise ValueError(
                f"{self.source.id} has its classes as numbers in {label!r} and does not name them; give class_names."
            )
        return names


def stream(
    source: Source | str | Path,
    *,
    image_column: str | None = None,
    caption_column: str | None = None,
    label_column: str | None = None,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    size: int | None = None,
    skip: int | Mapping[str, int] = 0,
    template: str = "a photo of a {}.",
    class_names: Sequence[str] | None = None,
    download: bool = False,
    on_broken: str = "skip",
) -> Stream:
    """Opens a data set and gives its pictures with captions, one by one.

    A use of `SOURCES`, such as "food101", takes the first of its data sets that can be had. Before anything comes from
    the hub, its size and licence are said. Where the hub cannot be reached, or with `HF_HUB_OFFLINE=1`, what
    `download=True` or `datasets` kept on this machine is taken.

    Args:
        source: a use, a `Source`, an id of the hub "owner/name", or a folder or file: Parquet files, pictures with
            metadata.jsonl or one folder for each class, WebDataset's .tar shards, as `write_dataset` writes them.
        image_column, caption_column, label_column, split, config: as in `Source`, whose values they replace.
        revision: a branch, tag or commit.
        size: pixels a side; a picture is scaled and cut around its centre. None keeps each at its own size.
        skip: so many rows of the split are left out, broken ones counted too; or the `state` of an earlier stream.
        template: makes a caption of a class, whose name stands for {}.
        class_names: of the labels 0, 1, ..., where the data set does not tell.
        download: first keep the split on this machine, whole.
        on_broken: "skip" counts what cannot be opened or has no caption; "raise" stops there.

    Raises:
        ValueError: no such data set, split, configuration or column; one that needs a login or a loading script; a size
            below 1, a skip below 0, a template without {}.
        OSError: the hub is out of reach and nothing is kept here; a shard is broken (while it streams, too).
        ImportError: the library `datasets` is not installed.
    """
    if size is not None and size < 1:
        raise ValueError(f"A picture needs at least 1 pixel a side; got size {size}.")
    if "{}" not in template:
        raise ValueError(f"A template holds {{}}, where the class goes; got {template!r}.")
    if on_broken not in ("skip", "raise"):
        raise ValueError(f'on_broken must be "skip" or "raise"; got {on_broken!r}.')
    start = {"position": skip, "shard": 0, "row": skip} if isinstance(skip, int) else dict(skip)
    if not {"position", "shard", "row"} <= start.keys() or min(start.values()) < 0:
        raise ValueError(f"skip is a number of rows from 0, or the state of a stream; got {skip!r}.")
    asked: dict[str, Any] = {"image_column": image_column, "caption_column": caption_column,
                             "label_column": label_column, "split": split, "config": config}  # fmt: skip
    wishes = {field: wish for field, wish in asked.items() if wish is not None}

    def opened(candidate: Source) -> Stream:
        candidate = replace(candidate, **wishes)
        found = open_source(candidate, revision, download)
        return Stream(candidate, found, size, start, template, class_names, on_broken)

    candidates = _candidates(source)
    for candidate, after in pairwise(candidates):
        try:
            return opened(candidate)
        except (OSError, ValueError) as error:
            say(f"{error} Trying {after.id} in its place.")
    return opened(candidates[-1])


def _candidates(source: Source | str | Path) -> tuple[Source, ...]:
    if isinstance(source, Source):
        return (source,)
    if isinstance(source, str) and source in SOURCES and not Path(source).exists():
        return SOURCES[source]
    return (Source(str(source)),)


def _column(field: str, wanted: str | None, usual: Sequence[str], columns: Sequence[str], name: str) -> str:
    if wanted is None:
        wanted = next((column for column in usual if column in columns), None)
    if wanted is None or wanted not in columns:
        got = "none of the usual ones is there" if wanted is None else f"got {wanted!r}"
        raise ValueError(f"{name} has the columns {', '.join(columns)}; {field} must be one of them, {got}.")
    return wanted


def _words(name: str) -> str:
    """A class's name as words: "hot_dog" -> "hot dog", "tench, Tinca tinca" -> "tench"."""
    return name.replace("_", " ").split(", ")[0].strip()


# The pictures


class _BrokenRow(Exception):
    """A row that gives no item, and why."""


def _tensor(value: Any, size: int | None) -> Tensor:
    """What a column of pictures holds, as float (3, H, W) in [-1, 1]."""
    from PIL import Image, ImageOps

    from t2ilab.images import from_pil

    content = _content(value)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as file:
            warnings.simplefilter("ignore")  # of odd metadata; what matters is whether there is a picture
            if size is not None:
                file.draft("RGB", (size, size))  # a large JPEG need not be decoded at its full size
            picture = _on_white(ImageOps.exif_transpose(file))
        if size is not None:
            picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
        return from_pil(picture)[0]
    except Exception as error:  # Pillow's formats raise whatever they stumble over
        raise _BrokenRow(first_line(error)) from error


def _content(value: Any) -> bytes:
    """The bytes of a picture: given, or in the file that is named."""
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise _BrokenRow("there is no picture")
    import fsspec  # which reads what lies on the hub, too

    try:
        with fsspec.open(value, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise _BrokenRow(f"there is no file {value}") from error
    except Exception as error:
        if is_out_of_reach(value, error):
            raise unreadable(value, error) from error
        raise _BrokenRow(first_line(error)) from error


def _on_white(picture: Picture) -> Picture:
    """Three channels of a picture in any mode."""
    import numpy as np
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits, which converting would clip to white
        return Image.fromarray((np.asarray(picture) // 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    if "A" in picture.getbands() or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")
