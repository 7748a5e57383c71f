"""What carries people: on the road, on water and in the air; and the house they come home to."""

from __future__ import annotations

from torch import Tensor

from t2ilab.data.geometry import both, box, cut, disc, ellipse, join, line, mirrored, polygon
from t2ilab.data.things.figure import Figure, Paint

MAIN, DARK, PALE, ACCENT = Paint.MAIN, Paint.DARK, Paint.PALE, Paint.ACCENT
INK, WHITE, WOOD, GREY, GOLD, ROSE, GLASS = (
    Paint.INK,
    Paint.WHITE,
    Paint.WOOD,
    Paint.GREY,
    Paint.GOLD,
    Paint.ROSE,
    Paint.GLASS,
)


def house(p: Tensor) -> Figure:
    return [
        (GREY, box(p, 0.11, 0.28, (0.46, -0.62))),
        (MAIN, box(p, 0.64, 0.48, (0, 0.44))),
        (ACCENT, polygon(p, [(-0.92, 0.02), (0, -0.86), (0.92, 0.02)])),
        (WOOD, box(p, 0.16, 0.30, (-0.26, 0.62))),
        (GLASS, box(p, 0.17, 0.16, (0.28, 0.42))),
        (INK, join(box(p, 0.17, 0.02, (0.28, 0.42)), box(p, 0.02, 0.16, (0.28, 0.42)), disc(p, 0.03, (-0.16, 0.64)))),
    ]


def boat(p: Tensor) -> Figure:
    return [
        (WOOD, box(p, 0.05, 0.72, (-0.05, -0.22))),
        (ACCENT, polygon(p, [(0.06, -0.90), (0.80, 0.28), (0.06, 0.28)])),
        (ACCENT, polygon(p, [(-0.16, -0.66), (-0.16, 0.28), (-0.66, 0.28)])),
        (MAIN, polygon(p, [(-0.96, 0.38), (0.98, 0.38), (0.62, 0.88), (-0.62, 0.88)])),
        (DARK, polygon(p, [(-0.86, 0.52), (0.88, 0.52), (0.80, 0.64), (-0.79, 0.64)])),
    ]


def car(p: Tensor) -> Figure:
    m = mirrored(p)
    cabin = polygon(p, [(-0.56, -0.05), (-0.36, -0.52), (0.28, -0.52), (0.58, -0.05)])
    panes = cut(polygon(p, [(-0.42, -0.05), (-0.28, -0.42), (0.22, -0.42), (0.44, -0.05)]), box(p, 0.05, 1, (-0.02, 0)))
    return [
        (MAIN, join(cabin, box(p, 0.95, 0.28, (0, 0.20), 0.18))),
        (GLASS, panes),
        (ACCENT, box(p, 0.93, 0.09, (0, 0.22))),
        (GOLD, ellipse(p, (0.07, 0.09), (0.88, 0.08))),
        (INK, disc(m, 0.26, (0.52, 0.46))),
        (GREY, disc(m, 0.12, (0.52, 0.46))),
    ]


def rocket(p: Tensor) -> Figure:
    m = mirrored(p)
    body = both(disc(p, 1.30, (-0.98, -0.10)), disc(p, 1.30, (0.98, -0.10)), -box(p, 2, 0.5, (0, 1.08)))
    return [
        (ROSE, polygon(p, [(-0.20, 0.5), (0.20, 0.5), (0, 1.05)])),
        (GOLD, polygon(p, [(-0.11, 0.5), (0.11, 0.5), (0, 0.85)])),
        (ACCENT, polygon(m, [(0.18, 0.10), (0.62, 0.52), (0.58, 0.84), (0.14, 0.56)])),
        (MAIN, body),
        (ACCENT, both(body, box(p, 1, 0.5, (0, -0.98)))),
        (WHITE, disc(p, 0.19, (0, -0.12))),
        (GLASS, disc(p, 0.13, (0, -0.12))),
        (DARK, both(body, box(p, 1, 0.07, (0, 0.50)))),
    ]


def balloon(p: Tensor) -> Figure:
    m = mirrored(p)
    skirt = polygon(p, [(-0.58, 0.05), (0.58, 0.05), (0.16, 0.52), (-0.16, 0.52)])
    envelope = join(disc(p, 0.68, (0, -0.30)), skirt)
    gores = join(box(p, 0.11, 2), cut(ellipse(p, (0.52, 0.9), (0, -0.25)), ellipse(p, (0.34, 0.85), (0, -0.25))))
    return [
        (INK, line(m, [(0.14, 0.5), (0.15, 0.76)], 0.025)),
        (MAIN, envelope),
        (ACCENT, both(envelope, gores)),
        (WOOD, box(p, 0.21, 0.15, (0, 0.84), 0.05)),
        (GOLD, box(p, 0.22, 0.04, (0, 0.70))),
    ]


VEHICLES = {f.__name__: f for f in (house, boat, car, rocket)} | {"hot air balloon": balloon}
