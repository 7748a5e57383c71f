"""What counts as a student's work in a lab: what is written in its cells, not what JupyterLab adds by itself."""

import hashlib
import json

import pytest

from t2ilab import launch


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """The labs that an installed package carries."""
    package = tmp_path / "site" / "t2ilab"
    (package / "share" / "labs").mkdir(parents=True)
    monkeypatch.setattr(launch, "_PACKAGE", package)
    return package / "share" / "labs"


def lay_out(folder):
    """What was said."""
    said = []
    launch.lay_out(folder, said.append)
    return said


def notebook(*cells, **metadata):
    """A notebook's file as the course builds it: of code, or of Markdown where a cell begins with #."""
    kinds = [{"cell_type": "markdown"} if text[:1] == "#" else {"cell_type": "code", "outputs": []} for text in cells]
    made = [
        kind | {"id": f"05-{i:03d}", "metadata": {}, "source": text.splitlines(keepends=True)}
        for i, (kind, text) in enumerate(zip(kinds, cells, strict=True))
    ]
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def given(wheel, tmp_path):
    """The student's copy of a lab, (its path, a way to change it), of which the wheel then carries another edition."""
    first = notebook("# Lab 05", "import torch\n\ntorch.zeros(2)", kernelspec={"name": "python3"})
    (wheel / "05_ddpm.ipynb").write_text(json.dumps(first))
    lay_out(tmp_path / "mine")
    path = tmp_path / "mine" / "05_ddpm.ipynb"

    def change(how):
        lab = json.loads(path.read_text())
        how(lab)
        path.write_text(json.dumps(lab, indent=3))
        (wheel / "05_ddpm.ipynb").write_text(json.dumps(notebook("# Lab 05", "torch.ones(3)")))

    return path, change


def opened(lab):
    """What JupyterLab writes into a notebook that is only opened."""
    lab["metadata"]["language_info"] = {"name": "python", "version": "3.12.1"}
    lab["cells"][1]["metadata"]["scrolled"] = True


def run(lab):
    """And into one whose cells are run one by one to the end."""
    opened(lab)
    output = {"output_type": "stream", "name": "stdout", "text": ["0 0"]}
    lab["cells"][1] |= {"execution_count": 3, "outputs": [output], "source": "".join(lab["cells"][1]["source"])}
    lab["cells"].append({"cell_type": "code", "id": "new", "metadata": {}, "outputs": [], "source": []})


@pytest.mark.parametrize("how", [opened, run])
def test_a_lab_that_was_opened_or_run_but_not_written_in_is_renewed(given, wheel, tmp_path, how):
    path, change = given
    change(how)
    assert lay_out(tmp_path / "mine") == []
    assert path.read_bytes() == (wheel / "05_ddpm.ipynb").read_bytes()
    assert not path.with_name("05_ddpm.new.ipynb").exists()


@pytest.mark.parametrize(
    "how",
    [
        lambda lab: lab["cells"][1].update(source=["import torch\n", "\n", "torch.zeros(3)"]),
        lambda lab: lab["cells"][0].update(source="# Lab 05, my notes"),
        lambda lab: lab["cells"].append({"cell_type": "code", "metadata": {}, "outputs": [], "source": "1"}),
        lambda lab: lab["cells"].pop(0),
        lambda lab: lab["cells"].reverse(),
        lambda lab: lab["cells"][0].update(cell_type="raw"),
        lambda lab: lab["cells"][0].update(attachments={"mine.png": {"image/png": "AAAA"}}),
        lambda lab: lab["cells"][1].pop("source"),  # no notebook any more, but perhaps somebody's
        lambda lab: lab.update(cells=3),
    ],
)
def test_a_lab_in_which_something_is_written_is_kept(given, tmp_path, how):
    path, change = given
    change(lambda lab: (run(lab), how(lab)))
    kept = path.read_bytes()
    assert len(lay_out(tmp_path / "mine")) == 1
    assert path.read_bytes() == kept
    beside = path.with_name("05_ddpm.new.ipynb")
    assert json.loads(beside.read_text()) == notebook("# Lab 05", "torch.ones(3)")


def test_the_edition_beside_is_renewed_too_if_it_was_only_opened(given, wheel, tmp_path):
    path, change = given
    change(lambda lab: lab["cells"].pop())
    lay_out(tmp_path / "mine")
    beside = path.with_name("05_ddpm.new.ipynb")
    lab = json.loads(beside.read_text())
    run(lab)
    beside.write_text(json.dumps(lab))
    (wheel / "05_ddpm.ipynb").write_text(json.dumps(notebook("# Lab 05", "torch.ones(4)")))
    assert "as 05_ddpm.new.ipynb. What yours" in lay_out(tmp_path / "mine")[0]
    assert json.loads(beside.read_text()) == notebook("# Lab 05", "torch.ones(4)")


def test_nothing_is_written_under_a_notebook_that_is_open_and_whose_edition_is_the_same(given, wheel, tmp_path):
    path, change = given
    change(run)
    (wheel / "05_ddpm.ipynb").write_text(json.dumps(notebook("# Lab 05", "import torch\n\ntorch.zeros(2)")))
    kept = path.read_bytes()
    assert lay_out(tmp_path / "mine") == []
    assert path.read_bytes() == kept


def test_a_manifest_that_marks_files_by_their_bytes_is_understood(given, wheel, tmp_path):
    path, _ = given
    manifest = path.with_name(launch.MANIFEST)
    marks = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(marks | {"05_ddpm.ipynb": hashlib.sha256(path.read_bytes()).hexdigest()}))
    assert lay_out(tmp_path / "mine") == []
    assert json.loads(manifest.read_text()) == marks
    manifest.write_text(json.dumps(marks | {"05_ddpm.ipynb": hashlib.sha256(path.read_bytes()).hexdigest()}))
    (wheel / "05_ddpm.ipynb").write_text(json.dumps(notebook("# Lab 05", "torch.ones(3)")))
    assert lay_out(tmp_path / "mine") == []
    assert path.read_bytes() == (wheel / "05_ddpm.ipynb").read_bytes()


def test_what_changed_is_said_by_its_headings(wheel, tmp_path):
    blank = "def add_noise(x0):\n    raise NotImplementedError"
    first = ["# Lab 05", "# 1. Forward", blank, "## Exercise 2: a block", "make()", "# Break it", "why()"]
    (wheel / "05_ddpm.ipynb").write_text(json.dumps(notebook(*first)))
    lay_out(tmp_path / "mine")
    path = tmp_path / "mine" / "05_ddpm.ipynb"
    path.write_text(json.dumps(notebook(*[cell.replace("raise NotImplementedError", "return x0") for cell in first])))
    second = [
        "# Lab 05",
        "# 1. Forward",
        blank,
        "## Exercise 2: a block",
        "make(2)",
        "# Break it",
        "why()",
        "# More",
        "x",
    ]
    (wheel / "05_ddpm.ipynb").write_text(json.dumps(notebook(*second)))
    (sentence,) = lay_out(tmp_path / "mine")
    assert sentence.endswith("What yours has otherwise, or not at all, is under: Exercise 2: a block, More.")
