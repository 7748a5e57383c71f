"""Batches out of shards, for training: what a step is given follows from the seed and its number alone.

The shards are dealt out to lanes, and every batch takes the same rows from each lane; a lane walks through its shards
in another order each time, and through the rows of each in another order. So a run goes on anywhere without reading
what was before, any number of processes sees the same batches, and where the lanes divide among them each process
reads its own shards alone. A thread reads ahead: what the next steps need is there when they come to it.
"""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from bisect import bisect_right
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from t2ilab.data.opening import say
from t2ilab.pipelines.embedding import MANIFEST
from t2ilab.pipelines.sharding import read_shards

KINDS = ("latent.npy", "text.npy")


class ShardStream:
    """The latents and embeddings of a folder that `sharding.prepare` wrote, batch by batch.

    Args:
        folder: of the shards.
        batch: rows in a batch.
        seed: of their order.
        lanes: shards that a batch is mixed from; less, where there are fewer shards or rows. So many are in memory, and
            up to so many more once the lanes are past half of theirs, when the next are read.
        skip_missing: leave out shards that are missing or of another length, and say so; False stops at them.

    Attributes:
        manifest: of the folder.
        left_out: names of the shards that were left out.

    Raises:
        ValueError: no shards, or shards without latents and embeddings; a batch or lanes below 1.
        OSError: a shard is missing, or another is not made yet; the sentence names it.
    """

    def __init__(self, folder: str | Path, batch: int, seed: int = 0, lanes: int = 8, skip_missing: bool = False):
        self.folder, self.rows, self.seed = Path(folder), batch, seed
        if batch < 1 or lanes < 1:
            raise ValueError(f"A batch holds at least one pair, and is of at least one lane; got {batch} and {lanes}.")
        if not (self.folder / MANIFEST).exists():
            raise ValueError(f"{folder} holds no shards (no {MANIFEST}); `t2ilab data shards --model` makes them.")
        self.manifest = read_shards(self.folder)
        if not self.manifest["model"]:
            raise ValueError(
                f"{folder} holds no latents and embeddings; `t2ilab data shards --model` makes shards that do."
            )
        shards, self.left_out = self._whole(skip_missing)
        shards = [shard for shard in shards if shard["rows"]]
        if not shards:
            raise ValueError(f"{folder} has no shard with a pair in it; run `t2ilab data shards` again.")
        lanes = min(lanes, batch, len(shards))
        self.lanes = [shards[lane::lanes] for lane in range(lanes)]
        self._held: dict[int, tuple[str, tuple[Tensor, Tensor]]] = {}  # lane -> the shard that it is in
        self._ahead: dict[int, tuple[str, Future]] = {}  # lane -> the shard that it comes to next
        self._reader = ThreadPoolExecutor(1, "shards")

    def _whole(self, skip: bool) -> tuple[list[dict[str, Any]], list[str]]:
        """The shards that are there, by their length alone: their hashes are looked at when they are read."""
        there, faults = [], {}
        for shard in self.manifest["shards"]:
            path = self.folder / shard["name"]
            if not path.exists():
                faults[shard["name"]] = f"{path} is missing"
            elif path.stat().st_size != shard["bytes"]:
                faults[shard["name"]] = f"{path} is cut short: {path.stat().st_size} bytes, not {shard['bytes']}"
            else:
                there.append(shard)
        if not self.manifest["complete"]:
            faults["the rest"] = f"{self.folder} is not finished, {len(self.manifest['shards'])} shards are made"
        for fault in faults.values():
            if not skip:
                raise OSError(
                    f"{fault}. Run `t2ilab data shards` again to make it, or train without by --skip-missing."
                )
            say(f"{fault}; training goes without.")
        return there, list(faults)

    @property
    def sha256(self) -> str:
        """What tells these shards from others: a hash over theirs."""
        hashes = [shard["sha256"] for lane in self.lanes for shard in lane]
        return hashlib.sha256(repr(hashes).encode()).hexdigest()

    def batch(self, step: int, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Rows of the step-th batch, all or some: latents (B, C, h, w) and embeddings (B, L, D), in float32.

        Raises:
            OSError: a shard that is read for them is missing or damaged.
        """
        latents, tokens = [], []
        reached: dict[int, int] = {}  # lane -> its last row that this batch takes
        for row in range(self.rows)[rows]:
            lane = row * len(self.lanes) // self.rows
            first = -(-lane * self.rows // len(self.lanes))  # of this lane's rows of a batch, and the first of the next
            after = -(-(lane + 1) * self.rows // len(self.lanes))
            reached[lane] = step * (after - first) + row - first
            epoch, shard, place = self._at(lane, reached[lane])
            at = _order(f"{self.seed} {lane} {epoch} {shard['name']}", shard["rows"])[place]
            content = self._content(lane, shard)
            latents.append(content[0][at])
            tokens.append(content[1][at])
        self._read_ahead(reached)
        return torch.stack(latents).float(), torch.stack(tokens).float()

    def _content(self, lane: int, shard: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """What is in the shard that a lane is in: held, read ahead, or read now."""
        if (held := self._held.get(lane)) and held[0] == shard["name"]:
            return held[1]
        self._held.pop(lane, None)  # make room first
        name, reading = self._ahead.pop(lane, ("", None))
        if reading and name == shard["name"] and reading.exception() is None:
            content = reading.result()
        else:  # a fault that was met ahead is met again here, by the step that needs the shard
            content = read_shard(self.folder, shard)
        self._held[lane] = shard["name"], content
        return content

    def _read_ahead(self, reached: Mapping[int, int]) -> None:
        """Begins to read the next shard of one lane that is past half of its own, the one that needs it first.

        One at a time, so that a process that ends waits for no more than one.
        """
        if any(not reading.done() for _, reading in self._ahead.values()):
            return
        due = []
        for lane in reached.keys() - self._ahead.keys():
            _, shard, place = self._at(lane, reached[lane])
            left = shard["rows"] - place - 1
            if left < shard["rows"] / 2:
                _, following, _ = self._at(lane, reached[lane] + left + 1)
                if following["name"] != shard["name"]:
                    due.append((left, lane, following))
        if due:
            _, lane, shard = min(due, key=lambda one: one[:2])
            self._ahead[lane] = shard["name"], self._reader.submit(read_shard, self.folder, shard)

    def _at(self, lane: int, position: int) -> tuple[int, dict[str, Any], int]:
        """Where a lane's row of that number comes: in which epoch and shard, and after how many of the shard's rows."""
        shards = self.lanes[lane]
        epoch, rest = divmod(position, sum(shard["rows"] for shard in shards))
        order = _order(f"{self.seed} {lane} {epoch}", len(shards))
        ends = list(accumulate(shards[i]["rows"] for i in order))
        index = bisect_right(ends, rest)
        shard = shards[order[index]]
        return epoch, shard, rest - (ends[index] - shard["rows"])


@lru_cache(512)
def _order(chance: str, count: int) -> tuple[int, ...]:
    """The numbers below `count` in an order that follows from `chance`."""
    numbers = list(range(count))
    random.Random(f"shards {chance}").shuffle(numbers)
    return tuple(numbers)


class _Hashed(io.RawIOBase):
    """A file that is hashed while it is read, once and from its beginning."""

    def __init__(self, file: IO[bytes]):
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self.file.read(size)
        self.digest.update(content)
        return content


def read_shard(folder: Path, shard: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Latents (N, C, h, w) and embeddings (N, L, D) of a shard, float16, against its hash.

    Raises:
        OSError: it is missing, damaged, or cannot be read.
    """
    path = folder / shard["name"]
    found: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    fault = "its SHA-256 is not the one of the manifest"
    try:
        with path.open("rb") as plain:
            file = _Hashed(plain)
            with tarfile.open(fileobj=file, mode="r|") as tar:
                for entry in tar:
                    kind = entry.name.partition(".")[2]
                    if kind in found and (content := tar.extractfile(entry)):
                        found[kind].append(np.load(io.BytesIO(content.read()), allow_pickle=False))
            while file.read(2**20):  # what is behind the last entry
                pass
        if file.digest.hexdigest() == shard["sha256"][shard["name"]]:
            latents, tokens = (torch.from_numpy(np.stack(found[kind])) for kind in KINDS)
            return latents, tokens
    except FileNotFoundError:
        raise OSError(f"{path} is missing. Run `t2ilab data shards` again, which makes it anew.") from None
    except (tarfile.TarError, ValueError, EOFError) as error:
        fault = str(error) or fault
    raise OSError(f"{path} is damaged: {fault}. Run `t2ilab data shards` again, which makes it anew.")
