"""How much a notebook computes: the lesson's number, or a small one where a machine only wants to see it run."""

import os
from numbers import Real
from typing import TypeVar

from t2ilab.lab.messages import say

Number = TypeVar("Number", int, float)


def budget(lesson: Number, ci: Number) -> Number:
    """How many steps (or seconds, or pictures) to take: `lesson`, or `ci` under T2ILAB_BUDGET=ci.

    Raises ValueError when either is not a number above zero, or T2ILAB_BUDGET is neither "lesson" nor "ci".
    """
    for number in (lesson, ci):
        if not isinstance(number, Real) or isinstance(number, bool) or not number > 0:
            raise ValueError(say("budget_number", received=repr(number)))
    mode = os.environ.get("T2ILAB_BUDGET", "") or "lesson"
    if mode not in ("lesson", "ci"):
        raise ValueError(say("budget_mode", received=mode))
    return ci if mode == "ci" else lesson
