"""One thing done in two ways, ours and another: the same outcome first, then seconds by turns, then memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from t2ilab.benchmark.memory import alone
from t2ilab.benchmark.row import Row
from t2ilab.benchmark.timing import by_turns, ratios, timed
from t2ilab.device import DeviceManager

Turn = Callable[[], Tensor]  # does it once, and gives what came out: a loss, or pictures


@dataclass(frozen=True)
class Contest:
    """Two ways, each made only when it is asked for, so that a process can hold one of them alone.

    Attributes:
        name, compared, size: as in a `Row`.
        ours, theirs: make what is needed and give the turn.
        tolerance: the outcomes of both first turns may differ by this share of the largest value; None where they are
            not the same by design.
        rounds: turns of each that count.
        checked: of how many turns the outcomes are compared.
    """

    name: str
    compared: str
    size: str
    ours: Callable[[], Turn]
    theirs: Callable[[], Turn]
    tolerance: float | None
    rounds: int = 10
    checked: int = 1

    def held(self, quick: bool = False) -> Row:
        """The line of the table; `quick` leaves the memory out.

        Raises:
            ImportError: the other side is not installed.
            RuntimeError: the outcomes differ, so that their speeds do not compare.
        """
        theirs, ours = self.theirs(), self.ours()
        if self.tolerance is not None:
            for _ in range(self.checked):
                self._check(ours(), theirs(), self.tolerance)
        seconds = by_turns([timed(ours), timed(theirs)], self.rounds)
        mine, other = (statistics.median(one) for one in seconds)
        memory = None if quick else (alone(self.name, "ours"), alone(self.name, "theirs"))
        ratio, spread = ratios(seconds[1], seconds[0])
        return Row(self.name, self.compared, self.size, "s", mine, other, ratio, spread=spread, memory=memory)

    def _check(self, ours: Tensor, theirs: Tensor, tolerance: float) -> None:
        difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
        if not difference <= tolerance:  # NaN differs too
            raise RuntimeError(
                f"{self.name}: both sides must come to the same; they differ by {difference:.1e} of the largest value, "
                f"and {tolerance:.0e} is allowed. Their speeds do not compare."
            )


def own_device() -> DeviceManager:
    """Where contests are held, and in which precision both sides compute: on a CPU in float32, as published code
    does there unless told otherwise."""
    device = DeviceManager()
    if device.device.type == "cpu":
        device.dtype = torch.float32
    return device
