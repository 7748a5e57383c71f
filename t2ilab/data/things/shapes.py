"""The eight shapes of the `shapes` level."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from t2ilab.data.geometry import DistanceFunction, box, disc, polygon


def circle(p: Tensor) -> Tensor:
    return disc(p, 0.92)


def square(p: Tensor) -> Tensor:
    return box(p, 0.78, 0.78)


def triangle(p: Tensor) -> Tensor:
    return polygon(p, [(0.0, -0.98), (0.95, 0.72), (-0.95, 0.72)])


def star(p: Tensor) -> Tensor:
    turns = [(math.pi * k / 5, 1.05 if k % 2 == 0 else 0.46) for k in range(10)]
    return polygon(p, [(r * math.sin(a), -r * math.cos(a)) for a, r in turns])


def heart(p: Tensor) -> Tensor:
    # Two discs, and the lines that touch them on their way down to the tip.
    folded = torch.stack([p[..., 0].abs(), p[..., 1]], dim=-1)
    tip = polygon(p, [(0.0, 0.98), (-0.88, 0.02), (0.0, -0.52), (0.88, 0.02)])
    return torch.minimum(tip, disc(folded, 0.53, (0.49, -0.34)))


def ring(p: Tensor) -> Tensor:
    return disc(p, 0.70).abs() - 0.24


def cross(p: Tensor) -> Tensor:
    return torch.minimum(box(p, 0.95, 0.30), box(p, 0.30, 0.95))


def diamond(p: Tensor) -> Tensor:
    return polygon(p, [(0.0, -1.05), (0.68, 0.0), (0.0, 1.05), (-0.68, 0.0)])


SHAPES: dict[str, DistanceFunction] = {
    f.__name__: f for f in (circle, square, triangle, star, heart, ring, cross, diamond)
}
