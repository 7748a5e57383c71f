"""A class's submissions: one notebook for each student, and one sentence wherever something is wrong with it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from t2ilab.grading.finding import File, Student, find, owners

MOST_CODE = 300_000  # characters of code in one notebook; the labs have 30,000

_MARK = re.compile(r"""@exercise\(\s*(?:name\s*=\s*)?["'](\w+)["']""")
_DEFINITION = re.compile(r"^[ \t]*(?:def|class)[ \t]+(\w+)|^(\w+)[ \t]*=", re.MULTILINE)


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    file: its place; modified: when, in seconds since 1970; late: the learning system's own mark.
    cells: the code cells, number in the notebook (from 1) -> source. problem: why it cannot be graded, or "".
    notes: sentences for the instructor, such as which other files the student handed in.
    """

    student: Student
    file: str
    modified: float
    cells: Mapping[int, str]
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What the code is, in 64 letters; outputs and prose do not count."""
        return hashlib.sha256(json.dumps(sorted(self.cells.items())).encode("utf-8", "surrogatepass")).hexdigest()


def collect(root: str | Path, lab: str, banks: Mapping[str, Sequence[str]]) -> tuple[list[Submission], list[str]]:
    """The submissions of a lab in a folder or a zip, by student, and sentences on what belongs to nobody.

    banks: every lab -> the names of its exercises, by which a notebook is told from another lab's.
    Of several notebooks of one student the newest of this lab is taken, and the others are named in its notes.
    Raises ValueError when nothing is found.
    """
    files, left_out = find(Path(root))
    owner = owners([file.place for file in files], lab)
    handed_in: dict[tuple[str, str], list[File]] = {}
    for file in files:
        student = owner[file.place]
        handed_in.setdefault((student.name, student.number), []).append(file)
    return [_chosen(some, owner, lab, banks) for _, some in sorted(handed_in.items())], left_out


def _chosen(
    files: list[File], owner: Mapping[str, Student], lab: str, banks: Mapping[str, Sequence[str]]
) -> Submission:
    """A student's newest notebook of this lab; without any, the newest file, with what is wrong with it."""
    read = [_read(file, owner[file.place], lab, banks) for file in files]
    # Two of one second are told apart by their names: systems number what is handed in again, "x-1", "x-2".
    read.sort(key=lambda one: (not one.problem, one.modified, _numbered(one.file)), reverse=True)
    taken, *others = read
    notes = list(taken.notes)
    same = [one.file for one in others if not one.problem]
    if same:
        notes.append(f"Of {len(same) + 1} files, the newest was taken, {taken.file}; not {', '.join(same)}.")
    if not taken.problem:
        notes += [one.problem for one in others if one.problem and "is the notebook of" not in one.problem]
    problem = " ".join(one.problem for one in read) if taken.problem else ""
    return Submission(taken.student, taken.file, taken.modified, taken.cells, problem, tuple(notes))


def _numbered(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,9})", name)]


def _read(file: File, student: Student, lab: str, banks: Mapping[str, Sequence[str]]) -> Submission:
    cells: dict[int, str] = {}
    problem = ""
    notes: tuple[str, ...] = ()
    try:
        cells = code_cells(file.read(), file.place)
        notes = _checked(cells, file.place, lab, banks)
    except ValueError as error:
        problem = str(error)
    return Submission(student, file.place, file.modified, cells, problem, notes)


def code_cells(content: bytes, place: str) -> dict[int, str]:
    """The code cells of a notebook's bytes: number in the notebook, from 1 -> source.

    Raises ValueError, naming `place`, when they are none: other encodings, broken or too deep JSON, other formats.
    """
    try:
        notebook = json.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except UnicodeDecodeError:
        raise ValueError(f"{place} is not written in UTF-8; ask for it as Jupyter saves it.") from None
    except RecursionError:
        raise ValueError(f"{place} is nested too deeply to be a notebook.") from None
    except ValueError:
        raise ValueError(f"{place} is no notebook, or one that was cut off: its JSON cannot be read.") from None
    if isinstance(notebook, dict) and "worksheets" in notebook:
        raise ValueError(f"{place} is a notebook of an old format (3); open and save it in Jupyter.")
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError(f"{place} is no notebook: it has no cells.")
    found = {}
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        lines = source if isinstance(source, list) else [source]
        found[number] = "".join(line for line in lines if isinstance(line, str))
    if sum(map(len, found.values())) > MOST_CODE:
        raise ValueError(f"{place} has more than {MOST_CODE:,} characters of code; a lab has 30,000.")
    return found


def _checked(cells: Mapping[int, str], place: str, lab: str, banks: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Notes on a notebook that is this lab's. Raises ValueError when it is not."""
    code = "\n".join(cells.values())
    marked = set(_MARK.findall(code))
    names = marked or {name for pair in _DEFINITION.findall(code) for name in pair if name}
    ours = set(banks[lab])
    if not names & ours:
        others = [other for other, theirs in banks.items() if marked & set(theirs)]
        if others:
            raise ValueError(f"{place} is the notebook of {others[0]}, not of {lab}.")
        raise ValueError(f"{place} defines no exercise of {lab}; is it the right notebook?")
    known = {name for theirs in banks.values() for name in theirs}
    notes = []
    if missing := [name for name in banks[lab] if name not in names]:
        notes.append(f"{place} has no {', '.join(missing)}: deleted cells, or another version of the lab.")
    if unknown := sorted(marked - known):
        notes.append(f"{place} asks for {', '.join(unknown)}, which this version of {lab} does not have.")
    return tuple(notes)
