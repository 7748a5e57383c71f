"""The world that never runs out: batches that repeat, captions that are true, and scenes that training never sees."""

import random
from collections import Counter
from dataclasses import replace

import pytest
import torch

from t2ilab.data.layout import heeds_sizes
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, is_held_out, usual_accent
from t2ilab.data.things.people import PEOPLE
from t2ilab.data.understanding import understand
from t2ilab.data.words import ALL_COLORS, DRAWN, LANGUAGES, LEVELS, RELATIONS, SHAPES, SURROUNDINGS, THINGS, USUAL
from t2ilab.data.world import MOUNTS, MOVERS, RIDERS, VESSELS, World, storybook_scene


@pytest.mark.parametrize("level", LEVELS)
def test_a_batch_is_a_pure_function_of_seed_and_index(level):
    first = World(seed=3, level=level).batch(7, 9)
    random.seed(1)
    torch.manual_seed(1)
    states = random.getstate(), torch.get_rng_state()
    World(seed=3, level=level).batch(2, 4)
    again = World(seed=3, level=level).batch(7, 9)
    assert torch.equal(again["image"], first["image"])
    assert (again["caption"], again["scene"]) == (first["caption"], first["scene"])
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    # (4, 6) too: worlds of neighbouring seeds are not one world shifted by a batch.
    others = [World(seed=seed, level=level).batch(index, 9) for seed, index in ((4, 7), (3, 8), (4, 6))]
    for other in (*others, World(seed=3, held_out=True, level=level).batch(7, 9)):
        assert not torch.equal(other["image"], first["image"])
        assert other["scene"] != first["scene"]


@pytest.mark.parametrize("held_out", [False, True])
def test_a_batch_is_captioned_pictures(held_out):
    world = World(size=16, held_out=held_out)
    seen, spoken = set(), []
    for index in range(40):
        batch = world.batch(index, 50)
        assert batch.keys() == {"image", "caption", "scene"}
        assert batch["image"].shape == (50, 3, 16, 16)
        assert batch["image"].dtype == torch.float32
        assert -1 <= batch["image"].min() < batch["image"].max() <= 1
        for scene, caption in zip(batch["scene"], batch["caption"], strict=True):
            assert is_held_out(scene) == held_out
            said, unknown = understand(caption, "shapes")
            assert not unknown
            assert said.asked().items() <= scene.asked().items()
            seen.add((scene.thing, scene.color))
            spoken.append((len(said.asked()) < 5, not caption.isascii()))
    assert len(seen) == (8 if held_out else 56)  # every pair that is allowed, and no other
    partial, japanese = (sum(column) / len(spoken) for column in zip(*spoken, strict=True))
    assert partial == pytest.approx(0.3 * (1 - 0.6**5), abs=0.05)
    assert japanese == pytest.approx(0.4, abs=0.05)


def test_the_shapes_level_is_the_one_that_its_checkpoints_learnt_from():
    """What the world drew before there was a storybook."""
    batch = World(seed=1).batch(0, 3)
    assert batch["caption"] == [
        "明るい背景の中央に大きな赤い丸",
        "on a light background, a small red diamond at the top right",
        "明るい背景、上に小さな青い円",
    ]
    assert World().level == "shapes"


@pytest.mark.parametrize("level", LEVELS)
def test_the_picture_shows_its_scene(level):
    batch = World(size=32, seed=1, level=level).batch(0, 64)
    plain = render(batch["scene"], 32)
    own = (batch["image"] - plain).abs().mean((1, 2, 3))
    others = (batch["image"] - plain.roll(1, 0)).abs().mean((1, 2, 3))
    different = torch.tensor(
        [a != b for a, b in zip(batch["scene"], batch["scene"][-1:] + batch["scene"][:-1], strict=True)]
    )
    assert (own < others)[different].all()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_prompts_are_full_and_repeat(language, held_out, level):
    world = World(seed=2, held_out=held_out, level=level)
    captions, scenes = world.prompts(64, language)
    assert (captions, scenes) == world.prompts(64, language)
    assert [understand(caption, level) for caption in captions] == [(scene, []) for scene in scenes]
    assert all(caption.isascii() == (language == "en") for caption in captions)
    if level == "shapes":
        assert all(len(scene.asked()) == 5 and is_held_out(scene) == held_out for scene in scenes)
    assert scenes != World(seed=3, held_out=held_out, level=level).prompts(64, language)[1]


# ---- the storybook -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held_out", [False, True])
def test_a_storybook_batch_is_captioned_pictures_and_keeps_out_what_is_held_out(held_out):
    world = World(size=16, held_out=held_out, level="storybook")
    seen, spoken = Counter(), []
    for index in range(16):
        batch = world.batch(index, 50)
        assert batch["image"].shape == (50, 3, 16, 16)
        assert -1 <= batch["image"].min() < batch["image"].max() <= 1
        for scene, caption in zip(batch["scene"], batch["caption"], strict=True):
            assert is_held_out(scene) == held_out
            said, unknown = understand(caption)
            assert not unknown
            assert said.asked().items() <= scene.asked().items()
            assert [one.thing for one in said.chain()] == [one.thing for one in scene.chain()] or not said.thing
            seen.update(one.thing for one in scene.chain())
            spoken.append(not caption.isascii())
    assert seen.keys() == THINGS.keys()
    assert sum(spoken) / len(spoken) == pytest.approx(0.4, abs=0.07)


def test_no_storybook_scene_of_training_is_held_out_over_many_batches():
    world, rng = World(level="storybook"), random.Random(0)
    assert not any(is_held_out(world._scene(rng)) for _ in range(5000))
    held_out = World(level="storybook", held_out=True)
    assert all(is_held_out(held_out._scene(rng)) for _ in range(500))


@pytest.fixture(scope="module")
def scenes():
    rng = random.Random(1)
    return [storybook_scene(rng) for _ in range(6000)]


def test_half_of_the_pictures_have_one_thing_and_some_have_three(scenes):
    shares = Counter(len(scene.chain()) for scene in scenes)
    assert shares[1] / len(scenes) == pytest.approx(0.5, abs=0.03)
    assert shares[2] / len(scenes) == pytest.approx(0.35, abs=0.03)
    assert shares[3] / len(scenes) == pytest.approx(0.15, abs=0.03)


def test_everything_comes_often_enough_to_be_learnt(scenes):
    things, colors, grounds, relations = Counter(), Counter(), Counter(), Counter()
    for scene in scenes:
        grounds[scene.background] += 1
        for one in scene.chain():
            things[one.thing] += 1
            colors[one.color] += 1
            relations.update([one.relation] if one.other else [])
    for counted, names in ((things, THINGS), (colors, ALL_COLORS), (grounds, SURROUNDINGS), (relations, RELATIONS)):
        shares = [counted[name] / counted.total() for name in names]
        assert min(shares) > 0.25 / len(names), names


def test_drawn_things_come_in_their_usual_colours_as_often_as_not(scenes):
    drawn = [one for scene in scenes for one in scene.chain() if one.thing in DRAWN]
    usual = sum((one.color, one.accent) == USUAL[one.thing] for one in drawn) / len(drawn)
    assert 0.3 < usual < 0.6
    second = sum(one.accent not in USUAL[one.thing] for one in drawn) / len(drawn)
    assert 0.08 < second < 0.3
    assert all(one.accent is None for scene in scenes for one in scene.chain() if one.thing not in DRAWN)


def test_who_rides_sits_in_or_heads_for_something_can(scenes):
    for scene in scenes:
        for one in scene.chain():
            if one.relation == "riding":
                assert one.thing in RIDERS
                assert one.other.thing in MOUNTS
            elif one.relation == "in":
                assert one.thing in RIDERS
                assert one.other.thing in VESSELS
            elif one.relation == "heading towards":
                assert one.thing in MOVERS


def test_captions_say_what_shows_and_leave_the_usual_unsaid():
    captions, said = World(level="storybook", seed=7).prompts(800)
    assert len(set(captions)) > 780
    for scene in said:
        alone = not scene.other
        assert scene.thing
        assert scene.background
        assert (scene.place is not None) == alone
        sizes = {one.size is not None for one in scene.chain()}
        assert sizes == {True} if alone else len(sizes) == 1 and (sizes == {False} or heeds_sizes(scene))
        for one in scene.chain():
            if one.color is None:
                assert one.accent is None
            elif one.thing in USUAL:
                assert one.accent != (USUAL[one.thing][1] if one.color != USUAL[one.thing][1] else USUAL[one.thing][0])
    two = [scene for scene in said if scene.other and heeds_sizes(scene)]
    assert 0.2 < sum(scene.size is not None for scene in two) / len(two) < 0.45
    assert 0.1 < sum(scene.color is None for scene in said) / len(said) < 0.4


@pytest.mark.parametrize("things", [1, 2, 3])
def test_prompts_have_as_many_things_as_asked(things):
    for held_out in (False, True):
        _, scenes = World(level="storybook", held_out=held_out).prompts(40, things=things)
        assert {len(scene.chain()) for scene in scenes} == {things}


def test_what_was_said_of_a_held_out_scene_is_still_held_out():
    _, scenes = World(level="storybook", held_out=True).prompts(600)
    assert sum(is_held_out(scene) for scene in scenes) == 600


def test_partly_said_is_part_of_the_scene():
    world = World(level="storybook", partial=1.0, size=16)
    batch = world.batch(0, 200)
    for scene, caption in zip(batch["scene"], batch["caption"], strict=True):
        said = understand(caption)[0]
        assert said.asked().items() <= scene.asked().items()
        if scene.other:
            assert replace(said, background=scene.background).background
            assert len(said.chain()) == len(scene.chain())


def test_brief_captions_say_of_one_thing_what_it_is_and_perhaps_its_colours_or_where():
    def said(brief):
        world = World(level="storybook", partial=1.0, brief=brief, size=16)
        batch = world.batch(0, 1024)
        return [
            (understand(caption)[0], scene)
            for scene, caption in zip(batch["scene"], batch["caption"], strict=True)
            if scene.other is None
        ]

    for one, scene in (all_of_it := said(1.0)):
        assert one.asked().items() <= scene.asked().items()
        assert one.thing == scene.thing
        assert one.asked().keys() <= {"thing", "color", "accent", "background"}
        if one.color and scene.accent != usual_accent(scene):
            assert one.accent == scene.accent
    colored = [one for one, scene in all_of_it if scene.thing in SHAPES]
    assert 0.5 < sum(one.color is not None for one in colored) / len(colored) < 0.8
    assert 0.25 < sum(one.background is not None for one, _ in all_of_it) / len(all_of_it) < 0.42
    assert any(one.asked().keys() == {"thing", "color", "accent"} for one, _ in all_of_it)
    placed = [sum(one.place is not None for one, _ in said(brief)) for brief in (0.0, 0.5, 1.0)]
    assert placed[0] > 1.5 * placed[1] > placed[2] == 0


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_what_no_world_can_do(level):
    with pytest.raises(ValueError, match=r"at least 16 pixels a side .* got 8\."):
        World(size=8, level=level).batch(0, 4)
    with pytest.raises(ValueError, match="at least one scene"):
        World(level=level).batch(0, 0)
    with pytest.raises(ValueError, match=r"language must be 'en' or 'ja'; got 'de'\."):
        World(level=level).prompts(4, "de")


def test_levels_and_numbers_of_things_that_there_are_not():
    with pytest.raises(ValueError, match=r"level must be one of shapes, storybook; got 'comic'\."):
        World(level="comic")
    with pytest.raises(ValueError, match=r"The shapes level has 1 to 1 things in a picture; got 2\."):
        World().prompts(4, things=2)
    for things in (0, 4):
        with pytest.raises(ValueError, match=rf"The storybook level has 1 to 3 things in a picture; got {things}\."):
            World(level="storybook").prompts(4, things=things)


def test_so_many_things_have_two_colours_as_are_asked_for():
    def share(two_colors):
        world = World(level="storybook", two_colors=two_colors, partial=0, seed=5)
        scenes = [scene for index in range(8) for scene in world.batch(index, 256)["scene"]]
        own = [
            s.accent != usual_accent(s)
            for s in scenes
            if s.thing in DRAWN and s.color != USUAL[s.thing][0] and len(s.chain()) == 1 and s.size == "big"
        ]
        return sum(own) / len(own)

    assert share(0.0) == 0
    assert share(0.3) + 0.25 < share(0.9)


def test_so_many_things_have_their_usual_colours_as_are_asked_for():
    def share(usual):
        scenes = World(level="storybook", usual=usual, seed=5).batch(0, 2048)["scene"]
        things = [one for scene in scenes for one in scene.chain() if one.thing in DRAWN]
        return sum(one.color == USUAL[one.thing][0] for one in things) / len(things)

    assert share(1.0) == 1
    assert share(0.0) < 0.12  # by chance, one in eleven
    assert 0.35 < share(0.3) < 0.45


def test_two_colours_are_said_after_their_thing_as_often_as_is_asked_for():
    def share(**behind):
        world = World(level="storybook", partial=0.0, japanese=0.0, two_colors=1.0, usual=0.0, seed=5, **behind)
        scenes = world.batch(0, 1024)["scene"]
        said = [
            c
            for c, s in zip(world.captions(0, 1024), scenes, strict=True)
            if s.other is None and f", {s.color} and" in c
        ]
        two = [s for s in scenes if s.other is None and s.accent and s.accent != usual_accent(s)]
        return len(said) / len(two)

    assert share(behind=0.0) == 0
    assert share(behind=1.0) == 1
    assert 0.25 < share() < 0.42
    assert 0.5 < share(behind=0.6) < 0.7


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("siblings", [2, 5])
def test_siblings_differ_in_one_thing_or_one_colour(level, siblings):
    kinds = Counter()
    for index in range(12):
        scenes = World(level=level, siblings=siblings, seed=2).batch(index, 33)["scene"]
        assert len(scenes) == 33
        for i, sibling in enumerate(scenes):
            assert not is_held_out(sibling)
            first = scenes[i - i % siblings]
            one, other = first.asked(), sibling.asked()
            changed = {a.split()[-1] for a in one.keys() | other.keys() if one.get(a) != other.get(a)} - {"accent"}
            assert changed == set() if i % siblings == 0 else changed in ({"thing"}, {"color"})
            kinds[next(iter(changed), "none")] += 1
    assert min(kinds["thing"], kinds["color"]) > 20
    for wrong in ({"siblings": 0}, {"siblings": 2, "held_out": True}):
        with pytest.raises(ValueError, match="siblings is at least 1, and 1 in a world of held-out scenes; got"):
            World(**wrong)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_namings_say_so_little_that_each_caption_fits_one_picture_of_its_row(level, held_out):
    world = World(level=level, seed=4, held_out=held_out)
    things, colors = (list(LEVELS[level][name]) for name in ("thing", "color"))
    pairs = [(thing, color) for thing in things for color in colors]
    shown = [pair for pair in pairs if is_held_out(Scene(thing=pair[0], color=pair[1])) == held_out]
    whole = {("thing",): len(things), ("color",): len(colors), ("color", "thing"): len(shown)}
    whole["background", "place"] = len(LEVELS[level]["place"]) * len(LEVELS[level]["background"])
    met = Counter()
    for index in range(40):
        batch = world.namings(index, 50)
        assert batch["image"].shape == (50, 3, 32, 32)
        said = [understand(caption)[0].asked() for caption in batch["caption"]]
        for words, scene in zip(said, batch["scene"], strict=True):
            full = scene.asked()
            assert {name: full[name] for name in words} == words
            assert scene.other is None
            assert is_held_out(scene) == held_out
        (named,) = {tuple(sorted(words)) for words in said}
        met[named] += 1
        assert batch["row"] == min(50, whole[named])
        for i in range(0, 50, batch["row"]):
            row = [tuple(words.values()) for words in said[i : i + batch["row"]]]
            assert len(set(row)) == len(row)
    assert set(met) == whole.keys()


def test_namings_are_a_function_of_seed_and_index():
    one, same, other = (World(level="storybook", seed=seed).namings(7, 9) for seed in (1, 1, 2))
    torch.testing.assert_close(one["image"], same["image"], rtol=0, atol=0)
    assert one["caption"] == same["caption"] != other["caption"]
    with pytest.raises(ValueError, match="namings names every thing, and this world has people=True"):
        World(level="storybook", people=True).namings(0, 4)
    with pytest.raises(ValueError, match="at least one scene"):
        World(level="storybook").namings(0, 0)
    with pytest.raises(ValueError, match=r"none is in its usual colours; got usual=1\.0"):
        World(level="storybook", held_out=True, usual=1.0).namings(0, 4)
    assert World(level="shapes", held_out=True, usual=1.0).namings(0, 4)["caption"]


@pytest.mark.parametrize("share", ["partial", "japanese", "two_colors", "usual", "behind", "brief"])
@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan")])
def test_shares_lie_between_0_and_1(share, wrong):
    with pytest.raises(ValueError, match=f"{share} is a share, from 0 to 1; got {wrong}"):
        World(**{share: wrong})


def test_a_world_of_people_has_somebody_in_each_picture_and_is_else_the_same():
    scenes = World(seed=3, level="storybook", people=True).batch(0, 24)["scene"]
    assert all({one.thing for one in scene.chain()} & PEOPLE.keys() for scene in scenes)
    assert not any(map(is_held_out, scenes))
    held_out = World(seed=3, level="storybook", people=True, held_out=True).batch(0, 4)["scene"]
    assert all({one.thing for one in scene.chain()} & PEOPLE.keys() and is_held_out(scene) for scene in held_out)
    for wrong in ({}, {"level": "storybook", "siblings": 2}):
        with pytest.raises(ValueError, match="people needs the storybook, and siblings=1; got level="):
            World(people=True, **wrong)
