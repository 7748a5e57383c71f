"""What Lab 03's exercises have in common: features whose cosines are chosen, and whose lengths say nothing."""

import torch
import torch.nn.functional as F

LAB = "03_image_text_data"


def uniform(generator, low, high, *shape):
    """Random numbers between low and high, a tensor of that shape."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def features(generator, n, d):
    """(N, D): random directions, with lengths from 0.2 to 5, so that an answer that lets lengths count shows it."""
    directions = F.normalize(torch.randn(n, d, generator=generator), dim=-1)
    return directions * uniform(generator, -1.6, 1.6, n, 1).exp()


def pairs(generator, cosines, d):
    """Two (N, D) of unit vectors; the cosine of row i of one to row i of the other is cosines[i]."""
    first = F.normalize(torch.randn(len(cosines), d, generator=generator), dim=-1)
    other = torch.randn(len(cosines), d, generator=generator)
    # What is left of other when its part along first is taken away is at right angles to first.
    aside = F.normalize(other - (other * first).sum(-1, keepdim=True) * first, dim=-1)
    return first, cosines[:, None] * first + (1 - cosines**2).sqrt()[:, None] * aside


def on_axes(rows):
    """(N, 4) of vectors along the axes, whose lengths are powers of two: every cosine is exactly -1, 0 or 1.

    rows: (axis, length with sign) each. Only so may a cosine lie right at a threshold, however it is computed.
    """
    vectors = torch.zeros(len(rows), 4)
    for row, (axis, length) in zip(vectors, rows, strict=True):
        row[axis] = length
    return vectors


def cosines(a, b):
    """(N, M), for wrong answers that get this right."""
    return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T
