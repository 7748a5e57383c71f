"""On a GPU: the part of its bfloat16 peak that Stable Diffusion 1.5's U-Net reaches in training, compiled and not."""

from __future__ import annotations

import statistics

import torch

from t2ilab.benchmark import ceiling, unets
from t2ilab.benchmark.contest import own_device
from t2ilab.benchmark.memory import beyond
from t2ilab.benchmark.row import Row
from t2ilab.benchmark.shares import part
from t2ilab.benchmark.timing import by_turns, timed
from t2ilab.benchmark.unets import Size

ONLY = "it needs an NVIDIA GPU with CUDA."


def there() -> bool:
    """Whether these rows can be measured."""
    return torch.cuda.is_available()


def peak(name: str, size: Size = unets.PUBLISHED, compiled: bool = False, rounds: int = 10) -> Row:
    """Operations a second of a whole training step, as a part of the best matrix product's in the same dtype."""
    device = own_device()
    said = str(device.dtype).removeprefix("torch.")
    operations = 3 * forward_operations(size)  # backward takes twice what forward does
    turn = unets.turn_of_ours(size, device, compiled)
    memory = beyond(turn, device)
    works = [ceiling.Work(operations, turn), *ceiling.products(device, quick=device.device.type == "cpu")]
    seconds = by_turns([timed(work.call) for work in works], rounds, warm_up=3)
    reached, *others = ([work.operations / s / 1e9 for s in found] for work, found in zip(works, seconds, strict=True))
    return part(
        name,
        "A training step of our UNet (forward, backward, clip, AdamW, average)"
        f"{' by torch.compile' if compiled else ''}, as a part of the best matrix product's operations a second in "
        f"{said}; it took {memory:,.0f} MB beyond weights and average.",
        f"{size.what}, {size.batch} maps of {size.config.in_channels}x{size.side}x{size.side}",
        reached,
        max(others, key=statistics.median),
        unit="GFLOP/s",
    )


def forward_operations(size: Size) -> float:
    """Operations of a forward pass, counted on tensors without numbers."""
    with torch.device("meta"):
        net = unets.UNet(size.config)
    asked = [x.to("meta") for x in unets.inputs(size, own_device())]
    return ceiling.counted(lambda: net(*asked)).operations
