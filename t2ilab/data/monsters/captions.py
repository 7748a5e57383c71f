"""A monster in a sentence, in English and in Japanese, in several wordings."""

from __future__ import annotations

import random

from t2ilab.data.monsters.creature import ARMS, BODIES, CROWNS, EYES, LEGS, MOUTHS, PATTERNS, Monster
from t2ilab.data.words import ALL_COLORS, LANGUAGES

KINDS = (("drawing", "picture", "sketch", "ink drawing"), ("絵", "イラスト", "スケッチ"))
NOUNS = (("monster", "creature"), ("モンスター", "怪物"))
FEATURES = {"eyes": EYES, "crown": CROWNS, "arms": ARMS, "legs": LEGS, "mouth": MOUTHS, "pattern": PATTERNS}
WORDINGS = 6


def describe(monster: Monster, language: str = "en", rng: random.Random | None = None) -> str:
    """A caption of a monster; it always says both colours, and some wordings say one thing more.

    Args:
        monster: which.
        language: "en" or "ja".
        rng: picks the wording, the words and what more is said; None gives the plainest, as "a drawing of a yellow and
            grey monster" or 「黄色と灰色のモンスターの絵」.

    Raises:
        ValueError: a language other than these two.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be 'en' or 'ja'; got {language!r}.")
    column = LANGUAGES.index(language)
    wording = rng.randrange(WORDINGS) if rng else 0
    kind, noun = (_said(words[column], rng) for words in (KINDS, NOUNS))
    colors = tuple(_color(name, column, rng) for name in (monster.color, monster.accent))
    feature = _feature(monster, column, colors[1], rng)
    body = _said(BODIES[monster.body][column], rng)
    return (_japanese if column else _english)(wording, kind, noun, colors, feature, body)


def _english(wording: int, kind: str, noun: str, colors: tuple[str, ...], feature: str, body: str) -> str:
    both = " and ".join(colors)
    return (
        f"{_a(kind)} of {_a(both)} {noun}",
        f"{_a(both)} {noun}",
        f"{_a(kind)} of {_a(both)} {noun} with {feature}",
        f"{_a(body)} {both} {noun}",
        f"{_a(noun)} in {both} with {feature}",
        f"{both} {noun}, {_a(kind)}",
    )[wording]


def _japanese(wording: int, kind: str, noun: str, colors: tuple[str, ...], feature: str, body: str) -> str:
    both = "と".join(colors)
    return (
        f"{both}の{noun}の{kind}",
        f"{both}の{noun}",
        f"{both}の、{feature}{noun}の{kind}",
        f"{both}の{body}{noun}",
        f"{feature}{noun}、{both}",
        f"{both}の{noun}を描いた{kind}",
    )[wording]


def _feature(monster: Monster, column: int, accent: str, rng: random.Random | None) -> str:
    """One thing about it that has words."""
    values = [table[getattr(monster, name)][column] for name, table in FEATURES.items()]  # type: ignore[index]
    words = [value for value in values if value]
    chosen = rng.choice(words) if rng else words[0]
    return (rng.choice(chosen) if rng else chosen[0]).replace("{}", accent)


def _said(words: tuple[str, ...], rng: random.Random | None) -> str:
    """The usual word, or one time in four any."""
    return words[0] if rng is None or rng.random() < 0.75 else rng.choice(words)


def _color(name: str, column: int, rng: random.Random | None) -> str:
    word = _said(ALL_COLORS[name][column], rng)
    return word[:-1] if column else word  # 「黄色い」 and 「灰色の」 are 「黄色」 and 「灰色」 beside another colour


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
