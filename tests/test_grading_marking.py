"""Marks for what comes out of a sandbox: the check's own points and sentences, and nothing for what is no answer."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from grading_class import Here

from t2ilab.grading import feedback, marking
from t2ilab.grading.marking import Marker
from t2ilab.grading.sandbox import Stopped
from t2ilab.grading.wire import Broken, pack, received, sent, unpack
from t2ilab.lab import bank, check
from t2ilab.lab.probing import Failure, Measured

ADD_NOISE = bank.find("add_noise")


def defining(*names):
    return {1: "\n".join(f"def {name}(): return 1" for name in names)}


def marked(answer, exercise=ADD_NOISE, change=lambda response: response):
    (mark,) = Marker([exercise], Here({exercise.name: answer}, change), seed=3).mark(defining(exercise.name))
    return mark


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_inputs_travel_unchanged(exercise):
    inputs = exercise.make_inputs(torch.Generator().manual_seed(0))
    again = unpack(pack(inputs))
    assert repr(again) == repr(inputs)
    assert list(again) == list(inputs)


def test_arrays_travel_unchanged():
    arrays = {
        "a": np.arange(6.0).reshape(2, 3).T,
        "b": np.array(True),
        "c": np.zeros((0, 2), np.int8),
        "d": np.array(1j),
    }
    failure = Failure("Unfit", "m", "single", "f", 3, "x = 1", "no_parameter", {"parameter": "w", "expected": (3, 4)})
    one = received(unpack(pack(sent(Measured(arrays, failure, ("x",), ("torch.add",))))))
    for case, array in arrays.items():
        assert one.arrays[case].shape == array.shape
        assert one.arrays[case].dtype.kind == array.dtype.kind
        assert (one.arrays[case] == array).all()
    assert (one.changed, one.forbidden) == (("x",), ("torch.add",))
    assert one.failure == Failure(
        "Unfit", "m", "single", "f", 3, "x = 1", "no_parameter", {"parameter": "w", "expected": "(3, 4)"}
    )


def test_arrays_of_words_are_no_answer():
    one = received(unpack(pack(sent(Measured({"batch": np.array("words")})))))
    assert (one.arrays, one.failure.sentence) == ({}, "wrong_type")


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_every_misconception_gets_its_own_sentence(exercise):
    here = Here({})
    marker = Marker([exercise], here, seed=3)
    for name, item in exercise.misconceptions.items():
        here.answers[exercise.name] = item.wrong
        (mark,) = marker.mark(defining(exercise.name))
        assert mark.misconception == name
        assert item.sentence.en in mark.message
        assert mark.points < mark.out_of == exercise.points


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_references_get_all_points(exercise):
    # What is off limits is reported by the process that the student's code runs in; a reference calls none of it.
    mark = marked(exercise.reference, exercise)
    assert (mark.status, mark.points) == ("right", exercise.points)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda x0, noise, t, ac: x0, "wrong"),
        (lambda x0, noise, t, ac: 1 / 0, "error"),
        (lambda x0, noise, t, ac: x0.mul_(2), "wrong"),
        (lambda x0, noise, t, ac: None, "wrong"),
        (lambda x0, noise, t, ac: torch.zeros(3), "wrong"),
    ],
)
def test_a_grade_is_what_the_check_says(answer, status):
    mark, result = marked(answer), check(answer, ADD_NOISE)
    assert (mark.status, mark.points, mark.holds) == (result.status, result.points, result.properties)
    assert mark.status == status
    assert mark.message.split(":")[0] == result.message.split(":")[0]


@pytest.mark.parametrize("reason", ["timeout", "memory", "crash"])
def test_what_did_not_live_to_answer_earns_nothing(reason):
    mark = marked(Stopped(reason))
    assert (mark.status, mark.points) == (reason, 0)
    assert mark.message.endswith("?")


def first(response, **changes):
    response["draws"][0] |= changes
    return response


@pytest.mark.parametrize(
    "change",
    [
        lambda response: 3,
        lambda response: [],
        lambda response: {"draws": response["draws"][:1]},
        lambda response: {"draws": [1, 2, 3]},
        lambda response: {"stopped": None},
        lambda response: {"stopped": {"kind": 1}},
        lambda response: first(response, arrays=[]),
        lambda response: first(response, failure=3),
        lambda response: first(response, failure={"kind": "x"}),
        lambda response: first(response, changed=None),
        lambda response: first(response, forbidden=5),
        lambda response: first(
            response,
            failure=dict.fromkeys(("kind", "message", "case", "function", "source"), "x")
            | {"line": 1, "values": {}, "sentence": "no_such_sentence"},
        ),
        lambda response: first(
            response,
            failure=dict.fromkeys(("kind", "message", "case", "function", "source"), "x")
            | {"line": 1, "values": {}, "sentence": "shape"},
        ),
    ],
)
def test_nonsense_from_the_sandbox_is_a_crash_and_no_more(change):
    mark = marked(ADD_NOISE.reference, change=change)
    assert (mark.status, mark.points) == ("crash", 0)


def test_messages_that_are_none_are_refused():
    for data in (b"", b"\0" * 8, b"\xff" * 100, b"\x80\x04N.", pack(1)[:-3]):
        with pytest.raises(Broken):
            unpack(data)
    with pytest.raises(Broken):
        received({"arrays": {}, "failure": None})


def test_arrays_that_would_fill_the_memory_are_dropped_before_they_are_compared():
    def swollen(response):
        rows, columns = np.zeros((100_000, 1)), np.zeros((1, 100_000))
        return first(response, arrays={"batch": rows, "alone": columns, "never asked for": rows})

    mark = marked(ADD_NOISE.reference, change=swollen)
    assert (mark.status, mark.points) == ("wrong", 0)


def test_an_answer_that_calls_a_wrong_one_says_where_to_start():
    exercises = [ADD_NOISE, bank.find("ddpm_loss")]
    answers = {"add_noise": lambda x0, noise, t, ac: x0, "ddpm_loss": lambda net, x0, t, noise, ac: net(x0, t).mean()}
    cells = {1: "def add_noise(): pass", 2: "def ddpm_loss(): add_noise()"}
    _, loss = Marker(exercises, Here(answers), seed=3).mark(cells)
    assert loss.message.endswith("It calls `add_noise`. The check of that exercise does not pass yet: start there.")


def test_notebooks_are_read_one_at_a_time(monkeypatch):
    """Parsing in two threads at a time ends in a SystemError in Python 3.11, once in some thousand notebooks."""
    reading, most = [], []

    def slowly(cells, names):
        reading.append(1)
        most.append(len(reading))
        time.sleep(0.02)
        reading.pop()
        return []

    monkeypatch.setattr(marking, "programs", slowly)
    marker = Marker([], Here({}), seed=3)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(marker.mark, [{}] * 8))
    assert most == [1] * 8


def test_sentences_are_escaped():
    assert feedback.with_code("<b> `x < 1`\n&") == "&lt;b&gt; <code>x &lt; 1</code><br>&amp;"
