"""The running average of a model's weights, which draws better than the weights themselves."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from t2ilab.training import fsdp, processes


class Average:
    """An exponential moving average of parameters (Ho et al. 2020, appendix B, use 0.9999 over 800,000 steps).

    Args:
        model: what is averaged; its copy is `average.model`.
        decay: share of the old average that each step keeps. Early steps keep less, (1 + n) / (10 + n), so that a
            short run does not average in its own beginning.
        shell: of a model that `fsdp.share_out` shared out: each process then averages its rows, and `average.model` is
            this shell, without weights. `whole` fills it.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999, shell: nn.Module | None = None):
        if not 0 <= decay < 1:
            raise ValueError(f"The decay of an average lies in [0, 1); got {decay}. 0.999 suits a few thousand steps.")
        self.decay = decay
        self.likes: list[Tensor] = list(model.parameters())
        self.source = [fsdp.part(p) for p in self.likes]
        self.split = shell is not None
        self.model = (copy.deepcopy(model) if shell is None else shell).requires_grad_(False).eval()
        self.parameters: list[Tensor] = list(self.model.parameters())
        if self.split:
            self.parameters = [p.detach().clone() for p in self.source]
        # Running figures, as a batch norm keeps them, are averages already and are taken over as they are.
        self.buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the average towards the weights after the step-th update, counted from 1."""
        keep = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.parameters, self.source, 1 - keep)
        for mine, theirs in self.buffers:
            mine.copy_(theirs)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The state dict of the averaged model, one whole tensor at a time; all processes that share it call this."""
        rows = zip(self.model.parameters(), self.parameters, self.likes, strict=True)
        held = {id(p): (mine, like) for p, mine, like in rows}
        for name, tensor in self.model.state_dict(keep_vars=True).items():
            yield name, fsdp.whole(*held.get(id(tensor), (tensor, tensor)))

    def whole(self) -> nn.Module:
        """The averaged model. Where processes share it all of them call this, and the first one gets it."""
        if not self.split:
            return self.model
        tensors = {name: tensor.clone() for name, tensor in self.tensors() if processes.rank() == 0}
        if not tensors:
            return self.model
        model = copy.deepcopy(self.model)
        model.load_state_dict(tensors, assign=True)
        return model

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes over a state dict of whole tensors. Raises RuntimeError or LookupError for one of another model."""
        if not self.split:
            self.model.load_state_dict(tensors)
            return
        for (name, p), mine, like in zip(self.model.named_parameters(), self.parameters, self.likes, strict=True):
            if tensors[name].shape != p.shape:
                raise ValueError(f"{name} is {tuple(tensors[name].shape)}, not {tuple(p.shape)}")
            mine.copy_(fsdp.rows_of(tensors[name], like))
        for name, buffer in self.model.named_buffers():
            if name in tensors:
                buffer.copy_(tensors[name])
