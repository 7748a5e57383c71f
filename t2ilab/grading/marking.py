"""One submission, exercise by exercise: run in the sandbox, judged here, where the student's code never was."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from time import monotonic
from typing import Any

import torch

from t2ilab.grading.extract import Program, programs
from t2ilab.grading.sandbox import Sandbox, Stopped, Worker
from t2ilab.grading.wire import Broken, received
from t2ilab.grading.words import word
from t2ilab.lab.check import DRAWS
from t2ilab.lab.definition import Exercise, Inputs
from t2ilab.lab.judging import judge
from t2ilab.lab.messages import say
from t2ilab.lab.probing import Measured, measure

# Python 3.11's parser counts the depth of all threads in one place: two that parse at a time end in a SystemError.
_READING = threading.Lock()
# Numbers in one array, if the reference's have no more; two arrays of such a size can be compared each with each.
_MOST = 10_000


@dataclass(frozen=True)
class Mark:
    """What one exercise of one submission earned, and why.

    status: "right", "wrong", "error", "blank", "off_limits", "timeout", "memory" or "crash"; message: the check's own
    sentences; misconception: the known mistake, or None; holds: property -> whether it holds; seconds: by the clock.
    """

    exercise: str
    status: str
    points: float
    out_of: float
    message: str
    misconception: str | None = None
    holds: Mapping[str, bool] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain values, from which `Mark(**values)` is the same again."""
        return asdict(self)


class Marker:
    """Marks submissions of one lab, all with the same inputs, which nobody has seen before.

    seed: decides the inputs. Reference and known mistakes are measured once for all submissions. May be used by
    several threads at a time.
    """

    def __init__(self, exercises: Sequence[Exercise], sandbox: Sandbox, seed: int) -> None:
        self._exercises, self._sandbox = exercises, sandbox
        self._draws = {one.name: _draws(one, seed) for one in exercises}
        self._measured: dict[tuple[str, int, int], Measured] = {}
        self._one_at_a_time = threading.Lock()  # measuring swaps code and random numbers of the whole process

    def mark(self, cells: Mapping[int, str]) -> list[Mark]:
        """The marks of one notebook's code cells, in the order of the lab's exercises."""
        found: list[Mark] = []
        needed: dict[str, frozenset[str]] = {}
        with _READING:
            given = programs(cells, [e.name for e in self._exercises])
        with ExitStack() as running:
            worker = None
            for asked, program in zip(self._exercises, given, strict=True):
                needed[asked.name] = program.names
                if program.state != "attempted":
                    found.append(_unrun(asked, program))
                    continue
                worker = worker or running.enter_context(self._sandbox.worker())
                mark = self._ask(worker, asked, program)
                found.append(mark)
                if mark.status in ("timeout", "memory", "crash"):
                    running.close()
                    worker = None
        return [_with_others(mark, needed[mark.exercise], found) for mark in found]

    def _ask(self, worker: Worker, asked: Exercise, program: Program) -> Mark:
        draws = self._draws[asked.name]
        request = {
            "exercise": asked.name,
            "cells": {str(number): source for number, source in program.cells.items()},
            "run": program.run,
            "names": sorted(program.names),
            "reads": sorted(program.reads - {asked.name}),
            "draws": draws,
        }
        started = monotonic()
        try:
            answer, seconds = worker.ask(request), monotonic() - started
            mark = self._judged(asked, draws, answer)
        except Stopped as stopped:
            most = f"{self._sandbox.limits.seconds:g}"
            seconds = monotonic() - started
            mark = _none(asked, stopped.reason, word(stopped.reason, seconds=most))
        except Broken:
            mark = _none(asked, "crash", word("unread"))
        return replace(mark, seconds=round(seconds, 2))

    def _judged(self, asked: Exercise, draws: Sequence[Inputs], answer: Any) -> Mark:
        """The mark for what came out of the sandbox. Raises Broken where it is not what a worker sends."""
        if not isinstance(answer, dict):
            raise Broken
        if "stopped" in answer:
            failure = received({"arrays": {}, "failure": answer["stopped"], "changed": [], "forbidden": []}).failure
            if failure is None:
                raise Broken
            if _is_memory(failure.kind, failure.message):
                return _none(asked, "memory", word("memory"))
            return _none(asked, "error", word("definition", kind=failure.kind, message=failure.message))
        raw = answer.get("draws")
        if not isinstance(raw, list) or len(raw) != len(draws):
            raise Broken
        measured = [received(one) for one in raw]
        if any(one.failure and _is_memory(one.failure.kind, one.failure.message) for one in measured):
            return _none(asked, "memory", word("memory"))
        with self._one_at_a_time:
            measured = self._bounded(asked, draws, measured)
            try:
                result = judge(asked, draws, measured, self._remembered)
            except RuntimeError:
                raise
            except Exception as error:  # arrays that no answer gives
                raise Broken(str(error)) from error
        message = result.message
        tensors = answer.get("tensors")
        if result.status in ("wrong", "error") and result.misconception is None and tensors:
            names = ", ".join(f"`{name}`" for name in tensors if isinstance(name, str) and name.isidentifier())
            message = f"{say('reads_notebook', names=names[:200])}\n{message}"
        return Mark(
            asked.name, result.status, result.points, result.out_of, message, result.misconception, result.properties
        )

    def _bounded(self, asked: Exercise, draws: Sequence[Inputs], measured: Sequence[Measured]) -> list[Measured]:
        """The same without arrays that nobody asked for, and without those that are far too large."""
        kept = []
        for inputs, one in zip(draws, measured, strict=True):
            wanted = self._remembered(asked, asked.reference, inputs).arrays
            most = max(_MOST, *(2 * array.size for array in wanted.values()))
            arrays = {case: array for case, array in one.arrays.items() if case in wanted and array.size <= most}
            kept.append(Measured(arrays, one.failure, one.changed, one.forbidden))
        return kept

    def _remembered(self, asked: Exercise, answer: Any, inputs: Inputs) -> Measured:
        key = (asked.name, id(answer), id(inputs))
        if key not in self._measured:
            self._measured[key] = measure(asked, answer, inputs)
        return self._measured[key]


def _draws(asked: Exercise, seed: int) -> list[Inputs]:
    own = int.from_bytes(hashlib.sha256(f"{seed} {asked.name}".encode()).digest()[:7], "big")
    generator = torch.Generator().manual_seed(own)
    with torch.device("cpu"):
        return [asked.make_inputs(generator) for _ in range(DRAWS)]


def _none(asked: Exercise, status: str, message: str) -> Mark:
    return Mark(asked.name, status, 0.0, float(asked.points), message)


def _unrun(asked: Exercise, program: Program) -> Mark:
    """The mark of an exercise of which nothing is to be run."""
    if program.state == "broken":
        return _none(asked, "error", program.problem)
    return _none(asked, "blank", word(program.state))


def _is_memory(kind: str, message: str) -> bool:
    return kind == "MemoryError" or "allocate memory" in message or "not enough memory" in message


def _with_others(mark: Mark, names: frozenset[str], marks: Sequence[Mark]) -> Mark:
    """A fault that may be another exercise's says so: where an answer calls one that is not right itself."""
    faulty = [one.exercise for one in marks if one.status != "right" and one.exercise in names - {mark.exercise}]
    if mark.status not in ("wrong", "error") or not faulty:
        return mark
    sentence = say("calls_others", names=", ".join(f"`{name}`" for name in faulty))
    return replace(mark, message=f"{mark.message}\n{sentence}")
