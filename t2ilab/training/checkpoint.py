"""Checkpoints that survive a killed process and a full disk: written beside, then renamed; no pickle in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from t2ilab.files import written_beside
from t2ilab.training import fsdp, processes
from t2ilab.training.ema import Average


def save_checkpoint(
    path: Path, step: int, model: nn.Module, average: Average, optimizer: torch.optim.Optimizer, facts: dict[str, Any]
) -> None:
    """Writes all that a run needs to go on: weights, their average, the optimizer's moments, the step, and `facts`.

    Where processes share the model out, all call this; the first one gathers every tensor in its main memory and writes
    the file, which is that of a run in which nothing is shared out.

    Raises:
        OSError: the disk is full or the folder cannot be written; the checkpoint before stays as it was.
    """
    tensors = {}
    for name, tensor in _state(model, average, optimizer):
        if processes.rank() == 0:
            tensors[name] = tensor.detach().cpu().contiguous().clone()
    if processes.rank():
        return
    about: dict[str, Any] = {"step": step, "facts": facts}
    # One entry alone: safetensors writes several in an order of chance, and equal runs are to give equal files.
    run = json.dumps(about | {"sha256": _digest(tensors, about)}, sort_keys=True)
    with written_beside(path) as beside:
        save_file(tensors, beside, metadata={"run": run})


def _state(model: nn.Module, average: Average, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """All that a checkpoint holds, whole, one tensor at a time."""
    for name, tensor in model.state_dict().items():
        yield f"model.{name}", fsdp.whole(fsdp.part(tensor), tensor)
    for name, tensor in average.tensors():
        yield f"average.{name}", tensor
    likes = _parameters(optimizer)
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            value = torch.as_tensor(value)
            yield f"optimizer.{index}.{name}", value if name == "step" else fsdp.whole(value, fsdp.origin(likes[index]))


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """What an optimizer moves, in the order of its state dict."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def load_checkpoint(
    path: Path, model: nn.Module, average: Average, optimizer: torch.optim.Optimizer
) -> tuple[int, dict[str, Any]]:
    """Puts a checkpoint back into the three and returns the step it was made after, and its facts.

    Raises:
        OSError: the file is cut short, changed, or not a checkpoint of this model.
    """
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["run"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if about.pop("sha256") != _digest(tensors, about):
            raise ValueError("its contents do not give the SHA-256 that it was written with")
        own = model.state_dict()
        weights = _under(tensors, "model.")
        model.load_state_dict({n: fsdp.laid_out(tensor, own.get(n, tensor)) for n, tensor in weights.items()})
        average.load(_under(tensors, "average."))
        parameters = _parameters(optimizer)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under(tensors, "optimizer.").items():
            index, moment = name.split(".", 1)
            like = parameters[int(index)]
            # A fused optimizer walks through memory, so a moment must lie there as its parameter does (channels-last).
            lying = tensor
            if moment != "step":
                lying = torch.empty_like(like).copy_(fsdp.rows_of(tensor, fsdp.origin(like)))
            moments.setdefault(int(index), {})[moment] = lying
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        return int(about["step"]), about["facts"]
    except (SafetensorError, RuntimeError, LookupError, TypeError, ValueError) as error:
        first = f"no {error}" if isinstance(error, LookupError) else str(error).splitlines()[0].rstrip(".:")
        raise OSError(
            f"{path} is cut short, changed, or of another model: {first}. Delete it to start again."
        ) from error


def resume(
    path: Path | None, model: nn.Module, average: Average, optimizer: torch.optim.Optimizer, facts: dict[str, Any]
) -> int:
    """The step that a run with these `facts` goes on after, its checkpoint put back; 0 where there is none.

    Raises:
        OSError: as `load_checkpoint`, or the checkpoint is of another run.
    """
    if path is None or not path.exists():
        return 0
    step, theirs = load_checkpoint(path, model, average, optimizer)
    if theirs != facts:
        raise OSError(f"{path} is of another run ({theirs}, not {facts}). Choose another folder.")
    return step


def _digest(tensors: dict[str, Tensor], about: dict[str, Any]) -> str:
    """SHA-256 over all that a checkpoint holds: a byte that changed on the disk is seen before it spoils a run."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
