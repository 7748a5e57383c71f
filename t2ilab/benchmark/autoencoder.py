"""The autoencoder beside diffusers' AutoencoderKL: one configuration, the same weights, the same outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from t2ilab.benchmark.contest import Contest, Turn, own_device
from t2ilab.benchmark.twins import drawn, filled, of_diffusers, parameters, twin
from t2ilab.device import DeviceManager
from t2ilab.interop import layouts
from t2ilab.nets.vae import VAE, VAEConfig


@dataclass(frozen=True)
class Size:
    """A layout and pictures (count, 3, side, side)."""

    config: VAEConfig
    count: int
    side: int


USUAL = Size(VAEConfig(block_out_channels=(32, 64, 128, 128), layers_per_block=2), 2, 256)
TINY = Size(VAEConfig(block_out_channels=(8, 16)), 1, 32)


def encoding(quick: bool = False) -> Contest:
    """Pictures into mean and log variance of their latents."""
    return _contest("vae-encode", quick, "Encoding pictures with our VAE")


def decoding(quick: bool = False) -> Contest:
    """Latents into pictures."""
    return _contest("vae-decode", quick, "Decoding latents with our VAE")


def _contest(name: str, quick: bool, what: str) -> Contest:
    size = TINY if quick else USUAL
    with torch.device("meta"):
        count = parameters(VAE(size.config))
    return Contest(
        name,
        f"{what} beside diffusers' AutoencoderKL: one configuration, the same weights and inputs.",
        f"a quarter of Stable Diffusion's widths, {count}, {size.count} pictures of {size.side}x{size.side}",
        lambda: _ours(name, size, own_device()),
        lambda: _theirs(name, size, own_device()),
        tolerance=1e-4 if own_device().dtype == torch.float32 else 0.05,
        rounds=2 if quick else 8,
    )


def _inputs(name: str, size: Size, device: DeviceManager) -> Tensor:
    small = size.side // size.config.factor
    if name == "vae-encode":
        x = drawn(size.count, 3, size.side, size.side, seed=1).clamp(-1, 1)
    else:
        x = drawn(size.count, size.config.latent_channels, small, small, seed=1)
    return x.to(device.device)


def _ours(name: str, size: Size, device: DeviceManager) -> Turn:
    with torch.device("meta"):
        net = VAE(size.config)
    placed: Any = device.place(filled(net)).eval()
    x = _inputs(name, size, device)
    call = (lambda: torch.cat(placed.encode(x))) if name == "vae-encode" else (lambda: placed.decode(x))
    return lambda: _quietly(call, device)


def _theirs(name: str, size: Size, device: DeviceManager) -> Turn:
    with torch.device("meta"):
        net = VAE(size.config)
    net_: Any = twin(net, of_diffusers("AutoencoderKL", layouts.write_vae(size.config, size.side)))
    net_ = net_.to(device.device).eval()
    x = _inputs(name, size, device)

    def encode() -> Tensor:
        found = net_.encode(x).latent_dist
        return torch.cat([found.mean, found.logvar])

    call = encode if name == "vae-encode" else (lambda: net_.decode(x).sample)
    return lambda: _quietly(call, device)


@torch.inference_mode()
def _quietly(call: Any, device: DeviceManager) -> Tensor:
    with device.autocast():
        return call().float()
