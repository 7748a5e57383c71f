"""What the exercises of Lab 13 share: its name, logits, and gradients."""

import torch

from t2ilab.lab.probing import Unfit

LAB = "13_gans"


def logits(generator, *shape):
    """Logits of a judge that is right more often than not about real pictures, and sometimes quite sure."""
    return 0.4 + 1.5 * torch.randn(shape, generator=generator)


def slopes(loss_of, *given):
    """The gradients for what is given, one after the other in one vector; zero where none arrives."""
    leaves = [x.clone().requires_grad_() for x in given]
    loss = loss_of(*leaves)
    if not (torch.is_tensor(loss) and loss.requires_grad):
        raise Unfit("no_gradient")
    found = torch.autograd.grad(loss.sum(), leaves, allow_unused=True)
    return torch.cat([(torch.zeros_like(x) if g is None else g).flatten() for x, g in zip(leaves, found, strict=True)])
