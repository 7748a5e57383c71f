"""Running an answer and writing down what it does: probes, and the arrays and failures that they leave.

Everything here may run in a sandbox beside the student's code; nothing here knows the right answer.
"""

import functools
import inspect
import linecache
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import torch

from t2ilab.lab.definition import Arrays, Exercise, Inputs
from t2ilab.lab.offlimits import Guard


class Unfit(Exception):
    """What an answer gave cannot be measured; `key` and `values` name the engine's sentence that says why."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


class Cases(dict[str, np.ndarray]):
    """The arrays of a probe; `error` is what stopped it, if anything did, and `case` the case that it stopped in."""

    error: BaseException | None = None
    case: str = "any"


def cases(generator_function: Callable[[Any, Inputs], Iterator[Any]]) -> Callable[[Any, Inputs], Cases]:
    """Makes a probe of a generator function that yields a case's name first, then what the answer gives in it::

        @cases
        def probe(double, inputs):
            yield "batch", lambda: double(inputs["x"])

    Each yield is (name, function without arguments). An answer that fails in a late case keeps the earlier ones, so
    that it can earn their share of the points.
    """

    @functools.wraps(generator_function)
    def probe(answer: Any, inputs: Inputs) -> Cases:
        measured = Cases()
        try:
            for name, run in generator_function(answer, inputs):
                measured.case = name
                measured[name] = to_array(run())
        except (Exception, SystemExit) as error:
            measured.error = error
        return measured

    return probe


def to_array(value: Any) -> np.ndarray:
    """A tensor or a number as a numpy array (half precisions as float32). Raises Unfit for anything else."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (
            (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value)
            .resolve_conj()
            .resolve_neg()
            .numpy()
            .copy()
        )
    if isinstance(value, bool | int | float | np.generic):
        return np.asarray(value)
    if value is None:
        raise Unfit("returned_nothing")
    if isinstance(value, list) and value and all(isinstance(item, torch.Tensor) for item in value):
        raise Unfit("list_of_tensors", count=len(value))
    raise Unfit("wrong_type", received=type(value).__name__)


@dataclass(frozen=True)
class Failure:
    """An error in an answer, in words only, so that it can leave a sandbox.

    kind and message: the error's; function, line, source: the last line of the student's own code that ran.
    sentence: the name of the engine's sentence that says it better, with its values.
    """

    kind: str
    message: str = ""
    case: str = "any"
    function: str = ""
    line: int = 0
    source: str = ""
    sentence: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What one answer did with one draw of inputs.

    arrays: by case; failure: what stopped it; changed: the inputs that it overwrote; forbidden: what it called that is
    off limits.
    """

    arrays: Arrays
    failure: Failure | None = None
    changed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


def measure(exercise: Exercise, answer: Any, inputs: Inputs, off_limits: tuple[Any, ...] = ()) -> Measured:
    """Probes an answer on a copy of one draw of inputs; off_limits: dotted names, or objects, that it may not call.

    The state of random numbers and the gradient mode are afterwards as they were, and nothing stays swapped.
    """
    given = copy_inputs(inputs)
    arrays: Arrays = {}
    failure = None
    with _surroundings(), Guard(off_limits) as guard:
        try:
            arrays = exercise.probe(answer, given)
        except (Exception, SystemExit) as error:
            failure = describe(error, answer)
    stopped = getattr(arrays, "error", None)
    if stopped is not None:
        failure = describe(stopped, answer, getattr(arrays, "case", "any"))
    changed = tuple(name for name in inputs if not _same(inputs[name], given.get(name)))
    return Measured(dict(arrays), failure, changed, tuple(guard.touched))


@contextmanager
def _surroundings() -> Iterator[None]:
    """The same surroundings for every answer: gradients on, the CPU, its own random numbers, warnings unheard.

    An answer's random numbers (a layer's first weights) must not shift those of the notebook, and what warns is right.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), torch.device("cpu"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def describe(error: BaseException, answer: Any, case: str = "any") -> Failure:
    """An error in words, with the last line of the student's own code (the namespace that the answer lives in)."""
    kind, message = type(error).__name__, str(error)
    if isinstance(error, Unfit):
        return Failure(kind, message, case, sentence=error.key, values=error.values)
    function, line, source = _last_line(error.__traceback__, _namespace(answer))
    return Failure(kind, message, case, function, line, source)


def copy_inputs(value: Any) -> Any:
    """A deep copy of inputs: tensors are cloned, dicts, lists and tuples rebuilt, the rest is immutable."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: copy_inputs(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copy_inputs(item) for item in value)
    return value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, torch.Tensor):
        if not isinstance(after, torch.Tensor) or before.shape != after.shape or before.dtype != after.dtype:
            return False
        return torch.equal(before, after.detach().cpu())
    if isinstance(before, dict):
        return (
            isinstance(after, dict)
            and before.keys() == after.keys()
            and all(_same(before[k], after[k]) for k in before)
        )
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after)


def _namespace(answer: Any) -> dict[str, Any] | None:
    """The global names that the student's code sees: the notebook's, or the module's."""
    candidates = (
        [answer, *vars(answer).values()] if inspect.isclass(answer) else [answer, getattr(answer, "func", None)]
    )
    return next((item.__globals__ for item in candidates if inspect.isfunction(item)), None)


def _last_line(trace: TracebackType | None, namespace: dict[str, Any] | None) -> tuple[str, int, str]:
    found = ("", 0, "")
    while trace is not None:
        frame, line = trace.tb_frame, trace.tb_lineno
        if frame.f_globals is namespace:
            source = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
            found = (frame.f_code.co_name, line, source)
        trace = trace.tb_next
    return found
