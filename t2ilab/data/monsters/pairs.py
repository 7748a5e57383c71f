"""Monsters as captioned pictures: one after the other, or in batches without end."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from t2ilab.data.monsters.captions import describe
from t2ilab.data.monsters.creature import Monster, monsters
from t2ilab.data.monsters.drawing import draw
from t2ilab.data.words import LANGUAGES


def items(
    chosen: Sequence[Monster] | None = None,
    size: int = 64,
    languages: Sequence[str] = ("en",),
    seed: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Monsters as captioned pictures, each once in every language.

    Args:
        chosen: which; None for the 416.
        size: pixels a side.
        languages: "en", "ja" or both.
        seed: of the wordings; None gives each its plainest caption.

    Yields:
        {"image": float (3, size, size) in [-1, 1], "caption", "language", "monster": the `Monster`}.

    Raises:
        ValueError: before the first, a language other than these two, a size below 16, or no monster.
    """
    for language in languages:
        if language not in LANGUAGES:
            raise ValueError(f"languages are 'en' and 'ja'; got {language!r}.")
    chosen = monsters() if chosen is None else chosen
    draw(chosen[:1], size)  # what is wrong with the size is said now, and not in the middle of a loop
    return (
        {"image": image, "caption": describe(monster, language, rng), "language": language, "monster": monster}
        for i, monster in enumerate(chosen)
        for image in draw([monster], size)
        for rng in [None if seed is None else random.Random(f"monster captions {seed} {i}")]
        for language in languages
    )


class MonsterPairs:
    """Captioned monsters without end: what `batch(i)` holds depends on the seed and i alone.

    Args:
        seed: of the order and the words.
        size: pixels a side.
        japanese: the share of captions in Japanese.
        shown: the monsters; None for the 416.

    Attributes:
        images: all pictures, float (N, 3, size, size) in [-1, 1], drawn once.
        shown: their monsters.

    Raises:
        ValueError: a share outside of [0, 1], a size below 16, or no monster.
    """

    def __init__(
        self, seed: int = 0, size: int = 64, japanese: float = 0.4, shown: Sequence[Monster] | None = None
    ) -> None:
        if not 0 <= japanese <= 1:
            raise ValueError(f"japanese is a share, from 0 to 1; got {japanese}.")
        self.seed, self.size, self.japanese = seed, size, japanese
        self.shown = monsters() if shown is None else list(shown)
        self.images = draw(self.shown, size)

    def batch(self, index: int, batch_size: int, device: torch.device | str = "cpu") -> dict[str, Any]:
        """The index-th batch, no monster twice: {"image": (B, 3, H, W), "caption": B strings, "monster": B monsters}.

        Raises:
            ValueError: more than there are, or none.
        """
        if not 1 <= batch_size <= len(self.shown):
            raise ValueError(f"A batch holds 1 to {len(self.shown)} different monsters; got {batch_size}.")
        rng = random.Random(f"monster pairs {self.seed} {index}")
        rows = rng.sample(range(len(self.shown)), batch_size)
        chosen = [self.shown[row] for row in rows]
        captions = [describe(monster, LANGUAGES[rng.random() < self.japanese], rng) for monster in chosen]
        return {"image": self.images[rows].to(device), "caption": captions, "monster": chosen}
