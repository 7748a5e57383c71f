"""Plants, weather and the sky."""

from __future__ import annotations

import math

from torch import Tensor

from t2ilab.data.geometry import both, box, cut, disc, ellipse, join, line, mirrored, polygon
from t2ilab.data.things.figure import Figure, Paint
from t2ilab.data.things.shapes import star as five_points

MAIN, DARK, PALE, ACCENT = Paint.MAIN, Paint.DARK, Paint.PALE, Paint.ACCENT
INK, WHITE, WOOD, GOLD, GREEN, ROSE = Paint.INK, Paint.WHITE, Paint.WOOD, Paint.GOLD, Paint.GREEN, Paint.ROSE


def around(count: int, radius: float, start: float = 0.0) -> list[tuple[float, float]]:
    """`count` points on a circle, from `start` degrees, clockwise from the top."""
    turns = [math.radians(start + 360 * k / count) for k in range(count)]
    return [(radius * math.sin(a), -radius * math.cos(a)) for a in turns]


def tree(p: Tensor) -> Figure:
    crown = join(disc(p, 0.46, (-0.38, -0.10)), disc(p, 0.46, (0.38, -0.10)), disc(p, 0.52, (0, -0.46)))
    fruit = [disc(p, 0.14, c) for c in ((-0.48, -0.08), (0.14, -0.66), (0.46, -0.18), (0.02, -0.14), (-0.28, -0.52))]
    return [
        (WOOD, polygon(p, [(-0.13, 0.1), (0.13, 0.1), (0.22, 0.98), (-0.22, 0.98)])),
        (MAIN, crown),
        (DARK, both(crown, -ellipse(p, (0.95, 0.62), (0, -0.52)))),
        (ACCENT, join(*fruit)),
    ]


def flower(p: Tensor) -> Figure:
    petals = join(*[ellipse(p, (0.21, 0.27), (x, y - 0.34), 60 * k) for k, (x, y) in enumerate(around(6, 0.38))])
    return [
        (GREEN, join(line(p, [(0, -0.2), (0, 0.95)], 0.06), ellipse(p, (0.28, 0.12), (0.26, 0.66), -30))),
        (GREEN, ellipse(p, (0.28, 0.12), (-0.26, 0.74), 30)),
        (MAIN, petals),
        (ACCENT, disc(p, 0.24, (0, -0.34))),
    ]


def mushroom(p: Tensor) -> Figure:
    cap = cut(ellipse(p, (0.88, 0.86), (0, 0.04)), box(p, 2, 0.5, (0, 0.60)))
    spots = join(disc(p, 0.20, (-0.02, -0.46)), disc(p, 0.16, (-0.52, -0.14)), disc(p, 0.17, (0.48, -0.16)))
    return [
        (WHITE, box(p, 0.25, 0.46, (0, 0.46), 0.16)),
        (MAIN, cap),
        (ACCENT, both(spots, cap)),
        (DARK, both(cap, box(p, 2, 0.07, (0, 0.06)))),
    ]


def sun(p: Tensor) -> Figure:
    rays = [
        polygon(
            p,
            [(0.98 * x, 0.98 * y), (0.56 * x + 0.2 * y, 0.56 * y - 0.2 * x), (0.56 * x - 0.2 * y, 0.56 * y + 0.2 * x)],
        )
        for x, y in around(10, 1.0)
    ]
    m = mirrored(p)
    return [
        (ACCENT, join(*rays)),
        (MAIN, disc(p, 0.60)),
        (INK, join(disc(m, 0.075, (0.21, -0.12)), line(m, [(0.0, 0.22), (0.14, 0.19), (0.25, 0.10)], 0.04))),
        (ROSE, disc(m, 0.09, (0.38, 0.10))),
    ]


def moon(p: Tensor) -> Figure:
    crescent = cut(disc(p, 0.92, (0.06, 0)), disc(p, 0.76, (0.46, -0.10)))
    small = 0.36 * five_points((p - p.new_tensor([0.46, -0.08])) / 0.36)
    return [
        (MAIN, crescent),
        (DARK, join(disc(p, 0.08, (-0.60, 0.18)), disc(p, 0.06, (-0.42, 0.56)))),
        (INK, line(p, [(-0.56, -0.26), (-0.46, -0.20), (-0.36, -0.24)], 0.035)),
        (ACCENT, small),
    ]


def cloud(p: Tensor) -> Figure:
    puffs = join(disc(p, 0.34, (-0.60, 0.16)), disc(p, 0.46, (-0.16, -0.14)), disc(p, 0.40, (0.36, -0.02)))
    whole = join(puffs, disc(p, 0.28, (0.68, 0.22)), box(p, 0.78, 0.20, (0.04, 0.30), 0.2))
    m = mirrored(p)
    return [
        (MAIN, whole),
        (ACCENT, both(whole, box(p, 2, 0.5, (0, 0.80)))),
        (INK, join(disc(m, 0.06, (0.16, 0.00)), line(m, [(0.0, 0.13), (0.09, 0.11)], 0.03))),
    ]


NATURE = {f.__name__: f for f in (tree, flower, mushroom, sun, moon, cloud)}
