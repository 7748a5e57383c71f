"""Signed distance functions of a point, negative inside: the few forms that everything in the world is made of.

A point is (..., 2), x to the right and y down, in the thing's own units: a thing fills the circle of radius 1.
Distances are in the same units, and exact at the edge, which is all that anti-aliasing needs. In the manner of Inigo
Quilez, "2D distance functions".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise

import torch
from torch import Tensor

Point = tuple[float, float]
DistanceFunction = Callable[[Tensor], Tensor]


def disc(p: Tensor, radius: float, center: Point = (0.0, 0.0)) -> Tensor:
    """Distance of points (..., 2) to a disc."""
    return torch.hypot(p[..., 0] - center[0], p[..., 1] - center[1]) - radius


def discs(p: Tensor, each: Sequence[tuple[Point, float]]) -> Tensor:
    """Distance of points (..., 2) to the nearest of several discs, each a middle and a radius."""
    table = p.new_tensor([(*center, radius) for center, radius in each])  # (N, 3)
    away = torch.hypot(p[..., None, 0] - table[:, 0], p[..., None, 1] - table[:, 1])  # (..., N)
    return (away - table[:, 2]).amin(-1)


def ellipse(p: Tensor, radii: Point, center: Point = (0.0, 0.0), turn: float = 0.0) -> Tensor:
    """Distance of points (..., 2) to an ellipse turned clockwise by `turn` degrees; of first order near its edge."""
    p = turned(p, turn, center)
    x, y = p[..., 0] / radii[0], p[..., 1] / radii[1]
    k = torch.hypot(x, y).clamp(min=1e-6)  # the middle is inside
    slope = torch.hypot(x / radii[0], y / radii[1]).clamp(min=1e-6)
    return (k * (k - 1) / slope).clamp(min=-min(radii))


def box(p: Tensor, half_width: float, half_height: float, center: Point = (0.0, 0.0), rounding: float = 0.0) -> Tensor:
    """Distance of points (..., 2) to an upright rectangle, its corners rounded by a radius."""
    x = (p[..., 0] - center[0]).abs() - half_width + rounding
    y = (p[..., 1] - center[1]).abs() - half_height + rounding
    return torch.hypot(x.clamp(min=0), y.clamp(min=0)) + torch.maximum(x, y).clamp(max=0) - rounding


def polygon(p: Tensor, corners: Sequence[Point]) -> Tensor:
    """Distance of points (..., 2) to a simple polygon: the nearest edge, signed by counting crossings of a ray."""
    x, y = p.unbind(-1)
    nearest = torch.full_like(x, torch.inf)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        nearest = torch.minimum(nearest, line(p, [(ax, ay), (bx, by)]))
        if ay != by:
            inside ^= ((y < ay) != (y < by)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return torch.where(inside, -nearest, nearest)


def line(p: Tensor, stops: Sequence[Point], width: float = 0.0) -> Tensor:
    """Distance of points (..., 2) to a line through the stops, `width` thick on either side, with round ends."""
    x, y = p.unbind(-1)
    nearest = torch.full_like(x, torch.inf)
    for (ax, ay), (bx, by) in pairwise(stops):
        ex, ey = bx - ax, by - ay
        along = (((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        nearest = torch.minimum(nearest, (x - ax - along * ex) ** 2 + (y - ay - along * ey) ** 2)
    return nearest.sqrt() - width


def lines(p: Tensor, each: Sequence[Sequence[Point]], width: float = 0.0) -> Tensor:
    """Distance of points (..., 2) to the nearest of several lines, each through as many stops as the others."""
    stops = p.new_tensor(each)  # (N, stops, 2)
    nearest = line(p[..., None, :], [tuple(stop.unbind(-1)) for stop in stops.unbind(1)], width)  # type: ignore[misc]
    return nearest.amin(-1)


def arc(p: Tensor, radius: float, center: Point, start: float, end: float, width: float) -> Tensor:
    """Distance of points (..., 2) to an arc from `start` to `end` degrees, clockwise from the right, `width` thick."""
    p = turned(p, (start + end) / 2, center)
    half = math.radians((end - start) / 2)
    x, y = p[..., 0], p[..., 1].abs()
    on = y * math.cos(half) < x * math.sin(half)
    tip = torch.hypot(x - radius * math.cos(half), y - radius * math.sin(half))
    return torch.where(on, (torch.hypot(x, y) - radius).abs(), tip) - width


def turned(p: Tensor, degrees: float, center: Point = (0.0, 0.0)) -> Tensor:
    """Points (..., 2) as a form sees them that stands at `center`, turned clockwise."""
    x, y = p[..., 0] - center[0], p[..., 1] - center[1]
    if not degrees:
        return torch.stack([x, y], dim=-1)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)


def mirrored(p: Tensor) -> Tensor:
    """Points (..., 2) folded onto the right half, so that what is drawn there is drawn twice."""
    return torch.stack([p[..., 0].abs(), p[..., 1]], dim=-1)


def join(*forms: Tensor) -> Tensor:
    """All of the forms."""
    return reduce(torch.minimum, forms)


def melt(one: Tensor, other: Tensor, reach: float) -> Tensor:
    """Both forms, run into each other where they are nearer than `reach`."""
    near = (reach - (one - other).abs()).clamp(min=0)
    return torch.minimum(one, other) - near * near / (4 * reach)


def both(*forms: Tensor) -> Tensor:
    """Where the forms overlap."""
    return reduce(torch.maximum, forms)


def cut(form: Tensor, *away: Tensor) -> Tensor:
    """The form without the others."""
    return torch.maximum(form, -join(*away))
