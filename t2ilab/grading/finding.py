"""Notebooks as learning systems export them: folders, zips and zips in those; no link is followed, no zip unpacked."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

LARGEST = 50 * 2**20  # bytes of one notebook, or of a zip inside a zip
TIGHTEST = 200  # times smaller than its content: what is packed more tightly is a bomb and no notebook
MOST = 20_000  # files in a folder, or in a zip
LONGEST = 1000  # letters of a path in a zip

# "Yuki Tanaka_12345_assignsubmission_file_/x.ipynb", the folder sometimes joined to the file's own name.
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?:_|$)")
# "tanakayuki_12345_67890_x-1.ipynb", and with "_LATE" after the name.
_CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<number>\d+)_\d+_.+", re.IGNORECASE)
_SKIPPED = (".", "__MACOSX")  # what such a name begins with is a tool's and not a student's

Open = Callable[[], "zipfile.ZipFile"]


class File(NamedTuple):
    """One notebook that was handed in. place: its path below the folder or zip that was given, parted by "/".

    modified: seconds since 1970; read: gives its bytes, or raises ValueError in one sentence.
    """

    place: str
    modified: float
    read: Callable[[], bytes]


class Student(NamedTuple):
    """Who handed in a file: the name, the number that a learning system gave them ("" without), and its late mark."""

    name: str
    number: str = ""
    late: bool = False


def find(root: Path) -> tuple[list[File], list[str]]:
    """The notebooks in a folder or a zip, by place, and one sentence for each thing that was left out.

    Raises ValueError when there is no such folder or zip, or no notebook in it.
    """
    left_out: list[str] = []
    if root.is_dir():
        files = list(_in_folder(root, left_out))
        with_some = {file.place.partition("/")[0] for file in files}
        left_out += [f"{name} holds no notebook." for name in _folders(root) if name not in with_some]
    elif root.is_file() and zipfile.is_zipfile(root):
        files = list(_in_zip(lambda: zipfile.ZipFile(root), "", left_out))
    else:
        raise ValueError(f"Submissions are a folder of notebooks or a zip of them, but {root} is neither.")
    if not files:
        more = f" {left_out[0]}" if left_out else ""
        raise ValueError(f"There is no notebook (*.ipynb) in {root}; name the folder that holds them.{more}")
    return sorted(files, key=lambda file: (file.place, file.modified)), left_out


def owners(places: list[str], lab: str) -> dict[str, Student]:
    """Whose file each is: place -> student.

    Moodle's and Canvas's names are read as such. Else the student is the first folder that does not hold all files;
    and where files lie side by side, their own name, without the lab's.
    """
    plain = {place: tuple(place.split("/")[:-1]) for place in places if _exported(place) is None}
    folders = sorted(plain.values()) or [()]
    pairs = zip(folders[0], folders[-1], strict=False)  # what the first and the last share, all between them do
    shared = next((i for i, (one, other) in enumerate(pairs) if one != other), min(map(len, folders)))
    if len(folders) == 1:
        shared = max(0, shared - 1)  # one file in a folder: the folder is the student's
    found = {}
    for place in places:
        student = _exported(place)
        if student is None:
            own = plain[place][shared:]
            stem = place.split("/")[-1].removesuffix(".ipynb")
            student = Student(own[0].removesuffix(".zip") if own else stem.replace(lab, "").strip(" _-.()") or stem)
        found[place] = student
    return found


def _exported(place: str) -> Student | None:
    """The student by the names that Moodle and Canvas give, or None."""
    *folders, name = place.split("/")
    for part in (*folders, name):
        if match := _MOODLE.match(part):
            return Student(match["name"], match["number"])
    if match := _CANVAS.fullmatch(name):
        return Student(match["name"], match["number"], bool(match["late"]))
    return None


def _folders(root: Path) -> list[str]:
    entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    return [one.name for one in entries if one.is_dir(follow_symlinks=False) and not one.name.startswith(_SKIPPED)]


def _in_folder(root: Path, left_out: list[str]) -> Iterator[File]:
    waiting, seen = [root], 0
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            left_out.append(f"{folder.relative_to(root).as_posix()} cannot be opened: {error.strerror}.")
            continue
        for entry in entries:
            place = Path(entry.path).relative_to(root).as_posix()
            if entry.name.startswith(_SKIPPED):
                continue
            if (seen := seen + 1) > MOST:
                left_out.append(f"There are more than {MOST} files; those after {place} were left out.")
                return
            is_notebook, is_zip = entry.name.endswith(".ipynb"), entry.name.endswith(".zip")
            if entry.is_symlink():
                left_out.append(f"{place} is a link, and links are not followed.")
            elif entry.is_dir():
                waiting.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                left_out.extend([f"{place} is no ordinary file."] * (is_notebook or is_zip))
            elif is_notebook:
                yield File(place, entry.stat().st_mtime, _reader(Path(entry.path), place))
            elif is_zip:
                yield from _in_zip(_opener(Path(entry.path)), f"{place}/", left_out)


def _opener(path: Path) -> Open:
    return lambda: zipfile.ZipFile(path)


def _reader(path: Path, place: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            # What was a file a moment ago may be a link or a pipe now.
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ValueError(f"{place} is no ordinary file.")
                return _bounded(file.read(LARGEST + 1), place)
        except OSError as error:
            raise ValueError(f"{place} cannot be read: {error.strerror}.") from error

    return read


def _bounded(content: bytes, place: str) -> bytes:
    if len(content) > LARGEST:
        raise ValueError(
            f"{place} is larger than {LARGEST >> 20} MB; ask for it without its outputs (Edit, Clear Outputs)."
        )
    return content


def _in_zip(opened: Open, prefix: str, left_out: list[str], nested: bool = False) -> Iterator[File]:
    """The notebooks of a zip: its list only; what is in them is read one by one, and never written to the disk."""
    try:
        with opened() as archive:
            entries = archive.infolist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        left_out.append(f"{prefix.rstrip('/') or 'The zip'} cannot be opened: {error}.")
        return
    if len(entries) > MOST:
        left_out.append(f"{prefix.rstrip('/') or 'The zip'} lists more than {MOST} files; it was left out.")
        return
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        parts, place = name.split("/"), prefix + name
        if entry.is_dir() or any(part.startswith(_SKIPPED) and part != ".." for part in parts):
            continue
        if not name.endswith((".ipynb", ".zip")):
            continue
        if len(name) > LONGEST:
            left_out.append(f"{place[:40]}... has a name of {len(name)} letters; it was left out.")
        elif ".." in parts or name.startswith("/") or ":" in parts[0]:
            left_out.append(f"{place!r} climbs out of its zip; it was left out.")
        elif stat.S_ISLNK(entry.external_attr >> 16):
            left_out.append(f"{place} is a link, and links are not followed.")
        elif entry.file_size > TIGHTEST * max(entry.compress_size, 1000):
            left_out.append(f"{place} is packed {TIGHTEST} times and more; it was left out.")
        elif name.endswith(".ipynb"):
            yield File(place, _time(entry), _member(opened, entry, place))
        elif nested:
            left_out.append(f"{place} is a zip in a zip in a zip; it was left out.")
        else:
            yield from _in_zip(_inner(_member(opened, entry, place)), f"{place}/", left_out, nested=True)


def _inner(read: Callable[[], bytes]) -> Open:
    return lambda: zipfile.ZipFile(io.BytesIO(read()))


def _member(opened: Open, entry: zipfile.ZipInfo, place: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with opened() as archive, archive.open(entry) as file:
                return _bounded(file.read(LARGEST + 1), place)  # a zip may lie about the size
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
            raise ValueError(f"{place} cannot be read: {str(error).rstrip('.')}.") from error

    return read


def _time(entry: zipfile.ZipInfo) -> float:
    try:
        return datetime(*entry.date_time).timestamp()
    except (ValueError, OverflowError, OSError):  # a zip may say month 0
        return 0.0
