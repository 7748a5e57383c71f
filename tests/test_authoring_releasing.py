"""An assignment: what students get, what the grader reads, which variant it is, and what is refused."""

import re
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from authoring_lab import REFERENCES, code, edit, write_lab

from t2ilab import authoring
from t2ilab.authoring.rules import read_due
from t2ilab.grading import table
from t2ilab.lab import bank

TOKYO = timezone(timedelta(hours=9))
ALL = {
    "policy.toml",
    "nbgrader/nbgrader_config.py",
    "students/01_tiny.ipynb",
    "students/ja/01_tiny.ipynb",
    "nbgrader/source/01_tiny/01_tiny.ipynb",
    "nbgrader/source/01_tiny_ja/01_tiny.ipynb",
}


def find(name):
    return SimpleNamespace(
        reference=REFERENCES[name], difficulty=1, minutes=2, points={"double": 1, "Counter": 3}[name]
    )


@pytest.fixture
def root(tmp_path):
    root = write_lab(tmp_path)
    edit(root, "# ## Exercise: double", "# ## <!-- exercise double -->\n# <!-- total -->")
    edit(root, "# ## 課題: 二倍", "# ## <!-- exercise double -->\n# <!-- total -->")
    for name in REFERENCES:
        edit(
            root,
            '# %% tags=["nbval-ignore-output", "slow"]',
            f'# %%\ncheck({name})\n\n# %% tags=["nbval-ignore-output", "slow"]',
        )
    return root


@pytest.fixture
def release(root):
    def run(**options):
        written = authoring.release("1", root / "out", root=root, find=find, **options)
        assert all(path.is_file() for path in written)
        return root / "out"

    return run


def read(path):
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    nbformat.validate(notebook)
    return notebook


def text_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_what_is_asked_is_blank_and_the_rest_is_solved(root, release):
    out = release(exercises="Counter", points="Counter=2.5")
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == ALL
    assert not list(root.glob(".out*"))
    english, japanese = read(out / "students/01_tiny.ipynb"), read(out / "students/ja/01_tiny.ipynb")
    assert code(english) == code(japanese)
    assert "return total  # 2 x" in text_of(english)
    assert text_of(english).count("raise NotImplementedError") == 2
    assert "SOLUTION" not in text_of(english)
    assert "HIDDEN" not in text_of(english)
    assert "`double` · ★☆☆☆☆ · 2 minutes · given, already solved\none, 2.5 points" in text_of(english)
    assert "`double` · ★☆☆☆☆ · 2 分 · 解答済み\n1 問、2.5 点" in text_of(japanese)
    assert "What counts: `Counter` (2.5 points). Given, already solved: `double`." in english.cells[1].source
    assert "採点する演習は、`Counter`（2.5 点）です。`double` には" in japanese.cells[1].source
    # Away from the repository only the glossary's link leads somewhere.
    assert "colab.research" not in english.cells[0].source
    assert "glossary.md" in english.cells[0].source


def test_without_a_choice_all_count_for_the_labs_own_points(release):
    out = release()
    notebook = read(out / "students/01_tiny.ipynb")
    assert notebook.cells[1].source.endswith("** What counts: `double` (1 point), `Counter` (3 points).")
    assert "two, 4 points" in text_of(notebook)
    assert notebook.metadata["t2ilab"]["variant"] is None
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert "due" not in (out / "policy.toml").read_text()


def test_students_cells_are_marked_for_nbgrader(release):
    cells = read(release(exercises="Counter", points="Counter=2") / "students/01_tiny.ipynb").cells
    marked = {cell.metadata.nbgrader.grade_id: cell for cell in cells if "nbgrader" in cell.metadata}
    assert {
        name: [key for key in ("grade", "solution", "locked") if cell.metadata.nbgrader[key]]
        for name, cell in marked.items()
    } == {"assignment": ["locked"], "double": ["locked"], "Counter": ["solution"], "Counter-check": ["grade", "locked"]}
    assert marked["Counter-check"].metadata.nbgrader.points == 2
    assert marked["Counter-check"].source == "check(Counter)"
    assert not any(cell.metadata.get("deletable", True) for cell in marked.values())
    assert {name for name, cell in marked.items() if cell.metadata.get("editable", True)} == {"Counter"}


def test_an_exercise_without_its_check_is_named(root, release):
    edit(root, "check(Counter)", "check(double)")
    with pytest.raises(
        ValueError, match="After an exercise stands a cell with its check, but there is none for Counter"
    ):
        release()
    assert not (root / "out").exists()


def test_a_variant_is_another_story_in_both_languages(root, release):
    with pytest.raises(ValueError, match="numbers that a lab declares, but 01_tiny has none; leave it out"):
        release(variant=1)
    edit(root, '# %% tags=["nbval-ignore-output", "slow"]', '# %% numbers={"times": [3, 4]}')
    edit(root, "# # A tiny lab", "# # A tiny lab of <!-- number times -->")
    edit(root, "# # 小さな実習", "# # 小さな実習：<!-- number times -->")
    out = release(variant=7)
    for place in ALL:
        if place.endswith(".ipynb"):
            notebook = read(out / place)
            assert (notebook.metadata["t2ilab"]["variant"], notebook.metadata["t2ilab"]["numbers"]) == (7, {"times": 4})
            assert "print(double(4), math.pi)" in text_of(notebook)
            assert re.match("# (A tiny lab of 4|小さな実習：4)\n", text_of(notebook))
    assert read(out / "students/01_tiny.ipynb").cells[1].source.endswith("\n\nVariant 7.")


def test_the_grader_reads_the_rules(tmp_path):
    """Of a real lab, as `t2ilab grade --policy` takes it."""
    lab = "04_denoising"
    authoring.release(
        lab,
        tmp_path / "out",
        exercises="denoising_loss,mmse_denoiser",
        points="mmse_denoiser=7.5",
        due="2026-11-30T23:59+09:00",
        grace_minutes=15,
        penalty_per_day=0.1,
        most=0.5,
    )
    policy = table.read_policy(tmp_path / "out/policy.toml", bank.exercises(lab))
    assert asdict(policy) == asdict(
        table.Policy(
            {"mmse_denoiser": 7.5, "tweedie_score": 0, "denoising_loss": float(bank.find("denoising_loss").points)},
            datetime(2026, 11, 30, 23, 59, tzinfo=TOKYO).timestamp(),
            900,
            0.1,
            0.5,
        )
    )
    notice = read(tmp_path / f"out/students/{lab}.ipynb").cells[1].source
    assert "**Due 2026-11-30 23:59 (UTC+09:00).** A delay of up to 15 minutes costs nothing. Each day" in notice
    assert "costs 10% of the points, 50% at most." in notice
    japanese = read(tmp_path / f"out/students/ja/{lab}.ipynb").cells[1].source
    assert "**締め切りは 2026-11-30 23:59 (UTC+09:00) です**。15 分までの遅れは減点しません。" in japanese
    assert "24 時間以内で 10%、その後も 24 時間ごとに 10% ずつ減点します（最大 50%）。" in japanese


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-30T23:59:00+09:00", datetime(2026, 11, 30, 23, 59, tzinfo=TOKYO)),
        (" 2026-11-30 12:30 ", datetime(2026, 11, 30, 12, 30).astimezone()),
        ("2026-11-30", datetime(2026, 11, 30, 23, 59).astimezone()),  # the day is theirs
    ],
)
def test_a_due_date_has_its_time_zone(text, moment):
    assert read_due(text) == moment
    assert read_due(text).tzinfo is not None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"exercises": "triple"}, "This lab has no exercise 'triple'; it has double, Counter."),
        ({"points": "triple=1"}, "This lab has no exercise 'triple'; it has double, Counter."),
        ({"points": "double=-1"}, "Points are a number from 0 to 1000, but double has '-1'."),
        ({"points": "double=many"}, "Points are a number from 0 to 1000, but double has 'many'."),
        ({"points": "double=nan"}, "Points are a number from 0 to 1000, but double has 'nan'."),
        ({"points": "double="}, "Points are a number from 0 to 1000, but double has ''."),
        ({"points": "double"}, "Points are given as NAME=NUMBER with commas between, but there stands 'double'."),
        ({"points": "double=1,double=2"}, "An exercise has its points once, but double is named twice"),
        ({"points": "double=1", "exercises": "Counter"}, "but double is not; ask it with --exercises."),
        ({"due": "next Friday"}, "A due date is written 2026-11-30 23:59, .* but it says 'next Friday'."),
        ({"due": "2026-02-30"}, "but it says '2026-02-30'."),
        ({"penalty_per_day": 0.1}, "Lateness counts from a due date, but there is none; give one with --due."),
        ({"penalty_per_day": 10, "due": "2026-11-30"}, "The penalty per day is from 0 to 1 of the points, .* for 10."),
        ({"grace_minutes": -1, "due": "2026-11-30"}, "Grace is from 0 to 1e.06 of minutes, but you asked for -1."),
        ({"variant": -1}, "A variant is a number from 0 on, but you asked for -1."),
    ],
)
def test_what_is_refused_gets_one_sentence_and_leaves_nothing(root, release, options, sentence):
    with pytest.raises(ValueError, match=sentence) as refused:
        release(**options)
    assert "\n" not in str(refused.value)
    assert not list(root.glob("*out*"))


def test_a_folder_in_use_is_left_alone(root, release):
    (root / "out").mkdir()
    (root / "out" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"into a new or an empty folder, but .*out holds files; name another"):
        release()
    assert [path.name for path in (root / "out").iterdir()] == ["notes.txt"]
    (root / "out" / "notes.txt").unlink()
    assert (release() / "policy.toml").is_file()


def test_a_file_in_its_place_is_left_alone(root, release):
    (root / "out").write_text("mine")
    with pytest.raises(ValueError, match="out is a file; name another"):
        release()
    assert (root / "out").read_text() == "mine"


def test_a_disk_that_is_full_leaves_nothing(root, release, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"Could not write .*out: No space left on device; choose another folder"):
        release()
    assert not list(root.glob("*out*"))


def test_a_lab_that_there_is_not(root):
    with pytest.raises(ValueError, match="There is no lab named '99'; try 01_tiny"):
        authoring.release("99", root / "out", root=root, find=find)
