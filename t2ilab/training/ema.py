"""The running average of a model's weights, which draws better than the weights themselves."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """An exponential moving average of parameters (Ho et al. 2020, appendix B, use 0.9999 over 800,000 steps).

    Args:
        model: what is averaged; its copy is `average.model`.
        decay: share of the old average that each step keeps. Early steps keep less, (1 + n) / (10 + n), so that a
            short run does not average in its own beginning.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"The decay of an average lies in [0, 1); got {decay}. 0.999 suits a few thousand steps.")
        self.decay = decay
        self.source: list[torch.Tensor] = list(model.parameters())
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.parameters: list[torch.Tensor] = list(self.model.parameters())
        # Running figures, as a batch norm keeps them, are averages already and are taken over as they are.
        self.buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the average towards the weights after the step-th update, counted from 1."""
        keep = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.parameters, self.source, 1 - keep)
        for mine, theirs in self.buffers:
            mine.copy_(theirs)
