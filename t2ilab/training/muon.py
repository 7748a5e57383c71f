"""Muon: an optimizer that gives every direction of a weight matrix the same step (Jordan et al. 2024).

The gradient of a layer points mostly along a few directions. Muon replaces it by about the nearest matrix whose
singular values are all alike, so the faint directions move as far as the loud ones; its authors suspect that this is
why it learns sooner. Here the faint ones would be the words, above all those of the shapes.
"""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor, nn

from t2ilab.training import fsdp
from t2ilab.training.adamw import AdamW


class Muon(AdamW):
    """Muon for the matrices of a model and AdamW for the rest: biases, norms, embeddings, the first and last layer.

    A convolution's weights count as a matrix with a row for each output channel. The length of a step is matched to
    AdamW's (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4), so that one learning rate serves both. Of a
    model that is shared out (`fsdp`), each process keeps the moments of its rows; whole is only the gradient of the
    matrices that are made even at the time.

    Args:
        model: the networks to train. `step` takes away the gradients of its matrices.
        lr: learning rate of both; 1e-3 is usual.
        betas, weight_decay: AdamW's; the decay is Muon's too.
        momentum: share of the running mean of the gradients that each step keeps.
        iterations: of Newton-Schulz; five bring the singular values to between 0.7 and 1.2.
        aside: names of the layers that AdamW keeps. Jordan et al. leave the first and the last to it; with Muon there
            too, this course's models find their words later.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.01,
        momentum: float = 0.95,
        iterations: int = 5,
        aside: tuple[str, ...] = ("conv_in", "conv_out"),
    ):
        kept = {
            id(p)
            for name, layer in model.named_modules()
            if isinstance(layer, nn.Embedding) or name.rpartition(".")[2] in aside
            for p in layer.parameters()
        }
        parameters = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in parameters if p.ndim >= 2 and id(p) not in kept]
        chosen = {id(p) for p in matrices}
        self.momentum, self.iterations = momentum, iterations
        self.matrices = [fsdp.learner(p) for p in matrices]
        rest = [fsdp.learner(p) for p in parameters if id(p) not in chosen]
        groups = [{"params": rest}, {"params": self.matrices}]
        super().__init__([g for g in groups if g["params"]], lr, betas=betas, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure=None):
        """Moves the matrices, then leaves the rest to AdamW, which passes over parameters without a gradient."""
        if closure is not None:
            raise ValueError("Muon takes no closure: call backward first, then step().")
        rows = [p for group in self.param_groups for p in group["params"] if fsdp.origin(p) is not p]
        for p in rows:  # whose gradients came to the parameters that they are of
            origin = fsdp.origin(p)
            p.grad, origin.grad = origin.grad if origin.grad is None else fsdp.part(origin.grad), None
        alike: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
        for p in self.matrices:
            if p.grad is not None:
                size = fsdp.origin(p).shape
                alike[size[0], math.prod(size[1:])].append(p)
        rate, decay = (self.param_groups[-1][name] for name in ("lr", "weight_decay"))
        for shape, matrices in alike.items():  # matrices of one shape in one batch
            gradients = [p.grad for p in matrices if p.grad is not None]
            means = [self._mean(p) for p in matrices]
            torch._foreach_lerp_(means, gradients, 1 - self.momentum)
            torch._foreach_lerp_(gradients, means, self.momentum)  # the running mean, one step ahead (Nesterov)
            origins = [fsdp.origin(p) for p in matrices]
            gradients = [fsdp.whole(g, origin) for g, origin in zip(gradients, origins, strict=True)]
            even = orthogonalise(torch.stack([g.reshape(shape) for g in gradients]), self.iterations)
            moves = [fsdp.rows_of(move.reshape(p.shape), p) for p, move in zip(origins, even, strict=True)]
            length = 0.2 * max(shape) ** 0.5  # root mean square of AdamW's steps, in an orthogonal matrix's norm
            torch._foreach_mul_(matrices, 1 - rate * decay)
            torch._foreach_add_(matrices, moves, alpha=-rate * length)
            for matrix in matrices:
                matrix.grad = None
        super().step()
        for p in rows:  # one of a block's gradients would keep them all, as they lie in one piece
            p.grad = None

    def _mean(self, p: Tensor) -> Tensor:
        """The running mean of a matrix's gradients."""
        state = self.state[p]
        if not state:
            state["step"] = torch.tensor(0.0)  # AdamW expects one of each parameter that has a state
            state["momentum_buffer"] = torch.zeros_like(p)
        return state["momentum_buffer"]


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Brings the singular values of each matrix close to 1 and leaves its singular vectors: U S V^T -> about U V^T.

    Newton and Schulz's iteration with Jordan's coefficients, a polynomial of odd degree, so it acts on each singular
    value by itself.

    Args:
        matrices: float (B, m, n), none of them zero.
        iterations: how many.

    Returns:
        (B, m, n), singular values about 0.7 to 1.2 where those of the input lie above a hundredth of its norm.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)  # (B, m, n), m at most n, singular values up to 1
    # Each iteration multiplies x from the left by a polynomial of x x^T. Those are (m, m) and commute, so where x is
    # wide the product of all is taken first, and x itself is touched only twice.
    wide = x.shape[2] > 1.5 * x.shape[1]
    gram = x @ x.mT  # (B, m, m)
    product = None
    for left in reversed(range(iterations)):
        factor = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
        factor.diagonal(dim1=1, dim2=2).add_(3.4445)
        if wide:
            product = factor if product is None else factor @ product
        else:
            x = factor @ x
        if left:
            gram = factor @ gram @ factor if wide else x @ x.mT
    x = x if product is None else product @ x
    return x.mT if tall else x
