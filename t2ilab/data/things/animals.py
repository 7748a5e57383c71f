"""Animals, facing right."""

from __future__ import annotations

from torch import Tensor

from t2ilab.data.geometry import both, box, cut, disc, ellipse, join, line, mirrored, polygon
from t2ilab.data.things.figure import Figure, Paint

MAIN, DARK, ACCENT = Paint.MAIN, Paint.DARK, Paint.ACCENT
INK, WHITE, GOLD, ROSE = Paint.INK, Paint.WHITE, Paint.GOLD, Paint.ROSE


def cat(p: Tensor) -> Figure:
    m = mirrored(p)  # it sits and looks at you
    ears = polygon(m, [(0.12, -0.62), (0.50, -1.02), (0.58, -0.35)])
    return [
        (MAIN, line(p, [(-0.30, 0.82), (-0.78, 0.72), (-0.88, 0.35), (-0.70, 0.12)], 0.11)),
        (MAIN, join(ellipse(p, (0.46, 0.58), (0, 0.42)), ellipse(p, (0.58, 0.48), (0, -0.30)), ears)),
        (ROSE, polygon(m, [(0.28, -0.68), (0.45, -0.86), (0.50, -0.56)])),
        (ACCENT, join(ellipse(p, (0.26, 0.36), (0, 0.56)), ellipse(p, (0.28, 0.18), (0, -0.10)))),
        (INK, join(ellipse(m, (0.09, 0.13), (0.25, -0.34)), line(m, [(0.36, -0.12), (0.80, -0.20)], 0.022))),
        (INK, line(m, [(0.36, -0.04), (0.80, 0.02)], 0.022)),
        (ROSE, polygon(m, [(-0.09, -0.22), (0.09, -0.22), (0.0, -0.10)])),
    ]


def dog(p: Tensor) -> Figure:
    legs = join(line(p, [(-0.55, 0.3), (-0.58, 0.86)], 0.11), line(p, [(0.22, 0.3), (0.22, 0.86)], 0.11))
    far = join(line(p, [(-0.32, 0.3), (-0.32, 0.84)], 0.10), line(p, [(0.42, 0.3), (0.44, 0.84)], 0.10))
    return [
        (DARK, far),
        (MAIN, join(line(p, [(-0.62, 0.08), (-0.92, -0.32)], 0.09), legs)),
        (MAIN, join(line(p, [(-0.42, 0.2), (0.24, 0.16)], 0.28), line(p, [(0.24, 0.1), (0.44, -0.3)], 0.22))),
        (MAIN, disc(p, 0.36, (0.44, -0.42))),
        (ACCENT, join(line(p, [(0.60, -0.30), (0.82, -0.27)], 0.17), ellipse(p, (0.16, 0.26), (0.34, 0.16), 12))),
        (DARK, ellipse(p, (0.15, 0.36), (0.16, -0.36), 12)),
        (INK, join(disc(p, 0.07, (0.52, -0.52)), disc(p, 0.09, (0.93, -0.36)))),
    ]


def fish(p: Tensor) -> Figure:
    body = ellipse(p, (0.72, 0.48), (0.24, 0.0))
    stripes = join(box(p, 0.08, 1, (0.02, 0)), box(p, 0.08, 1, (0.36, 0)))
    return [
        (
            DARK,
            join(polygon(p, [(-0.05, -0.35), (0.1, -0.78), (0.45, -0.35)]), line(p, [(0.1, 0.4), (0.0, 0.68)], 0.1)),
        ),
        (MAIN, polygon(p, [(-0.35, 0.0), (-0.98, -0.55), (-0.80, 0.0), (-0.98, 0.55)])),
        (MAIN, body),
        (ACCENT, both(body, stripes)),
        (WHITE, disc(p, 0.15, (0.66, -0.12))),
        (INK, disc(p, 0.08, (0.69, -0.12))),
    ]


def bird(p: Tensor) -> Figure:
    return [
        (GOLD, join(line(p, [(0.02, 0.5), (0.02, 0.92)], 0.04), line(p, [(0.2, 0.5), (0.2, 0.92)], 0.04))),
        (DARK, polygon(p, [(-0.35, 0.05), (-1.0, 0.05), (-0.95, 0.32), (-0.35, 0.42)])),
        (MAIN, join(ellipse(p, (0.56, 0.42), (0.0, 0.18), -12), disc(p, 0.34, (0.42, -0.32)))),
        (ACCENT, ellipse(p, (0.30, 0.26), (0.28, 0.26), -50)),
        (DARK, polygon(p, [(0.15, 0.22), (-0.30, 0.20), (-0.62, -0.85), (-0.1, -0.55)])),
        (GOLD, polygon(p, [(0.68, -0.48), (1.02, -0.30), (0.68, -0.18)])),
        (INK, disc(p, 0.08, (0.52, -0.40))),
    ]


def horse(p: Tensor) -> Figure:
    legs = join(line(p, [(-0.58, 0.1), (-0.62, 0.85)], 0.09), line(p, [(0.26, 0.1), (0.30, 0.85)], 0.09))
    far = join(line(p, [(-0.40, 0.2), (-0.30, 0.82)], 0.08), line(p, [(0.12, 0.2), (0.02, 0.82)], 0.08))
    neck = polygon(p, [(0.02, 0.02), (0.34, -0.78), (0.62, -0.72), (0.48, 0.20)])
    return [
        (DARK, far),
        (ACCENT, line(p, [(-0.60, -0.02), (-0.86, 0.12), (-0.90, 0.58)], 0.11)),
        (MAIN, join(line(p, [(-0.42, 0.08), (0.26, 0.08)], 0.26), neck, legs)),
        (MAIN, line(p, [(0.52, -0.72), (0.86, -0.40)], 0.16)),
        (MAIN, polygon(p, [(0.36, -0.78), (0.46, -1.05), (0.60, -0.80)])),
        (ACCENT, line(p, [(0.38, -0.90), (0.24, -0.55), (0.10, -0.18)], 0.11)),
        (INK, join(disc(p, 0.06, (0.60, -0.68)), box(p, 0.11, 0.07, (-0.62, 0.92)), box(p, 0.11, 0.07, (0.30, 0.92)))),
    ]


def kangaroo(p: Tensor) -> Figure:
    ears = join(ellipse(p, (0.09, 0.26), (0.20, -0.80), -14), ellipse(p, (0.09, 0.26), (0.42, -0.80), 12))
    return [
        (MAIN, line(p, [(-0.10, 0.42), (-0.50, 0.80), (-0.95, 0.82)], 0.11)),
        (MAIN, join(ellipse(p, (0.34, 0.50), (0.02, 0.24), 14), line(p, [(0.16, -0.1), (0.32, -0.45)], 0.16))),
        (MAIN, join(ellipse(p, (0.23, 0.20), (0.36, -0.50)), line(p, [(0.45, -0.44), (0.62, -0.38)], 0.11), ears)),
        (DARK, line(p, [(0.22, -0.08), (0.52, 0.06), (0.60, -0.06)], 0.07)),
        (ACCENT, ellipse(p, (0.25, 0.34), (0.20, 0.30), 8)),
        (INK, line(p, [(0.04, 0.30), (0.20, 0.38), (0.38, 0.28)], 0.03)),
        (DARK, join(ellipse(p, (0.27, 0.32), (-0.14, 0.52)), line(p, [(-0.12, 0.86), (0.36, 0.90)], 0.09))),
        (INK, join(disc(p, 0.055, (0.40, -0.54)), disc(p, 0.06, (0.72, -0.42)))),
    ]


def elephant(p: Tensor) -> Figure:
    legs = join(box(p, 0.14, 0.30, (-0.52, 0.62)), box(p, 0.14, 0.30, (0.18, 0.62)))
    return [
        (DARK, join(box(p, 0.12, 0.28, (-0.22, 0.60)), line(p, [(-0.72, 0.0), (-0.92, 0.38)], 0.05))),
        (MAIN, join(ellipse(p, (0.62, 0.46), (-0.18, 0.10)), legs, disc(p, 0.36, (0.44, -0.22)))),
        (MAIN, line(p, [(0.62, -0.15), (0.80, 0.20), (0.78, 0.55), (0.94, 0.70)], 0.12)),
        (WHITE, line(p, [(0.56, 0.12), (0.74, 0.30)], 0.06)),
        (ACCENT, ellipse(p, (0.27, 0.36), (0.20, -0.18), 10)),
        (DARK, cut(ellipse(p, (0.34, 0.43), (0.18, -0.18), 10), ellipse(p, (0.26, 0.35), (0.20, -0.18), 10))),
        (INK, disc(p, 0.06, (0.58, -0.28))),
    ]


def penguin(p: Tensor) -> Figure:
    m = mirrored(p)
    return [
        (GOLD, ellipse(m, (0.24, 0.10), (0.22, 0.90))),
        (DARK, ellipse(m, (0.14, 0.42), (0.58, 0.15), -24)),
        (MAIN, join(ellipse(p, (0.54, 0.66), (0, 0.26)), disc(p, 0.44, (0, -0.52)))),
        (ACCENT, join(ellipse(p, (0.38, 0.50), (0, 0.36)), ellipse(m, (0.20, 0.24), (0.15, -0.46)))),
        (INK, disc(m, 0.075, (0.16, -0.54))),
        (GOLD, polygon(p, [(-0.16, -0.40), (0.16, -0.40), (0.0, -0.16)])),
    ]


ANIMALS = {f.__name__: f for f in (cat, dog, fish, bird, horse, kangaroo, elephant, penguin)}
