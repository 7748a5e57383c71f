"""Where a text-to-image model comes from, and where it goes: the zoo, a folder, or the Hugging Face hub.

A model of latents lies in diffusers' layout. A model of pixels, or one whose U-Net has what diffusers has no class for,
lies in this course's own: the same folders and names of files, with our configurations in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from t2ilab import __version__, zoo
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.files import read_config, remove_first, remove_parts, write_json
from t2ilab.interop.hub import fetch
from t2ilab.interop.schedulers import Sampling
from t2ilab.interop.stable_diffusion import PARTS, PIPELINES, STEM, Parts, read_parts, write_parts
from t2ilab.interop.weights import PICKLES, read_weights, write_weights
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.vae import VAE, VAEConfig

OWN = "TextToImage"  # the _class_name of our own layout
GUIDANCE = 3.0  # of our own models, where they name none


def open_parts(name: str | Path, revision: str | None = None, variant: str | None = None) -> Parts:
    """Opens a model by its name; arguments and errors as `TextToImage.from_pretrained` has them."""
    folder = find(str(name), PARTS, revision, variant)
    if (folder / "config.json").exists() and not (folder / "model_index.json").exists():
        raise ValueError(f"{folder} holds one network; this call opens a {OWN}, such as 'storybook'.")
    index = read_config(folder / "model_index.json")
    kind = index.get("_class_name")
    if kind in PIPELINES:
        return read_parts(folder, variant)
    if kind not in (None, OWN):
        raise ValueError(
            f"{folder} holds a {kind}; this call opens a {OWN}, such as 'storybook', or one of diffusers': "
            f"{', '.join(PIPELINES)}. "
            "Parts of others open one by one, with read_unet and its like in t2ilab.interop.stable_diffusion."
        )
    try:
        return _read_own(folder, index)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise OSError(f"{folder} is not a whole {OWN}: {reason}. Copy it again.") from error


def find(name: str, parts: Mapping[str, str | None], revision: str | None, variant: str | None) -> Path:
    """The folder of a name: of the zoo first, then a folder, then the hub, of which `parts` are fetched."""
    if name in zoo.names():
        return zoo.folder(name)
    if (folder := Path(name)).is_dir():
        if (folder / "card.json").exists():
            zoo.verify(folder, zoo.card_of(folder))
        return folder
    if folder.is_file() or name.endswith((".safetensors", *PICKLES)):
        raise ValueError(
            f"{name} is a single file; this call opens folders, as diffusers' save_pretrained writes them."
        )
    if "/" in name and not name.startswith((".", "/", "~")):
        return fetch(name, parts, revision=revision, variant=variant)
    return zoo.folder(name)  # says which names there are


def _read_own(folder: Path, index: dict[str, Any]) -> Parts:
    unet = UNet(UNetConfig.from_dict(read_config(folder / "unet" / "config.json"))).eval()
    text_encoder = TextEncoder(TextConfig.from_dict(read_config(folder / "text_encoder" / "config.json"))).eval()
    read_weights(folder / "unet" / f"{STEM}.safetensors", unet)
    read_weights(folder / "text_encoder" / "model.safetensors", text_encoder)
    vae = None
    if (folder / "vae").exists():
        vae = VAE(VAEConfig.from_dict(read_config(folder / "vae" / "config.json"))).eval()
        read_weights(folder / "vae" / f"{STEM}.safetensors", vae)
    scheduler = read_config(folder / "scheduler" / "scheduler_config.json")
    return Parts(
        unet,
        vae,
        text_encoder,
        CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        NoiseSchedule.from_dict(scheduler),
        scheduler["prediction_type"],
        Sampling(**index.get("sampling", {})),
        index["image_size"],
        index.get("world"),
        index.get("guidance_scale", GUIDANCE),
    )


def save_parts(folder: Path, parts: Parts) -> None:
    """Writes a model, weights in half precision: in diffusers' layout where it has one, else in ours, saying why.

    Raises:
        ValueError: an upscaler that diffusers has no class for.
        OSError: the folder cannot be written.
    """
    try:
        return write_parts(folder, parts)
    except ValueError as error:
        if parts.low_res_noise:  # our own layout has no place for it
            raise
        why = str(error)
    remove_first(folder / "model_index.json")
    write_weights(folder / "unet" / f"{STEM}.safetensors", parts.unet, config=parts.unet.config.to_dict())
    text_encoder = parts.text_encoder
    write_weights(folder / "text_encoder" / "model.safetensors", text_encoder, config=text_encoder.config.to_dict())
    if parts.vae is not None:
        write_weights(folder / "vae" / f"{STEM}.safetensors", parts.vae, config=parts.vae.config.to_dict())
    else:
        remove_parts(folder, "vae")
    parts.tokenizer.save_pretrained(folder / "tokenizer")
    scheduler = parts.schedule.to_dict() | {"prediction_type": parts.prediction_type}
    write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    index = {
        "_class_name": OWN,
        "_t2ilab_version": __version__,
        "_why_not_diffusers": why,
        "image_size": parts.image_size,
        "world": parts.world,
    }
    usual = {"sampling": asdict(Sampling()), "guidance_scale": GUIDANCE}
    settings = {"sampling": asdict(parts.sampling), "guidance_scale": parts.guidance_scale}
    write_json(folder / "model_index.json", index | {k: v for k, v in settings.items() if v != usual[k]})
