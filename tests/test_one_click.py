"""Binder and Colab, as far as can be told without either: what Binder would build, and what Colab has already."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
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
    test = {Requirement(line).name: Requirement(line).specifier for line in PROJECT["optional-dependencies"]["test"]}
    for name, version in {"diffusers": "0.39.0", "transformers": "5.15.0", "datasets": "4.0.0"}.items():
        assert test[name].contains(version), name
