"""The training loop of every recipe: one function in which each part of a step can be seen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.training.checkpoint import load_checkpoint, save_checkpoint
from t2ilab.training.ema import Average


@dataclass(frozen=True)
class Plan:
    """The numbers of a training run.

    Args:
        steps: optimizer updates.
        learning_rate: its highest value; it rises over `warmup` steps and falls along a cosine to a hundredth.
        weight_decay, betas: AdamW's (Loshchilov & Hutter 2019).
        clip: gradients longer than this are shortened to it.
        decay: of the averaged weights.
        facts: anything else that a checkpoint should remember, such as the recipe's name and seed.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    decay: float = 0.999
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"Training takes at least one step; got {self.steps}.")

    def learning_rate_at(self, step: int) -> float:
        """The rate of the step-th update, counted from 0."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        fall = 0.505 + 0.495 * math.cos(math.pi * step / self.steps)
        return self.learning_rate * rise * fall


@dataclass(frozen=True)
class Step:
    """What the loop yields after each update: number of updates done, the loss before it, and the seconds it took."""

    step: int
    loss: float
    seconds: float
    average: nn.Module


def train(
    model: nn.Module,
    loss_of: Callable[[int], Tensor],
    plan: Plan,
    checkpoint: Path | None = None,
    every_seconds: float = 60.0,
) -> Iterator[Step]:
    """Trains, and yields after each update.

    Args:
        model: holds the parameters that `loss_of` uses, already on its device.
        loss_of: the loss of the step-th batch (a scalar). All its chance must come from the step's number, so that a
            resumed run repeats what a run without a break would have done, bit for bit.
        plan: the numbers.
        checkpoint: a file that is written every so often and at the end, and from which a run goes on if it is there.
        every_seconds: how often.

    Raises:
        FloatingPointError: the loss is no longer finite; the last checkpoint is from before.
        OSError: a checkpoint that cannot be read or written.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, plan.learning_rate, betas=plan.betas, weight_decay=plan.weight_decay, fused=True
    )
    average = Average(model, plan.decay)
    start = 0
    if checkpoint and checkpoint.exists():
        start, facts = load_checkpoint(checkpoint, model, average, optimizer)
        if facts != plan.facts:
            raise OSError(f"{checkpoint} is of another run ({facts}, not {plan.facts}). Choose another folder.")
    saved = time.perf_counter()
    for step in range(start, plan.steps):
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate_at(step)
        loss = loss_of(step)  # draw a batch, noise it, predict, compare
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, plan.clip)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(
                f"The loss of step {step} is {value}; lower the learning rate ({plan.learning_rate})."
            )
        optimizer.step()
        average.update(step + 1)
        done = time.perf_counter()
        if checkpoint and (step + 1 == plan.steps or done - saved > every_seconds):
            save_checkpoint(checkpoint, step + 1, model, average, optimizer, plan.facts)
            saved = time.perf_counter()
        yield Step(step + 1, value, done - began, average.model)
