"""The face of a monster, and the pattern on its body."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from torch import Tensor

from t2ilab.data.geometry import DistanceFunction, Point, both, disc, discs, ellipse, join, line, lines, polygon
from t2ilab.data.monsters.bodies import Body
from t2ilab.data.monsters.creature import Monster
from t2ilab.data.monsters.ink import Part

WHITE = "white"


def face(monster: Monster, body: Body, rng: random.Random, gaze: Point | None) -> list[Part]:
    """Its mouth and its eyes; gaze: where it looks, within the circle of radius 1, or None for where it likes."""
    places, radius = _places(monster, body, rng)
    if gaze is None:
        turn, far = rng.uniform(0, math.tau), rng.uniform(0.3, 0.9)
        gaze = far * math.cos(turn), far * math.sin(turn)
    lid = monster.color if rng.random() < 0.2 and monster.eyes <= 2 else None
    lashes = rng.random() < 0.2 and monster.eyes <= 3
    low = body.low - 0.20
    below = body.face[1] if monster.crown == "stalks" else max(y for _, y in places) + radius + 0.10
    parts = _MOUTHS[monster.mouth]((body.face[0], min(below, low)), 0.62 * body.room * rng.uniform(0.85, 1.1), rng)
    if monster.crown == "stalks":
        stalks = [[(x * 0.8, body.edge((x * 0.6, body.face[1]), 270)[1] + 0.08), (x, y)] for x, y in places]
        parts.append(Part(lambda p: lines(p, stalks, 0.06), monster.color))
    for i, at in enumerate(places):
        larger = 1 + (0.16 if i % 2 else -0.06) if monster.eyes in (2, 3) else 1.0  # no two alike
        parts += _eye(at, larger * radius, gaze, lid, lashes)
    return parts


def _eye(at: Point, r: float, gaze: Point, lid: str | None, lashes: bool) -> list[Part]:
    pupil = 0.46 * r
    look = (at[0] + 0.48 * r * gaze[0], at[1] + 0.48 * r * gaze[1])
    shine = (look[0] - 0.35 * pupil, look[1] - 0.4 * pupil)
    parts = []
    if lashes:
        turns = [math.radians(degrees) for degrees in (-120, -90, -60)]
        ends = [[(at[0] + far * math.cos(a), at[1] + far * math.sin(a)) for far in (r, r + 0.09)] for a in turns]
        parts.append(Part(lambda p: lines(p, ends, 0.026)))
    parts += [
        Part(lambda p: disc(p, r, at), WHITE, line=0.9),
        Part(lambda p: both(disc(p, pupil, look), disc(p, r, at))),
        Part(lambda p: disc(p, 0.34 * pupil, shine), WHITE, line=0),
    ]
    if lid:
        parts.append(Part(lambda p: both(disc(p, r, at), p[..., 1] - at[1] + 0.15 * r), lid, line=0.9))
    return parts


def _places(monster: Monster, body: Body, rng: random.Random) -> tuple[list[Point], float]:
    """Where the eyes are, and how large."""
    (x, y), room, count = body.face, body.room, monster.eyes
    if monster.crown == "stalks":
        top = min(body.edge((0.3 * room, y), 270)[1], body.edge((0, y), 270)[1])
        high = top - rng.uniform(0.22, 0.32)
        across = {1: (0.0,), 2: (-0.24, 0.24), 3: (-0.38, 0.0, 0.38)}[count]
        return [(x + dx, high - (0.12 if count == 3 and dx == 0 else 0)) for dx in across], 0.2 if count == 1 else 0.165
    if count == 1:
        high = body.edge(body.face, 90)[1] - body.edge(body.face, 270)[1]
        return [(x, y)], min(0.30, 0.72 * room, 0.31 * high)
    if count == 2:
        r = 0.44 * room
        return [(x + dx * r, y + rng.uniform(-0.03, 0.03)) for dx in (-1.02, 1.02)], r
    if count == 3:
        r = 0.36 * room
        return [(x - 1.12 * r, y + 0.35 * r), (x, y - 1.25 * r), (x + 1.12 * r, y + 0.35 * r)], r
    r = max(0.30 * room, 0.115)
    return [(x + dx * r, y + dy * r) for dx, dy in ((-3.0, 0.4), (-1.02, -0.5), (1.02, -0.5), (3.0, 0.4))], r


def _bow(at: Point, wide: float, deep: float) -> list[Point]:
    """A line that hangs between two ends."""
    return [(at[0] + wide * t, at[1] + deep * (1 - t * t)) for t in (-1, -0.6, -0.2, 0.2, 0.6, 1)]


def _smile(at: Point, wide: float, rng: random.Random) -> list[Part]:
    stops = _bow(at, wide, 0.10)
    cheeks = [
        [(x - 0.03 * side, y - 0.04), (x + 0.04 * side, y + 0.02)] for (x, y), side in ((stops[0], -1), (stops[-1], 1))
    ]
    return [Part(lambda p: join(line(p, stops, 0.03), lines(p, cheeks, 0.026)))]


def _half(at: Point, wide: float, deep: float) -> DistanceFunction:
    """A half disc that hangs from a straight edge."""
    return lambda p: both(ellipse(p, (wide, deep), at), at[1] - p[..., 1])


def _grin(at: Point, wide: float, rng: random.Random) -> list[Part]:
    whole, count = _half((at[0], at[1] - 0.02), wide, 0.20), rng.choice((3, 4, 5))
    places = [at[0] + wide * (2 * i / count - 1) for i in range(1, count)]
    gaps = [[(x, at[1] - 0.1), (x, at[1] + 0.3)] for x in places]
    return [Part(whole, WHITE, line=0.9), Part(lambda p: both(whole(p), lines(p, gaps, 0.016)))]


def _open(at: Point, wide: float, rng: random.Random) -> list[Part]:
    whole = _half((at[0], at[1] - 0.02), 0.85 * wide, 0.24)
    tongue = (at[0] + 0.02, at[1] + 0.21)
    return [Part(whole), Part(lambda p: both(whole(p) + 0.02, disc(p, 0.10, tongue)), "red", line=0)]


def _fangs(at: Point, wide: float, rng: random.Random) -> list[Part]:
    stops, y = _bow(at, wide, 0.06), at[1]
    teeth = [
        [(x - 0.055, y + 0.05), (x + 0.055, y + 0.05), (x, y + 0.17)]
        for x in (at[0] - 0.45 * wide, at[0] + 0.45 * wide)
    ]
    return [
        Part(lambda p: line(p, stops, 0.03)),
        Part(lambda p: join(*[polygon(p, t) for t in teeth]), WHITE, line=0.7),
    ]


def _small(at: Point, wide: float, rng: random.Random) -> list[Part]:
    radii = rng.choice(((0.07, 0.055), (0.055, 0.08)))
    return [Part(lambda p: ellipse(p, radii, (at[0], at[1] + 0.04)))]


def _tongue(at: Point, wide: float, rng: random.Random) -> list[Part]:
    stops, x = _bow(at, wide, 0.08), at[0] + rng.choice((-0.35, 0.35)) * wide
    out = [(x, at[1] + 0.07), (x, at[1] + 0.16)]
    return [
        Part(lambda p: both(line(p, out, 0.075), at[1] + 0.06 - p[..., 1]), "red", line=0.8),
        Part(lambda p: line(p, stops, 0.03)),
    ]


_MOUTHS: dict[str, Callable[[Point, float, random.Random], list[Part]]] = {
    "smile": _smile,
    "grin": _grin,
    "open": _open,
    "fangs": _fangs,
    "small": _small,
    "tongue": _tongue,
}


def pattern(monster: Monster, body: Body, rng: random.Random) -> DistanceFunction:
    """What is on its body in its second colour; it may reach beyond the body."""
    return _PATTERNS[monster.pattern](body, rng)


def _spots(body: Body, rng: random.Random) -> DistanceFunction:
    turn, gap = rng.uniform(0, 1), rng.uniform(0.27, 0.33)
    spots = []
    for i in range(-4, 5):
        for j in range(-4, 5):
            u, v = (i + 0.5 * (j % 2)) * gap, 0.87 * j * gap
            at = (u * math.cos(turn) - v * math.sin(turn) + rng.uniform(-0.03, 0.03),
                  u * math.sin(turn) + v * math.cos(turn) + rng.uniform(-0.03, 0.03))  # fmt: skip
            size = rng.uniform(0.065, 0.11)
            if abs(at[0]) < 0.85 and abs(at[1]) < 0.85:
                spots.append((at, size))
    return lambda p: discs(p, spots)


def _stripes(body: Body, rng: random.Random) -> DistanceFunction:
    gap, bend, start, upright = rng.uniform(0.24, 0.30), rng.uniform(-0.3, 0.3), rng.uniform(0, 1), rng.random() < 0.3

    def form(p: Tensor) -> Tensor:
        along, across = (p[..., 1], p[..., 0]) if upright else (p[..., 0], p[..., 1])
        return (((across + bend * along * along) / gap + start) % 1 - 0.5).abs() * gap - 0.25 * gap

    return form


def _belly(body: Body, rng: random.Random) -> DistanceFunction:
    low = body.low
    wide = 0.66 * body.edge((0, 0.25), 0)[0]
    radii = (wide, rng.uniform(0.28, 0.34))
    return lambda p: ellipse(p, radii, (0, low - 0.26))


def _patches(body: Body, rng: random.Random) -> DistanceFunction:
    start = rng.uniform(0, 360)
    patches = []
    for i in range(4):
        x, y = body.edge((0, 0), start + 90 * i + rng.uniform(-20, 20))
        patches.append(((0.86 * x, 0.86 * y), (rng.uniform(0.16, 0.28), rng.uniform(0.14, 0.22)), rng.uniform(0, 180)))
    return lambda p: join(*[ellipse(p, radii, at, turn) for at, radii, turn in patches])


def _zigzag(body: Body, rng: random.Random) -> DistanceFunction:
    at, gap, high = body.low - rng.uniform(0.22, 0.30), rng.uniform(0.22, 0.28), 0.16

    def form(p: Tensor) -> Tensor:
        wave = at + high * ((p[..., 0] / gap % 1 - 0.5).abs() * 2 - 0.5)
        return ((p[..., 1] - wave).abs() - 0.10) * 0.6

    return form


def _lower_half(body: Body, rng: random.Random) -> DistanceFunction:
    low = body.low
    at, often, start = (
        low - rng.uniform(0.48, 0.56) * (low - body.face[1]),
        rng.uniform(7, 11),
        rng.uniform(0, math.tau),
    )
    return lambda p: (at + 0.04 * (often * p[..., 0] + start).sin() - p[..., 1]) * 0.9


_PATTERNS: dict[str, Callable[[Body, random.Random], DistanceFunction]] = {
    "spots": _spots,
    "stripes": _stripes,
    "belly": _belly,
    "patches": _patches,
    "zigzag": _zigzag,
    "half": _lower_half,
}
