"""`t2ilab train`: a model of the zoo, made again, in one process or several."""

from __future__ import annotations

import os
import subprocess
import sys
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
    processes: Annotated[int, typer.Option(help="How many share each batch, on this machine.")] = 1,
) -> None:
    """Train a model of the zoo again. Run once more in the same folder, it goes on where it stopped."""
    if processes < 1:
        raise ValueError(f"Training takes at least one process; got {processes}.")
    if processes > 1 and "WORLD_SIZE" not in os.environ:
        raise typer.Exit(_launch(processes))
    from tqdm.auto import tqdm

    from t2ilab.lab import plots
    from t2ilab.recipes.run import Run
    from t2ilab.training.processes import join, leave
    from t2ilab.zoo import said

    join()
    run = Run(recipe, output or Path("runs") / recipe, steps, minutes, seed, start=start)
    if not run.writes:
        for _ in run.steps():
            pass
        return leave()
    typer.echo(f"{recipe}: {run.plan.steps} steps in {run.folder}. {run.device.reason}", err=True)
    with tqdm(total=run.plan.steps, unit="step") as bar:
        for step in run.steps():
            bar.update(step.step - bar.n)
            bar.set_postfix(loss=f"{step.loss:.4f}", refresh=False)
    leave()
    card = run.finish(step.average)
    run.draw(step)
    plots.loss_curve([row["loss"] for row in run.log()], run.folder / "loss.png")
    typer.echo(f"{run.folder / 'model'}: {said(card.scores)}")


def _launch(processes: int) -> int:
    """Runs this same command in so many processes by torchrun, and returns the exit status: if one stops with an error,
    all stop, and its sentence comes first."""
    threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes))}
    command = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "t2ilab"]
    return subprocess.call([sys.executable, *command, *sys.argv[1:]], env=threads | os.environ)
