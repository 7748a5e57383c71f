"""What is behind the things: plain grounds, and six surroundings that tell themselves apart without colour."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from t2ilab.data.geometry import box, disc, ellipse, join, line

GROUND = {"dark": (0.11, 0.11, 0.16), "light": (0.95, 0.94, 0.90)}
Color = tuple[float, float, float]
# Parts laid over a gradient from top to bottom: (signed distance, colour).
Parts = list[tuple[Tensor, Color]]


def day(p: Tensor) -> Parts:
    streaks = join(line(p, [(-0.85, -0.55), (-0.35, -0.55)], 0.05), line(p, [(0.35, -0.78), (0.80, -0.78)], 0.05))
    return [(streaks, (0.93, 0.97, 1.0))]


def night(p: Tensor) -> Parts:
    spots = [(-0.8, -0.75), (-0.35, -0.9), (0.1, -0.6), (0.62, -0.85), (0.9, -0.35), (-0.92, -0.1), (-0.55, 0.45)]
    spots += [(0.85, 0.3), (0.3, 0.85), (-0.85, 0.8), (-0.15, 0.1), (0.55, 0.62)]
    return [(join(*[disc(p, 0.035, c) for c in spots]), (0.98, 0.95, 0.75))]


def sea(p: Tensor) -> Parts:
    waves = [line(p, [(x, y + 0.06), (x + 0.12, y), (x + 0.24, y + 0.06)], 0.025) for x, y in WAVES]
    return [(box(p, 2, 1, (0, 1.15)), (0.12, 0.45, 0.68)), (join(*waves), (0.75, 0.90, 0.97))]


WAVES = [(-0.95, 0.32), (-0.35, 0.40), (0.25, 0.32), (0.70, 0.50), (-0.70, 0.66), (0.0, 0.72), (0.50, 0.84)]
WAVES += [(-0.3, 0.92)]


def sunset(p: Tensor) -> Parts:
    hills = join(ellipse(p, (0.9, 0.34), (-0.5, 1.0)), ellipse(p, (1.0, 0.26), (0.6, 1.0)))
    bands = join(line(p, [(-1, -0.10), (0.1, -0.10)], 0.05), line(p, [(0.1, 0.22), (1.1, 0.22)], 0.05))
    return [(bands, (1.0, 0.80, 0.45)), (hills, (0.30, 0.13, 0.28))]


def kitchen(p: Tensor) -> Parts:
    joints = join(*[line(p, [(x, -1), (x, 0.4)], 0.02) for x in (-0.75, -0.25, 0.25, 0.75)])
    rows = join(*[line(p, [(-1, y), (1, y)], 0.02) for y in (-0.62, -0.16)])
    return [
        (join(joints, rows), (0.66, 0.74, 0.76)),
        (box(p, 2, 0.5, (0, 1.0)), (0.72, 0.50, 0.30)),
        (box(p, 2, 0.05, (0, 0.52)), (0.40, 0.26, 0.15)),
    ]


def field(p: Tensor) -> Parts:
    grass = [line(p, [(x - 0.06, y - 0.08), (x, y), (x + 0.06, y - 0.08)], 0.022) for x, y in TUFTS]
    return [(ellipse(p, (2.2, 0.9), (0, 1.12)), (0.52, 0.75, 0.30)), (join(*grass), (0.20, 0.45, 0.14))]


TUFTS = [(-0.8, 0.48), (-0.3, 0.62), (0.3, 0.50), (0.8, 0.64), (-0.6, 0.86), (0.05, 0.92), (0.55, 0.88)]

# Top and bottom of the gradient, and what is laid over it.
SURROUNDINGS: dict[str, tuple[Color, Color, Callable[[Tensor], Parts]]] = {
    "day": ((0.45, 0.72, 0.96), (0.80, 0.91, 0.99), day),
    "night": ((0.04, 0.06, 0.22), (0.14, 0.16, 0.40), night),
    "sea": ((0.72, 0.88, 0.96), (0.88, 0.95, 0.97), sea),
    "sunset": ((0.48, 0.24, 0.52), (1.0, 0.62, 0.30), sunset),
    "kitchen": ((0.90, 0.94, 0.93), (0.90, 0.94, 0.93), kitchen),
    "field": ((0.80, 0.90, 0.98), (0.90, 0.95, 0.98), field),
}


@cache
def backdrop(name: str, size: int, device: torch.device) -> Tensor:
    """The surroundings alone: (size, size, 3) in [0, 1]."""
    if name in GROUND:
        return torch.tensor(GROUND[name], device=device).expand(size, size, 3)
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    top, bottom, parts = SURROUNDINGS[name]
    picture = torch.lerp(torch.tensor(top, device=device), torch.tensor(bottom, device=device), (y[..., None] + 1) / 2)
    for distance, color in parts(torch.stack([x, y], dim=-1)):
        cover = (0.5 - distance * size / 2).clamp(0, 1)[..., None]
        picture = torch.lerp(picture, torch.tensor(color, device=device), cover)
    return picture
