"""What the doctor finds: on a machine as it should be, and on one where each thing is missing."""

import tomllib
from importlib import metadata, util
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from t2ilab import doctor, zoo


def lines(found, label):
    return [line for line in found.lines if line[6:].startswith(f"{label}:")]


def test_a_sound_machine_has_no_faults(small_zoo):
    found = doctor.examine()
    assert found.faults == 0
    assert all(line.startswith("ok    ") for line in found.lines)
    assert metadata.version("torch") in lines(found, "torch")[0]
    assert (
        "CPU" in lines(found, "device")[0] or "CUDA" in lines(found, "device")[0] or "GPU" in lines(found, "device")[0]
    )
    assert lines(found, "zoo storybook") == ["ok    zoo storybook: whole"]


@pytest.fixture
def without(monkeypatch):
    """Hides one installed package."""
    version, find_spec = metadata.version, util.find_spec

    def hide(package):
        def missing(name):
            if name == package:
                raise metadata.PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(metadata, "version", missing)
        monkeypatch.setattr(
            util, "find_spec", lambda name, *rest: None if name == package.replace("-", "_") else find_spec(name, *rest)
        )

    return hide


def test_a_missing_package_is_a_fault_with_its_remedy(small_zoo, without):
    without("safetensors")
    found = doctor.examine()
    assert found.faults == 1
    assert lines(found, "safetensors") == ["FAULT safetensors: missing; pip install safetensors"]


def test_a_missing_extra_is_no_fault(small_zoo, without):
    without("jupyterlab")
    found = doctor.examine()
    assert found.faults == 0
    assert "not installed; for the labs in a browser: pip install 't2ilab[lab]'" in lines(found, "jupyterlab")[0]


def test_a_missing_japanese_font_is_a_fault(small_zoo, without):
    without("matplotlib-fontja")
    assert "pip install matplotlib-fontja" in lines(doctor.examine(), "Japanese in plots")[0]


def test_a_damaged_checkpoint_is_a_fault(small_zoo):
    (small_zoo / "storybook" / "model_index.json").write_text("{}")
    found = doctor.examine()
    assert found.faults == 1
    assert "cut short or changed" in lines(found, "zoo storybook")[0]


def test_an_empty_zoo_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "ROOT", tmp_path)
    found = doctor.examine()
    assert found.faults == 1
    assert lines(found, "zoo") == ["FAULT zoo: empty; install the package again"]


def test_a_device_that_is_not_there_is_a_fault_and_the_rest_is_examined(small_zoo, monkeypatch):
    monkeypatch.setenv("T2ILAB_DEVICE", "warp")
    found = doctor.examine()
    assert found.faults == 1
    assert "'warp'" in lines(found, "device")[0]
    assert lines(found, "zoo storybook")


@pytest.mark.parametrize(
    ("package", "purpose"),
    [("jupyterlab", "the labs in a browser"), ("diffusers", "Labs 08 and 10"), ("peft", "Lab 10")],
)
def test_without_a_network_all_that_the_labs_use_is_needed(small_zoo, without, monkeypatch, package, purpose):
    monkeypatch.setattr(doctor, "_kept", lambda: ["someone/a-model"])
    assert doctor.examine(offline=True).faults == 0
    assert lines(doctor.examine(offline=True), "hub's models on disk")[0].endswith("someone/a-model")
    without(package)
    found = doctor.examine(offline=True)
    assert found.faults == 1
    assert f"FAULT {package}: missing; for {purpose}" in lines(found, package)[0]
    assert doctor.examine().faults == 0


def test_what_the_labs_use_is_what_the_extra_lab_brings():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought = {Requirement(line).name for line in project["optional-dependencies"]["lab"]}
    assert {name for name, (_, command) in doctor.OPTIONAL.items() if command == doctor.LAB} == brought


def test_a_machine_without_the_hubs_cache_has_none_of_its_models(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "nothing"))
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(tmp_path / "nothing"))
    assert doctor._kept() == []
