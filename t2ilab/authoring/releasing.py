"""An assignment made of a lab: the notebooks for students, the grader's rules, and the same for nbgrader."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2ilab import __version__
from t2ilab.authoring import nbgrader
from t2ilab.authoring.fragments import Find, Marks, bank_find
from t2ilab.authoring.notebooks import code_of, edition, exercise_names, read_source, sources, to_bytes
from t2ilab.authoring.rules import Rules, read_due, read_exercises, read_points
from t2ilab.authoring.running import tool
from t2ilab.authoring.variants import drawn, numbers
from t2ilab.launch import resolve

STUDENTS, POLICY, NBGRADER = "students", "policy.toml", "nbgrader"


@dataclass(frozen=True)
class _Asked:
    """An exercise as this assignment has it: with its own points, or None where it is given."""

    reference: Any
    difficulty: int
    minutes: int
    points: float | None


def release(
    lab: str,
    folder: str | Path,
    *,
    exercises: str = "",
    points: str = "",
    due: str = "",
    grace_minutes: float = 0.0,
    penalty_per_day: float = 0.0,
    most: float = 1.0,
    variant: int | None = None,
    root: Path | None = None,
    find: Find | None = None,
) -> list[Path]:
    """Makes an assignment of a lab in a new folder, and returns the paths written.

    `students/` is for students: the lab with the exercises that are asked blank and all others solved, in English and,
    in `ja/`, in Japanese. `policy.toml` is for `t2ilab grade --policy`. `nbgrader/` is a course of nbgrader's with two
    assignments, one for each language; their sources hold the answers.

    lab: its number or name; exercises: names with commas between, all by default; points: "NAME=NUMBER,...", the lab's
    own by default; due, grace_minutes, penalty_per_day, most: as in `Rules`; variant: a seed for the numbers that vary,
    the lab's own without one. root: the repository, this clone by default; find: where exercises come from.
    Raises ValueError, in one sentence, for what is unknown, out of range or unreadable, and for a folder in use.
    """
    found = {source.stem: source for source in sources(root)}
    source, target = found[resolve(lab, list(found))], Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        state = "holds files" if target.is_dir() else "is a file"
        raise ValueError(f"An assignment goes into a new or an empty folder, but {target} {state}; name another.")
    find, cells = find or bank_find(), read_source(source)
    declared = numbers(cells, source.name)
    if variant is not None and variant < 0:
        raise ValueError(f"A variant is a number from 0 on, but you asked for {variant}.")
    if variant is not None and not declared:
        raise ValueError(f"Variants differ in numbers that a lab declares, but {source.stem} has none; leave it out.")
    names = exercise_names(cells)
    own = {name: float(find(name).points) for name in names}
    asked = read_exercises(exercises, own)
    rules = Rules(
        read_points(points, asked, own),
        [name for name in names if name not in asked],
        read_due(due) if due else None,
        grace_minutes,
        penalty_per_day,
        most,
        names,
    )
    values = drawn(declared, variant)
    files = {POLICY: rules.toml().encode(), f"{NBGRADER}/nbgrader_config.py": nbgrader.CONFIG.encode()}
    for solved in (False, True):
        for language, place in _places(source.stem, solved).items():
            notebook = _notebook(cells, source, rules, values, language, solved, find)
            notebook.metadata["t2ilab"] = {
                "lab": source.stem,
                "version": __version__,
                "variant": variant,
                "numbers": values,
                "points": dict(rules.points),
            }
            _announce(notebook, rules.said(language, variant))
            files[place] = to_bytes(notebook)
    _write(target, files)
    return [target / place for place in files]


def _places(lab: str, solved: bool) -> dict[str, str]:
    if solved:
        return {language: f"{NBGRADER}/source/{lab}{end}/{lab}.ipynb" for language, end in (("en", ""), ("ja", "_ja"))}
    return {"en": f"{STUDENTS}/{lab}.ipynb", "ja": f"{STUDENTS}/ja/{lab}.ipynb"}


def _notebook(
    cells: Sequence[Any],
    source: Path,
    rules: Rules,
    values: dict[str, Any],
    language: str,
    solved: bool,
    find: Find,
) -> Any:
    """The lab in one language, with the exercises that are given solved, and the others too if `solved`."""

    def asked(name: str) -> _Asked:
        one = find(name)
        return _Asked(one.reference, one.difficulty, one.minutes, rules.points.get(name))

    names = rules.names if solved else rules.given
    code = code_of(cells, source, values, names, find, nbgrader.SOLUTION, rules.points)
    root = source.parent.parent
    notebook = edition(cells, source, code, Marks(root, None, language, rules.names, values, asked))
    nbgrader.mark(notebook, rules.points, hidden=solved)
    return notebook


def _announce(notebook: Any, text: str) -> None:
    """Puts a cell that says what counts below the notebook's title; students cannot change it."""
    cell = tool("nbformat").v4.new_markdown_cell(text, id="assignment")
    nbgrader.lock(cell, "assignment")
    notebook.cells.insert(1, cell)


def _write(target: Path, files: dict[str, bytes]) -> None:
    """Writes all files into a folder, or none: beside it, then renamed."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        for place, content in files.items():
            (beside / place).parent.mkdir(parents=True, exist_ok=True)
            (beside / place).write_bytes(content)
        if target.is_dir():
            target.rmdir()  # it is empty
        os.replace(beside, target)
    except OSError as error:
        raise OSError(f"Could not write {target}: {error.strerror}; choose another folder with -o.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
