"""Pairs into features, shard by shard: killed at any moment it goes on, and ends with the same files.

A folder holds manifest.json, and for each shard its features (00000.safetensors: "images" and "texts", float16 (N, D),
and "looks", uint8 (N, 3, 32, 32)) and what is known of its pairs (00000.jsonl: one a line).
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from t2ilab import zoo
from t2ilab.data.opening import say
from t2ilab.files import read_config, write_json, write_whole, written_beside
from t2ilab.pipelines.copies import looks_of
from t2ilab.pipelines.pair_sources import PairSource

SHARD = 1000
TOGETHER = 128  # pairs encoded at once, counted from the beginning of each shard, so that a shard is always the same
MANIFEST = "manifest.json"
FILES = (".safetensors", ".jsonl")


class Weighed(Protocol):
    """Whatever a network decides."""

    @property
    def model(self) -> nn.Module: ...


class Encoder(Weighed, Protocol):
    """What pairs are embedded with; `ImageText` is one."""

    def encode_image(self, images: Tensor) -> Tensor: ...

    def encode_text(self, texts: Sequence[str]) -> Tensor: ...


@dataclass(frozen=True)
class Embedded:
    """The pairs of a folder, as far as they were read.

    Attributes:
        images, texts: float32 (N, D), as the encoder gave them, rounded to float16.
        looks: uint8 (N, 3, 32, 32): the pictures themselves, very small.
        pairs: what is known of each: "caption", "where", "at" (the state of its source), and the truth if there is one.
        manifest: of the folder.
        left_out: shards that could not be read, and why.
    """

    images: Tensor
    texts: Tensor
    looks: Tensor
    pairs: list[dict[str, Any]]
    manifest: dict[str, Any]
    left_out: tuple[str, ...] = ()


def embed_pairs(
    source: PairSource,
    clip: Encoder,
    folder: str | Path,
    count: int | None = None,
    *,
    name: str = "a CLIP",
    shard_size: int = SHARD,
    progress: Callable[[int], None] = lambda rows: None,
) -> dict[str, Any]:
    """Embeds pairs into a folder, or goes on where an earlier run of the same pairs stopped.

    A shard that is missing or damaged is named and made again. A folder grows: with a larger count, it takes more.

    Args:
        source: of the pairs.
        clip: embeds them; its weights are told by their hash.
        folder: its own; made where there is none.
        count: how many pairs in all; None takes all that the source has.
        name: of the model, by which `ImageText.from_pretrained` opens it again.
        shard_size: pairs in a shard.
        progress: is told after each shard how many pairs are done.

    Returns:
        The manifest: "model", "source", "rows", "shards", ...

    Raises:
        ValueError: a count or a shard_size below 1, a folder of another source, model or shard size or of more pairs,
            or a source without pairs.
        OSError: the disk is full, the folder cannot be written, or the source is out of reach; what was done stays.
    """
    if shard_size < 1 or (count is not None and count < 1):
        raise ValueError(f"There is at least 1 pair, and at least 1 in a shard; got {count} and {shard_size}.")
    folder = Path(folder)
    model = {"name": lasting_name(name), "sha256": model_hash(clip)}
    wanted = {"version": 1, "model": model, "source": source.describe(), "shard_size": shard_size}
    manifest = _begun(folder, wanted)
    shards: list[dict[str, Any]] = manifest["shards"]
    if count is not None and manifest["rows"] > count:
        raise ValueError(f"{folder} holds {manifest['rows']} pairs already, more than {count}; choose another folder.")
    for path in folder.glob(".0*.part"):  # of a run that was killed while it wrote
        path.unlink()
    for i, shard in enumerate(shards):
        if broken := fault(folder, shard):
            say(f"{broken}; its {shard['rows']} pairs are embedded again.")
            shards[i], _ = _embed(source, clip, folder, shard["name"], shard["start"], shard["rows"])
            if shards[i]["rows"] != shard["rows"]:
                raise OSError(f"{folder}: the source has fewer pairs than when shard {shard['name']} was made.")
            write_json(folder / MANIFEST, manifest)
    if shards and shards[-1]["rows"] < shard_size and not manifest["ended"] and manifest["rows"] != count:
        last = shards.pop()  # it was the last of fewer pairs, and becomes a whole one
        manifest |= {"rows": manifest["rows"] - last["rows"], "end": last["start"]}
    progress(manifest["rows"])
    while not manifest["ended"] and (count is None or manifest["rows"] < count):
        most = shard_size if count is None else min(shard_size, count - manifest["rows"])
        shard, end = _embed(source, clip, folder, f"{len(shards):05d}", manifest["end"], most)
        manifest["ended"] = shard["rows"] < most
        if shard["rows"]:
            shards.append(shard)
        manifest |= {"rows": manifest["rows"] + shard["rows"], "end": end}
        if not shards:
            raise ValueError(f"There are no pairs in this source: {_short(wanted['source'])}.")
        write_json(folder / MANIFEST, manifest)
        progress(manifest["rows"])
    return manifest


def load_embedded(folder: str | Path, on_broken: str = "raise") -> Embedded:
    """Reads what `embed_pairs` wrote, every file against its hash.

    Args:
        folder: of the shards.
        on_broken: "raise", or "skip" to leave out shards that are missing or damaged; `left_out` names them.

    Raises:
        ValueError: there are no embedded pairs, or another on_broken.
        OSError: a shard is missing or damaged, or with "skip" all of them; the sentence names it.
    """
    if on_broken not in ("raise", "skip"):
        raise ValueError(f'on_broken must be "raise" or "skip"; got {on_broken!r}.')
    folder = Path(folder)
    manifest = read_manifest(folder)
    tensors: list[dict[str, Tensor]] = []
    pairs: list[dict[str, Any]] = []
    left_out: list[str] = []
    for shard in manifest["shards"]:
        broken = fault(folder, shard)
        if broken and (on_broken == "raise" or len(left_out) + 1 == len(manifest["shards"])):
            raise OSError(f"{broken}. Run the same command again, which embeds what is missing.")
        if broken:
            left_out.append(broken)
            continue
        tensors.append(load_file(folder / f"{shard['name']}.safetensors"))
        pairs += read_pairs(folder, shard)
    images, texts, looks = (torch.cat([part[kind] for part in tensors]) for kind in ("images", "texts", "looks"))
    return Embedded(images.float(), texts.float(), looks, pairs, manifest, tuple(left_out))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder. Raises ValueError where there is none, OSError where it is broken."""
    if not (folder / MANIFEST).exists():
        raise ValueError(f"{folder} holds no embedded pairs (no {MANIFEST}); `t2ilab data build --folder` makes them.")
    manifest = read_config(folder / MANIFEST)
    if missing := {"model", "source", "shard_size", "rows", "end", "ended", "shards"} - manifest.keys():
        raise OSError(f"{folder / MANIFEST} is no manifest of pairs: it lacks {', '.join(sorted(missing))}.")
    return manifest


def read_pairs(folder: Path, shard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is known of the pairs of a shard."""
    lines = (folder / f"{shard['name']}.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [json.loads(line) for line in lines]


def model_hash(clip: Weighed) -> str:
    """SHA-256 over all that decides its features: weights, words, and the numbers that it sees pictures in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(clip.model.state_dict().items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    tokenizer = getattr(clip, "tokenizer", None)
    words = (tokenizer.vocab, tokenizer.merges, tokenizer.context_length, tokenizer.pad) if tokenizer else None
    digest.update(json.dumps([words, getattr(clip, "mean", None), getattr(clip, "std", None)], sort_keys=True).encode())
    return digest.hexdigest()


def _begun(folder: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """The manifest of an earlier run of the same, or a new one. Raises ValueError for an earlier run of another."""
    if not (folder / MANIFEST).exists():
        return wanted | {"rows": 0, "end": {}, "ended": False, "shards": []}
    manifest = read_manifest(folder)
    check_same(folder, manifest, wanted)
    return manifest


def lasting_name(model: str) -> str:
    """A model's name as another folder's command finds it too."""
    return str(Path(model).resolve()) if model not in zoo.names() and Path(model).is_dir() else model


def check_same(folder: Path, manifest: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises ValueError where a folder's manifest is of other settings; the sentence says only where they differ."""
    for what, ours in json.loads(json.dumps(wanted)).items():
        if (theirs := manifest.get(what)) != ours:
            if isinstance(ours, dict) and isinstance(theirs, dict):  # only where they differ
                names = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
                ours, theirs = ({name: all_.get(name) for name in names} for all_ in (ours, theirs))
            raise ValueError(
                f"{folder} holds pairs of another {what.replace('_', ' ')}, {_short(theirs)} where it is to be "
                f"{_short(ours)}; choose another folder, or remove this one."
            )


def _embed(
    source: PairSource, clip: Encoder, folder: Path, name: str, start: Mapping[str, int], most: int
) -> tuple[dict[str, Any], Mapping[str, int]]:
    """Writes one shard of at most so many pairs; its entry in the manifest, and the state after it."""
    parts: dict[str, list[Tensor]] = {"images": [], "texts": [], "looks": []}
    lines: list[str] = []
    state = start
    rows = islice(source.rows(start), most)
    while chunk := list(islice(rows, TOGETHER)):
        pictures = torch.stack([item["image"] for item, _ in chunk])
        parts["images"].append(clip.encode_image(pictures).half().cpu())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of alt texts cut at their end, which are many in a crawl
            parts["texts"].append(clip.encode_text([item["caption"] for item, _ in chunk]).half().cpu())
        parts["looks"].append(looks_of(pictures))
        for item, after in chunk:
            known = source.about(item, after["position"] - 1) | {"at": state}
            lines.append(json.dumps(known, ensure_ascii=False))
            state = after
    if not lines:
        return {"name": name, "rows": 0}, state
    paths = [folder / f"{name}{ending}" for ending in FILES]
    write_whole(paths[1], ("\n".join(lines) + "\n").encode(errors="replace"))
    with written_beside(paths[0]) as beside:
        save_file({kind: torch.cat(part) for kind, part in parts.items()}, beside)
    hashes = {path.name: zoo.sha256(path) for path in paths}
    return {"name": name, "rows": len(lines), "start": dict(start), "sha256": hashes}, state


def fault(folder: Path, shard: Mapping[str, Any]) -> str | None:
    """What is wrong with a shard, without a full stop; None where nothing is."""
    for name, expected in shard["sha256"].items():
        if not (folder / name).exists():
            return f"{folder / name} is missing"
        try:
            if zoo.sha256(folder / name) != expected:
                return f"{folder / name} is cut short or changed: its SHA-256 is not the one of the manifest"
        except OSError as error:
            return f"{folder / name} cannot be read ({error.strerror or error})"
    return None


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]
