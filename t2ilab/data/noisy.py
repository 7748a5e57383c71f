"""Pairs as a crawl of the web finds them: captions of other pictures, near copies, and alt texts that say nothing."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from t2ilab.data.captions import describe
from t2ilab.data.scenes import Scene
from t2ilab.data.understanding import understand
from t2ilab.data.world import World
from t2ilab.images import from_pil, to_pil

# What stands in an alt text where nobody wrote one. The last kind keeps the caption, with such words around it.
NOISE = ("file name", "button", "banner", "shop", "around")
SAYS_NOTHING = NOISE[:-1]
BUTTONS = ("click to enlarge", "view full size", "image", "photo 1 of 12", "zoom in", "next picture", "thumbnail")
BANNERS = ("sign up for our newsletter", "subscribe today", "cookie settings", "welcome to our website",
           "advertisement", "follow us", "read more on our blog")  # fmt: skip
SHOP = ("free shipping", "in stock", "buy now", "20% off", "best price", "add to basket", "new arrival", "size chart")
OTHER_WORLD = 1_000_000  # added to the seed: the zoo's models were trained in worlds of small ones


@dataclass(frozen=True)
class NoisyPairs:
    """A storybook of captioned pictures with faults, without end: pair i is a pure function of the seed and i.

    A pair is {"image": float (3, H, W) in [-1, 1], "caption": its text} and the truth: "mismatch", whether the caption
    is another picture's; "copy_of", the pair that the picture is a near copy of, or None; "noise", one of `NOISE`, or
    None; "shows", all that the picture shows, in words. A pair is never a mismatch and a copy at once, and the original
    of a copy is neither; noise may come to each, but the caption of a mismatch stays.

    Args:
        size: pixels a side.
        seed: of all chance.
        mismatch: the share of pairs with another scene's caption, one that does not fit however it is read.
        copies: the share of near copies: the picture of an earlier pair cut, moved, lighter or darker, with noise and
            saved as JPEG; half of them with their caption in other words.
        noise: the share of captions with noise; in half of them nothing is left of the caption.
        partial: the share of captions that leave something unsaid.
        level: "shapes" or "storybook".

    Raises:
        ValueError: a share outside [0, 1], or mismatches and copies that are more than all pairs; another level.
    """

    size: int = 32
    seed: int = 0
    mismatch: float = 0.1
    copies: float = 0.1
    noise: float = 0.1
    partial: float = 0.0
    level: str = "storybook"

    def __post_init__(self) -> None:
        for name in ("mismatch", "copies", "noise", "partial"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share, from 0 to 1; got {getattr(self, name)}.")
        if self.mismatch + self.copies > 1:
            raise ValueError(
                f"mismatch and copies are shares of the same pairs, at most 1 together; got {self.mismatch} and "
                f"{self.copies}."
            )
        self._world()

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Pair `index`. Raises ValueError for one below 0."""
        if index < 0:
            raise ValueError(f"Pairs are counted from 0; got {index}.")
        rng = self._chance("pair", index)
        fate, copy_of = self._fate(index), None
        if fate == "copy":
            copy_of = self._original(index, rng)
        plain = self._world().batch(index if copy_of is None else copy_of, 1)
        image, caption, scene = plain["image"][0], plain["caption"][0], plain["scene"][0]
        if copy_of is not None:
            image = near_copy(image, rng)
            if rng.random() < 0.5:
                caption = describe(understand(caption, self.level)[0], "en", rng)
        mismatch = fate == "mismatch"
        while mismatch and fits(understand(caption, self.level)[0], scene):
            caption = self._world().batch(rng.getrandbits(40), 1)["caption"][0]
        noise = None
        if rng.random() < self.noise:
            noise = "around" if mismatch or rng.random() < 0.5 else rng.choice(SAYS_NOTHING)
            caption = _noisy(caption, noise, rng)
        return {"image": image, "caption": caption, "mismatch": mismatch, "copy_of": copy_of, "noise": noise,
                "shows": describe(scene)}  # fmt: skip

    def rows(self, count: int, first: int = 0) -> Iterator[dict[str, Any]]:
        """`count` pairs from `first` on."""
        return (self[index] for index in range(first, first + count))

    def _world(self) -> World:
        return World(self.size, OTHER_WORLD + self.seed, partial=self.partial, japanese=0.0, level=self.level)

    def _chance(self, of: str, index: int) -> random.Random:
        return random.Random(f"noisy {of} {self.seed} {index}")

    def _fate(self, index: int) -> str:
        u = self._chance("fate", index).random()
        return "mismatch" if u < self.mismatch else "copy" if u < self.mismatch + self.copies else "plain"

    def _original(self, index: int, rng: random.Random) -> int | None:
        """An earlier pair that is what it seems; None where a hundred draws found none."""
        for _ in range(100 if index else 0):
            if self._fate(other := rng.randrange(index)) == "plain":
                return other
        return None


def near_copy(image: Tensor, rng: random.Random) -> Tensor:
    """A picture (3, H, W) in [-1, 1] as another page shows it: cut, moved, lighter or darker, noisy, saved as JPEG."""
    (picture,) = to_pil(image[None])
    width, height = picture.size
    part = rng.uniform(0.95, 1.0)  # what the cut leaves of a side
    left, top = ((1 - part) * side * rng.random() for side in (width, height))
    picture = picture.resize(
        picture.size, Image.Resampling.BICUBIC, box=(left, top, left + part * width, top + part * height)
    )
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    light = (from_pil(picture)[0] + 1) * rng.uniform(0.92, 1.08) - 1
    noisy = light + rng.uniform(0.0, 0.03) * torch.randn(light.shape, generator=generator)
    file = io.BytesIO()
    to_pil(noisy[None])[0].save(file, "JPEG", quality=rng.randint(75, 95))
    with Image.open(file) as saved:
        return from_pil(saved)[0]


def fits(said: Scene, shown: Scene) -> bool:
    """Whether a caption's scene may describe a picture's full scene, read as generously as can be: each thing that is
    named is there with what is said of it, wherever it stands and whatever it does."""
    alone = shown.place if shown.other is None else None
    return (
        said.background in (None, shown.background)
        and said.place in (None, alone)
        and all(
            any(
                all(getattr(one, name) in (None, getattr(thing, name)) for name in ("thing", "color", "size", "accent"))
                for thing in shown.chain()
            )
            for one in said.chain()
        )
    )


def _noisy(caption: str, kind: str, rng: random.Random) -> str:
    """The caption with noise of that kind around it or in its place."""
    if kind == "file name":
        return _file_name(rng)
    if kind != "around":
        return rng.choice({"button": BUTTONS, "banner": BANNERS, "shop": SHOP}[kind])
    words = rng.choice((_file_name(rng), rng.choice(BUTTONS), rng.choice(SHOP)))
    return f"{words} {caption}" if rng.random() < 0.5 else f"{caption} - {words}"


def _file_name(rng: random.Random) -> str:
    stem = rng.choice(("IMG_{:04}", "DSC{:05}", "P{:07}", "scan{:03}", "image-{}", "untitled({})"))
    return stem.format(rng.randrange(1, 1000)) + rng.choice((".jpg", ".JPG", ".png", ".jpeg"))
