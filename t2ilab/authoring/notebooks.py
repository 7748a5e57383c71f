"""The four notebooks of a lab: built from the source, written where they changed, compared with what is committed."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from t2ilab.authoring.blanks import exercises, fill
from t2ilab.authoring.fragments import COLAB_TAG, Find, Marks, bank_find, colab_install, filled
from t2ilab.authoring.running import METADATA, execute, is_executed, tool
from t2ilab.authoring.variants import drawn, in_code, numbers
from t2ilab.files import write_whole
from t2ilab.launch import clone, resolve

FOLDERS = {
    ("labs", "en"): "labs",
    ("labs", "ja"): "labs/ja",
    ("solutions", "en"): "solutions",
    ("solutions", "ja"): "solutions/ja",
}
_KEPT = ("tags", "jupyter", "cellView")  # all other metadata of a cell belongs to the tool that wrote it


def sources(root: Path | None = None) -> list[Path]:
    """The sources of all labs, `solutions/NN_name.py`, in order.

    root: the folder of the repository; by default the clone that this package runs from.

    Raises ValueError if it runs from a wheel, where there is nothing to build.
    """
    return sorted((_root(root) / "solutions").glob("[0-9][0-9]_*.py"))


def _root(root: Path | None) -> Path:
    root = root or clone()
    if root is None:
        raise ValueError("Notebooks are built in a clone of the repository, but t2ilab runs from a wheel; clone it.")
    return root.resolve()


def read_source(source: str | Path) -> list[Any]:
    """The cells of a source (nbformat's), in order. Raises ImportError, in one sentence, without jupytext."""
    return tool("jupytext").reads(Path(source).read_text(encoding="utf-8"), fmt="py:percent").cells


def build(source: str | Path, find: Find | None = None) -> dict[Path, Any]:
    """Make the four notebooks of one source, in memory: path -> notebook (nbformat 4.5).

    An executed solution that lies on the disk lends its outputs to the new one as long as all its code is the same.
    find: where exercises come from, `t2ilab.lab.bank.find` by default.

    Raises ValueError if a blank and its reference disagree or a cell tagged `ja` translates nothing.
    """
    source = Path(source).resolve()
    root, cells = source.parent.parent, read_source(source)
    names, values = exercise_names(cells), drawn(numbers(cells, source.name), None)
    code = {
        "labs": code_of(cells, source, values, (), find),
        "solutions": code_of(cells, source, values, names, find),
    }
    notebooks = {}
    for (kind, language), folder in FOLDERS.items():
        path = root / folder / f"{source.stem}.ipynb"
        marks = Marks(root, path, language, names, values, find)
        notebooks[path] = edition(cells, source, code[kind], marks)
    executed = root / "solutions" / f"{source.stem}.ipynb"
    _lend_outputs(read_notebook(executed), notebooks[executed])
    return notebooks


def exercise_names(cells: Sequence[Any]) -> list[str]:
    """The names of the exercises in the cells of a source, in order."""
    return [name for cell in cells if cell.cell_type == "code" for name, _ in exercises(cell.source)]


def code_of(
    cells: Sequence[Any],
    source: Path,
    values: dict[str, Any],
    solved: Container[str],
    find: Find | None = None,
    around: tuple[str, str] | None = None,
    within: Container[str] = (),
) -> list[str]:
    """The code of each cell of a source, empty for prose: numbers put in, and the blanks of `solved` filled.

    around: two lines, such as comments, between which each answer to an exercise of `within` stands.
    """
    found = []
    for i, cell in enumerate(cells):
        text = in_code(cell, values) if cell.cell_type == "code" else ""
        if COLAB_TAG in cell.metadata.get("tags", []):
            text = colab_install(source.parent.parent)
        for name, node in list(exercises(text)):
            if name not in solved:
                continue
            try:
                if node.name != name:
                    raise ValueError(f"An exercise has the name of its function, but {name} stands over {node.name}.")
                text = fill(text, (find or bank_find())(name).reference, name, around if name in within else None)
            except ValueError as error:
                raise ValueError(f"{source.name}, cell {i}: {error}") from error
        found.append(text)
    return found


def edition(cells: Sequence[Any], source: Path, code: Sequence[str], marks: Marks) -> Any:
    """A notebook of a lab in one language: the code as given, one text for each cell, and prose with its marks filled.

    Raises ValueError if a cell tagged `ja` translates nothing.
    """
    _check_translations(cells, source.name)
    made = []
    for i, cell in enumerate(cells):
        is_japanese, has_japanese = _is_japanese(cell), i + 1 < len(cells) and _is_japanese(cells[i + 1])
        if is_japanese if marks.language == "en" else has_japanese:
            continue
        text = filled(cell.source, marks) if cell.cell_type == "markdown" else code[i] or cell.source
        made.append(_cell(cell, text, f"{source.stem}-{i:03d}"))
    return tool("nbformat").v4.new_notebook(cells=made, metadata=METADATA, nbformat_minor=5)


def build_all(
    labs: Sequence[str] | None = None, run: bool = False, root: Path | None = None, find: Find | None = None
) -> list[Path]:
    """Build the notebooks of every source, write those that changed, and return the paths written.

    labs: only these ("05", "05_ddpm"); all of them by default.
    run: also execute the English solutions that hold no outputs, at the lesson budget (minutes each).
    root: the folder of the repository; by default the clone that this package runs from.
    """
    found = {source.stem: source for source in sources(root)}
    written = []
    for stem in [resolve(lab, list(found)) for lab in labs or ()] or found:
        for path, notebook in build(found[stem], find).items():
            content = to_bytes(notebook)
            if not path.is_file() or path.read_bytes() != content:
                write_whole(path, content)
                written.append(path)
            if run and path.parent == found[stem].parent and not is_executed(notebook):
                execute(path)
                written += [path] * (path not in written)
    return written


def compare(root: Path | None = None, find: Find | None = None) -> list[str]:
    """How the notebooks on the disk differ from what their sources make, one sentence each; nothing is written.

    The outputs of the English solutions are not compared: no other notebook is to hold any.
    """
    root, differences, expected = _root(root), [], set()
    for source in sources(root):
        for path, built in build(source, find).items():
            expected.add(path)
            stored, name = read_notebook(path), path.relative_to(root).as_posix()
            fix = f"edit only solutions/{source.name}, then run `t2ilab build`."
            if stored is None:
                state = "cannot be read" if path.exists() else "is missing"
                differences.append(f"{name} {state}; run `t2ilab build`.")
                continue
            content = path.read_bytes().replace(b"\r\n", b"\n")  # as git may check it out on Windows
            if path.parent == source.parent:
                content = to_bytes(_without_outputs(stored))
                built = _without_outputs(built)
            if content != to_bytes(built):
                differences.append(f"{name} {_first_difference(stored, built)}; {fix}")
    for folder in FOLDERS.values():
        for path in sorted((root / folder).glob("*.ipynb")):
            if path not in expected:
                differences.append(f"{folder}/{path.name} has no source in solutions/; delete it or write its source.")
    return differences


def to_bytes(notebook: Any) -> bytes:
    """A notebook as the bytes of its file: sorted keys, plain UTF-8, one newline at the end."""
    return (tool("nbformat").writes(notebook, version=4).rstrip("\n") + "\n").encode("utf-8")


def read_notebook(path: Path) -> Any:
    """The notebook in a file, or None if there is none that can be read."""
    try:
        return tool("nbformat").reads(path.read_text(encoding="utf-8"), as_version=4)
    except (OSError, ValueError, AttributeError, KeyError):  # also a file cut in half
        return None


def _is_japanese(cell: Any) -> bool:
    return "ja" in cell.metadata.get("tags", [])


def _check_translations(cells: Sequence[Any], name: str) -> None:
    for i, cell in enumerate(cells):
        if not _is_japanese(cell):
            continue
        before = cells[i - 1] if i else cell
        if cell.cell_type != "markdown" or before.cell_type != "markdown" or _is_japanese(before):
            raise ValueError(
                f"A markdown cell tagged ja follows the English one that it translates, but cell {i} of {name} does "
                f"not: {cell.source.strip()[:40]!r}; put it right below its English cell."
            )


def _cell(cell: Any, text: str, cell_id: str) -> Any:
    """A clean copy of a source's cell. Its id is its place in the source, the same in all editions."""
    made = getattr(tool("nbformat").v4, f"new_{cell.cell_type}_cell")(text, id=cell_id)
    made.metadata.update({key: cell.metadata[key] for key in _KEPT if key in cell.metadata})
    tags = [tag for tag in made.metadata.pop("tags", []) if tag != "ja"]
    if tags:
        made.metadata["tags"] = tags
    return made


def _lend_outputs(stored: Any, notebook: Any) -> None:
    mine = [cell for cell in notebook.cells if cell.cell_type == "code"]
    theirs = [cell for cell in stored.cells if cell.cell_type == "code"] if stored else []
    if [cell.source for cell in mine] == [cell.source for cell in theirs]:
        for cell, other in zip(mine, theirs, strict=True):
            cell.outputs, cell.execution_count = other.outputs, other.execution_count


def _without_outputs(notebook: Any) -> Any:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _first_difference(stored: Any, built: Any) -> str:
    for mine, theirs in zip(built.cells, stored.cells, strict=False):
        if mine != theirs:
            key = next(key for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key))
            return f"has another {key} in cell {mine.id} ({mine.cell_type}: {mine.source[:40]!r})"
    if len(stored.cells) != len(built.cells):
        return f"has {len(stored.cells)} cells, and its source makes {len(built.cells)}"
    return "has other metadata or another layout of the file"
