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

from t2ilab.training import fsdp, processes
from t2ilab.training.calls import watched
from t2ilab.training.checkpoint import resume, save_checkpoint
from t2ilab.training.compiling import compile_
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon


@dataclass(frozen=True)
class Plan:
    """The numbers of a training run.

    Args:
        steps: optimizer updates.
        learning_rate: its highest value; it rises over `warmup` steps and falls along a cosine to a hundredth.
        weight_decay, betas: of `Muon`, which trains the matrices, and the AdamW beside it (Loshchilov & Hutter 2019).
        clip: gradients longer than this are shortened to it.
        decay: of the averaged weights.
        accumulate: in so many parts each batch is met, one after the other, whose gradients add up: for batches that
            do not fit into memory.
        compiler: a backend of torch.compile, such as "inductor", by which the networks are compiled; None for none.
        fsdp: share weights, gradients, moments and average out among the processes (`fsdp.share_out`).
        facts: anything else that a checkpoint should remember, such as the recipe's name and seed.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    decay: float = 0.999
    accumulate: int = 1
    compiler: str | None = None
    fsdp: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"Training takes at least one step; got {self.steps}.")
        if self.accumulate < 1:
            raise ValueError(f"A batch is met in at least one part; got accumulate={self.accumulate}.")
        if self.compiler and self.fsdp:
            raise ValueError(
                f"A model is compiled or shared out, not both yet; got compiler={self.compiler!r} and fsdp. Leave "
                "--compile or --fsdp out."
            )
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"A learning rate is a positive number; got {self.learning_rate}. 1e-3 is usual.")

    def learning_rate_at(self, step: int) -> float:
        """The rate of the step-th update, counted from 0."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        fall = 0.505 + 0.495 * math.cos(math.pi * step / self.steps)
        return self.learning_rate * rise * fall


@dataclass(frozen=True)
class Step:
    """What the loop yields after each update: number of updates done, the loss before it, and the seconds it took.

    Where a finished run is started again, the loop yields once, without an update: a loss of NaN in 0 seconds. Where
    the average is shared out it is `whole` only in the last step and when a checkpoint is due, and in process 0.
    """

    step: int
    loss: float
    seconds: float
    average: nn.Module
    whole: bool = field(default=True, kw_only=True)


def train(
    model: nn.Module,
    loss_of: Callable[[int], Tensor],
    plan: Plan,
    checkpoint: Path | None = None,
    every_seconds: float = 60.0,
) -> Iterator[Step]:
    """Trains, and yields after each update; whatever is due to be saved is saved when the next step is asked for.

    Where several processes have joined (`processes.join`), each calls this, with the loss of its own rows; they update
    alike, and the first one saves.

    Args:
        model: holds the parameters that `loss_of` uses, already on its device.
        loss_of: the loss of the step-th batch (a scalar). All its chance must come from the step's number, so that a
            resumed run repeats what a run without a break would have done, bit for bit.
        plan: the numbers.
        checkpoint: a file that is written every so often and after the last step, and from which a run goes on if it
            is there. It is written after the step's yield, so that whoever logs has logged whatever is in it.
        every_seconds: how often.

    Raises:
        FloatingPointError: the loss or its gradient is no longer finite; the last checkpoint is from before.
        OSError: a checkpoint that cannot be read or written, or is of another run.
    """
    processes.alike(model)
    shell = fsdp.share_out(model, watched(model, loss_of, plan.accumulate)) if plan.fsdp else None
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = Muon(model, plan.learning_rate, plan.betas, plan.weight_decay)
    average = Average(model, plan.decay, shell)
    start = resume(checkpoint, model, average, optimizer, plan.facts)
    if start >= plan.steps:
        yield Step(start, math.nan, 0.0, average.whole())
        return
    if plan.compiler:
        compile_(watched(model, loss_of, plan.accumulate), plan.compiler)
    saved = time.perf_counter()
    for step in range(start, plan.steps):
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate_at(step)
        optimizer.zero_grad()
        loss = _backward(loss_of, step, plan.accumulate)
        processes.average_([loss, *(p.grad for p in parameters if p.grad is not None and not fsdp.is_split(p))])
        length = (fsdp.clip_ if plan.fsdp else nn.utils.clip_grad_norm_)(parameters, plan.clip)
        value = loss.item()
        if not math.isfinite(value + length.item()):  # before the update, so that the weights stay finite
            raise FloatingPointError(
                f"Step {step + 1} has a loss of {value} and a gradient of length {length.item()}; both must be finite. "
                f"Lower the learning rate ({plan.learning_rate})."
            )
        optimizer.step()
        average.update(step + 1)
        seconds = time.perf_counter() - began
        due = step + 1 == plan.steps or bool(checkpoint and time.perf_counter() - saved > every_seconds)
        if plan.fsdp:  # then all give their parts
            due = bool(processes.same(due))
        whole = due or not plan.fsdp
        yield Step(step + 1, value, seconds, average.whole() if whole else average.model, whole=whole)
        if checkpoint and due and (plan.fsdp or processes.rank() == 0):
            save_checkpoint(checkpoint, step + 1, model, average, optimizer, plan.facts)
            saved = time.perf_counter()


def _backward(loss_of: Callable[[int], Tensor], step: int, parts: int) -> Tensor:
    """The gradients of the step-th batch: draw it, noise it, predict, compare. Returns its loss."""
    losses = []
    for index in range(parts):
        with processes.part(index, parts):
            loss = loss_of(step) / parts
        loss.backward()
        losses.append(loss.detach())
    return torch.stack(losses).sum()
