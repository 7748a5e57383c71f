"""Published classes beside ours, with the same random weights."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from t2ilab.interop import layouts

Module = TypeVar("Module", bound=nn.Module)


def drawn(*shape: int, seed: int) -> Tensor:
    """Standard normal numbers of a seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def weights(net: nn.Module) -> dict[str, Tensor]:
    """Random weights for a network, also on "meta": as loud as a fresh layer's, norms near one, nothing zero."""
    generator, state = torch.Generator().manual_seed(0), {}
    for name, parameter in net.state_dict().items():
        fan = parameter[0].numel() if parameter.ndim > 1 and "embedding" not in name else 100
        drawn_ = torch.randn(parameter.shape, generator=generator) * fan**-0.5
        state[name] = drawn_ + ("norm" in name and "weight" in name)
    return state


def filled(net: Module) -> Module:
    """One of our networks, on "meta" or not, with these weights in it."""
    net.load_state_dict(weights(net), assign=True)
    return net


def of_diffusers(name: str, config: dict[str, Any]) -> nn.Module:
    """One of diffusers' networks, on "meta". Raises ImportError without diffusers."""
    import diffusers

    with torch.device("meta"):
        return getattr(diffusers, name).from_config(config)


def twin(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """One of diffusers' networks, with the weights that `filled` gives ours."""
    state = {layouts.published_name(name): tensor for name, tensor in weights(ours).items()}
    theirs.load_state_dict(state, assign=True)
    return theirs


def parameters(net: nn.Module) -> str:
    """How many, as a person writes it."""
    return f"{sum(p.numel() for p in net.parameters()):,} weights"
