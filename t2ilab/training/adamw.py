"""torch's fused AdamW, for weights that lie in memory as they please.

The fused form walks through memory. Weights that lie channels-last it copies into the usual order and back at each
step, and where a gradient or a moment lies otherwise than its weight it gives wrong updates without a word (both on a
CPU, torch 2.14). Here it gets the view of channels-last weights that is in order, and all else lies as its weight does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class AdamW(torch.optim.AdamW):
    """AdamW (Loshchilov & Hutter 2019): torch's own updates, sooner.

    Args:
        params, lr, settings: as torch's.
    """

    def __init__(self, params: Any, lr: float | Tensor = 1e-3, **settings: Any):
        super().__init__(params, lr, fused=True, **settings)

    def _init_group(self, group: dict[str, Any], parameters: list[Tensor], *others: Any) -> bool:
        """Fills the lists that a step of torch's works on: parameters, and of each its gradient, moments and count."""
        for p in group["params"]:
            if p.grad is not None:
                p.grad = _lying_as(p, p.grad)
                self.state[p] |= {name: _lying_as(p, x) for name, x in self.state[p].items() if x.shape == p.shape}
        complex_ = super()._init_group(group, parameters, *others)
        lists = [parameters, *(tensors for tensors in others if isinstance(tensors, list) and tensors)]
        for index, p in enumerate(parameters):
            if not p.is_contiguous() and p.is_contiguous(memory_format=torch.channels_last):
                for tensors in lists:
                    if tensors[index].ndim:  # (O, I, H, W); the count of steps stays
                        tensors[index] = tensors[index].permute(0, 2, 3, 1)  # (O, H, W, I), in order
        return complex_


def _lying_as(like: Tensor, tensor: Tensor) -> Tensor:
    """A tensor in the layout of another of its shape; itself, where it has that already."""
    if all(size == 1 or a == b for size, a, b in zip(like.shape, tensor.stride(), like.stride(), strict=True)):
        return tensor
    return torch.empty_like(like).copy_(tensor)
