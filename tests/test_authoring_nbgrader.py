"""nbgrader itself on an assignment of Lab 00: a student who is right, one who is wrong and one who did nothing."""

import copy
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from t2ilab import authoring

if importlib.util.find_spec("nbgrader") is None:
    pytest.skip("nbgrader is not installed; the extra `test` brings it", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[1]
LAB = "00_welcome"
POINTS = {"to_model_range": 3.0, "cosine_similarity": 2.5}


def short_source():
    """Lab 00's source with no more than its exercises, so that a student's kernel needs seconds."""
    cells = authoring.read_source(ROOT / "solutions" / f"{LAB}.py")
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    kept = [text for text in code if "@exercise(" in text or text.startswith("check(")]
    return "\n\n".join(
        [
            "# %% [markdown]\n# # Lab 00",
            "# %%\nimport torch\nimport torch.nn.functional as F\n\nfrom t2ilab.lab import check, exercise",
            *[f"# %%\n{text}" for text in kept],
        ]
    )


# What nbgrader's database says of each student; in a process of its own, as it has warnings of its own.
GRADES = f"""
import json, sys
from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as book:
    found = {{
        student: {{
            grade.name: [grade.auto_score, grade.max_score]
            for grade in book.find_submission_notebook("{LAB}", "{LAB}", student).grades
        }}
        for student in ("right", "wrong", "blank")
    }}
print(json.dumps(found))
"""


def python(course, *arguments):
    """What the interpreter prints, run in the course's folder."""
    here = {name: str(course / "jupyter") for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    # nbgrader calls alembic, which lies beside the interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=course,
        env=os.environ | here | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def read(path):
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def hand_in(course, student, notebook):
    path = course / "submitted" / student / LAB / f"{LAB}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(authoring.to_bytes(notebook))


def cell_of(notebook, grade_id):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """An nbgrader course in which the assignment has been generated: (its folder, the students' notebook)."""
    root = tmp_path_factory.mktemp("repository")
    (root / "solutions").mkdir()
    (root / "solutions" / f"{LAB}.py").write_text(short_source(), encoding="utf-8")
    (root / "pyproject.toml").write_text('[tool.t2ilab]\nrepository = "https://github.com/someone/course"\n')
    points = ",".join(f"{name}={value}" for name, value in POINTS.items())
    authoring.release(LAB, root / "out", points=points, root=root)
    python(root / "out/nbgrader", "-m", "nbgrader", "generate_assignment", LAB)
    return root / "out/nbgrader", read(root / f"out/students/{LAB}.ipynb")


def test_nbgrader_generates_what_students_get(course):
    folder, students = course
    generated = read(folder / f"release/{LAB}/{LAB}.ipynb")
    assert [cell.source for cell in generated.cells] == [cell.source for cell in students.cells]
    for mine, theirs in zip(students.cells, generated.cells, strict=True):
        added = {"checksum": None, "cell_type": None}
        kept = {key: value for key, value in theirs.metadata.get("nbgrader", {}).items() if key not in added}
        assert kept == mine.metadata.get("nbgrader", {})
        assert theirs.metadata.get("editable") == mine.metadata.get("editable")


def test_right_wrong_and_blank(course):
    folder, students = course
    solved = read(folder / f"source/{LAB}/{LAB}.ipynb")
    hand_in(folder, "right", solved)

    wrong = copy.deepcopy(students)
    cell_of(wrong, "to_model_range").source = cell_of(solved, "to_model_range").source
    stub = cell_of(wrong, "cosine_similarity")
    stub.source = stub.source.replace("raise NotImplementedError", "return a @ b.T  # not normalised")
    # The notebook's own `check`, and a test that was taken away, gain nothing.
    stub.source += "\n\ndef check(answer):\n    return True"
    hand_in(folder, "wrong", wrong)

    blank = copy.deepcopy(students)
    cell_of(blank, "to_model_range-check").source = "pass"
    stub = cell_of(blank, "cosine_similarity")  # as nbgrader leaves it where it has not been told otherwise
    stub.source = stub.source.replace("raise NotImplementedError", "# YOUR CODE HERE\n    raise NotImplementedError()")
    hand_in(folder, "blank", blank)

    python(folder, "-m", "nbgrader", "autograde", LAB)
    to_model, cosine = POINTS.values()
    assert json.loads(python(folder, "-c", GRADES)) == {
        "right": {"to_model_range-check": [to_model, to_model], "cosine_similarity-check": [cosine, cosine]},
        "wrong": {"to_model_range-check": [to_model, to_model], "cosine_similarity-check": [0, cosine]},
        "blank": {"to_model_range-check": [0, to_model], "cosine_similarity-check": [0, cosine]},
    }
    graded = read(folder / f"autograded/wrong/{LAB}/{LAB}.ipynb")
    (error,) = [o for o in cell_of(graded, "cosine_similarity-check").outputs if o.output_type == "error"]
    assert error.evalue.startswith("✗ cosine_similarity: ")  # what students read in nbgrader's feedback
