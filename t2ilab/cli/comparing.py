"""`t2ilab compare`: all families, and a model of one's own, on the same prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Of the zoo, a folder, or an id of the Hugging Face hub.",
            show_default="all families",
        ),
    ] = None,
    level: Annotated[str, typer.Option(help="Of the world: shapes or storybook.")] = "shapes",
    things: Annotated[int | None, typer.Option(help="So many in each picture; as many as come by default.")] = None,
    count: Annotated[int, typer.Option(help="Prompts, and so pictures of each.")] = 288,
    steps: Annotated[int, typer.Option(help="Denoising steps; half as many where a cascade enlarges.")] = 20,
    seed: Annotated[int, typer.Option(help="Of prompts and noise.")] = 0,
    features: Annotated[
        str,
        typer.Option(help="The network whose features FID and KID are of: reader, or a CLIP such as clip-storybook."),
    ] = "reader",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The figures, as .json or .csv.")] = None,
    leaderboard: Annotated[
        Path | None, typer.Option(help="A .json that the models are entered in, each with its card.")
    ] = None,
) -> None:
    """Put models of all families on the same prompts: faithful, various, near, quick, large, long to train."""
    from t2ilab import output as files
    from t2ilab.comparison.report import ENDINGS

    if output:
        files.check_target(output, ENDINGS)
    if leaderboard:
        files.check_target(leaderboard, (".json",))

    from t2ilab.comparison import leaderboard as boards
    from t2ilab.comparison import report
    from t2ilab.comparison.families import USUAL, NotThereYet, find
    from t2ilab.comparison.judge import Judge
    from t2ilab.comparison.run import compare as put_together
    from t2ilab.comparison.task import Task

    task, judge = Task(level, count, seed, things), Judge.of(features)
    if leaderboard:  # all that can be refused is refused before anything is drawn
        boards.check_rules(leaderboard, boards.read_board(leaderboard), task, judge.network, judge.fingerprint)
        for name in models or USUAL[level]:
            try:
                cards = find(name)[1]
            except NotThereYet:
                continue
            boards.check_cards(name, cards, "".join(digest for card in cards for digest in card.sha256.values()))
    found = put_together(
        models or (),
        task,
        judge,
        steps,
        watch=lambda result: typer.echo(f"{result.name}: {result.seconds:.2g} s a picture", err=True),
    )
    typer.echo(report.table(found.results))
    for sentence in report.notes(found):
        typer.echo(sentence)
    if output:
        report.save(found, output)
        typer.echo(output)
    if leaderboard:
        board = boards.enter(leaderboard, found)
        typer.echo(f"{leaderboard}, the best first:")
        typer.echo(report.table([entry.result for entry in board.entries]))
    if found.failed:
        raise ValueError(f"Left out: {' '.join(found.failed.values())}")
