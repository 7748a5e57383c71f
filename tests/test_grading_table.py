"""The table of grades, its rules and overrides, and the pages: what an instructor and a student read."""

import csv
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from t2ilab.grading import feedback, table
from t2ilab.grading.finding import Student
from t2ilab.grading.journal import Journal
from t2ilab.grading.marking import Mark
from t2ilab.grading.submissions import Submission
from t2ilab.grading.words import WORDS
from t2ilab.lab import bank

LAB = "04_denoising"
EXERCISES = bank.exercises(LAB)
DUE = datetime(2026, 11, 30, 23, 59, tzinfo=UTC).timestamp()
MISTAKE = next(iter(EXERCISES[1].misconceptions))


def submission(name="Yuki", code="x = 1", **changes):
    given = {"student": Student(name, "7"), "file": f"{name}/x.ipynb", "modified": DUE, "cells": {1: code}}
    return Submission(**given | changes)


def marks():
    first, second, third = EXERCISES
    half = Mark(second.name, "wrong", 1.0, second.points, f"It looks like `this` <{MISTAKE}>.", MISTAKE, {}, 0.25)
    holds = dict.fromkeys(third.properties, True)
    return [
        Mark(first.name, "right", first.points, first.points, "It agrees."),
        half,
        Mark(third.name, "wrong", 0.5, third.points, "For a batch, 1 differs.", None, holds),
    ]


def made(tmp_path, *submissions, policy=None, overrides=None, left_out=()):
    given = tmp_path / "overrides.csv"
    if overrides is not None:
        given.write_text(overrides, encoding="utf-8")
    found = submissions or (submission(),)
    all_marks = {one.digest: marks() for one in found}
    return table.make(LAB, EXERCISES, found, all_marks, policy or table.Policy(), given, left_out)


def rows(tmp_path, result):
    table.write(result, tmp_path / "grades.csv")
    with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_has_points_status_and_seconds_of_each_exercise(tmp_path):
    (row,) = rows(tmp_path, made(tmp_path))
    first, second, third = EXERCISES
    assert (row["student"], row["number"], row["file"]) == ("Yuki", "7", "Yuki/x.ipynb")
    assert (row[first.name], row[f"{first.name} status"]) == (f"{first.points}", "right")
    assert (row[second.name], row[f"{second.name} status"], row[f"{second.name} seconds"]) == ("1", MISTAKE, "0.25")
    assert row[f"{third.name} status"] == "wrong"
    assert float(row["total"]) == float(row["points"]) == first.points + 1.5
    assert float(row["out of"]) == sum(one.points for one in EXERCISES)


def test_what_could_not_be_graded_has_zero_and_says_why(tmp_path):
    broken = submission("Broken", cells={}, problem="x.ipynb is no notebook.")
    (row,) = rows(tmp_path, made(tmp_path, broken))
    assert (row["total"], row[f"{EXERCISES[0].name} status"], row["notes"]) == (
        "0", "not graded", "x.ipynb is no notebook."
    )  # fmt: skip


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-2", "@SUM(A1)", "\t=1"])
def test_cells_that_a_spreadsheet_would_run_are_defused(tmp_path, name):
    (row,) = rows(tmp_path, made(tmp_path, submission(name, notes=("=1",))))
    assert (row["student"], row["file"], row["notes"]) == (f"'{name}", f"'{name}/x.ipynb", "'=1")


def test_days_late_cost_a_share_and_no_more_than_the_most(tmp_path):
    policy = table.Policy(due=DUE, grace=600, penalty_per_day=0.2, most=0.5, extensions={"Ann": DUE + 86400, "9": DUE})
    late = [(0, 0), (600, 0), (601, 1), (86_400, 1), (90_000, 2), (10 * 86_400, 10)]
    for seconds, days in late:
        (row,) = made(tmp_path, submission(modified=DUE + seconds), policy=policy).rows
        assert row.days_late == days
        assert row.penalty == round(min(0.5, 0.2 * days) * row.points, 2)
        assert row.total == pytest.approx(row.points - row.penalty)
    assert policy.days_late(Student("Ann", "1"), DUE + 80_000) == 0
    assert policy.days_late(Student("Ann", "9"), DUE + 80_000) == 1


def test_points_of_ones_own_scale_what_was_earned(tmp_path):
    name = EXERCISES[1].name
    (row,) = made(tmp_path, policy=table.Policy(points={name: 10})).rows
    assert (row.marks[1].points, row.marks[1].out_of) == (round(10 / EXERCISES[1].points, 2), 10)


def test_overrides_are_kept_and_what_does_not_match_is_told(tmp_path):
    first, second, _ = (one.name for one in EXERCISES)
    text = "student,number,exercise,points,comment\n"
    text += f'Yuki,,{second},2,"Right idea, see me"\nNobody,,{first},1,\nYuki,8,{first},1,\n'
    text += f"Yuki,,nothing,1,\nYuki,,{first},many,\nYuki,,{first},nan,\n"
    for _ in range(2):  # also when graded again
        result = made(tmp_path, overrides=text)
        (row,) = result.rows
        assert (row.marks[1].points, row.comments) == (2.0, {second: "Right idea, see me"})
        assert len(result.notes) == 5
        assert result.notes[0] == "Line 3 of overrides.csv is not applied: no student is called 'Nobody'."
        assert rows(tmp_path, result)[0][f"{second} status"] == f"{MISTAKE}, overridden"


def test_a_file_for_overrides_is_laid_down_once(tmp_path):
    made(tmp_path)
    assert (tmp_path / "overrides.csv").read_text() == "student,number,exercise,points,comment\n"


def test_a_policy_is_read(tmp_path):
    path = tmp_path / "policy.toml"
    name = EXERCISES[0].name
    path.write_text(
        "due = 2026-11-30T23:59:00Z\ngrace_minutes = 10\npenalty_per_day = 0.1\nmost = 0.5\n"
        f'[points]\n{name} = 4\n[extensions]\n"Tanaka Yuki" = 2026-12-01T23:59:00Z\n',
        encoding="utf-8",
    )
    assert table.read_policy(path, EXERCISES) == table.Policy(
        {name: 4.0}, DUE, 600.0, 0.1, 0.5, {"Tanaka Yuki": DUE + 86_400}
    )
    assert table.read_policy(None, EXERCISES) == table.Policy()


def test_points_that_do_not_match_are_left_out_and_told(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(f"[points]\nnothing = 3\n{EXERCISES[0].name} = 4\n", encoding="utf-8")
    result = made(tmp_path, policy=table.read_policy(path, EXERCISES))
    assert result.notes == ("policy.toml gives points to nothing, which is no exercise of this lab: left out.",)
    assert result.rows[0].marks[0].out_of == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("due = ", "is not TOML"),
        ("due = 3", "due is a time such as"),
        ("penalty_per_day = 10", "penalty_per_day is a number from 0 to 1"),
        ("most = true", "most is a number"),
        ("grace = 3", "but policy.toml says grace"),
        ("points = 3", "points is a table of its own"),
        ("[extensions]\nann = 3", "extensions.ann is a time"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(tmp_path, text, sentence):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"policy\.toml") as error:
        table.read_policy(path, EXERCISES)
    assert sentence in str(error.value)
    with pytest.raises(ValueError, match="cannot be read"):
        table.read_policy(tmp_path / "none.toml", EXERCISES)


class Page(HTMLParser):
    """The text of a page, its tags, and what it would load from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.loads = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name == "src" or (tag == "link" and name == "href")]

    def handle_data(self, data):
        self.words.append(data)


def pages(tmp_path, result):
    feedback.write(result, tmp_path / "out")
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in (tmp_path / "out").iterdir()}


def test_a_students_page_has_sentences_hints_and_what_is_right(tmp_path):
    result = made(tmp_path, submission("<script>alert(1)</script>/../x"))
    (name,) = [feedback.page_name(row) for row in result.rows]
    assert "/" not in name
    page = pages(tmp_path, result)[name]
    text = "".join(page.words)
    first, second, third = EXERCISES
    assert f"It looks like this <{MISTAKE}>." in text
    assert all(hint.en.replace("`", "") in text for hint in second.hints)
    assert all(item.sentence.en.replace("`", "") in text for item in third.properties.values())
    assert first.hints[0].en.replace("`", "") not in text
    assert "script" not in page.tags
    assert page.loads == []


def test_pages_speak_japanese(tmp_path, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    result = made(tmp_path, submission("雪"))
    (name,) = [feedback.page_name(row) for row in result.rows]
    text = "".join(pages(tmp_path, result)[name].words)
    assert "雪 さんへのフィードバック" in text
    assert EXERCISES[1].hints[0].ja.split("`")[0] in text


def test_a_name_that_no_text_holds_is_written_all_the_same(tmp_path):
    result = made(tmp_path, submission("a\udcff", notes=("\udcff",)))
    assert rows(tmp_path, result)[0]["student"] == "a?"
    assert len(pages(tmp_path, result)) == 2


def test_students_of_one_name_have_pages_of_their_own(tmp_path):
    two = [submission(student=Student("a b", "1"), code="1"), submission(student=Student("a/b", "1"), code="2")]
    assert len(pages(tmp_path, made(tmp_path, *two))) == 3


def test_the_class_page_counts(tmp_path):
    students = [submission(name, code=name) for name in ("a", "b", "c")]
    broken = submission("d", cells={}, problem="d/x.ipynb is no notebook.")
    result = made(tmp_path, *students, broken, left_out=["e.ipynb is a link, and links are not followed."])
    text = " ".join(" ".join(pages(tmp_path, result)["class.html"].words).split())
    assert "3 of 4 submissions were graded" in text
    assert f"3 {EXERCISES[1].name} {MISTAKE}: " in text
    assert "e.ipynb is a link" in text
    assert "d/x.ipynb is no notebook." in text
    hardest = sorted(EXERCISES, key=lambda one: text.index(f"{one.name} "))
    assert hardest[-1].name == EXERCISES[0].name  # the one that all have right


def test_what_counts_nothing_stands_on_no_page(tmp_path):
    given, other = EXERCISES[1].name, EXERCISES[2].name
    policy = table.Policy(points={given: 0})
    texts = ["".join(page.words) for page in pages(tmp_path, made(tmp_path, policy=policy)).values()]
    assert len(texts) == 2
    assert all(given not in text and other in text for text in texts)
    # What a human wrote of it is told all the same.
    told = made(tmp_path, policy=policy, overrides=f"student,number,exercise,points,comment\nYuki,7,{given},1,a gift\n")
    student = pages(tmp_path, told)[feedback.page_name(told.rows[0])]
    assert "a gift" in "".join(student.words)


def test_an_empty_class_has_a_page(tmp_path):
    broken = submission("d", cells={}, problem="d/x.ipynb is no notebook.")
    assert "class.html" in pages(tmp_path, made(tmp_path, broken))


def test_every_word_names_the_same_values_in_both_languages():
    import string

    for text in WORDS.values():
        fields = [{name for _, name, _, _ in string.Formatter().parse(one) if name} for one in text]
        assert fields[0] == fields[1]


def test_a_journal_goes_on_after_a_line_that_was_cut_off(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, {"lab": LAB})
    journal.add("one", marks())
    whole = path.read_bytes()
    Journal(path, {"lab": LAB}).add("two", marks())
    path.write_bytes(path.read_bytes()[:-20])
    again = Journal(path, {"lab": LAB})
    assert again.seed == journal.seed
    assert "one" in again
    assert "two" not in again
    again.add("two", marks())
    assert Journal(path, {"lab": LAB})["two"] == marks() == Journal(path, {"lab": LAB})["one"]
    assert path.read_bytes().startswith(whole)


def test_a_journal_of_something_else_starts_anew(tmp_path):
    path = tmp_path / "journal.jsonl"
    Journal(path, {"lab": LAB}).add("one", marks())
    assert "one" not in Journal(path, {"lab": "other"})
    path.write_bytes(b'\xff\n[]\n3\n{"about": 1}\n{"digest": "x", "marks": 3}\n')
    assert "x" not in Journal(path, {"lab": LAB})
