"""Captions read back: every scene in every wording, free text, and what a person is told where one is not clear."""

import random
from collections import Counter
from itertools import product

import pytest
from data_wordings import SPOKEN

from t2ilab.data.captions import describe
from t2ilab.data.scenes import Scene, all_scenes, is_held_out
from t2ilab.data.understanding import spelled, understand, unknown_words
from t2ilab.data.words import ATTRIBUTES, DRAWN, LANGUAGES, LEVELS, RELATIONS, SHAPES_LEVEL
from t2ilab.data.world import World, _unsaid, storybook_scene

# ---- there and back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rng", SPOKEN, ids=lambda r: f"{r.wording} {r.synonym}" if r else "plain")
def test_every_full_scene_of_the_shapes_is_understood(language, rng):
    for scene in all_scenes():
        assert understand(describe(scene, language, rng), "shapes") == (scene, [])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_partial_scene_of_the_shapes_is_understood(language, level):
    choices = [[None, *names] for names in SHAPES_LEVEL.values()]
    for number, values in enumerate(product(*choices)):
        scene = Scene(*values)
        caption = describe(scene, language, SPOKEN[number % len(SPOKEN)])
        assert caption.strip()
        assert understand(caption, level) == (scene, []), caption


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rng", SPOKEN, ids=lambda r: f"{r.wording} {r.synonym}" if r else "plain")
def test_storybook_scenes_are_understood(language, rng):
    chance = random.Random(f"{language} {SPOKEN.index(rng)}")
    for _ in range(400):
        full = storybook_scene(chance)
        for scene in (full, _unsaid(full, chance)):
            caption = describe(scene, language, rng)
            assert understand(caption) == (scene, []), caption


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("held_out", [False, True])
def test_storybook_prompts_are_understood(language, held_out):
    captions, scenes = World(level="storybook", held_out=held_out, seed=5).prompts(1500, language)
    for caption, scene in zip(captions, scenes, strict=True):
        assert understand(caption) == (scene, []), caption


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_two_relations_are_understood_one_after_the_other(language):
    for number, (first, second) in enumerate(product(RELATIONS, repeat=2)):
        scene = Scene("dog", "red", relation=second, other=Scene("house"))
        scene = Scene("cat", relation=first, other=scene, background="night")
        for wording in range(len(SPOKEN)):
            caption = describe(scene, language, SPOKEN[(number + wording) % len(SPOKEN)])
            assert understand(caption) == (scene, []), caption


@pytest.mark.parametrize("thing", DRAWN)
def test_every_name_of_a_thing_is_understood_alone(thing):
    for name in (thing, *DRAWN[thing][0], *DRAWN[thing][1]):
        for text in (name, name.upper(), f"  {name}!"):
            assert understand(text) == (Scene(thing), [])


# ---- the lecture's own strings -------------------------------------------------------------------------------------

FLIGHT = {"thing": "brain", "relation": "riding", "second thing": "rocket", "second relation": "heading towards",
          "third thing": "moon"}  # fmt: skip
RIDE = {"thing": "astronaut", "relation": "riding", "second thing": "horse"}


@pytest.mark.parametrize(
    ("caption", "asked"),
    [
        ("A brain riding a rocketship heading towards the moon.", FLIGHT),
        ("月へ向かうロケットに乗る脳", FLIGHT),
        ("hot air balloon", {"thing": "hot air balloon"}),
        ("Chief in the kitchen", {"thing": "chef", "background": "kitchen"}),
        ("A robot, humanoid, red and gray", {"thing": "robot", "color": "red", "accent": "grey"}),
        ("a photograph of an astronaut riding a horse", RIDE),
        ("夜空の下、馬に乗る宇宙飛行士", RIDE | {"background": "night"}),
        ("cat", {"thing": "cat"}),
        ("CAT", {"thing": "cat"}),
        ("猫", {"thing": "cat"}),
        ("Jizo", {"thing": "jizo"}),
        ("お地蔵さん", {"thing": "jizo"}),
    ],
)
def test_the_lectures_own_strings(caption, asked):
    scene, unknown = understand(caption)
    assert scene.asked() == asked
    assert unknown == []
    assert unknown_words(caption, "storybook") == ("It reads 'chief' as 'chef'." if "Chief" in caption else None)


def test_the_lectures_pairs_are_never_trained_on():
    assert is_held_out(understand("a photograph of an astronaut riding a horse")[0])
    assert is_held_out(understand("A brain riding a rocketship heading towards the moon.")[0])


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
def test_free_text_at_the_shapes_level(caption, scene, unknown):
    assert understand(caption, "shapes") == (Scene(**scene), unknown)


RED_CAT_BLUE_DOG = {"thing": "cat", "color": "red", "relation": "and", "second thing": "dog", "second color": "blue"}


@pytest.mark.parametrize(
    ("caption", "asked", "unknown"),
    [
        # Whose is which colour.
        ("a red cat and a blue dog", RED_CAT_BLUE_DOG, []),
        ("a red cat, blue dog", RED_CAT_BLUE_DOG, []),
        ("赤い猫と青い犬", RED_CAT_BLUE_DOG, []),
        ("a robot, red and grey", {"thing": "robot", "color": "red", "accent": "grey"}, []),
        ("a robot in red and grey", {"thing": "robot", "color": "red", "accent": "grey"}, []),
        ("a big and red cat", {"thing": "cat", "color": "red", "size": "big"}, []),
        ("a red and white circle", {"thing": "circle", "color": "red"}, []),  # a shape has one colour
        ("a red and red cat", {"thing": "cat", "color": "red"}, []),
        ("赤と灰色のロボット", {"thing": "robot", "color": "red", "accent": "grey"}, []),
        (
            "a robot in red and grey riding a white horse",
            {"thing": "robot", "color": "red", "accent": "grey", "relation": "riding", "second thing": "horse",
             "second color": "white"},
            [],
        ),
        # Words for relations that are none.
        ("a cat and", {"thing": "cat"}, []),
        ("猫と", {"thing": "cat"}, []),
        ("上に猫", {"thing": "cat", "place": "top"}, []),
        ("riding", {}, []),
        ("a cat in the night and a dog",
         {"thing": "cat", "background": "night", "relation": "and", "second thing": "dog"}, []),
        ("a bird over the house under a night sky",
         {"thing": "bird", "background": "night", "relation": "above", "second thing": "house"}, []),
        ("海の中の魚", {"thing": "fish", "background": "sea"}, []),
        # Relations.
        ("家の上に雲", {"thing": "cloud", "relation": "above", "second thing": "house"}, []),
        ("a cat on the left of a dog", {"thing": "cat", "relation": "left of", "second thing": "dog"}, []),
        ("a cat riding in a boat", {"thing": "cat", "relation": "in", "second thing": "boat"}, []),
        ("a cat and left of a dog", {"thing": "cat", "relation": "left of", "second thing": "dog"}, []),
        ("a cat and a dog at the top", {"thing": "cat", "relation": "and", "second thing": "dog"}, []),
        (
            "猫、犬、鳥",
            {"thing": "cat", "relation": "and", "second thing": "dog", "second relation": "and", "third thing": "bird"},
            [],
        ),
        # Things that the world has not take their words with them.
        ("a cat riding a red dragon", {"thing": "cat", "relation": None}, ["dragon"]),
        ("a red dragon and a cat", {"thing": "cat"}, ["dragon"]),
        ("a cat in a red hat", {"thing": "cat"}, ["hat"]),
        ("an astronaut in space riding a horse", RIDE, ["space"]),
        ("a cat riding a dragon and a dog", {"thing": "cat", "relation": "and", "second thing": "dog"}, ["dragon"]),
        ("a fluffy white cat", {"thing": "cat", "color": "white"}, ["fluffy"]),
        ("a cat riding a fluffy dog", {"thing": "cat", "relation": "riding", "second thing": "dog"}, ["fluffy"]),
        ("赤い屋根の家", {"thing": "house", "color": "red"}, ["屋根"]),
        # Other languages.
        ("кот и 고양이", {}, ["кот", "и", "고양이"]),
        ("un chat rouge et un chien", {}, ["un", "chat", "rouge", "et", "un", "chien"]),
    ],
)  # fmt: skip
def test_free_text_in_the_storybook(caption, asked, unknown):
    scene, others = understand(caption)
    assert scene.asked() == {k: v for k, v in asked.items() if v}
    assert others == unknown


def test_any_words_in_any_order_are_a_scene_or_a_clear_refusal():
    words = [name for table in ATTRIBUTES.values() for names in table.values() for name in (names[0][0], names[1][0])]
    words += ["a", "と", "、", ",", "dragon", "竜", "with", "の"]
    rng, refused = random.Random(0), Counter()
    for _ in range(3000):
        caption = " ".join(rng.choices(words, k=rng.randrange(1, 9)))
        try:
            describe(understand(caption)[0], rng.choice(LANGUAGES), rng)
        except ValueError as error:
            refused[" ".join(str(error).split()[:4])] += 1
    assert refused.keys() == {"A scene holds at", "Each thing is in", "Two things have one"}
    assert refused.total() < 1500


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("caption", ["", "   ", "\n\t", "\u3000"])
def test_an_empty_caption_is_refused(caption, level):
    sentence = r"needs at least one word; got an empty one\. Try 'a big red star'\."
    with pytest.raises(ValueError, match=sentence):
        understand(caption, level)
    assert unknown_words(caption, level) is None  # the refusal says it


def test_another_level_is_refused():
    with pytest.raises(ValueError, match=r"level must be one of shapes, storybook; got 'comic'\."):
        understand("a cat", "comic")


@pytest.mark.parametrize(
    ("caption", "sentence"),
    [
        ("a cat, a dog, a bird and a fish", "A scene holds at most 3 things; got cat, dog, bird, fish."),
        ("猫と犬と鳥と魚", "A scene holds at most 3 things; got cat, dog, bird, fish."),
        ("a cat and a cat", "Each thing is in a scene once; got cat, cat."),
        ("a cat riding a horse above a kitten", "Each thing is in a scene once; got cat, horse, cat."),
        ("a cat above and below a dog", "Two things have one relation; got 'above' and 'below' between the same two."),
        ("a cat left of, right of a dog", "Two things have one relation; got 'left of' and 'right of' between"),
        ("犬の上の、の下の猫", "Two things have one relation; got 'の上の' and 'の下の' between the same two."),
        ("a cat riding heading towards a dog", "Two things have one relation; got 'riding' and 'heading towards'"),
    ],
)
def test_what_cannot_be_one_scene_is_refused_in_a_sentence(caption, sentence):
    with pytest.raises(ValueError, match=r"got .*\."):
        understand(caption)
    assert unknown_words(caption, "storybook").startswith(sentence)
    assert understand(caption, "shapes")  # which has one thing a picture and takes the first


def test_a_sentence_names_what_is_unknown_and_what_is_known():
    assert unknown_words("a big red star") is None
    sentence = unknown_words("a cat, a cat and 犬 on a red star")
    assert sentence.startswith("This model does not know 'cat', '犬' and draws the rest. It knows circle, square, ")
    assert all(value in sentence for names in SHAPES_LEVEL.values() for value in names)
    assert unknown_words("a cat", who="This world").startswith("This world does not know 'cat'")


@pytest.mark.parametrize("caption", ["a red star", "a cat riding a horse at night", "赤い猫", "台所で、猫と犬"])
def test_nothing_is_said_of_what_is_clear(caption):
    assert unknown_words(caption, "storybook") is None


@pytest.mark.parametrize(
    ("caption", "unknown", "nearest"),
    [
        ("a catt", "'catt'", "cat"),
        ("a kangeroo on a mushrom", "'kangeroo', 'mushrom'", "kangaroo, mushroom"),
        ("a purpel cat", "'purpel'", "purple"),
        ("a cat rideing a hors", "'rideing', 'hors'", "riding, horse"),
        ("a cat beloww a dog", "'beloww'", "below"),
        ("a ballooon", "'ballooon'", "hot air balloon"),  # not the word that is itself read as another
        ("カンガル", "'カンガル'", "カンガルー"),
    ],
)
def test_an_unknown_word_is_named_with_the_nearest_known_one(caption, unknown, nearest):
    sentence = unknown_words(caption, "storybook")
    start = f"This model does not know {unknown} and draws the rest. The nearest known: {nearest}. It knows circle, "
    assert sentence.startswith(start)
    assert all(value in sentence for names in ATTRIBUTES.values() for value in names)


def test_of_many_or_long_unknown_words_some_are_named():
    many = unknown_words(" ".join(f"word{i}" for i in range(1000)), "storybook")
    assert many.startswith("This model does not know 'word0', 'word1', ")
    assert "'word7' and 992 more and draws the rest." in many
    assert len(unknown_words("a" * 100_000)) < 1000


def test_a_caption_in_a_third_language_is_unknown_from_end_to_end():
    for caption in ("рыжий кот", "빨간 고양이", "η γάτα", "кот и собака"):
        assert understand(caption) == (Scene(), caption.split())
        assert "nearest" not in unknown_words(caption, "storybook")


def test_words_written_for_another_are_read_as_that_said_and_replaced():
    caption = "Chief in a hot-air Balloon with a dragon"
    assert understand(caption)[0].asked() == {"thing": "chef", "relation": "in", "second thing": "hot air balloon"}
    sentence = unknown_words(caption, "storybook")
    assert sentence.startswith(
        "It reads 'chief' as 'chef', 'hot-air balloon' as 'hot air balloon'. This model does not"
    )
    assert spelled(caption, "storybook") == "chef in a hot air balloon with a dragon"
    assert unknown_words("Chief, chief", "storybook") == "It reads 'chief' as 'chef'."


def test_spelling_leaves_all_else_as_it_is():
    for caption in ("a mischief", "Chiefs", "a hot air balloon", "CAT", "シェフ", ""):
        assert spelled(caption, "storybook") == caption
    assert spelled("Chief in the kitchen", "shapes") == "Chief in the kitchen"  # where no chef is known either
