"""Pairs whose truth is exact, and an encoder that reads them by a rule: for the tests of the pipeline of pairs."""

import random
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.data.noisy import near_copy

SCENES, SIZE = 40, 32
WIDTH = 24


def pattern(scene):
    """A soft picture of its own for each scene, (3, 32, 32)."""
    coarse = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(scene)) * 1.6 - 0.8
    return F.interpolate(coarse, (SIZE, SIZE), mode="bicubic", align_corners=False)[0].clamp(-1, 1)


class Toy:
    """A source of pairs: one in six with the caption of another scene, one in six a near copy, one in ten only noise.

    Every other pair shows a scene of its own.
    """

    def __init__(self, seed=0, size=None, stop=None):
        self.seed, self.size, self.stop = seed, size, stop  # how many pairs there are; where reading is interrupted

    def describe(self):
        return {"kind": "toy", "seed": self.seed}

    def pair(self, i):
        rng = random.Random(f"toy {self.seed} {i}")
        fate = self.fate(i)
        earlier = [j for j in range(i) if self.fate(j) == "plain"]
        copy_of = rng.choice(earlier) if fate == "copy" and earlier else None
        scene = i if copy_of is None else copy_of
        image = pattern(scene) if copy_of is None else near_copy(pattern(scene), rng)
        noise = "banner" if fate == "noise" else None
        caption = f"scene {scene}" if fate != "mismatch" else f"scene {scene + 1000}"
        return {"image": image, "caption": caption if noise is None else "subscribe today", "copy_of": copy_of,
                "mismatch": fate == "mismatch", "noise": noise, "shows": f"scene {scene}"}  # fmt: skip

    def fate(self, i):
        u = random.Random(f"fate {self.seed} {i}").random()
        return "mismatch" if u < 1 / 6 else "copy" if u < 2 / 6 else "noise" if u < 2 / 6 + 0.1 else "plain"

    def rows(self, state: Mapping[str, int]):
        i = state.get("position", 0)
        while self.size is None or i < self.size:
            if i == self.stop:
                raise KeyboardInterrupt
            yield self.pair(i), {"position": i + 1}
            i += 1

    def about(self, item, position):
        truth = {name: item[name] for name in ("copy_of", "mismatch", "noise", "shows")}
        return {"caption": item["caption"], "where": f"toy {position}", "pair": position} | truth


def direction(number):
    return F.normalize(torch.randn(WIDTH, generator=torch.Generator().manual_seed(number)), dim=0)


class Oracle:
    """Reads a picture as the scene whose pattern is nearest to it, and a caption by its number."""

    def __init__(self, scenes=SCENES, weight=1.0):
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.model.weight, weight)
        self.patterns = torch.stack([pattern(scene) for scene in range(scenes)]).flatten(1)
        self.seen = 0  # pictures encoded so far

    def encode_image(self, images):
        self.seen += len(images)
        nearest = torch.cdist(images.flatten(1), self.patterns).argmin(1)
        return torch.stack([direction(scene) for scene in nearest.tolist()])

    def encode_text(self, texts):
        numbers = [int(text.split()[1]) if text.startswith("scene") else 9999 for text in texts]
        return torch.stack([direction(number) for number in numbers])


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
