"""Hints, one at a time: a nudge first, nearly the solution last."""

from collections import Counter
from typing import Any

from t2ilab.lab import bank
from t2ilab.lab.messages import say

_shown: Counter[str] = Counter()  # how many hints of each exercise this session has seen


class Hint(str):
    """A hint's text, which a notebook shows as text and not as a quoted string."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def hint(name: Any) -> Hint:
    """The next of an exercise's three hints; after the last, where its solution is to be found.

    name: the exercise's name, or the student's definition of it. Raises ValueError, with the nearest names, when
    there is no such exercise.
    """
    asked = bank.find(name if isinstance(name, str) else getattr(name, "__name__", repr(name)))
    number = _shown[asked.name]
    if number == len(asked.hints):
        return Hint(say("hints_done", name=asked.name, lab=asked.lab))
    _shown[asked.name] += 1
    return Hint(say("hint", number=number + 1, total=len(asked.hints), sentence=asked.hints[number].say()))
