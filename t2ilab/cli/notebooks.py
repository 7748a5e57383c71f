"""`t2ilab lab` opens a notebook; `t2ilab build` makes them all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def lab(
    name: Annotated[str, typer.Argument(help="Which lab: its number or its name.")] = "00",
    language: Annotated[str | None, typer.Option(help="en or ja.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser; --no-browser for servers.")] = True,
    folder: Annotated[Path | None, typer.Option(help="Where to lay the labs out, without a clone.")] = None,
    jupyter: Annotated[
        list[str] | None, typer.Argument(help="After --, JupyterLab's own options: -- --port=9999 --allow-root")
    ] = None,
) -> None:
    """Open JupyterLab on a lab."""
    from t2ilab import launch

    more = jupyter or []
    if name.startswith("-"):  # options of JupyterLab's, and no lab before them
        name, more = "00", [name, *more]
    raise typer.Exit(launch.open_lab(name, language=language, browser=browser, folder=folder, extra_args=more))


def build(
    names: Annotated[list[str] | None, typer.Argument(help="Labs by number or name; all by default.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare; nothing is written.")] = False,
    run: Annotated[bool, typer.Option(help="Execute the solutions whose code changed.")] = True,
) -> None:
    """Build the notebooks of labs/ and solutions/ from solutions/*.py."""
    from t2ilab import authoring

    if check:
        differences = authoring.compare()
        for difference in differences:
            typer.echo(difference)
        raise typer.Exit(1 if differences else 0)
    for path in authoring.build_all(names, run=run):
        typer.echo(path)
