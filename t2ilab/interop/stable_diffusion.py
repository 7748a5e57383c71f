"""A Stable Diffusion in a folder as diffusers lays it out <-> its parts as our classes."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.diffusion.augmentation import LowResNoise
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.files import read_config, remove_first, write_json
from t2ilab.interop import clip, layouts
from t2ilab.interop.schedulers import Sampling, read_scheduler, write_scheduler
from t2ilab.interop.weights import Convert, files_of, read_weights, renaming, write_weights
from t2ilab.nets.controlnet import ControlNet
from t2ilab.nets.text import TextEncoder
from t2ilab.nets.unet import UNet
from t2ilab.nets.vae import VAE

PIPELINE = "StableDiffusionPipeline"
INPAINTING = "StableDiffusionInpaintPipeline"  # of the same parts; its U-Net reads a mask too, or is an ordinary one
UPSCALING = "StableDiffusionUpscalePipeline"  # its U-Net reads a small picture, noised on a schedule of its own
PIPELINES = (PIPELINE, INPAINTING, UPSCALING)
UPSCALING_FACTOR = 0.08333  # of its VAE's latents; diffusers sets it whatever a folder says
STEM = "diffusion_pytorch_model"
BESIDE = "beside_base"  # of a file that holds only what its network does not have from another
SCHEDULES = {"scheduler": None, "low_res_scheduler": None}
PARTS = {"": None, **SCHEDULES, "tokenizer": None, "text_encoder": "model", "unet": STEM, "vae": STEM}
_CLASSES = {  # of the parts that are read; their libraries and the others do not matter
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
OWN = "_t2ilab"  # where the index keeps what diffusers does not know of

Net = TypeVar("Net", bound=nn.Module)


@dataclass
class Parts:
    """What a text-to-image model consists of.

    Attributes:
        vae: None for a model of pixels, which diffusers has not.
        image_size: pixels a side that it was trained at.
        world: the level of this course's world whose words it knows; None for a model of any words.
        guidance_scale: that it is drawn with where its user names none.
        low_res_noise: of an upscaler, in its small pictures.
        remarks: a sentence for each thing that is drawn in another way than diffusers draws it.
    """

    unet: UNet
    vae: VAE | None
    text_encoder: TextEncoder
    tokenizer: CLIPTokenizer
    schedule: NoiseSchedule
    prediction_type: str
    sampling: Sampling
    image_size: int
    world: str | None = None
    guidance_scale: float = 7.5
    low_res_noise: LowResNoise | None = None
    remarks: list[str] = field(default_factory=list)


def read_parts(folder: Path, variant: str | None = None) -> Parts:
    """Opens a folder of one of diffusers' `PIPELINES`, weights in float32.

    Args:
        folder: with model_index.json in it.
        variant: of the weights, such as "fp16".

    Raises:
        ValueError: another pipeline, or a part that our classes are not.
        OSError: a file that is missing, cut short or a pickle.
    """
    index = read_config(folder / "model_index.json")
    try:
        if (kind := index["_class_name"]) not in PIPELINES:
            raise ValueError(f"{folder} holds a {kind}; this call opens one of {', '.join(PIPELINES)}.")
        for part, classes in _CLASSES.items():
            if (got := index[part][1]) not in classes:
                raise ValueError(f"{folder}: its {part} is a {got}; this call opens a {classes[0]}.")
        scheduler = read_config(folder / "scheduler" / "scheduler_config.json")
        schedule, prediction_type, sampling, remarks = read_scheduler(scheduler)
        config = read_config(folder / "unet" / "config.json")
        unet = read_unet(folder / "unet", variant)
        vae = read_vae(folder / "vae", variant)
        text_encoder = read_text_encoder(folder / "text_encoder", variant)
        low_res_noise = None
        if kind == UPSCALING:
            theirs = read_config(folder / "low_res_scheduler" / "scheduler_config.json")
            low_res_noise = LowResNoise(read_scheduler(theirs)[0], index.get("max_noise_level", 350))
        size = config.get("sample_size") or 64
        size = (size if isinstance(size, int) else size[0]) * vae.config.factor
        own = {key: value for key, value in index.get(OWN, {}).items() if key in ("world", "guidance_scale")}
        checker = index.get("safety_checker") or [None]
        if checker[0] is not None:
            remarks.append(
                "This course runs no safety checker; diffusers would black out what this model's finds unsafe."
            )
    except (AttributeError, LookupError, TypeError) as error:
        raise OSError(f"{folder} is not a whole {PIPELINE}: {_reason(error)}. Copy it again.") from error
    if unet.config.x_channels != vae.config.latent_channels:
        raise ValueError(
            f"{folder}: its U-Net reads {unet.config.in_channels} channels and its autoencoder's latents have "
            f"{vae.config.latent_channels}; these two are not of one model."
        )
    if unet.config.reads_small_picture != (kind == UPSCALING):
        raise ValueError(
            f"{folder} is a {kind}, and its U-Net reads {'a' if unet.config.reads_small_picture else 'no'} small "
            "picture; one of the two is of another model."
        )
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    parts = Parts(unet, vae, text_encoder, tokenizer, schedule, prediction_type, sampling, size, **own)
    parts.low_res_noise = low_res_noise
    parts.remarks += remarks
    return parts


def write_parts(folder: Path, parts: Parts) -> None:
    """Writes a folder that diffusers' StableDiffusionPipeline.from_pretrained opens, weights in half precision.

    Where the U-Net reads a mask, it is the StableDiffusionInpaintPipeline that opens it, and where it reads a small
    picture, the StableDiffusionUpscalePipeline.

    Raises:
        ValueError: a part that no class of diffusers is; nothing is written then.
        OSError: the folder cannot be written.
    """
    if parts.vae is None:
        raise ValueError("diffusers has no text-to-image class for a U-Net that works on pixels, without a VAE.")
    if parts.unet.config.reads_mask and parts.vae.config.latent_channels != 4:
        raise ValueError(
            "diffusers inpaints in latents of 4 channels, with a U-Net that reads 9, and this one reads "
            f"{parts.unet.config.in_channels}."
        )
    if (noise := parts.low_res_noise) and parts.vae.config.scaling_factor != UPSCALING_FACTOR:
        raise ValueError(
            f"diffusers scales an upscaler's latents by {UPSCALING_FACTOR}, and this one's by "
            f"{parts.vae.config.scaling_factor}; vae.scaled_to({UPSCALING_FACTOR}) is the same autoencoder."
        )
    configs = {
        "unet": layouts.write_unet(parts.unet.config, parts.image_size // parts.vae.config.factor),
        "vae": layouts.write_vae(parts.vae.config, parts.image_size),
        "text_encoder": clip.write_text(parts.text_encoder.config, parts.tokenizer),
    }
    scheduler = write_scheduler(parts.schedule, parts.prediction_type, parts.sampling)
    remove_first(folder / "model_index.json")
    for part, net in (("unet", parts.unet), ("vae", parts.vae)):
        write_weights(folder / part / f"{STEM}.safetensors", net, layouts.published_name, config=configs[part])
    write_weights(
        folder / "text_encoder" / "model.safetensors",
        parts.text_encoder,
        lambda name: f"text_model.{name}",
        config=configs["text_encoder"],
    )
    parts.tokenizer.save_pretrained(folder / "tokenizer")
    write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    if noise:
        of_small = write_scheduler(noise.schedule, "epsilon", Sampling("ddpm"))
        write_json(folder / "low_res_scheduler" / "scheduler_config.json", of_small)
    index = {
        "_class_name": UPSCALING if noise else INPAINTING if parts.unet.config.reads_mask else PIPELINE,
        "_diffusers_version": layouts.WRITTEN_FOR,
        OWN: {"world": parts.world, "guidance_scale": parts.guidance_scale},
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", scheduler["_class_name"]],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if noise:
        for key in ("image_encoder", "requires_safety_checker"):  # which that pipeline does not know
            del index[key]
        index |= {"low_res_scheduler": ["diffusers", "DDPMScheduler"], "max_noise_level": noise.max_noise_level}
        index |= {"watermarker": [None, None]}
    write_json(folder / "model_index.json", index)


def read_vae(folder: str | Path, variant: str | None = None) -> VAE:
    """One of diffusers' AutoencoderKLs from its own folder. Raises as `read_parts` does."""
    return _read(folder, layouts.read_vae, VAE, renaming(layouts.own_name), variant)


def read_text_encoder(folder: str | Path, variant: str | None = None) -> TextEncoder:
    """One of transformers' CLIPTextModels from its own folder. Raises as `read_parts` does."""
    return _read(folder, clip.read_text, TextEncoder, clip.own_text, variant, "model")


def read_unet(folder: str | Path, variant: str | None = None) -> UNet:
    """One of diffusers' U-Nets from its own folder, an inpainting or upscaling one too. Raises as `read_parts`."""
    return _read(folder, layouts.read_unet, UNet, renaming(layouts.own_name), variant)


def read_controlnet(folder: str | Path, variant: str | None = None, base: Path | None = None) -> ControlNet:
    """One of diffusers' ControlNets from its own folder; with `base`, the folder of the U-Net that it helps, one that
    `write_controlnet` left incomplete beside that. Raises as `read_parts`."""
    if base is None:
        return _read(folder, layouts.read_controlnet, ControlNet, renaming(layouts.own_name), variant)
    rest = files_of(base, STEM)
    return _read(folder, layouts.read_controlnet, ControlNet, renaming(layouts.own_name), variant, BESIDE, rest)


def write_vae(folder: Path, vae: VAE, image_size: int) -> None:
    """Writes a folder that diffusers' AutoencoderKL.from_pretrained opens, in half precision.

    `image_size` is the side of the pictures that it was trained on, in pixels.
    """
    config = layouts.write_vae(vae.config, image_size)
    write_weights(folder / f"{STEM}.safetensors", vae, layouts.published_name, config=config)


def write_unet(folder: Path, unet: UNet, sample_size: int) -> None:
    """Writes a folder that diffusers' UNet2DConditionModel.from_pretrained opens, in half precision.

    `sample_size` is the side of what it was trained on, latents or pixels.

    Raises:
        ValueError: it has what no class of diffusers has; nothing is written then.
        OSError: the folder cannot be written.
    """
    config = layouts.write_unet(unet.config, sample_size)
    write_weights(folder / f"{STEM}.safetensors", unet, layouts.published_name, config=config)


def write_controlnet(folder: Path, net: ControlNet, base: UNet | None = None) -> None:
    """Writes a folder that diffusers' ControlNetModel.from_pretrained opens, in half precision.

    Its class has text_pooling_heads and scale_shift too. (Its own from_unet copies a U-Net that pools its words, and
    leaves out with how many heads: there it takes 64.)

    With `base`, the U-Net that it helps, what is still that one's stays out, and the file has another name: only
    `read_controlnet` with that base opens it, and diffusers what is then written whole.

    Raises:
        ValueError: it has what no class of diffusers has; nothing is written then.
        OSError: the folder cannot be written.
    """
    config = layouts.write_controlnet(net.control_config)
    if base is None:
        return write_weights(folder / f"{STEM}.safetensors", net, layouts.published_name, config=config)
    own, theirs = net.state_dict(), base.state_dict()
    alike = {name for name in own.keys() & theirs.keys() if torch.equal(own[name].half(), theirs[name].half())}
    write_weights(folder / f"{BESIDE}.safetensors", net, layouts.published_name, leave_out=alike, config=config)


def _read(
    folder: str | Path,
    read: Callable[[dict[str, Any]], Any],
    make: Callable[[Any], Net],
    convert: Convert,
    variant: str | None,
    stem: str = STEM,
    rest: Sequence[Path] = (),
) -> Net:
    """A network from its folder, made without memory first so that its weights are held once; what its own file does
    not have comes from the files of the rest, whatever else is in these."""
    folder = Path(folder)
    given = read_config(folder / "config.json")
    try:
        config = read(given)
        with torch.device("meta"):
            net = make(config)
    except ValueError as error:
        raise ValueError(f"{folder / 'config.json'}: {error}") from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
        raise ValueError(f"{folder / 'config.json'} lays out no network: {_reason(error)}.") from error
    if rest:
        convert = _among(net.state_dict(), convert)
    read_weights([*files_of(folder, stem, variant), *rest], net, convert)
    return net.eval()


def _among(names: Container[str], convert: Convert) -> Convert:
    """The conversion that passes over all but some names."""
    return lambda name, tensor: [(mine, part) for mine, part in convert(name, tensor) if mine in names]


def _reason(error: Exception) -> str:
    """What a mistake in somebody's file led to, in one line."""
    return f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[0].rstrip(".")
