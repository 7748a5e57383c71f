"""Where it was measured, in one sentence."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib import metadata
from pathlib import Path

from t2ilab.device import DeviceManager


def machine() -> str:
    """The processor, its cores, what DeviceManager chose and why, and the versions of all that takes part."""
    versions = []
    for package in ("torch", "diffusers", "open_clip_torch", "transformers"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(f"{package} {metadata.version(package).partition('+')[0]}")
    return f"{_processor()}, {os.cpu_count()} cores. {DeviceManager().reason} {', '.join(versions)}."


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
