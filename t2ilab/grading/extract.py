"""What of a notebook an exercise needs: its definition, and what that reads of the student's other cells, in order.

Nothing else of a notebook is run, so that no training, drawing or download of a lab happens while it is graded. Here
code is only read, never run.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from t2ilab.lab.exercise import is_blank_definition

_BODY_MAGICS = ("time", "timeit", "capture", "prun", "%time", "%timeit", "%capture", "%prun")
_MAGIC = re.compile(r"^(\s*)[%!?]|^(\s*)[\w.]+\?{1,2}\s*$")
_ASSIGNED_MAGIC = re.compile(r"^(\s*\w[\w, ]*=)\s*[%!]")


@dataclass(frozen=True)
class Program:
    """What it takes to run one exercise of one notebook.

    state: "attempted", "blank", "missing" or "broken" (then `problem` says why).
    cells: number -> source as plain Python; run: (cell, which statement of it), in the notebook's order.
    names: the names that those statements are run for; reads: those that the definition itself reads.
    """

    exercise: str
    state: str
    problem: str = ""
    cells: Mapping[int, str] = field(default_factory=dict)
    run: tuple[tuple[int, int], ...] = ()
    names: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell: the names that it binds, changes (`table["a"] = 1`) and reads."""

    cell: int
    place: int
    node: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str]
    reads: frozenset[str]


def programs(cells: Mapping[int, str], exercises: Sequence[str]) -> list[Program]:
    """The program of each exercise in a notebook's code cells (number -> source). It never raises."""
    sources: dict[int, str] = {}
    found: list[Statement] = []
    broken: dict[int, str] = {}
    for number, cell in cells.items():
        try:
            sources[number] = plain_python(cell)
            found += statements(number, sources[number])
        except SyntaxError as error:
            text = (error.text or "").strip()
            broken[number] = f"Cell {number} is not Python: {error.msg} (line {error.lineno}: `{text[:100]}`)."
        except (ValueError, RecursionError, MemoryError):
            broken[number] = f"Cell {number} cannot be read as Python."
    return [_program(name, sources, found, cells, broken) for name in exercises]


def _program(
    name: str,
    sources: Mapping[int, str],
    given: Sequence[Statement],
    cells: Mapping[int, str],
    broken: Mapping[int, str],
) -> Program:
    last = next((one for one in reversed(given) if name in one.binds), None)
    if last is None:
        named = re.compile(rf"^[ \t]*(?:(?:def|class)[ \t]+{re.escape(name)}\b|{re.escape(name)}[ \t]*=)", re.MULTILINE)
        place = next((number for number in reversed(list(broken)) if named.search(cells[number])), None)
        return Program(name, "missing") if place is None else Program(name, "broken", broken[place])
    if is_blank_definition(last.node):
        return Program(name, "blank")
    chosen, names = closure(name, given)
    used = {number: sources[number] for number in dict.fromkeys(one.cell for one in chosen)}
    run = tuple((one.cell, one.place) for one in chosen)
    return Program(name, "attempted", "", used, run, names, last.reads)


def statements(cell: int, source: str) -> list[Statement]:
    """The statements at the top of a program. Raises SyntaxError, or RecursionError where it is too deep."""
    return [_statement(cell, place, node) for place, node in enumerate(ast.parse(source).body)]


def closure(name: str, given: Sequence[Statement]) -> tuple[list[Statement], frozenset[str]]:
    """The statements that bind or change a name, and all that those read, in their order; and the names followed.

    A name that is only imported is bound by its imports alone: `torch.manual_seed(0)` does not change it for us.
    """
    own = {bound for one in given if not _is_import(one.node) for bound in one.binds}
    makers: dict[str, list[int]] = {}
    for index, one in enumerate(given):
        for made in one.binds | (one.changes & own):
            makers.setdefault(made, []).append(index)
    # What a star brings cannot be seen, so that it always comes along.
    chosen = {i for i, one in enumerate(given) if _is_import(one.node) and ast.unparse(one.node).endswith("import *")}
    names, waiting = {name}, [name]
    while waiting:
        for index in makers.get(waiting.pop(), ()):
            if index in chosen:
                continue
            one = given[index]
            chosen.add(index)
            # An import brings only what is asked of it, so that a name is no reason for its neighbours.
            new = set() if _is_import(one.node) else one.reads - names
            names |= new
            waiting.extend(new)
    return [given[index] for index in sorted(chosen)], frozenset(names)


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def plain_python(cell: str) -> str:
    """A cell without what only IPython understands, and as it is where Python understands it."""
    try:
        ast.parse(cell)
    except SyntaxError:
        return _without_magics(cell)
    return cell


def _without_magics(cell: str) -> str:
    """The cell with IPython's magics (%), shell escapes (!) and questions (?) replaced, on as many lines as before."""
    lines = cell.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        if lines[first][2:].split(" ")[0].strip() not in _BODY_MAGICS:
            return "\n" * (len(lines) - 1)  # another language, or a file
        lines[first] = ""
    found, continued = [], False
    for line in lines:
        replaced = line
        if continued:
            replaced = ""
        elif timed := re.match(r"^(\s*)%time(?:it)?\s+((?!-).*)$", line):
            replaced = timed[1] + timed[2]
        elif assigned := _ASSIGNED_MAGIC.match(line):
            replaced = f"{assigned[1]} []"
        elif magic := _MAGIC.match(line):
            replaced = f"{magic[1] or magic[2] or ''}pass"
        continued = (continued or replaced != line) and line.rstrip().endswith("\\")
        found.append(replaced)
    return "\n".join(found)


def _statement(cell: int, place: int, node: ast.stmt) -> Statement:
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    reads = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    binds = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    for inner in _inside(table):
        reads |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()}
    return Statement(cell, place, node, frozenset(binds), frozenset(_changed(node)), frozenset(reads))


def _inside(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inside(child)


def _changed(node: ast.stmt) -> Iterable[str]:
    """The names whose content a statement changes: `a[0] = 1`, `a.b += 1`, `a.append(1)` on a line of its own."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript | ast.Attribute) and isinstance(inner.ctx, ast.Store | ast.Del):
            yield from _base(inner)
        elif isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call):
            yield from _base(inner.value.func)


def _base(node: ast.expr) -> Iterator[str]:
    """The name at the left end of `a.b[0].c`, if there is a dot or a bracket at all."""
    is_name = isinstance(node, ast.Name)
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name) and not is_name:
        yield node.id
