"""Pairs into shards for training at scale, by several processes; killed at any moment, it goes on with what is missing.

A folder holds manifest.json and 00000.tar, 00001.tar, ..., as WebDataset has them. Of a sample, whose name is its row
in the source, a shard has .png, .txt, .json and, where a model was named, what its U-Net is trained on: .latent.npy,
the scaled mean of its autoencoder's latents, float16 (C, h, w), and .text.npy, its words, float16 (L, D).
"""

from __future__ import annotations

import io
import json
import multiprocessing
import signal
import tarfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from t2ilab import zoo
from t2ilab.data.export import add_sample, png
from t2ilab.data.opening import say
from t2ilab.files import read_config, write_json, written_beside
from t2ilab.images import from_pil, to_pil
from t2ilab.pipelines.editing import to_latents
from t2ilab.pipelines.embedding import MANIFEST, SHARD, check_same, fault, lasting_name, model_hash
from t2ilab.pipelines.pair_sources import DataSet, Drawn, PairSource
from t2ilab.pipelines.text_to_image import TextToImage

ENTRY = {"name", "start", "span", "rows", "cut", "ended", "bytes", "sha256"}  # what a manifest says of each shard
TOGETHER = 32  # pairs encoded at once, counted from the beginning of each shard, so that a shard is always the same


class PairEncoder:
    """The frozen half of a latent text-to-image model, in float32: pictures to latents, captions to tokens.

    Args:
        name: of the zoo, of a folder or of the hub.
        device: where; the machine's best by default.

    Raises:
        ValueError, OSError: as `TextToImage.from_pretrained`; and for a model without an autoencoder.
    """

    def __init__(self, name: str, device: str | None = None):
        self.name = lasting_name(name)
        self.pipe = TextToImage.from_pretrained(name, device)
        self.pipe.device.dtype = torch.float32  # what is kept for good is the same whatever was measured to be faster
        if self.pipe.vae is None:
            raise ValueError(
                f"Latents need a model with an autoencoder; {name} works on pixels. Take shapes or storybook."
            )
        self.pipe.unet = self.pipe.unet.conv_in  # type: ignore[assignment]  # the rest, of 3 GB it may be, is not needed
        self.tokenizer = self.pipe.tokenizer
        self.model = nn.ModuleDict({"vae": self.pipe.vae, "text_encoder": self.pipe.text_encoder}).requires_grad_(False)

    def describe(self) -> dict[str, Any]:
        """What makes its latents and embeddings these and no others."""
        scale = self.pipe.vae.config.scaling_factor if self.pipe.vae else None
        return {"name": self.name, "sha256": model_hash(self), "scaling_factor": scale}

    @torch.no_grad()
    def __call__(self, images: Tensor, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, H, W) in [-1, 1] and captions -> float16 latents (B, C, h, w) and tokens (B, L, D)."""
        tokens = self.pipe.text_encoder(self.tokenizer(captions).to(self.pipe.device.device))
        return to_latents(self.pipe, images).half().cpu(), tokens.half().cpu()

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process goes its name, and not its weights."""
        return PairEncoder, (self.name, str(self.pipe.device.device))


def prepare(
    source: Drawn | DataSet,
    folder: str | Path,
    count: int | None = None,
    encoder: PairEncoder | None = None,
    *,
    shard_size: int = SHARD,
    workers: int = 1,
    progress: Callable[[int], None] = lambda rows: None,
) -> dict[str, Any]:
    """Writes the shards of a source, or those that an earlier run of the same left to do; a folder grows with `count`.

    A shard that is missing or damaged is named and made again. Each is there whole or not at all.

    Args:
        source: of the pairs; what it cannot open is left out and counted.
        folder: its own; made where there is none.
        count: how many rows of the source, None for all that it has.
        encoder: of latents and embeddings; None for pictures and captions alone.
        shard_size: rows of the source in a shard.
        workers: processes that each make a shard at a time, with one thread each where they are several.
        progress: is told after each shard how many rows of the source are done.

    Returns:
        The manifest: "source", "model", "shard_size", "complete", and "shards", of each "name", "rows", "sha256", ...

    Raises:
        ValueError: a number below 1, no count of a source without end, a folder of other settings or of more rows, a
            size that the autoencoder does not take, or a source without pairs.
        OSError: the disk is full, the folder cannot be written, or the source is out of reach; what was done stays.
    """
    if min(shard_size, workers, 1 if count is None else count) < 1:
        raise ValueError(
            f"There is at least 1 pair, 1 in a shard and 1 worker; got {count}, {shard_size} and {workers}."
        )
    if count is None and isinstance(source, Drawn):
        raise ValueError("The world has no end: say how many pairs, got no count. 2000 is a beginning.")
    folder = Path(folder)
    manifest = _begun(folder, source, encoder, shard_size)
    kept: dict[int, dict[str, Any]] = {}
    limit: float = float("inf") if count is None else count  # rows of the source that there are to take
    for shard in manifest["shards"]:
        if shard["start"] + shard["span"] > limit:
            raise ValueError(f"{folder} holds more than {count} rows already; choose another folder.")
        grows = shard["span"] < min(shard_size, limit - shard["start"]) and not shard["ended"]
        if broken := None if grows else fault(folder, shard):
            say(f"{broken}; it is made again.")
        elif not grows:
            kept[shard["start"] // shard_size] = shard
    limit = min([limit, *(shard["start"] + shard["span"] for shard in kept.values() if shard["ended"])])
    if manifest["shards"]:
        of = "" if limit == float("inf") else f" of {-(-int(limit) // shard_size)}"
        say(f"{folder}: {len(kept)}{of} shards are there and whole; only the others are made.")
    for path in folder.glob(".0*.part"):  # of a run that was killed while it wrote
        path.unlink()

    def write(complete: bool) -> None:
        shards = [kept[number] for number in sorted(kept)]
        manifest.update(shards=shards, complete=complete)
        write_json(folder / MANIFEST, manifest)
        progress(sum(shard["span"] for shard in shards))

    pool = _pool(workers, encoder)
    try:
        running: set[Future[dict[str, Any]]] = set()
        number = 0
        while True:
            while number * shard_size < limit and len(running) < (1 if workers == 1 else 2 * workers):
                if number not in kept:
                    start = number * shard_size
                    stop = int(min(start + shard_size, limit))
                    running.add(pool.submit(_make, source, folder / f"{number:05d}.tar", start, stop))
                number += 1
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: future.exception() is not None):  # what went well, first
                shard = future.result()
                if shard["ended"]:
                    limit = min(limit, shard["start"] + shard["span"])
                if shard["span"]:
                    kept[shard["start"] // shard_size] = shard
                    write(complete=False)
    except BrokenProcessPool:
        raise RuntimeError(
            f"A worker was killed, perhaps for want of memory. What is done stays in {folder}; run it again with fewer "
            f"than {workers} workers, and it goes on."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)
        _start(None, alone=True)  # where this process was the worker, it would hold the encoder for ever
    if not kept:
        raise ValueError(f"There are no pairs in this source: {json.dumps(source.describe(), ensure_ascii=False)}.")
    write(complete=True)
    return manifest


def _begun(folder: Path, source: Drawn | DataSet, encoder: PairEncoder | None, shard_size: int) -> dict[str, Any]:
    """The manifest of an earlier run of the same, or a new one. Raises ValueError for an earlier run of another."""
    factor = encoder.pipe.vae.config.factor if encoder and encoder.pipe.vae else 1
    if source.size % factor:
        raise ValueError(f"{encoder and encoder.name} encodes multiples of {factor} pixels a side; got {source.size}.")
    there = (folder / MANIFEST).exists()
    manifest = read_shards(folder) if there else {"shards": []}
    model = encoder and encoder.describe()
    wanted = {"version": 1, "source": source.describe(), "model": model, "shard_size": shard_size}
    if there:
        check_same(folder, manifest, wanted)
    return wanted | {"complete": False, "shards": manifest["shards"]}


def read_shards(folder: Path) -> dict[str, Any]:
    """The manifest of a folder of shards. Raises OSError where it is broken or of something else."""
    manifest = read_config(folder / MANIFEST)
    shards = manifest.get("shards")
    entries = isinstance(shards, list) and all(isinstance(one, dict) and one.keys() >= ENTRY for one in shards)
    if not entries or not manifest.keys() >= {"source", "model", "complete"}:
        raise OSError(f"{folder / MANIFEST} is no manifest of shards, or is changed. Choose another folder.")
    return manifest


_encoder: PairEncoder | None = None  # of this worker


def _start(encoder: PairEncoder | None, alone: bool) -> None:
    """Begins a worker."""
    global _encoder
    _encoder = encoder
    if not alone:
        torch.set_num_threads(1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it, and lets shards be finished


class _Here(Executor):
    """A pool of this process alone."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


def _pool(workers: int, encoder: PairEncoder | None) -> Executor:
    if workers == 1:
        _start(encoder, alone=True)
        return _Here()
    context = multiprocessing.get_context("spawn")  # a forked process would inherit torch's threads, and hang
    return ProcessPoolExecutor(workers, context, _start, (encoder, False))


class _Rows:
    """Rows `start` to `stop` of a source, with their numbers; afterwards `ended` says whether it has no more."""

    def __init__(self, source: PairSource, start: int, stop: int):
        self.source, self.start, self.stop, self.ended = source, start, stop, False

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for item, after in self.source.rows({"position": self.start, "shard": 0, "row": self.start}):
            if after["position"] <= self.stop:
                yield after["position"] - 1, item
            if after["position"] >= self.stop:
                return
        self.ended = True


def _make(source: Drawn | DataSet, path: Path, start: int, stop: int) -> dict[str, Any]:
    """Writes the shard of these rows of a source, if there are any. Returns its entry of the manifest."""
    rows, made, end, cut = _Rows(source, start, stop), 0, start, 0
    reading = iter(rows)
    chunk = list(islice(reading, TOGETHER))
    if chunk or not rows.ended:
        with written_beside(path) as beside, tarfile.open(beside, "w", format=tarfile.USTAR_FORMAT) as shard:
            while chunk:
                for position, files in _files(source, chunk):
                    add_sample(shard, f"{position:09d}", files)
                made, end = made + len(chunk), chunk[-1][0] + 1
                if _encoder:
                    cut += sum(bool(_encoder.tokenizer.unread(item["caption"])) for _, item in chunk)
                chunk = list(islice(reading, TOGETHER))
    span = (end if rows.ended else stop) - start
    hashes = {path.name: zoo.sha256(path)} if span else {}
    return {"name": path.name, "start": start, "span": span, "rows": made, "cut": cut, "ended": rows.ended,
            "bytes": path.stat().st_size if span else 0, "sha256": hashes}  # fmt: skip


def _files(source: PairSource, chunk: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, Mapping[str, bytes]]]:
    """Of each row its number and what a shard holds of it; latents are those of the picture as it is stored."""
    pictures = to_pil(torch.stack([item["image"] for _, item in chunk]))
    captions = [item["caption"] for _, item in chunk]
    cached = _encoder(from_pil(pictures), captions) if _encoder else None
    for i, (position, item) in enumerate(chunk):
        known = json.dumps(source.about(item, position), ensure_ascii=False)
        files = {
            "png": png(pictures[i]),
            "txt": captions[i].encode(errors="replace"),
            "json": known.encode(errors="replace"),
        }
        if cached:
            files |= {f"{kind}.npy": _npy(both[i]) for kind, both in zip(("latent", "text"), cached, strict=True)}
        yield position, files


def _npy(tensor: Tensor) -> bytes:
    file = io.BytesIO()
    np.save(file, tensor.contiguous().numpy())
    return file.getvalue()
