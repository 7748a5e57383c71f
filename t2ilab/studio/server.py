"""The studio's server: an address, a token where it leaves this machine, and nothing asked of anybody else."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2ilab.studio.doors import Doors, is_loopback, new_token

if TYPE_CHECKING:
    import fastapi

    from t2ilab.studio.models import Models

TRIED = 100  # ports, from the first on
LARGEST_UPLOAD = 20_000_000  # bytes
STYLE = Path(__file__).with_name("style.css")


def serve(
    models: Sequence[str] = (),
    controlnets: Sequence[str] = (),
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    browser: bool = False,
    say: Callable[[str], Any] = print,
) -> None:
    """Serves the studio until it is interrupted.

    Args:
        models: folders or ids of the hub, offered beside the models of the zoo, the first of them first.
        controlnets: folders of ControlNets to scribble with.
        host: the address to listen on. Beyond this machine ("0.0.0.0") whoever comes needs the token, which is made
            anew each time and said once.
        port: the first to try; where it is taken, the next is, and that is said.
        browser: whether to open one.
        say: called with each sentence for the person at the terminal.

    Raises:
        ValueError: a port out of range, a host that is none, or a model that cannot be opened.
        OSError: no port is free, or a model's file is broken.
        ImportError: gradio is not installed.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ImportError(
            'The studio needs gradio, which is not installed; get it with `pip install "t2ilab[studio]"`.'
        )
    if not 1 <= port <= 65535:
        raise ValueError(f"A port lies in 1 to 65535; got {port}. 7860 is usual.")
    listener = listen(host, port)
    with listener, tempfile.TemporaryDirectory(prefix="t2ilab-studio-", ignore_cleanup_errors=True) as folder:
        quiet(folder)
        import uvicorn

        from t2ilab.studio.models import Models

        got = listener.getsockname()[1]
        if got != port:
            say(f"Port {port} is taken, so the studio takes {got}.")
        token = None if is_loopback(host) else new_token()
        say("Opening the model ...")
        app = application(Models(models, controlnets), token)
        address = f"http://{_shown(host)}:{got}/" + (f"?token={token}" if token else "")
        say(f"The studio is open at {address}")
        if token:
            say("Whoever has this address can draw on this machine. It is said this once; Ctrl-C closes the studio.")
        else:
            say("Ctrl-C closes it.")
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="on")
        )
        if browser:
            threading.Timer(1, webbrowser.open, [address]).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def application(models: Models, token: str | None = None) -> fastapi.FastAPI:
    """The studio as an ASGI application; with a token, only for those who have it. Call `quiet` before."""
    import fastapi
    import gradio as gr

    from t2ilab.studio.page import Page
    from t2ilab.studio.theme import theme

    outer = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        outer,
        Page(models).build(),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=True,  # gradio's own, of a value that no slider has; ours are sentences on the page
        max_file_size=LARGEST_UPLOAD,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=theme(),
        css_paths=[STYLE],
        js=LIVE,
    )
    outer.add_middleware(Doors, token=token)
    return outer


# What happens is read aloud where it is written.
LIVE = """() => {
    const status = document.querySelector("#t2-status");
    if (status) { status.setAttribute("role", "status"); status.setAttribute("aria-live", "polite"); }
    document.body.dataset.pixels = "crisp";
}"""


def quiet(folder: str) -> None:
    """Before gradio is imported: no telemetry, nothing asked of the network, and its files in that folder."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = folder


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the first free port from that one on. Raises ValueError for a host that is none."""
    try:
        family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ValueError(
            f"--host is an address of this machine, such as 127.0.0.1 or 0.0.0.0; got {host!r}."
        ) from error
    for candidate in range(port, min(port + TRIED, 65536)):
        listener = socket.socket(family)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((where[0], candidate, *where[2:]))
            listener.listen(128)
            return listener
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ValueError(f"--host is an address of this machine; got {host!r} ({error.strerror}).") from error
    raise OSError(f"No port from {port} to {candidate} is free. Name another with --port.")


def _shown(host: str) -> str:
    """The host as one types it into a browser: this machine's name where it listens on all addresses."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
