"""Weights in safetensors files: written whole or not at all, read without holding them twice.

A pickle, as .bin, .pt and .ckpt files are, is a program: opening one runs whatever its writer put in. None is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from t2ilab.files import read_config, written_beside
from t2ilab.nets.lora import adapter_names

Rename = Callable[[str], str]
Convert = Callable[[str, Tensor], Iterable[tuple[str, Tensor]]]
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def write_weights(
    path: Path,
    module: nn.Module,
    rename: Rename = str,
    dtype: torch.dtype = torch.float16,
    leave_out: Container[str] = (),
    config: dict[str, Any] | None = None,
) -> None:
    """Writes a module's weights, in half precision by default; `rename` gives each its name in the file, and those
    that `leave_out` names, as the module does, stay out. `config` becomes the config.json beside them, both or neither.

    Raises:
        ValueError: the module has adapters around its layers, whose weights would have other names; or as
            `write_tensors` has it.
        OSError: the file cannot be written.
    """
    check_plain(module)
    kept = {rename(name): tensor for name, tensor in module.state_dict().items() if name not in leave_out}
    write_tensors(path, kept, dtype, config=config)


def check_plain(module: nn.Module) -> None:
    """Raises ValueError for a module with adapters around its layers, whose weights would have other names."""
    if names := adapter_names(module):
        raise ValueError(
            f"A network is saved without adapters; this one has {', '.join(names)}. Save them with "
            "t2ilab.interop.lora.save_adapter, then merge_adapters or remove_adapters."
        )


def write_tensors(
    path: Path,
    tensors: dict[str, Tensor],
    dtype: torch.dtype = torch.float16,
    metadata: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
) -> None:
    """Writes tensors by name, in half precision by default, what else the file is to say, and the config.json beside
    it where there is to be one, as `written_beside` has it.

    Raises:
        ValueError: a finite number that `dtype` has no place for; it would be read back as infinite.
        OSError: the file cannot be written.
    """
    whole = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in tensors.items()}
    for name, written in whole.items():
        finite = tensors[name].detach().cpu()[~written.isfinite()]
        if len(finite := finite[finite.isfinite()]):
            raise ValueError(
                f"{name} reaches {finite.abs().max():g}, and {dtype} ends at {torch.finfo(dtype).max:,g}. "
                "Train with smaller steps, or save with dtype=torch.float32."
            )
    with written_beside(path, config) as beside:
        save_file(whole, beside, metadata={"format": "pt"} | (metadata or {}))


def renaming(rename: Rename) -> Convert:
    """The conversion that gives each tensor another name."""
    return lambda name, tensor: [(rename(name), tensor)]


def read_weights(files: Path | Sequence[Path], module: nn.Module, convert: Convert | None = None) -> None:
    """Fills a module with the weights in one file or several, in float32 (or the module's own float64).

    Args:
        files: safetensors; a tensor comes from the first of them that has it.
        module: it may lie on torch's "meta" device, where it takes no memory; afterwards it lies on the CPU.
        convert: gives for a tensor of the file the module's own, by name: usually one, none for what the module has no
            use for, several where the file keeps them together; None keeps each as it is.

    Raises:
        OSError: a file is missing, cut short, no safetensors, or of another layout; the tensors are named.
    """
    files = [files] if isinstance(files, Path) else list(files)
    own, convert = module.state_dict(), convert or renaming(str)
    found: dict[str, Tensor] = {}
    extra: list[str] = []
    for path, name, tensor in tensors_of(files):
        for mine, part in convert(name, tensor):
            if mine not in own:
                extra.append(name)
                continue
            if mine in found:
                continue
            if part.shape != own[mine].shape:
                raise OSError(f"{path}: {name} is {tuple(part.shape)}, and the model needs {tuple(own[mine].shape)}.")
            if not torch.isfinite(part).all():
                raise OSError(f"{path}: {name} holds numbers that are not finite; the file is damaged.")
            found[mine] = part.to(torch.float64 if own[mine].dtype == torch.float64 else torch.float32)
    if (missing := sorted(own.keys() - found.keys())) or extra:
        raise OSError(
            f"{files[0]} has another layout than the model: missing {missing[:3]}, not known {sorted(extra)[:3]}."
        )
    module.load_state_dict(found, assign=any(tensor.is_meta for tensor in own.values()))


def tensors_of(files: Iterable[Path]) -> Iterable[tuple[Path, str, Tensor]]:
    """Each tensor of some files: (its file, its name, itself). Raises OSError where one is missing or broken."""
    for path in files:
        if not path.exists():
            raise OSError(f"{path} is missing, so {path.parent} is not a whole checkpoint.")
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118 (no mapping)
                    yield path, name, file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise OSError(f"{path} is cut short or no safetensors file: {str(error).rstrip('.')}.") from error


def choose(names: Iterable[str], stem: str, variant: str | None = None) -> list[str]:
    """Of the names in a folder, those of the weights of a variant: one file, or an index, whose shards it lists.

    Args:
        names: of all files in the folder, or in a listing of one.
        stem: "model" or "diffusion_pytorch_model".
        variant: such as "fp16"; None takes the plain files, and where there are none, those in half precision.

    Raises:
        OSError: there are no such weights, or only a pickle.
    """
    there = set(names)
    for kind in (variant,) if variant else (None, "fp16"):
        dotted = f".{kind}" if kind else ""
        if (single := f"{stem}{dotted}.safetensors") in there:
            return [single]
        for index in (f"{stem}.safetensors.index{dotted}.json", f"{stem}{dotted}.safetensors.index.json"):
            if index in there:
                dash = f"{stem}{dotted}-"
                return [index, *sorted(n for n in there if n.startswith(dash) and n.endswith(".safetensors"))]
    safe = any(name.startswith(stem) and name.endswith(".safetensors") for name in there)
    if not safe and (pickles := sorted(name for name in there if name.endswith(PICKLES))):
        raise OSError(
            f"The only weights here are a pickle, {pickles[0]}, and opening one runs whatever program is in it. "
            "Convert it where you trust its origin: load it with diffusers or transformers and call "
            "save_pretrained(folder, safe_serialization=True)."
        )
    wanted = f"{stem}{'.' + variant if variant else ''}.safetensors"
    raise OSError(f"There is no {wanted} here; there is {', '.join(sorted(there)[:6]) or 'nothing'}.")


def files_of(folder: Path, stem: str, variant: str | None = None) -> list[Path]:
    """The weights of a folder, its shards as its index lists them. Raises OSError as `choose` does, with the folder."""
    try:
        chosen = choose((path.name for path in folder.iterdir()), stem, variant)
    except FileNotFoundError:
        raise OSError(f"{folder} is missing, so {folder.parent} is not a whole model.") from None
    except OSError as error:
        raise OSError(f"{folder}: {error}") from None
    if not chosen[0].endswith(".json"):
        return [folder / chosen[0]]
    try:
        shards = sorted(set(read_config(folder / chosen[0])["weight_map"].values()))
    except (AttributeError, LookupError, TypeError) as error:
        raise OSError(f"{folder / chosen[0]} is not an index of shards: it has no {error}.") from error
    return [folder / Path(str(shard)).name for shard in shards]
