"""Painters of the years before, each in a folder: its configuration in config.json, its weights in safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab.files import read_config
from t2ilab.interop.weights import read_weights, write_tensors
from t2ilab.nets.gan.attention import AttentionGenerator
from t2ilab.nets.gan.conditional import ConditionalGenerator
from t2ilab.nets.gan.cycle import CycleGenerator
from t2ilab.nets.gan.progressive import ProgressiveGenerator
from t2ilab.nets.gan.style import StyleGenerator

Painter = ConditionalGenerator | AttentionGenerator | ProgressiveGenerator | StyleGenerator | CycleGenerator


def write_painter(folder: Path, painter: Painter) -> None:
    """Writes a painter's configuration, with the name of its class, and its weights in half precision.

    Raises:
        OSError: the folder cannot be written.
    """

    def kept(tensor: Tensor) -> Tensor:
        # How many batches a norm has seen is of no use to a painter, and half precision cannot count that far.
        return tensor if tensor.is_floating_point() else torch.zeros_like(tensor)

    config = {"_class_name": type(painter).__name__} | painter.config.to_dict()
    tensors = {name: kept(t) for name, t in painter.state_dict().items()}
    write_tensors(folder / "model.safetensors", tensors, config=config)


def read_painter(folder: Path, *kinds: Any) -> Any:
    """Opens what `write_painter` wrote, ready to paint.

    Args:
        folder: with config.json and model.safetensors.
        kinds: the classes that it may be of.

    Raises:
        OSError: a file is missing, cut short, changed, or of another kind of painter.
    """
    values = read_config(folder / "config.json")
    name = values.pop("_class_name", "unknown")
    kind = next((kind for kind in kinds if kind.__name__ == name), None)
    if kind is None:
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise OSError(f"{folder} holds a painter of the kind {name}, and {wanted} is needed. Choose another folder.")
    try:
        painter = kind(kind.configuration.from_dict(values))
    except (TypeError, ValueError) as error:
        raise OSError(f"{folder / 'config.json'} is no {name}'s ({error}); the file is changed.") from error
    read_weights(folder / "model.safetensors", painter)
    return painter.eval()
