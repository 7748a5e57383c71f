"""The student's instant check: fresh random inputs, the answer beside the reference, and one helpful sentence."""

import dataclasses
import dis
import inspect
import secrets
from collections.abc import Iterator
from types import CodeType
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
    result = _judged(answer, asked)
    if result.status not in ("wrong", "error"):
        return result
    read = _globals_read(answer)
    tensors = [f"`{name}`" for name, value in read.items() if isinstance(value, torch.Tensor)]
    others = [f"`{name}`" for name, value in read.items() if _is_faulty(value, name, asked)]
    lines = [result.message]
    if tensors and result.misconception is None:  # what does exactly as a known mistake does, owes nothing to them
        lines.insert(0, say("reads_notebook", names=", ".join(tensors)))
    if others:
        lines.append(say("calls_others", names=", ".join(others)))
    return dataclasses.replace(result, message="\n".join(lines))


def _judged(answer: Any, asked: Exercise) -> CheckResult:
    """What the arrays say of an answer, on inputs drawn afresh."""
    generator = torch.Generator().manual_seed(secrets.randbits(63))
    with torch.device("cpu"):
        draws = [asked.make_inputs(generator) for _ in range(DRAWS)]
    off_limits = (*asked.off_limits, asked.reference)
    return judge(asked, draws, [measure(asked, answer, inputs, off_limits) for inputs in draws])


def _which(answer: Any, exercise: Exercise | str | None) -> Exercise:
    if not callable(answer):
        raise ValueError(say("check_takes", received=repr(answer)))
    if isinstance(exercise, Exercise):
        return exercise
    name = exercise or getattr(answer, "__name__", None)
    if name is None:
        raise ValueError(say("check_takes", received=type(answer).__name__))
    return bank.find(name)


def _globals_read(answer: Any) -> dict[str, Any]:
    """The notebook's names that an answer's code reads, with what they stand for now."""
    read: dict[str, Any] = {}
    for function in map(inspect.unwrap, vars(answer).values() if inspect.isclass(answer) else [answer]):
        if inspect.isfunction(function):
            names = [name for name in _global_names(function.__code__) if name in function.__globals__]
            read |= {name: function.__globals__[name] for name in names}
    return read


def _global_names(code: CodeType) -> Iterator[str]:
    """The global names in a function's code, inner functions and comprehensions included, attributes not."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
        elif inspect.iscode(instruction.argval):
            yield from _global_names(instruction.argval)


def _is_faulty(other: Any, name: str, asked: Exercise) -> bool:
    """Whether this is the student's attempt at another exercise of the lab, and wrong: its fault would look like ours.

    It is tried here and now: what passed a check earlier may have been written anew since, or what it calls.
    """
    exercise = next((item for item in bank.ALL if (item.lab, item.name) == (asked.lab, name)), None)
    if exercise is None or exercise.name == asked.name or not callable(other) or is_blank(other):
        return False
    return other is not exercise.reference and not _judged(other, exercise).passed
