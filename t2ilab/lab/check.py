"""The student's instant check: fresh random inputs, the answer beside the reference, and one helpful sentence."""

import dataclasses
import inspect
import secrets
from typing import Any

import torch

from t2ilab.lab import bank
from t2ilab.lab.definition import Exercise
from t2ilab.lab.exercise import is_blank
from t2ilab.lab.judging import judge
from t2ilab.lab.messages import say
from t2ilab.lab.probing import measure
from t2ilab.lab.result import CheckResult

DRAWS = 3  # random inputs a check; a wrong answer that is right by chance in all of them is not a worry


def check(answer: Any, exercise: Exercise | str | None = None) -> CheckResult:
    """Tells whether an answer is right, and what to think about if it is not; the last expression of a cell.

    answer: the student's function or class; exercise: its name, or nothing where the answer bears that name.
    Returns a CheckResult, which is true when the answer is right. The inputs are drawn afresh by every call.
    Raises ValueError when there is no such exercise, or the answer is not a function or a class.
    """
    asked = _which(answer, exercise)
    if is_blank(answer):
        return CheckResult(
            False, say("not_attempted", name=asked.name), None, asked.name, "blank", 0.0, float(asked.points)
        )
    if answer is asked.reference:
        return CheckResult(False, say("own_reference"), None, asked.name, "off_limits", 0.0, float(asked.points))
    generator = torch.Generator().manual_seed(secrets.randbits(63))
    with torch.device("cpu"):
        draws = [asked.make_inputs(generator) for _ in range(DRAWS)]
    off_limits = (*asked.off_limits, asked.reference)
    result = judge(asked, draws, [measure(asked, answer, inputs, off_limits) for inputs in draws])
    others = _other_answers(answer, asked) if result.status in ("wrong", "error") else []
    if others:
        result = dataclasses.replace(
            result, message=f"{result.message}\n{say('calls_others', names=', '.join(others))}"
        )
    return result


def _which(answer: Any, exercise: Exercise | str | None) -> Exercise:
    if not callable(answer):
        raise ValueError(say("check_takes", received=repr(answer)))
    if isinstance(exercise, Exercise):
        return exercise
    name = exercise or getattr(answer, "__name__", None)
    if name is None:
        raise ValueError(say("check_takes", received=type(answer).__name__))
    return bank.find(name)


def _other_answers(answer: Any, asked: Exercise) -> list[str]:
    """The student's other attempts that this answer calls: a fault of theirs would look like one of this answer."""
    functions = vars(answer).values() if inspect.isclass(answer) else [answer]
    found = []
    for function in filter(inspect.isfunction, functions):
        for name in function.__code__.co_names:
            other = function.__globals__.get(name)
            listed = name in bank.names(asked.lab) and name != asked.name and f"`{name}`" not in found
            if listed and callable(other) and not is_blank(other) and other is not bank.find(name).reference:
                found.append(f"`{name}`")
    return found
