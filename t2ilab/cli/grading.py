"""`t2ilab grade`: a class's notebooks, points and feedback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def grade(
    submissions: Annotated[Path, typer.Argument(help="A folder of notebooks, or the zip of a learning system.")],
    lab: Annotated[str, typer.Option(help="Which lab: its number or its name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The table of grades.")] = Path("grades.csv"),
    feedback: Annotated[Path | None, typer.Option(help="A folder for a page for each student and one on all.")] = None,
    policy: Annotated[Path | None, typer.Option(help="A TOML file: points, due time, penalty, extensions.")] = None,
    overrides: Annotated[
        Path | None, typer.Option(help="A CSV of points set by hand; overrides.csv beside the table by default.")
    ] = None,
    exported: Annotated[
        Path | None, typer.Option("--gradebook", help="Moodle's or Canvas's CSV; FILE.graded.csv gets the totals.")
    ] = None,
    column: Annotated[str, typer.Option(help='The column of that gradebook, such as "Lab 05 (12345)".')] = "",
    results: Annotated[
        Path | None, typer.Option("--gradescope", help="Gradescope's results.json, for one student's notebook.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Notebooks at a time.")] = 2,
    seconds: Annotated[float, typer.Option(help="The most that one exercise may take.")] = 10.0,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Run student code without a sandbox.")] = False,
) -> None:
    """Grade a class: notebooks go in, a table and feedback come out; started again, it goes on where it was."""
    from t2ilab.grading import gradebook, gradescope
    from t2ilab.grading.grade import grade
    from t2ilab.grading.sandbox import Limits
    from t2ilab.lab import bank
    from t2ilab.launch import resolve

    if not 0 < seconds <= 3600:
        raise ValueError(f"--seconds lies above 0 and is at most 3600, but it is {seconds:g}.")
    if (exported is None) != (not column):
        raise ValueError("--gradebook names a file and --column one of its columns, but only one is given; give both.")
    book = gradebook.read(exported, column) if exported else None
    if book and output.resolve() in (book.path.resolve(), book.graded.resolve()):
        raise ValueError(f"The table would be written over the gradebook {output}; name another with --output.")
    name = resolve(lab, bank.labs())
    made = grade(
        submissions,
        name,
        output,
        feedback,
        policy=policy,
        overrides=overrides,
        workers=workers,
        limits=Limits(seconds=seconds),
        unsafe=unsafe,
    )
    entered = gradebook.write(book, made) if book else []
    for note in [*made.notes, *(note for row in made.rows for note in row.notes), *entered]:
        typer.echo(note, err=True)
    if results:
        gradescope.write(made, results)
    graded = [row for row in made.rows if not row.submission.problem]
    mean = sum(row.total for row in graded) / max(1, len(graded))
    out_of = graded[0].out_of if graded else 0
    typer.echo(f"{len(graded)} of {len(made.rows)} submissions were graded; mean {mean:.1f} of {out_of:g} points.")
    for place in (output, feedback, book and book.graded, results):
        if place:
            typer.echo(place)
