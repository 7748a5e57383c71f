"""Which modules of a model a step calls, found by watching one, so that no recipe has to say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.training import processes

Calls = dict[nn.Module, list[nn.Module]]


def watched(model: nn.Module, loss_of: Callable[[int], Tensor], parts: int = 1) -> Calls:
    """Takes the loss of the first batch, or of the first of so many parts of it, without a gradient, and looks.

    Returns:
        Each module of the model that was called, in the order of the first calls -> the modules of the model that were
        at work in every one of its calls, from the outermost to itself.
    """
    at_work: list[nn.Module] = []
    found: Calls = {}

    def enter(module: nn.Module, _: Any) -> None:
        at_work.append(module)
        found[module] = [each for each in found.get(module, at_work) if each in at_work]

    def leave(module: nn.Module, *_: Any) -> None:
        at_work.pop()

    hooks = []
    for module in model.modules():
        hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        with torch.no_grad(), processes.part(0, parts):
            loss_of(0)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def outermost(calls: Calls) -> list[nn.Module]:
    """Those that the step itself calls: the networks, such as a U-Net and a text encoder."""
    return [module for module, around in calls.items() if around == [module]]
