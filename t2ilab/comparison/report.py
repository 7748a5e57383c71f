"""A comparison as a person reads it, and as JSON or CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from t2ilab.comparison.measuring import Result
from t2ilab.comparison.run import Comparison
from t2ilab.files import write_json, written_beside

ENDINGS = (".json", ".csv")
FORMAT = "t2ilab comparison 1"
HEADS = ("model", "family", "size", "as asked", "pairs", "diverse", "prec.", "recall", "FID", "KID", "s/picture",
         "parameters", "minutes")  # fmt: skip


def table(results: Sequence[Result]) -> str:
    """One line a model, in columns; what a family cannot have is a dash."""
    return in_columns([HEADS, *(_cells(result) for result in results)], left=2)


def in_columns(rows: Sequence[Sequence[str]], left: int) -> str:
    """Cells in columns below their heads, the first row; the first `left` columns stand at the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(widths[i]) if i < left else cell.rjust(widths[i]) for i, cell in enumerate(row)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def notes(comparison: Comparison) -> list[str]:
    """What belongs below such a table, one sentence each."""
    task = comparison.task
    each = "" if task.things is None else f", {task.things} {'thing' if task.things == 1 else 'things'} each"
    said = [
        f"{task.count} prompts of the {task.level} level{each}, seed {task.seed}. FID and "
        f"KID by the features of `{comparison.network}`: lower is better, and figures of other features, or of another "
        "number of pictures, do not compare.",
        f"Measured on {comparison.machine}.",
    ]
    if any(result.went_on for result in comparison.results):
        said.append("A + at minutes: a card tells of the last run only, which went on from others.")
    return [*said, *comparison.remarks, *(f"{name}: {why}" for name, why in comparison.failed.items())]


def save(comparison: Comparison, path: Path) -> None:
    """Writes it whole, or leaves what was there.

    A CSV has a row for each result, an empty cell where a family has no figure; JSON has the task and remarks besides.

    Raises:
        ValueError: an ending that is neither.
        OSError: the file cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"The file's name must end in {' or '.join(ENDINGS)}; got {str(path)!r}.")
    if path.suffix.lower() == ".json":
        write_json(path, as_json(comparison))
        return
    with written_beside(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)])
        writer.writeheader()
        writer.writerows(asdict(result) for result in comparison.results)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """All of it, as docs/compare.md describes it."""
    return {
        "format": FORMAT,
        "task": asdict(comparison.task),
        "features": comparison.network,
        "instruments": comparison.instruments,
        "machine": comparison.machine,
        "results": [asdict(result) for result in comparison.results],
        "remarks": list(comparison.remarks),
        "failed": comparison.failed,
    }


def _cells(result: Result) -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    minutes = "-" if result.minutes is None else f"{result.minutes:.0f}" + "+" * result.went_on
    return (result.name, result.family, str(result.size), share(result.faithfulness), share(result.coverage),
            share(result.diversity), share(result.precision), share(result.recall), f"{result.fid:.3g}",
            f"{result.kid:.2g}", f"{result.seconds:.2g}", f"{result.parameters:,}", minutes)  # fmt: skip
