"""How a heap of drawn pictures compares with a heap of real ones: by their features, and by what is read in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from t2ilab.data.scenes import Scene, is_held_out
from t2ilab.data.words import LEVELS
from t2ilab.distances import frechet, kid, mode_coverage, precision_recall
from t2ilab.metrics import Reading


def alike(real: Tensor, fake: Tensor) -> dict[str, float]:
    """FID and KID, lower is better, and precision and recall in [0, 1], by features (N, D) and (M, D) of one network.

    Figures of different networks, or of different numbers of pictures, do not compare. Warns and raises as
    `t2ilab.distances` does.
    """
    precision, recall = precision_recall(real, fake)
    return {"FID": frechet(real, fake), "KID": kid(real, fake), "precision": precision, "recall": recall}


@cache
def pairs(level: str = "shapes") -> dict[tuple[str, str], int]:
    """The pairs of thing and colour that training may show at a level, each with its number from 0."""
    both = [(thing, color) for thing in LEVELS[level]["thing"] for color in LEVELS[level]["color"]]
    return {pair: i for i, pair in enumerate(p for p in both if not is_held_out(Scene(thing=p[0], color=p[1])))}


def pair_coverage(reads: Sequence[Reading | None], level: str = "shapes") -> float:
    """The share of those pairs that some picture is read as, by the clearest thing in it."""
    known, labels = pairs(level), []
    for seen in reads:
        first = seen.find(None) if seen else None
        labels.append(known.get((first.thing, first.color), -1) if first else -1)
    return mode_coverage(torch.tensor(labels, dtype=torch.int64), len(known))
