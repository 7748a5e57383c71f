"""`t2ilab train`: a model of the zoo, made again, or a finished one that learns something new."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

METHODS = {  # of fine-tuning -> what its recipe is called, after "monsters"
    "full": "",
    "lora": "-lora",
    "dreambooth": "-dreambooth",
    "textual-inversion": "-textual-inversion",
}


def train(
    recipe: Annotated[str, typer.Argument(help="The name of a recipe, such as shapes-pixel or monsters.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Its folder; runs/RECIPE by default.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps; the recipe's own number by default.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Instead: as many steps as fit, by timing ten.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, data and noise.")] = 0,
    start: Annotated[str | None, typer.Option(help="A model to go on from: of the zoo, or a folder.")] = None,
    processes: Annotated[int, typer.Option(help="How many share each batch, on this machine.")] = 1,
    accumulate: Annotated[int | None, typer.Option(help="In how many parts a batch is met, for little memory.")] = None,
    compile: Annotated[bool | None, typer.Option("--compile", help="Compile the networks by torch.compile.")] = None,
    fsdp: Annotated[bool | None, typer.Option("--fsdp", help="Share the model out among the processes too.")] = None,
    method: Annotated[str | None, typer.Option(help=f"Of monsters: {', '.join(METHODS)}.")] = None,
    base: Annotated[str | None, typer.Option(help="Of monsters: a model of the zoo, a folder, or of the hub.")] = None,
    told: Annotated[str | None, typer.Option(help="Of stages: the language model, or CLIP, that tells them.")] = None,
    vae: Annotated[str | None, typer.Option(help="Of models of latents: an autoencoder, such as your own.")] = None,
    data: Annotated[str | None, typer.Option(help="Of monsters: your own pictures, or a hub's; or shards.")] = None,
    caption_column: Annotated[str | None, typer.Option(help="Of these: where their captions are.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="In place of the recipe's own.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    rank: Annotated[int | None, typer.Option(help="Of lora: the rank of the updates.")] = None,
    word: Annotated[str | None, typer.Option(help="Of dreambooth and textual-inversion: the word.")] = None,
    like: Annotated[str | None, typer.Option(help="Of these: what the thing is one of.")] = None,
    prior: Annotated[float | None, typer.Option(help="Of dreambooth: how much old pictures count; 0 for none.")] = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Train without shards that are missing.")
    ] = False,
) -> None:
    """Train a model of the zoo again, or a finished one on new pictures. In the same folder, it goes on."""
    if processes < 1:
        raise ValueError(f"Training takes at least one process; got {processes}.")
    if accumulate is not None and accumulate < 1:
        raise ValueError(f"A batch is met in at least one part; got --accumulate {accumulate}.")
    recipe = _named(recipe, method)
    if processes > 1 and "WORLD_SIZE" not in os.environ:
        raise typer.Exit(_launch(processes))
    from tqdm.auto import tqdm

    from t2ilab.lab import plots
    from t2ilab.recipes.run import Run
    from t2ilab.training.processes import join, leave
    from t2ilab.zoo import said

    join()
    numbers = {"base": base, "told": told, "vae": vae, "data": data, "caption_column": caption_column,
               "learning_rate": learning_rate, "batch": batch, "rank": rank, "word": word, "like": like,
               "prior": prior, "skip_missing": skip_missing or None}  # fmt: skip
    changes: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    run = Run(recipe, output or Path("runs") / recipe, steps, minutes, seed, start=start, changes=changes,
              accumulate=accumulate, compile=compile, fsdp=fsdp)  # fmt: skip
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


def _named(recipe: str, method: str | None) -> str:
    """The recipe of a method. Raises ValueError for a method that is none, or of a recipe that has none."""
    if method is None:
        return recipe
    if recipe != "monsters":
        raise ValueError(f"Only monsters has methods; got {recipe} with --method {method}.")
    if method not in METHODS:
        raise ValueError(f"A method is one of {', '.join(METHODS)}; got {method!r}.")
    return recipe + METHODS[method]
