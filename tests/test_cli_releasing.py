"""`t2ilab release` as an instructor meets it."""

import json
from pathlib import Path

import pytest
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
