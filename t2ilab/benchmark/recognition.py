"""How fast a CLIP embeds and a shelf of its pictures is searched, as parts of the best matrix product."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
import torch.nn.functional as F

from t2ilab.benchmark import ceiling
from t2ilab.benchmark.contest import own_device
from t2ilab.benchmark.row import Row
from t2ilab.benchmark.shares import part
from t2ilab.benchmark.timing import by_turns, timed
from t2ilab.data.world import World
from t2ilab.pipelines.image_text import ImageText


def embedding(what: str, quick: bool = False) -> Row:
    """Pictures or captions into vectors, by clip-storybook."""
    count = 4 if quick else 512
    clip = ImageText.from_pretrained("clip-storybook", str(own_device().device))
    batch = World(seed=1, japanese=0.0, level="storybook").batch(0, count)
    calls: dict[str, Callable[[], object]] = {
        "pictures": lambda: clip.encode_image(batch["image"]),
        "captions": lambda: clip.encode_text(batch["caption"]),
    }
    return _row(f"embed-{what}", f"Embedding {what} with clip-storybook", f"{count} {what}", count, calls[what], quick)


def search(quick: bool = False) -> Row:
    """The nine nearest of a shelf, by one product with all of it."""
    shelf, queries = (100, 2) if quick else (100_000, 64)
    features = F.normalize(torch.randn(shelf, 128), dim=-1)
    asked = F.normalize(torch.randn(queries, 128), dim=-1)

    def call() -> object:
        return (asked @ features.T).topk(9)

    return _row("search", f"Searching {shelf:,} pictures exactly", f"{queries} searches", queries, call, quick)


def _row(name: str, what: str, size: str, count: int, call: Callable[[], object], quick: bool) -> Row:
    works = [ceiling.counted(call), *ceiling.products(own_device(), quick)]
    seconds = by_turns([timed(work.call) for work in works], 2 if quick else 6)
    reached, *others = ([work.operations / s / 1e9 for s in found] for work, found in zip(works, seconds, strict=True))
    rate = count / statistics.median(seconds[0])
    return part(
        name,
        f"{what}, {rate:,.0f} a second, as a part of the best matrix product's operations a second.",
        size,
        reached,
        max(others, key=statistics.median),
        unit="GFLOP/s",
    )
