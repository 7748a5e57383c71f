"""An index over the pictures that were kept, and the search in it by words or by a picture.

It is exact, by torch, up to a hundred thousand pictures and wherever faiss is not installed; beyond, faiss looks only
into those cells of the space that are near the query (Johnson et al. 2017).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from t2ilab.clip.retrieval import nearest, unit_rows
from t2ilab.files import read_config, write_json, written_beside
from t2ilab.images import from_pil
from t2ilab.interop.weights import write_tensors
from t2ilab.pipelines.embedding import MANIFEST, Embedded, Encoder, model_hash, read_manifest, read_pairs
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.pair_sources import images_at, source_of
from t2ilab.zoo import sha256

LARGE = 100_000  # pictures from which on faiss is used, where it is installed
FEATURES, ABOUT, CELLS = "index.safetensors", "index.json", "index.faiss"


@dataclass(frozen=True)
class Found:
    """One pair that a search found.

    Attributes:
        score: the cosine to the query.
        caption: of the pair.
        where: it is from, in words.
        number: of the pair among all of the folder.
        at: the state of the source before it, from which its picture is read again.
    """

    score: float
    caption: str
    where: str
    number: int
    at: dict[str, int]

    def __str__(self) -> str:
        return f"{self.score:.3f}  {self.caption}  ({self.where})"


def write_index(folder: str | Path, embedded: Embedded, kept: Tensor, about: Mapping[str, Any]) -> None:
    """Writes an index of the pairs that are kept into their folder.

    Args:
        folder: of the shards.
        embedded: all its pairs.
        kept: bool (N,).
        about: to be remembered with it, as JSON holds it.

    Raises:
        ValueError: not one pair is kept, or shards were left out.
        OSError: the disk is full.
    """
    folder = Path(folder)
    if not kept.any():
        raise ValueError(f"Not one of {len(kept)} pairs is kept, so there is nothing to search; lower the threshold.")
    if embedded.left_out:
        raise ValueError(f"An index is of all shards; got pairs without these: {'; '.join(embedded.left_out)}.")
    features = F.normalize(embedded.images[kept], dim=-1)
    write_tensors(folder / FEATURES, {"features": features})
    cells = _cells(features)
    (folder / CELLS).unlink(missing_ok=True)
    if cells is not None:
        with written_beside(folder / CELLS) as beside:
            _faiss().write_index(cells, str(beside))
    numbers = kept.nonzero()[:, 0].tolist()
    write_json(folder / ABOUT, {"manifest": sha256(folder / MANIFEST), "features": sha256(folder / FEATURES),
                                **about, "kept": numbers})  # fmt: skip


def open_index(folder: str | Path) -> PairIndex:
    """The index of a folder, with the CLIP that embedded it, opened by its name.

    Raises:
        ValueError, OSError: as `PairIndex` does, or where there is no such CLIP any more.
    """
    return PairIndex(folder, ImageText.from_pretrained(read_manifest(Path(folder))["model"]["name"]))


def read_picture(path: str | Path) -> Tensor:
    """A picture file as a query: (1, 3, H, W) in [-1, 1]. Raises OSError where it is none."""
    try:
        with Image.open(path) as picture:
            return from_pil(picture)
    except FileNotFoundError:
        raise OSError(f"There is no picture {path}.") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise OSError(f"{path} cannot be read as a picture: {str(error).rstrip('.')}.") from error


class PairIndex:
    """Searches the pairs of a folder.

    Args:
        folder: as `pairs.build` makes it.
        clip: the CLIP that embedded them.

    Raises:
        ValueError: no index, one of other pairs than the folder now holds, or another CLIP.
        OSError: a file is missing or damaged.
    """

    def __init__(self, folder: str | Path, clip: Encoder):
        self.folder, self.clip = Path(folder), clip
        self.manifest = read_manifest(self.folder)
        if not (self.folder / ABOUT).exists():
            raise ValueError(f"{folder} has no index yet; `t2ilab data build --folder {folder}` makes it.")
        self.about = read_config(self.folder / ABOUT)
        if self.about.get("manifest") != sha256(self.folder / MANIFEST):
            raise ValueError(f"The index of {folder} is of other pairs than it now holds; build it again.")
        if model_hash(clip) != self.manifest["model"]["sha256"]:
            raise ValueError(
                f"{folder} was embedded by another CLIP than this one: {self.manifest['model']['name']} with the "
                f"SHA-256 {self.manifest['model']['sha256'][:12]}. Open that one, or build a folder with this."
            )
        self.features = self._features()
        self.numbers: list[int] = self.about["kept"]
        self._cells = _read_cells(self.folder / CELLS, len(self.features))

    def search(self, queries: Sequence[str] | Tensor, k: int = 9) -> list[list[Found]]:
        """What is nearest to each query, the best first.

        Args:
            queries: texts, or pictures (B, 3, H, W) in [-1, 1].
            k: how many for each, 1 to the number of pairs that were kept.

        Raises:
            ValueError: another k, an empty text, or no pictures.
            OSError: a shard is missing or damaged.
        """
        clip = self.clip
        rows = clip.encode_image(queries) if isinstance(queries, Tensor) else clip.encode_text(queries)
        rows = unit_rows(rows.float().cpu())
        if self._cells is None or not 1 <= k <= len(self.features):
            scores, found = nearest(rows, self.features, k)
        else:
            scores, found = (torch.from_numpy(part) for part in self._cells.search(rows.numpy(), k))
        return [
            [self._found(score, self.numbers[row]) for score, row in zip(best, which, strict=True) if row >= 0]
            for best, which in zip(scores.tolist(), found.tolist(), strict=True)
        ]

    def pictures(self, found: Sequence[Found]) -> list[Tensor]:
        """Their pictures (3, H, W) in [-1, 1], drawn or read again.

        Raises:
            ValueError, OSError: the source is gone or out of reach.
        """
        images = images_at(source_of(self.manifest["source"]), {one.number: one.at for one in found})
        return [images[one.number] for one in found]

    def _found(self, score: float, number: int) -> Found:
        shard, row = divmod(number, self.manifest["shard_size"])
        pair = self._pairs(shard)[row]
        return Found(score, pair["caption"], pair["where"], number, pair["at"])

    def _pairs(self, shard: int) -> list[dict[str, Any]]:
        if shard not in self._read:
            self._read[shard] = read_pairs(self.folder, self.manifest["shards"][shard])
        return self._read[shard]

    def _features(self) -> Tensor:
        self._read: dict[int, list[dict[str, Any]]] = {}
        path = self.folder / FEATURES
        try:
            if sha256(path) == self.about.get("features"):
                return unit_rows(load_file(path)["features"].float())  # once, and not for each query
            why = "its SHA-256 is not the one of index.json"
        except (OSError, SafetensorError, LookupError) as error:
            why = str(error).rstrip(".")
        raise OSError(f"{path} is missing, cut short or changed: {why}. Build the index again.")


def _faiss() -> Any:
    """faiss, or None where it is not installed: nothing needs it."""
    try:
        return importlib.import_module("faiss")
    except ImportError:
        return None


def _cells(features: Tensor) -> Any:
    """An index of faiss over many rows of length 1; None for few, or without faiss."""
    if len(features) < LARGE or (faiss := _faiss()) is None:
        return None
    rows = features.contiguous().numpy()
    cells = round(4 * len(rows) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(rows.shape[1]), rows.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.train(rows[:: max(1, len(rows) // (64 * cells))])
    index.add(rows)
    index.nprobe = max(8, cells // 32)  # cells that a query looks into
    return index


def _read_cells(path: Path, rows: int) -> Any:
    """The index that faiss wrote; None where there is none, faiss is not installed, or it is of other rows."""
    if not path.exists() or (faiss := _faiss()) is None:
        return None
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:  # as faiss calls whatever it cannot read
        raise OSError(f"{path} is cut short or changed. Build the index again.") from error
    return index if index.ntotal == rows else None
