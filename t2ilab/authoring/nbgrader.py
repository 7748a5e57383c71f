"""What nbgrader reads in a notebook: which cells are a student's, which are tested, and for how many points.

The format is nbgrader's own, its schema 3 (https://nbgrader.readthedocs.io/en/stable/contributor_guide/metadata.html).
"""

import ast
from collections.abc import Mapping
from typing import Any

from t2ilab.authoring.blanks import exercises

SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")

# In a lab `check` only tells, and a blank goes on with the reference. This line, which students do not see, makes an
# error of everything that is not right; it imports anew, whatever the notebook has made of the name.
_HIDDEN = """
### BEGIN HIDDEN TESTS
from t2ilab.lab import check
check({name}).require()
### END HIDDEN TESTS"""

CONFIG = '''\
"""nbgrader's settings for this assignment; in a course that has its own, these lines go there."""

import os

c = get_config()
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}  # as in the labs
c.ExecutePreprocessor.timeout = 600  # seconds for a cell; nbgrader's own is 30
os.environ["T2ILAB_BUDGET"] = "ci"  # trainings only show that they run
'''


def mark(notebook: Any, points: Mapping[str, float], hidden: bool) -> None:
    """Writes nbgrader's metadata into a lab's cells.

    points: exercise -> points, of those that are asked; all others are given, and locked. hidden: also writes the tests
    that students do not see, as the notebook needs them that `nbgrader generate_assignment` starts from.
    Raises ValueError where an exercise that is asked has no cell with `check(NAME)` after it.
    """
    waiting: list[str] = []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        for name in [name for name in waiting if _checks(cell.source, name)]:
            waiting.remove(name)
            _set(cell, f"{name}-check", grade=True, locked=True, points=points[name])
            if hidden:
                cell.source += _HIDDEN.format(name=name)
        for name, _ in exercises(cell.source):
            if name in points:
                waiting.append(name)
                _set(cell, name, solution=True)
            else:
                lock(cell, name)
    if waiting:
        raise ValueError(f"After an exercise stands a cell with its check, but there is none for {', '.join(waiting)}.")


def lock(cell: Any, grade_id: str) -> None:
    """Makes a cell one that students read only, and that nbgrader puts back where it was changed."""
    _set(cell, grade_id, locked=True)


def _set(cell: Any, grade_id: str, *, grade=False, solution=False, locked=False, points: float | None = None) -> None:
    cell.metadata["nbgrader"] = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        cell.metadata["nbgrader"]["points"] = int(points) if points == int(points) else points
    cell.metadata["deletable"] = False
    if locked:
        cell.metadata["editable"] = False


def _checks(source: str, name: str) -> bool:
    """Whether a cell calls `check(NAME)`."""
    try:
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    except SyntaxError:  # a magic
        return False
    return any(ast.unparse(call) == f"check({name})" for call in calls)
