"""The world itself, as if it were a model: what the best of all would score, and what chance leaves."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from t2ilab.comparison.entrant import Entrant
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, complete


def the_world(size: int = 32) -> Entrant:
    """An entrant that draws every scene as the world does, what it leaves open by chance."""

    def draw(prompts: Sequence[str], scenes: Sequence[Scene], seed: int) -> Tensor:
        rng = random.Random(f"the world {seed}")
        return render([complete(scene, rng) for scene in scenes], size, torch.Generator().manual_seed(seed))

    return Entrant("the world itself", "no model", size, draw)
