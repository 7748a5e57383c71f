"""`t2ilab bench` as a user meets it."""

import json
from pathlib import Path

import pytest
from said import sentence

from t2ilab.benchmark import suite
from t2ilab.benchmark.row import Row


def test_a_table_and_a_file(command):
    result = command("bench", "--only", "search", "--only", "gpu-peak", "--quick", "--json", "bench.json")
    assert result.code == 0, result.err
    head, line, *rows = result.out.splitlines()
    assert head.split() == ["row", "ours", "theirs", "ratio", "quartiles", "MB", "ours", "MB", "theirs"]
    assert set(line) == {"-"}
    assert [row.split()[0] for row in rows[:2]] == ["search", "gpu-peak"]
    assert rows[2].startswith("A trial run")
    assert "Searching 100 pictures exactly" in result.out
    assert "search: " in result.err
    assert result.files == ["bench.json"]
    assert [row["name"] for row in json.loads(Path("bench.json").read_text())["rows"]] == ["search", "gpu-peak"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "samplnig"), "There is no row 'samplnig'; the nearest: sampling"),
        (("--json", "bench.csv"), "must end in .json; got 'bench.csv'"),
        (("--minutes", "-3"), "is a positive number; got -3"),
        (("--quick", "--full-size"), "leave one of them out"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(arguments, words, command, monkeypatch):
    monkeypatch.setattr(suite, "run", lambda *_: pytest.fail("it has measured"))
    result = command("bench", *arguments)
    assert words in sentence(result, 2)
    assert result.files == []


def test_a_fault_ends_in_one_sentence_after_the_table(command, monkeypatch):
    monkeypatch.setitem(suite.SINGLE, "data", lambda quick: Row("data", missing="They differ.", failed=True))
    result = command("bench", "--only", "data", "--json", "a.json")
    assert sentence(result, 1) == "Could not be measured: data; the table says why."
    assert "data: not measured, They differ." in result.out
    assert result.files == ["a.json"]
