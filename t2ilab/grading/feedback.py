"""Pages to read: one for each student, and one on the class; each a single file that prints well."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from t2ilab.files import write_whole
from t2ilab.grading.marking import Mark
from t2ilab.grading.table import Row, Table, moment, status
from t2ilab.grading.words import word
from t2ilab.lab.messages import language, say

_BARS = 10  # of the distribution: each a tenth of the points
CLASS_PAGE = "class.html"


def write(table: Table, folder: Path) -> None:
    """Writes a page for each student and `class.html` into a folder. Raises OSError where it cannot be written."""
    pages = Environment(loader=PackageLoader("t2ilab.grading"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pages.filters["code"] = with_code
    student, whole = pages.get_template("student.html"), pages.get_template("class.html")
    for row in table.rows:
        text = student.render(of_student(table, row), word=word, language=language())
        write_whole(folder / page_name(row), text.encode("utf-8", "replace"))
    write_whole(folder / CLASS_PAGE, whole.render(_of_class(table)).encode("utf-8", "replace"))


def page_name(row: Row) -> str:
    """The name of a student's page: letters of every script, and an ending that only this student has."""
    name, number, _ = row.submission.student
    plain = re.sub(r"\W+", "_", f"{name} {number}").strip("_")[:60]
    mark = hashlib.sha256(f"{name}\0{number}".encode("utf-8", "replace")).hexdigest()[:6]
    return f"{plain}-{mark}.html"


def with_code(text: str) -> Markup:
    """A sentence as HTML: everything escaped, `code` as code, lines kept."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))).replace("\n", "<br>"))


def of_student(table: Table, row: Row) -> dict[str, Any]:
    """What a student's page says, in plain text: the head of it, and a dict for each exercise."""
    one = row.submission
    marks = dict(zip((asked.name for asked in table.exercises), row.marks, strict=True))
    counting = [asked for asked in table.exercises if marks[asked.name].out_of or asked.name in row.comments]
    return {
        "title": word("title", lab=table.lab, student=one.student.name),
        "handed_in": word("handed_in", file=one.file, time=moment(one.modified)),
        "points": _points(row.points, row.out_of),
        "penalty": word("penalty", days=row.days_late, penalty=f"{row.penalty:g}", total=f"{row.total:g}")
        if row.penalty
        else "",
        "problem": word("ungraded", problem=one.problem) if one.problem else "",
        "exercises": [_of_exercise(asked, marks[asked.name], row) for asked in counting],
    }


def _of_exercise(asked: Any, mark: Mark, row: Row) -> dict[str, Any]:
    comment = row.comments.get(asked.name)
    right = [asked.properties[name].sentence.say() for name, holds in mark.holds.items() if holds]
    needs_hints = mark.status != "right" and not row.submission.problem
    return {
        "name": asked.name,
        "status": mark.status,
        "word": word(f"status_{mark.status}"),
        "points": _points(mark.points, mark.out_of),
        "message": "" if row.submission.problem else mark.message,
        "override": None if comment is None else word("comment", comment=comment) if comment else word("overridden"),
        "right": right if mark.status in ("wrong", "error") else [],
        "hints": [hint.say() for hint in asked.hints] if needs_hints else [],
    }


def _points(points: float, out_of: float) -> str:
    return say("point" if out_of == 1 else "points", points=f"{points:g}", out_of=f"{out_of:g}")


def _of_class(table: Table) -> dict[str, Any]:
    graded = [row for row in table.rows if not row.submission.problem]
    shares = [row.total / row.out_of if row.out_of else 0.0 for row in graded]
    bars = Counter(min(_BARS - 1, max(0, int(share * _BARS))) for share in shares)
    exercises = []
    mistakes: list[tuple[int, str, str, str]] = []
    for i, asked in enumerate(table.exercises):
        marks = [row.marks[i] for row in graded]
        if marks and not any(mark.out_of for mark in marks):
            continue  # given, already solved
        counts = Counter(status(mark, row) for mark, row in zip(marks, graded, strict=True))
        mean = sum(mark.points / mark.out_of for mark in marks if mark.out_of) / len(marks) if marks else 0.0
        exercises.append((mean, asked.name, sum(mark.status == "right" for mark in marks), counts.most_common()))
        known = Counter(mark.misconception for mark in marks if mark.misconception)
        sentences = {name: item.sentence.say() for name, item in asked.misconceptions.items()}
        mistakes += [(count, asked.name, name, sentences.get(name, "")) for name, count in known.items() if name]
    ordered = sorted(shares)
    return {
        "lab": table.lab,
        "count": len(table.rows),
        "graded": len(graded),
        "mean": sum(shares) / len(shares) if shares else 0.0,
        "median": ordered[len(ordered) // 2] if ordered else 0.0,
        "bars": [bars[i] for i in range(_BARS)],
        "tallest": max(bars.values(), default=1),
        "exercises": sorted(exercises),
        "mistakes": sorted(mistakes, key=lambda one: (-one[0], one[1:])),
        "rows": [(row, page_name(row)) for row in table.rows],
        "notes": table.notes,
    }
