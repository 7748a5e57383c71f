"""The worker and its walls: what a student's program is given, how it is run, and where it cannot be."""

import sys
import types

import pytest
import torch
from grading_class import HEAD, needs_bubblewrap, solved

from t2ilab.authoring.blanks import _code_lines
from t2ilab.grading import sandbox, worker
from t2ilab.grading.extract import programs
from t2ilab.grading.sandbox import Limits, Sandbox
from t2ilab.grading.staging import stage
from t2ilab.lab import bank


@pytest.fixture
def strict(monkeypatch):
    """As in a worker; what a program puts in the place of `__main__` is taken away again."""
    monkeypatch.setenv("T2ILAB_STRICT", "1")
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def ask(*cells, name="add_noise"):
    """What the worker answers for one exercise, in this process."""
    (found,) = programs(dict(enumerate([HEAD, *cells], 1)), [name])
    asked = bank.find(name)
    return worker.respond(
        {
            "exercise": name,
            "cells": {str(number): source for number, source in found.cells.items()},
            "run": found.run,
            "names": sorted(found.names),
            "reads": sorted(found.reads),
            "draws": [asked.make_inputs(torch.Generator().manual_seed(1))],
        }
    )


RIGHT = """@exercise("add_noise")
def add_noise(x0, noise, t, ac):
    return shape(ac[t].sqrt()) * x0 + shape((1 - ac[t]).sqrt()) * noise"""
SHAPE = "def shape(x):\n    return x.reshape(SIZE)"


def test_a_program_runs_with_its_helpers(strict):
    (draw,) = ask("SIZE = (-1, 1, 1, 1)", SHAPE, RIGHT)["draws"]
    assert draw["failure"] is None
    assert "batch" in draw["arrays"]


def test_an_error_names_the_students_own_line(strict):
    (draw,) = ask("SIZE = (-1, 7)", SHAPE, RIGHT.replace("return", "\n    return"))["draws"]
    failure = draw["failure"]
    assert (failure["function"], failure["line"], failure["source"]) == ("shape", 2, "return x.reshape(SIZE)")


def test_a_wrong_signature_is_told_in_the_checks_words(strict):
    stopped = ask(RIGHT.replace("t, ac", "t"))["stopped"]
    assert stopped["kind"] == "ValueError"
    assert "add_noise takes (x0, noise, t, ac), but yours takes (x0, noise, t)" in stopped["message"]


def test_a_definition_that_failed_is_replaced_by_a_later_one(strict):
    assert "draws" in ask(
        "@exercise('add_noise')\ndef add_noise(x):\n    return x", "SIZE = (-1, 1, 1, 1)", SHAPE, RIGHT
    )


def test_a_blank_that_an_answer_calls_raises_and_is_never_filled(strict):
    blank = '@exercise("add_noise")\ndef add_noise(x0, noise, t, ac):\n    raise NotImplementedError'
    loss = '@exercise("ddpm_loss")\ndef ddpm_loss(net, x0, t, noise, ac):\n    return add_noise(x0, noise, t, ac)'
    (draw,) = ask(blank, loss, name="ddpm_loss")["draws"]
    assert draw["failure"]["kind"] == "NotImplementedError"
    assert "add_noise is not written yet" in draw["failure"]["message"]


def test_an_import_brings_only_what_is_read(strict):
    module = types.ModuleType("half_there")
    module.good = 3
    sys.modules["half_there"] = module
    try:
        assert "draws" in ask("from half_there import good, absent", RIGHT.replace("shape", "(lambda x: good)"))
    finally:
        del sys.modules["half_there"]


def test_tensors_that_an_answer_reads_are_named(strict):
    answer = ask("table = torch.ones(3)\nfactor = 3", RIGHT.replace("shape", "(lambda x: table[0] * factor)"))
    assert answer["tensors"] == ["table"]


@pytest.mark.parametrize("lab", bank.labs())
def test_the_copy_of_the_package_knows_no_answers(lab, tmp_path):
    stage(bank.exercises(lab), tmp_path)
    assert not list(tmp_path.rglob("*.ipynb"))
    assert sorted(path.name for path in (tmp_path / "t2ilab/grading").glob("*.py")) == [
        "__init__.py", "wire.py", "worker.py"
    ]  # fmt: skip
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "t2ilab/lab/bank").glob("*.py"))
    squeezed = "".join(text.split())
    for exercise in bank.ALL:
        told = [line for line in _code_lines(exercise.reference) if len(line) > 20 and line in squeezed]
        assert told == [], exercise.name
        for item in exercise.misconceptions.values():
            assert item.sentence.en not in text
        assert not any(hint.en in text for hint in exercise.hints)


@needs_bubblewrap
def test_a_worker_in_the_sandbox_gives_arrays_and_little_memory():
    asked = bank.find("add_noise")
    (found,) = programs(solved("05_ddpm"), ["add_noise"])
    request = {
        "exercise": "add_noise",
        "cells": {str(number): source for number, source in found.cells.items()},
        "run": found.run,
        "names": sorted(found.names),
        "reads": sorted(found.reads),
        "draws": [asked.make_inputs(torch.Generator().manual_seed(1))],
    }
    with Sandbox(bank.exercises("05_ddpm"), Limits(seconds=60)) as box, box.worker() as one:
        answer = one.ask(request)
        one._look()
        folder = box._folder
        assert folder.is_dir()
    assert answer["draws"][0]["failure"] is None
    assert one.peak < 1.0 * 2**30
    assert not folder.exists()


def test_without_bubblewrap_nothing_is_run_and_the_command_is_said(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: "/usr/bin/dnf" if name == "dnf" else None)
    with pytest.raises(ValueError, match="bubblewrap") as error, Sandbox(bank.exercises("04_denoising")):
        pass
    if sys.platform == "linux":
        assert "`sudo dnf install -y bubblewrap`, or say --unsafe if you trust every notebook." in str(error.value)


def test_a_sandbox_that_cannot_be_made_is_said_in_bubblewraps_words(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda: str(fake))
    with (
        pytest.raises(ValueError, match=r"cannot make one here .*No permissions"),
        Sandbox(bank.exercises(bank.labs()[0])),
    ):
        pass
