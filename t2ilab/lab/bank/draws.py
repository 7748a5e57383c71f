"""Random inputs that the exercises of several labs draw."""

import torch


def pictures(generator, *shape):
    """Random pictures (B, 3, H, W) in [-1, 1]."""
    return torch.rand(shape, generator=generator) * 2 - 1


def noise_like(generator, x):
    """Standard normal noise of x's shape."""
    return torch.randn(x.shape, generator=generator)


def level(generator, low, high):
    """One alphas_cumprod, a 0-d tensor between low and high."""
    return low + (high - low) * torch.rand((), generator=generator)


def at_level(x0, noise, ac_t):
    """x_t at one noise level for the whole batch; for inputs, and for wrong answers that get this right."""
    return ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise
