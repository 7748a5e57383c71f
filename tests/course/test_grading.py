"""Whole classes, graded in the sandbox: every solution, every blank lab, and 120 notebooks on two cores.

The time of the 120 is printed: `make course ARGS="-k hundred_and_twenty -s"`.
"""

import csv
import time

import pytest
from grading_class import HEAD, LABS, ROOT, lay, needs_bubblewrap, notebook, solved

from t2ilab.grading.grade import grade

pytestmark = needs_bubblewrap


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("lab", LABS)
def test_solutions_have_all_points_and_blanks_none(lab, tmp_path):
    places = {"solved": "solutions", "blank": "labs", "blank_ja": "labs/ja", "solved_ja": "solutions/ja"}
    files = {f"{name}/x.ipynb": (ROOT / f"{place}/{lab}.ipynb").read_bytes() for name, place in places.items()}
    grade(lay(tmp_path / "in", files), lab, tmp_path / "grades.csv", tmp_path / "out")
    for name, row in rows(tmp_path / "grades.csv").items():
        assert row["total"] == (row["out of"] if name.startswith("solved") else "0"), row


def test_a_hundred_and_twenty_notebooks_take_six_minutes_on_two_cores(tmp_path):
    """Of each ten students six have all right, one has a wrong idea, one nothing; some never end or leave."""
    lab = "05_ddpm"
    right = list(solved(lab).values())
    mistakes = {
        3: ("x_t - (1 - ac_t).sqrt() * eps", "x_t - (1 - ac_t) * eps"),
        4: ("[:, :, None, None]", "[:, :, None, None] * 0"),
        13: ("optimizer.zero_grad()", "pass"),
    }
    files = {}
    for i in range(120):
        cells = list(right)
        if i % 10 == 9:
            cells = list(notebook_cells(ROOT / f"labs/{lab}.ipynb"))
        for every, (good, bad) in mistakes.items():
            cells = [cell.replace(good, bad) if i % every == 0 else cell for cell in cells]
        if i in (17, 61, 103):
            cells = [
                cell.replace("return torch.linspace", "while True: pass\n    return torch.linspace") for cell in cells
            ]
        if i in (23, 71):
            cells = [cell.replace("    half = dim // 2", "    exit()\n    half = dim // 2") for cell in cells]
        files[f"Student {i}_{1000 + i}_assignsubmission_file_/x.ipynb"] = notebook(HEAD, *cells, f"# {i}")
    lay(tmp_path / "in", files)
    started = time.monotonic()
    grade(tmp_path / "in", lab, tmp_path / "grades.csv", tmp_path / "out", workers=2)
    seconds = time.monotonic() - started
    print(f"120 notebooks: {seconds:.0f} s")
    table = rows(tmp_path / "grades.csv")
    assert len(table) == 120
    assert {table[f"Student {i}"]["linear_betas status"] for i in (17, 61, 103)} == {"timed out"}
    assert seconds < 360


def notebook_cells(path):
    from t2ilab.grading.submissions import code_cells

    return code_cells(path.read_bytes(), path.name).values()
