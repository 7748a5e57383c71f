"""The zoo: small checkpoints that this course trained, each with a card that says how and a hash that is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path

from t2ilab.files import read_json, write_json

ROOT = Path(__file__).parent / "zoo"
DEFAULT = "storybook"  # what draws where nobody names a model


@dataclass(frozen=True)
class Card:
    """Where a checkpoint comes from and what it can do.

    Attributes:
        name: of the checkpoint.
        summary: one sentence.
        command: the recipe command that makes it again.
        seed, steps: of the run.
        minutes: of training, on `hardware`.
        scores: measured after the run, name -> value; shares in [0, 1], or what stands in brackets: "psnr (dB)".
        parameters: how many numbers it holds.
        sha256: file -> hash; loading checks them.
        data, limits: what it saw, and what it cannot do.
        within: the folder in the zoo where its files lie, if another checkpoint has the very same: "shapes/vae".
    """

    name: str
    summary: str
    command: str
    seed: int
    steps: int
    minutes: float
    hardware: str
    parameters: int
    scores: dict[str, float]
    data: str
    limits: str
    sha256: dict[str, str] = field(default_factory=dict)
    within: str | None = None


def names() -> list[str]:
    """The checkpoints that are here, sorted."""
    return sorted(path.parent.name for path in ROOT.glob("*/card.json"))


def drawing_names() -> list[str]:
    """The checkpoints that are whole text-to-image models, the default one first."""
    drawing = [name for name in names() if (ROOT / name / "model_index.json").exists()]
    return sorted(drawing, key=lambda name: name != DEFAULT)


def folder(name: str) -> Path:
    """The folder of a checkpoint, after checking the hash of every file in it.

    Raises:
        ValueError: no checkpoint of that name; the sentence gives the nearest.
        OSError: a file is missing, cut short or changed.
    """
    made = card(name)
    path = ROOT / (made.within or name)
    verify(path, made, "install the package again")
    return path


def verify(path: Path, made: Card, remedy: str = "copy it again") -> None:
    """Checks every file in a folder against the hashes of its card.

    Raises:
        OSError: a file is missing, cut short or changed; the sentence gives the remedy, or else the command.
    """
    for name, expected in made.sha256.items():
        file = path / name
        if not file.exists():
            raise OSError(f"{file} is missing; {remedy}, or run `{made.command}`.")
        if (got := sha256(file)) != expected:
            raise OSError(
                f"{file} is not the file that was trained: its SHA-256 begins with {got[:12]}, not {expected[:12]}. "
                f"It is cut short or changed; {remedy}, or run `{made.command}`."
            )


def card(name: str) -> Card:
    """The card of a checkpoint. Raises ValueError for a name that is not here."""
    if name not in names():
        near = get_close_matches(name, names(), 3, 0.4) or names()
        raise ValueError(f"The zoo has no {name!r}; the nearest it has: {', '.join(near) or 'nothing at all'}.")
    return card_of(ROOT / name)


def card_of(path: Path) -> Card:
    """The card in a folder. Raises OSError where it is missing or broken."""
    try:
        return Card(**read_json(path / "card.json"))
    except TypeError as error:
        raise OSError(f"{path / 'card.json'} is not a card ({error}); the file is changed.") from error


def write_card(path: Path, made: Card) -> None:
    """Writes a card into a checkpoint's folder, with the hashes of the files that are in it now."""
    files = sorted(f for f in path.rglob("*") if f.is_file() and f.name != "card.json")
    hashes = {f.relative_to(path).as_posix(): sha256(f) for f in files}
    said = {name: value for name, value in asdict(made).items() if value is not None}
    write_json(path / "card.json", said | {"sha256": hashes})


def said(scores: Mapping[str, float]) -> str:
    """Scores as a person reads them: shares in per cent, others as they are."""
    return ", ".join(
        f"{name} {score:.2f}" if name.endswith(")") else f"{name} {score:.1%}" for name, score in scores.items()
    )


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
