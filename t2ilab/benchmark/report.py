"""The suite's result as a person reads it, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from t2ilab.benchmark.machine import machine
from t2ilab.benchmark.row import Row
from t2ilab.comparison.report import in_columns
from t2ilab.files import write_json

FORMAT = "t2ilab bench 1"
HEADS = ("row", "ours", "theirs", "ratio", "quartiles", "MB ours", "MB theirs")


def table(rows: Sequence[Row]) -> str:
    """One line a row, in columns; what was not measured is a dash."""
    return in_columns([HEADS, *(_cells(row) for row in rows)], left=1)


def notes(rows: Sequence[Row], quick: bool = False) -> list[str]:
    """What belongs below the table: what each row compares, and where."""
    said = [f"{row.name}: {f'not measured, {row.missing}' if row.missing else f'{row.compared} {row.size}.'}"
            for row in rows]  # fmt: skip
    if quick:
        said.insert(0, "A trial run with tiny sizes: it shows that everything runs, and its figures mean nothing.")
    return [*said, f"Measured on {machine()}"]


def save(rows: Sequence[Row], path: Path, quick: bool = False) -> None:
    """Writes it as JSON, whole or not at all. Raises OSError where the file cannot be written."""
    write_json(path, {"format": FORMAT, "machine": machine(), "quick": quick, "rows": [asdict(row) for row in rows]})


def ratio_of(row: Row) -> str:
    """How many times as fast ours is, or which share; a dash where that is unknown."""
    return "-" if row.ratio is None else _ratio(row, row.ratio)


def in_short(row: Row) -> str:
    """The ratio, or ours alone where it is compared with nothing."""
    return _figure(row.ours, row.unit) if row.ratio is None else ratio_of(row)


def _cells(row: Row) -> tuple[str, ...]:
    spread = "-" if row.spread is None else " to ".join(_ratio(row, value) for value in row.spread)
    memory = tuple("-" if value is None else f"{value:,.0f}" for value in row.memory or (None, None))
    return (row.name, _figure(row.ours, row.unit), _figure(row.theirs, row.unit), ratio_of(row), spread, *memory)


def _ratio(row: Row, value: float) -> str:
    return f"{value:.1%}" if row.share else f"{value:.2f}x"


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.1f}%" if unit == "%" else f"{value:,.3g} {unit}" if value < 100 else f"{value:,.0f} {unit}"
