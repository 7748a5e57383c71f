"""Where each thing of a scene goes in the picture: what the words for places and relations mean in numbers.

The picture spans [-1, 1] in both directions, x to the right and y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from t2ilab.data.scenes import MOST_THINGS, Scene
from t2ilab.data.words import PLACES, SHAPES

RADIUS = {"big": 0.42, "small": 0.23}  # of a plain shape
DRAWN_RADIUS = {"big": 0.54, "small": 0.33}  # of a drawn thing, which has details to show
PAIR_RADIUS = {"big": 0.46, "small": 0.33}  # of each of two things beside or above one another
STEP = {place: (i % 3 - 1, i // 3 - 1) for i, place in enumerate(PLACES)}
TOGETHER = ("riding", "in")
SIDE = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}

# How high above a thing's centre one sits on it, in its own radius.
SEAT = {
    **{"cat": 0.55, "dog": 0.10, "fish": 0.42, "bird": 0.15, "horse": 0.16, "kangaroo": 0.25, "elephant": 0.35},
    **{"penguin": 0.75, "robot": 0.65, "astronaut": 0.75, "chef": 0.75, "jizo": 0.75, "snowman": 0.75, "tree": 0.75},
    **{"flower": 0.75, "mushroom": 0.70, "sun": 0.60, "moon": 0.70, "cloud": 0.45, "house": 0.65, "boat": -0.25},
    **{"car": 0.40, "rocket": 0.12, "hot air balloon": 0.75, "brain": 0.65, "guacamole": 0.45, "apple": 0.35},
    **{"umbrella": 0.75},
}
# How far below a thing's centre the rim is over which one looks out of it, and how large one is there, in its radius.
RIM = {"boat": (0.42, 0.66), "car": (0.0, 0.66), "guacamole": (-0.10, 0.66), "hot air balloon": (0.76, 0.45)}
FLIES_UP = {"rocket"}  # drawn pointing up; the others face right


@dataclass(frozen=True)
class Placed:
    """One thing in the picture.

    Attributes:
        scene: which thing, in which colours.
        x, y, radius: of the circle that it fills.
        angle: turned clockwise, in radians.
        heading: which way it moves, in radians, clockwise from the right, if it leaves streaks behind.
        rim: what of it lies below this y is hidden, because it is inside something.
    """

    scene: Scene
    x: float
    y: float
    radius: float
    angle: float = 0.0
    heading: float | None = None
    rim: float | None = None


def heeds_sizes(scene: Scene) -> bool:
    """Whether big and small show in the picture: of one thing, and of two that are beside or above one another."""
    return scene.relation not in (*TOGETHER, "heading towards") and len(scene.chain()) < MOST_THINGS


def layout(scene: Scene) -> list[Placed]:
    """The things of a full scene from back to front, without the chances of a single picture."""
    things = scene.chain()
    if len(things) == 1:
        return [_alone(scene)]
    relations = [str(one.relation) for one in things[:-1]]
    if relations == ["and", "and"]:
        spots = ((-0.50, -0.46), (0.50, -0.46), (0.0, 0.50))
        return [Placed(one, x, y, 0.42) for one, (x, y) in zip(things, spots, strict=True)]
    # Who rides or sits in something is one with it; what is left is at most two groups in one relation.
    count = 1 + next((i for i, relation in enumerate(relations) if relation not in TOGETHER), len(relations))
    group, rest = _together(things[:count], relations), things[count:]
    if not rest:
        return _moved(group, (0.0, 0.0), 1.0)
    if len(rest) == 2 and relations[1] not in TOGETHER:
        return _column(things, relations)
    others, relation = _together(rest, relations[count:]), relations[count - 1]
    if relation == "heading towards":
        here, there = ((-0.36, 0.36), (0.60, -0.58)) if len(group) == 2 else ((-0.40, 0.38), (0.52, -0.50))
        angle = math.atan2(there[1] - here[1], there[0] - here[0])
        return [*_moved(others, there, 0.38), *_moved(_heading(group, angle), here, 0.60 if len(group) == 2 else 0.48)]
    across, down = SIDE.get(relation, (-1, 0))
    near, far = _share(group), _share(others)
    # Two groups fill the picture in the direction of the relation, each by its own size.
    middle = (near - far) / 2
    return [
        *_moved(others, ((middle - 0.48) * across, (middle - 0.48) * down), far),
        *_moved(group, ((middle + 0.48) * across, (middle + 0.48) * down), near),
    ]


def _alone(scene: Scene) -> Placed:
    across, down = STEP[str(scene.place)]
    if scene.thing in SHAPES:
        return Placed(scene, 0.5 * across, 0.5 * down, RADIUS[str(scene.size)])
    radius = DRAWN_RADIUS[str(scene.size)]
    return Placed(scene, (0.95 - radius) * across, (0.95 - radius) * down, radius)


def _together(things: list[Scene], relations: list[str]) -> list[Placed]:
    """Each thing on or in the next, filling the picture, from back to front; or one alone."""
    if len(things) == 1:
        return [Placed(things[0], 0.0, 0.0, 1.0)]
    *riders, mount = things
    group = [Placed(mount, 0.0, 0.36, 0.60, angle=0.9 if mount.thing in FLIES_UP else 0.0)]
    for rider, relation in zip(reversed(riders), reversed(relations[: len(riders)]), strict=True):
        below = group[-1]
        name, unit = str(below.scene.thing), below.radius
        if relation == "in":
            depth, radius = RIM.get(name, (0.0, 0.66))
            rim = below.y + depth * unit
            group.append(Placed(rider, below.x + 0.15 * unit, rim - 0.6 * radius * unit, radius * unit, rim=rim))
        else:
            seat = 0.57 + SEAT.get(name, 0.6)
            group.append(Placed(rider, below.x - 0.23 * unit, below.y - seat * unit, 0.75 * unit))
    top, bottom = min(p.y - p.radius for p in group), 0.96
    scale = 1.94 / (bottom - top)
    return _moved(group, (0.0, -scale * (top + bottom) / 2), scale)


def _column(things: list[Scene], relations: list[str]) -> list[Placed]:
    """Three things of which each is beside or above the next."""
    spots = [(0.0, 0.0)]
    for relation in relations:
        across, down = SIDE.get(relation, (-1, 0))
        spots.append((spots[-1][0] - across, spots[-1][1] - down))
    if spots[0] == spots[2]:  # both on the same side of the second
        across, down = SIDE.get(relations[0], (-1, 0))
        spots[0], spots[2] = (0.6 * down, 0.6 * across), (-0.6 * down, -0.6 * across)
    mid = [sum(s[i] for s in (min(spots, key=lambda s: s[i]), max(spots, key=lambda s: s[i]))) / 2 for i in (0, 1)]
    row = [
        Placed(one, 0.62 * (x - mid[0]), 0.62 * (y - mid[1]), 0.33) for one, (x, y) in zip(things, spots, strict=True)
    ]
    for i, relation in enumerate(relations):
        if relation == "heading towards":
            row[i : i + 1] = _heading(row[i : i + 1], math.atan2(row[i + 1].y - row[i].y, row[i + 1].x - row[i].x))
    return row


def _share(group: list[Placed]) -> float:
    """The radius that a group gets where two of them share the picture."""
    return 0.52 if len(group) == 2 else PAIR_RADIUS[str(group[0].scene.size)]


def _heading(group: list[Placed], angle: float) -> list[Placed]:
    """The group on its way; what carries the others, or the only one, leaves streaks."""
    carrier = max(group, key=lambda one: one.radius)
    turn = angle + math.pi / 2 if carrier.scene.thing in FLIES_UP else 0.0
    return [replace(one, angle=turn, heading=angle) if one is carrier else one for one in group]


def _moved(group: list[Placed], to: tuple[float, float], radius: float) -> list[Placed]:
    return [
        replace(
            p,
            x=to[0] + radius * p.x,
            y=to[1] + radius * p.y,
            radius=radius * p.radius,
            rim=None if p.rim is None else to[1] + radius * p.rim,
        )
        for p in group
    ]


def place_of(thing: str | None, size: str | None, x: float, y: float) -> str:
    """The place whose middle is nearest to x, y, for a thing of that size alone in a picture.

    Args:
        thing, size: None takes a big drawn thing.
        x, y: in [-1, 1], y down.
    """
    step = 0.5 if thing in SHAPES else 0.95 - DRAWN_RADIUS[size or "big"]
    return min(STEP, key=lambda place: math.hypot(x - step * STEP[place][0], y - step * STEP[place][1]))
