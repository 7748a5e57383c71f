"""What a machine can do at most: the operations a second of one large convolution, or of one matrix product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from t2ilab.device import DeviceManager


@dataclass(frozen=True)
class Work:
    """A call and how many operations it takes; a multiplication and an addition are two."""

    operations: float
    call: Callable[[], object]


def counted(call: Callable[[], object]) -> Work:
    """The call with its operations, as torch counts them by running it once."""
    with FlopCounterMode(display=False) as counter:
        call()
    return Work(counter.get_total_flops(), call)


def layers(model: nn.Module, call: Callable[[], object]) -> Work:
    """All convolutions and linear layers that a call goes through, one after the other, forward and backward, each on
    the input that it has there: what is left of the call if everything between them costs nothing."""
    met: list[tuple[nn.Module, Tensor, Tensor]] = []

    def remember(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        given = inputs[0].detach().clone().requires_grad_(inputs[0].requires_grad)
        met.append((layer, given, torch.randn_like(output)))

    hooks = [
        layer.register_forward_hook(remember) for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    call()
    for hook in hooks:
        hook.remove()

    def alone() -> None:
        for layer, given, gradient in met:
            layer.zero_grad()
            given.grad = None
            layer(given).backward(gradient)

    return counted(alone)


def convolutions(device: DeviceManager, quick: bool = False) -> list[Work]:
    """3x3 convolutions, forward, in the device's dtype, of a few widths: the best of them is the ceiling."""
    works = []
    for width in (8,) if quick else (64, 128, 256):
        shape = (4 if quick else 64, width, 16, 16)
        x = torch.randn(shape, device=device.device, dtype=device.dtype).to(memory_format=torch.channels_last)
        weight = torch.randn(width, width, 3, 3, device=device.device, dtype=device.dtype)
        weight = weight.to(memory_format=torch.channels_last)
        operations = 2 * shape[0] * 16 * 16 * 9 * width**2
        works.append(Work(operations, lambda x=x, weight=weight: F.conv2d(x, weight, padding=1)))  # type: ignore[misc]
    return works


def products(device: DeviceManager, quick: bool = False) -> list[Work]:
    """Products of square matrices, in the device's dtype, of a few sizes."""
    large = (2048, 4096, 8192) if device.device.type != "cpu" else (512, 1024, 2048)
    works = []
    for side in (32,) if quick else large:
        a, b = (torch.randn(side, side, device=device.device, dtype=device.dtype) for _ in range(2))
        works.append(Work(2 * side**3, lambda a=a, b=b: a @ b))  # type: ignore[misc]
    return works
