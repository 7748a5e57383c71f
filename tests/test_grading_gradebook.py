"""Gradebooks as Moodle and Canvas export them: one column is filled, and every other letter stays."""

import csv
import io
import random

import pytest

from t2ilab.grading import gradebook, table
from t2ilab.grading.finding import Student
from t2ilab.grading.marking import Mark
from t2ilab.grading.submissions import Submission

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Lab 05 (12345),Essay (12346),Final Score\r\n"
    ",,,,,Manual Posting,,\r\n"
    "    Points Possible,,,,,10.00,20.00,(read only)\r\n"
    '"Tanaka, Yuki",101,s1,yuki,"Group ""A""",,19.50,65.00\r\n'
    '"O\'Neil, Mary Ann",102,s2,mary,Group B,3.00,,\r\n'
    '"Smith, Ann",103,s3,ann1,Group B,,,\r\n'
    '"Smith, Ann",104,s4,ann2,Group B,,,\r\n'
    '"Student, Test",199,,0f46ab,Group B,,,\r\n'
)
WORKSHEET = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    '"Participant 501","Yuki Tanaka",yuki@x.edu,"Submitted for grading",,10.00,Yes,'
    '"Monday, 30 November 2026, 9:00 PM",-,"two\nlines, ""quoted"""\n'
    '"Participant 502","Ann Smith",ann@x.edu,"Submitted for grading",,10.00,No,-,-,\n'
)
MOODLE = (
    '"First name";"Last name";"ID number";"Email address";"Assignment: Lab 05 (Real)";"Course total (Real)"\n'
    "Yuki;Tanaka;20261;yuki@x.edu;-;12,50\n"
    "Ann;Smith;501;a.smith@x.edu;-;-\n"
)


def row(name, points=8.5, number="", problem="", **changes):
    submission = Submission(Student(name, number), f"{name}.ipynb", 0.0, {}, problem)
    marks = (Mark("one", "right", points, 10.0, ""),)
    return table.Row(**{
        "submission": submission, "marks": marks, "days_late": 0, "penalty": 0.0, "comments": {}, "notes": ()
    } | changes)  # fmt: skip


def filled(tmp_path, text, column, *rows, encoding="utf-8"):
    path = tmp_path / "book.csv"
    path.write_bytes(text.encode(encoding))
    notes = gradebook.write(gradebook.read(path, column), table.Table("05_ddpm", (), rows, ()))
    assert path.read_bytes() == text.encode(encoding)
    return (tmp_path / "book.graded.csv").read_bytes().decode(encoding), notes


def test_canvas_gets_the_points_of_each_student_by_number_and_name(tmp_path):
    rows = (row("tanakayuki", number="101"), row("oneilmaryann", 10.0, "102"), row("smithann", 0.25, "104"))
    text, notes = filled(tmp_path, CANVAS, "Lab 05 (12345)", *rows)
    wanted = CANVAS.replace('""A""",,', '""A""",8.50,').replace("Group B,3.00", "Group B,10.00")
    assert text == wanted.replace("ann2,Group B,,", "ann2,Group B,0.25,")
    assert notes == ["Line 6 of book.csv (Smith, Ann) stays as it was: nothing was found that this student handed in."]


@pytest.mark.parametrize("name", ["Tanaka Yuki", "Yuki Tanaka", "yuki_tanaka", "s1", "yuki"])
def test_names_match_in_each_order_and_by_the_schools_number(tmp_path, name):
    text, _ = filled(tmp_path, CANVAS, "Lab 05 (12345)", row(name))
    assert text == CANVAS.replace('""A""",,', '""A""",8.50,')


def test_those_that_do_not_match_are_told_and_left_alone(tmp_path):
    rows = (
        row("Ann Smith"), row("nobody"), row("tanaka yuki"), row("yuki tanaka"),
        row("x", number="102", problem="Broken."), row("tanakayuki", number="102"),
    )  # fmt: skip
    text, notes = filled(tmp_path, CANVAS, "Lab 05 (12345)", *rows)
    assert text == CANVAS
    said = "\n".join(notes)
    for sentence in (
        "'Ann Smith' may be each of the lines 6, 7 of book.csv, so none got the points.",
        "'nobody' is not in book.csv, so the 8.5 points are not entered there.",
        "(Tanaka, Yuki) stays as it was: it would be the line of 'tanaka yuki' and of 'yuki tanaka'.",
        "(O'Neil, Mary Ann) stays as it was: what was handed in could not be graded.",
        "'tanakayuki' may be each of the lines 4, 5",
    ):
        assert said.count(sentence) == 1
    assert "Test" not in said


def test_points_that_a_human_gave_to_what_could_not_be_graded_are_entered(tmp_path):
    text, _ = filled(tmp_path, CANVAS, "Lab 05 (12345)", row("yuki", problem="Broken.", comments={"one": "seen"}))
    assert '""A""",8.50,' in text


def test_a_worksheet_of_moodle_keeps_its_quotes_lines_and_feedback(tmp_path):
    rows = (row("Yuki T", number="501"), row("Ann Smith", number="502"))
    text, notes = filled(tmp_path, WORKSHEET, "Grade", *rows)
    assert text == WORKSHEET.replace('grading",,10.00,Yes', 'grading",8.50,10.00,Yes')
    assert notes == ["Line 4 of book.csv (Ann Smith) stays as it was: Moodle says that its grade cannot be changed."]


def test_a_worksheet_without_names_goes_by_number(tmp_path):
    text = "Identifier,Status,Grade,Maximum Grade\nParticipant 7,x,,10.00\n,x,,10.00\n"
    assert filled(tmp_path, text, "Grade", row("", number="7"), row("?"))[0] == text.replace("7,x,,", "7,x,8.50,")


def test_semicolons_and_decimal_commas_stay_and_the_schools_number_is_not_moodles(tmp_path):
    text, notes = filled(tmp_path, MOODLE, "Assignment: Lab 05 (Real)", row("Yuki Tanaka", number="501"))
    assert text == MOODLE.replace("yuki@x.edu;-;", "yuki@x.edu;8,50;")
    assert notes == ["Line 3 of book.csv (Ann Smith) stays as it was: nothing was found that this student handed in."]
    with_commas = MOODLE.replace("12,50", '"12,50"').replace(";", ",")
    text, _ = filled(tmp_path, with_commas, "Assignment: Lab 05 (Real)", row("Yuki Tanaka"))
    assert text == with_commas.replace("yuki@x.edu,-,", 'yuki@x.edu,"8,50",')


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ":"])
@pytest.mark.parametrize("name", ["First name", '"First name"'])
def test_every_delimiter_of_moodle_is_read(tmp_path, delimiter, name):
    text = f'{name},Surname,"Assignment: Lab; 05, (Real)"\nYuki,Tanaka,-'.replace("name,", f"name{delimiter}")
    text = text.replace('",', f'"{delimiter}').replace('Surname,"', f'Surname{delimiter}"')
    text = text.replace("Yuki,Tanaka,", delimiter.join(("Yuki", "Tanaka", "")))
    assert filled(tmp_path, text, "Assignment: Lab; 05, (Real)", row("Tanaka Yuki"))[0] == text[:-1] + "8.50"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_mark_at_the_beginning_stays(tmp_path, encoding):
    text = CANVAS.replace("Yuki", "雪")
    filled(tmp_path, text, "Lab 05 (12345)", row("Tanaka 雪"), encoding=encoding)
    wanted = text.replace('""A""",,', '""A""",8.50,')
    assert (tmp_path / "book.graded.csv").read_bytes() == wanted.encode(encoding)


def test_a_letter_written_in_two_ways_is_one(tmp_path):
    text = CANVAS.replace("Yuki", "ゆが")
    assert "8.50" in filled(tmp_path, text, "Lab 05 (12345)", row("Tanaka ゆ\u304b\u3099"))[0]
    assert "8.50" not in filled(tmp_path, text, "Lab 05 (12345)", row("Tanaka ゆか"))[0]


def test_cells_that_a_spreadsheet_would_run_are_defused_and_told(tmp_path):
    text = CANVAS.replace("Group B,3.00", '"=HYPERLINK(""x"")",3.00').replace(",yuki,", ",@yuki,")
    got, notes = filled(tmp_path, text, "Essay (12346)", row("x", -3.0, "103"))
    wanted = text.replace('"=HYP', "\"'=HYP").replace(",@yuki,", ",'@yuki,")
    assert got == wanted.replace("ann1,Group B,,,", "ann1,Group B,,-3.00,")  # a number is no formula
    assert "Line 4 of book.csv: 'SIS Login ID' begins as a formula does, and got a quote before it." in notes


def test_other_points_than_the_lab_has_are_told(tmp_path):
    note = "book.csv expects 20 points at most, but the lab has 10; they are entered unscaled."
    assert filled(tmp_path, CANVAS, "Essay (12346)", row("yuki"))[1][0] == note
    worksheet = WORKSHEET.replace("10.00", "20,00").replace(",20,00", ',"20,00"')
    assert filled(tmp_path, worksheet, "Grade", row("Yuki Tanaka"))[1][0] == note


def test_a_line_of_another_length_is_left_alone(tmp_path):
    text = CANVAS.replace('"Tanaka, Yuki"', "Tanaka, Yuki") + "\r\n"
    got, notes = filled(tmp_path, text, "Lab 05 (12345)", row("Mary Ann O'Neil"))
    assert got == text.replace("3.00", "8.50")
    assert any(note.startswith("Line 4 of book.csv (Tanaka)") for note in notes)
    got, notes = filled(tmp_path, CANVAS.replace("s1,yuki", "s1,yuki,x"), "Lab 05 (12345)", row("yuki"))
    assert "8.50" not in got
    assert any("it has 9 cells, and the heading has 8" in note for note in notes)


@pytest.mark.parametrize(
    ("text", "column", "sentence"),
    [
        (
            CANVAS,
            "Lab 5",
            "book.csv has no column 'Lab 5'; it has Student, ID, SIS User ID, SIS Login ID, Section, Lab",
        ),
        (CANVAS.replace("Essay (12346)", "Lab 05 (12345)"), "Lab 05 (12345)", "more than one column"),
        (CANVAS, "SIS User ID", "is not one that takes points"),
        (CANVAS, "Final Score", "is not one that takes points"),
        (CANVAS + '"x', "Lab 05 (12345)", "Line 9 of book.csv is not CSV"),
        ("Name,Points\nYuki,3\n", "Points", "begins with 'Name,Points'"),
        ("", "Points", "begins with ''"),
    ],
)
def test_what_is_no_gradebook_is_refused_in_one_sentence(tmp_path, text, column, sentence):
    path = tmp_path / "book.csv"
    path.write_text(text, newline="")
    with pytest.raises(ValueError, match=r"book\.csv") as error:
        gradebook.read(path, column)
    assert sentence in str(error.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        gradebook.read(tmp_path / "none.csv", "x")
    (tmp_path / "book.csv").write_bytes(CANVAS.replace("Yuki", "雪").encode("shift_jis"))
    with pytest.raises(ValueError, match="is not in UTF-8"):
        gradebook.read(tmp_path / "book.csv", "Lab 05 (12345)")


def test_the_original_is_written_over_only_if_it_is_named(tmp_path):
    path = tmp_path / "book.csv"
    path.write_text(CANVAS, newline="")
    book = gradebook.read(path, "Lab 05 (12345)")
    gradebook.write(book, table.Table("05_ddpm", (), (row("yuki"),), ()), path)
    assert "8.50" in path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["book.csv"]


def test_cells_are_cut_as_the_csv_module_reads_them(tmp_path):
    draw = random.Random(0)
    for _ in range(200):
        delimiter = draw.choice(",;\t:")
        quoting = draw.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
        rows = [["Student", "ID", "Lab"]] + [
            ["".join(draw.choices('a",;:\t\r\n= ', k=draw.randrange(6))) for _ in range(3)] for _ in range(4)
        ]
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, quoting=quoting).writerows(rows)
        path = tmp_path / "book.csv"
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        book = gradebook.read(path, "Lab")
        gradebook.write(book, table.Table("05_ddpm", (), (), ()), tmp_path / "out.csv")
        with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
            got = list(csv.reader(file, delimiter=delimiter))
        assert [[cell.removeprefix("'") for cell in one] for one in got] == rows
