"""Where things go: places by their words, relations by theirs, and the way back from a middle to its place."""

import math
from itertools import combinations, product

import pytest

from t2ilab.data.layout import DRAWN_RADIUS, RADIUS, RIM, layout, place_of
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.words import PLACES, RELATIONS, SHAPES, SIZES
from t2ilab.data.world import MOUNTS, MOVERS, RIDERS, VESSELS

SIDES = ("left of", "right of", "above", "below")


def of(first, relation, second, then=None, third=None):
    other = Scene(second, relation=then, other=Scene(third)) if third else Scene(second)
    return complete(Scene(first, relation=relation, other=other))


def placed(scene):
    """The things of the layout by name."""
    return {one.scene.thing: one for one in layout(scene)}


def is_beside(a, relation, b):
    """Whether a lies there as seen from b, more so than in the other direction."""
    right, down = b.x - a.x, b.y - a.y
    along, across = (right, down) if relation in ("left of", "right of") else (down, right)
    return (along if relation in ("left of", "above") else -along) > max(0.12, abs(across))


@pytest.mark.parametrize("thing", ["circle", "cat"])
@pytest.mark.parametrize("size", SIZES)
def test_one_thing_lies_where_its_place_says_and_place_of_is_the_way_back(thing, size):
    for place in PLACES:
        (one,) = layout(complete(Scene(thing, size=size, place=place)))
        words = place.split()
        assert (one.y < -0.25, one.y > 0.25) == ("top" in words, "bottom" in words)
        assert (one.x < -0.25, one.x > 0.25) == ("left" in words, "right" in words)
        assert one.radius == (RADIUS if thing in SHAPES else DRAWN_RADIUS)[size]
        assert (one.angle, one.heading, one.rim) == (0, None, None)
        for dx, dy in product((-0.12, 0, 0.12), repeat=2):
            assert place_of(thing, size, one.x + dx, one.y + dy) == place


def test_place_of_takes_things_and_sizes_that_were_not_asked_for():
    for place in PLACES:
        for thing, size in product(("circle", "cat"), SIZES):
            (one,) = layout(complete(Scene(thing, size=size, place=place)))
            assert place_of(None, None, one.x, one.y) == place


def test_the_scenes_own_things_are_placed_each_once():
    for first, second in product(RELATIONS, repeat=2):
        scene = of("cat", first, "dog", second, "boat")
        assert sorted(one.scene.thing for one in layout(scene)) == ["boat", "cat", "dog"]
        assert {one.scene.color for one in layout(scene)} == {"orange", "brown", "red"}


@pytest.mark.parametrize("relation", RELATIONS)
def test_two_things_stay_in_the_picture_and_apart(relation):
    for first, second in product(("cat", "star", "rocket", "boat"), ("dog", "ring", "car", "moon")):
        a, b = (placed(of(first, relation, second))[name] for name in (first, second))
        for one in (a, b):
            assert max(abs(one.x), abs(one.y)) + one.radius < 1.12
            assert one.radius > 0.25
        assert math.hypot(a.x - b.x, a.y - b.y) > 0.12


@pytest.mark.parametrize(("first", "second"), list(product(RELATIONS, repeat=2)))
def test_three_things_stay_in_the_picture_and_no_two_in_one_spot(first, second):
    things = layout(of("cat", first, "dog", second, "boat"))
    assert max(max(abs(one.x), abs(one.y)) + one.radius for one in things) < 1.12
    assert min(one.radius for one in things) > 0.15
    assert all(math.hypot(a.x - b.x, a.y - b.y) > 0.05 for a, b in combinations(things, 2))


@pytest.mark.parametrize("relation", SIDES)
def test_beside_and_above_are_so_for_every_size(relation):
    for sizes in product(SIZES, repeat=2):
        scene = Scene("cat", size=sizes[0], relation=relation, other=Scene("dog", size=sizes[1]))
        spots = placed(complete(scene))
        assert is_beside(spots["cat"], relation, spots["dog"])
        assert (spots["cat"].radius > spots["dog"].radius) == (sizes == ("big", "small"))


@pytest.mark.parametrize(("first", "second"), list(product(SIDES, repeat=2)))
def test_each_of_three_things_is_beside_or_above_the_next(first, second):
    spots = placed(of("cat", first, "dog", second, "boat"))
    assert is_beside(spots["cat"], first, spots["dog"])
    assert is_beside(spots["dog"], second, spots["boat"])


def test_a_rider_sits_above_and_in_front_and_is_beside_the_third_with_its_mount():
    for rider, mount in product(RIDERS, MOUNTS):
        if rider != mount:
            below, above = layout(of(rider, "riding", mount))
            assert (above.scene.thing, below.scene.thing) == (rider, mount)
            assert above.y < below.y - 0.3
            assert abs(above.x - below.x) < 0.3
    spots = placed(of("cat", "riding", "horse", "left of", "house"))
    assert is_beside(spots["cat"], "left of", spots["house"])
    assert is_beside(spots["horse"], "left of", spots["house"])


def test_who_is_in_something_is_cut_off_at_its_rim():
    for rider, vessel in product(RIDERS, RIM):
        if rider != vessel:
            hull, inside = layout(of(rider, "in", vessel))
            assert (inside.scene.thing, hull.scene.thing) == (rider, vessel)
            assert inside.y < inside.rim < inside.y + inside.radius
            assert hull.y - hull.radius < inside.rim < hull.y + hull.radius
            assert hull.rim is None
    assert set(VESSELS) <= set(RIM)


@pytest.mark.parametrize("mover", MOVERS)
def test_who_heads_towards_something_goes_there(mover):
    one, aim = (placed(of(mover, "heading towards", "star"))[name] for name in (mover, "star"))
    there = math.atan2(aim.y - one.y, aim.x - one.x)
    assert one.heading == pytest.approx(there, abs=0.02)
    assert aim.heading is None
    # A rocket points up when it is not turned, the others stay upright.
    assert one.angle == pytest.approx(there + math.pi / 2 if mover == "rocket" else 0, abs=0.02)


def test_of_a_rider_on_the_way_what_carries_it_leaves_the_streaks():
    spots = placed(of("brain", "riding", "rocket", "heading towards", "moon"))
    assert spots["brain"].heading is None
    assert spots["rocket"].heading is not None
    assert math.hypot(spots["brain"].x - spots["rocket"].x, spots["brain"].y - spots["rocket"].y) < 0.6


def test_on_the_way_to_two_things_it_still_leaves_streaks():
    assert placed(of("rocket", "heading towards", "moon", "and", "star"))["rocket"].heading == pytest.approx(0)
    assert placed(of("moon", "above", "rocket", "heading towards", "star"))["rocket"].heading == pytest.approx(0)
