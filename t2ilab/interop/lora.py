"""Low-rank adapters in the file that diffusers' `load_lora_weights` and peft open <-> those of `t2ilab.nets.lora`.

One file, `pytorch_lora_weights.safetensors`: for each layer `unet.PLACE.lora_A.weight` (rank, in), our `down`, and
`unet.PLACE.lora_B.weight` (out, rank), our `up`. Ranks are those of the tensors. The alpha stands in the file's
metadata, as peft's configuration writes it and today's diffusers reads it; an old one takes the rank in its place, so
that an adapter whose alpha is its rank is right everywhere.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from t2ilab.interop.layouts import own_name, published_name
from t2ilab.interop.weights import Rename, tensors_of, write_tensors
from t2ilab.nets.lora import NAME, LoRALinear, adapted, adapter_names, linear_layers, wrap

FILE = "pytorch_lora_weights.safetensors"
METADATA = "lora_adapter_metadata"  # of the file's own metadata: JSON
PREFIX = "unet."
_ENDINGS = {  # as diffusers and peft have written them over the years -> ours
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".alpha": "alpha",
}
_OTHERS = ("use_dora", "use_rslora", "lora_bias")  # of peft's configuration: what our layers do not do


def save_adapter(
    folder: str | Path, net: nn.Module, name: str | None = None, dtype: torch.dtype = torch.float16
) -> Path:
    """Writes an adapter of a U-Net, in half precision by default; its strength is not part of it.

    Args:
        folder: the file in it is `pytorch_lora_weights.safetensors`.
        net: with an adapter.
        name: which; None where it has only one.

    Returns:
        The file.

    Raises:
        ValueError: no adapter, none of that name, several and no name, or a number too large for `dtype`.
        OSError: the file cannot be written.
    """
    names = adapter_names(net)
    if (name is None and len(names) != 1) or (name is not None and name not in names):
        raise ValueError(f"Name the adapter to save, one of {', '.join(names) or 'none'}; got {name}.")
    layers = {_renamed(path, published_name): layer for path, layer in adapted(net, name or names[0]).items()}
    tensors: dict[str, Tensor] = {}
    for place, layer in layers.items():
        tensors |= {f"{PREFIX}{place}.lora_A.weight": layer.down, f"{PREFIX}{place}.lora_B.weight": layer.up}
    config = {f"{PREFIX}{key}": value for key, value in _config(layers).items()}
    path = Path(folder) / FILE
    write_tensors(path, tensors, dtype, {METADATA: json.dumps(config, indent=2, sort_keys=True)})
    return path


def _config(layers: dict[str, LoRALinear]) -> dict[str, Any]:
    """peft's configuration: the usual rank and alpha, and the layers that have others."""
    usual = {
        key: Counter(getattr(layer, key) for layer in layers.values()).most_common(1)[0][0] for key in ("rank", "alpha")
    }
    other = {
        key: {f"^{place}": getattr(x, key) for place, x in layers.items() if getattr(x, key) != usual[key]}
        for key in usual
    }
    return {
        "peft_type": "LORA",
        "r": usual["rank"],
        "lora_alpha": usual["alpha"],
        "rank_pattern": other["rank"],
        "alpha_pattern": other["alpha"],
        "target_modules": sorted(layers),
    }


def load_adapter(path: str | Path, net: nn.Module, name: str = NAME) -> list[LoRALinear]:
    """Puts an adapter that diffusers, peft or `save_adapter` wrote around the layers of a U-Net, in place.

    Args:
        path: the file, or the folder that it is in.
        net: the U-Net that it was trained for.
        name: what to call it here.

    Returns:
        The layers, as `t2ilab.nets.lora.add_adapter` gives them.

    Raises:
        ValueError: an adapter for another model (the tensors are named), one of another kind, or a name that is taken.
        OSError: a file that is missing, cut short, not of this form, or of numbers that are not finite.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    found: dict[str, dict[str, Tensor]] = {}
    for _, key, tensor in tensors_of([path]):
        place, kind = _split(path, key)
        if not tensor.isfinite().all():
            raise OSError(f"{path}: {key} holds numbers that are not finite; the file is damaged.")
        found.setdefault(_renamed(place, own_name), {})[kind] = tensor
    if partial := sorted(place for place, pair in found.items() if not {"down", "up"} <= pair.keys()):
        raise OSError(f"{path}: {partial[0]} has only half of its adapter; the file is changed. Copy it again.")
    if not found:
        raise OSError(f"{path} holds no tensors, so it is no adapter.")
    linear = linear_layers(net)
    for place, pair in found.items():
        layer = linear.get(place)
        shape = (pair["up"].shape[0], pair["down"].shape[-1])
        here = None if layer is None else (layer.out_features, layer.in_features)
        if here != shape or pair["up"].shape[-1] != pair["down"].shape[0]:
            has = f"there is {here}" if here else "there is no such linear layer"
            raise ValueError(f"{path} is an adapter for another model: it changes {place} {shape}, and here {has}.")
    config = _read_config(path)
    layers = {
        place: (len(pair["down"]), _alpha(_renamed(place, published_name), pair, config))
        for place, pair in found.items()
    }
    made = wrap(net, layers, name)
    with torch.no_grad():
        for layer, pair in zip(made, found.values(), strict=True):
            layer.down.copy_(pair["down"])
            layer.up.copy_(pair["up"])
    return made


def _renamed(place: str, rename: Rename) -> str:
    """A layer's place under its other name; names are those of tensors, so it gets a tensor's ending meanwhile."""
    return rename(f"{place}.weight").removesuffix(".weight")


def _split(path: Path, key: str) -> tuple[str, str]:
    """The place of a tensor in the U-Net and what it is there, from its name in a file."""
    if key.startswith("lora_unet_"):
        raise ValueError(f"{path} has kohya's names, as {key}; open it with diffusers and save it again.")
    if key.startswith(("text_encoder.", "text_encoder_2.")):
        raise ValueError(
            f"{path} adapts the text encoder too, as {key}; only adapters of a U-Net alone are opened here."
        )
    place = key.removeprefix(PREFIX).replace(".processor.", ".").replace("_lora.", ".lora.")
    for ending, kind in _ENDINGS.items():
        if place.endswith(ending):
            place = place.removesuffix(ending)
            return (f"{place}.0" if place.endswith(".to_out") else place), kind
    raise ValueError(f"{path} is no plain low-rank adapter: {key} is none of {', '.join(_ENDINGS)}.")


def _read_config(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(METADATA)
        config = json.loads(text) if text else {}
        config = {key.removeprefix(PREFIX): value for key, value in config.items()}
    except (AttributeError, SafetensorError, json.JSONDecodeError) as error:
        raise OSError(f"{path}: its configuration is not readable ({error}); the file is changed.") from error
    for key in _OTHERS:
        if config.get(key):
            raise ValueError(f"{path} was trained with {key}={config[key]}, which this course's LoRALinear is not.")
    return config


def _alpha(place: str, pair: dict[str, Tensor], config: dict[str, Any]) -> float:
    """A layer's alpha: its own tensor, else what the configuration says of it, else its rank."""
    if "alpha" in pair:
        return float(pair["alpha"])
    for pattern, alpha in config.get("alpha_pattern", {}).items():
        # The end of a place, or after "^" all of it, as peft has it.
        if re.match(rf"(?:.*\.)?({pattern})$", place):
            return float(alpha)
    return float(config.get("lora_alpha", len(pair["down"])))
