"""A copy of the package that knows no answers: what a student's code finds beside it in the sandbox.

The probes of a lab's exercises are there, because they run beside the answer; of the bank nothing else is. References
keep their signatures, which `@exercise` compares, and lose their bodies; wrong answers, hints, tolerances and how
inputs are drawn stay outside.
"""

from __future__ import annotations

import ast
import compileall
import inspect
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from t2ilab.grading.extract import closure, statements
from t2ilab.lab.definition import Exercise

PACKAGE = Path(__file__).resolve().parents[1]
# share: labs and solutions, in a wheel; zoo: weights, which no exercise needs.
_ABSENT = ("share", "zoo", "bank", "grading", "cli", "authoring", "recipes", "__pycache__")
_HERE = ("wire.py", "worker.py")  # of this folder
_BANK = "t2ilab.lab.bank"

_HEAD = '''"""The exercises of one lab, without their answers."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.lab.definition import Exercise, Property
'''
_TAIL = '''

def find(name):
    """The exercise of that name."""
    for exercise in ALL:
        if exercise.name == name:
            return exercise
    raise ValueError(f"This lab has no exercise called {name!r}.")
'''


def stage(exercises: Sequence[Exercise], folder: Path) -> None:
    """Writes the package without the answers to `exercises`, all of one lab, into a folder: `folder/t2ilab`."""
    target = folder / "t2ilab"
    shutil.copytree(PACKAGE, target, ignore=_left_out)
    (target / "grading").mkdir()
    (target / "grading" / "__init__.py").touch()
    for name in _HERE:
        shutil.copy(PACKAGE / "grading" / name, target / "grading")
    bank = target / "lab" / "bank"
    bank.mkdir()
    wanted: dict[str, set[str]] = {}
    for one in exercises:
        probe = inspect.unwrap(one.probe)
        wanted.setdefault(probe.__module__, set()).add(probe.__name__)
    written = _reduced(wanted)
    numbered = {name: f"part{i}" for i, name in enumerate(written)}
    for name, text in written.items():
        for other, part in numbered.items():
            text = text.replace(f"from {other} import", f"from {_BANK}.{part} import")
        (bank / f"{numbered[name]}.py").write_text(text, encoding="utf-8")
    (bank / "__init__.py").write_text(_index(exercises, numbered), encoding="utf-8")
    compileall.compile_dir(target, quiet=2)


def _left_out(folder: str, names: list[str]) -> Iterable[str]:
    return [name for name in names if name in _ABSENT]


def _reduced(wanted: dict[str, set[str]]) -> dict[str, str]:
    """The modules of the bank with nothing but the names wanted, and what those need, of other modules too."""
    found: dict[str, str] = {}
    waiting = dict(wanted)
    while waiting:
        module, names = waiting.popitem()
        path = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
        parts = statements(0, path.read_text(encoding="utf-8"))
        needed, read = set(), set(names)
        for name in names:
            chosen, more = closure(name, parts)
            needed |= {one.place for one in chosen}
            read |= more
        text = []
        for one in parts:
            if one.place not in needed:
                continue
            node = one.node
            if isinstance(node, ast.Import | ast.ImportFrom):
                node.names = [n for n in node.names if (n.asname or n.name.partition(".")[0]) in read]
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_BANK + "."):
                asked = wanted.setdefault(node.module or "", set())
                new = {n.name for n in node.names} - asked
                asked |= new
                if new or node.module not in found:
                    waiting[node.module or ""] = asked
            text.append(ast.unparse(node))
        found[module] = "\n\n".join(text) + "\n"
    return found


def _index(exercises: Sequence[Exercise], parts: dict[str, str]) -> str:
    """The bank's own file: for each exercise its probe, its reference's signature and what is off limits."""
    lines, entries = [_HEAD], []
    for i, one in enumerate(exercises):
        probe = inspect.unwrap(one.probe)
        lines.append(f"from {_BANK}.{parts[probe.__module__]} import {probe.__name__} as _probe{i}\n")
        lines.append(f"\n{_blank(one)}\n_reference{i} = {one.name}\n")
        entries.append(
            f"    Exercise(name={one.name!r}, lab={one.lab!r}, difficulty=1, minutes=1, points=1, make_inputs=None,\n"
            f"             probe=_probe{i}, reference=_reference{i}, hints=('', '', ''),\n"
            f"             properties={{'': Property(None, 0.5, '')}}, misconceptions={{}},\n"
            f"             off_limits={one.off_limits!r}),\n"
        )
    return "".join([*lines, "\nALL = (\n", *entries, ")\n", _TAIL])


def _blank(exercise: Exercise) -> str:
    """The reference as source, every body in it replaced."""
    node = ast.parse(textwrap.dedent(inspect.getsource(exercise.reference))).body[0]
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef):
            part.body = [ast.parse("raise NotImplementedError").body[0]]
            part.decorator_list = []
    if isinstance(node, ast.ClassDef):
        node.decorator_list = []
        node.body = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    return ast.unparse(node)
