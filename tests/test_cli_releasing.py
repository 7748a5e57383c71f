"""`t2ilab release` as an instructor meets it."""

import csv
import json
from pathlib import Path

import nbformat
import pytest
from grading_class import lay, needs_bubblewrap
from said import sentence


def test_an_assignment_is_made(command):
    arguments = ["--exercises", "mmse_denoiser", "--points", "mmse_denoiser=6", "--due", "2026-11-30", "--variant", "3"]
    result = command("release", "--lab", "04", "-o", "week4", *arguments)
    assert result.code == 0, result.err
    assert "week4/students/04_denoising.ipynb" in result.out.replace("\\", "/").splitlines()
    *files, students, grade, _ = result.out.replace("\\", "/").splitlines()
    assert set(files) < set(result.files)
    assert students.startswith("Hand out week4/students; ")
    assert "t2ilab grade SUBMISSIONS --lab 04_denoising --policy week4/policy.toml" in grade
    about = json.loads(Path("week4/students/04_denoising.ipynb").read_text(encoding="utf-8"))["metadata"]["t2ilab"]
    assert (about["variant"], about["points"]) == (3, {"mmse_denoiser": 6})
    assert "mmse_denoiser = 6\ntweedie_score = 0\n" in Path("week4/policy.toml").read_text(encoding="utf-8")
    again = command("release", "--lab", "04", "-o", "week4")
    assert (
        sentence(again, 2) == "An assignment goes into a new or an empty folder, but week4 holds files; name another."
    )


@needs_bubblewrap
def test_what_comes_back_is_graded_by_its_rules(command):
    """Only what was asked counts, for the points of the assignment; what was given earns nothing."""
    choice = ["--exercises", "to_model_range", "--points", "to_model_range=7"]
    assert command("release", "--lab", "00", "-o", "week0", *choice).code == 0
    blank = nbformat.read("week0/students/00_welcome.ipynb", as_version=4)
    solved = nbformat.read("week0/nbgrader/source/00_welcome/00_welcome.ipynb", as_version=4)
    files = {"Ann/x.ipynb": solved, "Bob/x.ipynb": blank}
    lay(Path("in"), {place: nbformat.writes(notebook).encode() for place, notebook in files.items()})
    result = command("grade", "in", "--lab", "00", "--policy", "week0/policy.toml", "--seconds", "60")
    assert result.code == 0, result.err
    with open("grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {name: (row["total"], row["out of"]) for name, row in rows.items()} == {"Ann": ("7", "7"), "Bob": ("0", "7")}
    assert rows["Bob"]["cosine_similarity status"] == "right"  # it was given


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lab", "99", "-o", "x"], "There is no lab named '99'"),
        (["--lab", "04", "-o", "x", "--exercises", "nope"], "This lab has no exercise 'nope'; it has mmse_denoiser"),
        (
            ["--lab", "04", "-o", "x", "--points", "mmse_denoiser=-2"],
            "a number from 0 to 1000, but mmse_denoiser has '-2'.",
        ),
        (["--lab", "04", "-o", "x", "--due", "soon"], "but it says 'soon'."),
        (["--lab", "04", "-o", "x", "--grace-minutes", "5"], "Lateness counts from a due date, but there is none"),
        (
            ["--lab", "00", "-o", "x", "--variant", "1"],
            "Variants differ in numbers that a lab declares, but 00_welcome has",
        ),
        (["--lab", "04"], "Missing option"),
    ],
)
def test_what_cannot_be_released_gets_one_sentence(command, arguments, words):
    result = command("release", *arguments)
    assert words in sentence(result, 2)
    assert result.files == []
