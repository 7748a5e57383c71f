"""Builds the course's web site from what is executed and written already: `make site`, then build/site/index.html.

The solved labs with their outputs in both languages, the pages for instructors, a gallery and the code's reference,
with search; static, without a network, and without a request to anywhere else. sphinx and myst-nb do the work; this
file only lays their pages out, each where it lies in the repository, so that their links to one another hold.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2ilab.authoring.fragments import owner_and_name

ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    *("device", "images", "files", "data", "nets", "diffusion", "clip", "training", "interop", "zoo", "metrics"),
    *("pipelines", "recipes", "lab", "grading", "authoring"),
)
LEFT_OUT = ("t2ilab.lab.bank.", "t2ilab.lab.translations", "t2ilab.cli")  # answers, sentences, and a thin face
# One picture a lab, by how its text alternative begins.
GALLERY = {
    "00_welcome": "Above, a picture coming out of noise",
    "01_clip": "Cosines of the eight pictures, A to H in rows, and their captions, in columns in the same order, by",
    "02_zero_shot": "Pictures and what they were taken for",
    "03_image_text_data": "The eight of 627 pictures that fit",
    "04_denoising": "Two hundred walkers on their way",
    "05_ddpm": "Six prompts, four in English and two in Japanese",
    "06_samplers": "Two hundred walkers along the learnt velocity",
    "07_latent_diffusion": "Share of all that was asked for",
    "08_text_to_image": "A picture, and for each word of its prompt",
    "09_control": "Eight maps; drawn by the base alone",
    "10_fine_tuning": "The three prompts: as the base draws them",
    "11_dalle2": "Four pictures, each with four variations",
    "12_imagen": "Six prompts through the chain",
    "13_gans": "Eight prompts by your painter",
    "14_capstone": "Pictures of the same six prompts",
}
BADGE = re.compile(r"\[!\[([^\]]*)\]\([^)]*\)\]\(([^)]*)\)")  # a picture from elsewhere that is a link
LINK = re.compile(r"(?<!\!)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def lay_out(source: Path, labs: list[str], rooms: Sequence[str], root: Path = ROOT) -> None:
    """Writes the pages that sphinx reads.

    Args:
        source: a folder to be made; what is in it is deleted.
        labs: stems such as "05_ddpm", those of executed solutions.
        rooms: of the package, as in `ROOMS`, for the reference.
        root: the folder of the repository.

    Raises ValueError if a picture of the gallery is not among a lab's outputs.
    """
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(root / "docs" / "site", source)
    shutil.copytree(root / "docs" / "pictures", source / "docs" / "pictures")
    pages = sorted(p for p in (root / "docs").rglob("*.md") if "site" not in p.relative_to(root).parts)
    notebooks = [root / "solutions" / f"{stem}.ipynb" for stem in labs]
    notebooks += [root / "solutions" / "ja" / f"{stem}.ipynb" for stem in labs]
    kept = {p.resolve() for p in [*pages, *notebooks]}
    for page in pages:
        to = source / page.relative_to(root)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(rewritten(page.read_text(encoding="utf-8"), page, kept, root), encoding="utf-8")
    for path in notebooks:
        to = source / path.relative_to(root)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps(prepared(path, kept, root), ensure_ascii=False), encoding="utf-8")
    _index(source, labs, rooms, root)
    _gallery(source, labs, root)
    _reference(source, rooms, root)


def rewritten(text: str, page: Path, kept: set[Path], root: Path) -> str:
    """A page's text with badges as plain links, and links to what is no page of the site leading to the repository."""

    def link(match: re.Match[str]) -> str:
        target = (page.parent / match[2]).resolve()
        if target in kept or target.suffix in (".png", ".gif"):
            return match[0]
        # A lab that students open is, on the site, the lab as solved.
        inside = target.relative_to(root) if target.is_relative_to(root) else Path(match[2])
        solved = root / "solutions" / inside.relative_to("labs") if inside.parts[0] == "labs" else None
        if solved in kept:
            return f"[{match[1]}]({_relative(solved, page.parent)}{match[3] or ''})"
        kind = "tree" if target.is_dir() else "blob"
        return (
            f"[{match[1]}](https://github.com/{owner_and_name(root)}/{kind}/main/{inside.as_posix()}{match[3] or ''})"
        )

    return LINK.sub(link, BADGE.sub(r"[\1](\2)", text))


def prepared(path: Path, kept: set[Path], root: Path) -> dict[str, Any]:
    """A notebook with its links rewritten, and with the English edition's outputs where it has none of its own."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    english = json.loads((root / "solutions" / path.name).read_text(encoding="utf-8"))
    outputs = {cell["id"]: cell.get("outputs", []) for cell in english["cells"]}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewritten("".join(cell["source"]), path, kept, root)
            continue
        cell["outputs"] = [_with_text(output) for output in cell.get("outputs") or outputs[cell["id"]]]
        if "colab-install" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"] = [*cell["metadata"]["tags"], "remove-cell"]
    return notebook


def _with_text(output: dict[str, Any]) -> dict[str, Any]:
    """A picture of an output with its text alternative where sphinx looks for it; else the output as it is."""
    picture = output.get("metadata", {}).get("image/png", {})
    if "image/png" in output.get("data", {}):
        text = picture.get("alt") or "".join(output["data"].get("text/plain", "a picture"))
        # The sentence stands below as well; as a caption it would be read out twice.
        output["data"] = {"image/png": output["data"]["image/png"]}
        output["metadata"] = {"image/png": {"alt": text}, "myst": {"image": {"alt": text}}}
    return output


def _index(source: Path, labs: list[str], rooms: Sequence[str], root: Path) -> None:
    """Fills the lists of pages of index.md: a title for a lab is its own first heading."""
    index = source / "index.md"
    text = index.read_text(encoding="utf-8")
    text = text.replace("<!-- labs -->", "\n".join(f"solutions/{stem}" for stem in labs))
    text = text.replace("<!-- labs ja -->", "\n".join(f"solutions/ja/{stem}" for stem in labs))
    text = text.replace("<!-- rooms -->", "\n".join(f"reference/{room}" for room in rooms))
    others = sorted(p.stem for p in (source / "docs").glob("*.md") if p.stem not in ("teaching", "instructors"))
    text = text.replace("<!-- pages -->", "\n".join(f"docs/{stem}" for stem in others))
    teaching = sorted((source / "docs" / "teaching").glob("*.md")), sorted((source / "docs/ja/teaching").glob("*.md"))
    for mark, pages in zip(("<!-- teaching -->", "<!-- teaching ja -->"), teaching, strict=True):
        text = text.replace(mark, "\n".join(p.relative_to(source).with_suffix("").as_posix() for p in pages))
    index.write_text(text, encoding="utf-8")


def _gallery(source: Path, labs: list[str], root: Path) -> None:
    """Writes gallery.md: a picture of each lab, as its executed notebook shows it, with its text."""
    parts = ["# What you will make", "", "One picture from each lab, as the lab's own code made it.", ""]
    (source / "gallery").mkdir(exist_ok=True)
    for stem in labs:
        if stem not in GALLERY:
            continue
        notebook = json.loads((root / "solutions" / f"{stem}.ipynb").read_text(encoding="utf-8"))
        title = re.search(r"^# (.*)$", "".join(notebook["cells"][0]["source"]), re.MULTILINE)
        found = [
            (output["data"]["image/png"], output["metadata"]["image/png"]["alt"])
            for cell in notebook["cells"]
            for output in cell.get("outputs", [])
            if output.get("metadata", {}).get("image/png", {}).get("alt", "").startswith(GALLERY[stem])
        ]
        if not found:
            raise ValueError(
                f"The gallery shows the picture of {stem} that begins {GALLERY[stem]!r}, but the executed notebook has "
                "none; change GALLERY in docs/make_site.py."
            )
        picture, text = found[0]
        (source / "gallery" / f"{stem}.png").write_bytes(base64.b64decode("".join(picture)))
        text = text.split(" · ")[0].replace('"', "'")
        parts += [f"## [{title[1] if title else stem}](solutions/{stem}.ipynb)", ""]
        parts += [f"```{{image}} gallery/{stem}.png\n:alt: {text}\n```", "", text, ""]
    (source / "gallery.md").write_text("\n".join(parts), encoding="utf-8")


def _reference(source: Path, rooms: Sequence[str], root: Path) -> None:
    """Writes reference/ROOM.md for each room: what its modules and their public names say of themselves."""
    (source / "reference").mkdir()
    for room in rooms:
        files = sorted((root / "t2ilab").glob(f"{room}.py")) + sorted((root / "t2ilab" / room).rglob("*.py"))
        names = [".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for f in files]
        lines = [f"# `t2ilab.{room}`", ""]
        for name in names:
            if not name.startswith(LEFT_OUT):
                lines += [f"## `{name.removeprefix('t2ilab.')}`", ""]
                # A package says what it is; its names are described where they are written.
                is_package = any(other.startswith(f"{name}.") for other in names)
                option = "no-index" if is_package else "members"
                lines += [f"```{{eval-rst}}\n.. automodule:: {name}\n   :{option}:\n```", ""]
        (source / "reference" / f"{room}.md").write_text("\n".join(lines), encoding="utf-8")


def _relative(target: Path, folder: Path) -> str:
    """The way from a folder to a file, with slashes."""
    return Path(os.path.relpath(target, folder)).as_posix()


def build(source: Path, to: Path, root: Path = ROOT) -> None:
    """Runs sphinx; a warning is an error. Raises subprocess.CalledProcessError if it fails."""
    address = f"html_theme_options.repository_url=https://github.com/{owner_and_name(root)}"
    quiet = ["-q", "-W", "--keep-going", "-d", source.with_name(f"{source.name}-read")]
    command = [sys.executable, "-m", "sphinx", *quiet, "-b", "html", "-D", address, source, to]
    subprocess.run(list(map(str, command)), check=True)


if __name__ == "__main__":
    stems = [path.stem for path in sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))]
    lay_out(ROOT / "build" / "site-source", stems, ROOMS)
    build(ROOT / "build" / "site-source", ROOT / "build" / "site")
    print(f"Built: open {ROOT / 'build' / 'site' / 'index.html'}")
