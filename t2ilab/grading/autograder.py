"""An autograder for Gradescope: the zip with which it grades one lab, a student at a time."""

from __future__ import annotations

import importlib.metadata
import tomllib
import zipfile
from pathlib import Path

from t2ilab.files import written_beside
from t2ilab.grading.staging import PACKAGE
from t2ilab.lab import bank
from t2ilab.launch import clone

_LEFT_OUT = {"share", "zoo", "__pycache__"}  # notebooks and weights, which no exercise needs
_SETUP = """\
#!/usr/bin/env bash
# Run once, as root, when Gradescope builds its image. Choose an image whose python3 is 3.11 or newer.
set -e
apt-get install -y bubblewrap python3 python3-venv
python3 -m venv /opt/t2ilab
/opt/t2ilab/bin/python -m pip install -r /autograder/source/requirements.txt
"""
_RUN = """\
#!/usr/bin/env bash
# Run for each submission. Where it fails there is no results.json, and Gradescope says so instead of giving a zero.
set -e
work=$(mktemp -d)
PYTHONPATH=/autograder/source /opt/t2ilab/bin/python -P -m t2ilab grade /autograder/submission --lab {lab}{unsafe} \\
  --seconds {seconds:g} --output "$work/grades.csv" --gradescope /autograder/results/results.json
"""


def build(lab: str, target: str | Path, unsafe: bool = False, seconds: float = 10.0) -> Path:
    """Writes the zip to upload as a lab's autograder, and returns its path.

    It follows https://gradescope-autograders.readthedocs.io/en/latest/specs/ and was never run on Gradescope: tested
    are its layout and its scripts on an ordinary machine. lab: such as "05_ddpm". It holds the package without
    weights, so with the answers; what it depends on is installed by pip.
    unsafe: without a sandbox. Gradescope runs each submission in a container of its own, where bubblewrap may not be
    allowed and the grader then refuses; unsafe, a student's code can read the answers and write its own results.
    seconds: the most that one exercise may take.
    Raises ValueError for a lab that there is not, seconds that cannot be, and a target that is no zip.
    """
    target = Path(target)
    bank.exercises(lab)
    if target.suffix.lower() != ".zip":
        raise ValueError(f"An autograder is a file of the kind .zip, but you asked for {target.name!r}.")
    if not 0 < seconds <= 3600:
        raise ValueError(f"The seconds of an exercise lie above 0 and are at most 3600, but they are {seconds:g}.")
    with written_beside(target) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(PACKAGE.rglob("*")):
            place = path.relative_to(PACKAGE.parent)
            if path.is_file() and not _LEFT_OUT.intersection(place.parts):
                archive.write(path, place.as_posix())
        archive.writestr("requirements.txt", "\n".join(_requirements()) + "\n")
        for name, text in (("setup.sh", _SETUP), ("run_autograder", _RUN)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16  # a file that may be run
            archive.writestr(entry, text.format(lab=lab, unsafe=" --unsafe" * unsafe, seconds=seconds))
    return target


def _requirements() -> list[str]:
    """What the package and its instructor's side depend on, as pip reads it."""
    if root := clone():  # what is installed beside a clone may be older than the clone
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return [*project["dependencies"], *project["optional-dependencies"]["instructor"]]
    parted = [one.partition(";") for one in importlib.metadata.requires("t2ilab") or []]
    return [name.strip() for name, _, marker in parted if marker.strip() in ("", "extra == 'instructor'")]
