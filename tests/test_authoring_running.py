"""Running a solution: what is stored, what is taken out, and what happens when a cell fails."""

import json

import nbformat
import pytest
from authoring_lab import find, write_lab

from t2ilab import authoring
from t2ilab.authoring import running


@pytest.fixture
def root(tmp_path):
    return write_lab(tmp_path)


RUNNABLE = """# %%
import os, pathlib
print(pathlib.Path().resolve().name, os.environ.get("T2ILAB_BUDGET"), os.environ["T2ILAB_LANG"])

# %%

# %% tags=["nbval-ignore-output"]
from IPython.display import display
display({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "  0%|"}, raw=True)
1 + 1

# %%
display({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "IntSlider()"}, raw=True)

# %% tags=["raises-exception"]
raise KeyError("planted")
"""


def test_running_stores_outputs_and_nothing_that_changes(root, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    monkeypatch.setenv("T2ILAB_BUDGET", "ci")
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    (root / "solutions" / "01_tiny.py").write_text(RUNNABLE)
    solution = root / "solutions" / "01_tiny.ipynb"
    assert solution in authoring.build_all(run=True, root=root, find=find)
    first = solution.read_bytes()
    cells = authoring.read_notebook(solution).cells
    assert cells[0].outputs[0].text == "solutions lesson en\n"
    assert [cell.execution_count for cell in cells] == [1, None, 2, 3, 4]
    assert [(output.output_type, output.data) for output in cells[2].outputs] == [
        ("execute_result", {"text/plain": "2"})
    ]
    assert cells[3].outputs[0].data == {"text/plain": "IntSlider()"}
    assert cells[4].outputs[0].ename == "KeyError"
    assert set(json.loads(first)["metadata"]["language_info"]) == {"name"}
    assert authoring.build_all(run=True, root=root, find=find) == []  # nothing is run twice
    assert authoring.compare(root, find) == []


def test_what_differs_from_run_to_run_is_taken_out(root):
    error = nbformat.v4.new_output("error", traceback=[f"{root}/t2ilab/lab.py", "1"], ename="E", evalue="x")
    result = nbformat.v4.new_output("execute_result", {"text/plain": "1"}, execution_count=9)
    cells = [
        nbformat.v4.new_code_cell("a", execution_count=7, outputs=[error], metadata={"execution": {"at": "noon"}}),
        nbformat.v4.new_code_cell("", execution_count=8),
        nbformat.v4.new_code_cell("b", execution_count=9, outputs=[result]),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {}})
    running._settle(notebook, root)
    assert [cell.execution_count for cell in notebook.cells] == [1, None, 2]
    assert notebook.cells[2].outputs[0].execution_count == 2
    assert notebook.cells[0].outputs[0].traceback == ["t2ilab/lab.py", "1"]
    assert notebook.cells[0].metadata == {}
    assert "widgets" not in notebook.metadata


def test_a_cell_that_fails_is_named_and_nothing_is_stored(root, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    (root / "solutions" / "01_tiny.py").write_text('# %%\nprint(1)\n\n# %%\nint("x")\n')
    authoring.build_all(root=root, find=find)
    solution = root / "solutions" / "01_tiny.ipynb"
    before = solution.read_bytes()
    with pytest.raises(RuntimeError, match=r"01_tiny.ipynb stopped in cell 01_tiny-001 \(ValueError: invalid literal"):
        authoring.execute(solution)
    assert solution.read_bytes() == before
    assert sorted(path.name for path in solution.parent.iterdir()) == ["01_tiny.ipynb", "01_tiny.py", "ja"]
