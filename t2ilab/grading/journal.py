"""What was graded already, one line for each notebook, so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2ilab.files import write_whole
from t2ilab.grading.marking import Mark

_PACKAGE = Path(__file__).resolve().parents[1]


class Journal:
    """The file beside the grades: its first line says what it is of, each other line holds one notebook's marks.

    path: the file; about: what the marks depend on (lab, limits, language). Where that, or the package's own code, has
    changed since, the journal starts anew. seed: decides the inputs, and stays the same as long as the journal.
    Raises OSError, in one sentence, when it cannot be written.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path, self._marks = path, dict[str, list[Mark]]()
        lines = self._lines()
        head = {"about": about, "code": _code()}
        if lines and {key: lines[0].get(key) for key in head} == head and isinstance(lines[0].get("seed"), int):
            self.seed: int = lines[0]["seed"]
            for line in lines[1:]:
                self._marks[line["digest"]] = [Mark(**mark) for mark in line["marks"]]
        else:
            self.seed = secrets.randbits(53)
            write_whole(path, (json.dumps(head | {"seed": self.seed}) + "\n").encode())

    def __contains__(self, digest: str) -> bool:
        return digest in self._marks

    def __getitem__(self, digest: str) -> list[Mark]:
        return self._marks[digest]

    def add(self, digest: str, marks: Sequence[Mark]) -> None:
        """Notes a notebook's marks; when this returns they are on the disk."""
        line = json.dumps({"digest": digest, "marks": [mark.as_json() for mark in marks]}, ensure_ascii=False)
        with self._path.open("ab") as file:
            # A line that a killed run left unfinished must not swallow this one.
            file.write(f"\n{line}\n".encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        self._marks[digest] = list(marks)

    def _lines(self) -> list[dict[str, Any]]:
        """The whole lines; one that was cut off, or that somebody changed, is as if it had never been written."""
        found: list[dict[str, Any]] = []
        try:
            content = self._path.read_bytes()
        except OSError:
            return []
        for line in content.split(b"\n"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict) and (not found or ("digest" in value and _are_marks(value.get("marks")))):
                found.append(value)
        return found


def _are_marks(value: Any) -> bool:
    try:
        return all(Mark(**mark) for mark in value)
    except TypeError:
        return False


def _code() -> str:
    """What decides about marks besides the notebook: the code of the exercises, and of the grader."""
    digest = hashlib.sha256()
    for folder in ("lab", "grading"):
        for path in sorted((_PACKAGE / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
