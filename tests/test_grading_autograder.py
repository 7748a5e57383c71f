"""The zip for Gradescope: its layout, and its scripts on this machine. It was never run on Gradescope itself."""

import json
import re
import subprocess
import sys
import zipfile

import pytest
from grading_class import HEAD, notebook, solved

from t2ilab.grading import autograder
from t2ilab.lab import bank

LAB = "00_welcome"


def test_it_has_the_layout_that_gradescope_asks_for(tmp_path):
    assert autograder.build(LAB, tmp_path / "autograder.zip") == tmp_path / "autograder.zip"
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        names = archive.namelist()
        modes = {name: archive.getinfo(name).external_attr >> 16 for name in ("setup.sh", "run_autograder")}
        texts = {name: archive.read(name).decode() for name in (*modes, "requirements.txt")}
    assert all(mode & 0o111 == 0o111 for mode in modes.values())
    assert all(texts[name].startswith("#!/usr/bin/env bash\n") for name in modes)
    assert {"t2ilab/__main__.py", "t2ilab/grading/templates/student.html", "t2ilab/lab/bank/__init__.py"} <= set(names)
    assert not [name for name in names if re.search(r"safetensors|ipynb|\.pyc", name)]
    assert [path.name for path in tmp_path.iterdir()] == ["autograder.zip"]
    wanted = {re.split(r"\W", line)[0] for line in texts["requirements.txt"].splitlines()}
    assert {"torch", "typer", "jinja2"} <= wanted
    assert "pytest" not in wanted
    assert f"--lab {LAB} \\\n" in texts["run_autograder"]


def test_from_a_wheel_the_requirements_are_those_of_its_metadata(monkeypatch):
    said = ["torch>=2.4", "jinja2>=3.1; extra == 'instructor'", "pytest>=8.0; extra == 'test'"]
    monkeypatch.setattr(autograder, "clone", lambda: None)
    monkeypatch.setattr(autograder.importlib.metadata, "requires", lambda name: said)
    assert autograder._requirements() == ["torch>=2.4", "jinja2>=3.1"]


@pytest.mark.skipif(sys.platform != "linux", reason="Gradescope's machines run Linux")
def test_its_script_writes_the_results_of_a_submission(tmp_path):
    place = autograder.build(LAB, tmp_path / "autograder.zip", unsafe=True, seconds=60)
    with zipfile.ZipFile(place) as archive:
        archive.extractall(tmp_path / "source")
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission/my lab.ipynb").write_bytes(notebook(HEAD, *solved(LAB).values()))
    script = (tmp_path / "source/run_autograder").read_text()
    script = script.replace("/autograder", str(tmp_path)).replace("/opt/t2ilab/bin/python", sys.executable)
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    ran = subprocess.run(["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    results = json.loads((tmp_path / "results/results.json").read_text(encoding="utf-8"))
    assert results["score"] == sum(one.points for one in bank.exercises(LAB))
    assert subprocess.run(["bash", "-n", tmp_path / "source/setup.sh"]).returncode == 0


def test_what_cannot_be_built_is_refused(tmp_path):
    with pytest.raises(ValueError, match="of the kind"):
        autograder.build(LAB, tmp_path / "autograder.tar")
    with pytest.raises(ValueError, match="lie above 0"):
        autograder.build(LAB, tmp_path / "autograder.zip", seconds=float("nan"))
    with pytest.raises(ValueError, match="99"):
        autograder.build("99_none", tmp_path / "autograder.zip")
    assert not list(tmp_path.iterdir())
