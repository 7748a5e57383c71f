"""Shares: of the machine's convolution peak that training reaches, of a step that the data and the samplers take."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

import torch

from t2ilab.benchmark import ceiling
from t2ilab.benchmark.row import Row
from t2ilab.benchmark.timing import by_turns, ratios, timed
from t2ilab.device import DeviceManager, cpu_has_bfloat16
from t2ilab.pipelines.text_to_image import SAMPLERS, TextToImage
from t2ilab.recipes import shapes_pixel
from t2ilab.training.loop import train


def part(name: str, compared: str, size: str, ours: Sequence[float], theirs: Sequence[float], unit: str = "s") -> Row:
    """A row of a share, of figures taken by turns: medians, and the part that one is of the other."""
    mine, whole = statistics.median(ours), statistics.median(theirs)
    ratio, spread = ratios(ours, theirs)
    return Row(name, compared, size, unit, mine, whole, ratio, share=True, spread=spread)


def data(quick: bool = False) -> Row:
    """Drawing a batch with its captions, as a part of the training step that it is for."""
    recipe = _recipe(DeviceManager(), quick)
    steps = train(recipe.model, recipe.loss, recipe.plan())
    drawing, whole = by_turns([timed(lambda: recipe.batch(0)), lambda: next(steps).seconds], 2 if quick else 10)
    return part(
        "data",
        "Drawing a batch of the world with its captions, as a part of the training step that it is for.",
        f"shapes-pixel, {recipe.numbers.batch} pictures of 32x32",
        drawing,
        whole,
    )


def peak(dtype: torch.dtype, quick: bool = False) -> Row:
    """Operations a second of forward and backward, as a part of the best 3x3 convolution's in the same dtype."""
    device, said = DeviceManager(), str(dtype).removeprefix("torch.")
    name, chosen = f"peak-{said}", device.dtype
    if dtype == torch.bfloat16 != chosen and not (device.device.type == "cpu" and cpu_has_bfloat16()):
        return Row(name, missing="this machine has no bfloat16 instructions.")
    device.dtype = dtype
    recipe = _recipe(device, quick)
    return _beside_convolutions(
        name,
        f"Forward and backward of a training step, data included, as a part of the best 3x3 convolution's operations "
        f"a second in {said}; DeviceManager {'chose' if dtype == chosen else 'did not choose'} {said} here.",
        recipe,
        ceiling.counted(lambda: recipe.loss(0).backward()),
        quick,
    )


def layers(quick: bool = False) -> Row:
    """As `peak` in float32, of the step's convolutions and linear layers alone: no step of theirs can reach more."""
    device = DeviceManager()
    device.dtype = torch.float32
    recipe = _recipe(device, quick)
    return _beside_convolutions(
        "peak-layers",
        "The same of its convolutions and linear layers alone, one by one: what the step would reach if normalisation, "
        "activations, attention, data and Python cost nothing.",
        recipe,
        ceiling.layers(recipe.model, lambda: recipe.loss(0)),
        quick,
    )


def _beside_convolutions(name: str, compared: str, recipe: shapes_pixel.Recipe, work: ceiling.Work, quick: bool) -> Row:
    """Operations a second of some work, and of the best convolution, by turns."""
    works = [work, *ceiling.convolutions(recipe.device, quick)]
    seconds = by_turns([timed(work.call) for work in works], 2 if quick else 10)
    reached, *others = ([work.operations / s / 1e9 for s in found] for work, found in zip(works, seconds, strict=True))
    size = f"shapes-pixel, {recipe.numbers.batch} pictures, {work.operations / 1e9:.2f} giga-operations"
    return part(name, compared, size, reached, max(others, key=statistics.median), unit="GFLOP/s")


def samplers(quick: bool = False) -> Row:
    """What the costliest sampler takes of a step, timed with a denoiser that does nothing beside the network."""
    count, pictures = (2, 1) if quick else (50, 4)
    pipe = TextToImage.from_pretrained("shapes-pixel")
    x = pipe.noise(pictures, seed=0)
    context, t = pipe.encode(["a big red star"] * pictures), torch.full((pictures,), 500, device=x.device)
    grid = pipe.schedule.timesteps(count, "karras")

    def network() -> None:
        with torch.inference_mode(), pipe.device.autocast():
            pipe.unet(x, t, context)

    walks = [lambda s=sampler: s(lambda x_t, t: x_t, x, pipe.schedule, grid) for sampler in SAMPLERS.values()]
    net, *found = by_turns([timed(call) for call in (network, *walks)], 2 if quick else 8)
    steps = [2 * count - 1 if name == "heun" else count for name in SAMPLERS]
    each = {name: [s / n for s in seconds] for name, seconds, n in zip(SAMPLERS, found, steps, strict=True)}  # a step's
    worst = max(each, key=lambda name: statistics.median(each[name]))
    said = ", ".join(
        f"{name} {statistics.median(a / (a + b) for a, b in zip(own, net, strict=True)):.1%}"
        for name, own in each.items()
    )
    return part(
        "samplers",
        f"What a sampler takes of its step, beside one call of the network; here the costliest, {worst}. All: {said}.",
        f"shapes-pixel, {pictures} pictures, {count} steps",
        each[worst],
        [a + b for a, b in zip(each[worst], net, strict=True)],
    )


def _recipe(device: DeviceManager, quick: bool) -> shapes_pixel.Recipe:
    numbers = replace(shapes_pixel.NUMBERS, batch=2) if quick else shapes_pixel.NUMBERS
    return shapes_pixel.Recipe(device, numbers=numbers)
