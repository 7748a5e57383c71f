"""`t2ilab bench`: how fast, beside what one would pick instead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    only: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help="This row alone; may be given again.", show_default="all")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes: does everything run?")] = False,
    full_size: Annotated[
        bool, typer.Option("--full-size", help="The published networks at their own size as well: minutes, 6 GB.")
    ] = False,
    notebooks: Annotated[
        bool, typer.Option("--notebooks", help="Every lab's solution as well: up to 5 minutes each.")
    ] = False,
    minutes: Annotated[float, typer.Option(help="Also train, so long for each side, and see what was learnt.")] = 0.0,
    json: Annotated[Path | None, typer.Option("--json", help="The figures, as a .json file.")] = None,
) -> None:
    """Measure speed and memory beside diffusers, open_clip and a plain loop, by turns, in one table."""
    from t2ilab import output

    if json:
        output.check_target(json, (".json",))

    from t2ilab.benchmark import report, suite
    from t2ilab.benchmark.row import Row

    def watch(row: Row) -> None:
        typer.echo(f"{row.name}: {row.missing or report.in_short(row)}", err=True)

    rows = suite.run(suite.chosen(only or (), quick, full_size, minutes, notebooks), quick, minutes, watch)
    typer.echo(report.table(rows))
    for sentence in report.notes(rows, quick):
        typer.echo(sentence)
    if json:
        report.save(rows, json, quick)
        typer.echo(json)
    if failed := [row.name for row in rows if row.failed]:
        raise RuntimeError(f"Could not be measured: {', '.join(failed)}; the table says why.")
