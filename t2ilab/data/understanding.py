"""A caption of either language, written by anybody, read back to a scene."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache

from t2ilab.data.captions import FILLERS_EN, FILLERS_JA, FILLERS_STORYBOOK
from t2ilab.data.scenes import MOST_THINGS, Scene
from t2ilab.data.words import LEVELS, MISSPELT, PLAIN, SHAPES

# What the words for a relation mean where no thing comes before them: 上に猫 has a cat at the top.
PLACE_OF = {"above": "top", "below": "bottom", "left of": "left", "right of": "right"}
MOST_NAMED = 8  # unknown words in one sentence
MOST_QUOTED = 200  # characters of what a person wrote
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u3005\u30fc]")
_LATIN = r"[^\W\u3040-\u30ff\u3400-\u9fff]"


def understand(caption: str, level: str = "storybook") -> tuple[Scene, list[str]]:
    """Reads a caption of either language back to a scene.

    Args:
        caption: free text; other words may stand in between.
        level: "shapes" or "storybook", which is what words there are.

    Returns:
        The scene, with None for what was not said (where two values of an attribute are said, the first one),
        and the words that this level does not know.

    Raises:
        ValueError: an empty caption; more than three things, or one of them twice; two relations between the same two
            things; another level.
    """
    text = _normal(caption)
    if not text:
        raise ValueError("A caption needs at least one word; got an empty one. Try 'a big red star'.")
    pieces = list(_pieces(text, level))
    reading = _Reading(one_thing=level == "shapes")
    for before, piece, after in zip([None, *pieces], pieces, [*pieces[1:], None], strict=False):
        joins = all(side is not None and side.attribute in ("color", "size") for side in (before, after))
        reading.take(piece, joins)
    return reading.scene(), [piece.text for piece in pieces if piece.attribute == "unknown"]


def unknown_words(caption: str, level: str = "shapes", who: str = "This model") -> str | None:
    """What a person should know before a model of that level draws the caption, or None if all of it is clear.

    One sentence on each: words read as others, words that the level does not know with the nearest that it does, and a
    scene that cannot be.
    """
    if not _normal(caption):
        return None  # nobody has to be told what an empty caption lacks before it is refused
    sentences = []
    try:
        _, unknown = understand(caption, level)
    except ValueError as error:
        unknown = []
        sentences.append(str(error))
    read_as = [f"{wrong!r} as {right!r}" for wrong, right in dict.fromkeys(_misspelt(_normal(caption), level))]
    if read_as:
        sentences.append(f"It reads {', '.join(read_as)}.")
    if unknown:
        unknown = list(dict.fromkeys(unknown))
        named, more = unknown[:MOST_NAMED], len(unknown[MOST_NAMED:])
        words = ", ".join(map(quoted, named)) + (f" and {more:,} more" if more else "")
        known = "; ".join(", ".join(names) for a, names in LEVELS[level].items() if a != "accent")
        sentences.append(f"{who} does not know {words} and draws the rest.{nearest(named, level)} It knows {known}.")
    return " ".join(sentences) or None


def quoted(text: str) -> str:
    """A text in quotes, cut where it is longer than anybody would read."""
    return repr(text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}…")


def nearest(unknown: list[str], level: str = "storybook") -> str:
    """A sentence, after a space, with the known words nearest to unknown ones; empty where none is near."""
    close = (match for word in unknown for match in get_close_matches(word, _lexicon(level), 1, 0.65))
    near = dict.fromkeys(MISSPELT.get(match, match) for match in close)
    return f" The nearest known: {', '.join(near)}." if near else ""


def spelled(caption: str, level: str = "shapes") -> str:
    """The caption with words that people write for another one replaced by that, as a model has learnt it."""
    for wrong, right in _misspelt(_normal(caption), level):
        caption = re.sub(rf"(?<!{_LATIN}){re.escape(wrong)}\b", right, caption, flags=re.IGNORECASE)
    return caption


@dataclass(frozen=True)
class _Piece:
    attribute: str  # of a scene, or "filler" or "unknown"
    value: str
    text: str


@dataclass
class _Reading:
    """The scene as far as it has been read: one dict of attributes a thing, and what stands between two of them."""

    one_thing: bool
    things: list[dict[str, str]] = field(default_factory=lambda: [{}])
    relations: list[_Piece] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)  # said before their thing, or after it
    since: set[str] = field(default_factory=set)  # what kinds of pieces came after the last relation
    whole: dict[str, str] = field(default_factory=dict)  # place and background

    def take(self, piece: _Piece, joins: bool) -> None:
        """Reads one more piece, which stands between two colours or sizes if it `joins`."""
        if piece.attribute == "relation":
            if not (piece.value == "and" and joins):
                self._relate(piece)
            return
        here = self.things[-1]
        self.since.add(piece.attribute)
        if piece.attribute == "thing":
            if self.one_thing or here.get("thing", piece.value) == piece.value:
                here.setdefault("thing", piece.value)
            else:  # a comma, or nothing at all, between two things
                self.things.append({"thing": piece.value})
                self.relations.append(_Piece("relation", "and", "and"))
            self._settle()
        elif piece.attribute in ("place", "background"):
            self._settle()
            self.whole.setdefault(piece.attribute, piece.value)
        elif piece.attribute not in ("filler", "unknown"):
            target = "accent" if piece.attribute == "color" and "color" in self.pending else piece.attribute
            if not (self.one_thing and target == "accent"):
                self.pending.setdefault(target, piece.value)

    def _relate(self, piece: _Piece) -> None:
        """Reads a relation: what comes next is another thing."""
        if "thing" not in self.things[-1] and self._is_still_open(piece):
            return
        self._settle()
        if "thing" in self.things[-1]:
            self.things.append({})
            self.relations.append(piece)
        elif piece.value in PLACE_OF:
            self.whole.setdefault("place", PLACE_OF[piece.value])
        self.since = set()

    def _is_still_open(self, piece: _Piece) -> bool:
        """Whether the relation before this one still waits for its thing; one that led elsewhere is forgotten."""
        if not self.relations:
            self._forget()
            return False
        last = self.relations[-1]
        if self.since & {"unknown", "background", "place"} or (last.value == "in" and "color" in self.since):
            self._forget()  # "in a hat", "in the night", "in red and grey"
            return False
        stands = {last.value: last, piece.value: piece}
        if len(stands) == 2:
            stands.pop("and", None)
            if stands.keys() == {"riding", "in"}:  # "riding in a boat"
                stands.pop("riding")
        if len(stands) == 2:
            both = f"{last.text!r} and {piece.text!r}"
            raise ValueError(f"Two things have one relation; got {both} between the same two. Say one of them.")
        self.relations[-1] = next(iter(stands.values()))
        return True

    def _forget(self) -> None:
        """Takes back a relation that leads to no thing that is known, and what was said of the unknown thing."""
        if "unknown" in self.since:
            self.pending = {}
        if self.relations:
            self.relations.pop()
            self.things.pop()

    def _settle(self) -> None:
        """Gives what was said of a thing to the thing, where it has one."""
        if "thing" in self.things[-1] or self.one_thing:
            for attribute, value in self.pending.items():
                self.things[-1].setdefault(attribute, value)
            self.pending = {}

    def scene(self) -> Scene:
        """All that was read. Raises ValueError for what cannot be one scene."""
        if "thing" not in self.things[-1] and self.relations:  # "a robot and"
            self._forget()
        for attribute, value in self.pending.items():
            self.things[-1].setdefault(attribute, value)
        things, relations = self.things, [r.value for r in self.relations]
        if any(_JAPANESE.search(r.text) for r in self.relations) and set(relations) != {"and"}:
            things, relations = things[::-1], relations[::-1]  # 馬に乗る宇宙飛行士
        if len(things) > MOST_THINGS:
            raise ValueError(
                f"A scene holds at most {MOST_THINGS} things; got {', '.join(thing['thing'] for thing in things)}."
            )
        scene = None
        for thing, relation in zip(reversed(things), [None, *reversed(relations)], strict=True):
            thing = {k: v for k, v in thing.items() if k != "accent" or v != thing["color"]}
            if thing.get("thing") in SHAPES:
                thing.pop("accent", None)
            scene = Scene(**thing, relation=relation, other=scene)
        assert scene is not None
        if scene.other:
            self.whole.pop("place", None)
        return replace(scene, place=self.whole.get("place"), background=self.whole.get("background"))


def _normal(caption: str) -> str:
    return unicodedata.normalize("NFC", caption).strip().lower()  # as the tokenizer does


@cache
def _lexicon(level: str) -> dict[str, tuple[str, str]]:
    """Every word or phrase -> (attribute, value), the longest first, so that "light blue" is not "light"."""
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}; got {level!r}.")
    table: dict[str, tuple[str, str]] = {}
    for attribute, names in LEVELS[level].items():
        if attribute == "accent":
            continue
        for value, (english, japanese) in names.items():
            for phrase in (value, *english, *japanese):
                table[phrase.lower()] = (attribute, value)
                if attribute == "place":
                    table[re.sub(r"^(at|on|in) the ", "", phrase)] = (attribute, value)
                if attribute == "color" and phrase[-1] in "のい":  # 赤, 青, 黄色 without their ending
                    table[phrase[:-1]] = (attribute, value)
                if attribute == "relation" and phrase[-1] == "の" and len(phrase) > 1:  # 家の上に雲
                    table[phrase[:-1] + "に"] = (attribute, value)
    # Here "on" has nobody ride on anything.
    table |= {
        f"on {article} {word} background": ("background", value)
        for value, (english, _) in PLAIN.items()
        for word in english
        for article in ("a", "the")
    }
    table["centre"] = table["middle"] = ("place", "center")
    if level == "storybook":
        table |= {f"on the {side} of": ("relation", f"{side} of") for side in ("left", "right")}
        table |= {wrong: ("thing", right) for wrong, right in MISSPELT.items()}
    return dict(sorted(table.items(), key=lambda item: -len(item[0])))


def _misspelt(text: str, level: str) -> list[tuple[str, str]]:
    if level == "shapes" or not text:
        return []
    return [(piece.text, piece.value) for piece in _pieces(text, level) if piece.text in MISSPELT]


@cache
def _pattern(level: str) -> re.Pattern[str]:
    # An English word may follow Japanese without a space (大きなred star) but not precede it so (red星): to CLIP's
    # tokenizer that is one word that does not end after "red".
    phrases = "|".join(
        re.escape(p) if _JAPANESE.search(p) else rf"(?<!{_LATIN}){re.escape(p)}\b" for p in _lexicon(level)
    )
    fillers = "|".join(map(re.escape, sorted([*FILLERS_JA, *FILLERS_STORYBOOK[1:]], key=len, reverse=True)))
    rest = rf"(?:(?!{fillers}|{phrases})[\u3040-\u30ff\u3400-\u9fff\u3005])+"
    emoji = r"[\u2190-\u2bff\U0001f000-\U0001faff][\u2190-\u2bff\U0001f000-\U0001faff\ufe0f\u200d]*"
    return re.compile(rf"(?P<known>{phrases})|(?P<filler>{fillers})|(?P<word>{_LATIN}+|{rest}|{emoji})")


def _pieces(text: str, level: str) -> Iterator[_Piece]:
    """The pieces from left to right."""
    for match in _pattern(level).finditer(text):
        piece = match.group()
        if match.lastgroup == "known":
            yield _Piece(*_lexicon(level)[piece], piece)
        elif match.lastgroup == "filler" or piece in FILLERS_EN or piece in FILLERS_STORYBOOK:
            yield _Piece("filler", "", piece)
        else:
            yield _Piece("unknown", "", piece)
