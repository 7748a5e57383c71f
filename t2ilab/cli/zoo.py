"""`t2ilab zoo`: the checkpoints that come with the course."""

from __future__ import annotations

from typing import Annotated

import typer


def zoo(name: Annotated[str | None, typer.Argument(help="One checkpoint, to see its card.")] = None) -> None:
    """List the checkpoints that come with the course, or show the card of one."""
    from dataclasses import asdict

    from t2ilab import zoo as checkpoints

    if name:
        checkpoints.folder(name)  # which checks the hashes
        for key, value in asdict(checkpoints.card(name)).items():
            if isinstance(value, dict):
                typer.echo(f"{key}:")
                for k, v in value.items():
                    typer.echo(f"  {k}: {v}")
            else:
                typer.echo(f"{key}: {value}")
        return
    for each in checkpoints.names():
        typer.echo(f"{each:18} {checkpoints.card(each).summary}")
