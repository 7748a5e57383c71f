"""What a picture says: a scene, its captions in English and Japanese, and a caption read back to a scene.

This is the `shapes` level of the world: one geometric shape with a colour, a size and a place on a plain background,
8 x 8 x 2 x 9 x 2 = 2,304 scenes. One pair of thing and colour in eight is held out: no training set contains it.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import product

# name -> (English words, Japanese words). The first of each is the usual one; the name is what metrics report.
Names = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]

THINGS: Names = {
    "circle": (("circle", "disc"), ("円", "丸")),
    "square": (("square",), ("四角", "正方形")),
    "triangle": (("triangle",), ("三角", "三角形")),
    "star": (("star",), ("星",)),
    "heart": (("heart",), ("ハート",)),
    "ring": (("ring",), ("輪", "リング")),
    "cross": (("cross", "plus"), ("十字",)),
    "diamond": (("diamond",), ("ひし形",)),
}
COLORS: Names = {
    "red": (("red",), ("赤い",)),
    "orange": (("orange",), ("オレンジの",)),
    "yellow": (("yellow",), ("黄色い",)),
    "green": (("green",), ("緑の",)),
    "light blue": (("light blue",), ("水色の",)),
    "blue": (("blue",), ("青い",)),
    "purple": (("purple",), ("紫の",)),
    "pink": (("pink",), ("ピンクの",)),
}
SIZES: Names = {
    "big": (("big", "large"), ("大きな", "大きい")),
    "small": (("small", "little"), ("小さな", "小さい")),
}
PLACES: Names = {
    "top left": (("at the top left",), ("左上",)),
    "top": (("at the top",), ("上",)),
    "top right": (("at the top right",), ("右上",)),
    "left": (("on the left",), ("左",)),
    "center": (("in the center", "in the middle"), ("中央", "真ん中")),
    "right": (("on the right",), ("右",)),
    "bottom left": (("at the bottom left",), ("左下",)),
    "bottom": (("at the bottom",), ("下",)),
    "bottom right": (("at the bottom right",), ("右下",)),
}
BACKGROUNDS: Names = {
    "dark": (("dark",), ("暗い",)),
    "light": (("light", "bright"), ("明るい",)),
}
ATTRIBUTES: dict[str, Names] = {
    "thing": THINGS,
    "color": COLORS,
    "size": SIZES,
    "place": PLACES,
    "background": BACKGROUNDS,
}
LANGUAGES = ("en", "ja")


@dataclass(frozen=True)
class Scene:
    """One picture in words. An attribute that is None was not asked for, and anything will do.

    Raises:
        ValueError: a value that the world does not hold; the sentence lists those it does.
    """

    thing: str | None = None
    color: str | None = None
    size: str | None = None
    place: str | None = None
    background: str | None = None

    def __post_init__(self) -> None:
        for attribute, names in ATTRIBUTES.items():
            value = getattr(self, attribute)
            if value is not None and value not in names:
                raise ValueError(f"{attribute} must be one of {', '.join(names)}; got {value!r}.")

    def asked(self) -> dict[str, str]:
        """The attributes that are given, in the order of the fields."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


def is_held_out(scene: Scene) -> bool:
    """Whether the scene's pair of thing and colour is kept from all training: eight pairs, each value once."""
    if scene.thing is None or scene.color is None:
        return False
    return list(COLORS).index(scene.color) == (3 * list(THINGS).index(scene.thing) + 2) % len(COLORS)


def all_scenes() -> Iterator[Scene]:
    """Every full scene of the level, 2,304 of them, in a fixed order."""
    return (Scene(*values) for values in product(*ATTRIBUTES.values()))


def describe(scene: Scene, language: str = "en", rng: random.Random | None = None) -> str:
    """A caption of the scene.

    Args:
        scene: what to say; attributes that are None are not mentioned.
        language: "en" or "ja".
        rng: picks among wordings and synonyms; None gives the plainest caption.

    Raises:
        ValueError: a language other than these two.
    """
    return ("" if language == "ja" else " ").join(caption_words(scene, language, rng)).replace(" ,", ",")


def caption_words(scene: Scene, language: str = "en", rng: random.Random | None = None) -> list[str]:
    """The same caption as a list of words, which is what a tokenizer's merges must not cross."""
    if language not in LANGUAGES:
        raise ValueError(f"language must be 'en' or 'ja'; got {language!r}.")
    column = LANGUAGES.index(language)

    def say(attribute: str, default: str = "") -> str:
        value = getattr(scene, attribute)
        if value is None:
            return default
        words = ATTRIBUTES[attribute][value][column]
        return words[0] if rng is None or rng.random() < 0.75 else rng.choice(words)

    size, color, place, background = say("size"), say("color"), say("place"), say("background")
    wording = rng.randrange(5) if rng else 0
    if language == "ja":
        thing = [word for word in (size, color, say("thing", "図形")) if word]
        return _japanese(thing, place, background, wording)
    thing = [word for word in (*size.split(), *color.split(), say("thing", "shape")) if word]
    return _english(thing, place.split(), background, wording)


def _english(thing: list[str], place: list[str], background: str, wording: int) -> list[str]:
    noun = ["an" if thing[0][0] in "aeiou" else "a", *thing]
    ground = ["on", "a", background, "background"] if background else []
    if wording == 1:
        return [*place, ",", *noun, *ground] if place else [*noun, *ground]
    if wording == 2:
        return [*ground, ",", *noun, *place] if ground else [*noun, *place]
    if wording == 3:
        return ["a", "picture", "of", *noun, *place, *([",", background, "background"] if background else [])]
    if wording == 4:
        return [*thing, *([",", *place] if place else []), *([",", background, "background"] if background else [])]
    return [*noun, *place, *ground]


def _japanese(thing: list[str], place: str, background: str, wording: int) -> list[str]:
    at = [place, "に"] if place else []
    if not background:
        return [*at, *thing, "がある", "絵"] if wording == 3 else [*at, *thing]
    if wording == 1:
        return [*thing, *(["、", place] if place else []), "、", background, "背景"]
    if wording == 2:
        return [*at, *thing, "、", "背景", "は", background]
    if wording == 3:
        return [background, "背景", *(["の", *at] if at else ["に"]), *thing, "がある", "絵"]
    if wording == 4:
        return [background, "背景", "、", *at, *thing]
    return [background, "背景", *(["の", *at] if at else ["に"]), *thing]


# Words that a caption may hold without saying anything about the picture.
_FILLERS_EN = set(
    "a an the of on in at with and picture drawing image photo photograph background shape its is".split()
)
_FILLERS_JA = ("背景", "図形", "絵", "がある", "の", "に", "は", "が", "、", "。", "で", "と", "を")


def understand(caption: str) -> tuple[Scene, list[str]]:
    """Reads a caption of either language back to a scene.

    Args:
        caption: free text; words in any order, other words in between.

    Returns:
        The scene, with None for what was not said (where two values of an attribute are said, the first one),
        and the words that this world does not know.

    Raises:
        ValueError: an empty caption.
    """
    text = unicodedata.normalize("NFC", caption).strip().lower()  # as the tokenizer does
    if not text:
        raise ValueError("A caption needs at least one word; got an empty one. Try 'a big red star'.")
    found: dict[str, str] = {}
    unknown: list[str] = []
    for attribute, value, piece in _pieces(text):
        if attribute is None:
            unknown.append(piece)
        else:
            found.setdefault(attribute, value)
    return Scene(**found), unknown


def _lexicon() -> dict[str, tuple[str, str]]:
    """Every word or phrase -> (attribute, value), the longest first, so that "light blue" is not "light"."""
    table: dict[str, tuple[str, str]] = {}
    for attribute, names in ATTRIBUTES.items():
        for value, (english, japanese) in names.items():
            for phrase in (value, *english, *japanese):
                table[phrase] = (attribute, value)
                bare = re.sub(r"^(at|on|in) the ", "", phrase)
                table[bare] = (attribute, value)
                if attribute == "color" and phrase[-1] in "のい":  # 赤, 青, 黄色 without their ending
                    table[phrase[:-1]] = (attribute, value)
    table["centre"] = table["middle"] = ("place", "center")
    return dict(sorted(table.items(), key=lambda item: -len(item[0])))


_LEXICON = _lexicon()
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u3005\u30fc]")


def _piece_pattern() -> re.Pattern[str]:
    latin = r"[^\W\u3040-\u30ff\u3400-\u9fff]"
    # An English word may follow Japanese without a space (大きなred star) but not precede it so (red星): to CLIP's
    # tokenizer that is one word that does not end after "red".
    phrases = "|".join(re.escape(p) if _JAPANESE.search(p) else rf"(?<!{latin}){re.escape(p)}\b" for p in _LEXICON)
    fillers = "|".join(map(re.escape, sorted(_FILLERS_JA, key=len, reverse=True)))
    rest = rf"(?:(?!{fillers}|{phrases})[\u3040-\u30ff\u3400-\u9fff\u3005])+"
    emoji = r"[\u2190-\u2bff\U0001f000-\U0001faff][\u2190-\u2bff\U0001f000-\U0001faff\ufe0f\u200d]*"
    return re.compile(rf"(?P<known>{phrases})|(?P<filler>{fillers})|(?P<word>{latin}+|{rest}|{emoji})")


_PIECE = _piece_pattern()


def _pieces(text: str) -> Iterator[tuple[str | None, str, str]]:
    """(attribute, value, piece) from left to right; attribute None for an unknown piece."""
    for match in _PIECE.finditer(text):
        piece = match.group()
        if match.lastgroup == "known":
            yield (*_LEXICON[piece], piece)
        elif match.lastgroup == "word" and piece not in _FILLERS_EN:
            yield None, "", piece


def vocabulary() -> set[str]:
    """Every word that a caption of either language may hold."""
    words: set[str] = set()
    for language in LANGUAGES:
        for wording in range(5):
            rng = random.Random(wording)
            words.update(caption_words(Scene(), language, rng))
    for names in ATTRIBUTES.values():
        for english, japanese in names.values():
            words.update(word for phrase in english for word in phrase.split())
            words.update(japanese)
    words.update(_FILLERS_EN, _FILLERS_JA)
    return words


def unknown_words(caption: str) -> str | None:
    """A sentence on the words that this world does not know and those that it does, or None if it knows all."""
    _, unknown = understand(caption)
    if not unknown:
        return None
    known = "; ".join(", ".join(names) for names in ATTRIBUTES.values())
    words = ", ".join(repr(word) for word in dict.fromkeys(unknown))
    return f"This model does not know {words} and draws the rest. It knows {known}."
