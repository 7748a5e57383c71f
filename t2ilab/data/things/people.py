"""People, and what is built like them."""

from __future__ import annotations

from torch import Tensor

from t2ilab.data.geometry import both, box, cut, disc, ellipse, join, line, mirrored, polygon
from t2ilab.data.things.figure import Figure, Paint

MAIN, DARK, PALE, ACCENT = Paint.MAIN, Paint.DARK, Paint.PALE, Paint.ACCENT
INK, WHITE, SKIN, GREY, GOLD, GLASS, ROSE = (
    Paint.INK,
    Paint.WHITE,
    Paint.SKIN,
    Paint.GREY,
    Paint.GOLD,
    Paint.GLASS,
    Paint.ROSE,
)


def robot(p: Tensor) -> Figure:
    m = mirrored(p)
    return [
        (INK, line(p, [(0, -0.8), (0, -0.95)], 0.04)),
        (GOLD, disc(p, 0.09, (0, -0.97))),
        (ACCENT, join(line(m, [(0.48, -0.02), (0.70, 0.34)], 0.11), box(m, 0.13, 0.24, (0.22, 0.74)))),
        (GREY, join(disc(m, 0.13, (0.72, 0.42)), box(m, 0.20, 0.09, (0.25, 0.92), 0.05))),
        (GREY, box(p, 0.20, 0.10, (0, -0.15))),
        (MAIN, join(box(p, 0.46, 0.35, (0, 0.25), 0.08), box(p, 0.48, 0.32, (0, -0.52), 0.08))),
        (ACCENT, box(p, 0.28, 0.20, (0, 0.22), 0.04)),
        (INK, join(box(p, 0.38, 0.16, (0, -0.56), 0.06), box(p, 0.22, 0.035, (0, -0.26)))),
        (GOLD, disc(m, 0.10, (0.18, -0.56))),
    ]


def astronaut(p: Tensor) -> Figure:
    m = mirrored(p)
    return [
        (GREY, box(p, 0.46, 0.34, (0, 0.08), 0.1)),
        (MAIN, join(line(m, [(0.34, 0.0), (0.66, 0.34)], 0.14), line(m, [(0.19, 0.40), (0.24, 0.82)], 0.17))),
        (MAIN, join(box(p, 0.36, 0.36, (0, 0.18), 0.16), disc(p, 0.48, (0, -0.46)))),
        (DARK, join(line(m, [(0.20, 0.90), (0.34, 0.90)], 0.10), disc(m, 0.13, (0.70, 0.42)))),
        (ACCENT, ellipse(p, (0.38, 0.30), (0.04, -0.46))),
        (WHITE, ellipse(p, (0.06, 0.12), (0.24, -0.54), -25)),
        (INK, box(p, 0.20, 0.11, (0, 0.16), 0.03)),
        (ROSE, disc(p, 0.055, (-0.09, 0.16))),
    ]


def chef(p: Tensor) -> Figure:
    m = mirrored(p)
    coat = join(box(p, 0.42, 0.44, (0, 0.50), 0.16), line(m, [(0.34, 0.25), (0.68, 0.52)], 0.14))
    hat = join(box(p, 0.30, 0.18, (0, -0.66)), disc(m, 0.22, (0.24, -0.82)), disc(p, 0.24, (0, -0.86)))
    return [
        (MAIN, coat),
        (SKIN, join(disc(m, 0.12, (0.72, 0.56)), ellipse(p, (0.33, 0.34), (0, -0.26)))),
        (ACCENT, join(line(m, [(0, 0.16), (0.30, 0.08)], 0.12), polygon(p, [(-0.20, 0.18), (0.20, 0.18), (0, 0.52)]))),
        (WHITE, hat),
        (GREY, box(p, 0.30, 0.03, (0, -0.52))),
        (INK, join(disc(m, 0.055, (0.13, -0.32)), line(m, [(0.04, -0.10), (0.20, -0.13)], 0.055))),
        (DARK, join(disc(p, 0.05, (0, 0.66)), disc(p, 0.05, (0, 0.82)))),
    ]


def jizo(p: Tensor) -> Figure:
    m = mirrored(p)
    body = cut(ellipse(p, (0.56, 0.95), (0, 0.62)), box(p, 2, 0.5, (0, 1.32)))
    return [
        (DARK, box(p, 0.72, 0.09, (0, 0.88), 0.04)),
        (MAIN, body),
        (MAIN, join(disc(p, 0.44, (0, -0.48)), ellipse(m, (0.08, 0.17), (0.45, -0.42)))),
        (ACCENT, both(disc(p, 0.52, (0, -0.08)), -box(p, 1, 0.5, (0, -0.58)), body)),
        (DARK, line(m, [(0.0, 0.62), (0.30, 0.48)], 0.07)),
        (PALE, ellipse(p, (0.12, 0.17), (0, 0.56))),
        (INK, line(m, [(0.10, -0.46), (0.19, -0.43), (0.28, -0.47)], 0.035)),
        (INK, line(p, [(-0.10, -0.24), (0, -0.21), (0.10, -0.24)], 0.03)),
        (ROSE, disc(p, 0.05, (0, -0.64))),
    ]


def snowman(p: Tensor) -> Figure:
    m = mirrored(p)
    return [
        (Paint.WOOD, join(line(m, [(0.4, 0.25), (0.90, -0.10)], 0.04), line(m, [(0.74, 0.02), (0.92, 0.06)], 0.03))),
        (MAIN, join(disc(p, 0.54, (0, 0.44)), disc(p, 0.38, (0, -0.34)))),
        (ACCENT, join(box(p, 0.38, 0.12, (0, -0.02), 0.1), box(p, 0.12, 0.26, (0.24, 0.24), 0.04))),
        (Paint.WOOD, join(box(p, 0.44, 0.06, (0, -0.64)), box(p, 0.28, 0.20, (0, -0.80)))),
        (INK, join(disc(m, 0.055, (0.13, -0.42)), disc(p, 0.06, (0, 0.38)), disc(p, 0.06, (0, 0.62)))),
        (GOLD, polygon(p, [(0.0, -0.36), (0.0, -0.24), (0.34, -0.26)])),
    ]


PEOPLE = {f.__name__: f for f in (robot, astronaut, chef, jizo, snowman)}
