"""Binder, Colab and a JupyterHub, as far as can be told without any: what Binder would build, what Colab has already,
where a link leads."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
# What diffusers imports by itself where a lab says this.
BEHIND = {"StableDiffusionPipeline": "transformers", "load_lora_weights": "peft"}
# What Colab had in August 2026, of what this course needs; Colab installs nothing again that fits.
COLAB_PYTHON = "3.13.0"
COLAB = {
    "huggingface_hub": "1.27.0",
    "ipywidgets": "7.7.1",
    "matplotlib": "3.10.0",
    "numpy": "2.1.0",
    "pillow": "11.3.0",
    "torch": "2.11.0",
}


@pytest.fixture
def dockerfile(monkeypatch):
    """What repo2docker makes of the repository; no Docker is needed for that."""
    buildpacks = pytest.importorskip("repo2docker.buildpacks", reason='needs repo2docker, from `pip install ".[test]"`')
    monkeypatch.chdir(ROOT)
    kinds = (buildpacks.DockerBuildPack, buildpacks.NixBuildPack, buildpacks.CondaBuildPack, buildpacks.PythonBuildPack)
    chosen = next(pack for pack in (kind("docker.io/library/buildpack-deps:jammy") for kind in kinds) if pack.detect())
    chosen.platform = "linux/amd64"
    assert type(chosen) is buildpacks.PythonBuildPack
    assert chosen.python_version == "3.12"
    return chosen.render({"NB_USER": "jovyan", "NB_UID": "1000"})


def test_binder_installs_the_fonts_then_pytorch_for_the_cpu_then_the_package(dockerfile):
    steps = [
        r"environment\S*-2dpy-2d3-2e12|environment-2epy-2d3-2e12",
        r"apt-get install --yes --no-install-recommends fonts-noto-color-emoji",
        r'pip install --no-cache-dir -r "binder/requirements.txt"',
        r"COPY --chown=1000:1000 src/ \$\{REPO_DIR\}/",
        r"RUN \./binder/postBuild",
    ]
    places = [re.search(step, dockerfile) for step in steps]
    assert all(places), steps[[bool(place) for place in places].index(False)]
    assert [place.start() for place in places] == sorted(place.start() for place in places)


def test_binder_runs_one_environment_file_for_each_kind_of_thing():
    assert {path.name for path in (ROOT / "binder").iterdir()} == {
        "apt.txt",
        "postBuild",
        "requirements.txt",
        "runtime.txt",
    }
    assert (ROOT / "binder" / "postBuild").stat().st_mode & 0o100  # may be executed


def test_nothing_that_colab_has_is_installed_again():
    assert SpecifierSet(PROJECT["requires-python"]).contains(COLAB_PYTHON)
    needed = {Requirement(line).name: Requirement(line).specifier for line in PROJECT["dependencies"]}
    assert set(needed) >= set(COLAB)
    assert [name for name, version in COLAB.items() if not needed[name].contains(version)] == []


def test_what_the_optional_sections_use_is_as_old_as_colabs():
    lines = [line for extra in ("lab", "test") for line in PROJECT["optional-dependencies"][extra]]
    extras = {Requirement(line).name: Requirement(line).specifier for line in lines}
    for name, version in {"diffusers": "0.39.0", "transformers": "5.15.0", "datasets": "4.0.0"}.items():
        assert extras[name].contains(version), name


def imported(code):
    """The packages that the code of a notebook imports, without Python's own and without this course's."""
    modules = set()
    for node in ast.walk(ast.parse(code)):
        modules |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
        modules |= {node.module} if isinstance(node, ast.ImportFrom) else set()
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"t2ilab"}


@pytest.mark.parametrize("notebook", SOLUTIONS, ids=[path.stem for path in SOLUTIONS])
def test_a_lab_needs_nothing_that_binder_does_not_install(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    code = "\n".join(source for source in sources if "%pip" not in source)
    needed = {packages_distributions()[module][0].lower() for module in imported(code)}
    needed |= {package for word, package in BEHIND.items() if word in code}
    assert 'pip install --no-cache-dir -e ".[lab]"' in (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    brought = {Requirement(line).name for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lab"]]}
    assert needed <= brought


def test_the_link_into_a_hub_clones_this_repository_and_opens_lab_00():
    page = (ROOT / "docs" / "jupyterhub.md").read_text(encoding="utf-8")
    asked = parse_qs(urlsplit(re.search(r"^https://hub\S+/user-redirect/git-pull\?\S+$", page, re.MULTILINE)[0]).query)
    repository = SETTINGS["tool"]["t2ilab"]["repository"]
    assert (asked["repo"], asked["branch"]) == ([repository], ["main"])
    # nbgitpuller clones into a folder that is named like the repository, and JupyterLab opens a path in it.
    start = f"lab/tree/{repository.rpartition('/')[2]}/"
    assert asked["urlpath"] == [f"{start}labs/00_welcome.ipynb"]
    for place in ("labs/00_welcome.ipynb", "labs/ja/00_welcome.ipynb"):
        assert (ROOT / place).is_file()
        assert place.replace("/", "%2F") in page


def test_a_wheelhouse_holds_what_its_page_installs():
    makefile, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "docs/jupyterhub.md"))
    (extras,) = re.findall(r"^wheelhouse:.*\n\t.*pip wheel .*'\.(\[\S+\])'$", makefile, re.MULTILINE)
    assert f'pip install --no-index --find-links wheelhouse "t2ilab{extras}"' in page
