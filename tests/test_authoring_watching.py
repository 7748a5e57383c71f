"""Seconds and megabytes of a small notebook that the test makes, and a kernel that takes too much."""

import nbformat
import pytest

from t2ilab.authoring import execute_watched, read_notebook


@pytest.fixture
def notebook(tmp_path):
    """Writes a notebook of these cells."""

    def write(*codes):
        cells = [nbformat.v4.new_code_cell(code, id=f"cell-{index}") for index, code in enumerate(codes)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "some.ipynb")
        return tmp_path / "some.ipynb"

    return write


@pytest.mark.parametrize("budget", ["lesson", "ci"])
def test_seconds_and_the_most_memory_are_found(notebook, budget, monkeypatch):
    monkeypatch.setenv("T2ILAB_BUDGET", "nonsense")  # what the caller has set does not decide
    path = notebook(
        "import time\nheld = b'1' * 300_000_000\ntime.sleep(0.5)\ndel held",
        "import os\nprint(os.environ['T2ILAB_BUDGET'])\ntime.sleep(0.5)",
    )
    seconds, megabytes = execute_watched(path, budget=budget)
    assert seconds >= 1
    assert 300 <= megabytes < 600  # of the kernel alone, at its most
    assert read_notebook(path).cells[1].outputs[0].text == f"{budget}\n"


def test_a_kernel_beyond_the_limit_is_killed_and_the_cell_is_named(notebook):
    path = notebook("1 + 1", "import time\nheld = b'1' * 600_000_000\ntime.sleep(60)")
    with pytest.raises(RuntimeError, match=r"held \d+ MB and was killed, as from 400 MB on: .* in cell cell-1"):
        execute_watched(path, 400)


def test_a_cell_that_fails_is_named_as_ever(notebook):
    with pytest.raises(RuntimeError, match=r"^some.ipynb stopped in cell cell-0 \(ZeroDivisionError"):
        execute_watched(notebook("1 / 0"), 2000)
