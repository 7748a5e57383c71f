"""Seconds by turns: whatever else the machine does falls on all sides alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Found = TypeVar("Found")


def by_turns(calls: Sequence[Callable[[], Found]], rounds: int, warm_up: int = 1) -> list[list[Found]]:
    """What each call gives, round by round, in the order a b, b a, a b, ... after rounds that are thrown away.

    Python's garbage collection is off meanwhile, so that one side does not sweep up after the other.
    """
    found: list[list[Found]] = [[] for _ in calls]
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for turn in range(warm_up + rounds):
            for index in sorted(range(len(calls)), reverse=bool(turn % 2)):
                answer = calls[index]()
                if turn >= warm_up:
                    found[index].append(answer)
    finally:
        if was_on:
            gc.enable()
    return found


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """The call, giving the seconds that it takes, until the device is done with it."""

    def seconds() -> float:
        wait()
        began = time.perf_counter()
        call()
        wait()
        return time.perf_counter() - began

    return seconds


def wait() -> None:
    """Until the accelerator has done what it was asked; a CPU always has."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()
    elif hasattr(torch, "xpu") and torch.xpu.is_available():
        torch.xpu.synchronize()


def ratios(of: Sequence[float], to: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """The median of the rounds' own ratios, and their quartiles: a machine that slows down slows both of a round."""
    each = [a / b for a, b in zip(of, to, strict=True)]
    return statistics.median(each), quartiles(each)


def quartiles(values: Sequence[float]) -> tuple[float, float] | None:
    """The first and the third; None for fewer than four values."""
    if len(values) < 4:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
