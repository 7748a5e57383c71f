"""Captions and back: every scene, both languages, every wording; words that the world does not know; held-out pairs."""

import random
from itertools import product

import pytest

from t2ilab.data.scenes import (
    ATTRIBUTES,
    COLORS,
    LANGUAGES,
    THINGS,
    Scene,
    all_scenes,
    caption_words,
    describe,
    is_held_out,
    understand,
    unknown_words,
    vocabulary,
)


class Chosen(random.Random):
    """Chance that always falls on one wording, and on the first or the last synonym."""

    def __init__(self, wording, synonym):
        self.wording, self.synonym = wording, synonym
        super().__init__(0)

    def randrange(self, *args):
        return self.wording

    def random(self):
        return 0.99  # past the share that takes the usual word

    def choice(self, words):
        return words[self.synonym]


SPOKEN = [None, *(Chosen(wording, synonym) for wording in range(5) for synonym in (0, -1))]


def test_the_world_has_2304_scenes():
    scenes = list(all_scenes())
    assert len(scenes) == len(set(scenes)) == 8 * 8 * 2 * 9 * 2 == 2304
    assert scenes == list(all_scenes())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rng", SPOKEN, ids=lambda r: f"{r.wording} {r.synonym}" if r else "plain")
def test_every_full_scene_is_understood(language, rng):
    for scene in all_scenes():
        assert understand(describe(scene, language, rng)) == (scene, [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_partial_scene_is_understood(language):
    choices = [[None, *names] for names in ATTRIBUTES.values()]
    for number, values in enumerate(product(*choices)):
        scene = Scene(*values)
        caption = describe(scene, language, SPOKEN[number % len(SPOKEN)])
        assert caption.strip()
        assert understand(caption) == (scene, []), caption


def test_the_wordings_differ():
    scene = Scene("star", "red", "big", "top left", "dark")
    assert describe(scene) == "a big red star at the top left on a dark background"
    assert describe(scene, "ja") == "暗い背景の左上に大きな赤い星"
    for language in LANGUAGES:
        assert len({describe(scene, language, Chosen(wording, 0)) for wording in range(5)}) == 5


@pytest.mark.parametrize(
    ("values", "english", "japanese"),
    [
        ({}, "a shape", "図形"),
        ({"thing": "ring"}, "a ring", "輪"),
        ({"color": "orange"}, "an orange shape", "オレンジの図形"),
        ({"color": "light blue", "background": "light"}, "a light blue shape on a light background", None),
        ({"place": "left"}, "a shape on the left", "左に図形"),
        ({"thing": "star", "background": "light"}, "a star on a light background", "明るい背景に星"),
    ],
)
def test_partial_captions_read_well(values, english, japanese):
    assert describe(Scene(**values)) == english
    assert japanese is None or describe(Scene(**values), "ja") == japanese


def test_a_caption_is_its_words():
    for number, scene in enumerate(all_scenes()):
        words = caption_words(scene, "en", random.Random(number))
        assert "".join(describe(scene, "en", random.Random(number)).split()) == "".join(words)
        assert "".join(caption_words(scene, "ja", random.Random(number))) == describe(
            scene, "ja", random.Random(number)
        )
        assert set(words) <= vocabulary() | {","}
        assert set(caption_words(scene, "ja", random.Random(number))) <= vocabulary()


def test_chance_speaks_every_word_and_is_reproducible():
    scene = Scene("circle", "red", "small", "center", "light")
    said = [describe(scene, "en", random.Random(seed)) for seed in range(200)]
    assert said == [describe(scene, "en", random.Random(seed)) for seed in range(200)]
    text = " ".join(said)
    assert all(word in text for word in ("circle", "disc", "small", "little", "center", "middle", "light", "bright"))


# ---- free text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caption", "scene", "unknown"),
    [
        ("STAR, Red!", {"thing": "star", "color": "red"}, []),
        ("star red big", {"thing": "star", "color": "red", "size": "big"}, []),
        ("a light blue ring", {"thing": "ring", "color": "light blue"}, []),
        ("a blue ring, light background", {"thing": "ring", "color": "blue", "background": "light"}, []),
        ("a plus in the centre", {"thing": "cross", "place": "center"}, []),
        ("the bottom right", {"place": "bottom right"}, []),
        ("a red star and a blue ring", {"thing": "star", "color": "red"}, []),  # the first of two
        ("a starfish in a ringtone", {}, ["starfish", "ringtone"]),
        ("an astronaut riding a red horse", {"color": "red"}, ["astronaut", "riding", "horse"]),
        ("a cat_7 star", {"thing": "star"}, ["cat_7"]),
        ("赤い星", {"thing": "star", "color": "red"}, []),
        ("赤 星 左", {"thing": "star", "color": "red", "place": "left"}, []),
        ("左上にひし形", {"thing": "diamond", "place": "top left"}, []),
        ("上に水色の十字。", {"thing": "cross", "color": "light blue", "place": "top"}, []),
        ("赤い猫と犬", {"color": "red"}, ["猫", "犬"]),
        ("お地蔵さんの絵", {}, ["お地蔵さん"]),
        ("オレンシ\u3099の輪", {"thing": "ring", "color": "orange"}, []),  # as some keyboards write it
        ("大きなred star", {"thing": "star", "color": "red", "size": "big"}, []),
        ("red 星", {"thing": "star", "color": "red"}, []),
        ("red星", {"thing": "star"}, ["red"]),  # the tokenizer sees no end of the word either
        ("a cat と 猫 and 星", {"thing": "star"}, ["cat", "猫"]),
        ("a red 🐱", {"color": "red"}, ["🐱"]),
        ("❤️ 👩‍👩‍👧 ★", {}, ["❤️", "👩‍👩‍👧", "★"]),
        ("кот и 고양이", {}, ["кот", "и", "고양이"]),
        ("!?。、…", {}, []),
    ],
)
def test_free_text(caption, scene, unknown):
    assert understand(caption) == (Scene(**scene), unknown)


@pytest.mark.parametrize("caption", ["", "   ", "\n\t", "\u3000"])
def test_an_empty_caption_is_refused(caption):
    with pytest.raises(ValueError, match=r"needs at least one word; got an empty one\. Try 'a big red star'\."):
        understand(caption)


def test_a_sentence_names_what_is_unknown_and_what_is_known():
    assert unknown_words("a big red star") is None
    sentence = unknown_words("a cat, a cat and 犬 on a red star")
    assert sentence.startswith("This model does not know 'cat', '犬' and draws the rest. It knows circle, square, ")
    assert all(value in sentence for names in ATTRIBUTES.values() for value in names)


# ---- held out ------------------------------------------------------------------------------------------------------


def test_each_thing_and_each_colour_is_held_out_once():
    pairs = [(thing, color) for thing in THINGS for color in COLORS if is_held_out(Scene(thing, color))]
    assert len(pairs) == 8
    assert {thing for thing, _ in pairs} == set(THINGS)
    assert {color for _, color in pairs} == set(COLORS)
    assert sum(is_held_out(scene) for scene in all_scenes()) == 2304 / 8


def test_a_pair_is_held_out_whatever_surrounds_it_and_half_a_pair_never():
    for scene in all_scenes():
        assert is_held_out(scene) == is_held_out(Scene(scene.thing, scene.color))
    assert not any(is_held_out(Scene(thing=thing)) for thing in THINGS)
    assert not any(is_held_out(Scene(color=color)) for color in COLORS)


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_a_value_that_the_world_does_not_hold(attribute):
    with pytest.raises(ValueError, match=rf"{attribute} must be one of {next(iter(ATTRIBUTES[attribute]))}, .*'cat'\."):
        Scene(**{attribute: "cat"})


@pytest.mark.parametrize("speak", [describe, caption_words])
def test_another_language(speak):
    with pytest.raises(ValueError, match=r"language must be 'en' or 'ja'; got 'fr'\."):
        speak(Scene(), "fr")
