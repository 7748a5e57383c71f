"""Judging what was measured: right, or which known mistake, or the smallest difference that helps.

Only arrays are looked at here, never the student's code, so that a grader can judge outside its sandbox.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from t2ilab.lab.case_names import case_name
from t2ilab.lab.definition import Arrays, Exercise, Inputs, Tolerance
from t2ilab.lab.messages import say
from t2ilab.lab.probing import Failure, Measured, measure
from t2ilab.lab.result import CheckResult

Difference = tuple[str, dict[str, Any]]  # the engine's sentence and its values
Measure = Callable[[Exercise, Any, Inputs], Measured]


def judge(
    exercise: Exercise, draws: Sequence[Inputs], measured: Sequence[Measured], measure: Measure = measure
) -> CheckResult:
    """Compares an answer with the reference, draw by draw: `measured[i]` is what it did with `draws[i]`.

    Right means: within the tolerance in every case of every draw, every property holds, and no input was changed.
    measure(exercise, answer, inputs) probes the reference and known mistakes; a grader gives one that remembers.
    """
    forbidden = [name for one in measured for name in one.forbidden]
    if forbidden:
        return _result(exercise, "off_limits", say("off_limits", called=f"`{forbidden[0]}`"))
    wanted = [_reference_arrays(exercise, inputs, measure) for inputs in draws]
    holds = {
        name: all(_holds(item.test, one.arrays, inputs) for one, inputs in zip(measured, draws, strict=True))
        for name, item in exercise.properties.items()
    }
    differences = [difference(one.arrays, want, exercise.tolerance) for one, want in zip(measured, wanted, strict=True)]
    failure = next((one.failure for one in measured if one.failure), None)
    changed = next((one.changed for one in measured if one.changed), ())
    if failure is None and not changed and not any(differences) and all(holds.values()):
        return _result(exercise, "right", say("right", draws=len(draws)), holds)
    status = "error" if failure else "wrong"
    if changed:
        # Inputs are named after the reference's arguments; those of further cases would say nothing to a student.
        arguments = [name for name in changed if name in inspect.signature(exercise.reference).parameters]
        sentence = say("in_place", changed=", ".join(f"`{name}`" for name in arguments or changed))
        return _result(exercise, status, sentence, holds)
    mistake = _misconception(exercise, draws, measured, measure)
    if mistake is not None:
        lines = [say("looks_like", sentence=exercise.misconceptions[mistake].sentence.say())]
        lines += [_failure_sentence(failure)] if failure else []
        return _result(exercise, status, "\n".join(lines), holds, mistake)
    if failure:
        return _result(exercise, "wrong" if failure.sentence else "error", _failure_sentence(failure), holds)
    lines = [_difference_sentence(first) for first in differences if first][:1]
    failing = next((name for name, held in holds.items() if not held), None)
    # Where even the shape is wrong, every property fails and none of them says anything.
    if failing and (not lines or next(filter(None, differences))[0] in ("element", "scalar")):
        lines.insert(0, exercise.properties[failing].sentence.say())
    return _result(exercise, status, "\n".join([*lines, say("hint_offer", name=exercise.name)]), holds)


def difference(answer: Arrays, reference: Arrays, tolerance: Tolerance) -> Difference | None:
    """The first difference between two probes' arrays, or None: missing, shape, kind, not finite, or an element."""
    for case, want in reference.items():
        if case not in answer:
            return "missing", {"case": case}
        got = answer[case]
        if got.shape != want.shape:
            return "shape", {"case": case, "received": got.shape, "expected": want.shape}
        if got.dtype.kind != want.dtype.kind:
            return "kind", {"case": case, "received": got.dtype.kind, "expected": want.dtype.kind}
        wrong = np.argwhere(~tolerance.close(got, want))
        if len(wrong) == 0:
            continue
        lost = np.argwhere(~np.isfinite(got) & np.isfinite(want))
        key = "nan" if len(lost) else "element" if got.ndim else "scalar"
        places = lost if len(lost) else wrong
        index = tuple(int(i) for i in places[0])
        received, expected = _distinct(got[index], want[index])
        return key, {
            "case": case,
            "count": len(places),
            "total": got.size,
            "index": list(index),
            "received": received,
            "expected": expected,
        }
    return None


def _reference_arrays(exercise: Exercise, inputs: Inputs, measure: Measure) -> Arrays:
    reference = measure(exercise, exercise.reference, inputs)
    if reference.failure:
        raise RuntimeError(
            f"The reference of {exercise.name} must pass its own probe, but it stopped with {reference.failure}; "
            "this is a fault of the exercise bank, not of an answer."
        )
    return reference.arrays


def _misconception(
    exercise: Exercise, draws: Sequence[Inputs], measured: Sequence[Measured], measure: Measure
) -> str | None:
    """The known mistake that does what the answer did in every draw, errors included."""
    if not all(one.arrays for one in measured):
        return None  # an error before the first number says nothing about the idea behind it
    for name, item in exercise.misconceptions.items():
        pairs = zip(draws, measured, strict=True)
        if all(_same(exercise, measure(exercise, item.wrong, inputs), answer) for inputs, answer in pairs):
            return name
    return None


def _same(exercise: Exercise, mistaken: Measured, answer: Measured) -> bool:
    if (mistaken.failure is None) != (answer.failure is None) or mistaken.arrays.keys() != answer.arrays.keys():
        return False
    if mistaken.failure and answer.failure:
        ours, theirs = mistaken.failure, answer.failure
        if (ours.kind, ours.sentence) != (theirs.kind, theirs.sentence):
            return False
    return difference(answer.arrays, mistaken.arrays, exercise.tolerance) is None


def _holds(test: Any, arrays: Arrays, inputs: Inputs) -> bool:
    try:
        with np.errstate(all="ignore"):
            return bool(test(arrays, inputs))
    except Exception:  # a missing case, another shape: the property cannot hold
        return False


def _failure_sentence(failure: Failure) -> str:
    case = case_name(failure.case)
    if failure.sentence:
        return say(failure.sentence, **{"case": case, **failure.values})
    message = failure.message.strip()
    lines = [say("error_case", case=case)]
    lines.append(say("error" if message else "error_bare", kind=failure.kind, message=message))
    if failure.line:
        lines.append(say("error_line", function=failure.function, line=failure.line, source=failure.source))
    if failure.kind == "NotImplementedError":
        lines.append(say("raise_left"))
    return "\n".join(lines)


def _difference_sentence(found: Difference) -> str:
    key, values = found
    values = {**values, "case": case_name(values["case"])}
    if key == "kind":
        values |= {side: say("kind_" + values[side]) for side in ("received", "expected")}
    return say(key, **values)


def _distinct(got: Any, want: Any) -> tuple[str, str]:
    """Two numbers in as few digits as tell them apart."""
    for digits in (6, 9, 17):
        received, expected = f"{got:.{digits}g}", f"{want:.{digits}g}"
        if received != expected:
            break
    return received, expected


def _result(
    exercise: Exercise, status: str, message: str, holds: dict[str, bool] | None = None, mistake: str | None = None
) -> CheckResult:
    holds = holds or {}
    share = sum(exercise.properties[name].share for name, held in holds.items() if held)
    points = exercise.points if status == "right" else round(exercise.points * share, 2)
    return CheckResult(status == "right", message, mistake, exercise.name, status, points, exercise.points, holds)
