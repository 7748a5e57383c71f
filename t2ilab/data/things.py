"""How each thing is drawn: signed distance functions of a point, negative inside, one short function each.

A point is (..., 2), x to the right and y down, in the thing's own units: it fills the circle of radius 1. The distance
is in the same units, exact at the edge, which is all that anti-aliasing needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

DistanceFunction = Callable[[Tensor], Tensor]


def disc(p: Tensor, radius: float, center: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Distance of points (..., 2) to a disc."""
    return torch.hypot(p[..., 0] - center[0], p[..., 1] - center[1]) - radius


def box(p: Tensor, half_width: float, half_height: float) -> Tensor:
    """Distance of points (..., 2) to an upright rectangle around the origin."""
    x, y = p[..., 0].abs() - half_width, p[..., 1].abs() - half_height
    return torch.hypot(x.clamp(min=0), y.clamp(min=0)) + torch.maximum(x, y).clamp(max=0)


def polygon(p: Tensor, corners: list[tuple[float, float]]) -> Tensor:
    """Distance of points (..., 2) to a simple polygon: the nearest edge, signed by counting crossings of a ray."""
    x, y = p.unbind(-1)
    nearest = torch.full_like(x, torch.inf)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = bx - ax, by - ay
        along = (((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        nearest = torch.minimum(nearest, (x - ax - along * ex) ** 2 + (y - ay - along * ey) ** 2)
        if ay != by:
            inside ^= ((y < ay) != (y < by)) & (x < ax + (y - ay) * ex / ey)
    return torch.where(inside, -nearest.sqrt(), nearest.sqrt())


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
    # A square standing on its corner, with a disc on each of its two upper sides.
    folded = torch.stack([p[..., 0].abs(), p[..., 1]], dim=-1)
    tip = polygon(p, [(0.0, 0.98), (-0.92, 0.06), (0.0, -0.52), (0.92, 0.06)])
    return torch.minimum(tip, disc(folded, 0.53, (0.49, -0.34)))


def ring(p: Tensor) -> Tensor:
    return disc(p, 0.70).abs() - 0.24


def cross(p: Tensor) -> Tensor:
    return torch.minimum(box(p, 0.95, 0.30), box(p, 0.30, 0.95))


def diamond(p: Tensor) -> Tensor:
    return polygon(p, [(0.0, -1.05), (0.68, 0.0), (0.0, 1.05), (-0.68, 0.0)])


THINGS: dict[str, DistanceFunction] = {
    f.__name__: f for f in (circle, square, triangle, star, heart, ring, cross, diamond)
}
