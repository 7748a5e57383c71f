"""Checkpoints that survive a killed process and a full disk: written beside, then renamed; no pickle in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from t2ilab.training.ema import Average


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Gives a path to write to, and renames it to `path` only when all went well; else nothing is left behind.

    Raises:
        OSError: the disk is full or the folder cannot be written, in one sentence.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        os.replace(beside, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(
            f"Could not write {path}: {reason}. What was there before is untouched; free some space."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def save_checkpoint(
    path: Path, step: int, model: nn.Module, average: Average, optimizer: torch.optim.Optimizer, facts: dict[str, Any]
) -> None:
    """Writes all that a run needs to go on: weights, their average, the optimizer's moments, the step, and `facts`."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    with written_beside(path) as beside:
        save_file(tensors, beside, metadata={"step": str(step), "facts": json.dumps(facts)})


def load_checkpoint(
    path: Path, model: nn.Module, average: Average, optimizer: torch.optim.Optimizer
) -> tuple[int, dict[str, Any]]:
    """Puts a checkpoint back into the three and returns the step it was made after, and its facts.

    Raises:
        OSError: the file is cut short or is not a checkpoint of this model.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        model.load_state_dict(_under(tensors, "model."))
        average.model.load_state_dict(_under(tensors, "average."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under(tensors, "optimizer.").items():
            index, moment = name.split(".", 1)
            moments.setdefault(int(index), {})[moment] = tensor
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        return int(metadata["step"]), json.loads(metadata["facts"])
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise OSError(f"{path} is cut short or belongs to another model: {first}. Delete it to start again.") from error


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
