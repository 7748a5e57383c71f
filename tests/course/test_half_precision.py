"""Every solution as it runs on a machine that is faster in half precision than in single: with bfloat16 in autocast.

Run by `make course`, at the small budget. Processors differ in this, and one under load may measure it so.
"""

import os

import nbclient
import nbformat
import pytest

from t2ilab import authoring

FASTER = """from t2ilab import device

device.cpu_has_bfloat16, device._bfloat16_speedup = lambda: True, lambda: 2.0
assert "bfloat16" in str(device.DeviceManager("cpu").dtype)
"""


@pytest.mark.parametrize("source", authoring.sources(), ids=lambda path: path.stem)
def test_a_solution_runs_in_half_precision(source):
    notebook = nbformat.reads(authoring.to_bytes(authoring.build(source)[source.with_suffix(".ipynb")]).decode(), 4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FASTER))
    client = nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3")
    client.execute(env=os.environ | {"T2ILAB_BUDGET": "ci", "T2ILAB_DEVICE": "cpu"})
