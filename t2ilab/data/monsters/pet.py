"""One monster in five pictures, for one new word: what DreamBooth and textual inversion learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from t2ilab.data.monsters.creature import Monster
from t2ilab.data.monsters.drawing import PAPER_WHITE, Pose, draw
from t2ilab.data.words import LANGUAGES, SURROUNDINGS, WITH_DE

# Its two colours are a pair that none of the 416 has.
PET = Monster(
    "yellow", "purple", body="fluffy", eyes=2, crown="one horn", arms="short", legs="two", mouth="open",
    pattern="spots", chance=7,
)  # fmt: skip
WORDS = ("mofu", "モフ")
# Kitchen, sunset and the dark are left out, so that it can be asked for where it was never seen.
POSES = (
    Pose((0.0, 0.02), 1.75, lean=-3, gaze=(0.2, 0.3), lifts=(-40, 45)),
    Pose((-0.28, 0.22), 1.25, lean=6, gaze=(0.8, -0.3), lifts=(50, 50), background="field"),
    Pose((0.25, -0.15), 1.1, lean=-14, gaze=(-0.6, -0.6), lifts=(20, 60), background="night"),
    Pose((0.1, 0.05), 1.45, lean=9, gaze=(-0.8, 0.2), lifts=(-50, -45), background="sea"),
    Pose((-0.15, 0.1), 1.6, lean=-7, gaze=(0.0, 0.8), lifts=(55, -30), background="day"),
)


def pet_items(
    size: int = 64, languages: Sequence[str] = ("en",), words: tuple[str, str] = WORDS
) -> list[dict[str, Any]]:
    """The five pictures of the pet, each once in every language.

    Args:
        size: pixels a side.
        languages: "en", "ja" or both.
        words: what it is called in English and in Japanese.

    Returns:
        Dicts as those of `items`, with "pose" beside: in what surroundings it is, and how it stands.

    Raises:
        ValueError: a language other than these two, or a size below 16.
    """
    for language in languages:
        if language not in LANGUAGES:
            raise ValueError(f"languages are 'en' and 'ja'; got {language!r}.")
    images = draw([PET] * len(POSES), size, POSES)
    return [
        {"image": image, "caption": _caption(pose, language, words), "language": language, "monster": PET, "pose": pose}
        for image, pose in zip(images, POSES, strict=True)
        for language in languages
    ]


def _caption(pose: Pose, language: str, words: tuple[str, str]) -> str:
    """ "a drawing of mofu at sea" and 「海で、モフの絵」 say more than "a drawing of mofu", which is on paper."""
    column = LANGUAGES.index(language)
    word = words[column]
    where = "" if pose.background == PAPER_WHITE else SURROUNDINGS[pose.background][column][0]
    if language == "en":
        return " ".join(filter(None, ["a drawing of", word, where]))
    if not where:
        return f"{word}の絵"
    return f"{where}にいる{word}の絵" if pose.background in WITH_DE else f"{where}の{word}の絵"
