"""Pictures from prompts beside diffusers' StableDiffusionPipeline: one saved folder, the same noise and pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from t2ilab import zoo
from t2ilab.benchmark.contest import Contest, Turn, own_device
from t2ilab.benchmark.twins import drawn, filled, parameters
from t2ilab.benchmark.unets import WIDE
from t2ilab.device import DeviceManager
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.vae import VAE, VAEConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import shapes

PROMPT, GUIDANCE = "a big red star on a dark background", 3.0


@dataclass(frozen=True)
class Size:
    """A model and what it draws; without layouts it is the zoo's `shapes`."""

    what: str
    pictures: int
    steps: int = 20
    side: int = 64
    unet: UNetConfig | None = None
    vae: VAEConfig | None = None


SMALL = Size("the zoo's shapes", 4)
LARGE = Size("a quarter of Stable Diffusion 1.5's widths", 1, 20, 256, WIDE,
             VAEConfig(block_out_channels=(32, 64, 128, 128), layers_per_block=2))  # fmt: skip
TRIAL = Size("the zoo's shapes", 1, 2)
PUBLISHED = Size("Stable Diffusion 1.5's sizes", 4, 20, 512,
                 UNetConfig.stable_diffusion_1(), VAEConfig.stable_diffusion())  # fmt: skip


def sampling(name: str, size: Size, quick: bool = False, compiled: bool = False) -> Contest:
    """Text encoder, guided U-Net, sampler and decoder; `compiled` hands both U-Nets to torch.compile."""
    size = TRIAL if quick else size
    with torch.device("meta"):
        count = parameters(UNet(size.unet or shapes.NUMBERS.unet))
    half = own_device().dtype != torch.float32
    return Contest(
        name,
        f"Drawing with our TextToImage beside diffusers' StableDiffusionPipeline, from one saved folder: {size.steps} "
        f"DDIM steps, guidance {GUIDANCE:g}, the same noise"
        f"{'; ours in mixed precision, theirs in bfloat16 throughout' if half else ', the same pictures'}"
        f"{'; both U-Nets by torch.compile' if compiled else ''}.",
        f"{size.what}, U-Net of {count}, {size.pictures} pictures of {size.side}x{size.side} at a time",
        lambda: _ours(size, own_device(), compiled),
        lambda: _theirs(size, own_device(), compiled),
        tolerance=None if half else 1e-3,  # of pictures in [0, 1]; rounding grows over the steps
        rounds=2 if quick else 8,
    )


@contextmanager
def folder_of(size: Size) -> Iterator[Path]:
    """The folder that both open: the zoo's, or one with random weights, for as long as it is read."""
    if size.unet is None:
        yield zoo.folder("shapes")
        return
    words = TextToImage.from_pretrained("shapes", "cpu")
    text = TextConfig(len(words.tokenizer.vocab), words.tokenizer.context_length, size.unet.cross_attention_dim)
    with torch.device("meta"):
        unet, text_encoder, vae = UNet(size.unet), TextEncoder(text), VAE(size.vae or VAEConfig())
    parts = filled(unet), filled(text_encoder), words.tokenizer, words.schedule
    pipe = TextToImage(*parts, "v_prediction", size.side, DeviceManager("cpu"), vae=filled(vae))
    with tempfile.TemporaryDirectory() as folder:
        pipe.save_pretrained(folder)
        yield Path(folder)


def _ours(size: Size, device: DeviceManager, compiled: bool) -> Turn:
    with folder_of(size) as folder:
        pipe = TextToImage.from_pretrained(folder, str(device.device))
    pipe.device.dtype = device.dtype
    if compiled:
        pipe.unet.compile()
    noise = _noise(size, pipe.unet.config.in_channels, pipe.vae.config.factor)  # type: ignore[union-attr]
    return lambda: pipe(**_asked(size), latents=noise)


def _theirs(size: Size, device: DeviceManager, compiled: bool) -> Turn:
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import logging
    from transformers.utils import logging as of_words

    for library in (logging, of_words):
        library.disable_progress_bar()
    with folder_of(size) as folder:
        pipe = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, torch_dtype=device.dtype)
    pipe = pipe.to(device.device)
    pipe.set_progress_bar_config(disable=True)
    if compiled:
        pipe.unet.compile()
    noise = _noise(size, pipe.unet.config.in_channels, pipe.vae_scale_factor).to(device.device, device.dtype)
    return lambda: pipe(**_asked(size), latents=noise).images.float()


def _noise(size: Size, channels: int, factor: int) -> torch.Tensor:
    return drawn(size.pictures, channels, size.side // factor, size.side // factor, seed=1)


def _asked(size: Size) -> dict[str, Any]:
    """The arguments, which have the same names."""
    return {
        "prompt": [PROMPT] * size.pictures,
        "num_inference_steps": size.steps,
        "guidance_scale": GUIDANCE,
        "height": size.side,
        "width": size.side,
        "output_type": "pt",
    }
