"""What the exercises of Lab 07 draw, and the gradients that they ask for."""

import torch

from t2ilab.lab.probing import Unfit

LAB = "07_latent_diffusion"


def clouds(generator, *shape):
    """Means and log variances (B, C, h, w) of clouds that are all different, none of them standard normal."""
    mean = 1.3 * torch.randn(shape, generator=generator)
    logvar = 0.9 * torch.randn(shape, generator=generator) - 0.7
    return mean, logvar


def slopes(result, **inputs):
    """The gradient of the result with respect to all of the inputs, one after another, flat: 0 where none arrives.

    Raises Unfit for a result without any. Several results are added up with weights, so that no two count alike.
    """
    if not torch.is_tensor(result) or not result.requires_grad:
        raise Unfit("no_slope", name=next(iter(inputs)))
    weights = torch.linspace(0.5, 1.5, result.numel()).reshape(result.shape).to(result)
    found = torch.autograd.grad((weights * result).sum(), list(inputs.values()), allow_unused=True)
    given = zip(inputs.values(), found, strict=True)
    return torch.cat([torch.zeros(value.numel()) if slope is None else slope.flatten() for value, slope in given])
