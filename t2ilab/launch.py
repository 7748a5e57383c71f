"""`t2ilab lab`: the labs where a student can work in them, and JupyterLab opened on one of them.

Run from a clone, the clone's own `labs/` is opened. Run from a wheel, the labs it carries are laid into a folder of the
student's, and what a student wrote is never overwritten: a newer edition of a lab arrives beside it. Written is what
stands in the cells. JupyterLab completes the metadata of a notebook that it merely opens, and outputs come again.
"""

import difflib
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from t2ilab.files import write_whole

MANIFEST = ".t2ilab-laid-out.json"  # in the student's folder: file name -> `_mark` of the edition last given for it
DEFAULT_FOLDER = "t2ilab-labs"
SETTINGS = Path("share", "jupyter")  # in the package: JupyterLab's settings where a user has set none
_PACKAGE = Path(__file__).resolve().parent


def clone() -> Path | None:
    """The folder of the repository that this package runs from, or None if it was installed from a wheel."""
    project = _PACKAGE.parent / "pyproject.toml"
    if project.is_file() and "t2ilab" in tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}):
        return _PACKAGE.parent
    return None


def packaged() -> Path:
    """The folder whose `*.ipynb` and `ja/*.ipynb` are the labs: the clone's `labs/`, or the wheel's copy of it."""
    root = clone()
    folder = root / "labs" if root else _PACKAGE / "share" / "labs"
    if not any(folder.glob("*.ipynb")):
        fix = "build them with `t2ilab build`" if root else "install t2ilab again"
        raise ValueError(f"The labs are notebooks in {folder}, but there are none; {fix}.")
    return folder


def lay_out(folder: str | Path | None = None, say: Callable[[str], None] = print) -> list[Path]:
    """Put the labs where the student can work in them, and say which files were kept.

    folder: where to lay them. None: the clone's own `labs/` as it is; from a wheel `./t2ilab-labs`, or the current
        folder if labs were laid there before.
    say: called with one sentence for each lab whose cells the student has changed and of which a newer edition came.

    Returns the labs' notebooks, English first, as lying in that folder. Raises ValueError if `folder` is a file and
    OSError, in one sentence, if it cannot be written.
    """
    origin = packaged()
    editions = sorted(origin.glob("*.ipynb")) + sorted(origin.glob("ja/*.ipynb"))
    if folder is None:
        if clone():
            return editions
        folder = Path() if Path(MANIFEST).is_file() else Path(DEFAULT_FOLDER)
    folder = Path(folder).resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Labs are laid into a folder, but {folder} is a file; name another folder.")
    if folder == origin.resolve():
        return editions

    given = _read_manifest(folder / MANIFEST)
    for edition in editions:
        _lay_one(edition.read_bytes(), folder, edition.relative_to(origin).as_posix(), given, say)
    write_whole(folder / MANIFEST, (json.dumps(given, indent=1, sort_keys=True) + "\n").encode())
    return [folder / edition.relative_to(origin) for edition in editions]


def _lay_one(content: bytes, folder: Path, name: str, given: dict[str, str], say: Callable[[str], None]) -> None:
    """Write one lab as `name`, or as `stem.new.ipynb` if the student has worked in `name`; note it in `given`."""
    before, mark = given.get(name), _mark(content)
    news = not _is(content, before)
    given[name] = mark
    path = folder / name
    if not path.exists() or _is(path.read_bytes(), before):
        if not path.exists() or news:
            write_whole(path, content)
        return
    if not news or _is(path.read_bytes(), mark):  # nothing to give: an edition offered before, or the same one
        return
    # The student may have worked in an earlier `.new` too, so take the first name that holds nothing of theirs.
    count = 1
    while True:
        beside = path.with_name(f"{path.stem}.new{count if count > 1 else ''}.ipynb")
        key = beside.relative_to(folder).as_posix()
        if not beside.exists() or _is(beside.read_bytes(), given.get(key)) or _is(beside.read_bytes(), mark):
            break
        count += 1
    write_whole(beside, content)
    given[key] = mark
    changed = _changed(path.read_bytes(), content)
    where = f" What yours has otherwise, or not at all, is under: {', '.join(changed)}." if changed else ""
    say(f"{name} has work of yours and was kept as it is; its new edition lies beside it as {beside.name}.{where}")


def _mark(content: bytes) -> str:
    """The SHA-256 of what a person writes in a notebook: kind, source and attachments of its cells, in order.

    An empty cell is left out: JupyterLab adds one when the last cell is run. Of a file that is no notebook, it is the
    SHA-256 of all its bytes.
    """
    try:
        cells = [
            (cell["cell_type"], "".join(cell["source"]), cell.get("attachments") or {})
            for cell in json.loads(content)["cells"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return hashlib.sha256(content).hexdigest()
    written = [(kind, source, files) for kind, source, files in cells if source.strip() or files]
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()


def _changed(mine: bytes, edition: bytes) -> list[str]:
    """The headings under which a new edition has cells that a student's notebook does not have, in order.

    Blanks to be filled in do not count: the student's are filled in. Nothing of a file that is no notebook.
    """
    try:
        there = {"".join(cell["source"]).strip() for cell in json.loads(mine)["cells"]}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []
    heading, found = "its beginning", dict[str, None]()
    for cell in json.loads(edition)["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown" and (line := re.search(r"^#+ +(.+)$", source, re.MULTILINE)):
            heading = line[1]
        if source not in there and "raise NotImplementedError" not in source:
            found[heading] = None
    return list(found)


def _is(content: bytes, mark: str | None) -> bool:
    """Whether a file is, cell by cell, the edition of that mark. The first manifests marked it by all its bytes."""
    return mark in (_mark(content), hashlib.sha256(content).hexdigest())


def _read_manifest(path: Path) -> dict[str, str]:
    """What was laid out before. A lost or damaged manifest counts as empty: then every file that differs is kept."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def resolve(lab: str, labs: Sequence[str]) -> str:
    """The full name of a lab from its number, the beginning of its name, or its name: "5", "05" or "ddpm" -> "05_ddpm".

    Raises ValueError with the labs that fit, or with the nearest names if none does.
    """
    asked = lab.strip().removesuffix(".ipynb").removesuffix(".py")
    if asked in labs:
        return asked
    start = f"{int(asked):02d}_" if asked.isdecimal() else asked
    fitting = [name for name in labs if start and (name.startswith(start) or name.partition("_")[2].startswith(start))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ValueError(f"A lab is named by a beginning that only it has, but {lab!r} fits {', '.join(fitting)}.")
    # People remember the word and not the number, so names are compared with and without it.
    words = {name.partition("_")[2]: name for name in labs} | {name: name for name in labs}
    near = list(dict.fromkeys(words[word] for word in difflib.get_close_matches(asked, words, n=3)))
    raise ValueError(f"There is no lab named {lab!r}; try {', '.join(near or labs)}.")


def open_lab(
    lab: str = "00_welcome",
    language: str | None = None,
    browser: bool = True,
    extra_args: Sequence[str] = (),
    folder: str | Path | None = None,
) -> int:
    """Open JupyterLab on one lab and wait until it is closed.

    lab: its name or a beginning of it, as `resolve` takes it.
    language: "en" or "ja"; None takes T2ILAB_LANG from the environment, else English.
    browser: False starts the server alone and prints its address.
    extra_args: handed on to `jupyter lab` ("--port=9999").
    folder: where the labs lie, as `lay_out` takes it.

    Returns JupyterLab's exit status. Raises ValueError for an unknown lab or language, and ImportError, in one
    sentence, if JupyterLab is not installed.
    """
    language = language or os.environ.get("T2ILAB_LANG") or "en"
    if language not in ("en", "ja"):
        raise ValueError(f"The labs are in 'en' and 'ja', but language is {language!r}; choose one of the two.")
    name = resolve(lab, [path.stem for path in sorted(packaged().glob("*.ipynb"))])
    if importlib.util.find_spec("jupyterlab") is None:
        raise ImportError('Labs open in JupyterLab, which is not installed; get it with `pip install "t2ilab[lab]"`.')
    wanted = Path("ja" if language == "ja" else "", f"{name}.ipynb")
    notebooks = lay_out(folder)
    home = notebooks[0].parent  # the English labs lie at the top
    if home / wanted not in notebooks:
        raise ValueError(f"{name} has no edition in {language!r} yet; open it in 'en'.")
    # Without a root folder JupyterLab would take the notebook's own, and links between the two editions would break.
    command = [sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={home}"]
    command += [f"--LabApp.default_url=/lab/tree/{wanted.as_posix()}"]  # the address that a server prints names the lab
    command += ["--no-browser"] * (not browser) + list(extra_args)
    # Last on the path that a user may have set, and weaker than any answer in the user's own settings.
    path = os.pathsep.join(filter(None, [os.environ.get("JUPYTER_CONFIG_PATH"), str(_PACKAGE / SETTINGS)]))
    server = subprocess.Popen(command, cwd=home, env=os.environ | {"JUPYTER_CONFIG_PATH": path})
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:  # Ctrl-C reached JupyterLab too, which asks whether to stop: wait for its answer
            continue
