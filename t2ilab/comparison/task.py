"""What all are asked: the same prompts, the same vague ones, and the world's own pictures to compare with."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from t2ilab.data.captions import describe
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.words import LEVELS
from t2ilab.data.world import World

LEAST, MOST = 8, 20_000
VAGUE, EACH = 6, 8  # prompts that leave places and surroundings open, and pictures of each


@dataclass(frozen=True)
class Task:
    """Prompts that training may have shown the pairs of, and pictures of scenes of the same distribution.

    Args:
        level: of the world, "shapes" or "storybook".
        count: of prompts, and so of pictures of each model, beside 48 of the vague ones.
        seed: of prompts and pictures.
        things: so many in each prompt and picture; None for as many as come.

    Raises:
        ValueError: one of these out of its range.
    """

    level: str = "shapes"
    count: int = 288
    seed: int = 0
    things: int | None = None

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}; got {self.level!r}.")
        if not LEAST <= self.count <= MOST:
            raise ValueError(f"A comparison takes {LEAST} to {MOST:,} prompts; got {self.count}. 288 is usual.")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"A seed is a whole number from 0 to below 2^31; got {self.seed}.")
        self._world(32, self.seed).prompts(0, things=self.things)  # raises ValueError for a number that it has not

    @cached_property
    def asked(self) -> tuple[list[str], list[Scene]]:
        """Full captions and the scenes that they ask for."""
        return self._world(32, self.seed).prompts(self.count, things=self.things)

    @cached_property
    def vague(self) -> tuple[list[str], list[Scene]]:
        """Prompts that say a thing and its colour only, each as often as there are to be pictures of it."""
        _, scenes = self._world(32, self.seed).prompts(20 * VAGUE, things=1)
        different = list({scene.thing: scene for scene in reversed(scenes)}.values())[-VAGUE:]
        chosen = [Scene(thing=scene.thing, color=scene.color) for scene in different for _ in range(EACH)]
        return [describe(scene) for scene in chosen], chosen

    def real(self, size: int) -> Tensor:
        """The world's own pictures (count, 3, size, size) in [-1, 1], of other scenes of the same distribution."""
        world = self._world(size, self.seed + 1)
        if self.things is None:
            return world.batch(0, self.count)["image"]
        _, scenes = world.prompts(self.count, things=self.things)
        rng = random.Random(f"as many things {self.seed}")
        return render([complete(s, rng) for s in scenes], size, torch.Generator().manual_seed(self.seed))

    def _world(self, size: int, seed: int) -> World:
        return World(size=size, seed=seed, level=self.level)
