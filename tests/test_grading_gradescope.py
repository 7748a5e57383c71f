"""Gradescope's results.json: one student's points and sentences in the shape that its documentation gives."""

import json
from dataclasses import replace

import pytest

from t2ilab.grading import gradescope, table
from t2ilab.grading.finding import Student
from t2ilab.grading.marking import Mark
from t2ilab.grading.submissions import Submission
from t2ilab.grading.words import word
from t2ilab.lab import bank

LAB = "04_denoising"
EXERCISES = bank.exercises(LAB)


def submission(name="Yuki", **changes):
    given = {"student": Student(name), "file": "Yuki/x.ipynb", "modified": 0.0, "cells": {1: "x = 1"}}
    return Submission(**given | changes)


def marks():
    first, second, third = EXERCISES
    holds = dict.fromkeys(third.properties, True)
    return [
        Mark(first.name, "right", first.points, first.points, "It agrees."),
        Mark(second.name, "wrong", 1.0, second.points, "It looks like `this` <b>.", "this"),
        Mark(third.name, "wrong", 0.5, third.points, "For a batch, 1 differs.", None, holds),
    ]


def made(*rows):
    return table.Table(LAB, EXERCISES, rows, ())


def row(one=None, **changes):
    given = {"marks": tuple(marks()), "days_late": 0, "penalty": 0.0, "comments": {}, "notes": ()}
    return table.Row(one or submission(), **given | changes)


def written(tmp_path, *rows):
    gradescope.write(made(*rows), tmp_path / "results.json")
    return json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))


def test_each_exercise_is_a_test_with_its_points_and_sentences(tmp_path):
    first, second, third = EXERCISES
    result = written(tmp_path, row())
    assert result["score"] == first.points + 1.5
    assert (result["visibility"], result["output_format"], result["stdout_visibility"]) == ("visible", "text", "hidden")
    tests = result["tests"]
    assert [(one["name"], one["score"], one["max_score"], one["status"]) for one in tests] == [
        (first.name, first.points, first.points, "passed"),
        (second.name, 1.0, second.points, "failed"),
        (third.name, 0.5, third.points, "failed"),
    ]
    assert {(one["visibility"], one["output_format"]) for one in tests} == {("visible", "text")}
    assert tests[0]["output"] == f"{word('status_right')}\nIt agrees."
    lines = tests[1]["output"].split("\n")
    assert lines[:2] == [word("status_wrong"), "It looks like `this` <b>."]
    assert lines[2:] == [word("hints"), *(f"{i}. {hint.say()}" for i, hint in enumerate(second.hints, 1))]
    assert all(f"- {item.sentence.say()}" in tests[2]["output"] for item in third.properties.values())


def test_the_penalty_is_in_the_score_and_told(tmp_path):
    result = written(tmp_path, row(penalty=1.0, days_late=2))
    assert result["score"] == sum(one["score"] for one in result["tests"]) - 1
    assert "2 days late: 1 points less" in result["output"]
    assert "Yuki/x.ipynb" in result["output"]


def test_what_could_not_be_graded_says_why(tmp_path):
    zero = tuple(replace(mark, points=0.0, status="blank") for mark in marks())
    result = written(tmp_path, row(submission(problem="x.ipynb is no notebook."), marks=zero))
    assert result["score"] == 0
    assert "x.ipynb is no notebook." in result["output"]
    assert {one["status"] for one in result["tests"]} == {"failed"}


def test_what_a_human_wrote_is_there(tmp_path):
    result = written(tmp_path, row(comments={EXERCISES[1].name: "Right idea"}))
    assert word("comment", comment="Right idea") in result["tests"][1]["output"]


def test_letters_that_no_text_holds_are_written_all_the_same(tmp_path):
    odd = tuple(replace(mark, message="\udcff") for mark in marks())
    assert "?" in written(tmp_path, row(submission("a\udcff"), marks=odd))["tests"][0]["output"]


@pytest.mark.parametrize("count", [0, 2])
def test_it_is_for_one_submission(tmp_path, count):
    with pytest.raises(ValueError, match=rf"is for one submission, but {count} were graded"):
        gradescope.write(made(*[row()] * count), tmp_path / "results.json")
    assert not list(tmp_path.iterdir())
