"""The reader of the whole world: the measuring instrument, trained on renderings alone and on no generator's output.

It learns to find things and to name what they are like through noise, blur and changes of contrast, and to say that
there is nothing to read in noise, in an empty picture and in a broken one.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab import zoo
from t2ilab.data.layout import heeds_sizes
from t2ilab.data.render import render, render_placed
from t2ilab.data.scenes import Scene, all_scenes, usual_accent
from t2ilab.data.words import ALL_COLORS, SIZES, SURROUNDINGS, THINGS
from t2ilab.data.world import storybook_scene
from t2ilab.device import DeviceManager
from t2ilab.metrics import load_reader, read, save_reader
from t2ilab.nets.reader import Logits, Reader
from t2ilab.training.loop import Plan
from t2ilab.training.processes import share

NAME = "reader"
STEPS = 6000
BATCH = 64
LEARNING_RATE = 2e-3
WIDTH = 32
SIZE, FOLD = 64, 2
SIDES = (32, 64)  # of the pictures that it is shown, in turn
TWO_COLORS, USUAL = 0.9, 0.15  # more second colours than a training set has, and fewer usual ones
SHAPES_SHARE = 0.2  # of training pictures from the `shapes` level
ROLES = ["none", "riding", "in", "heading towards"]
OF_THINGS = {
    "thing": list(THINGS),
    "color": list(ALL_COLORS),
    "accent": ["none", *ALL_COLORS],
    "size": list(SIZES),
    "role": ROLES,
}
OF_THE_WHOLE = {"background": list(SURROUNDINGS)}

DATA = "Renderings of the storybook and the shapes level with noise, blur and shifts of contrast; a fifth are wrecks."
LIMITS = (
    "Made for pictures of this world at 32x32 and 64x64; others are brought to 64x64. Up to three things a picture."
)


class Recipe:
    """Model, loss and measurement; the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int = 0):
        device.seed(seed)
        self.device, self.seed = device, seed
        self.model = device.place(Reader(OF_THINGS, OF_THE_WHOLE, WIDTH, SIZE, FOLD))
        self.shapes = list(all_scenes())  # held-out pairs too: an instrument must read what a model may draw

    def start_from(self, start: str) -> None:
        folder = zoo.folder(start) if start in zoo.names() else Path(start)
        self.model.load_state_dict(unfolded(load_reader(folder), self.model.fold))

    def plan(self, steps: int = STEPS) -> Plan:
        return Plan(steps, LEARNING_RATE, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch. Of several processes each takes its rows; as pictures hold more or fewer
        things, the mean of their losses is then not quite that of the batch."""
        rng = random.Random(f"{NAME} {self.seed} {step}")
        scenes = [self._scene(rng) for _ in range(BATCH)]
        size = SIDES[step % len(SIDES)]
        images, placed = render_placed(scenes, size, torch.Generator().manual_seed(rng.getrandbits(63)))
        images = degrade(images, rng)
        broken = breakages(images, rng)  # (B // 4, 3, H, W)
        rows = share(len(images))
        images, scenes, placed, broken = images[rows], scenes[rows], placed[rows], broken[share(len(broken))]
        logits = self.model(torch.cat([images, broken]).to(self.device.device))
        there = torch.cat([torch.ones(len(images)), torch.zeros(len(broken))]).to(logits.recognised.device)
        return F.binary_cross_entropy_with_logits(logits.recognised, there) + reading_loss(logits, scenes, placed)

    def _scene(self, rng: random.Random) -> Scene:
        return rng.choice(self.shapes) if rng.random() < SHAPES_SHARE else storybook_scene(rng, TWO_COLORS, USUAL)

    def measure(self, model: Reader, count: int = 4608) -> dict[str, float]:
        """Scores on renderings of another seed: clean, degraded, and what it makes of nothing and of wrecks."""
        rng = random.Random(f"{NAME} measured")
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        shapes = [self.shapes[i % len(self.shapes)] for i in range(count)]
        pages = [storybook_scene(rng) for _ in range(count)]
        scores = {}
        kinds = [("shapes", shapes, 32), ("storybook", pages, 32), ("storybook 64x64", pages, 64)]
        for level, scenes, size in kinds:
            for name in ("clean", "degraded"):
                right = []
                for start in range(0, count, 256):
                    batch = scenes[start : start + 256]
                    images = render(batch, size, generator)
                    images = degrade(images, rng) if name == "degraded" else images
                    right += [
                        got is not None and all(got.shows(told(scene)).values())
                        for got, scene in zip(read(images, model), batch, strict=True)
                    ]
                scores[f"{level} {name}"] = sum(right) / len(right)
                if level != "shapes":
                    for things in (1, 2, 3):
                        some = [r for r, scene in zip(right, scenes, strict=True) if len(scene.chain()) == things]
                        scores[f"{level} {name}, {things} thing{'s' * (things > 1)}"] = sum(some) / len(some)
        images = degrade(render(pages[:1024], 32, generator), rng)
        for name, wreck in BREAKAGES.items():
            scores[f"refused {name}"] = sum(got is None for got in read(wreck(images, rng), model)) / len(images)
        return scores

    def sheet(self, model: Reader) -> Tensor | None:
        return None

    def save(self, model: Reader, folder: Path) -> None:
        save_reader(model, folder)


def unfolded(reader: Reader, fold: int) -> dict[str, Tensor]:
    """The weights of a reader that folds no pixels, for one that folds `fold`: it sees the mean of those it folds.

    A reader that folds as many keeps its own. Raises ValueError for one that folds others.
    """
    weights = reader.state_dict()
    if reader.fold not in (1, fold):
        raise ValueError(
            f"The start folds {reader.fold} pixels a side into one and this reader folds {fold}. Start from one that "
            f"folds {fold} or none."
        )
    if reader.fold != fold:
        kernel = weights["fine.0.conv.weight"]  # (w, 3, 3, 3)
        weights["fine.0.conv.weight"] = kernel.repeat_interleave(fold**2, dim=1) / fold**2
    return weights


def told(scene: Scene) -> Scene:
    """What captions may say of a full scene: sizes only where the layout heeds them, and no usual second colour."""
    sizes = heeds_sizes(scene)

    def said(one: Scene) -> Scene:
        accent = None if one.accent == usual_accent(one) else one.accent
        return replace(one, size=one.size if sizes else None, accent=accent, other=one.other and said(one.other))

    return said(scene)


def middles(scenes: list[Scene], placed: Tensor) -> Tensor:
    """Where the reader is to find each thing, (B, 3, 2) in [-1, 1]: its middle.

    Of one who is in something only the upper half shows, so that its middle lies higher; and the other lower, on its
    near side, or the two would be in one place.
    """
    at = placed[..., :2].clone()
    for i, scene in enumerate(scenes):
        for slot, one in enumerate(scene.chain()):
            if one.relation == "in":
                at[i, slot, 1] -= 0.45 * placed[i, slot, 2]
                at[i, slot + 1, 1] += 0.45 * placed[i, slot + 1, 2]
    return at


def reading_loss(logits: Logits, scenes: list[Scene], placed: Tensor) -> Tensor:
    """What the reader says of the first B pictures against the scenes that they were drawn from.

    Args:
        logits: of at least B pictures; those after them hold nothing, which the middles are to say too.
        scenes: B full scenes.
        placed: (B, 3, 4), where their things are; nan for none.
    """
    device, grid = logits.center.device, logits.center.shape[-1]
    spot = (middles(scenes, placed).clamp(-0.999, 0.999) + 1) * grid / 2  # (B, 3, 2), in cells
    axis = torch.arange(grid) + 0.5
    away = (axis - spot[..., 0, None]).square()[..., None, :] + (axis - spot[..., 1, None]).square()[..., None]
    # A bump of this width around each middle: the cells beside it are not quite wrong.
    bumps = torch.exp(-away / (2 * 0.7**2)).nan_to_num(0).amax(1)  # (B, G, G)
    target = torch.cat([bumps, torch.zeros(len(logits.center) - len(scenes), grid, grid)])
    row, slot = (~placed[..., 0].isnan()).nonzero(as_tuple=True)  # of each thing that there is
    cell = spot[row, slot].long()
    target[row, cell[:, 1], cell[:, 0]] = 1.0
    target = target.to(device)
    weight = 1 + 9 * target
    loss = (F.binary_cross_entropy_with_logits(logits.center, target, reduction="none") * weight).mean() * 4
    things = [scenes[i].chain()[j] for i, j in zip(row.tolist(), slot.tolist(), strict=True)]
    for name, values in OF_THINGS.items():
        at = logits.things[name][row.to(device), :, cell[:, 1].to(device), cell[:, 0].to(device)]  # (N, values)
        wanted = [_label(name, thing, scenes[i], values) for thing, i in zip(things, row.tolist(), strict=True)]
        loss = loss + F.cross_entropy(at, torch.tensor(wanted, device=device), ignore_index=-1)
    for name, values in OF_THE_WHOLE.items():
        wanted = [values.index(str(getattr(scene, name))) for scene in scenes]
        loss = loss + F.cross_entropy(logits.whole[name][: len(scenes)], torch.tensor(wanted, device=device))
    return loss


def _label(name: str, thing: Scene, scene: Scene, values: list[str]) -> int:
    """The value of a thing's attribute as a number, -1 where the picture does not show it."""
    if name == "role":
        return values.index(str(thing.relation)) if thing.relation in ROLES else 0
    value = getattr(thing, name)
    if name == "size":
        return values.index(value) if heeds_sizes(scene) else -1
    return values.index(value or "none")


def degrade(images: Tensor, rng: random.Random) -> Tensor:
    """Blur, contrast and brightness (10%), noise (standard deviation to 0.15), each picture its own.

    The blur is of 0.8 pixels at most, at 64x64 that twice over: 1.1.
    """
    count = len(images)
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    uniform = torch.rand(3, count, 1, 1, 1, generator=generator)
    sigma = 0.8 * uniform[0] * (torch.rand(count, 1, 1, 1, generator=generator) < 0.5)
    # A Gaussian of this width on three taps; beyond them it holds under 1% for sigma up to 0.8.
    side = torch.exp(-0.5 / sigma.clamp(min=1e-3) ** 2)
    side = side / (1 + 2 * side)
    for dim in (2, 3) * max(1, images.shape[-1] // 32):
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
    """The picture cut into eight tiles a side and put together in another order."""
    side = images.shape[-1] // 8
    tiles = F.unfold(images, side, stride=side)
    order = torch.randperm(tiles.shape[-1], generator=torch.Generator().manual_seed(rng.getrandbits(63)))
    return F.fold(tiles[..., order], images.shape[-2:], side, stride=side)


def _doubled(images: Tensor, rng: random.Random) -> Tensor:
    """Two pictures laid over each other, half and half."""
    return 0.5 * images + 0.5 * images.roll(rng.randrange(1, max(2, len(images))), 0).flip(rng.choice([2, 3]))


BREAKAGES = {"noise": _noise, "blank": _blank, "shuffled": _shuffled, "doubled": _doubled}
