"""A training step of the U-Net beside diffusers' UNet2DConditionModel: one configuration, the same weights and update.

Theirs is written as diffusers' examples/text_to_image/train_text_to_image.py has it, option `--use_ema` included, and
ours as this package does it: gradients clipped to a length of 1, AdamW, an average of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.benchmark.contest import Contest, Turn, own_device
from t2ilab.benchmark.twins import drawn, filled, of_diffusers, parameters, twin
from t2ilab.device import DeviceManager
from t2ilab.interop import layouts
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.recipes import shapes
from t2ilab.training.adamw import AdamW
from t2ilab.training.ema import Average

# A quarter of Stable Diffusion 1.5's widths, on a quarter of its latents a side.
WIDE = UNetConfig(4, 4, (80, 160, 320, 320), 2, (True, True, True, False), 64, 8, 16)

RATE, CLIP, DECAY = 1e-4, 1.0, 0.9999  # the script's own: learning rate, longest gradient, of the average


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
    """Forward, backward and the whole update; `compiled` hands both networks to torch.compile."""
    rounds = 2 if quick else 10
    size = TINY if quick else size
    with torch.device("meta"):
        weights = parameters(UNet(size.config))
    return Contest(
        name,
        "A training step (forward, backward, clip, AdamW, average) of our UNet, channels-last as every recipe has it, "
        "with our optimizer and average, beside diffusers' UNet2DConditionModel as its training script has it, with "
        "torch's AdamW and diffusers' EMAModel: one configuration, the same weights, inputs and rule of the update"
        f"{', both by torch.compile' if compiled else ''}.",
        f"{size.what}, {weights}, {size.batch} maps of {size.config.in_channels}x{size.side}x{size.side}",
        lambda: turn_of_ours(size, own_device(), compiled),
        lambda: turn_of_theirs(size, own_device(), compiled),
        tolerance=1e-4 if own_device().dtype == torch.float32 else 0.05,
        rounds=rounds,
        checked=3,  # the losses after two updates too
    )


def turn_of_ours(size: Size, device: DeviceManager, compiled: bool = False) -> Turn:
    """A step of our network, placed as every recipe places it."""
    with torch.device("meta"):
        net = UNet(size.config)
    net = device.place(filled(net))
    return _turn(net, lambda net, *x: net(*x), our_update(net)[0], size, device, compiled)


def turn_of_theirs(size: Size, device: DeviceManager, compiled: bool = False) -> Turn:
    """A step of diffusers' network with the same weights."""
    with torch.device("meta"):
        net = UNet(size.config)
    theirs = twin(net, of_diffusers("UNet2DConditionModel", layouts.write_unet(size.config, size.side)))
    theirs = theirs.to(device.device)
    return _turn(theirs, lambda net, *x: net(*x).sample, their_update(theirs)[0], size, device, compiled)


def our_update(net: nn.Module) -> tuple[Callable[[], None], Iterable[Tensor]]:
    """What follows backward, as this package has it, and the averaged weights."""
    optimizer, average, steps = AdamW(net.parameters(), lr=RATE), Average(net, DECAY), count(1)

    def update() -> None:
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        average.update(next(steps))
        optimizer.zero_grad()

    return update, average.parameters


def their_update(net: nn.Module) -> tuple[Callable[[], None], Iterable[Tensor]]:
    """The same as diffusers' script has it."""
    from diffusers.training_utils import EMAModel

    optimizer, average = torch.optim.AdamW(net.parameters(), lr=RATE), EMAModel(net.parameters(), DECAY)
    # It takes over the first weights whole and keeps 2/11 from its second step on, which is our first.
    average.optimization_step = 1

    def update() -> None:
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        average.step(net.parameters())

    return update, average.shadow_params


def inputs(size: Size, device: DeviceManager) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy maps, timesteps, tokens of a text."""
    x = drawn(size.batch, size.config.in_channels, size.side, size.side, seed=1)
    context = drawn(size.batch, size.tokens, size.config.cross_attention_dim, seed=2)
    return x.to(device.device), torch.arange(size.batch, device=device.device) + 400, context.to(device.device)


def _turn(
    net: nn.Module,
    call: Callable[..., Tensor],
    update: Callable[[], None],
    size: Size,
    device: DeviceManager,
    compiled: bool,
) -> Turn:
    asked, target = inputs(size, device), drawn(size.batch, size.config.out_channels, size.side, size.side, seed=3)
    target = target.to(device.device)
    forward = torch.compile(net.train()) if compiled else net.train()

    def turn() -> Tensor:
        with device.autocast():
            output = call(forward, *asked)
        loss = F.mse_loss(output.float(), target)
        loss.backward()
        update()
        return loss.detach()

    return turn
