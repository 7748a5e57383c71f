"""Judging looks at arrays only: what a sandbox sends out is enough to tell right from wrong, and why."""

import numpy as np
import pytest
import torch

from t2ilab.lab import Tolerance, bank
from t2ilab.lab.judging import difference, judge
from t2ilab.lab.probing import Failure, Measured, Unfit, cases, copy_inputs, measure, to_array


@pytest.fixture(autouse=True)
def in_english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")


def draws(exercise, count=2):
    generator = torch.Generator().manual_seed(1)
    return [exercise.make_inputs(generator) for _ in range(count)]


def test_arrays_from_elsewhere_are_judged_without_the_answer():
    exercise = bank.find("linear_betas")
    inputs = draws(exercise)
    arrays = [
        {key: np.linspace(one["start"], one["end"], one["T"]) for key in ("any",)}
        | {"thousand": np.linspace(1e-4, 0.02, 1000), "two": np.array([one["start"], one["end"]])}
        for one in inputs
    ]
    assert judge(exercise, inputs, [Measured(one) for one in arrays]).passed
    del arrays[1]["two"]
    result = judge(exercise, inputs, [Measured(one) for one in arrays])
    assert not result.passed
    assert "For T = 2, there is no result at all." in result.message


def test_wrong_in_one_draw_is_wrong():
    exercise = bank.find("to_model_range")
    inputs = draws(exercise)
    right = [measure(exercise, exercise.reference, one) for one in inputs]
    wrong = measure(exercise, exercise.misconceptions["zero_to_one"].wrong, inputs[1])
    result = judge(exercise, inputs, [right[0], wrong])
    assert not result.passed
    assert result.misconception is None  # the mistake must show in every draw


def test_an_error_before_the_first_number_is_no_known_mistake():
    exercise = bank.find("to_model_range")
    inputs = draws(exercise)
    result = judge(exercise, inputs, [Measured({}, Failure("RuntimeError", "")) for _ in inputs])
    assert (result.status, result.misconception, result.points) == ("error", None, 0)
    assert "RuntimeError, without a message." in result.message


def test_a_broken_reference_is_the_banks_fault(monkeypatch):
    exercise = bank.find("to_model_range")
    inputs = draws(exercise)
    measured = [measure(exercise, exercise.reference, one) for one in inputs]
    del inputs[0]["picture"]
    with pytest.raises(RuntimeError, match="must pass its own probe"):
        judge(exercise, inputs, measured)


@pytest.mark.parametrize(
    ("answer", "reference", "key"),
    [
        ([1.0, 2.0], [1.0, 2.0], None),
        ([1.0, 2.0 + 1e-5], [1.0, 2.0], "element"),
        (np.float32([1.0, 2.0 + 1e-5]), [1.0, 2.0], None),
        (np.float32([1.0, 2.1]), [1.0, 2.0], "element"),
        ([1.0, np.nan], [1.0, np.nan], None),
        ([1.0, np.nan], [1.0, 2.0], "nan"),
        ([1.0, np.inf], [1.0, np.inf], None),
        (1.0, 2.0, "scalar"),
        ([1.0], 1.0, "shape"),
        ([1, 2], [1.0, 2.0], "kind"),
        ([True, False], [True, False], None),
        ([True, True], [True, False], "element"),
        ([3, 4], [3, 5], "element"),
        ([], [], None),
    ],
)
def test_the_kinds_of_difference(answer, reference, key):
    answer, reference = {"batch": np.asarray(answer)}, {"batch": np.asarray(reference)}
    found = difference(answer, reference, Tolerance())
    assert (found and found[0]) == key


def test_two_numbers_are_told_apart_by_as_many_digits_as_it_takes():
    one = {"batch": np.array([0.0, 1.0 + 1e-8])}
    found = difference(one, {"batch": np.array([0.0, 1.0])}, Tolerance(float64=(0, 1e-10)))
    assert found[1] == {
        "case": "batch",
        "count": 1,
        "total": 2,
        "index": [1],
        "received": "1.00000001",
        "expected": "1",
    }


def test_tensors_and_numbers_become_arrays_and_nothing_else():
    assert to_array(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32
    assert to_array(torch.ones(2, requires_grad=True)).tolist() == [1, 1]
    assert to_array(1.5).shape == ()
    assert to_array(np.float64(2)).item() == 2
    for wrong in ([1.0], "1", {}, np.ones(2)):
        with pytest.raises(Unfit):
            to_array(wrong)


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_probe_keeps_what_came_before_an_error(error):
    @cases
    def probe(answer, inputs):
        yield "first", lambda: answer(1)
        yield "second", lambda: answer(0)
        yield "third", lambda: answer(1)

    def answer(x):
        if x == 0:
            raise error
        return x

    measured = probe(answer, {})
    assert dict(measured) == {"first": 1}
    assert isinstance(measured.error, error)
    assert measured.case == "second"


def test_inputs_are_copied_deeply():
    inputs = {"a": torch.zeros(2), "net": {"w": torch.zeros(1)}, "list": [torch.zeros(1), 3], "name": "x"}
    copy = copy_inputs(inputs)
    copy["a"] += 1
    copy["net"]["w"] += 1
    copy["list"][0] += 1
    assert inputs["a"].sum() == inputs["net"]["w"].sum() == inputs["list"][0].sum() == 0
    assert copy["list"][1:] == [3]
