"""Training of two that want opposite things: in each step first the judge learns, then the painter.

A loop of its own, because here are two losses, of which neither falls when all goes well.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.training import processes
from t2ilab.training.checkpoint import resume, save_checkpoint
from t2ilab.training.ema import Average
from t2ilab.training.loop import Step


@dataclass(frozen=True)
class AdversarialPlan:
    """The numbers of an adversarial training run.

    Args:
        steps: of both, one update each.
        learning_rate: the painter's, of Adam; it stays for the first half and then falls in a line to nothing, as
            CycleGAN's does.
        judge_rate: the judge's, as a multiple of it. A judge that learns faster gives better advice (Heusel et al.
            2017).
        betas: of Adam. Little momentum: where two chase each other, old gradients mislead.
        decay: of the painter's averaged weights.
        facts: anything else that a checkpoint should remember, such as the recipe's name and seed.

    Raises:
        ValueError: no step, or a rate that is not positive.
    """

    steps: int
    learning_rate: float = 1e-3
    judge_rate: float = 1.0
    betas: tuple[float, float] = (0.0, 0.99)
    decay: float = 0.995
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"Training takes at least one step; got {self.steps}.")
        for rate in (self.learning_rate, self.judge_rate):
            if not 0 < rate < math.inf:
                raise ValueError(f"A learning rate is a positive number; got {rate}. 1e-3, and 1 for judge_rate, suit.")

    def share_at(self, step: int) -> float:
        """The share of the learning rates that the step-th update takes, counted from 0."""
        return min(1.0, 2 * (1 - step / self.steps))


@dataclass(frozen=True)
class AdversarialStep(Step):
    """What the loop yields: `loss` is the painter's, `judge_loss` the judge's, `average` the averaged painter."""

    judge_loss: float = math.nan


class Rivals(nn.Module):
    """Painter and judge as one module, so that they are saved together.

    Either may be several networks in one: CycleGAN has two painters and two judges.
    """

    def __init__(self, painter: nn.Module, judge: nn.Module):
        super().__init__()
        self.painter, self.judge = painter, judge


def train_adversarially(
    rivals: Rivals,
    judge_loss_of: Callable[[int], Tensor],
    painter_loss_of: Callable[[int], Tensor],
    plan: AdversarialPlan,
    checkpoint: Path | None = None,
    every_seconds: float = 60.0,
) -> Iterator[AdversarialStep]:
    """Trains both, and yields after each step; whatever is due to be saved is saved when the next step is asked for.

    Args:
        rivals: hold the parameters that the losses use, already on their device.
        judge_loss_of: the judge's loss of the step-th batch (a scalar). All its chance must come from the step's
            number, so that a resumed run repeats what a run without a break would have done, bit for bit.
        painter_loss_of: the painter's, likewise; the judge's weights are frozen while it runs.
        plan: the numbers.
        checkpoint: a file that is written every so often and after the last step, and from which a run goes on if it
            is there. It is written after the step's yield, so that whoever logs has logged whatever is in it.
        every_seconds: how often.

    Raises:
        ValueError: several processes have joined: norms and deviations here look at whole batches.
        FloatingPointError: a loss or its gradient is no longer finite; the last checkpoint is from before.
        OSError: a checkpoint that cannot be read or written, or is of another run.
    """
    if processes.count() > 1:
        raise ValueError(
            f"A GAN trains in one process, since its layers look at whole batches; got {processes.count()}. Leave "
            "--processes out."
        )
    sides = {
        who: [p for p in net.parameters() if p.requires_grad]
        for who, net in (("painter", rivals.painter), ("judge", rivals.judge))
    }
    # One optimizer with a group for each: Adam passes over parameters without a gradient, so each moves in its turn.
    groups = [{"params": parameters} for parameters in sides.values()]
    optimizer = torch.optim.Adam(groups, plan.learning_rate, plan.betas, fused=True)
    average = Average(rivals.painter, plan.decay)
    start = resume(checkpoint, rivals, average, optimizer, plan.facts)
    if start >= plan.steps:
        yield AdversarialStep(start, math.nan, 0.0, average.model)
        return
    saved = time.perf_counter()
    for step in range(start, plan.steps):
        began = time.perf_counter()
        rates = plan.learning_rate, plan.learning_rate * plan.judge_rate
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * plan.share_at(step)
        judged = _update("judge", judge_loss_of, step, sides, optimizer, plan)
        painted = _update("painter", painter_loss_of, step, sides, optimizer, plan)
        average.update(step + 1)
        yield AdversarialStep(step + 1, painted, time.perf_counter() - began, average.model, judged)
        if checkpoint and (step + 1 == plan.steps or time.perf_counter() - saved > every_seconds):
            save_checkpoint(checkpoint, step + 1, rivals, average, optimizer, plan.facts)
            saved = time.perf_counter()


def _update(
    who: str,
    loss_of: Callable[[int], Tensor],
    step: int,
    sides: dict[str, list[nn.Parameter]],
    optimizer: torch.optim.Optimizer,
    plan: AdversarialPlan,
) -> float:
    """One update of one of the two, while the other is frozen; returns the loss before it."""
    for name, parameters in sides.items():
        for parameter in parameters:
            parameter.requires_grad_(name == who)
    try:
        loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
    finally:
        for parameter in (p for parameters in sides.values() for p in parameters):
            parameter.requires_grad_(True)
    lengths = [torch.linalg.vector_norm(p.grad) for p in sides[who] if p.grad is not None]
    length = torch.linalg.vector_norm(torch.stack(lengths)) if lengths else torch.tensor(0.0)
    value = loss.item()
    if not math.isfinite(value + length.item()):  # before the update, so that the weights stay finite
        raise FloatingPointError(
            f"In step {step + 1} the {who} has a loss of {value} and a gradient of length {length.item()}; both must "
            f"be finite. Lower the learning rate ({plan.learning_rate})."
        )
    optimizer.step()
    return value
