"""Submissions as learning systems export them, and the sentence that each broken one gets."""

import io
import json
import os
import stat
import zipfile

import pytest

from t2ilab.grading import finding
from t2ilab.grading.finding import owners
from t2ilab.grading.submissions import code_cells, collect

LAB = "05_ddpm"
BANKS = {LAB: ("linear_betas", "add_noise"), "04_denoising": ("tweedie_score",)}


def notebook(*sources, **changes):
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"cells": cells, "nbformat": 4} | changes).encode()


def answers(text="return 1"):
    return notebook(
        f'@exercise("linear_betas")\ndef linear_betas(T, start, end):\n    {text}',
        f'@exercise("add_noise")\ndef add_noise(x0, noise, t, ac):\n    {text}',
    )


def lay(root, files):
    for place, content in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(content)
    return root


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def names(submissions):
    return [one.student.name for one in submissions]


@pytest.mark.parametrize(
    ("places", "students"),
    [
        (["alice/05_ddpm.ipynb", "bob/my work/lab.ipynb"], [("alice", ""), ("bob", "")]),
        (["class/alice/x.ipynb", "class/bob/x.ipynb"], [("alice", ""), ("bob", "")]),
        (["Tanaka Yuki_123_assignsubmission_file_/x.ipynb"], [("Tanaka Yuki", "123")]),
        (["田中 雪_123_assignsubmission_file/x.ipynb"], [("田中 雪", "123")]),
        (["O_Brien_123_assignsubmission_file_x.ipynb"], [("O_Brien", "123")]),
        (["doejane_12345_67890_x-1.ipynb"], [("doejane", "12345")]),
        (["doejane_LATE_12345_67890_05_ddpm.ipynb"], [("doejane", "12345")]),
        (["tanaka_05_ddpm.ipynb", "05_ddpm-suzuki.ipynb"], [("tanaka", ""), ("suzuki", "")]),
        (["hand-ins/05_ddpm (1).ipynb", "hand-ins/suzuki.ipynb"], [("1", ""), ("suzuki", "")]),
        (["alice/05_ddpm.ipynb"], [("alice", "")]),
        (["05_ddpm.ipynb"], [("05_ddpm", "")]),
        (["alice.zip/x.ipynb", "bob.zip/x.ipynb"], [("alice", ""), ("bob", "")]),
    ],
)
def test_a_file_belongs_to_the_student_that_its_place_names(places, students):
    found = owners(places, LAB)
    assert [(found[place].name, found[place].number) for place in places] == students


def test_two_students_of_one_name_are_two():
    places = ["Sato_1_assignsubmission_file_/x.ipynb", "Sato_2_assignsubmission_file_/x.ipynb"]
    assert len(set(owners(places, LAB).values())) == 2


def test_folders_zips_and_zips_in_them_are_found(tmp_path):
    lay(tmp_path, {"alice/a.ipynb": answers(), "bob/work.zip": zipped({"lab/b.ipynb": answers()})})
    lay(tmp_path, {".ipynb_checkpoints/c.ipynb": b"", "alice/.ipynb_checkpoints/c.ipynb": b"", "notes.txt": b""})
    submissions, left_out = collect(tmp_path, LAB, BANKS)
    assert (names(submissions), left_out) == (["alice", "bob"], [])
    assert submissions[1].file == "bob/work.zip/lab/b.ipynb"
    assert submissions[0].digest == submissions[1].digest
    whole = tmp_path / "all.zip"
    whole.write_bytes(zipped({"x/alice/a.ipynb": answers(), "x/carol.zip": zipped({"c.ipynb": answers("pass")})}))
    submissions, left_out = collect(whole, LAB, BANKS)
    assert (names(submissions), left_out) == (["alice", "carol"], [])
    assert submissions[0].digest != submissions[1].digest


def test_of_two_files_the_newest_is_taken_and_both_are_named(tmp_path):
    lay(tmp_path, {f"a/{name}.ipynb": answers(name) for name in ("z", "b")} | {"b/x.ipynb": answers()})
    os.utime(tmp_path / "a/z.ipynb", (1e9, 1e9))
    os.utime(tmp_path / "a/b.ipynb", (2e9, 2e9))
    one, _ = collect(tmp_path, LAB, BANKS)[0]
    assert (one.file, one.modified) == ("a/b.ipynb", 2e9)
    assert one.notes == ("Of 2 files, the newest was taken, a/b.ipynb; not a/z.ipynb.",)


def test_canvas_numbers_what_is_handed_in_again(tmp_path):
    lay(tmp_path, {f"doe_1_{i}_lab{again}.ipynb": answers() for i, again in ((20, ""), (21, "-9"), (22, "-10"))})
    for path in tmp_path.iterdir():
        os.utime(path, (1e9, 1e9))
    (one,), _ = collect(tmp_path, LAB, BANKS)
    assert one.file == "doe_1_22_lab-10.ipynb"


def test_the_older_file_is_taken_where_the_newest_cannot_be_read(tmp_path):
    lay(tmp_path, {"a/old.ipynb": answers(), "a/new.ipynb": b"{", "b/x.ipynb": answers()})
    os.utime(tmp_path / "a/old.ipynb", (1e9, 1e9))
    one = collect(tmp_path, LAB, BANKS)[0][0]
    assert (one.file, one.problem) == ("a/old.ipynb", "")
    assert "a/new.ipynb is no notebook" in one.notes[0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no notebook, or one that was cut off"),
        (answers()[:50], "is no notebook, or one that was cut off"),
        ('{"cells": "é"}'.encode("latin-1"), "is not written in UTF-8"),
        ('{"cells": "雪"}'.encode("shift-jis"), "is not written in UTF-8"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"a":' * 200_000, "is nested too deeply"),
        (b"[]", "it has no cells"),
        (b"3", "it has no cells"),
        (b'{"cells": {}}', "it has no cells"),
        (b'{"worksheets": []}', "old format"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "is no notebook"),
        (notebook("x = 1"), "defines no exercise of 05_ddpm; is it the right notebook?"),
        (notebook('@exercise("tweedie_score")\ndef tweedie_score(): ...'), "is the notebook of 04_denoising, not of"),
        (notebook("#" * 300_001), "more than 300,000 characters"),
    ],
)
def test_what_cannot_be_graded_gets_a_sentence_and_the_rest_is_there(tmp_path, content, sentence):
    lay(tmp_path, {"alice/x.ipynb": content, "bob/x.ipynb": answers()})
    alice, bob = collect(tmp_path, LAB, BANKS)[0]
    assert sentence in alice.problem
    assert alice.problem.startswith("alice/x.ipynb ")
    assert alice.problem.endswith((".", "?"))
    assert (bob.problem, bob.notes) == ("", ())


def test_a_notebook_that_is_too_large_is_not_read(tmp_path):
    with open(lay(tmp_path, {"a/x.ipynb": b"", "b/x.ipynb": answers()}) / "a/x.ipynb", "wb") as file:
        file.truncate(200 * 2**20)
    alice, bob = collect(tmp_path, LAB, BANKS)[0]
    assert "a/x.ipynb is larger than 50 MB" in alice.problem
    assert not bob.problem


def test_another_version_is_said_and_graded(tmp_path):
    lay(tmp_path, {"a/x.ipynb": notebook('@exercise("add_noise")\ndef f(): ...', '@exercise("sub")\ndef sub(): ...')})
    (one,), _ = collect(tmp_path, LAB, BANKS)
    assert not one.problem
    assert one.notes == (
        "a/x.ipynb has no linear_betas: deleted cells, or another version of the lab.",
        "a/x.ipynb asks for sub, which this version of 05_ddpm does not have.",
    )


def test_encodings_that_json_knows_and_sources_of_lines_are_read():
    assert code_cells(b"\xef\xbb\xbf" + notebook("x"), "a") == {1: "x"}
    assert code_cells(json.dumps(json.loads(notebook("雪")), ensure_ascii=False).encode("utf-16"), "a") == {1: "雪"}
    cells = [{"cell_type": "markdown"}, 3, {"cell_type": "code", "source": ["a\n", 4, "b"]}, {"cell_type": "code"}]
    assert code_cells(json.dumps({"cells": cells}).encode(), "a") == {3: "a\nb", 4: ""}


def test_links_are_not_followed(tmp_path):
    outside = lay(tmp_path / "outside", {"secret.ipynb": answers(), "deep/s.ipynb": answers()})
    root = lay(tmp_path / "in", {"a/x.ipynb": answers()})
    (root / "a/y.ipynb").symlink_to(outside / "secret.ipynb")
    (root / "b").symlink_to(outside)
    submissions, left_out = collect(root, LAB, BANKS)
    assert [one.file for one in submissions] == ["a/x.ipynb"]
    assert sorted(left_out) == [f"{place} is a link, and links are not followed." for place in ("a/y.ipynb", "b")]
    # Also where it became one after it was found.
    (file,), _ = finding.find(root)
    (root / "a/x.ipynb").unlink()
    (root / "a/x.ipynb").symlink_to(outside / "secret.ipynb")
    with pytest.raises(ValueError, match="cannot be read"):
        file.read()


def test_a_pipe_is_no_notebook(tmp_path):
    lay(tmp_path, {"a/x.ipynb": answers()})
    os.mkfifo(tmp_path / "a/y.ipynb")
    assert collect(tmp_path, LAB, BANKS)[1] == ["a/y.ipynb is no ordinary file."]


def test_zips_that_climb_out_link_or_swell_are_left_out(tmp_path):
    link = zipfile.ZipInfo("a/link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("../../climbs.ipynb", "/etc/absolute.ipynb", "C:/drive.ipynb", "..\\back.ipynb"):
            archive.writestr(name, answers())
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b/bomb.ipynb", b"0" * 10_000_000)
        archive.writestr("c/deep.zip", zipped({"deeper.zip": zipped({"x.ipynb": answers()})}))
        archive.writestr("d/x.ipynb", answers())
    (tmp_path / "all.zip").write_bytes(file.getvalue())
    submissions, left_out = collect(tmp_path / "all.zip", LAB, BANKS)
    assert names(submissions) == ["d"]
    assert sum("climbs out of its zip" in sentence for sentence in left_out) == 4
    assert "a/link.ipynb is a link, and links are not followed." in left_out
    assert "b/bomb.ipynb is packed 200 times and more; it was left out." in left_out
    assert "c/deep.zip/deeper.zip is a zip in a zip in a zip; it was left out." in left_out
    assert len(left_out) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip"]


def test_a_zip_that_lies_about_sizes_or_is_cut_off_costs_one_student(tmp_path):
    whole = zipped({"x.ipynb": answers()})
    broken = bytearray(whole)
    broken[60] ^= 0xFF
    lay(tmp_path, {"a/w.zip": whole[:-30], "b/w.zip": bytes(broken), "c/w.zip": whole})
    submissions, left_out = collect(tmp_path, LAB, BANKS)
    assert [(one.student.name, bool(one.problem)) for one in submissions] == [("b", True), ("c", False)]
    assert "b/w.zip/x.ipynb cannot be read: " in submissions[0].problem
    assert left_out == ["a/w.zip cannot be opened: File is not a zip file.", "a holds no notebook."]


def test_a_folder_without_a_notebook_is_named(tmp_path):
    lay(tmp_path, {"a/x.ipynb": answers(), "b/x.pdf": b"", ".git/x": b""})
    assert collect(tmp_path, LAB, BANKS)[1] == ["b holds no notebook."]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_no_text_holds_or_that_come_twice_stop_nobody(tmp_path):
    lay(tmp_path / "in", {"b/x.ipynb": answers()})
    (tmp_path / "in" / os.fsdecode(b"a\xff")).mkdir()
    (tmp_path / "in" / os.fsdecode(b"a\xff/x.ipynb")).write_bytes(answers())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for content in (answers(), answers("pass")):
            archive.writestr(zipfile.ZipInfo("x.ipynb"), content)
    (tmp_path / "in/c.zip").write_bytes(file.getvalue())
    submissions, left_out = collect(tmp_path / "in", LAB, BANKS)
    assert ([bool(one.problem) for one in submissions], left_out) == ([False] * 3, [])


def test_no_notebooks_get_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"There is no notebook \(\*.ipynb\) in .*; name the folder that holds them"):
        collect(tmp_path, LAB, BANKS)
    with pytest.raises(ValueError, match="is neither"):
        collect(tmp_path / "nowhere", LAB, BANKS)
