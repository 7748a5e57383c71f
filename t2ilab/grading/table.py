"""The table of grades: a row for each student, a column for each exercise; rules of points and lateness; overrides."""

from __future__ import annotations

import csv
import io
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from t2ilab.files import write_whole
from t2ilab.grading.finding import Student
from t2ilab.grading.marking import Mark
from t2ilab.grading.submissions import Submission
from t2ilab.lab.definition import Exercise

_DAY = 86_400.0
_STATUS = {"blank": "not attempted", "off_limits": "off limits", "timeout": "timed out", "crash": "crashed"}
_OVERRIDE = ("student", "number", "exercise", "points", "comment")


@dataclass(frozen=True)
class Policy:
    """What an instructor decides. points: exercise -> points; due: seconds since 1970; grace: seconds.

    penalty_per_day: the share of the points that each begun day costs, at most `most`; extensions: student's name or
    number -> their own due time. notes: sentences on what does not match, and was left out.
    """

    points: Mapping[str, float] = field(default_factory=dict)
    due: float | None = None
    grace: float = 0.0
    penalty_per_day: float = 0.0
    most: float = 1.0
    extensions: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def days_late(self, student: Student, modified: float) -> int:
        """How many days have begun since the student's due time and the grace after it."""
        due = self.extensions.get(student.number, self.extensions.get(student.name, self.due))
        late = 0.0 if due is None else modified - due - self.grace
        return math.ceil(late / _DAY) if late > 0 else 0


@dataclass(frozen=True)
class Row:
    """One student: the submission, its marks after policy and overrides, days late and the points that those cost.

    comments: exercise -> what a human wrote who set its points.
    """

    submission: Submission
    marks: tuple[Mark, ...]
    days_late: int
    penalty: float
    comments: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def points(self) -> float:
        """What the exercises earned together, before the penalty."""
        return round(sum(mark.points for mark in self.marks), 2)

    @property
    def total(self) -> float:
        """What is left after the penalty."""
        return round(self.points - self.penalty, 2)

    @property
    def out_of(self) -> float:
        """What was to be had."""
        return round(sum(mark.out_of for mark in self.marks), 2)


@dataclass(frozen=True)
class Table:
    """All rows of a lab, by student, and sentences on what was left out or did not match."""

    lab: str
    exercises: tuple[Exercise, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def read_policy(path: Path | None, exercises: Sequence[Exercise]) -> Policy:
    """The rules in a TOML file; without one, all points as the lab has them and no lateness.

        due = 2026-11-30T23:59:00+09:00
        grace_minutes = 15
        penalty_per_day = 0.1   # of the points; at most:
        most = 0.5
        [points]
        add_noise = 4
        [extensions]
        "Tanaka Yuki" = 2026-12-03T23:59:00+09:00

    Raises ValueError, in one sentence, for a file that is missing or broken, unknown keys and impossible values.
    """
    if path is None:
        return Policy()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"The policy {path} cannot be read: {error.strerror}; name one that is there.") from None
    except ValueError as error:
        raise ValueError(f"The policy {path} is not TOML: {str(error).rstrip('.')}; correct that line.") from None
    known = {"due", "grace_minutes", "penalty_per_day", "most", "points", "extensions"}
    if unknown := sorted(raw.keys() - known):
        raise ValueError(f"A policy knows {', '.join(sorted(known))}, but {path.name} says {', '.join(unknown)}.")
    points = _pairs(raw, "points", path, lambda key, value: _number(value, f"points.{key}", path, 1000.0))
    names = [one.name for one in exercises]
    strangers = [name for name in points if name not in names]
    notes = [f"{path.name} gives points to {one}, which is no exercise of this lab: left out." for one in strangers]
    return Policy(
        {name: value for name, value in points.items() if name in names},
        _time(raw["due"], "due", path) if "due" in raw else None,
        60 * _number(raw.get("grace_minutes", 0), "grace_minutes", path, 1e6),
        _number(raw.get("penalty_per_day", 0), "penalty_per_day", path, 1.0),
        _number(raw.get("most", 1), "most", path, 1.0),
        _pairs(raw, "extensions", path, lambda key, value: _time(value, f"extensions.{key}", path)),
        tuple(notes),
    )


def make(
    lab: str,
    exercises: Sequence[Exercise],
    submissions: Sequence[Submission],
    marks: Mapping[str, Sequence[Mark]],
    policy: Policy,
    overrides: Path,
    left_out: Sequence[str] = (),
) -> Table:
    """The table. marks: a submission's digest -> its marks; what could not be graded has none, and gets zero.

    overrides: a CSV with the columns student, number, exercise, points and comment; what in it does not match is told
    in the notes, and the rest is applied.
    """
    notes = [*left_out, *policy.notes]
    given = _read_overrides(overrides, exercises, [one.student for one in submissions], notes)
    rows = []
    for one in submissions:
        marked = marks.get(one.digest) if not one.problem else None
        scaled = [_scaled(mark, policy) for mark in marked or [_ungraded(asked) for asked in exercises]]
        own = {name: value for (student, name), value in given.items() if student == one.student[:2]}
        final = tuple(replace(m, points=own[m.exercise][0]) if m.exercise in own else m for m in scaled)
        days = policy.days_late(one.student, one.modified)
        share = min(policy.most, policy.penalty_per_day * days)
        penalty = round(share * sum(mark.points for mark in final), 2)
        said = [*one.notes, *([one.problem] if one.problem else [])]
        if one.student.late and policy.due is None:
            said.append("The learning system marks it as late.")
        comments = {name: comment for name, (_, comment) in own.items()}
        rows.append(Row(one, final, days, penalty, comments, tuple(said)))
    return Table(lab, tuple(exercises), tuple(rows), tuple(notes))


def write(table: Table, path: Path) -> None:
    """Writes the table as CSV (UTF-8 with a mark, as spreadsheets want it), whole or not at all."""
    names = [one.name for one in table.exercises]
    head = ["student", "number", "file", "handed in", "days late", "total", "out of", "points", "penalty"]
    head += [column for name in names for column in (name, f"{name} status", f"{name} seconds")] + ["notes"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    for row in table.rows:
        one = row.submission
        cells: list[Any] = [one.student.name, one.student.number, one.file, moment(one.modified), row.days_late]
        cells += [f"{value:g}" for value in (row.total, row.out_of, row.points, row.penalty)]
        for mark in row.marks:
            cells += [f"{mark.points:g}", status(mark, row), f"{mark.seconds:g}"]
        writer.writerow([*map(defused, cells), defused(" ".join(row.notes))])
    write_whole(path, text.getvalue().encode("utf-8-sig", "replace"))


def status(mark: Mark, row: Row) -> str:
    """A mark in a word for the table: right, the known mistake's name, or how it ended."""
    if row.submission.problem and mark.exercise not in row.comments:
        return "not graded"
    word = mark.misconception or _STATUS.get(mark.status, mark.status)
    return f"{word}, overridden" if mark.exercise in row.comments else word


def moment(seconds: float) -> str:
    """A time as people write it, in the time of this machine."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def defused(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that begins with = + - @ or a tab gets a quote before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _scaled(mark: Mark, policy: Policy) -> Mark:
    points = policy.points.get(mark.exercise)
    if points is None:
        return mark
    return replace(mark, points=round(mark.points * points / mark.out_of, 2), out_of=points)


def _ungraded(asked: Exercise) -> Mark:
    return Mark(asked.name, "blank", 0.0, float(asked.points), "")


def _read_overrides(
    path: Path, exercises: Sequence[Exercise], students: Sequence[Student], notes: list[str]
) -> dict[tuple[tuple[str, str], str], tuple[float, str]]:
    """(student, exercise) -> (points, comment). A file that is not there is laid down empty, to be filled in."""
    if not path.is_file():
        write_whole(path, (",".join(_OVERRIDE) + "\n").encode())
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"The overrides {path} cannot be read as CSV in UTF-8: {error}.") from None
    found = {}
    names = {one.name for one in exercises}
    for i, row in enumerate(rows, 2):
        name, number, exercise, points, comment = ((row.get(key) or "").strip() for key in _OVERRIDE)
        who = [one[:2] for one in students if one.name == name.removeprefix("'") and number in ("", one.number)]
        place = f"Line {i} of {path.name}"
        if len(set(who)) != 1:
            notes.append(f"{place} is not applied: {'no' if not who else 'more than one'} student is called {name!r}.")
        elif exercise not in names:
            notes.append(f"{place} is not applied: there is no exercise {exercise!r}.")
        elif not _is_number(points):
            notes.append(f"{place} is not applied: points are a number, but there stands {points!r}.")
        else:
            found[who[0], exercise] = (float(points), comment)
    return found


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _number(value: Any, name: str, path: Path, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"In {path.name}, {name} is a number from 0 to {most:g}, but it says {value!r}.")
    return float(value)


def _time(value: Any, name: str, path: Path) -> float:
    if not isinstance(value, datetime):
        raise ValueError(f"In {path.name}, {name} is a time such as 2026-11-30T23:59:00+09:00, but it says {value!r}.")
    return value.timestamp()


def _pairs(raw: Mapping[str, Any], key: str, path: Path, read: Any) -> dict[str, float]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"In {path.name}, {key} is a table of its own, [{key}], but it says {value!r}.")
    return {name: read(name, one) for name, one in value.items()}
