"""Gradescope's results.json for one submission (https://gradescope-autograders.readthedocs.io/en/latest/specs/)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from t2ilab.files import write_whole
from t2ilab.grading.feedback import of_student
from t2ilab.grading.table import Row, Table
from t2ilab.grading.words import word


def results(table: Table, row: Row) -> dict[str, Any]:
    """What Gradescope reads of one student: the total as its score, and a test for each exercise.

    The total is what is left after the penalty, so it may be less than the tests' scores together. All is visible to
    the student, as plain text: a message may quote the student's own code, and Gradescope would read it as HTML.
    """
    about = of_student(table, row)
    head = [about[key] for key in ("handed_in", "points", "penalty", "problem") if about[key]]
    return {
        "score": row.total,
        "output": "\n".join(head),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",  # the grader's own, which is for the instructor
        "tests": [
            {
                "name": mark.exercise,
                "score": mark.points,
                "max_score": mark.out_of,
                "status": "passed" if mark.points >= mark.out_of else "failed",
                "output": _text(said),
                "output_format": "text",
                "visibility": "visible",
            }
            for mark, said in zip(row.marks, about["exercises"], strict=True)
        ],
    }


def write(table: Table, path: str | Path) -> None:
    """Writes results.json for the table's only student, whole or not at all. Raises ValueError where there are more."""
    if len(table.rows) != 1:
        raise ValueError(
            f"Gradescope's {Path(path).name} is for one submission, but {len(table.rows)} were graded; "
            f"grade a folder with one student's notebook."
        )
    text = json.dumps(results(table, table.rows[0]), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(Path(path), text.encode("utf-8", "replace"))


def _text(about: dict[str, Any]) -> str:
    """An exercise's part of the student's page, in lines."""
    lines = [about["word"], about["override"], about["message"]]
    if about["right"]:
        lines += [word("already"), *(f"- {sentence}" for sentence in about["right"])]
    if about["hints"]:
        lines += [word("hints"), *(f"{i}. {hint}" for i, hint in enumerate(about["hints"], 1))]
    return "\n".join(filter(None, lines))
