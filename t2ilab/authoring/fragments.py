"""What the builder writes into a notebook by itself: its links, the cell that installs on Colab, the exercises' labels.

All of it is stated once elsewhere: the address in pyproject.toml, the difficulty and points in an exercise's bank.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

BADGES = "<!-- badges -->"
GLOSSARY = "docs/glossary.md"
COLAB_TAG = "colab-install"
EXERCISE = re.compile(r"<!-- exercise (\w+) -->")


def filled(text: str, root: Path, path: Path, language: str, find: Callable[[str], Any] | None = None) -> str:
    """A markdown cell with its marks filled in: `<!-- badges -->` and `<!-- exercise NAME -->`."""
    if BADGES in text:
        text = text.replace(BADGES, badges(root, path, language))
    return EXERCISE.sub(lambda match: label(match[1], language, find), text)


def label(name: str, language: str, find: Callable[[str], Any] | None = None) -> str:
    """An exercise's name, difficulty, minutes and points, as its heading shows them."""
    if find is None:
        from t2ilab.lab import bank  # loads torch, so only where there is an exercise

        find = bank.find
    exercise = find(name)
    stars = "★" * exercise.difficulty + "☆" * (5 - exercise.difficulty)
    if language == "ja":
        return f"`{name}` · {stars} · {exercise.minutes} 分 · {exercise.points} 点"
    points = f"{exercise.points} point{'s' * (exercise.points != 1)}"
    return f"`{name}` · {stars} · {exercise.minutes} minutes · {points}"


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


def badges(root: Path, path: Path, language: str) -> str:
    """Colab and Binder for the notebook at `path`, in a lab the way to its other language, and the glossary.

    They are words and not pictures, which would come from elsewhere and be broken without a network.
    """
    project = owner_and_name(root)
    place = path.relative_to(root).as_posix()
    colab = f"https://colab.research.google.com/github/{project}/blob/main/{place}"
    binder = f"https://mybinder.org/v2/gh/{project}/HEAD?urlpath={quote(f'lab/tree/{place}', safe='')}"
    words = ("Colab で開く", "Binder で開く") if language == "ja" else ("Open in Colab", "Open in Binder")
    row = [f"[{word}]({address})" for word, address in zip(words, (colab, binder), strict=True)]
    if place.startswith("labs/ja/"):
        row.append(f"[English](../{path.name})")
    elif place.startswith("labs/"):
        row.append(f"[日本語](ja/{path.name})")
    # Absolute: on Colab a notebook stands alone, without the folders around it.
    row.append(f"[{'用語集' if language == 'ja' else 'Glossary'}](https://github.com/{project}/blob/main/{GLOSSARY})")
    return " ·\n".join(row)
