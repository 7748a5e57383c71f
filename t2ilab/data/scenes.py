"""What a picture says: a scene, which scenes there are, and which of them no training set contains.

The `shapes` level has one geometric shape with a colour, a size and a place on a plain background, 8 x 8 x 2 x 9 x 2 =
2,304 scenes. The storybook has 28 drawn things beside, three more colours, two colours in one thing, six surroundings,
and up to three things that ride, follow and stand beside one another.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

from t2ilab.data.words import ALL_COLORS, ATTRIBUTES, COLORS, DRAWN, SHAPES, SHAPES_LEVEL, USUAL

MOST_THINGS = 3
ORDINALS = ("", "second ", "third ")


@dataclass(frozen=True)
class Scene:
    """One picture in words. An attribute that is None was not asked for, and anything will do.

    Attributes:
        thing, color, size: what it shows.
        place: where, for a picture of one thing.
        background: the surroundings.
        accent: the second colour of a drawn thing.
        relation: what the thing does to `other`, or where it is as seen from it.
        other: a scene of its own, without place and background, for the second thing; it may have a third.

    Raises:
        ValueError: a value that the world does not hold (the sentence lists those it does), a second colour on a plain
            shape, a relation without another thing or the other way round, a thing that is there twice, more than
            three things, or a place where things have a relation.
    """

    thing: str | None = None
    color: str | None = None
    size: str | None = None
    place: str | None = None
    background: str | None = None
    accent: str | None = None
    relation: str | None = None
    other: Scene | None = None

    def __post_init__(self) -> None:
        for attribute, names in ATTRIBUTES.items():
            value = getattr(self, attribute)
            if value is not None and value not in names:
                raise ValueError(f"{attribute} must be one of {', '.join(names)}; got {value!r}.")
        if self.accent and self.thing in SHAPES:
            raise ValueError(f"Only drawn things have a second colour; got a {self.thing} with {self.accent!r}.")
        if self.accent and self.color in (None, self.accent):
            raise ValueError(f"A second colour needs another one before it; got {self.color} and {self.accent}.")
        if (self.relation is None) != (self.other is None):
            raise ValueError(f"A relation needs two things; got {self.relation!r} and {self.other}.")
        if self.other:
            if self.place or self.other.place or self.other.background:
                raise ValueError("Where things have a relation, it gives their places, and the first the background.")
            named = [scene.thing for scene in self.chain() if scene.thing]
            if len(named) > MOST_THINGS:
                raise ValueError(f"A scene holds at most {MOST_THINGS} things; got {', '.join(named)}.")
            if len(set(named)) < len(named):
                raise ValueError(f"Each thing is in a scene once; got {', '.join(named)}.")

    def chain(self) -> list[Scene]:
        """The scene of each thing: this one, its other, and the other's."""
        return [self, *(self.other.chain() if self.other else [])]

    def asked(self) -> dict[str, str]:
        """What is given, in the order of the fields: "thing", "color", ..., and "second thing", ... for the others."""
        return {
            ORDINALS[i] + f.name: value
            for i, scene in enumerate(self.chain())
            for f in fields(scene)
            if f.name != "other" and (value := getattr(scene, f.name)) is not None
        }


def is_held_out(scene: Scene) -> bool:
    """Whether the scene is kept from all training: by a pair of thing and colour, or by who rides or follows what.

    Of the shapes' 64 pairs with the colours of their level eight are held out, each shape and each colour once. Of the
    drawn things' 308 pairs with colours, one in eleven, each thing once and never in its usual colour. Of the pairs of
    things that ride, are in or head towards one another, one in seven; and, so that it is a test of putting together
    what was learnt apart, an astronaut riding a horse and a brain riding a rocket.
    """
    if any(_held_out_color(one) for one in scene.chain()):
        return True
    return any(_held_out_pair(one.thing, one.relation, one.other.thing) for one in scene.chain() if one.other)


def _held_out_color(scene: Scene) -> bool:
    if scene.thing is None or scene.color is None:
        return False
    if scene.thing in SHAPES:
        kept = (3 * list(SHAPES).index(scene.thing) + 2) % len(COLORS)
        return list(ALL_COLORS).index(scene.color) == kept
    colors = [color for color in ALL_COLORS if color != USUAL[scene.thing][0]]
    return scene.color == colors[(3 * list(DRAWN).index(scene.thing) + 2) % len(colors)]


def _held_out_pair(thing: str | None, relation: str | None, other: str | None) -> bool:
    if relation not in ("riding", "in", "heading towards") or thing not in DRAWN or other not in DRAWN:
        return False
    if (thing, relation, other) in (("astronaut", "riding", "horse"), ("brain", "riding", "rocket")):
        return True
    order = list(DRAWN)
    return (order.index(thing) + 3 * order.index(other)) % 7 == 3


def all_scenes() -> Iterator[Scene]:
    """Every full scene of the `shapes` level, 2,304 of them, in a fixed order."""
    return (
        Scene(thing, color, size, place, background)
        for thing, color, size, place, background in product(*SHAPES_LEVEL.values())
    )


def complete(scene: Scene, rng: random.Random | None = None) -> Scene:
    """Fills what the scene leaves open: drawn things in their usual colours, all else by chance.

    Args:
        scene: of one thing or several.
        rng: None takes no chance: big, in the center, on a light background.
    """
    rng = rng or _Plainly()
    used = [one.thing for one in scene.chain() if one.thing]
    filled: list[Scene] = []
    for i, one in enumerate(scene.chain()):
        missing = [a for a in SHAPES_LEVEL if getattr(one, a) is None]
        if scene.other:
            missing = [a for a in missing if a != "place"]
        if i > 0:
            missing = [a for a in missing if a != "background"]
        filled.append(_filled(one, missing, used, rng))
        used.append(str(filled[-1].thing))
    whole = filled[-1]
    for one in filled[-2::-1]:
        whole = replace(one, other=whole)
    return whole


def _filled(scene: Scene, missing: list[str], used: list[str], rng: random.Random) -> Scene:
    """The scene of one thing with what is missing; its `other` is not looked at."""
    new: dict[str, Any] = {}
    for attribute in missing:
        names = DRAWN if attribute == "thing" and scene.accent else SHAPES_LEVEL[attribute]  # a shape has one colour
        new[attribute] = rng.choice([v for v in names if attribute != "thing" or v not in used])
        if attribute == "color" and (usual := USUAL.get(str(new.get("thing", scene.thing)))):
            new["color"] = usual[0]
    scene = replace(scene, **new)
    accent = scene.accent or usual_accent(scene)
    return replace(scene, accent=accent) if accent != scene.accent else scene


def usual_accent(scene: Scene) -> str | None:
    """The second colour of a drawn thing of that colour, when nobody asks for another; None for a plain shape."""
    main, accent = USUAL.get(str(scene.thing), (None, None))
    return accent if scene.color != accent else main


class _Plainly(random.Random):
    """No chance at all: what is plainest, or else the first of the list."""

    def choice(self, seq):
        return next((value for value in seq if value in ("big", "center", "light")), seq[0])
