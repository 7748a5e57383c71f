"""Every number that varies in a lab, in some variant whose solution is run and whose checks all pass.

Run by `make course`, at the small budget: what varies is not how long a lab trains.
"""

import os

import nbclient
import nbformat
import pytest

from t2ilab import authoring
from t2ilab.authoring.variants import drawn, numbers


def few(declared):
    """Seeds that together draw every value but the labs' own."""
    missing = {(name, str(value)) for name, values in declared.items() for value in values[1:]}
    for seed in range(1000):
        found = {(name, str(value)) for name, value in drawn(declared, seed).items()} & missing
        if found:
            yield seed
            missing -= found
        if not missing:
            return
    raise AssertionError(f"No seed below 1000 draws {missing}.")


DECLARED = {source.stem: numbers(authoring.read_source(source), source.name) for source in authoring.sources()}
CASES = [(lab, seed) for lab, declared in DECLARED.items() if declared for seed in few(declared)]


def test_labs_have_variants():
    assert {"04_denoising", "05_ddpm", "06_samplers"} <= {lab for lab, _ in CASES}


@pytest.mark.parametrize(("lab", "seed"), CASES)
def test_a_variants_solution_runs_and_passes(lab, seed, tmp_path):
    authoring.release(lab, tmp_path / "out", variant=seed)
    # The source for nbgrader holds the answers, and checks that raise where one is not right.
    notebook = nbformat.read(tmp_path / f"out/nbgrader/source/{lab}/{lab}.ipynb", as_version=4)
    assert "".join(cell.source for cell in notebook.cells).count(".require()") == len(notebook.metadata.t2ilab.points)
    client = nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3")
    client.execute(env=os.environ | {"T2ILAB_BUDGET": "ci"})
