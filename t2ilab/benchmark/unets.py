"""A training step of the U-Net beside diffusers' UNet2DConditionModel: one configuration, the same weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.benchmark.contest import Contest, Turn, own_device
from t2ilab.benchmark.twins import drawn, filled, of_diffusers, parameters, twin
from t2ilab.device import DeviceManager
from t2ilab.interop import layouts
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.recipes import shapes

# A quarter of Stable Diffusion 1.5's widths, on a quarter of its latents a side.
WIDE = UNetConfig(4, 4, (80, 160, 320, 320), 2, (True, True, True, False), 64, 8, 16)


@dataclass(frozen=True)
class Size:
    """A network and what it is asked: maps (batch, C, side, side), texts of so many tokens."""

    what: str
    config: UNetConfig
    batch: int
    side: int
    tokens: int = 24


SMALL = Size("the U-Net of the recipe shapes", shapes.NUMBERS.unet, shapes.NUMBERS.batch, 8)
LARGE = Size("a quarter of Stable Diffusion 1.5's widths", WIDE, 4, 16)
TINY = Size("a trial", UNetConfig(4, 4, (8, 16), attention=(False, True), cross_attention_dim=16), 2, 8, 4)
PUBLISHED = Size("Stable Diffusion 1.5's U-Net", UNetConfig.stable_diffusion_1(), 8, 64, 77)


def training(name: str, size: Size, quick: bool = False, compiled: bool = False) -> Contest:
    """Forward, backward and AdamW; `compiled` hands both networks to torch.compile."""
    rounds = 2 if quick else 10
    size = TINY if quick else size
    with torch.device("meta"):
        count = parameters(UNet(size.config))
    return Contest(
        name,
        "A training step (forward, backward, the same AdamW) of our UNet, channels-last as every recipe has it, "
        "beside diffusers' UNet2DConditionModel as its class comes: one configuration, the same weights and inputs"
        f"{', both by torch.compile' if compiled else ''}.",
        f"{size.what}, {count}, {size.batch} maps of {size.config.in_channels}x{size.side}x{size.side}",
        lambda: turn_of_ours(size, own_device(), compiled),
        lambda: turn_of_theirs(size, own_device(), compiled),
        tolerance=1e-4 if own_device().dtype == torch.float32 else 0.05,
        rounds=rounds,
    )


def turn_of_ours(size: Size, device: DeviceManager, compiled: bool = False) -> Turn:
    """A step of our network, placed as every recipe places it."""
    with torch.device("meta"):
        net = UNet(size.config)
    return _turn(device.place(filled(net)), lambda net, *x: net(*x), size, device, compiled)


def turn_of_theirs(size: Size, device: DeviceManager, compiled: bool = False) -> Turn:
    """A step of diffusers' network with the same weights."""
    with torch.device("meta"):
        net = UNet(size.config)
    theirs = twin(net, of_diffusers("UNet2DConditionModel", layouts.write_unet(size.config, size.side)))
    return _turn(theirs.to(device.device), lambda net, *x: net(*x).sample, size, device, compiled)


def inputs(size: Size, device: DeviceManager) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy maps, timesteps, tokens of a text."""
    x = drawn(size.batch, size.config.in_channels, size.side, size.side, seed=1)
    context = drawn(size.batch, size.tokens, size.config.cross_attention_dim, seed=2)
    return x.to(device.device), torch.arange(size.batch, device=device.device) + 400, context.to(device.device)


def _turn(net: nn.Module, call: Callable[..., Tensor], size: Size, device: DeviceManager, compiled: bool) -> Turn:
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    asked, target = inputs(size, device), drawn(size.batch, size.config.out_channels, size.side, size.side, seed=3)
    target = target.to(device.device)
    forward = torch.compile(net.train()) if compiled else net.train()

    def turn() -> Tensor:
        optimizer.zero_grad()
        with device.autocast():
            output = call(forward, *asked)
        loss = F.mse_loss(output.float(), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return turn
