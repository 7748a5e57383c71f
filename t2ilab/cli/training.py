"""`t2ilab train`: a model of the zoo, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[str, typer.Argument(help="The name of a recipe, such as shapes-pixel.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Its folder; runs/RECIPE by default.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps; the recipe's own number by default.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Instead: as many steps as fit, by timing ten.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, data and noise.")] = 0,
    start: Annotated[str | None, typer.Option(help="A model to go on from: of the zoo, or a folder.")] = None,
) -> None:
    """Train a model of the zoo again. Run once more in the same folder, it goes on where it stopped."""
    from tqdm.auto import tqdm

    from t2ilab.lab import plots
    from t2ilab.recipes.run import Run
    from t2ilab.zoo import said

    run = Run(recipe, output or Path("runs") / recipe, steps, minutes, seed, start=start)
    typer.echo(f"{recipe}: {run.plan.steps} steps in {run.folder}. {run.device.reason}", err=True)
    with tqdm(total=run.plan.steps, unit="step") as bar:
        for step in run.steps():
            bar.update(step.step - bar.n)
            bar.set_postfix(loss=f"{step.loss:.4f}", refresh=False)
    card = run.finish(step.average)
    run.draw(step)
    plots.loss_curve([row["loss"] for row in run.log()], run.folder / "loss.png")
    typer.echo(f"{run.folder / 'model'}: {said(card.scores)}")
