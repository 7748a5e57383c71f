"""A leaderboard: a file of entries that were measured alike, each with the cards of what it is made of.

docs/compare.md describes the file. It is read before anything is drawn and again before it is written, and written
beside and then renamed: nothing that was in it is lost.
"""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from t2ilab.comparison.measuring import Result
from t2ilab.comparison.run import Comparison
from t2ilab.comparison.task import Task
from t2ilab.files import read_json, write_json
from t2ilab.zoo import Card

FORMAT = "t2ilab leaderboard 1"


@dataclass(frozen=True)
class Entry:
    """One model on it.

    Attributes:
        result: its figures.
        cards: of its checkpoints, at least one.
        fingerprint: of its weights; the same name with other weights is another entry.
        machine, day: where and when it was measured.
    """

    result: Result
    cards: tuple[Card, ...]
    fingerprint: str
    machine: str
    day: str


@dataclass(frozen=True)
class Board:
    """What all entries have in common, and the entries, the best first.

    Attributes:
        task, features, instruments: that they were measured with.
        entries: by faithfulness, those without a prompt last; where it is equal, by KID.
    """

    task: Task
    features: str
    instruments: str
    entries: tuple[Entry, ...] = ()

    @property
    def rules(self) -> dict[str, Any]:
        """What an entry has to be measured with."""
        return {"task": asdict(self.task), "features": self.features, "instruments": self.instruments}


def read_board(path: Path) -> Board | None:
    """The board in a file; None where there is no file.

    Raises:
        OSError: the file is damaged, or something else.
    """
    if not path.exists():
        return None
    try:
        given = read_json(path)
        if given["format"] != FORMAT:
            raise ValueError(f"its format is {given['format']!r}")
        rules = given["rules"]
        entries = tuple(_entry(one) for one in given["entries"])
        return Board(Task(**rules["task"]), str(rules["features"]), str(rules["instruments"]), entries)
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise OSError(
            f"{path} is no leaderboard that can be read: {reason}. Nothing was changed; bring back a copy of it, or "
            "name another file."
        ) from error


def check_cards(name: str, cards: tuple[Card, ...], fingerprint: str) -> None:
    """Raises ValueError for an entry without a card, or whose card names no files."""
    if not cards or not fingerprint:
        raise ValueError(
            f"An entry on a leaderboard needs its card, and {name} has "
            f"{'none' if not cards else 'one that names no files'}. `t2ilab train` writes one; beside a model of your "
            "own, write card.json with t2ilab.zoo.write_card(folder, Card(...))."
        )


def check_rules(path: Path, board: Board | None, task: Task, features: str, instruments: str) -> None:
    """Raises ValueError where a board's entries were measured with another task or by another judge."""
    wanted = Board(task, features, instruments).rules
    if board is None or board.rules == wanted:
        return
    if board.instruments == instruments or board.features != features:
        t = board.task
        fix = f"--level {t.level} --count {t.count} --seed {t.seed} --features {board.features}"
        fix += "" if t.things is None else f" --things {t.things}"
        raise ValueError(
            f"The entries of {path} were measured with {fix}; measure with the same, or name another file."
        )
    raise ValueError(
        f"The entries of {path} were measured by instruments of other weights ({board.instruments}, here "
        f"{instruments}), so figures do not compare. Name another file."
    )


def enter(path: Path, comparison: Comparison) -> Board:
    """Adds all models of a comparison to the board of a file, which is made where there is none.

    The same weights under the same name take the place of what was measured before.

    Raises:
        ValueError: an entry without its card, or a board with other rules.
        OSError: a damaged board, or a file that cannot be written; it stays as it was.
    """
    for name, cards in comparison.cards.items():
        check_cards(name, cards, comparison.fingerprints[name])
    board = read_board(path)  # once more: somebody may have entered a model meanwhile
    check_rules(path, board, comparison.task, comparison.network, comparison.instruments)
    today = datetime.date.today().isoformat()
    new = [
        Entry(result, comparison.cards[result.name], comparison.fingerprints[result.name], comparison.machine, today)
        for result in comparison.results
        if result.name in comparison.cards
    ]
    known = {(entry.result.name, entry.fingerprint): entry for entry in (*(board.entries if board else ()), *new)}
    board = Board(comparison.task, comparison.network, comparison.instruments, tuple(sorted(known.values(), key=_rank)))
    write_json(path, {"format": FORMAT, "rules": board.rules, "entries": [asdict(entry) for entry in board.entries]})
    return board


def _rank(entry: Entry) -> tuple[float, float]:
    right = entry.result.faithfulness
    return (1.0 if right is None else -right, entry.result.kid)


def _entry(given: dict[str, Any]) -> Entry:
    values = dict(given)
    result = Result(**values.pop("result"))
    for field in fields(Result):
        value, kind = getattr(result, field.name), str(field.type)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        right = (
            (value is None and "None" in kind)
            or (number and ("float" in kind or "int" in kind))
            or (isinstance(value, bool) and kind == "bool")
            or (isinstance(value, str) and kind == "str")
        )
        if not right:
            raise ValueError(f"{field.name} of an entry is {value!r}")
    cards = tuple(Card(**card) for card in values.pop("cards"))
    if not cards:
        raise ValueError(f"the entry {result.name} has no card")
    return Entry(result, cards, **values)
