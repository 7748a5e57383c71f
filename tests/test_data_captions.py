"""Captions: how they read, that every wording and synonym is spoken, and that they are made of the vocabulary."""

import random
import re

import pytest
from data_wordings import SPOKEN, Chosen

from t2ilab.data.captions import caption_words, describe, vocabulary
from t2ilab.data.scenes import Scene, all_scenes
from t2ilab.data.words import DRAWN, LANGUAGES, RELATIONS
from t2ilab.data.world import World, storybook_scene

# ---- how they read -------------------------------------------------------------------------------------------------


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
        ({"thing": "moon"}, "the moon", "月"),
        ({"thing": "guacamole"}, "guacamole", "ワカモレ"),
        ({"thing": "umbrella"}, "an umbrella", "傘"),
        ({"thing": "jizo"}, "a Jizo statue", "お地蔵さん"),
        ({"thing": "robot", "color": "red", "accent": "grey"}, "a red and grey robot", "赤と灰色のロボット"),
        ({"thing": "chef", "background": "kitchen"}, "a chef in the kitchen", "台所にシェフ"),
        ({"thing": "boat", "background": "sea", "place": "left"}, "a boat on the left at sea", "海の左に船"),
        ({"thing": "sun", "color": "orange", "size": "small"}, "the small orange sun", "小さなオレンジの太陽"),
    ],
)
def test_captions_of_one_thing_read_well(values, english, japanese):
    assert describe(Scene(**values)) == english
    assert japanese is None or describe(Scene(**values), "ja") == japanese


def _two(first, relation, second, **whole):
    return Scene(first, relation=relation, other=second, **whole)


@pytest.mark.parametrize(
    ("scene", "english", "japanese"),
    [
        (
            _two("astronaut", "riding", Scene("horse"), background="night"),
            "an astronaut riding a horse at night",
            "夜空の下、馬に乗る宇宙飛行士",
        ),
        (
            _two("brain", "riding", _two("rocket", "heading towards", Scene("moon"))),
            "a brain riding a rocket heading towards the moon",
            "月へ向かうロケットに乗る脳",
        ),
        (_two("cat", "left of", Scene("dog", "red")), "a cat left of a red dog", "赤い犬の左の猫"),
        (_two("cat", "in", Scene("boat"), background="sea"), "a cat in a boat at sea", "海で、船の中の猫"),
        (
            _two("cat", "and", Scene("dog"), background="dark"),
            "a cat and a dog on a dark background",
            "暗い背景に、猫と犬",
        ),
        (_two("cat", "and", _two("dog", "and", Scene("bird"))), "a cat, a dog and a bird", "猫と犬と鳥"),
        (_two("dog", "and", _two("cat", "riding", Scene("horse"))), "a dog and a cat riding a horse", "馬に乗る猫と犬"),
        (
            _two("cat", "above", _two("sun", "and", Scene("moon"))),
            "a cat above the sun and the moon",
            "月と太陽の上の猫",
        ),
    ],
)
def test_captions_of_several_things_read_well(scene, english, japanese):
    assert describe(scene) == english
    assert describe(scene, "ja") == japanese


def test_the_wordings_of_several_things_differ():
    scene = _two("astronaut", "riding", Scene("horse"), background="night")
    english = {describe(scene, "en", Chosen(wording, 0)) for wording in range(5)}
    assert english == {
        "an astronaut riding a horse at night",
        "at night, an astronaut riding a horse",
        "a picture of an astronaut riding a horse, at night",
        "astronaut riding a horse, at night",
    }
    japanese = {describe(scene, "ja", Chosen(wording, 0)) for wording in range(5)}
    assert japanese == {
        "夜空の下、馬に乗る宇宙飛行士",
        "馬に乗る宇宙飛行士、夜空の下",
        "夜空の下、馬に乗る宇宙飛行士がいる絵",
    }


def test_what_lives_is_said_to_be_there_in_another_word_than_what_does_not():
    assert describe(Scene("cat"), "ja", Chosen(3, 0)) == "猫がいる絵"
    assert describe(Scene("house"), "ja", Chosen(3, 0)) == "家がある絵"


# ---- words ---------------------------------------------------------------------------------------------------------


def test_a_caption_is_its_words():
    for number, scene in enumerate(all_scenes()):
        words = caption_words(scene, "en", random.Random(number))
        assert "".join(describe(scene, "en", random.Random(number)).split()) == "".join(words)
        assert "".join(caption_words(scene, "ja", random.Random(number))) == describe(
            scene, "ja", random.Random(number)
        )
        assert set(words) <= vocabulary() | {","}
        assert set(caption_words(scene, "ja", random.Random(number))) <= vocabulary()


def test_a_storybook_caption_is_its_words_too_and_they_are_in_its_vocabulary():
    rng, words = random.Random(4), vocabulary("storybook")
    for number in range(1500):
        scene = storybook_scene(rng)
        english = caption_words(scene, "en", random.Random(number))
        japanese = caption_words(scene, "ja", random.Random(number))
        assert describe(scene, "en", random.Random(number)) == " ".join(english).replace(" ,", ",")
        assert describe(scene, "ja", random.Random(number)) == "".join(japanese)
        assert {*english, *japanese} <= words | {","}
        assert describe(scene, "en", random.Random(number)).isascii()
        assert not describe(scene, "ja", random.Random(number)).isascii()


def test_the_shapes_vocabulary_is_the_smaller_and_knows_no_storybook_word():
    shapes, storybook = vocabulary(), vocabulary("storybook")
    assert shapes < storybook
    assert vocabulary("shapes") == shapes
    assert not shapes & {"cat", "猫", "grey", "灰色の", "riding", "に乗る", "night", "赤"}
    assert storybook >= {"cat", "猫", "grey", "灰色の", "riding", "に乗る", "night", "赤"}


def test_chance_speaks_every_word_and_is_reproducible():
    scene = Scene("circle", "red", "small", "center", "light")
    said = [describe(scene, "en", random.Random(seed)) for seed in range(200)]
    assert said == [describe(scene, "en", random.Random(seed)) for seed in range(200)]
    text = " ".join(said)
    assert all(word in text for word in ("circle", "disc", "small", "little", "center", "middle", "light", "bright"))


@pytest.mark.parametrize("column", range(len(LANGUAGES)), ids=LANGUAGES)
def test_chance_speaks_every_storybook_word_sooner_or_later(column):
    captions, _ = World(level="storybook", seed=8).prompts(6000, LANGUAGES[column])
    text = "\n".join(captions)
    for table in (DRAWN, RELATIONS):
        for words in table.values():
            assert [word for word in words[column] if word not in text] == []


@pytest.mark.parametrize("speak", [describe, caption_words])
def test_another_language(speak):
    with pytest.raises(ValueError, match=r"language must be 'en' or 'ja'; got 'fr'\."):
        speak(Scene(), "fr")


@pytest.mark.parametrize("rng", SPOKEN, ids=lambda r: f"{r.wording} {r.synonym}" if r else "plain")
def test_captions_are_tidy(rng):
    number = random.Random(6)
    for _ in range(300):
        scene = storybook_scene(number)
        english, japanese = describe(scene, "en", rng), describe(scene, "ja", rng)
        assert english == english.strip(" ,")
        assert "  " not in english
        assert " ," not in english
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", english)
        assert "、、" not in japanese
        assert not japanese.startswith("、")
        assert not japanese.endswith("、")
