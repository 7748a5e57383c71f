"""A Hugging Face hub of our own on this machine, and a process that asks it.

huggingface_hub reads its settings when it is imported, so each test asks in a process of its own.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "a" * 40
REVISIONS = ("main", "v1", COMMIT)
NOWHERE = "http://127.0.0.1:9"  # where nobody listens


@dataclass(frozen=True)
class Repository:
    """What the hub has under one name.

    Attributes:
        folder: of its files.
        licence: that its page names.
        login: what asks for one: "all", or "files" but for its page.
        breaks_off: endings of the files that come only to the half.
    """

    folder: Path
    licence: str | None = None
    login: str = ""
    breaks_off: tuple[str, ...] = ()

    def entries(self, inside, recursive=True):
        """What lies inside, as the hub lists it."""
        return [self.entry(path) for path in sorted(inside.rglob("*") if recursive else inside.glob("*"))]

    def entry(self, path):
        kind = {"type": "file", "size": path.stat().st_size} if path.is_file() else {"type": "directory"}
        return kind | {"path": path.relative_to(self.folder).as_posix(), "oid": path.name}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kind: str
    repositories: Mapping[str, Repository]
    asked: list[str]

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", until=None, **headers):
        """Sends the body, or what stands before `until`, where the connection breaks off."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:until])
            self.close_connection = self.close_connection or until is not None

    def json(self, value):
        self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

    def refuse(self, status, code):
        self.answer(status, b"{}", X_Error_Code=code, X_Error_Message="Refused.")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        """/api/KIND/owner/name/ASKS, or /owner/name/resolve/REVISION/PATH, of data sets with /datasets before it."""
        address = urlsplit(self.path)
        path = unquote(address.path).strip("/")
        self.asked.append(path)
        parts = path.split("/")
        if parts[:2] == ["api", self.kind]:
            return self.info("/".join(parts[2:4]), parts[4:], recursive="recursive=true" in address.query.lower())
        if self.kind == "datasets" and parts[0] == "datasets":
            parts = parts[1:]
        if parts[2:3] != ["resolve"]:
            return self.refuse(404, "EntryNotFound")
        return self.file("/".join(parts[:2]), parts[3], parts[4:])

    def do_POST(self):
        """/api/KIND/owner/name/paths-info/REVISION: which of these paths are there?"""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        repository = self.repositories["/".join(unquote(urlsplit(self.path).path).strip("/").split("/")[2:4])]
        sent = json.loads(body) if body.startswith("{") else parse_qs(body)
        paths = [repository.folder / path for path in sent.get("paths", ())]
        self.json([repository.entry(path) for path in paths if path.exists()])

    def info(self, name, asks, recursive):
        repository = self.repositories.get(name)
        if repository is None:
            return self.refuse(404, "RepoNotFound")
        if repository.login == "all":
            return self.refuse(403, "GatedRepo")
        if asks and asks[1] not in REVISIONS:
            return self.refuse(404, "RevisionNotFound")
        if asks[:1] == ["tree"]:
            inside = repository.folder.joinpath(*asks[2:])
            if not inside.is_dir():
                return self.refuse(404, "EntryNotFound")
            return self.json(repository.entries(inside, recursive))
        files = [entry for entry in repository.entries(repository.folder) if entry["type"] == "file"]
        facts = {"id": name, "modelId": name, "sha": COMMIT, "tags": [], "private": False, "gated": False,
                 "siblings": [{"rfilename": file["path"], "size": file["size"]} for file in files]}  # fmt: skip
        return self.json(facts | ({"cardData": {"license": repository.licence}} if repository.licence else {}))

    def file(self, name, revision, path):
        repository = self.repositories.get(name)
        if repository is None or revision not in REVISIONS:
            return self.refuse(404, "RepoNotFound" if repository is None else "RevisionNotFound")
        path = repository.folder.joinpath(*path)
        if repository.login == "all" or (repository.login == "files" and path.name != "README.md"):
            return self.refuse(403, "GatedRepo")
        if not path.is_file():
            return self.refuse(404, "EntryNotFound")
        body, status, first = path.read_bytes(), 200, 0
        facts = {"ETag": f'"{len(body)}-{path.name}"', "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes"}
        half = len(body) // 2
        if asks := self.headers.get("Range"):
            first, last = (int(end) if end else len(body) - 1 for end in asks.removeprefix("bytes=").split("-"))
            facts["Content_Range"] = f"bytes {first}-{min(last, len(body) - 1)}/{len(body)}"
            body, status = body[first : last + 1], 206
        until = max(0, half - first) if path.suffix in repository.breaks_off else None
        return self.answer(status, body, until, **facts)


@contextmanager
def serving(kind, repositories):
    """A hub of "models" or "datasets": its address, and the paths that it was asked for, in their order."""
    asked = []
    handler = type("Handler", (_Handler,), {"kind": kind, "repositories": repositories, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield SimpleNamespace(address=f"http://127.0.0.1:{server.server_port}", asked=asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run_with_hub(program, *arguments, address, home, offline="0"):
    """Runs a program that asks the hub at an address and keeps what comes in the folder `home`.

    Returns its exit code, what it printed, and the lines that it said on stderr, those of progress bars left out.
    """
    settings = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": offline, "HF_HOME": str(home),
                "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line.strip() for line in done.stderr.splitlines() if "it/s]" not in line and "Fetching" not in line]
    return SimpleNamespace(code=done.returncode, out=done.stdout.strip(), said=[line for line in lines if line])
