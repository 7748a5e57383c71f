"""The blank of an exercise and the answer that fills it: source text in, source text out.

Both are read as syntax trees: a tree says which lines are signature, docstring and body, and the lines themselves,
comments included, are what moves.
"""

import ast
import copy
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
TELLING = 20  # a line of an answer gives it away if it is longer than this many characters, spaces not counted


def exercises(cell: str) -> Iterator[tuple[str, Definition]]:
    """Each definition under `@exercise("name")`, `@exercise()` or `@exercise` in the source of a code cell.

    Yields (name of the exercise, its definition). Raises ValueError if such a cell is not plain Python.
    """
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        if re.search(r"^\s*@exercise\b", cell, re.MULTILINE):
            raise ValueError(f"A cell with an exercise is plain Python, but this one is not: {cell[:60]!r}.") from None
        return  # a magic such as %pip
    for node in tree.body:
        if not isinstance(node, Definition):
            continue
        for decorator in node.decorator_list:
            named = decorator.args[0] if isinstance(decorator, ast.Call) and decorator.args else None
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(called).split(".")[-1] == "exercise":
                yield (str(named.value) if isinstance(named, ast.Constant) else node.name), node


def fill(stub: str, reference: Any, name: str | None = None, around: tuple[str, str] | None = None) -> str:
    """Put a reference's body where a stub says `raise NotImplementedError`, and return the new source of the cell.

    Args:
        stub: the source of the cell that defines the function or class.
        reference: the function or class that answers it; its docstring stays out, its comments come along. In a class
            each blank method is filled; statements that the stub shows already (`super().__init__()`) are not repeated.
        name: which definition of the cell to fill; the reference's own name by default.
        around: two lines between which each body stands, indented as it is; none by default.

    Raises ValueError if there is no blank, or if the two signatures differ.
    """
    name = name or reference.__name__
    node, lines = _named(stub, name), stub.splitlines()
    definition, answer_lines = _definition_of(reference)
    _agree(name, node, definition)
    blanks = [(mine, theirs) for mine, theirs in _bodies(name, node, definition) if _is_blank(mine)]
    if not blanks:
        raise ValueError(f"The blank of an exercise ends in `raise NotImplementedError`, but {name} has none.")
    for mine, theirs in reversed(blanks):  # from the bottom up, so that line numbers above stay true
        blank = mine.body[-1]
        if not lines[blank.lineno - 1].lstrip().startswith("raise"):
            raise ValueError(f"`raise NotImplementedError` stands on a line of its own, but in {name} it does not.")
        body = _body_lines(answer_lines, theirs, shown=mine.body[:-1])
        shift = blank.col_offset - theirs.body[0].col_offset
        answer = ["" if not line.strip() else " " * shift + line if shift >= 0 else line[-shift:] for line in body]
        if around:
            first, last = (" " * blank.col_offset + line for line in around)
            answer = [first, *answer, last]
        lines[blank.lineno - 1 : blank.end_lineno] = answer
    return "\n".join(lines)


def leaks(lab: Any, references: Mapping[str, Any]) -> list[str]:
    """Where a lab gives an answer away, one sentence each.

    lab: the student's notebook (nbformat).
    references: name of the exercise -> the function or class that answers it.

    An exercise leaks if its stub has no blank, or if a telling line of the reference's body (more than 20 characters,
    without spaces, comments and `return`) occurs in a code cell, though neither the stub nor the prose shows it.
    """
    found = []
    prose = "".join(_squeeze(cell.source) for cell in lab.cells if cell.cell_type == "markdown")
    cells = [cell for cell in lab.cells if cell.cell_type == "code"]
    stubs = {name: (cell, node) for cell in cells for name, node in exercises(cell.source)}
    for name, reference in references.items():
        given = prose
        if name in stubs:
            cell, stub = stubs[name]
            given += _squeeze(cell.source)
            if not any(_is_blank(part) for part in [stub, *stub.body] if isinstance(part, Definition)):
                found.append(f"Cell {cell.id} gives {name} away: it has no `raise NotImplementedError`.")
        telling = [line for line in _code_lines(reference) if len(line) > TELLING and line not in given]
        for other in cells:
            lines = [_squeeze(line) for line in other.source.splitlines()]
            found += [
                f"Cell {other.id} gives {name} away: it holds `{line}` of the reference."
                for line in dict.fromkeys(telling)
                if any(line in shown for shown in lines)
            ]
    return found


def _definition_of(reference: Any) -> tuple[Definition, list[str]]:
    """The syntax tree and the source lines of a function or class."""
    text = textwrap.dedent(inspect.getsource(reference))
    node = ast.parse(text).body[0]
    if not isinstance(node, Definition):
        raise ValueError(f"A reference is a function or a class written with def or class, but this is {text[:60]!r}.")
    return node, text.splitlines()


def _named(cell: str, name: str) -> Definition:
    for node in ast.parse(cell).body:
        if isinstance(node, Definition) and node.name == name:
            return node
    raise ValueError(f"The cell of an exercise defines what the exercise is named after, but this one has no {name}.")


def _methods(node: Definition) -> dict[str, Definition]:
    return {part.name: part for part in node.body if isinstance(part, Definition)}


def _agree(name: str, stub: Definition, answer: Definition) -> None:
    """Raises ValueError, naming both, unless a stub and its reference can be called alike."""
    mine, theirs = _signature(stub), _signature(answer)
    if isinstance(stub, ast.ClassDef) and mine == theirs:
        of_mine = {key: _signature(part) for key, part in _methods(stub).items()}
        of_theirs = {key: _signature(part) for key, part in _methods(answer).items()}
        differing = [key for key in [*of_mine, *of_theirs] if of_mine.get(key) != of_theirs.get(key)]
        if differing:
            name = f"{name}.{differing[0]}"
            mine, theirs = of_mine.get(differing[0], "missing"), of_theirs.get(differing[0], "missing")
    if mine != theirs:
        raise ValueError(
            f"A blank and its reference have one signature, but {name} is `{mine}` in the lab and `{theirs}` in the "
            "bank; make them equal."
        )


def _signature(node: Definition) -> str:
    """What a caller relies on: names, kinds and defaults of arguments, or a class's bases. Annotations are taste."""
    if isinstance(node, ast.ClassDef):
        return f"class ({', '.join(map(ast.unparse, node.bases))})"
    arguments = copy.deepcopy(node.args)
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return f"({ast.unparse(arguments)})"


def _bodies(name: str, stub: Definition, answer: Definition) -> list[tuple[Definition, Definition]]:
    """The functions of a stub beside those of its reference: the two themselves, or their methods in order."""
    if not isinstance(stub, ast.ClassDef):
        return [(stub, answer)]
    theirs = _methods(answer)
    return [(mine, theirs[key]) for key, mine in _methods(stub).items()]


def _is_blank(node: Definition) -> bool:
    """Whether a function's last statement is `raise NotImplementedError`."""
    last = node.body[-1]
    if not isinstance(last, ast.Raise) or last.exc is None:
        return False
    return ast.unparse(last.exc).split("(")[0] == "NotImplementedError"


def _body_lines(lines: list[str], node: Definition, shown: Iterable[ast.stmt] = ()) -> list[str]:
    """The lines of a function's body with its comments, less its docstring and the leading statements in `shown`."""
    body = list(node.body)
    if body[0].lineno == node.lineno:
        raise ValueError(f"The body of a reference stands on lines of its own, but that of {node.name} does not.")
    start = body[0].lineno - 1
    while start > node.lineno and lines[start - 1].lstrip()[:1] in ("", "#"):
        start -= 1
    if ast.get_docstring(node, clean=False) is not None:
        start = body.pop(0).end_lineno or 0
    repeated = [ast.dump(statement) for statement in shown]
    if ast.get_docstring(ast.Module(body=list(shown), type_ignores=[]), clean=False) is not None:
        repeated.pop(0)  # the stub's own docstring
    while len(body) > 1 and repeated and ast.dump(body[0]) == repeated.pop(0):
        start = body.pop(0).end_lineno or 0
    end = node.end_lineno or len(lines)
    while end < len(lines) and re.match(rf"\s{{{node.body[0].col_offset},}}#", lines[end]):
        end += 1
    while start < end and not lines[start].strip():
        start += 1
    return lines[start:end]


def _code_lines(reference: Any) -> list[str]:
    """The lines of a reference's body or bodies as bare code: no docstring, comments, spaces or leading `return`."""
    node, lines = _definition_of(reference)
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    parts = _methods(node).values() if isinstance(node, ast.ClassDef) else [node]
    return [_squeeze(re.sub(r"^\s*return\b", "", line)) for part in parts for line in _body_lines(lines, part)]


def _squeeze(text: str) -> str:
    return "".join(text.split())
