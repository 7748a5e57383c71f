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
            if p.grad is None:
                continue
            if not _lie_alike(p, p.grad):
                p.grad = torch.empty_like(p).copy_(p.grad)
            state = self.state[p]
            if state and not _lie_alike(p, state["exp_avg"]):
                state |= {name: torch.empty_like(p).copy_(x) for name, x in state.items() if x.shape == p.shape}
        complex_ = super()._init_group(group, parameters, *others)
        lists = [parameters, *(tensors for tensors in others if isinstance(tensors, list) and tensors)]
        for index, p in enumerate(parameters):
            if not p.is_contiguous() and p.is_contiguous(memory_format=torch.channels_last):
                for tensors in lists:
                    if tensors[index].ndim:  # (O, I, H, W); the count of steps stays
                        tensors[index] = tensors[index].permute(0, 2, 3, 1)  # (O, H, W, I), in order
        return complex_


def _lie_alike(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one shape lie in memory in the same order; the step along an axis of length 1 is none."""
    if a.stride() == b.stride():  # nearly always, and sooner found
        return True
    return all(size == 1 or x == y for size, x, y in zip(a.shape, a.stride(), b.stride(), strict=True))
