"""What a step of the recipe `shapes-pixel` costs beside one of `scratch`: all of both, drawing the data included."""

from __future__ import annotations

from dataclasses import replace

import torch

from t2ilab.benchmark import scratch
from t2ilab.benchmark.contest import Contest, Turn
from t2ilab.benchmark.twins import parameters
from t2ilab.device import DeviceManager
from t2ilab.recipes import shapes_pixel
from t2ilab.training.loop import train

NAME = "from-scratch"


def contest(quick: bool = False) -> Contest:
    """Whole steps of both, on the same pictures; other networks by design, of about as many weights."""
    recipe = _recipe(quick)
    plain = scratch.PlainUNet(len(recipe.tokenizer.vocab))
    return Contest(
        NAME,
        "A whole training step of the recipe shapes-pixel, in the precision that DeviceManager chose "
        f"({str(recipe.device.dtype).removeprefix('torch.')}), beside one as from-scratch repositories have it "
        "(t2ilab/benchmark/scratch.py): full resolution, float32, default layout, plain AdamW. Another network, of "
        "about as many weights; the same pictures.",
        f"{parameters(recipe.model)} and {parameters(plain)}, {recipe.numbers.batch} pictures of 32x32",
        lambda: _ours(quick),
        lambda: _theirs(quick),
        tolerance=None,
        rounds=2 if quick else 10,
    )


def _recipe(quick: bool) -> shapes_pixel.Recipe:
    numbers = replace(shapes_pixel.NUMBERS, batch=2) if quick else shapes_pixel.NUMBERS
    return shapes_pixel.Recipe(DeviceManager(), numbers=numbers)


def _ours(quick: bool) -> Turn:
    recipe = _recipe(quick)
    steps = train(recipe.model, recipe.loss, recipe.plan())
    return lambda: torch.tensor(next(steps).loss)


def _theirs(quick: bool) -> Turn:
    recipe = _recipe(quick)
    loop = scratch.PlainTraining(len(recipe.tokenizer.vocab), recipe.device.device)

    def turn() -> torch.Tensor:
        batch = recipe.batch(0)
        return loop.step(batch["x0"], recipe.tokenizer(batch["caption"]))

    return turn
