"""What a lab costs: its solution run from top to bottom in a fresh kernel, in seconds and in memory."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from t2ilab import authoring
from t2ilab.benchmark.row import Row
from t2ilab.launch import clone

NAMES = tuple(f"notebook-{number:02}" for number in range(15))


def row(name: str, quick: bool = False, folder: Path | None = None) -> Row:
    """Seconds and the most megabytes of a lab's solution at its lesson budget; `quick` takes the small one.

    Args:
        name: one of `NAMES`.
        folder: of the solutions; by default the clone's, or those in the wheel.

    Raises:
        ImportError: the tools that run notebooks are not installed.
        RuntimeError: a cell failed; with its name.
    """
    folder = folder or (clone() or Path(__file__).resolve().parents[1] / "share") / "solutions"
    number, budget = name.removeprefix("notebook-"), "ci" if quick else "lesson"
    found = sorted(folder.glob(f"{number}_*.ipynb"))
    if not found:
        return Row(name, missing=f"{folder} has no solution of Lab {number}; run it in a clone.")
    with tempfile.TemporaryDirectory() as own:
        copy = shutil.copy(found[0], own)
        seconds, megabytes = authoring.execute_watched(copy, budget=budget)
    return Row(
        name,
        f"The solution of Lab {number} in a fresh kernel, starting it included, and the most that this held.",
        f"{found[0].name} at {'the small budget of tests' if quick else 'its lesson budget'}",
        "s",
        seconds,
        memory=(megabytes, None),
    )
