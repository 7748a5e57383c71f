"""`t2ilab doctor`: what this machine has and lacks."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Is all on disk that a room without a network needs?")] = (
        False
    ),
) -> None:
    """Say what this machine has, which versions, what is missing and how to get it."""
    from t2ilab import launch
    from t2ilab.doctor import examine

    findings = examine(offline)
    if offline:
        try:
            labs = [path for where in ("*.ipynb", "ja/*.ipynb") for path in launch.packaged().glob(where)]
            findings.add("labs", f"{len(labs)} notebooks, in both languages")
        except ValueError as error:
            findings.add("labs", str(error), fault=True)
    for line in findings.lines:
        typer.echo(line)
    raise typer.Exit(1 if findings.faults else 0)
