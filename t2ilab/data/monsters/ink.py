"""The hand that draws monsters: ink outlines that shake, flat colour that does not quite meet them, hatched shade."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch
from torch import Tensor

from t2ilab.data.geometry import DistanceFunction, join
from t2ilab.data.render import FIXED, PAINT
from t2ilab.data.things import Paint

Color = tuple[float, float, float]
PAPER: Color = (0.975, 0.965, 0.935)
INK = FIXED[Paint.INK]
LINE = 0.036  # half an outline's width, in a monster's units
APART = (0.035, 0.028)  # how far the colour lies from where the ink expects it, as in a cheap print
SHADE = (0.16, 0.13)  # from which side the light does not come, and how wide the shade is


@dataclass(frozen=True)
class Part:
    """A part of a drawing.

    Attributes:
        form: its signed distance.
        paint: the name of a colour, or None for ink all over.
        line: the width of its outline, 1 as usual and 0 for none.
        shaded: whether its lower right side is hatched.
        pattern: what else is on it, within it: its signed distance and the name of its colour.
    """

    form: DistanceFunction
    paint: str | None = None
    line: float = 1.0
    shaded: bool = False
    pattern: tuple[DistanceFunction, str] | None = None


def sheet(size: int, device: torch.device | str = "cpu") -> Tensor:
    """The middle of each pixel, (size, size, 2), in a picture that spans [-1, 1]."""
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=-1)


def ink(
    picture: Tensor, points: Tensor, pixel: float, parts: list[tuple[Part, tuple[slice, slice]]], rng: random.Random
) -> Tensor:
    """Draws parts from back to front over a picture (H, W, 3) in [0, 1].

    Args:
        points: where its pixels are, (H, W, 2), in the monster's units.
        pixel: how large one is, in the same units.
        parts: each with the rows and columns that it may touch.
        rng: for the hand's shaking.
    """
    picture = picture.clone()
    lines, flats = _shaken(points, 0.020, rng), _shaken(points, 0.014, rng) - points.new_tensor(APART)
    both = torch.stack([lines, flats])  # (2, H, W, 2)
    width = (LINE * (1 + 0.35 * _wave(points, 4.0, rng))).clamp(min=0.62 * pixel)
    strokes = _strokes(points, pixel, rng)
    black, paper = picture.new_tensor(INK), picture.new_tensor(PAPER)
    for part, window in parts:
        line, flat = part.form(both[:, *window])
        seen = picture[window]
        if part.paint is None:
            picture[window] = torch.lerp(seen, black, _cover(line, pixel))
            continue
        if part.line:
            seen = torch.lerp(seen, paper, _cover(line, pixel))
            flat = torch.maximum(flat, line - 0.6 * LINE)  # it spills over the line, and not over the whole paper
        seen = torch.lerp(seen, picture.new_tensor(PAINT[part.paint]), _cover(flat, pixel))
        if part.pattern:
            within, paint = part.pattern
            spots = torch.maximum(within(both[1, *window]), flat)
            seen = torch.lerp(seen, picture.new_tensor(PAINT[paint]), _cover(spots, pixel))
        if part.shaded:
            light = part.form(lines[window] + points.new_tensor(SHADE))
            seen = torch.lerp(seen, black, 0.55 * _cover(torch.maximum(line, -light), pixel) * strokes[window])
        if part.line:
            seen = torch.lerp(seen, black, _cover(line.abs() - part.line * width[window], pixel))
        picture[window] = seen
    return picture


def ground(
    picture: Tensor, points: Tensor, pixel: float, stand: tuple[float, float, float], rng: random.Random
) -> Tensor:
    """The hatched shadow on which a monster stands; stand: from where to where, and how low."""
    left, right, y = stand
    shaken = _shaken(points, 0.015, rng)
    across, down = shaken[..., 0], shaken[..., 1]
    reach = torch.hypot((across - (left + right) / 2) / (right - left) * 2, (down - y) / 0.085)
    strokes = _hatched(across - 0.9 * down, max(0.085, 3.2 * pixel), 0.17, pixel)
    return torch.lerp(picture, picture.new_tensor(INK), 0.55 * _cover((reach - 1) * 0.085, pixel) * strokes)


def cutout(picture: Tensor, points: Tensor, pixel: float, parts: list[Part]) -> Tensor:
    """The paper on which a monster was drawn, cut out a little beyond its outline and laid on a picture (H, W, 3)."""
    whole = join(*[part.form(points) for part in parts])
    return torch.lerp(picture, picture.new_tensor(PAPER), _cover(whole - 0.11, pixel))


def _cover(distance: Tensor, pixel: float) -> Tensor:
    return (0.5 - distance / pixel).clamp(0, 1)[..., None]


def _wave(points: Tensor, often: float, rng: random.Random) -> Tensor:
    """A soft wave over the points, in [-1, 1]."""
    turn, phase, other = rng.uniform(0, math.tau), rng.uniform(0, math.tau), rng.uniform(0, math.tau)
    along = math.cos(turn) * points[..., 0] + math.sin(turn) * points[..., 1]
    across = math.cos(turn) * points[..., 1] - math.sin(turn) * points[..., 0]
    return (often * along + phase).sin() * (0.8 * often * across + other).cos()


def _shaken(points: Tensor, by: float, rng: random.Random) -> Tensor:
    """Points as a hand finds them that is not quite steady."""
    moved = [_wave(points, 4.5, rng) + 0.5 * _wave(points, 11.0, rng) for _ in range(2)]
    return points + by * torch.stack(moved, dim=-1)


def _strokes(points: Tensor, pixel: float, rng: random.Random) -> Tensor:
    """The hatching of a shade (H, W, 1): slanted lines, uneven as a hand makes them."""
    slanted = 0.78 * points[..., 0] + 0.62 * points[..., 1] + 0.012 * _wave(points, 7.0, rng)
    return _hatched(slanted, max(0.095, 3.4 * pixel), 0.17 + 0.05 * _wave(points, 5.0, rng), pixel)


def _hatched(along: Tensor, gap: float, thick: Tensor | float, pixel: float) -> Tensor:
    """Lines (H, W, 1) wherever `along` has gone another `gap`; thick: half a line's width, as a share of the gap."""
    return _cover(((along / gap % 1 - 0.5).abs() - thick) * gap, pixel)
