"""The bodies of monsters, ten forms, and where on their edge something can grow."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from t2ilab.data.geometry import DistanceFunction, Point, box, disc, ellipse, join, line, melt, polygon


@dataclass(frozen=True)
class Body:
    """A body in its own units, x to the right and y down, its middle near (0, 0).

    Attributes:
        form: its signed distance.
        face: where the face is.
        room: how far the face may reach to either side.
    """

    form: DistanceFunction
    face: Point = (0.0, -0.1)
    room: float = 0.42

    def edge(self, start: Point, degrees: float) -> Point:
        """Where a ray from a point inside leaves the body for good; degrees clockwise from the right."""
        along = torch.linspace(0, 1.2, 121)
        dx, dy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        ray = torch.stack([start[0] + dx * along, start[1] + dy * along], dim=-1)
        inside = (self.form(ray) < 0).nonzero()
        t = float(along[inside[-1, 0]]) if len(inside) else 0.0
        return start[0] + dx * t, start[1] + dy * t

    @property
    def low(self) -> float:
        """How far down it is all body, between spikes and waves too."""
        return min(self.edge(self.face, degrees)[1] for degrees in (72, 81, 90, 99, 108))


def _round(rng: random.Random) -> Body:
    radii = rng.uniform(0.52, 0.60), rng.uniform(0.50, 0.58)
    return Body(lambda p: ellipse(p, radii), (0, -0.12), 0.44)


def _tall(rng: random.Random) -> Body:
    wide, high = rng.uniform(0.36, 0.42), rng.uniform(0.66, 0.76)
    return Body(lambda p: box(p, wide, high, rounding=wide), (0, -0.32), 0.34)


def _square(rng: random.Random) -> Body:
    wide, high, rounding = rng.uniform(0.46, 0.54), rng.uniform(0.46, 0.54), rng.uniform(0.08, 0.18)
    return Body(lambda p: box(p, wide, high, rounding=rounding), (0, -0.14), 0.42)


def _pear(rng: random.Random) -> Body:
    low, top = rng.uniform(0.46, 0.54), rng.uniform(0.28, 0.34)
    return Body(
        lambda p: melt(ellipse(p, (low, 0.44), (0, 0.16)), disc(p, top, (0, -0.34)), reach=0.25), (0, -0.28), 0.34
    )


def _pointed(rng: random.Random) -> Body:
    wide, high = rng.uniform(0.44, 0.52), rng.uniform(0.62, 0.72)
    corners = [(0.0, -high + 0.08), (wide - 0.08, 0.40), (-wide + 0.08, 0.40)]
    return Body(lambda p: polygon(p, corners) - 0.16, (0, 0.06), 0.34)


def _ghost(rng: random.Random) -> Body:
    wide, waves = rng.uniform(0.44, 0.52), rng.choice((3, 4))

    def form(p: Tensor) -> Tensor:
        hem = 0.50 + 0.07 * torch.cos(p[..., 0] / wide * math.pi * waves)
        dome = join(disc(p, wide, (0, -0.14)), box(p, wide, 0.60, (0, 0.45)))
        return torch.maximum(dome, (p[..., 1] - hem) * 0.8)

    return Body(form, (0, -0.20), 0.40)


def _fluffy(rng: random.Random) -> Body:
    return _edged(rng.choice((11, 13, 15)), rng.uniform(0.52, 0.58), 0.07, lambda turns: turns.sin().abs())


def _spiky(rng: random.Random) -> Body:
    return _edged(
        rng.choice((11, 13, 15)), rng.uniform(0.58, 0.64), 0.14, lambda turns: 1 - (turns / math.pi % 1 - 0.5).abs() * 2
    )


def _edged(count: int, radius: float, deep: float, wave: Callable[[Tensor], Tensor]) -> Body:
    """A round body whose edge goes in and out, `count` times round."""

    def form(p: Tensor) -> Tensor:
        around = torch.atan2(p[..., 0], -p[..., 1])
        edge = radius - deep + deep * wave(around * count / 2)
        # Divided by how steep the edge is, so that a line along it has the same width everywhere.
        return (torch.hypot(p[..., 0], p[..., 1]) - edge) / math.hypot(1, deep * count / 2 / radius * 0.8)

    return Body(form, (0, -0.08), 0.40)


def _wide(rng: random.Random) -> Body:
    radii = rng.uniform(0.66, 0.74), rng.uniform(0.43, 0.49)
    return Body(lambda p: ellipse(p, radii), (0, -0.14), 0.46)


def _star(rng: random.Random) -> Body:
    far, near, part = rng.uniform(0.66, 0.74), rng.uniform(0.38, 0.42), math.pi / 5
    valley = near * math.sin(part), near * math.cos(part)

    def form(p: Tensor) -> Tensor:
        # Ten times the same half of a ray, whose edge goes from the tip to the valley.
        around = torch.atan2(p[..., 0], 0.04 - p[..., 1]) / (2 * part)
        turn = (around - around.round()).abs() * 2 * part
        far_off = torch.hypot(p[..., 0], p[..., 1] - 0.04)
        q = torch.stack([far_off * turn.sin(), far_off * turn.cos()], dim=-1)
        outside = q[..., 0] * (far - valley[1]) + (q[..., 1] - far) * valley[0]
        return line(q, [(0.0, far), valley]) * outside.sign() - 0.08

    return Body(form, (0, -0.06), 0.34)


FORMS: dict[str, Callable[[random.Random], Body]] = {
    "round": _round,
    "tall": _tall,
    "square": _square,
    "pear": _pear,
    "pointed": _pointed,
    "ghost": _ghost,
    "fluffy": _fluffy,
    "spiky": _spiky,
    "wide": _wide,
    "star": _star,
}
