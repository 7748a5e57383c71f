"""How well a CLIP knows the storybook and emoji: recognition from words alone, and from words to pictures and back."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from t2ilab.clip.retrieval import recall_at_k
from t2ilab.clip.zeroshot import topk_accuracy, zero_shot_predict, zero_shot_weights
from t2ilab.data.emoji_pairs import NEW_SENTENCES, EmojiPairs
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.words import ALL_COLORS, LANGUAGES, THINGS
from t2ilab.data.world import World
from t2ilab.pipelines.image_text import ImageText

PICTURES = 6000  # of single things: a share of 85% is known to 0.9 points, two standard deviations; of 1,000 to 2.3
SCENES = 1000  # that a picture or a caption is looked for among
TEMPLATES = {  # what a thing's name stands in
    "en": ("{}", "a {}", "a picture of a {}", "a drawing of a {}", "a big {}", "a small {}", "a {} in the center"),
    "ja": ("{}", "{}の絵", "大きな{}", "小さな{}", "中央に{}", "{}がある絵"),
}


def zero_shot_scores(clip: ImageText, language: str = "en", count: int = PICTURES, seed: int = 0) -> dict[str, float]:
    """Top-1 accuracies on pictures of one thing, drawn anew.

    Args:
        clip: with words of the language.
        language: "en" or "ja".
        count: of pictures that training may show, and of those that it may not.
        seed: of the pictures.

    Returns:
        Shares: over the 36 things, the 11 colours (of the thing as a whole), and the 396 pairs of both; "held out" on
        pictures whose pair of thing and colour no training shows.
    """
    which = LANGUAGES.index(language)
    things, colors = list(THINGS), list(ALL_COLORS)
    names = {thing: THINGS[thing][which][0] for thing in things}
    pairs = [(thing, color) for thing in things for color in colors]
    phrases = [_phrase(color, names[thing], language) for thing, color in pairs]
    around = [_phrase("{}", name, language) for name in names.values()]  # a colour is whatever has it: "a {} cat", ...
    weights = {
        "things": zero_shot_weights(clip.encode_text, list(names.values()), TEMPLATES[language]),
        "colours": zero_shot_weights(clip.encode_text, [ALL_COLORS[color][which][0] for color in colors], around),
        "pairs": zero_shot_weights(clip.encode_text, phrases, TEMPLATES[language]),
    }
    scores: dict[str, float] = {}
    for held_out in (False, True):
        images, scenes = single_things(count, held_out, seed)
        features = clip.encode_image(images)
        labels = {
            "things": [things.index(str(scene.thing)) for scene in scenes],
            "colours": [colors.index(str(scene.color)) for scene in scenes],
            "pairs": [pairs.index((str(scene.thing), str(scene.color))) for scene in scenes],
        }
        for what, rows in labels.items():
            chances = zero_shot_predict(features, weights[what], clip.logit_scale)
            right = topk_accuracy(chances, torch.tensor(rows, device=chances.device), 1)
            scores[f"{what}{', held out' if held_out else ''}"] = right
    return scores


def retrieval_scores(clip: ImageText, language: str = "en", count: int = SCENES, seed: int = 0) -> dict[str, float]:
    """R@1 among `count` distinct scenes of one to three things with full captions, both ways."""
    captions: list[str] = []
    scenes: list[Scene] = []
    for caption, scene in zip(*World(seed=seed, level="storybook").prompts(2 * count, language), strict=True):
        if scene not in scenes and len(scenes) < count:
            captions.append(caption)
            scenes.append(scene)
    pictures, texts = clip.encode_image(drawn(scenes, seed)), clip.encode_text(captions)
    similarities = pictures @ texts.T
    return {
        "picture to caption, R@1": recall_at_k(similarities, 1),
        "caption to picture, R@1": recall_at_k(similarities.T, 1),
    }


def name_scores(clip: ImageText, pairs: EmojiPairs, language: str = "en") -> dict[str, float]:
    """How often the emoji that is meant is among the ten that fit a name best, out of all that the font draws.

    Args:
        clip: with words of the language.
        pairs: what it was trained on, and what was kept from it.
        language: "en" or "ja".

    Returns:
        Shares; by chance ten out of all. Of emoji that training may see, drawn plainly: by the name alone, by the name
        in sentences that no training shows, and by other wordings that none shows (`EmojiPairs.new_wordings`). Then by
        the name those whose picture and names no training shows.
    """
    pictures = clip.encode_image(pairs.plain())
    place = {emoji: i for i, emoji in enumerate(pairs.all)}
    names = [(emoji, emoji.names[language]) for emoji in pairs.shown]
    asked = {
        "name": names,
        "name in a new sentence": [
            (emoji, sentence.replace("{}", name)) for emoji, name in names for sentence in NEW_SENTENCES[language]
        ],
        "new wording": [(emoji, text) for emoji in pairs.shown for text in pairs.new_wordings(emoji, language)],
        "new picture": [(emoji, emoji.names[language]) for emoji in pairs.new_pictures(language)],
    }
    scores: dict[str, float] = {}
    for what, queries in asked.items():
        if queries:  # a font of a few glyphs may have none
            similarities = clip.encode_text([text for _, text in queries]) @ pictures.T  # (queries, emoji)
            meant = torch.tensor([place[emoji] for emoji, _ in queries], device=similarities.device)
            scores[f"{what}, R@10"] = topk_accuracy(similarities, meant, min(10, len(pictures)))
    return scores


def single_things(count: int, held_out: bool, seed: int) -> tuple[Tensor, list[Scene]]:
    """Pictures of one thing (count, 3, 32, 32) in [-1, 1], and their full scenes."""
    rng = random.Random(f"single things {seed} {held_out}")
    _, said = World(seed=seed, held_out=held_out, level="storybook").prompts(count, things=1)
    scenes = [complete(scene, rng) for scene in said]
    return drawn(scenes, seed), scenes


def drawn(scenes: list[Scene], seed: int) -> Tensor:
    """Pictures (N, 3, 32, 32) in [-1, 1]; what a scene leaves open is filled by chance."""
    rng = random.Random(f"drawn {seed}")
    whole = [complete(scene, rng) for scene in scenes]
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    return torch.cat([render(whole[i : i + 256], 32, generator) for i in range(0, len(whole), 256)])


def _phrase(color: str, name: str, language: str) -> str:
    """ "red cat" and 「赤い猫」; the colour may be the slot of a template."""
    if language == "en":
        return f"{color} {name}"
    return f"{ALL_COLORS[color][1][0] if color in ALL_COLORS else color}{name}"
