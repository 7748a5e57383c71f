"""`t2ilab doctor`: what this machine has and lacks."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Say what this machine has, which versions, what is missing and how to get it."""
    from t2ilab.doctor import examine

    findings = examine()
    for line in findings.lines:
        typer.echo(line)
    raise typer.Exit(1 if findings.faults else 0)
