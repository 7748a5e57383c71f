"""The tables of words agree with one another, with the drawings and with the numbers of the layout."""

import pytest

from t2ilab.data import layout, render, surroundings, things, words, world
from t2ilab.data.words import ALL_COLORS, ATTRIBUTES, COLORS, DRAWN, LEVELS, SHAPES, SHAPES_LEVEL, USUAL


def test_everything_that_has_a_name_is_drawn_and_in_the_same_order():
    assert list(things.SHAPES) == list(SHAPES)
    assert list(things.DRAWN) == list(DRAWN)
    assert set(render.PAINT) == set(ALL_COLORS)
    assert surroundings.GROUND.keys() == words.PLAIN.keys()
    assert surroundings.GROUND.keys() | surroundings.SURROUNDINGS.keys() == words.SURROUNDINGS.keys()


def test_every_drawn_thing_has_its_usual_colours_and_a_seat():
    assert USUAL.keys() == layout.SEAT.keys() == DRAWN.keys()
    for main, accent in USUAL.values():
        assert main != accent
        assert {main, accent} <= ALL_COLORS.keys()


def test_the_lists_of_who_does_what_name_drawn_things():
    for names in (words.ALIVE, words.ARTICLE, layout.RIM, layout.FLIES_UP):
        assert set(names) <= DRAWN.keys()
    for names in (world.RIDERS, world.MOUNTS, world.VESSELS, world.MOVERS):
        assert len(set(names)) == len(names)
        assert set(names) <= DRAWN.keys()
    assert set(world.VESSELS) <= layout.RIM.keys()


def test_the_storybook_is_large_enough():
    assert len(SHAPES) == 8
    assert len(DRAWN) >= 24
    asked = (
        "cat dog fish bird horse tree house boat car rocket robot astronaut chef flower mushroom sun moon cloud brain"
    )
    assert {*asked.split(), "hot air balloon", "jizo", "guacamole", "kangaroo"} <= DRAWN.keys()
    assert len(ALL_COLORS) == 11
    assert words.SURROUNDINGS.keys() == {"light", "dark", "day", "night", "sea", "sunset", "kitchen", "field"}


@pytest.mark.parametrize("level", LEVELS)
def test_every_value_has_words_in_both_languages_and_every_word_one_meaning(level):
    meanings = {}
    for attribute, names in LEVELS[level].items():
        for value, (english, japanese) in names.items():
            assert english[0].isascii()
            assert not japanese[0].isascii()
            assert value.islower()
            if attribute != "accent":
                for phrase in {*english, *japanese}:
                    assert meanings.setdefault(phrase.lower(), (attribute, value)) == (attribute, value)


def test_the_shapes_level_is_part_of_the_storybook():
    for attribute, names in SHAPES_LEVEL.items():
        assert names.items() <= ATTRIBUTES[attribute].items()
    assert list(ALL_COLORS)[: len(COLORS)] == list(COLORS)  # the held-out pairs of the shapes count on it
