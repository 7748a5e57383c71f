"""Totals into the gradebook that Moodle or Canvas exported: one column is filled, and the rest stays as it was.

What the systems write is kept letter for letter: the mark at the beginning, delimiter, quotes, order, ends of lines and
columns that nobody knows. The csv module reads such files, but forgets what it read them from; so cells are cut here.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from t2ilab.files import write_whole
from t2ilab.grading.table import Row, Table, defused

_DELIMITERS = (",", ";", "\t", ":")  # Moodle offers all of them, Canvas the first two
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NUMBER = re.compile(r"[-+]?[\d.,]*\s?%?")  # also "-", which is how Moodle writes that there is no grade


class _Kind(NamedTuple):
    """A file that a learning system exports, told by the columns `needed`, all in small letters.

    number: the column of what also stands in the names of downloaded files; names: those that make up a name; others:
    those by whose content a student may be called too.
    """

    needed: tuple[str, ...]
    number: str
    names: tuple[str, ...]
    others: tuple[str, ...]


_CANVAS = _Kind(("student", "id"), "id", ("student",), ("sis user id", "sis login id"))
_WORKSHEET = _Kind(("identifier", "grade"), "identifier", ("full name",), ("id number", "email address"))
# Its "ID number" is the school's own; the number in the names of Moodle's files is another.
_MOODLE = _Kind(("first name", "surname"), "", ("first name", "surname"), ("id number", "email address"))
_MOODLE_4 = _Kind(("first name", "last name"), "", ("first name", "last name"), ("id number", "email address"))
_KINDS = (_CANVAS, _WORKSHEET, _MOODLE, _MOODLE_4)


class _Line(NamedTuple):
    """One row of the file: where it begins (lines count from 1), its cells as they are written, and its end."""

    number: int
    cells: list[str]
    end: str


@dataclass(frozen=True)
class Gradebook:
    """An exported gradebook, made by `read`. column: the place of the one to be filled; mark: bytes before the text.

    lines: all of the file's, the heading first.
    """

    path: Path
    column: int
    mark: bytes
    encoding: str
    delimiter: str
    lines: tuple[_Line, ...]
    kind: _Kind

    @property
    def graded(self) -> Path:
        """Where the filled one goes by default: beside it, "book.csv" -> "book.graded.csv"."""
        return self.path.with_name(f"{self.path.stem}.graded.csv")


def read(path: str | Path, column: str) -> Gradebook:
    """Reads the CSV that Moodle (the gradebook, or an assignment's grading worksheet) or Canvas exported, in English.

    column: the heading of the lab's points, such as "Lab 05 (12345)". Raises ValueError, in one sentence, where the
    file cannot be read as such, and where the column is missing, stands there twice or holds no points.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"The gradebook {path} cannot be read: {error.strerror}; name one that is there.") from None
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"The gradebook {path.name} is not in UTF-8; give it as the system exported it.") from None
    delimiter, kind = _recognised(text, path)
    lines = tuple(_cut(text, delimiter, path))
    names = [_value(cell).strip() for cell in lines[0].cells]
    places = [i for i, name in enumerate(names) if name == column.strip()]
    if len(places) != 1:
        there = "more than one" if places else "no"
        raise ValueError(f"{path.name} has {there} column {column!r}; it has {', '.join(filter(None, names))}.")
    book = Gradebook(path, places[0], mark, encoding, delimiter, lines, kind)
    own = [_value(cell) for line in lines if _is_canvas_own(book, line) for cell in line.cells[book.column :][:1]]
    if column.strip().casefold() in {kind.number, *kind.names, *kind.others} or "(read only)" in own:
        raise ValueError(f"The column {column!r} of {path.name} is not one that takes points; name the lab's own.")
    return book


def write(book: Gradebook, table: Table, target: str | Path | None = None) -> list[str]:
    """Writes the gradebook with the table's totals in its column, whole or not at all.

    target: where to; `book.graded` by default, and over the original only if that is named here.
    Returns one sentence for each student whose points were not entered, each line that got none and stays as it was,
    and each cell that a spreadsheet would have taken for a formula and that got a quote before it.
    """
    lines = [_Line(line.number, list(line.cells), line.end) for line in book.lines]
    filled, notes = _matched(book, table)
    decimal = _decimal(book)
    for i, row in filled.items():
        number = f"{row.total:.2f}".replace(".", decimal)
        quoted = lines[i].cells[book.column].startswith('"') or book.delimiter in number
        lines[i].cells[book.column] = f'"{number}"' if quoted else number
    names = _headings(book)
    for line in lines[1:]:
        for j, cell in enumerate(line.cells):
            value = _value(cell)
            if defused(value) == value or _NUMBER.fullmatch(value):
                continue
            line.cells[j] = f"\"'{cell[1:]}" if cell.startswith('"') else f"'{cell}"
            heading = names[j] if j < len(names) else ""
            notes.append(f"{_place(book, line)}: {heading!r} begins as a formula does, and got a quote before it.")
    text = "".join(book.delimiter.join(line.cells) + line.end for line in lines)
    write_whole(Path(target) if target else book.graded, book.mark + text.encode(book.encoding))
    return notes


def _cut(text: str, delimiter: str, path: Path) -> Iterator[_Line]:
    """The rows of a CSV, every cell as it is written; joined again they are the text."""
    d = re.escape(delimiter)
    pattern = re.compile(rf'("[^"]*(?:""[^"]*)*"|[^"{d}\r\n][^{d}\r\n]*|)({d}|\r\n|\r|\n|\Z)')
    at, number, cells = 0, 1, list[str]()
    begun = 1
    while at < len(text) or cells:
        match = pattern.match(text, at)
        if match is None:
            raise ValueError(f"Line {number} of {path.name} is not CSV: a quote opens or closes where none may.")
        cells.append(match[1])
        number += len(re.findall(r"\r\n|\r|\n", match[0]))
        at = match.end()
        if match[2] != delimiter:
            yield _Line(begun, cells, match[2])
            begun, cells = number, []


def _recognised(text: str, path: Path) -> tuple[str, _Kind]:
    """The delimiter with which the heading is one of a learning system's, and which."""
    for delimiter in _DELIMITERS:
        try:
            head = next(_cut(text, delimiter, path))
        except (ValueError, StopIteration):
            continue
        known = {_value(cell).strip().casefold() for cell in head.cells}
        for kind in _KINDS:
            if known.issuperset(kind.needed):
                return delimiter, kind
    start = text.split("\n", 1)[0].strip()[:100]
    raise ValueError(
        f"A gradebook of Canvas has the columns Student and ID, one of Moodle First name and Last name, or Identifier "
        f"and Grade, but {path.name} begins with {start!r}; export it in English."
    )


def _value(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _headings(book: Gradebook) -> list[str]:
    return [_value(cell).strip() for cell in book.lines[0].cells]


def _place(book: Gradebook, line: _Line) -> str:
    return f"Line {line.number} of {book.path.name}"


def _content(book: Gradebook, line: _Line, *columns: str) -> list[str]:
    """What a line says in those of the columns that there are."""
    places = {name.casefold(): i for i, name in enumerate(_headings(book))}
    return [_value(line.cells[places[one]]).strip() for one in columns if places.get(one, 1 << 30) < len(line.cells)]


def _is_canvas_own(book: Gradebook, line: _Line) -> bool:
    """Whether a line of Canvas is no student's: how points are posted, what is to be had, the test student."""
    if book.kind is not _CANVAS or line is book.lines[0]:
        return False
    name, number = (*_content(book, line, "student", "id"), "", "")[:2]
    return not number or name == "Points Possible" or _key(name) in ("studenttest", "teststudent")


def _key(name: str) -> str:
    """Letters and digits alone, small: what is left of a name in the names of files."""
    return "".join(_words(name))


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", name).casefold())


def _keys(book: Gradebook, line: _Line) -> set[str]:
    """All by which a line's student may be called: the name from each of its words on, school's number, address."""
    words = _words(" ".join(_content(book, line, *book.kind.names)))
    turned = ["".join(words[i:] + words[:i]) for i in range(len(words))]
    others = _content(book, line, *book.kind.others)
    return {*turned, *map(_key, others), *(_key(one.partition("@")[0]) for one in others)} - {""}


def _matched(book: Gradebook, table: Table) -> tuple[dict[int, Row], list[str]]:
    """Place of a line -> whose points it gets, and sentences on all others."""
    numbers: dict[str, set[int]] = {}
    names: dict[str, set[int]] = {}
    students: list[int] = []
    for i, line in enumerate(book.lines):
        if i == 0 or not any(line.cells) or _is_canvas_own(book, line):
            continue
        students.append(i)
        if number := "".join(_content(book, line, book.kind.number)) if book.kind.number else "":
            numbers.setdefault(number.split(" ")[-1], set()).add(i)  # Moodle's is "Participant 12345"
        for key in _keys(book, line):
            names.setdefault(key, set()).add(i)
    wanted: dict[int, list[Row]] = {}
    notes: list[str] = []
    for row in table.rows:
        name, number, _ = row.submission.student
        numbered, named = numbers.get(number, set()), names.get(_key(name), set())
        found = sorted(numbered & named or numbered | named)
        if len(found) == 1:
            wanted.setdefault(found[0], []).append(row)
        elif found:
            lines = ", ".join(str(book.lines[i].number) for i in found)
            notes.append(f"{name!r} may be each of the lines {lines} of {book.path.name}, so none got the points.")
        else:
            notes.append(f"{name!r} is not in {book.path.name}, so the {row.total:g} points are not entered there.")
    filled = {}
    for i in students:
        line, rows = book.lines[i], wanted.get(i, [])
        if problem := _problem(book, line, rows):
            who = " ".join(_content(book, line, *book.kind.names) or _content(book, line, book.kind.number))
            notes.append(f"{_place(book, line)} ({who}) stays as it was: {problem}.")
        else:
            filled[i] = rows[0]
    return filled, [*_of_maximum(book, filled), *notes]


def _problem(book: Gradebook, line: _Line, rows: Sequence[Row]) -> str:
    """Why a student's line gets no points, or ""."""
    if not rows:
        return "nothing was found that this student handed in"
    if len(rows) > 1:
        return "it would be the line of " + " and of ".join(repr(row.submission.student.name) for row in rows)
    if len(line.cells) != len(book.lines[0].cells):
        return f"it has {len(line.cells)} cells, and the heading has {len(book.lines[0].cells)}"
    if "no" in map(str.casefold, _content(book, line, "grade can be changed")):
        return "Moodle says that its grade cannot be changed"
    if rows[0].submission.problem and not rows[0].comments:
        return "what was handed in could not be graded"
    return ""


def _of_maximum(book: Gradebook, filled: dict[int, Row]) -> list[str]:
    """A sentence, if the system expects other points than the lab has."""
    if book.kind is _CANVAS:
        rows = [line for line in book.lines if _content(book, line, "student") == ["Points Possible"]]
        said = [_value(cell) for line in rows for cell in line.cells[book.column :][:1]]
    else:
        said = [one for i in filled for one in _content(book, book.lines[i], "maximum grade")]
    out_of = next((row.out_of for row in filled.values()), None)
    expected = {one.replace(",", ".") for one in said if re.fullmatch(r"\d+([.,]\d+)?", one)}
    if out_of is None or not expected or {float(one) for one in expected} == {out_of}:
        return []
    most = ", ".join(f"{float(one):g}" for one in sorted(expected))
    return [f"{book.path.name} expects {most} points at most, but the lab has {out_of:g}; they are entered unscaled."]


def _decimal(book: Gradebook) -> str:
    """What stands before the decimals: as in the column, else as in the whole file, else a point."""
    rows = [[_value(cell) for cell in line.cells] for line in book.lines[1:]]
    for cells in ([cell for row in rows for cell in row[book.column :][:1]], [cell for row in rows for cell in row]):
        commas, points = (sum(bool(re.fullmatch(rf"\d+{one}\d+", cell)) for cell in cells) for one in (",", r"\."))
        if commas or points:
            return "," if commas > points else "."
    return "."
