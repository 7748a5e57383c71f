"""Scenes: which there are, what cannot be one, what is filled in, and which of them no training set contains."""

import random
from dataclasses import replace
from itertools import pairwise, product

import pytest

from t2ilab.data.scenes import Scene, all_scenes, complete, is_held_out
from t2ilab.data.words import (
    ALL_COLORS,
    ATTRIBUTES,
    COLORS,
    DRAWN,
    RELATIONS,
    SHAPES,
    SHAPES_LEVEL,
    SURROUNDINGS,
    THINGS,
    USUAL,
)
from t2ilab.data.world import MOUNTS, MOVERS, RIDERS, VESSELS, storybook_scene

STAR = Scene("star", "red", "big", "center", "dark")
CLOSE = ("riding", "in", "heading towards")


def chain(*parts, **whole):
    """A scene of several things: thing, relation, thing, ..."""
    scene = Scene(parts[-1])
    for relation, thing in zip(parts[-2::-2], parts[-3::-2], strict=True):
        scene = Scene(thing, relation=relation, other=scene)
    return replace(scene, **whole)


def test_the_shapes_level_has_2304_scenes():
    scenes = list(all_scenes())
    assert len(scenes) == len(set(scenes)) == 8 * 8 * 2 * 9 * 2 == 2304
    assert scenes == list(all_scenes())
    assert all(value in SHAPES_LEVEL[a] for scene in scenes for a, value in scene.asked().items())


def test_what_is_asked_is_named_thing_by_thing():
    scene = chain("brain", "riding", "rocket", "heading towards", "moon", background="night")
    scene = replace(scene, other=replace(scene.other, color="red", accent="grey"))
    assert [one.thing for one in scene.chain()] == ["brain", "rocket", "moon"]
    assert scene.asked() == {
        "thing": "brain",
        "background": "night",
        "relation": "riding",
        "second thing": "rocket",
        "second color": "red",
        "second accent": "grey",
        "second relation": "heading towards",
        "third thing": "moon",
    }
    assert Scene().asked() == {}


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_a_value_that_the_world_does_not_hold(attribute):
    with pytest.raises(ValueError, match=rf"{attribute} must be one of {next(iter(ATTRIBUTES[attribute]))}, .*'owl'\."):
        Scene(**{attribute: "owl"})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"thing": "star", "color": "red", "accent": "grey"}, "Only drawn things have a second colour; got a star"),
        ({"thing": "cat", "accent": "grey"}, "needs another one before it; got None and grey"),
        ({"thing": "cat", "color": "grey", "accent": "grey"}, "needs another one before it; got grey and grey"),
        ({"thing": "cat", "relation": "riding"}, "A relation needs two things; got 'riding' and None"),
        ({"thing": "cat", "other": Scene("dog")}, "A relation needs two things; got None and Scene"),
        ({"thing": "cat", "relation": "and", "other": Scene("cat")}, "Each thing is in a scene once; got cat, cat"),
        ({"thing": "cat", "relation": "and", "other": chain("dog", "and", "cat")}, "once; got cat, dog, cat"),
        (
            {"thing": "cat", "relation": "and", "other": chain("dog", "and", "bird", "and", "fish")},
            "holds at most 3 things; got cat, dog, bird, fish",
        ),
        ({"thing": "cat", "place": "top", "relation": "and", "other": Scene("dog")}, "it gives their places"),
        ({"thing": "cat", "relation": "and", "other": Scene("dog", place="top")}, "it gives their places"),
        ({"thing": "cat", "relation": "and", "other": Scene("dog", background="sea")}, "the first the background"),
    ],
)
def test_what_is_no_scene(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        Scene(**values)


# ---- filling in ----------------------------------------------------------------------------------------------------


def test_complete_fills_what_is_open_and_only_that():
    rng = random.Random(0)
    filled = [complete(Scene(thing="ring", place="top"), rng) for _ in range(200)]
    assert all(len(s.asked()) == len(SHAPES_LEVEL) and (s.thing, s.place) == ("ring", "top") for s in filled)
    assert {s.color for s in filled} == set(COLORS)
    assert complete(STAR, rng) == STAR


def test_complete_without_chance_is_the_plainest_scene():
    assert complete(Scene()) == Scene("circle", "red", "big", "center", "light")
    assert complete(Scene("cat")) == Scene("cat", "orange", "big", "center", "light", "white")
    assert complete(Scene("cat", background="sea")).background == "sea"


@pytest.mark.parametrize("thing", DRAWN)
def test_complete_gives_a_drawn_thing_two_colours_that_differ(thing):
    for color in [None, *ALL_COLORS]:
        filled = complete(Scene(thing, color))
        assert filled.color == (color or USUAL[thing][0])
        assert filled.accent in USUAL[thing]
        assert filled.accent != filled.color


def test_complete_takes_a_drawn_thing_where_two_colours_are_asked_for():
    for seed in range(20):
        filled = complete(Scene(color="red", accent="grey"), random.Random(seed))
        assert filled.thing in DRAWN
        assert (filled.color, filled.accent) == ("red", "grey")


def test_complete_fills_every_thing_of_several_and_takes_none_twice():
    open_ends = Scene(relation="and", other=Scene(relation="left of", other=Scene("circle")))
    for seed in range(50):
        filled = complete(open_ends, random.Random(seed))
        things = [one.thing for one in filled.chain()]
        assert things[2] == "circle"
        assert len(set(things)) == 3
        assert all(one.color and one.size and not one.place for one in filled.chain())
        assert [one.background is not None for one in filled.chain()] == [True, False, False]
        assert [one.relation for one in filled.chain()] == ["and", "left of", None]


def test_complete_leaves_full_storybook_scenes_as_they_are():
    rng = random.Random(3)
    for _ in range(500):
        scene = storybook_scene(rng)
        assert complete(scene, rng) == scene


# ---- held out ------------------------------------------------------------------------------------------------------


def test_each_shape_and_each_colour_of_its_level_is_held_out_once():
    pairs = [(thing, color) for thing in SHAPES for color in COLORS if is_held_out(Scene(thing, color))]
    assert len(pairs) == 8
    assert {thing for thing, _ in pairs} == set(SHAPES)
    assert {color for _, color in pairs} == set(COLORS)
    assert sum(is_held_out(scene) for scene in all_scenes()) == 2304 / 8
    assert pairs[:3] == [
        ("circle", "yellow"),
        ("square", "blue"),
        ("triangle", "red"),
    ]  # what checkpoints were kept from


def test_a_pair_is_held_out_whatever_surrounds_it_and_half_a_pair_never():
    for scene in all_scenes():
        assert is_held_out(scene) == is_held_out(Scene(scene.thing, scene.color))
    assert not any(is_held_out(Scene(thing=thing)) for thing in THINGS)
    assert not any(is_held_out(Scene(color=color)) for color in ALL_COLORS)
    assert not any(is_held_out(Scene(thing, "grey")) for thing in SHAPES)


def test_each_drawn_thing_has_one_held_out_colour_and_never_its_usual_one():
    kept = {thing: [color for color in ALL_COLORS if is_held_out(Scene(thing, color))] for thing in DRAWN}
    assert all(len(colors) == 1 for colors in kept.values())
    assert all(colors != [USUAL[thing][0]] for thing, colors in kept.items())
    assert sum(map(len, kept.values())) * 11 == len(DRAWN) * len(ALL_COLORS)
    assert len({color for (color,) in kept.values()}) >= 8  # spread over the colours


def test_a_held_out_colour_counts_wherever_its_thing_is():
    (color,) = [color for color in ALL_COLORS if is_held_out(Scene("cat", color))]
    cat = Scene("cat", color)
    assert is_held_out(Scene("house", relation="and", other=cat))
    assert is_held_out(Scene("house", relation="and", other=Scene("sun", relation="above", other=cat)))
    assert not is_held_out(Scene("house", color, relation="and", other=Scene("cat")))


@pytest.mark.parametrize("relation", CLOSE)
def test_one_in_seven_pairs_of_things_is_held_out_of_each_close_relation(relation):
    pairs = [(a, b) for a, b in product(DRAWN, DRAWN) if a != b]
    kept = [pair for pair in pairs if is_held_out(chain(pair[0], relation, pair[1]))]
    assert len(kept) / len(pairs) == pytest.approx(1 / 7, abs=0.01)
    firsts, seconds = {"riding": (RIDERS, MOUNTS), "in": (RIDERS, VESSELS)}.get(relation, (MOVERS, tuple(THINGS)))
    for thing in firsts:  # each is still seen in that relation in training
        assert any(not is_held_out(chain(thing, relation, b)) for b in seconds if b != thing)
    for thing in seconds:
        assert any(not is_held_out(chain(a, relation, thing)) for a in firsts if a != thing)


def test_the_named_pairs_are_held_out_wherever_they_stand():
    assert is_held_out(chain("astronaut", "riding", "horse"))
    assert is_held_out(chain("brain", "riding", "rocket"))
    assert is_held_out(chain("brain", "riding", "rocket", "heading towards", "moon"))
    assert is_held_out(chain("sun", "above", "astronaut", "riding", "horse"))
    assert not is_held_out(chain("astronaut", "left of", "horse"))
    assert not is_held_out(chain("astronaut", "riding", "dog"))
    assert not is_held_out(chain("cat", "riding", "horse"))


def test_only_close_relations_of_drawn_things_are_held_out():
    for relation in set(RELATIONS) - set(CLOSE):
        assert not any(is_held_out(chain(a, relation, b)) for a, b in pairwise(DRAWN))
    assert not any(is_held_out(chain(a, "heading towards", b)) for a, b in product(MOVERS, SHAPES))


def test_surroundings_and_second_colours_hold_nothing_out():
    for color in ALL_COLORS:
        for background in SURROUNDINGS:
            assert is_held_out(Scene("cat", color, background=background)) == is_held_out(Scene("cat", color))
        if color != "orange":
            assert not is_held_out(Scene("cat", "orange", accent=color))
