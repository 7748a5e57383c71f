"""`t2ilab release`: an assignment made of a lab."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def release(
    lab: Annotated[str, typer.Option(help="Which lab: its number or its name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to make: new, or empty.")],
    exercises: Annotated[
        str, typer.Option(help="Those that count, with commas between; the others are handed out solved.")
    ] = "",
    points: Annotated[str, typer.Option(help="NAME=NUMBER, with commas between; the lab's own by default.")] = "",
    due: Annotated[
        str, typer.Option(help='Such as "2026-11-30 23:59", or with a time zone, "2026-11-30T23:59+09:00".')
    ] = "",
    grace_minutes: Annotated[float, typer.Option(help="How late costs nothing.")] = 0.0,
    penalty_per_day: Annotated[float, typer.Option(help="The share of the points that each begun day costs.")] = 0.0,
    most: Annotated[float, typer.Option(help="The most that lateness costs, as a share of the points.")] = 1.0,
    variant: Annotated[int | None, typer.Option(help="A seed: other numbers in the story, the same ideas.")] = None,
) -> None:
    """Make an assignment of a lab: notebooks for students, the grader's rules, and the same for nbgrader."""
    from t2ilab.authoring import releasing

    written = releasing.release(
        lab,
        output,
        exercises=exercises,
        points=points,
        due=due,
        grace_minutes=grace_minutes,
        penalty_per_day=penalty_per_day,
        most=most,
        variant=variant,
    )
    for path in written:
        typer.echo(path)
    name = written[-1].stem
    typer.echo(
        f"Hand out {output / releasing.STUDENTS}; the rest is yours, and holds the answers.\n"
        f"Grade what comes back with t2ilab grade SUBMISSIONS --lab {name} --policy "
        f"{output / releasing.POLICY},\n"
        f"or with nbgrader: cd {output / releasing.NBGRADER} && nbgrader generate_assignment {name}"
    )
