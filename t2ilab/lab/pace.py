"""How long a training will take on this machine: ten steps by the clock, before the whole is begun."""

from __future__ import annotations

import time
from collections.abc import Callable

from t2ilab.lab.translate import say

LIMIT_MINUTES = 8.0


def pace(
    step: Callable[[int], object], steps: int, checkpoint: str | None = None, limit_minutes: float = LIMIT_MINUTES
) -> float:
    """Times ten steps after two to warm up and says how long all of them will take.

    Where that would pass the limit, it says so, and names the zoo's checkpoint to go on with if there is one.

    Args:
        step: takes one training step, of a model to throw away; gets its number.
        steps: of the whole training.
        checkpoint: what the zoo holds of the model that would be trained, if anything.

    Returns:
        The minutes that the training is expected to take.
    """
    for number in range(2):
        step(number)
    start = time.perf_counter()
    for number in range(2, 12):
        step(number)
    minutes = (time.perf_counter() - start) / 10 * steps / 60
    say("{steps} steps will take about {minutes:.1f} minutes on this machine.", steps=steps, minutes=minutes)
    if minutes > limit_minutes and checkpoint is None:
        say("That is longer than a lesson has. Lower the number of steps in this cell and run it again.")
    elif minutes > limit_minutes:
        say(
            "That is longer than a lesson has. Lower the number of steps in this cell and run it again: the zoo's "
            "'{checkpoint}' is a model like it, trained longer; the lab shows it beside yours.",
            checkpoint=checkpoint,
        )
    return minutes
