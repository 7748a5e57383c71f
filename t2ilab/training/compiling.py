"""Networks built into one program each by `torch.compile`, which joins what Python would run operation by operation."""

from __future__ import annotations

import torch

from t2ilab.training.calls import Calls, outermost


def compile_(calls: Calls, backend: str = "inductor") -> None:
    """Compiles the networks that a step calls, in place, so that the names of their weights stay.

    The first step takes the time that this needs. What is computed agrees but for rounding.

    Args:
        calls: as `calls.watched` found them.
        backend: of torch.compile.
    """
    for network in outermost(calls):
        network.compile(backend=backend)


def works(device: torch.device) -> None:
    """Compiles one line, so that a missing compiler is said before a run begins.

    Raises:
        RuntimeError: torch.compile cannot build anything for the device; the sentence says why.
    """
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(8, device=device))
    except Exception as error:  # of many kinds: no C++ compiler, no Triton, a Python that is too new, Windows
        lines = [line for line in str(error).splitlines() if line and not line.startswith("backend=")]
        reason = (lines or [type(error).__name__])[0].rstrip(".:")
        raise RuntimeError(
            f"torch.compile does not work for {device.type} here: {reason}. It needs a C++ compiler (g++, clang or "
            "Visual C++), and on a GPU Triton. Install it, or leave --compile out."
        ) from error
