"""What Lab 01's exercises have in common: features of very different lengths, and how gradients are written down."""

import torch
import torch.nn.functional as F

LAB = "01_clip"


def features(generator, count, width):
    """(count, width) features as an encoder gives them: of very different lengths, with a common offset."""
    lengths = torch.exp(3 * torch.rand(count, 1, generator=generator) - 1.5)  # 0.22 to 4.5
    return (torch.randn(count, width, generator=generator) + 0.3) * lengths


def scale(generator, low, high):
    """A logit_scale, the multiplier itself: a 0-d tensor between low and high, far from 1."""
    return low + (high - low) * torch.rand((), generator=generator)


def gradient(result, given):
    """All gradients of a result for the tensors `given`, in one row; zeros where the result does not depend on one.

    The result's numbers are weighed differently, so that what cancels in a plain sum stays visible.
    """
    if not (torch.is_tensor(result) and result.requires_grad):
        return torch.cat([torch.zeros(one.numel()) for one in given])
    weights = torch.cos(torch.arange(result.numel(), dtype=result.dtype)).reshape(result.shape)
    found = torch.autograd.grad((result * weights).sum(), given, allow_unused=True)
    return torch.cat([(torch.zeros_like(x) if g is None else g).reshape(-1) for g, x in zip(found, given, strict=True)])


def cosines(image_features, text_features):
    """The cosines of every picture with every text; for wrong answers that get this right."""
    return F.normalize(image_features, dim=-1) @ F.normalize(text_features, dim=-1).T
