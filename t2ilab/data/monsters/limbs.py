"""What grows on a monster's body: arms, legs, a tail, and what it wears on its head."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from torch import Tensor

from t2ilab.data.geometry import DistanceFunction, Point, disc, discs, ellipse, join, line, lines, mirrored, polygon
from t2ilab.data.monsters.bodies import Body
from t2ilab.data.monsters.creature import Monster
from t2ilab.data.monsters.ink import Part

SIDES = (-1, 1)


def legs(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    """Its legs, from its body down to the ground."""
    if monster.legs == "none":
        return []
    spread = 0.55 * body.edge((0, 0.15), 0)[0]
    count = {"two": 2, "four": 4, "bird": 2, "tentacles": 4}[monster.legs]
    places = [spread * (2 * i / (count - 1) - 1) for i in range(count)]
    tops = [body.edge((x, 0.1), 90) for x in places]
    length = rng.uniform(0.16, 0.24) if count == 4 else rng.uniform(0.16, 0.36)
    floor = max(y for _, y in tops) + length
    if monster.legs == "bird":
        return [_bird_legs(tops, floor)]
    if monster.legs == "tentacles":
        bends = [rng.uniform(0.04, 0.09) * math.copysign(1, x) for x in places]
        stops = [
            [(x, y - 0.15), (x + 0.3 * b, y + 0.5 * length), (x + b, floor - 0.03), (x + 2.5 * b, floor)]
            for (x, y), b in zip(tops, bends, strict=True)
        ]
        return [Part(lambda p: lines(p, stops, 0.075), monster.color, shaded=True)]
    thick, shoe = rng.uniform(0.075, 0.11), rng.random() < 0.6
    stand = [[(x, y - 0.15), (x * 1.08, floor - 0.05)] for x, y in tops]
    out = 0.05 if count == 2 else 0.03
    toes = [(x * 1.08 + math.copysign(out, x), floor - 0.04) for x, _ in tops]
    foot = (0.15, 0.085) if count == 2 else (0.10, 0.07)
    feet = Part(lambda p: join(*[ellipse(p, foot, t) for t in toes]), monster.accent if shoe else monster.color)
    return [Part(lambda p: lines(p, stand, thick), monster.color, shaded=True), feet]


def _bird_legs(tops: list[Point], floor: float) -> Part:
    strokes = [[(x, y - 0.1), (x, floor - 0.05)] for x, y in tops]
    strokes += [[(x, floor - 0.07), (x + dx, floor)] for x, _ in tops for dx in (-0.11, 0.0, 0.11)]
    return Part(lambda p: lines(p, strokes, 0.032))


def arms(monster: Monster, body: Body, rng: random.Random, lifts: tuple[float, float] | None) -> list[Part]:
    """Its arms; lifts: degrees above the level of the left and of the right one, or as it likes."""
    if monster.arms == "none":
        return []
    if monster.arms == "wings":
        return [_wings(monster, body, rng.uniform(10, 40) if lifts is None else lifts[1])]
    length = rng.uniform(0.24, 0.32) if monster.arms == "short" else rng.uniform(0.44, 0.54)
    thick, claws = rng.uniform(0.055, 0.075), rng.random() < 0.5
    low = body.edge((0, 0.1), 90)[1] - 0.04  # no hand lies on the ground
    own = [rng.choice((-50, -35, 20, 45, 60)) + rng.uniform(-8, 8) for _ in SIDES]
    forms = []
    for side, lift in zip(SIDES, lifts or own, strict=True):
        x, y = body.edge((0, body.face[1] + 0.30), 0 if side > 0 else 180)
        turn = math.radians(lift)
        hand = (x + side * length * math.cos(turn), min(y - length * math.sin(turn), low))
        # The elbow hangs: it is lower than halfway between shoulder and hand.
        elbow = ((x + hand[0]) / 2 + side * 0.05, (y + hand[1]) / 2 + 0.16 * length)
        forms.append(_arm((x - 0.12 * side, y), elbow, hand, thick, claws, turn if side > 0 else math.pi - turn))
    return [Part(lambda p: join(*[form(p) for form in forms]), monster.color, shaded=True)]


def _arm(shoulder: Point, elbow: Point, hand: Point, thick: float, claws: bool, turn: float) -> DistanceFunction:
    def form(p: Tensor) -> Tensor:
        arm = line(p, [shoulder, elbow, hand], thick)
        if not claws:
            return join(arm, disc(p, thick + 0.035, hand))
        tips = [(hand[0] + 0.13 * math.cos(turn + a), hand[1] - 0.13 * math.sin(turn + a)) for a in (-0.8, 0, 0.8)]
        return join(arm, lines(p, [[hand, tip] for tip in tips], 0.036))

    return form


def _wings(monster: Monster, body: Body, lift: float) -> Part:
    x, y = body.edge((0, body.face[1] + 0.22), 0)
    cos, sin = math.cos(math.radians(lift)), math.sin(math.radians(lift))
    bones = [(-0.15, -0.06), (0.10, -0.16), (0.26, -0.36), (0.62, -0.20), (0.46, -0.10), (0.47, 0.10), (0.30, 0.04),
             (0.26, 0.24), (0.12, 0.12), (-0.15, 0.18)]  # fmt: skip
    corners = [(x + u * cos + v * sin, y + v * cos - u * sin) for u, v in bones]
    return Part(lambda p: polygon(mirrored(p), corners) - 0.02, monster.color, shaded=True)


def tail(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    """A thin tail with a tip, for some without arms; of ink alone, so that nobody takes it for an arm."""
    if rng.random() > 0.45 or monster.arms not in ("none", "wings"):
        return []
    side = rng.choice(SIDES)
    low = body.edge((0, 0), 90)[1]
    x, y = body.edge((0, 0.6 * low), 0 if side > 0 else 180)
    tip = (x + side * 0.34, y - 0.04)
    stops = [(x - 0.1 * side, y - 0.02), (x + 0.10 * side, y + 0.10), (x + 0.24 * side, y + 0.10), tip]
    spade = [(tip[0] - 0.10, tip[1] + 0.02), (tip[0] + side * 0.03, tip[1] - 0.16), (tip[0] + 0.11, tip[1] + 0.02)]
    return [Part(lambda p: line(p, stops, 0.032)), Part(lambda p: polygon(p, spade) - 0.02, monster.accent)]


def crown(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    """What it has on its head, but for eyes on stalks."""
    return _CROWNS[monster.crown](monster, body, rng) if monster.crown in _CROWNS else []


def _one_horn(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    x, y = body.edge((0, body.face[1]), 270)
    cone = [(x - 0.13, y + 0.08), (x + rng.uniform(-0.08, 0.08), y - rng.uniform(0.34, 0.44)), (x + 0.13, y + 0.08)]
    return [Part(lambda p: polygon(p, cone) - 0.015, monster.accent, shaded=True)]


def _two_horns(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    apart, high, bend = rng.uniform(0.20, 0.30), rng.uniform(0.26, 0.36), rng.uniform(-0.06, 0.18)
    x, y = body.edge((min(apart, 0.6 * body.room), body.face[1]), 270)
    middle = (x + 0.10 + 0.5 * max(bend, 0), y - 0.5 * high)
    horn = [(x - 0.09, y + 0.08), (middle[0] - 0.06, middle[1]), (x + 0.10 + 0.3 * bend, y - high),
            (middle[0] + 0.06, middle[1] + 0.03), (x + 0.10, y + 0.08)]  # fmt: skip
    return [Part(lambda p: polygon(mirrored(p), horn) - 0.015, monster.accent, shaded=True)]


def _antennae(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    high = rng.uniform(0.30, 0.42)
    stalks = []
    for side in SIDES:
        x, y = body.edge((side * 0.14, body.face[1]), 270)
        tip = (x + side * rng.uniform(0.10, 0.22), y - high * rng.uniform(0.85, 1.1))
        stalks.append([(x, y + 0.06), (x + side * 0.02, y - 0.5 * high), tip])
    balls = [(stops[-1], 0.085) for stops in stalks]
    return [Part(lambda p: lines(p, stalks, 0.03)), Part(lambda p: discs(p, balls), monster.accent)]


def _ears(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    long, pointed = rng.uniform(0.20, 0.30), rng.random() < 0.4
    x, y = body.edge((min(0.32, 0.75 * body.room), body.face[1]), 270)
    if pointed:
        outer = [(x - 0.17, y + 0.12), (x + 0.14, y - 1.5 * long), (x + 0.17, y + 0.12)]
        inner = [(x - 0.07, y + 0.04), (x + 0.11, y - 1.05 * long), (x + 0.09, y + 0.04)]
        return [
            Part(lambda p: polygon(mirrored(p), outer) - 0.03, monster.color),
            Part(lambda p: polygon(mirrored(p), inner), monster.accent, line=0),
        ]
    at = (x + 0.06, y - 0.6 * long)
    return [
        Part(lambda p: ellipse(mirrored(p), (0.16, long), at, 18), monster.color),
        Part(lambda p: ellipse(mirrored(p), (0.08, 0.62 * long), at, 18), monster.accent, line=0),
    ]


def _hair(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    x, y = body.edge((0, body.face[1]), 270)
    high, count = rng.uniform(0.20, 0.30), rng.choice((3, 5))
    locks = []
    for t in (i / (count - 1) - 0.5 for i in range(count)):
        root, tip = x + 0.12 * t, (x + 0.62 * t, y - high * (1.15 - 0.7 * abs(t)))
        locks.append([(root - 0.09, y + 0.07), tip, (root + 0.09, y + 0.07)])
    return [Part(lambda p: join(*[polygon(p, lock) - 0.02 for lock in locks]), monster.accent)]


def _spikes(monster: Monster, body: Body, rng: random.Random) -> list[Part]:
    high = rng.uniform(0.15, 0.22)
    spikes = []
    for degrees in (218, 244, 270, 296, 322):
        x, y = body.edge(body.face, degrees)
        dx, dy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        left, right = ((x - 0.08 * dx - side * 0.10 * dy, y - 0.08 * dy + side * 0.10 * dx) for side in SIDES)
        spikes.append([left, (x + high * dx, y + high * dy), right])
    return [Part(lambda p: join(*[polygon(p, spike) - 0.01 for spike in spikes]), monster.accent)]


_CROWNS: dict[str, Callable[[Monster, Body, random.Random], list[Part]]] = {
    "one horn": _one_horn,
    "two horns": _two_horns,
    "antennae": _antennae,
    "ears": _ears,
    "hair": _hair,
    "spikes": _spikes,
}
