"""Emoji: small pictures that people drew, each with its name in fourteen languages."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch, Pillow and the names load where they are used
    from PIL.Image import Image as Picture
    from torch import Tensor

LANGUAGES = ("en", "ja", "ar", "de", "es", "fa", "fr", "id", "it", "ko", "pt", "ru", "tr", "zh")
WHITE = (1.0, 1.0, 1.0)
SETTING = "T2ILAB_EMOJI_FONT"
FONTS = ("NotoColorEmoji.ttf", "Apple Color Emoji.ttc", "seguiemj.ttf")
STRIKES = (109, 160, 136, 128, 96, 64)  # the one size of Noto's bitmaps, and sizes of others; outlines have any size
REGION = re.compile("[\U0001f1e6-\U0001f1ff]|🏴[\U000e0061-\U000e007a]")  # how the flag of a country or region begins
TONES = range(0x1F3FB, 0x1F400)
JOINER, AS_PICTURE = "\u200d", "\ufe0f"
NOBODY = str.maketrans("👨👩👦👧", "🧑🧑🧒🧒")  # men and women are adults, boys and girls are children
SMILE = "😀"
NONE = ("\U0010ffff", "🇽🇽")  # no character and no flag: what a font draws for them, it draws for all it lacks
# What belongs together, by the first code point. What stands in none of these is of no group.
GROUPS = {
    "face": "1F600-1F644 1F910-1F917 1F920-1F925 1F927-1F92F 1F970-1F976 1F978-1F97A 1F9D0 1FAE0-1FAE5"
    " 1FAE8-1FAEB 263A",
    "nature": "2618 1F331-1F335 1F337-1F33C 1F33E-1F344 1F3F5 1F400-1F43F 1F490 1F54A 1F577-1F578 1F940 1F981-1F98F"
    " 1F992-1F99D 1F99F-1F9A9 1F9AB-1F9AE 1FAB0-1FAB4 1FAB6-1FABF 1FACE-1FACF",
    "food": "2615 1F32D-1F330 1F336 1F33D 1F345-1F37F 1F382 1F950-1F96F 1F980 1F990-1F991 1F99E 1F9AA 1F9C0-1F9CB"
    " 1FAD0-1FADF",
    "place": "26E9-26EA 26F0-26F2 26FA 26FD 1F301 1F303-1F307 1F309 1F30B 1F3A0-1F3A2 1F3AA 1F3D4-1F3DF 1F3E0-1F3E6"
    " 1F3E8-1F3ED 1F3EF-1F3F0 1F492 1F54B-1F54D 1F5FB-1F5FE 1F6D5-1F6D6 1F6DD",
    "flag": "1F1E6-1F1FF 1F38C 1F3C1 1F3F3-1F3F4 1F6A9",
}


@dataclass(frozen=True)
class Emoji:
    """One emoji.

    Attributes:
        character: as it is typed, one code point or several.
        names: language, of `LANGUAGES` -> what it is called there ("red heart", "赤いハート").
        aliases: other English names ("heart"): wordings to hold out from training.
        group: "face", "nature", "food", "place" or "flag", or None where it is none of them.
    """

    character: str
    names: dict[str, str] = field(hash=False)
    aliases: tuple[str, ...] = ()
    group: str | None = None


def name(emoji: Emoji | str, language: str = "en") -> str:
    """What an emoji is called in a language of `LANGUAGES`.

    Raises:
        ValueError: an unknown language, a character that is no emoji, or one without a name in that language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"Emoji have names in {', '.join(LANGUAGES)}; got {language!r}.")
    if isinstance(emoji, str):
        emoji = _named(emoji)
    if language not in emoji.names:
        raise ValueError(
            f"{emoji.character} has no name in {language!r} yet, only in {', '.join(emoji.names)}; "
            "pip install --upgrade emoji may bring one."
        )
    return emoji.names[language]


def catalogue() -> list[Emoji]:
    """All emoji with their names but without skin tones, sorted by code points; no font is needed for it."""
    return list(_catalogue())


def emojis(font: str | Path | None = None, genders: bool = False) -> list[Emoji]:
    """The emoji that a font draws, each picture once, sorted by code points.

    Of emoji that look alike (the flags of Norway and of Bouvet Island) the one with the shortest name stays. What a
    font puts together from several glyphs, as some do with flags and families, is left out.

    Args:
        font: a colour emoji font; by default that of `find_font`.
        genders: also the man and the woman of what there is as a person, such as a man and a woman who are running.

    Raises:
        FileNotFoundError: there is no font, with the command that installs one.
        ValueError: a file that is no colour emoji font.
    """
    return list(_distinct(_face(font), genders))


def draw(
    chosen: Sequence[Emoji | str],
    size: int = 32,
    font: str | Path | None = None,
    background: Sequence[float] = WHITE,
) -> Tensor:
    """Draws emoji, each centred on a plain background, all at one scale.

    Args:
        chosen: emoji or their characters, N of them.
        size: pixels a side, 8 or more; the fonts' own pictures have 109 to 160, so above that they get no sharper.
        font: a colour emoji font; by default that of `find_font`.
        background: its red, green and blue in [-1, 1].

    Returns:
        Float (N, 3, size, size) in [-1, 1].

    Raises:
        FileNotFoundError: there is no font, with the command that installs one.
        ValueError: no emoji, one that the font does not have, a size below 8, a background that is no colour, or a
            file that is no colour emoji font.
    """
    from PIL import Image

    from t2ilab.images import from_pil

    if size < 8:
        raise ValueError(f"An emoji needs at least 8 pixels a side to be told from others; got {size}.")
    if len(background) != 3 or not all(-1 <= level <= 1 for level in background):
        raise ValueError(f"A background is red, green and blue in [-1, 1]; got {tuple(background)}.")
    face = _face(font)
    levels = tuple(round((level + 1) * 127.5) for level in background)
    pictures = []
    for character in (emoji.character if isinstance(emoji, Emoji) else emoji for emoji in chosen):
        glyph = face.glyph(character)
        if glyph is None:
            raise ValueError(
                f"{face.path.name} does not draw {character!r} as one picture; see `emojis()` for the rest."
            )
        side = max(face.side, *glyph.size)
        canvas = Image.new("RGBA", (side, side), (*levels, 255))
        canvas.alpha_composite(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
        pictures.append(canvas.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))
    return from_pil(pictures)


def items(
    chosen: Sequence[Emoji] | None = None,
    size: int = 32,
    languages: Sequence[str] = ("en",),
    font: str | Path | None = None,
    background: Sequence[float] = WHITE,
) -> Iterator[dict[str, Any]]:
    """Emoji as captioned pictures, one after the other, each once in every language that has a name for it.

    Yields {"image": float (3, size, size) in [-1, 1], "caption": its name, "language", "emoji": the `Emoji`}. The
    arguments are those of `draw`, with all of `emojis(font)` by default; raises as these two do, and ValueError for an
    unknown language, before the first.
    """
    for language in languages:
        if language not in LANGUAGES:
            raise ValueError(f"Emoji have names in {', '.join(LANGUAGES)}; got {language!r}.")
    chosen = emojis(font) if chosen is None else chosen
    pictures = (draw([emoji], size, font, background)[0] for emoji in chosen)
    return (
        {"image": image, "caption": emoji.names[language], "language": language, "emoji": emoji}
        for emoji, image in zip(chosen, pictures, strict=True)
        for language in languages
        if language in emoji.names
    )


def find_font() -> Path:
    """A colour emoji font: the file that T2ILAB_EMOJI_FONT names, else one where Linux, macOS and Windows keep theirs.

    Raises:
        FileNotFoundError: there is none, with the command that installs one.
    """
    if set_by_user := os.environ.get(SETTING):
        if Path(set_by_user).is_file():
            return Path(set_by_user)
        raise FileNotFoundError(f"{SETTING} must name a font file; there is none at {set_by_user!r}.")
    for font in FONTS:
        for folder in _font_folders():
            for path in sorted(folder.rglob(font)):
                return path
    if sys.platform.startswith("linux"):
        fix = "sudo apt-get install fonts-noto-color-emoji (on Debian, Ubuntu and Colab) brings one"
    else:
        fix = f"download NotoColorEmoji.ttf from Google Fonts and set {SETTING} to where it lies"
    raise FileNotFoundError(f"Emoji need a colour emoji font, and this machine has none: {fix}.")


def _font_folders() -> list[Path]:
    home = Path(os.path.expanduser("~"))
    folders = [home / ".local/share/fonts", home / ".fonts", home / "Library/Fonts"]
    folders += map(Path, ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts"))
    if windows := os.environ.get("WINDIR"):
        folders += [Path(windows) / "Fonts", home / "AppData/Local/Microsoft/Windows/Fonts"]
    return [folder for folder in folders if folder.is_dir()]


# The names


@lru_cache(maxsize=1)
def _catalogue() -> tuple[Emoji, ...]:
    try:
        import emoji as package
    except ImportError as error:
        raise ImportError(
            "The names of emoji need the package emoji, which is not installed: pip install emoji."
        ) from error

    package.config.load_language(list(LANGUAGES))
    whole = package.STATUS["fully_qualified"]
    found = []
    for character, facts in package.EMOJI_DATA.items():
        if facts["status"] != whole or any(ord(point) in TONES for point in character):
            continue
        names = {language: _clean(facts[language]) for language in LANGUAGES if facts.get(language)}
        aliases = [_clean(alias) for alias in facts.get("alias", ())]
        if REGION.match(character):  # the package calls it by its country alone
            aliases.append(names["en"])
            names["en"] = f"flag of {names['en']}"
        others = {_letters(alias): alias for alias in aliases if _is_wording(alias)}
        others.pop(_letters(names["en"]), None)  # the same word with other signs
        found.append(Emoji(character, names, tuple(others.values()), _group(character)))
    return tuple(sorted(found, key=lambda e: e.character))


def _named(character: str) -> Emoji:
    for emoji in _catalogue():
        if character in (emoji.character, emoji.character.replace(AS_PICTURE, "")):
            return emoji
    raise ValueError(f"A name belongs to one emoji without a skin tone; got {character!r}. See `catalogue()` for all.")


def _clean(written: str) -> str:
    """ ":red_heart:" -> "red heart"."""
    return " ".join(written.strip(":").replace("_", " ").replace("’", "'").split())


def _is_wording(alias: str) -> bool:
    """Whether an alias is made of words, and no code such as "u6e80" or "+1"."""
    return re.search(r"[a-z]{3}", alias.lower()) is not None and re.search(r"\d", alias) is None


def _letters(wording: str) -> str:
    return "".join(letter for letter in wording.lower() if letter.isalnum())


def _group(character: str) -> str | None:
    point = ord(character[0])
    for group, ranges in GROUPS.items():
        for both in ranges.split():
            first, _, last = both.partition("-")
            if int(first, 16) <= point <= int(last or first, 16):
                return group
    return None


def _neutrally(emoji: Emoji) -> str:
    """The emoji's character without its gender: a man who runs is a person who runs."""
    if JOINER not in emoji.character:
        return emoji.character
    return re.sub(f"{JOINER}[♂♀]{AS_PICTURE}?", "", emoji.character).translate(NOBODY)


def _neutral() -> list[Emoji]:
    known = {form for e in _catalogue() for form in (e.character, e.character.replace(AS_PICTURE, ""))}
    return [e for e in _catalogue() if (neutral := _neutrally(e)) == e.character or neutral not in known]


# The glyphs


class _Face:
    """A font, and how it draws one emoji."""

    def __init__(self, path: Path) -> None:
        from PIL import ImageChops, ImageFont, features

        self.path = path
        problem: OSError | None = None
        for size in STRIKES:
            try:
                self.font = ImageFont.truetype(str(path), size)
                break
            except OSError as error:
                problem = error
        else:
            raise ValueError(f"{path} is no font that can be read ({problem}). Leave it out to take the system's.")
        self.joins = features.check("raqm")  # without this library Pillow draws each code point by itself
        self.width = self.font.getlength(SMILE)
        left, top, right, bottom = self.font.getbbox(SMILE)
        self.side = round(max(right - left, bottom - top))
        self.lacking: set[bytes] = set()
        self.lacking = {_identity(box) for box in map(self.glyph, NONE) if box is not None}
        smile = self.glyph(SMILE)
        if smile is None or not ImageChops.difference(smile.getchannel("R"), smile.getchannel("B")).getbbox():
            raise ValueError(f"{path} draws no emoji in colour. Leave it out to take the system's.")

    def glyph(self, character: str) -> Picture | None:
        """The ink of an emoji, RGBA, cut at its edges; None where the font lacks it or needs several glyphs for it."""
        from PIL import Image, ImageDraw

        text = character if self.joins else character.replace(AS_PICTURE, "")
        left, top, right, bottom = map(round, self.font.getbbox(text))
        if self.font.getlength(text) > 1.5 * self.width or left >= right or top >= bottom:
            return None
        canvas = Image.new("RGBA", (right - left, bottom - top))
        ImageDraw.Draw(canvas).text((-left, -top), text, font=self.font, embedded_color=True)
        # Pillow mixes the colours with the black of an empty canvas, so by now they are multiplied by their opacity.
        canvas = Image.frombytes("RGBa", canvas.size, canvas.tobytes()).convert("RGBA")
        ink = canvas.getchannel("A").getbbox()
        if ink is None or _identity(canvas.crop(ink)) in self.lacking:
            return None
        return canvas.crop(ink)


def _face(font: str | Path | None) -> _Face:
    path = find_font() if font is None else Path(font)
    if not path.is_file():
        raise FileNotFoundError(f"There is no font at {str(path)!r}. Leave it out to take the system's.")
    return _opened(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _opened(path: Path, changed: int) -> _Face:
    return _Face(path)


@lru_cache(maxsize=8)
def _distinct(face: _Face, genders: bool) -> tuple[Emoji, ...]:
    """The emoji that a font has, of those that look the same the one with the shortest name."""
    chosen = _catalogue() if genders else _neutral()
    kept: dict[bytes, Emoji] = {}
    for emoji in sorted(chosen, key=lambda e: (len(e.character), e.character != _neutrally(e), len(e.names["en"]))):
        if (glyph := face.glyph(emoji.character)) is not None:
            kept.setdefault(_identity(glyph), emoji)
    return tuple(sorted(kept.values(), key=lambda emoji: emoji.character))


def _identity(glyph: Picture) -> bytes:
    return hashlib.blake2b(repr(glyph.size).encode() + glyph.tobytes()).digest()
