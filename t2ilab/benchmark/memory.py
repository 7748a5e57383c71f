"""The most memory that one side takes, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from t2ilab.device import DeviceManager

MEGABYTE = 1e6


def alone(name: str, side: str) -> float:
    """Megabytes of a contest's side, "ours" or "theirs", beyond what its process held before the first turn.

    Raises:
        RuntimeError: the process failed; with its last line.
    """
    command = [sys.executable, "-m", "t2ilab.benchmark.alone", name, side]
    return float(answer_of(command)["megabytes"])


def answer_of(command: list[str]) -> dict[str, float]:
    """The JSON that a process prints as its last line. Raises RuntimeError with its last words where it fails."""
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"{' '.join(command[1:])} ended with {answer.returncode}: {last}")
    return json.loads(answer.stdout.splitlines()[-1])


def beyond(call: Callable[[], object], device: DeviceManager) -> float:
    """The most megabytes that a call takes beyond what was held before it: of the GPU where there is one.

    Linux forgets the process's peak first; elsewhere a higher one from before hides a little of it.
    """
    if device.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device.device)
        held = torch.cuda.memory_allocated(device.device)
        call()
        return (torch.cuda.max_memory_allocated(device.device) - held) / MEGABYTE
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = device.memory()["now"]
    call()
    return max(0.0, device.memory()["peak"] - before)
