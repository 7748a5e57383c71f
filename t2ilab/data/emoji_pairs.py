"""Emoji as pairs to learn from: each drawn a little otherwise every time, and named in other words.

Some 1,700 pictures and their names are soon known by heart. So that more than this can be measured afterwards, three
things are kept from training: some emoji as a whole, some of the other wordings that an emoji has, and some sentences.
"""

from __future__ import annotations

import math
import random
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.emoji import Emoji, draw, emojis
from t2ilab.data.words import TO_HIRAGANA

LANGUAGES = ("en", "ja")
SENTENCES = {
    "en": ("an emoji of {}", "the {} emoji", "a picture of {}", "a small picture of {}", "an icon that shows {}",
           "a drawing of {}", "{}, an emoji", "emoji: {}", "a symbol for {}", "the icon {}"),
    "ja": ("{}の絵文字", "{}の絵", "{}の小さな絵", "{}を表す絵文字", "{}のアイコン", "絵文字の{}", "絵文字：{}",
           "{}の記号"),
}  # fmt: skip
NEW_SENTENCES = {  # no training shows them; "sticker" and 「スタンプ」 are words that it does not show either
    "en": ("a small drawing that shows {}", "{}, a small icon", "a sticker of {}", "find the emoji for {}"),
    "ja": ("{}を表す小さなアイコン", "小さな{}の絵", "{}のスタンプ", "{}の絵文字を探す"),
}
SIBLINGS = 4  # neighbours in Unicode that stand in a batch together: faces beside faces, clocks beside clocks
MIRRORED = {"face", "nature", "food"}  # letters, flags and arrows say something else in a mirror
TURN = math.pi / 18  # radians, ten degrees: the time that a clock shows stays the same
INK = 64  # pixels a side of the drawings that views are made of

_RUNS = {  # what counts as a word; CLIP's own pattern does not split Japanese, so here the script decides
    "en": re.compile(r"[^\W\d_]+"),
    "ja": re.compile("[一-鿿々]+|[ぁ-ゖー]+|[ァ-ヺー]+|[a-z]+"),
}
_TO_KATAKANA = {hiragana: katakana for katakana, hiragana in TO_HIRAGANA.items()}


class EmojiPairs:
    """Pictures of emoji and their names, without end: what `batch(i)` holds depends on the seed and i alone.

    Args:
        seed: of the drawings and the words. What is kept from training is the same for all seeds.
        font: a colour emoji font; by default that of `t2ilab.data.emoji.find_font`.
        size: pixels a side.

    Attributes:
        all: every emoji that the font draws.
        shown: those of them that training may see; the rest is known to it neither by picture nor by name.

    Raises:
        FileNotFoundError: there is no font, with the command that installs one.
        ValueError: a file that is no colour emoji font.
    """

    def __init__(self, seed: int = 0, font: str | Path | None = None, size: int = 32):
        self.seed, self.font, self.size = seed, font, size
        self.all = [emoji for emoji in emojis(font) if emoji.names.keys() >= set(LANGUAGES)]
        self.shown = [emoji for emoji in self.all if not is_held_out(emoji)]
        free = [emoji for emoji in self.shown if not _keeps_wordings(emoji)]
        english = [emoji.names["en"] for emoji in self.shown] + [alias for emoji in free for alias in emoji.aliases]
        japanese = [emoji.names["ja"] for emoji in self.shown] + [respelled(emoji.names["ja"]) for emoji in free]
        self._said = {"en": {*map(_letters, english)}, "ja": {*map(_letters, japanese)}}
        kept = [text for emoji in self.shown for text in self.new_wordings(emoji, "en")]
        self._kept = {*map(_letters, kept), *(_letters(emoji.names["en"]) for emoji in self.all if is_held_out(emoji))}
        self._ink = self._drawn()

    def batch(self, index: int, batch_size: int) -> dict[str, Any]:
        """The index-th batch of emoji that are shown, none of them twice.

        Returns:
            {"image": float (B, 3, size, size) in [-1, 1], "caption": B English texts, "emoji": B of `shown`}.

        Raises:
            ValueError: more than there are, or none.
        """
        rng = random.Random(f"emoji {self.seed} {index}")
        chosen = self._chosen(batch_size, rng)
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        captions = [self.caption(self.shown[i], "en", rng) for i in chosen]
        return {"image": self._views(chosen, generator), "caption": captions, "emoji": [self.shown[i] for i in chosen]}

    def translations(self, index: int, batch_size: int) -> dict[str, Any]:
        """The index-th batch of words without pictures: {"en": B plain names, "ja": B texts, "emoji": B of `shown`}."""
        rng = random.Random(f"emoji translations {self.seed} {index}")
        chosen = [self.shown[i] for i in self._chosen(batch_size, rng)]
        japanese = [self.caption(emoji, "ja", rng) for emoji in chosen]
        return {"en": [emoji.names["en"] for emoji in chosen], "ja": japanese, "emoji": chosen}

    def caption(self, emoji: Emoji, language: str, rng: random.Random) -> str:
        """One of the ways to name an emoji that training may see, every other time in a sentence."""
        wording = self._english(emoji, rng) if language == "en" else _japanese(emoji, rng)
        return rng.choice(SENTENCES[language]).replace("{}", wording) if rng.random() < 0.5 else wording

    def new_wordings(self, emoji: Emoji, language: str) -> list[str]:
        """What people call an emoji too, and no training calls it, nor anything else.

        In English the aliases of three emoji in ten. In Japanese names that are all katakana or all hiragana in the
        other of the two, as people write 「うさぎ」 for 「ウサギ」, of the same three; a tokenizer that folds kana
        reads them as the names. Flags have none: their aliases only repeat the country.
        """
        if emoji.group == "flag" or not _keeps_wordings(emoji):
            return []
        wordings = emoji.aliases if language == "en" else _respellings(emoji.names["ja"])
        return [wording for wording in wordings if _letters(wording) not in self._said[language]]

    def new_pictures(self, language: str) -> list[Emoji]:
        """The emoji whose picture no training shows, nor their name for any other picture."""
        new = [emoji for emoji in self.all if is_held_out(emoji)]
        return [emoji for emoji in new if _letters(emoji.names[language]) not in self._said[language]]

    def vocabulary(self, language: str) -> list[str]:
        """The words that stand in at least two wordings that training may see; of Japanese also such characters."""
        texts = [text.replace("{}", " ") for text in SENTENCES[language]] * 2
        for emoji in self.shown:
            texts.append(emoji.names[language])
            if language == "ja":
                texts.append(respelled(emoji.names["ja"]))
            elif not _keeps_wordings(emoji):
                texts += emoji.aliases
        counts = Counter(word for text in texts for word in set(_RUNS[language].findall(text.lower())))
        if language == "ja":
            counts.update(character for text in texts for character in set(text) if ord(character) >= 0x3000)
        return sorted(word for word, count in counts.items() if count > 1)

    def plain(self) -> Tensor:
        """All emoji as they are drawn, on white: float (N, 3, size, size) in [-1, 1], in the order of `all`."""
        return draw(self.all, self.size, self.font)

    def _english(self, emoji: Emoji, rng: random.Random) -> str:
        """The name or an alias, sometimes without one of its words."""
        wording = emoji.names["en"]
        if emoji.aliases and not _keeps_wordings(emoji) and rng.random() < 0.4:
            wording = rng.choice(emoji.aliases)
        words = wording.split()
        if len(words) > 2 and emoji.group != "flag" and rng.random() < 0.3:
            words.pop(rng.randrange(len(words)))
            shorter = " ".join(words)
            if _letters(shorter) not in self._kept:  # a shortened name must not be one that is kept
                return shorter
        return wording

    def _chosen(self, count: int, rng: random.Random) -> list[int]:
        """So many of the emoji that are shown, in groups of neighbours."""
        total = len(self.shown)
        if not 1 <= count <= total:
            raise ValueError(f"A batch holds each emoji once, so 1 to {total} of them; got {count}.")
        first = rng.randrange(total)
        around = [(first + i) % total for i in range(total)]
        groups = [around[i : i + SIBLINGS] for i in range(0, total, SIBLINGS)]
        rng.shuffle(groups)
        return [i for group in groups for i in group][:count]

    def _drawn(self) -> Tensor:
        """The shown emoji as colours times opacity, and opacity: uint8 (N, 4, INK, INK).

        What is opaque looks the same on white and on black.
        """
        white, black = (draw(self.shown, INK, self.font, (level,) * 3) / 2 + 0.5 for level in (1.0, -1.0))  # in [0, 1]
        opacity = 1 - (white - black).mean(dim=1, keepdim=True)
        return (255 * torch.cat([black, opacity], dim=1)).round().clamp(0, 255).to(torch.uint8)

    def _views(self, chosen: list[int], generator: torch.Generator) -> Tensor:
        """Of other sizes, in other places, a little turned, some mirrored, in shifted colours, on some background."""
        count = len(chosen)
        scale, angle = _between(0.5, 1.05, (count, 1), generator), _between(-TURN, TURN, (count, 1), generator)
        shift = _between(-1, 1, (count, 2, 1), generator) * (1.05 - scale)[..., None]
        may = torch.tensor([[self.shown[i].group in MIRRORED] for i in chosen])
        sign = torch.where(may & (_between(0, 1, (count, 1), generator) < 0.5), -1, 1)
        # From where in the drawing each pixel comes: x and y lie in [-1, 1].
        rows = torch.cat([sign * angle.cos(), sign * angle.sin(), -angle.sin(), angle.cos()], dim=1)
        turn = rows.reshape(count, 2, 2) / scale[..., None]
        fine = [count, 4, 2 * self.size, 2 * self.size]  # and then halved, so that thin lines do not break
        grid = F.affine_grid(torch.cat([turn, -turn @ shift], dim=2), fine, align_corners=False)
        ink = F.avg_pool2d(F.grid_sample(self._ink[chosen] / 255, grid, align_corners=False), 2)
        opacity = ink[:, 3:]  # (B, 1, size, size)
        colors = (ink[:, :3] * _between(0.8, 1.2, (count, 3, 1, 1), generator)).minimum(opacity)
        return 2 * (colors + (1 - opacity) * _backgrounds(count, self.size, generator)) - 1


def is_held_out(emoji: Emoji) -> bool:
    """Whether training knows neither the picture nor any name: one in ten, but no flag.

    A country's name that nobody ever read says nothing of its flag.
    """
    return _tenth(emoji) == 0 and emoji.group != "flag"


def respelled(name: str) -> str:
    """Japanese in the other syllabary: 「ウサギ」 -> 「うさぎ」, and where there is no katakana the other way round."""
    swapped = name.translate(TO_HIRAGANA)
    return swapped if swapped != name else name.translate(_TO_KATAKANA)


def _japanese(emoji: Emoji, rng: random.Random) -> str:
    """The name; a flag's in the order of speech; where no respelling is kept, sometimes respelled."""
    name = emoji.names["ja"]
    if name.startswith("旗 ") and rng.random() < 0.6:
        name = f"{name.removeprefix('旗 ')}の旗"
    return respelled(name) if not _keeps_wordings(emoji) and rng.random() < 0.3 else name


def _keeps_wordings(emoji: Emoji) -> bool:
    return _tenth(emoji) in (1, 2, 3)


def _tenth(emoji: Emoji) -> int:
    """A digit that depends on the emoji alone, so that every font and every seed keeps the same ones."""
    return zlib.crc32(emoji.character.encode()) % 10


def _respellings(name: str) -> list[str]:
    """The name in the other syllabary, if it is wholly in one: nobody writes 「走ル人」."""
    letters = {ord(letter) for letter in name} - {ord("ー")}
    return [respelled(name)] if letters <= TO_HIRAGANA.keys() or letters <= _TO_KATAKANA.keys() else []


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _between(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _backgrounds(count: int, size: int, generator: torch.Generator) -> Tensor:
    """White, of one colour, or from one colour to another: (count, 3, size, size) in [0, 1]."""
    first, second = (torch.rand(count, 3, 1, 1, generator=generator) for _ in range(2))
    kind, across = (torch.rand(count, 1, 1, 1, generator=generator) for _ in range(2))
    first = torch.where(kind < 0.4, 1.0, first)
    second = torch.where(kind < 0.7, first, second)
    ramp = torch.linspace(0, 1, size)
    return torch.lerp(first, second, torch.where(across < 0.5, ramp[None, :], ramp[:, None]))
