"""A scene in words: captions in English and in Japanese, in several wordings."""

from __future__ import annotations

import random

from t2ilab.data.scenes import Scene
from t2ilab.data.words import ALIVE, ARTICLE, ATTRIBUTES, DRAWN, LANGUAGES, LEVELS, PLAIN, WITH_DE

# Words that a caption may hold without saying anything about the picture.
FILLERS_EN = set("a an the of on in at with and picture drawing image photo photograph background shape its is".split())
FILLERS_JA = ("背景", "図形", "絵", "がある", "の", "に", "は", "が", "、", "。", "で", "と", "を")
FILLERS_STORYBOOK = ("humanoid", "がいる", "いる")
KINDS = ("picture", "drawing", "photograph")
BEHIND = 1 / 3  # of English captions of one thing in two colours, those that say them after it: a robot, red and grey


def describe(scene: Scene, language: str = "en", rng: random.Random | None = None, behind: float = BEHIND) -> str:
    """A caption of the scene.

    Args:
        scene: what to say; attributes that are None are not mentioned.
        language: "en" or "ja".
        rng: picks among wordings and synonyms; None gives the plainest caption.
        behind: of one thing in two colours, the share of English captions that say them after it.

    Raises:
        ValueError: a language other than these two.
    """
    words = caption_words(scene, language, rng, behind)
    return ("" if language == "ja" else " ").join(words).replace(" ,", ",")


def caption_words(
    scene: Scene, language: str = "en", rng: random.Random | None = None, behind: float = BEHIND
) -> list[str]:
    """The same caption as a list of words, which is what a tokenizer's merges must not cross."""
    if language not in LANGUAGES:
        raise ValueError(f"language must be 'en' or 'ja'; got {language!r}.")
    speaker = (_Japanese if language == "ja" else _English)(scene, rng, behind)
    size, color, place, background = (speaker.say(scene, a) for a in ("size", "color", "place", "background"))
    wording = rng.randrange(5) if rng else 0
    things = speaker.things(scene, size, color)
    return speaker.sentence(scene, things, place, background, wording)


class _Speaker:
    """One language; each word that has synonyms is drawn once, when it is said."""

    column: int

    def __init__(self, scene: Scene, rng: random.Random | None, behind: float):
        self.rng = rng
        # a robot, red and grey: colours behind their thing, where one thing in two colours is all there is
        self.behind = scene.accent is not None and scene.other is None and rng is not None and rng.random() < behind
        self.listed = all(one.relation in (None, "and") for one in scene.chain())  # a cat, a dog and a bird

    def say(self, scene: Scene, attribute: str, default: str = "") -> str:
        value = getattr(scene, attribute)
        if value is None:
            return default
        words = ATTRIBUTES[attribute][value][self.column]
        return words[0] if self.rng is None or self.rng.random() < 0.75 else self.rng.choice(words)

    def others(self, scene: Scene) -> list[str]:
        """The words for the thing that the scene's relation leads to, and for whatever that one is related to."""
        assert scene.other is not None
        return self.things(scene.other, self.say(scene.other, "size"), self.say(scene.other, "color"))

    def things(self, scene: Scene, size: str, color: str) -> list[str]:
        raise NotImplementedError


class _English(_Speaker):
    column = 0

    def things(self, scene: Scene, size: str, color: str) -> list[str]:
        thing = self.say(scene, "thing", "shape").split()
        second = ["and", *self.say(scene, "accent").split()] if scene.accent else []
        colors = [*color.split(), *second]
        noun = [*size.split(), *thing] if self.behind else [*size.split(), *colors, *thing]
        if article := ARTICLE.get(scene.thing or "", "an" if noun[0][0].lower() in "aeiou" else "a"):
            noun = [article, *noun]
        if scene.other is None:
            return [*noun, ",", *colors] if self.behind else noun
        relation = self.say(scene, "relation").split()
        if self.listed and scene.other.other:
            relation = [","]
        return [*noun, *relation, *self.others(scene)]

    def sentence(self, scene: Scene, things: list[str], place: str, background: str, wording: int) -> list[str]:
        at, ground = place.split(), background.split()
        short = ground
        if scene.background in PLAIN:
            ground, short = ["on", "a", background, "background"], [background, "background"]
        if self.behind:
            return [*things, *([",", *at] if at else []), *([",", *short] if short else [])]
        if wording == 1:
            return [*at, ",", *things, *ground] if at else [*things, *ground]
        if wording == 2:
            return [*ground, ",", *things, *at] if ground else [*things, *at]
        if wording == 3:
            kind = self.rng.choice(KINDS) if self.rng and scene.thing in DRAWN else KINDS[0]
            return ["a", kind, "of", *things, *at, *([",", *short] if short else [])]
        if wording == 4:
            bare = things[1:] if things[0] in ("a", "an", "the") else things
            return [*bare, *([",", *at] if at else []), *([",", *short] if short else [])]
        return [*things, *at, *ground]


class _Japanese(_Speaker):
    column = 1

    def things(self, scene: Scene, size: str, color: str) -> list[str]:
        thing = self.say(scene, "thing", "図形")
        colors = [color[:-1], "と", self.say(scene, "accent")[:-1], "の"] if scene.accent else [color]  # 赤と青の
        noun = [word for word in (size, *colors, thing) if word]
        if scene.other is None:
            return noun
        relation, others = self.say(scene, "relation"), self.others(scene)
        return [*noun, relation, *others] if self.listed else [*others, relation, *noun]

    def sentence(self, scene: Scene, things: list[str], place: str, background: str, wording: int) -> list[str]:
        at = [place, "に"] if place else []
        there = "がいる" if scene.thing in ALIVE else "がある"
        if not background:
            return [*at, *things, there, "絵"] if wording == 3 else [*at, *things]
        plain = scene.background in PLAIN
        ground = [background, "背景"] if plain else [background]
        by = ["で", "、"] if scene.background in WITH_DE else ["、"]  # 台所で、 but 夜空の下、 and 暗い背景、
        if wording == 1:
            return [*things, *(["、", place] if place else []), "、", *ground]
        if wording == 2 and plain:
            return [*at, *things, "、", "背景", "は", background]
        if wording in (2, 4) or (scene.other and not plain):
            return [*ground, *by, *at, *things, *([there, "絵"] if wording == 3 else [])]
        # 暗い背景の左上に and 台所の左上に, but 夜、左上に
        into = ["の" if plain or scene.background in WITH_DE else "、", *at] if at else ["に"]
        into += ["、"] if scene.other else []
        return [*ground, *into, *things, *([there, "絵"] if wording == 3 else [])]


def vocabulary(level: str = "shapes") -> set[str]:
    """Every word that a caption of either language may hold at a level, "shapes" or "storybook"."""
    words: set[str] = set()
    for language in LANGUAGES:
        for wording in range(5):
            words.update(caption_words(Scene(), language, random.Random(wording)))
    for attribute, names in LEVELS[level].items():
        for english, japanese in names.values():
            words.update(word for phrase in english for word in phrase.split())
            words.update(japanese)
            if level != "shapes" and attribute == "color":
                words.update(word[:-1] for word in japanese)  # as in 赤と灰色の
    words.update(FILLERS_EN, FILLERS_JA)
    if level != "shapes":
        words.update(FILLERS_STORYBOOK)
    return words
