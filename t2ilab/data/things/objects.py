"""Food and other things that lie about."""

from __future__ import annotations

from torch import Tensor

from t2ilab.data.geometry import arc, both, box, cut, disc, ellipse, join, line, mirrored, polygon
from t2ilab.data.things.figure import Figure, Paint

MAIN, DARK, PALE, ACCENT = Paint.MAIN, Paint.DARK, Paint.PALE, Paint.ACCENT
INK, WHITE, WOOD, GOLD, GREEN = Paint.INK, Paint.WHITE, Paint.WOOD, Paint.GOLD, Paint.GREEN


def brain(p: Tensor) -> Figure:
    lobes = [((-0.52, -0.02), 0.36), ((-0.28, -0.36), 0.36), ((0.16, -0.44), 0.36), ((0.52, -0.16), 0.36)]
    whole = join(
        *[disc(p, r, c) for c, r in lobes], disc(p, 0.34, (0.40, 0.16)), ellipse(p, (0.62, 0.36), (-0.04, 0.02))
    )
    folds = join(
        arc(p, 0.22, (-0.44, -0.10), 150, 330, 0.035),
        arc(p, 0.20, (-0.06, -0.32), 180, 380, 0.035),
        arc(p, 0.20, (0.44, -0.24), 200, 400, 0.035),
        arc(p, 0.22, (-0.06, 0.10), 190, 350, 0.035),
        arc(p, 0.20, (0.38, 0.14), 160, 330, 0.035),
        line(p, [(-0.62, 0.20), (-0.30, 0.24)], 0.035),
    )
    return [
        (ACCENT, line(p, [(0.10, 0.3), (0.26, 0.86)], 0.13)),
        (ACCENT, ellipse(p, (0.34, 0.24), (-0.34, 0.42))),
        (MAIN, whole),
        (DARK, folds),
    ]


def guacamole(p: Tensor) -> Figure:
    bowl = cut(ellipse(p, (0.92, 0.66), (0, 0.18)), box(p, 2, 1, (0, -0.80)))
    bumps = [((-0.50, 0.02), 0.26), ((-0.16, -0.24), 0.32), ((0.26, -0.18), 0.30), ((0.56, 0.06), 0.22)]
    bits = ((-0.48, 0.0), (-0.06, -0.36), (0.30, -0.10), (-0.18, -0.02), (0.58, 0.06))
    return [
        (GOLD, polygon(p, [(-0.78, -0.62), (-0.28, -0.86), (-0.34, -0.06)])),
        (GOLD, polygon(p, [(0.30, -0.92), (0.84, -0.60), (0.36, -0.10)])),
        (WOOD, line(mirrored(p), [(0.46, 0.70), (0.54, 0.88)], 0.09)),
        (MAIN, join(*[disc(p, r, c) for c, r in bumps], box(p, 0.72, 0.20, (0, 0.12)))),
        (DARK, join(*[disc(p, 0.06, c) for c in bits])),
        (ACCENT, bowl),
        (INK, both(bowl, box(p, 2, 0.05, (0, 0.34)))),
    ]


def apple(p: Tensor) -> Figure:
    m = mirrored(p)
    whole = cut(join(ellipse(m, (0.52, 0.64), (0.30, 0.22)), box(p, 0.4, 0.4, (0, 0.3))), disc(p, 0.14, (0, -0.46)))
    return [
        (WOOD, line(p, [(0, -0.30), (0.08, -0.78)], 0.06)),
        (GREEN, ellipse(p, (0.32, 0.15), (0.36, -0.70), -24)),
        (MAIN, whole),
        (ACCENT, both(whole, -disc(p, 0.86, (-0.24, 0.0)))),
        (WHITE, ellipse(p, (0.08, 0.18), (-0.46, 0.06), 18)),
    ]


def umbrella(p: Tensor) -> Figure:
    scallops = join(*[disc(p, 0.235, (x, 0.05)) for x in (-0.70, -0.235, 0.235, 0.70)])
    canopy = cut(both(disc(p, 0.94, (0, 0.04)), box(p, 2, 1, (0, -0.96))), scallops)
    hook = join(line(p, [(0, -0.2), (0, 0.74)], 0.05), arc(p, 0.17, (0.17, 0.74), 0, 180, 0.05))
    return [
        (WOOD, hook),
        (INK, line(p, [(0, -0.9), (0, -0.98)], 0.04)),
        (MAIN, canopy),
        (ACCENT, both(canopy, ellipse(p, (0.46, 1.0), (0, 0.04)))),
    ]


OBJECTS = {f.__name__: f for f in (brain, guacamole, apple, umbrella)}
