"""What the builder writes into a notebook by itself: its links, the cell that installs on Colab, the exercises' labels.

All of it is stated once elsewhere: the address in pyproject.toml, the difficulty and points in an exercise's bank.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from t2ilab.authoring.variants import in_prose

BADGES = "<!-- badges -->"
TOTAL = "<!-- total -->"
GLOSSARY = "docs/glossary.md"
COLAB_TAG = "colab-install"
EXERCISE = re.compile(r"<!-- exercise (\w+) -->")
_WORDS = "no one two three four five six seven eight nine ten eleven twelve".split()

Find = Callable[[str], Any]  # the name of an exercise -> the object that has it as `.reference`


@dataclass(frozen=True)
class Marks:
    """What the marks in a lab's prose stand for.

    root: the repository; path: the notebook's place in it, or None for a notebook that leaves it; language: "en" or
    "ja"; names: the lab's exercises; numbers: those that vary, name -> value; find: where exercises come from.
    """

    root: Path
    path: Path | None
    language: str
    names: Sequence[str] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    find: Find | None = None


def filled(text: str, marks: Marks) -> str:
    """A markdown cell with its marks filled in: badges, exercise NAME, total and number NAME."""
    if BADGES in text:
        text = text.replace(BADGES, badges(marks.root, marks.path, marks.language))
    if TOTAL in text:
        text = text.replace(TOTAL, total(marks.names, marks.language, marks.find))
    text = EXERCISE.sub(lambda match: label(match[1], marks.language, marks.find), text)
    return in_prose(text, marks.numbers)


def total(names: Sequence[str], language: str, find: Find | None = None) -> str:
    """How many exercises a lab has, and how many points together; those that are given do not count."""
    points = [exercise.points for exercise in map(find or bank_find(), names) if exercise.points is not None]
    if language == "ja":
        return f"{len(points)} 問、{sum(points):g} 点"
    count = _WORDS[len(points)] if len(points) < len(_WORDS) else str(len(points))
    return f"{count}, {in_points(sum(points))}"


def label(name: str, language: str, find: Find | None = None) -> str:
    """An exercise's name, difficulty, minutes and points, as its heading shows them; points of None: it is given."""
    exercise = (find or bank_find())(name)
    stars = "★" * exercise.difficulty + "☆" * (5 - exercise.difficulty)
    if language == "ja":
        points = "解答済み" if exercise.points is None else f"{exercise.points:g} 点"
        return f"`{name}` · {stars} · {exercise.minutes} 分 · {points}"
    points = "given, already solved" if exercise.points is None else in_points(exercise.points)
    return f"`{name}` · {stars} · {exercise.minutes} minutes · {points}"


def in_points(points: float) -> str:
    """Points with their word: 1 point, 2.5 points."""
    return f"{points:g} point{'s' * (points != 1)}"


def bank_find() -> Find:
    """The exercises of the course, by name."""
    from t2ilab.lab.bank import find  # loads torch, so only where there is an exercise

    return find


def colab_install(root: Path) -> str:
    """The code of the cell that installs the course on Colab, without touching Colab's own torch."""
    return (
        "# On Colab this installs the course's package. Anywhere else it does nothing.\n"
        "import sys\n"
        "from importlib.util import find_spec\n\n"
        'if "google.colab" in sys.modules and find_spec("t2ilab") is None:\n'
        f'    %pip install -q "t2ilab @ git+https://github.com/{owner_and_name(root)}"'
    )


def owner_and_name(root: Path) -> str:
    """`owner/name`, from the one setting in pyproject.toml. Raises ValueError if that is no address on GitHub."""
    project = root / "pyproject.toml"
    settings = tomllib.loads(project.read_text(encoding="utf-8")) if project.is_file() else {}
    repository = str(settings.get("tool", {}).get("t2ilab", {}).get("repository", ""))
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)/?", repository)
    if not match:
        raise ValueError(
            "Badges need the address of a repository on GitHub, but [tool.t2ilab] repository in pyproject.toml is "
            f"{repository!r}; write it as https://github.com/owner/name."
        )
    return match[1]


def badges(root: Path, path: Path | None, language: str) -> str:
    """Colab and Binder for the notebook at `path`, in a lab the way to its other language, and the glossary.

    They are words and not pictures, which would come from elsewhere and be broken without a network. Without a path,
    for a notebook that leaves the repository, only the glossary is linked.
    """
    project = owner_and_name(root)
    # Absolute: on Colab a notebook stands alone, without the folders around it.
    glossary = f"[{'用語集' if language == 'ja' else 'Glossary'}](https://github.com/{project}/blob/main/{GLOSSARY})"
    if path is None:
        return glossary
    place = path.relative_to(root).as_posix()
    colab = f"https://colab.research.google.com/github/{project}/blob/main/{place}"
    binder = f"https://mybinder.org/v2/gh/{project}/HEAD?urlpath={quote(f'lab/tree/{place}', safe='')}"
    words = ("Colab で開く", "Binder で開く") if language == "ja" else ("Open in Colab", "Open in Binder")
    row = [f"[{word}]({address})" for word, address in zip(words, (colab, binder), strict=True)]
    if place.startswith("labs/ja/"):
        row.append(f"[English](../{path.name})")
    elif place.startswith("labs/"):
        row.append(f"[日本語](ja/{path.name})")
    return " ·\n".join([*row, glossary])
