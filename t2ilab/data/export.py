"""The world as a data set on disk, for use beyond this course: pictures, captions in both languages, and maps."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from t2ilab.data.captions import describe
from t2ilab.data.maps import CLASSES, MAPS, PALETTE, semantic_map
from t2ilab.data.renditions import RENDITIONS
from t2ilab.data.scenes import Scene
from t2ilab.data.understanding import understand
from t2ilab.data.world import World
from t2ilab.files import written_beside
from t2ilab.images import to_pil

BATCH = 8  # pictures drawn at once; the pictures of a data set depend on it
MOST = 1_000_000  # names have six digits
SHARD = 1000


@dataclass(frozen=True)
class Pair:
    """One row of a data set.

    Attributes:
        name: "000000", "000001", ...
        pictures: "image" and each of `MAPS` -> a PNG file. The semantic map's pixels are numbers of `CLASSES`, with a
            palette to look at it; the scribble is grey, the pose coloured.
        text, text_ja: captions that say the same in English and in Japanese.
        scene: all that is in the picture, as JSON holds it.
    """

    name: str
    pictures: dict[str, bytes]
    text: str
    text_ja: str
    scene: dict[str, Any]


def pairs(
    count: int,
    size: int = 64,
    seed: int = 0,
    level: str = "storybook",
    held_out: bool = False,
    rendition: str | None = None,
) -> Iterator[Pair]:
    """Captioned pictures with their maps, one after the other; the first of many are the same as of few.

    Args:
        count: how many.
        size: pixels a side.
        seed: data sets of different seeds have different pictures.
        level: "shapes" or "storybook".
        held_out: False gives only what training may see, True only what it may not.
        rendition: a name of `RENDITIONS`, for the pictures; the maps stay.
    """
    world = World(size, seed, held_out, partial=0.0, japanese=0.0, level=level)
    for first in range(0, count, BATCH):
        batch = world.drawings(first // BATCH, BATCH)
        drawing, scenes = batch["drawing"], batch["scene"]
        image = drawing.image
        if rendition:
            chance = random.Random(f"{rendition} {seed} {first}").getrandbits(63)
            image = RENDITIONS[rendition](drawing, torch.Generator().manual_seed(chance))
        pictures = {
            "image": to_pil(image),
            "semantic": [_indexed(classes) for classes in semantic_map(drawing, scenes)],
            "scribble": [picture.convert("L") for picture in to_pil(MAPS["scribble"](drawing, scenes))],
            "pose": to_pil(MAPS["pose"](drawing, scenes)),
        }
        for i in range(min(BATCH, count - first)):
            text = batch["caption"][i]
            said, _ = understand(text, level)  # what the English says, so that the Japanese says no more and no less
            text_ja = describe(said, "ja", random.Random(f"japanese {seed} {first + i}"))
            files = {kind: png(made[i]) for kind, made in pictures.items()}
            yield Pair(f"{first + i:06d}", files, text, text_ja, plain(scenes[i]))


def write_dataset(
    target: Path,
    count: int,
    form: str = "imagefolder",
    size: int = 64,
    seed: int = 0,
    level: str = "storybook",
    held_out: bool = False,
    rendition: str | None = None,
    shard_size: int = SHARD,
    progress: Callable[[Iterator[Pair]], Iterator[Pair]] = iter,
) -> None:
    """Writes a data set, whole or not at all; the same numbers give the same bytes.

    Args:
        target: a folder, or for "parquet" a file; it must not exist yet.
        count: how many pairs, 1 to 1,000,000.
        form: "imagefolder" or "parquet", which Hugging Face's `datasets` opens, or "webdataset", a folder of tar files.
        size, seed, level, held_out, rendition: as in `pairs`.
        shard_size: pairs in a tar file.
        progress: is handed the pairs on their way to the disk, such as tqdm.

    Raises:
        ValueError: a form, level or rendition that there is not, a number out of range, or a file's name for "parquet"
            that does not end in .parquet.
        FileExistsError: the target is there.
        OSError: the disk is full or the folder cannot be written.
        ImportError: "parquet" without pyarrow.
    """
    if form not in FORMS:
        raise ValueError(f"A data set's form must be one of {', '.join(FORMS)}; got {form!r}.")
    if rendition is not None and rendition not in RENDITIONS:
        raise ValueError(f"A rendition must be one of {', '.join(RENDITIONS)}; got {rendition!r}.")
    if not 1 <= count <= MOST or shard_size < 1:
        raise ValueError(
            f"A data set has 1 to {MOST:,} pairs, and a shard at least 1; got {count} and {shard_size}. "
            "For more, write several with different seeds."
        )
    if size < 16:
        raise ValueError(f"A picture needs at least 16 pixels a side to show its shape; got {size}.")
    if form == "parquet" and target.suffix != ".parquet":
        raise ValueError(f"A Parquet file's name must end in .parquet; got {str(target)!r}.")
    if os.path.lexists(target):
        raise FileExistsError(
            f"{target} exists already, and a data set never overwrites. Remove it or choose another name."
        )
    rows = pairs(count, size, seed, level, held_out, rendition)
    FORMS[form](target, progress(rows), shard_size)


def _write_imagefolder(target: Path, rows: Iterator[Pair], shard_size: int) -> None:
    """images/, one folder for each map, and metadata.jsonl, whose columns ending in file_name become pictures."""
    with _folder_beside(target) as folder:
        for kind in ("images", *MAPS):
            (folder / kind).mkdir()
        with (folder / "metadata.jsonl").open("w", encoding="utf-8", newline="\n") as metadata:
            for pair in rows:
                row: dict[str, Any] = {}
                for kind, png in pair.pictures.items():
                    path = f"{'images' if kind == 'image' else kind}/{pair.name}.png"
                    (folder / path).write_bytes(png)
                    row["file_name" if kind == "image" else f"{kind}_file_name"] = path
                row |= {"text": pair.text, "text_ja": pair.text_ja, "scene": _json(pair.scene)}
                metadata.write(_json(row) + "\n")
        (folder / "classes.json").write_text(_json(CLASSES) + "\n", encoding="utf-8")


def _write_parquet(target: Path, rows: Iterator[Pair], shard_size: int) -> None:
    """One file; a picture is a struct of bytes and path, and the schema names it an Image, as `datasets` does."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow, which is not installed: pip install pyarrow.") from error

    kinds, texts = ("image", *MAPS), ("text", "text_ja", "scene")
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {kind: {"_type": "Image"} for kind in kinds}
    features |= {text: {"dtype": "string", "_type": "Value"} for text in texts}
    notes = {"huggingface": _json({"info": {"features": features}}), "classes": _json(CLASSES)}
    columns = [(kind, picture) for kind in kinds] + [(text, pa.string()) for text in texts]
    schema = pa.schema(columns, metadata=notes)
    with written_beside(target) as beside, pq.ParquetWriter(beside, schema) as writer:
        for group in _groups(rows, 100):  # few rows a group, so that they can be looked at one by one on the hub
            table: list[dict[str, Any]] = []
            for pair in group:
                row: dict[str, Any] = {k: {"bytes": p, "path": f"{pair.name}.png"} for k, p in pair.pictures.items()}
                table.append(row | {"text": pair.text, "text_ja": pair.text_ja, "scene": _json(pair.scene)})
            writer.write_table(pa.Table.from_pylist(table, schema=schema))


def _write_webdataset(target: Path, rows: Iterator[Pair], shard_size: int) -> None:
    """Tar files of `shard_size` samples; the files of a sample share a name up to its first dot."""
    with _folder_beside(target) as folder:
        for i, group in enumerate(_groups(rows, shard_size)):
            with tarfile.open(folder / f"{i:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as shard:
                for pair in group:
                    files = {"png" if k == "image" else f"{k}.png": png for k, png in pair.pictures.items()}
                    files |= {"txt": pair.text.encode(), "ja.txt": pair.text_ja.encode()}
                    files["json"] = _json(pair.scene).encode()
                    add_sample(shard, pair.name, files)


def add_sample(shard: tarfile.TarFile, name: str, files: Mapping[str, bytes]) -> None:
    """Adds a sample to a WebDataset's tar file: for each ending a file; the same bytes wherever and whenever."""
    for ending, content in files.items():
        entry = tarfile.TarInfo(f"{name}.{ending}")
        entry.size = len(content)
        shard.addfile(entry, io.BytesIO(content))


FORMS = {"imagefolder": _write_imagefolder, "parquet": _write_parquet, "webdataset": _write_webdataset}


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """As `written_beside`, for a folder: given beside its place, and moved there only when all went well."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.mkdir(parents=True)
        yield beside
        beside.rename(target)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fix = "Free some space" if full else "Choose another folder, or see to it that this one can be written"
        raise OSError(f"Could not write {target}: {error.strerror or error}. Nothing is left of it. {fix}.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _groups(rows: Iterator[Pair], size: int) -> Iterator[list[Pair]]:
    group: list[Pair] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _indexed(classes: Tensor) -> Image.Image:
    """A semantic map (H, W) as a picture whose pixels are class numbers and which has a palette to look at it."""
    picture = Image.fromarray(classes.to(torch.uint8).cpu().numpy(), mode="L")
    picture.putpalette([level for color in PALETTE for level in color])
    return picture


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def plain(scene: Scene) -> dict[str, Any]:
    """A scene without what it leaves open, its other things inside it."""

    def given(values: dict[str, Any]) -> dict[str, Any]:
        return {k: given(v) if isinstance(v, dict) else v for k, v in values.items() if v is not None}

    return given(asdict(scene))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
