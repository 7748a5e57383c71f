"""`t2ilab grade` as an instructor meets it: a class of solved, blank, broken and foreign notebooks."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from grading_class import HEAD, ROOT, lay, needs_bubblewrap, notebook, solved
from said import sentence

from t2ilab.grading import sandbox
from t2ilab.lab import bank

LAB = "00_welcome"
RIGHT = list(solved(LAB).values())


def answer(name, number):
    """A notebook with one right answer, different from all other students'."""
    source = next(cell for cell in RIGHT if f'@exercise("{name}")' in cell)
    return notebook(HEAD, source, f"# {number}")


@needs_bubblewrap
def test_a_class_is_graded(command, tmp_path):
    lab = (ROOT / f"labs/{LAB}.ipynb").read_bytes()
    files = {
        "Ann_1_assignsubmission_file_/x.ipynb": notebook(*RIGHT),
        "Bob_2_assignsubmission_file_/x.ipynb": lab,
        "Cid_3_assignsubmission_file_/x.ipynb": b"{",
        "Dan_4_assignsubmission_file_/x.ipynb": (ROOT / "labs/04_denoising.ipynb").read_bytes(),
        "Eve_5_assignsubmission_file_/x.ipynb": answer("cosine_similarity", 1),
    }
    lay(tmp_path / "in", files)
    result = command("grade", tmp_path / "in", "--lab", "00", "--feedback", "out", "--seconds", "60")
    assert result.code == 0, result.err
    out_of = sum(one.points for one in bank.exercises(LAB))
    assert "3 of 5 submissions were graded; mean" in result.out
    assert "Cid_3_assignsubmission_file_/x.ipynb is no notebook" in result.err
    assert "is the notebook of 04_denoising, not of 00_welcome." in result.err
    assert "has no to_model_range" in result.err
    assert {"grades.csv", "grades.journal.jsonl", "overrides.csv", "out/class.html"} <= set(result.files)
    assert len([name for name in result.files if name.endswith(".html")]) == 6
    with open("grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert (rows["Ann"]["total"], rows["Ann"]["out of"]) == (f"{out_of}", f"{out_of}")
    assert {rows["Bob"][f"{name} status"] for name in bank.names(LAB)} == {"not attempted"}
    assert rows["Bob"]["total"] == rows["Cid"]["total"] == rows["Dan"]["total"] == "0"
    assert (rows["Eve"]["cosine_similarity status"], rows["Eve"]["to_model_range status"]) == ("right", "not attempted")
    # Again: nothing is run, and what a human set is kept.
    Path("overrides.csv").write_text("student,number,exercise,points,comment\nCid,,to_model_range,1,by mail\n")
    before = Path("grades.journal.jsonl").read_bytes()
    Path("book.csv").write_text("Identifier,Full name,Grade\nParticipant 1,Ann,-\nParticipant 3,Cid,\n")
    book = ("--gradebook", "book.csv", "--column", "Grade")
    again = command("grade", tmp_path / "in", "--lab", "00", "--feedback", "out", "--seconds", "60", *book)
    assert again.code == 0
    assert Path("book.graded.csv").read_text() == (
        f"Identifier,Full name,Grade\nParticipant 1,Ann,{out_of:.2f}\nParticipant 3,Cid,1.00\n"
    )
    assert "'Bob' is not in book.csv" in again.err
    assert again.out.endswith("book.graded.csv\n")
    assert Path("grades.journal.jsonl").read_bytes() == before
    with open("grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert (rows["Cid"]["total"], rows["Cid"]["to_model_range status"]) == ("1", "not attempted, overridden")


@needs_bubblewrap
def test_a_run_that_was_killed_goes_on_and_nothing_is_lost_or_graded_twice(tmp_path):
    lay(tmp_path / "in", {f"s{i}/x.ipynb": answer("to_model_range", i) for i in range(3)})
    journal = tmp_path / "grades.journal.jsonl"
    program = [sys.executable, "-m", "t2ilab", "grade", str(tmp_path / "in"), "--lab", LAB, "--seconds", "60"]
    program += ["--workers", "1", "-o", str(tmp_path / "grades.csv")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(program, env=environment, stderr=subprocess.DEVNULL) as first:
        until = time.monotonic() + 300
        while len(lines(journal)) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        children = psutil.Process(first.pid).children(recursive=True)
        first.send_signal(signal.SIGKILL)
    done = lines(journal)[1:]
    assert 1 <= len(done) < 3
    assert not (tmp_path / "grades.csv").exists()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []  # the sandbox ended with its parent
    subprocess.run(program, env=environment, check=True, capture_output=True, timeout=500)
    after = lines(journal)[1:]
    assert after[: len(done)] == done
    assert len({line["digest"] for line in after}) == len(after) == 3
    with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["to_model_range status"] for row in csv.DictReader(file)] == ["right"] * 3
    assert not list(tmp_path.glob("t2ilab-grading-*"))  # nor what the killed run had left


def lines(path):
    found = []
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--lab", "00"], "Submissions are a folder of notebooks or a zip of them, but nowhere is neither."),
        ([".", "--lab", "00"], "There is no notebook (*.ipynb) in .; name the folder that holds them."),
        ([".", "--lab", "99"], "There is no lab named '99'"),
        ([".", "--lab", "00", "-o", "grades.xlsx"], "Grades go into a file of the kind .csv"),
        ([".", "--lab", "00", "--workers", "0"], "At least one notebook is graded at a time, but workers is 0."),
        ([".", "--lab", "00", "--seconds", "0"], "--seconds lies above 0"),
        ([".", "--lab", "00", "--policy", "none.toml"], "The policy none.toml cannot be read"),
        ([".", "--lab", "00", "--overrides", "none.csv"], "There is no file of overrides none.csv"),
        ([".", "--lab", "00", "--gradebook", "none.csv", "--column", "x"], "The gradebook none.csv cannot be read"),
        ([".", "--lab", "00", "--gradebook", "none.csv"], "but only one is given; give both."),
        ([".", "--lab", "00", "--column", "x"], "but only one is given; give both."),
    ],
)
def test_what_cannot_be_graded_gets_one_sentence(command, arguments, words):
    result = command("grade", *arguments)
    assert words in sentence(result, 2)
    assert result.files == []


@pytest.mark.parametrize("name", ["book.csv", "book.graded.csv"])
def test_the_table_is_not_written_over_a_gradebook(command, name):
    text = "Identifier,Grade\n"
    Path("book.csv").write_text(text)
    result = command("grade", ".", "--lab", "00", "--gradebook", "book.csv", "--column", "Grade", "-o", name)
    assert "would be written over the gradebook" in sentence(result, 2)
    assert result.files == ["book.csv"]
    assert Path("book.csv").read_text() == text


def test_without_a_sandbox_it_refuses(command, tmp_path, monkeypatch):
    lay(tmp_path / "in", {"a/x.ipynb": answer("to_model_range", 1)})
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert "--unsafe if you trust every notebook." in sentence(command("grade", tmp_path / "in", "--lab", "00"), 2)


@pytest.mark.skipif(sys.platform != "linux", reason="where processes are limited otherwise, this was not tried")
def test_unsafe_grades_without_bubblewrap(command, tmp_path, monkeypatch):
    lay(tmp_path / "in", {"a/x.ipynb": answer("to_model_range", 1)})
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    result = command(
        "grade", tmp_path / "in", "--lab", "00", "--unsafe", "--seconds", "60", "--gradescope", "results.json"
    )
    assert result.code == 0, result.err
    with open("grades.csv", encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["to_model_range status"] == "right"
    results = json.loads(Path("results.json").read_text(encoding="utf-8"))
    assert results["score"] == float(row["total"]) == sum(one["score"] for one in results["tests"])
