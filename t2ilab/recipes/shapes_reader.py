"""The reader of the `shapes` level: the measuring instrument, trained on renderings alone and on no generator's output.

It learns to name the five attributes through noise, blur and changes of contrast, and to say that there is nothing to
read in noise, in an empty picture and in a broken one.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.render import render
from t2ilab.data.scenes import ATTRIBUTES, Scene, all_scenes
from t2ilab.device import DeviceManager
from t2ilab.metrics import read, save_reader
from t2ilab.nets.reader import Reader
from t2ilab.training.loop import Plan

NAME = "shapes-reader"
STEPS = 4500
BATCH = 96
LEARNING_RATE = 2e-3
WIDTH = 32
VALUES = {attribute: list(names) for attribute, names in ATTRIBUTES.items()}

DATA = "Renderings of all 2,304 scenes of the shapes level with noise, blur and shifts of contrast; a fifth are wrecks."
LIMITS = "Made for pictures of this world at 32x32; other sizes are brought to that. One thing a picture."


class Recipe:
    """Model, loss and measurement; the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int = 0):
        device.seed(seed)
        self.device, self.seed = device, seed
        self.model = device.place(Reader(VALUES, WIDTH))
        self.scenes = list(all_scenes())  # held-out pairs too: an instrument must read what a model may draw

    def plan(self, steps: int = STEPS) -> Plan:
        return Plan(steps, LEARNING_RATE, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def loss(self, step: int) -> Tensor:
        rng = random.Random(f"{NAME} {self.seed} {step}")
        images, scenes = pictures(self.scenes, BATCH, rng)
        broken = breakages(images, rng)  # (B // 4, 3, H, W)
        logits, recognised = self.model(torch.cat([images, broken]).to(self.device.device))
        told = torch.cat([torch.ones(len(images)), torch.zeros(len(broken))]).to(recognised.device)
        loss = F.binary_cross_entropy_with_logits(recognised, told)
        for attribute, values in VALUES.items():
            target = torch.tensor([values.index(getattr(s, attribute)) for s in scenes], device=recognised.device)
            loss = loss + F.cross_entropy(logits[attribute][: len(images)], target)
        return loss

    def measure(self, model: Reader, count: int = 4608) -> dict[str, float]:
        """Scores on renderings of another seed: clean, degraded, and what it makes of nothing and of wrecks."""
        scores = {}
        rng = random.Random(f"{NAME} measured")
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        for name, degraded in (("clean", False), ("degraded", True)):
            right = 0
            for start in range(0, count, 256):
                scenes = [self.scenes[i % len(self.scenes)] for i in range(start, start + 256)]
                images = render(scenes, 32, generator)
                images = degrade(images, rng) if degraded else images
                right += sum(got == scene for got, scene in zip(read(images, model), scenes, strict=True))
            scores[name] = right / count
        images, _ = pictures(self.scenes, 1024, rng)
        for name, wreck in BREAKAGES.items():
            scores[f"refused {name}"] = sum(got is None for got in read(wreck(images, rng), model)) / 1024
        return scores

    def sheet(self, model: Reader) -> Tensor | None:
        return None

    def save(self, model: Reader, folder: Path) -> None:
        save_reader(model, folder)


def pictures(scenes: list[Scene], count: int, rng: random.Random) -> tuple[Tensor, list[Scene]]:
    """`count` degraded renderings (B, 3, 32, 32) of scenes drawn by chance, and the scenes."""
    chosen = [rng.choice(scenes) for _ in range(count)]
    images = render(chosen, 32, torch.Generator().manual_seed(rng.getrandbits(63)))
    return degrade(images, rng), chosen


def degrade(images: Tensor, rng: random.Random) -> Tensor:
    """Blur (to 0.8 pixels), contrast and brightness (10%), noise (standard deviation to 0.15), each picture its own."""
    count = len(images)
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    uniform = torch.rand(3, count, 1, 1, 1, generator=generator)
    sigma = 0.8 * uniform[0] * (torch.rand(count, 1, 1, 1, generator=generator) < 0.5)
    # A Gaussian of this width on three taps; beyond them it holds under 1% for sigma up to 0.8.
    side = torch.exp(-0.5 / sigma.clamp(min=1e-3) ** 2)
    side = side / (1 + 2 * side)
    for dim in (2, 3):
        padded = F.pad(images, (1, 1, 0, 0) if dim == 3 else (0, 0, 1, 1), mode="replicate")
        n = images.shape[dim]
        images = side * (padded.narrow(dim, 0, n) + padded.narrow(dim, 2, n)) + (1 - 2 * side) * images
    images = images * (0.9 + 0.2 * uniform[1]) + 0.1 * (torch.rand(count, 1, 1, 1, generator=generator) * 2 - 1)
    noise = torch.randn(images.shape, generator=generator)
    return images + 0.15 * uniform[2] * (torch.rand(count, 1, 1, 1, generator=generator) < 0.5) * noise


def breakages(images: Tensor, rng: random.Random) -> Tensor:
    """A quarter as many pictures with nothing to read in them, of every kind, shuffled by chance."""
    share = max(1, len(images) // (4 * len(BREAKAGES)))
    return torch.cat([wreck(images[i * share :][:share], rng) for i, wreck in enumerate(BREAKAGES.values())])


def _noise(images: Tensor, rng: random.Random) -> Tensor:
    """Noise of any strength and grain, and pictures drowned in it."""
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    fine = torch.randn(images.shape, generator=generator)
    coarse = F.interpolate(torch.randn(len(images), 3, 8, 8, generator=generator), images.shape[-2:], mode="bilinear")
    mix = torch.rand(2, len(images), 1, 1, 1, generator=generator)
    level = torch.rand(len(images), 3, 1, 1, generator=generator) * 2 - 1
    return level + (0.2 + mix[0]) * torch.where(mix[1] < 0.5, fine, coarse)


def _blank(images: Tensor, rng: random.Random) -> Tensor:
    """One plain colour, of the backgrounds' kind or any other, with a little noise."""
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    any_color = torch.rand(len(images), 3, 1, 1, generator=generator) * 2 - 1
    corner = images[:, :, :1, :1]
    keep = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.7
    return torch.where(keep, corner, any_color) + 0.05 * torch.randn(images.shape, generator=generator)


def _shuffled(images: Tensor, rng: random.Random) -> Tensor:
    """The picture cut into tiles of 4 pixels and put together in another order."""
    tiles = F.unfold(images, 4, stride=4)
    order = torch.randperm(tiles.shape[-1], generator=torch.Generator().manual_seed(rng.getrandbits(63)))
    return F.fold(tiles[..., order], images.shape[-2:], 4, stride=4)


def _doubled(images: Tensor, rng: random.Random) -> Tensor:
    """Two pictures laid over each other, half and half."""
    return 0.5 * images + 0.5 * images.roll(rng.randrange(1, max(2, len(images))), 0).flip(rng.choice([2, 3]))


BREAKAGES = {"noise": _noise, "blank": _blank, "shuffled": _shuffled, "doubled": _doubled}
