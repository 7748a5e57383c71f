"""What this machine has, which versions, what is missing and how to get it."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata, util

import psutil

from t2ilab import __version__, zoo
from t2ilab.device import DeviceManager

NEEDED = ("torch", "numpy", "pillow", "safetensors", "tokenizers", "tqdm", "typer", "matplotlib", "ipywidgets")
LAB = "pip install 't2ilab[lab]'"
OPTIONAL = {
    "jupyterlab": ("the labs in a browser", LAB),
    "diffusers": ("Labs 08 and 10, which open with it what was made in them", LAB),
    "transformers": ("the same, as diffusers reads prompts with it", LAB),
    "peft": ("Lab 10, as diffusers opens adapters with it", LAB),
    "gradio": ("the studio", "pip install 't2ilab[studio]'"),
    "jupytext": ("building notebooks", "pip install 't2ilab[instructor]'"),
    "nbval": ("the tests", "pip install 't2ilab[test]'"),
}


@dataclass
class Findings:
    """Lines to print, and how many of them are faults that a lab would stumble over."""

    lines: list[str] = field(default_factory=list)
    faults: int = 0

    def add(self, label: str, text: str, fault: bool = False) -> None:
        self.lines.append(f"{'FAULT' if fault else 'ok   '} {label}: {text}")
        self.faults += fault


def examine(offline: bool = False) -> Findings:
    """Looks at Python, the packages, the device, the memory, the zoo's hashes and the font for Japanese.

    offline: whether this is for a room without a network, where all that the labs use, which could be installed later
        elsewhere, is needed now; and which models of the Hugging Face hub are on the disk is said.
    """
    found = Findings()
    found.add(
        "t2ilab", f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    for name in NEEDED:
        try:
            found.add(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            found.add(name, f"missing; pip install {name}", fault=True)
    for name, (purpose, command) in OPTIONAL.items():
        try:
            found.add(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            needed = offline and command == LAB
            found.add(name, f"{'missing' if needed else 'not installed'}; for {purpose}: {command}", fault=needed)
    try:
        manager = DeviceManager()
        found.add("device", manager.reason)
        found.add("memory", f"this process holds {manager.memory()['now']:.0f} MB, and {_free():.0f} MB are free")
    except ValueError as error:  # T2ILAB_DEVICE names one that is not here
        found.add("device", str(error), fault=True)
    if not zoo.names():
        found.add("zoo", "empty; install the package again", fault=True)
    for name in zoo.names():
        try:
            zoo.folder(name)
            found.add(f"zoo {name}", "whole")
        except OSError as error:
            found.add(f"zoo {name}", str(error), fault=True)
    font = util.find_spec("matplotlib_fontja") is not None
    found.add("Japanese in plots", "yes" if font else "missing; pip install matplotlib-fontja", fault=not font)
    if offline:
        found.add("hub's models on disk", ", ".join(_kept()) or "none; the labs need none")
    return found


def _kept() -> list[str]:
    """The models in the Hugging Face hub's cache."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        return sorted(repo.repo_id for repo in scan_cache_dir().repos if repo.repo_type == "model")
    except CacheNotFound:
        return []


def _free() -> float:
    """Megabytes that a new process could have."""
    return psutil.virtual_memory().available / 1e6
