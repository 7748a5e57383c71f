"""What a monster is: the words that say it, the 416 of the fine-tuning lab, and those that are kept from them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

from t2ilab.data.words import ALL_COLORS, Names

COUNT = 416
COLORS = tuple(ALL_COLORS)
NARROW = ("tall", "pointed", "star")  # bodies with no room for four eyes

T = TypeVar("T")

# name -> (English words, Japanese words); {} stands for the second colour, and what has no words goes without saying.
# In English a body stands before "monster" and all else after "with"; in Japanese all stands before 「モンスター」.
BODIES: Names = {
    "round": (("round",), ("丸い",)),
    "tall": (("tall",), ("背の高い",)),
    "square": (("square",), ("四角い",)),
    "pear": (("pear-shaped",), ("洋なし形の",)),
    "pointed": (("pointed",), ("三角形の",)),
    "ghost": (("ghostly",), ("おばけのような",)),
    "fluffy": (("fluffy",), ("ふわふわの",)),
    "spiky": (("spiky",), ("とげとげの",)),
    "wide": (("wide",), ("横に長い",)),
    "star": (("star-shaped",), ("星形の",)),
}
EYES: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {
    1: (("one eye",), ("一つ目の",)),
    2: (("two eyes",), ("目が二つの",)),
    3: (("three eyes",), ("三つ目の", "目が三つの")),
    4: (("four eyes",), ("四つ目の", "目が四つの")),
}
CROWNS: Names = {
    "none": ((), ()),
    "one horn": (("one horn",), ("角が一本の",)),
    "two horns": (("two horns",), ("角が二本の",)),
    "antennae": (("antennae",), ("触角のある",)),
    "ears": (("big ears",), ("耳の大きな",)),
    "hair": (("a tuft of hair",), ("髪の立った",)),
    "spikes": (("spikes on its head",), ("頭にとげのある",)),
    "stalks": (("eyes on stalks",), ("目の飛び出した",)),
}
ARMS: Names = {
    "none": ((), ()),
    "short": (("short arms",), ("腕の短い",)),
    "long": (("long arms",), ("腕の長い",)),
    "wings": (("wings",), ("羽のある", "羽の生えた")),
}
LEGS: Names = {
    "none": ((), ()),
    "two": (("two legs",), ("足が二本の",)),
    "four": (("four legs",), ("足が四本の",)),
    "bird": (("bird legs",), ("鳥のような足の",)),
    "tentacles": (("tentacles",), ("タコのような足の",)),
}
MOUTHS: Names = {
    "smile": (("a smile",), ("にっこりした",)),
    "grin": (("a toothy grin",), ("歯を見せて笑う",)),
    "open": (("an open mouth",), ("口を開けた",)),
    "fangs": (("two fangs",), ("牙のある",)),
    "small": (("a small mouth",), ("口の小さな",)),
    "tongue": (("its tongue out",), ("舌を出した",)),
}
PATTERNS: Names = {
    "spots": (("spots", "{} spots"), ("水玉模様の", "{}の水玉模様の")),
    "stripes": (("stripes", "{} stripes"), ("しま模様の", "{}のしま模様の")),
    "belly": (("a {} belly",), ("おなかが{}の",)),
    "patches": (("patches", "{} patches"), ("まだら模様の", "{}のまだら模様の")),
    "zigzag": (("a zigzag", "a {} zigzag"), ("ギザギザ模様の", "{}のギザギザ模様の")),
    "half": (("a {} lower half",), ("下半分が{}の",)),
}


@dataclass(frozen=True)
class Monster:
    """One creature, in words.

    Attributes:
        color, accent: its two colours, of `COLORS`; the second is that of its pattern.
        body, crown, arms, legs, mouth, pattern: names of the tables above.
        eyes: 1 to 4.
        chance: what has no word: proportions, where the spots are, how the hand shook that drew it.

    Raises:
        ValueError: a value that is in none of the tables, or one colour twice.
    """

    color: str
    accent: str
    body: str = "round"
    eyes: int = 2
    crown: str = "none"
    arms: str = "short"
    legs: str = "two"
    mouth: str = "smile"
    pattern: str = "belly"
    chance: int = 0

    def __post_init__(self) -> None:
        for attribute, known in ATTRIBUTES.items():
            if (value := getattr(self, attribute)) not in known:
                raise ValueError(f"A monster's {attribute} is one of {', '.join(map(str, known))}; got {value!r}.")
        if self.color == self.accent:
            raise ValueError(f"A monster has two colours, so that both can be seen; got {self.color!r} twice.")

    def attributes(self) -> dict[str, str | int]:
        """All that can be asked of it: "color", "accent", "body", "eyes", ... -> its value."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "chance"}


ATTRIBUTES = {
    "color": COLORS,
    "accent": COLORS,
    "body": tuple(BODIES),
    "eyes": tuple(EYES),
    "crown": tuple(CROWNS),
    "arms": tuple(ARMS),
    "legs": tuple(LEGS),
    "mouth": tuple(MOUTHS),
    "pattern": tuple(PATTERNS),
}


def is_held_out(monster: Monster) -> bool:
    """Whether the two colours are a pair that none of the 416 has: 11 of 110, each colour once in either place.

    So a model that was fine-tuned on the 416 can be asked for a monster that it has not seen.
    """
    return (COLORS.index(monster.accent) - COLORS.index(monster.color)) % len(COLORS) == 4


def monsters(count: int = COUNT, seed: int = 0, held_out: bool = False) -> list[Monster]:
    """The monsters: by default the 416 that everybody has.

    Args:
        count: how many; the first of many are the same as of few.
        seed: other seeds give others.
        held_out: True gives only those of `is_held_out`, to measure with; False only the others.

    Raises:
        ValueError: a count below 1.
    """
    if count < 1:
        raise ValueError(f"There is at least one monster; got {count}.")
    return list(_monsters(count, seed, held_out))


@cache
def _monsters(count: int, seed: int, held_out: bool) -> tuple[Monster, ...]:
    rng = random.Random(f"monsters {seed} {held_out}")
    pairs = [(a, b) for a in COLORS for b in COLORS if a != b and is_held_out(Monster(a, b)) == held_out]
    colors = _dealt(pairs, rng)
    others = {name: _dealt(values, rng) for name, values in ATTRIBUTES.items() if name not in ("color", "accent")}
    made = []
    for _ in range(count):
        color, accent = next(colors)
        values: dict[str, Any] = {name: next(deck) for name, deck in others.items()}
        if values["eyes"] == 4 and (values["body"] in NARROW or values["crown"] == "stalks"):
            values["eyes"] = 2
        made.append(Monster(color, accent, **values, chance=rng.getrandbits(32)))
    return tuple(made)


def _dealt(values: Sequence[T], rng: random.Random) -> Iterator[T]:
    """The values in random order, again and again, so that each comes as often as the others."""
    while True:
        yield from rng.sample(values, len(values))
