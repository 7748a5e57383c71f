"""The wheel, made as pip makes it and unpacked where nothing else of the course lies: what it holds, and that a student
can begin with it alone."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEFT = (".", "__pycache__")


@pytest.fixture(scope="module")
def site():
    """A folder like site-packages with the unpacked wheel, and beside it an empty one of a student's."""
    building = pytest.importorskip("hatchling.builders.wheel", reason='needs hatchling, from `pip install ".[test]"`')
    with tempfile.TemporaryDirectory() as folder:
        (wheel,) = building.WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(Path(folder) / "site")
        Path(wheel).unlink()
        (Path(folder) / "student").mkdir()
        yield Path(folder) / "site"


def python(site, *arguments):
    """What Python prints that has the wheel's package and not this repository's, started in the student's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("T2ILAB_")}
    kept |= {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    home = site.parent / "student"
    ended = subprocess.run([sys.executable, *arguments], cwd=home, env=kept, capture_output=True, encoding="utf-8")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def files(folder):
    """What lies in a folder, without what git and Python leave there: its path within the folder -> the file."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    left = "__pycache__"
    return {
        name: path for name, path in found.items() if not any(part == left or part[0] == "." for part in name.parts)
    }


def test_it_holds_the_whole_package_the_labs_and_the_solutions_and_no_more(site):
    expected = {Path("t2ilab", name): path for name, path in files(ROOT / "t2ilab").items()}
    for top in ("labs", "solutions"):
        expected |= {Path("t2ilab", "share", top, name): path for name, path in files(ROOT / top).items()}
    found = {path.relative_to(site): path for path in site.rglob("*") if path.is_file()}
    assert {name for name in found if not name.parts[0].endswith(".dist-info")} == set(expected)
    assert [name for name, path in expected.items() if path.read_bytes() != found[name].read_bytes()] == []


def test_its_labs_are_laid_out_and_its_models_are_whole(site):
    said = python(site, "-m", "t2ilab", "doctor", "--offline")
    assert "FAULT" not in said
    code = (
        "import t2ilab; from t2ilab import launch; print(t2ilab.__file__, launch.clone(), *launch.lay_out(), sep='@')"
    )
    file, clone, *laid = python(site, "-c", code).strip().split("@")
    assert Path(file).is_relative_to(site)
    assert clone == "None"
    home = site.parent / "student" / "t2ilab-labs"
    given = {Path(path).relative_to(home): Path(path).read_bytes() for path in laid}
    assert given == {name: path.read_bytes() for name, path in files(ROOT / "labs").items()}
