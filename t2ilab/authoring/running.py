"""Running a solution from top to bottom, and keeping of its outputs only what does not change by itself."""

import importlib
import os
from pathlib import Path
from typing import Any

from t2ilab.files import write_whole

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_WIDGET = "application/vnd.jupyter.widget-view+json"


def tool(name: str) -> Any:
    """Import one of the notebook tools, which only the extra `test` brings. Raises ImportError, in one sentence."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f'Notebooks are built with {name}, which is not installed; get it with `pip install "t2ilab[test]"`.'
        ) from error


def execute(path: str | Path, timeout: int = 1800, budget: str = "lesson") -> None:
    """Run a notebook in its own folder and in English, and store its outputs in it.

    The file is replaced only when every cell has run. Widgets, times and paths of this machine are not stored.
    timeout: the most seconds that one cell may take.
    budget: "lesson", or "ci" for as few steps as show that it runs.

    Raises RuntimeError, naming the cell, if one fails, takes too long or kills the kernel.
    """
    path = Path(path).resolve()
    nbformat, nbclient, exceptions = tool("nbformat"), tool("nbclient"), tool("nbclient.exceptions")
    tool("ipykernel")
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
    )
    # The kernel starts in the notebook's folder, from where a clone that was never installed is not in sight.
    search = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    environment = {key: value for key, value in os.environ.items() if key != "T2ILAB_STRICT"}
    environment |= {"T2ILAB_LANG": "en", "T2ILAB_BUDGET": budget, "PYTHONPATH": search}
    running = ["before its first cell"]
    client.on_cell_start = lambda cell, cell_index: running.append(f"in cell {cell.id}")
    try:
        client.execute(env=environment)
    except exceptions.CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}"
    except (exceptions.CellTimeoutError, exceptions.DeadKernelError) as error:
        reason = str(error).strip().splitlines()[0]
    else:
        reason = ""
    if reason:
        raise RuntimeError(f"{path.name} stopped {running[-1]} ({reason}); nothing was stored.")
    _settle(notebook, path.parent.parent)
    write_whole(path, (nbformat.writes(notebook, version=4).rstrip("\n") + "\n").encode("utf-8"))


def is_executed(notebook: Any) -> bool:
    """Whether every code cell that says something has been run."""
    return all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip())


def _settle(notebook: Any, root: Path) -> None:
    """Take out of an executed notebook what differs from one run, or one machine, to the next."""
    notebook.metadata = METADATA
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        count += bool(cell.source.strip())
        cell.execution_count = count if cell.source.strip() else None
        # Without its state a widget is an empty frame. Its text stays where nbval compares it, else it goes too.
        ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
        cell.outputs = [output for output in cell.outputs if not (ignored and _WIDGET in output.get("data", {}))]
        for output in cell.outputs:
            output.get("data", {}).pop(_WIDGET, None)
            if "execution_count" in output:
                output.execution_count = count
            if output.output_type == "error":  # a fault that was planted (tag raises-exception)
                output.traceback = [line.replace(f"{root}{os.sep}", "") for line in output.traceback]
