"""Where to compute, in which precision, and why: one object that decides once and says its reason."""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

import psutil
import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


class DeviceManager:
    """Picks the device and the autocast dtype of this machine.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps" or "xpu". By default the environment variable T2ILAB_DEVICE, else the
            best that is there: CUDA, then Apple's MPS, then Intel's XPU, then the CPU.

    Attributes:
        device: a torch.device.
        dtype: what autocast computes in; float32 means that autocast is off.
        reason: one sentence that says why these two.

    Raises:
        ValueError: a device that torch does not know or that this machine does not have.
    """

    def __init__(self, device: str | torch.device | None = None):
        asked = device or os.environ.get("T2ILAB_DEVICE") or None
        present = available_devices()
        if asked is None:
            self.device = torch.device(present[0])
            why = "the best that this machine has"
        else:
            try:
                self.device = torch.device(asked)
            except (RuntimeError, TypeError):  # of a string, and of anything else
                raise ValueError(f"A device is one of {', '.join(present)}; got {str(asked)!r}.") from None
            if self.device.type not in present:
                raise ValueError(
                    f"This machine has {', '.join(present)}; got {str(asked)!r}. "
                    "Leave both the argument and T2ILAB_DEVICE out to take the best of these."
                )
            count = _count(self.device.type)
            if (self.device.index or 0) >= count:
                raise ValueError(
                    f"This machine has {count} of {self.device.type!r}, numbered from 0; got {str(asked)!r}. "
                    f"Ask for {self.device.type!r} alone to take the first."
                )
            why = "asked for" if device else "asked for by T2ILAB_DEVICE"
        self.dtype, precision = _autocast_dtype(self.device)
        self.reason = f"{_name(self.device)} ({why}); {precision}."

    def autocast(self) -> AbstractContextManager:
        """A context in which matrix products run in `dtype`; no context at all where that is float32."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def place(self, module: Module) -> Module:
        """Moves a module to the device, its convolutions channels-last, the layout in which they run fastest."""
        module.to(self.device)
        # On Apple's GPUs channels-last has given wrong gradients, so there the usual layout stays.
        if self.device.type != "mps":
            module.to(memory_format=torch.channels_last)
        return module

    def seed(self, seed: int) -> torch.Generator:
        """Seeds Python's and torch's generators and returns a CPU generator of that seed.

        Drawing noise on the CPU costs little and makes a seed mean the same picture on every device.
        """
        random.seed(seed)
        torch.manual_seed(seed)
        return torch.Generator().manual_seed(seed)

    def memory(self) -> dict[str, float]:
        """Megabytes: what this process holds now and held at most, and what the accelerator holds (0 on a CPU)."""
        on_device = 0.0
        if self.device.type == "cuda":
            on_device = torch.cuda.memory_allocated(self.device) / 1e6
        elif self.device.type == "mps":
            on_device = torch.mps.current_allocated_memory() / 1e6
        elif self.device.type == "xpu":
            on_device = torch.xpu.memory_allocated(self.device) / 1e6
        return {"now": psutil.Process().memory_info().rss / 1e6, "peak": _peak_memory() / 1e6, "device": on_device}

    def __repr__(self) -> str:
        return f"DeviceManager({str(self.device)!r}, {str(self.dtype).removeprefix('torch.')}): {self.reason}"


def available_devices() -> list[str]:
    """The kinds of device that this machine has, the best first; "cpu" is always the last."""
    present = []
    if torch.cuda.is_available():
        present.append("cuda")
    if torch.backends.mps.is_available():
        present.append("mps")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        present.append("xpu")
    return [*present, "cpu"]


def _count(kind: str) -> int:
    """How many devices of one kind there are."""
    if kind == "cuda":
        return torch.cuda.device_count()
    return torch.xpu.device_count() if kind == "xpu" else 1


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"CUDA on {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "Apple's GPU by MPS"
    if device.type == "xpu":
        return f"Intel's XPU, {torch.xpu.get_device_name(device)}"
    return f"CPU with {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"


def _autocast_dtype(device: torch.device) -> tuple[torch.dtype, str]:
    if device.type == "cuda":
        if torch.cuda.get_device_capability(device)[0] >= 8:
            return torch.bfloat16, "bfloat16, which its matrix units compute natively"
        return torch.float32, "float32, because this GPU has no bfloat16 and float16 would need its losses scaled"
    if device.type == "xpu":
        return torch.bfloat16, "bfloat16, which its matrix units compute natively"
    if device.type == "mps":
        return torch.float32, "float32, because half precision there has drawn nonsense"
    if not cpu_has_bfloat16():
        return torch.float32, "float32, because this processor has no bfloat16 instructions"
    speedup = _bfloat16_speedup()
    if speedup > 1.1:
        return torch.bfloat16, f"bfloat16, measured {speedup:.1f} times as fast as float32 in a small training step"
    return (
        torch.float32,
        f"float32, because bfloat16 measured only {speedup:.1f} times its speed in a small training step",
    )


def cpu_has_bfloat16() -> bool:
    """Whether this processor has instructions for it; whether they are faster is another question."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, bool)() for check in checks)


def _bfloat16_speedup() -> float:
    """Seconds of a small training step in float32 over those under autocast in bfloat16; takes about 100 ms.

    A whole step and not a convolution alone: that is where bfloat16 loses, in small norms and casts (a processor whose
    convolutions are 1.9 times as fast with it has trained the course's small models more slowly).
    """
    with torch.random.fork_rng(devices=[]):  # layers draw their weights, and nobody's seed should notice
        layers = nn.Sequential(
            nn.Conv2d(32, 32, 3, padding=1), nn.GroupNorm(8, 32), nn.SiLU(), nn.Conv2d(32, 32, 3, padding=1)
        ).to(memory_format=torch.channels_last)
        attend = nn.MultiheadAttention(32, 4, batch_first=True)
    x = torch.ones(32, 32, 8, 8).to(memory_format=torch.channels_last)

    def seconds(dtype: torch.dtype) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            tokens = layers(x).flatten(2).transpose(1, 2)
            out = attend(tokens, tokens, tokens, need_weights=False)[0]
        out.float().square().mean().backward()
        return time.perf_counter() - start

    # In turn, so that what else the machine does for a while slows both.
    times = [(seconds(torch.float32), seconds(torch.bfloat16)) for _ in range(6)]
    return min(single for single, _ in times) / min(half for _, half in times)


def _peak_memory() -> float:
    """Bytes that this process held at most."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset)
    if sys.platform == "linux":
        # Linux starts ru_maxrss at what the parent held when it started this process, so a notebook's server or a
        # test runner would be counted too. VmHWM is this process alone.
        try:
            for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
                if line.startswith("VmHWM:"):
                    return float(line.split()[1]) * 1024
        except OSError:
            pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
