"""`t2ilab studio`: the web page where one types a prompt and watches the picture come."""

from __future__ import annotations

from typing import Annotated

import typer


def studio(
    model: Annotated[
        list[str] | None,
        typer.Option(help="A folder (diffusers' too) or an id of the hub, beside the zoo's; more than once for more."),
    ] = None,
    controlnet: Annotated[list[str] | None, typer.Option(help="A folder with a ControlNet to scribble with.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen on; beyond this machine a token is asked for.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="The first port to try.")] = 7860,
    browser: Annotated[bool, typer.Option(help="Open a browser; --no-browser for servers.")] = True,
) -> None:
    """Open the studio: a web page to draw in."""
    from t2ilab.studio import serve

    serve(model or [], controlnet or [], host=host, port=port, browser=browser, say=typer.echo)
