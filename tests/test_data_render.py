"""Pictures of scenes: areas by formula, edges, colours for every eye, jitter, and a world that repeats itself."""

import math
import random
from dataclasses import replace
from itertools import combinations

import pytest
import torch

from t2ilab.data.render import CENTER, GROUND, PAINT, RADIUS, World, complete, render
from t2ilab.data.scenes import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLORS,
    LANGUAGES,
    PLACES,
    SIZES,
    THINGS,
    Scene,
    all_scenes,
    is_held_out,
    understand,
)
from t2ilab.data.things import THINGS as DISTANCES

STAR = Scene("star", "red", "big", "center", "dark")
DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


def cover(pictures, scene):
    """The share of each pixel that the thing covers, from the picture: (B, H, W)."""
    paint, ground = (torch.tensor(t)[:, None, None] for t in (PAINT[scene.color], GROUND[scene.background]))
    channel = (paint - ground).abs().flatten().argmax()
    return (((pictures + 1) / 2 - ground) / (paint - ground))[:, channel]


# ---- shapes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 32, 64, 100])
@pytest.mark.parametrize("big", SIZES)
@pytest.mark.parametrize(
    ("thing", "unit_area"),
    [
        ("circle", math.pi * 0.92**2),
        ("square", 1.56**2),
        ("ring", math.pi * (0.94**2 - 0.46**2)),
        ("diamond", 2 * 1.05 * 0.68),
        ("triangle", 0.95 * 1.70),
        ("cross", 4 * 0.95 * 0.30 * 2 - 0.6**2),
    ],
)
def test_the_inked_area_is_the_analytic_one(thing, unit_area, big, size):
    scene = replace(STAR, thing=thing, size=big)
    inked = cover(render([scene], size), scene).sum().item() * (2 / size) ** 2
    pixels = RADIUS[big] * size / 2
    assert inked == pytest.approx(unit_area * RADIUS[big] ** 2, rel=max(0.01, 0.5 / pixels**2, 0.05 / pixels))


@pytest.mark.parametrize("thing", THINGS)
def test_each_pixel_holds_the_share_that_is_covered(thing):
    """Against counting: 16 x 16 points in each pixel, inside or outside."""
    scene = replace(STAR, thing=thing)
    axis = ((torch.arange(32 * 16) + 0.5) / (16 * 16) - 1) / RADIUS["big"]
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    inside = (DISTANCES[thing](torch.stack([x, y], dim=-1)) < 0).float()
    counted = torch.nn.functional.avg_pool2d(inside[None], 16)
    off = (cover(render([scene], 32), scene) - counted).abs()
    assert off.max() < 0.2  # at a sharp corner; a jagged edge would be off by a half nearly everywhere
    assert off.sum() < 0.05 * ((counted > 0) & (counted < 1)).sum()


def test_sizes_show_the_same_picture():
    scenes = list(all_scenes())[::7]
    small, large = render(scenes, 32), render(scenes, 64)
    off = (torch.nn.functional.avg_pool2d(large, 2) - small).abs()
    assert off.mean() < 2e-3
    assert off.max() < 0.5  # at a triangle's tip, of 2 from black to white


@pytest.mark.parametrize("size", [16, 32])
def test_things_differ_from_each_other_even_small(size):
    pictures = {thing: render([replace(STAR, thing=thing, size="small")], size)[0] for thing in THINGS}
    for a, b in combinations(THINGS, 2):
        off = (pictures[a] - pictures[b]).abs().amax(0)
        # Of 2 from black to white. At 16 pixels a small thing is four wide, and a ring has hardly a hole.
        assert off.max() > (0.25 if size == 16 else 0.7), (a, b)
        assert off.sum() > (2 if size == 16 else 8), (a, b)


def test_a_thing_lies_where_its_place_says():
    axis = (torch.arange(64) + 0.5) / 32 - 1
    for place in PLACES:
        scene = Scene("circle", "red", "small", place, "dark")
        share = cover(render([scene], 64), scene)[0]
        x, y = (share.sum(0) @ axis) / share.sum(), (share.sum(1) @ axis) / share.sum()
        assert (x.item(), y.item()) == pytest.approx(CENTER[place], abs=0.01)
        words = place.split()
        assert (y < -0.25) == ("top" in words)
        assert (y > 0.25) == ("bottom" in words)
        assert (x < -0.25) == ("left" in words)
        assert (x > 0.25) == ("right" in words)


def test_plain_scenes_lie_inside_the_picture():
    for background in BACKGROUNDS:
        scenes = [s for s in all_scenes() if s.background == background and s.color == "blue"]
        pictures = render(scenes, 64)
        edge = torch.cat([pictures[:, :, i] for i in (0, -1)] + [pictures[:, :, :, i] for i in (0, -1)], dim=2)
        ground = torch.tensor(GROUND[background])[:, None] * 2 - 1
        assert (edge - ground).abs().max() < 1e-6


# ---- colours -------------------------------------------------------------------------------------------------------

# Linear RGB as a deuteranope sees it: Machado, Oliveira and Fernandes 2009, severity 1.
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
SRGB_TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
EYES = {"most eyes": torch.eye(3).tolist(), "deuteranopia": DEUTERANOPIA}


def lab(rgb, eye):
    """CIE L*a*b* (D65) of an sRGB colour in [0, 1] as an eye sees it."""
    c = torch.tensor(rgb, dtype=torch.float64)
    linear = torch.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    seen = (torch.tensor(EYES[eye], dtype=torch.float64) @ linear).clamp(0, 1)
    matrix = torch.tensor(SRGB_TO_XYZ, dtype=torch.float64)
    x, y, z = ((matrix @ seen) / matrix.sum(1)).tolist()
    fx, fy, fz = (v ** (1 / 3) if v > (6 / 29) ** 3 else v / (3 * (6 / 29) ** 2) + 4 / 29 for v in (x, y, z))
    return torch.tensor([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def test_this_lab_is_the_standards():
    assert lab((1, 1, 1), "most eyes").tolist() == pytest.approx([100, 0, 0], abs=0.01)
    assert lab((1, 0, 0), "most eyes").tolist() == pytest.approx([53.24, 80.09, 67.20], abs=0.02)


@pytest.mark.parametrize(("eye", "floor"), [("most eyes", 25), ("deuteranopia", 15)])
def test_every_two_colours_differ_for_every_eye(eye, floor):
    """In units of CIE76, of which 2.3 is just noticeable."""
    seen = {name: lab(rgb, eye) for name, rgb in (PAINT | GROUND).items()}
    for a, b in combinations(seen, 2):
        assert torch.dist(seen[a], seen[b]) > floor, (a, b)


NEIGHBOURS = list(zip(COLORS, [*list(COLORS)[1:], next(iter(COLORS))], strict=True))


@pytest.mark.parametrize("pair", NEIGHBOURS, ids=" and ".join)
def test_neighbouring_hues_differ_in_lightness(pair):
    first, second = (lab(PAINT[name], "most eyes")[0] for name in pair)
    assert abs(first - second) > 10


def test_colours_fall_on_the_picture():
    for color in COLORS:
        for background in BACKGROUNDS:
            picture = render([Scene("square", color, "big", "center", background)], 32)[0]
            assert picture[:, 16, 16].tolist() == pytest.approx([2 * v - 1 for v in PAINT[color]], abs=1e-6)
            assert picture[:, 0, 0].tolist() == pytest.approx([2 * v - 1 for v in GROUND[background]], abs=1e-6)


# ---- jitter --------------------------------------------------------------------------------------------------------


def test_jitter_is_the_generators_and_the_picture_stays_its_scene():
    scenes = [replace(STAR, place=place, size=size) for place in PLACES for size in SIZES] * 20
    pictures = render(scenes, 32, torch.Generator().manual_seed(5))
    assert torch.equal(pictures, render(scenes, 32, torch.Generator().manual_seed(5)))
    assert not torch.equal(pictures, render(scenes, 32, torch.Generator().manual_seed(6)))
    assert len({p.numpy().tobytes() for p in pictures}) == len(scenes)
    assert pictures.min() >= -1
    assert pictures.max() <= 1
    assert (pictures - render(scenes, 32)).abs().mean() < 0.1


@pytest.mark.parametrize("size", SIZES)
def test_jitter_stays_within_its_place(size):
    axis = (torch.arange(64) + 0.5) / 32 - 1
    for place in PLACES:
        scenes = [Scene("circle", "blue", size, place, "light")] * 60
        pictures = render(scenes, 64, torch.Generator().manual_seed(7))
        share = (pictures[:, 0, :1, :1] - pictures[:, 0]).clamp(min=0)  # blue has less red than its ground
        weight = share.sum((1, 2))
        x, y = (share.sum(1) @ axis) / weight, (share.sum(2) @ axis) / weight
        off = torch.stack([x - CENTER[place][0], y - CENTER[place][1]])
        assert off.abs().max() < 0.075  # neighbouring places are 0.5 apart: far from halfway
        assert off.abs().max() > 0.03


def test_a_jittered_thing_loses_less_than_a_pixel_at_the_edge():
    reach = max(abs(v) for xy in CENTER.values() for v in xy) + 0.05 + RADIUS["big"] * 1.08 * 1.05
    assert reach - 1 < 2 / 32


def test_jitter_does_not_depend_on_the_rest_of_the_batch_or_on_global_chance():
    scenes = list(all_scenes())[:6]
    state = torch.get_rng_state()
    whole = render(scenes, 32, torch.Generator().manual_seed(1))
    assert torch.equal(
        render([replace(s, color="pink") for s in scenes[:3]] + scenes[3:], 32, _seeded(1))[3:], whole[3:]
    )
    assert torch.equal(torch.get_rng_state(), state)


def _seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_draws_the_same(device):
    scenes = list(all_scenes())[::50]
    drawn = render(scenes, 32, _seeded(3), device)
    assert drawn.device.type == device
    assert torch.allclose(drawn.cpu(), render(scenes, 32, _seeded(3)), atol=1e-4)


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenes", "size", "sentence"),
    [
        ([], 32, "needs at least one scene; got none"),
        ([STAR], 15, r"at least 16 pixels a side to show its shape; got 15\."),
        ([STAR, Scene("star", "red")], 32, r"must be full to be drawn; size, place, background left open\."),
    ],
)
def test_what_cannot_be_drawn(scenes, size, sentence):
    with pytest.raises(ValueError, match=sentence):
        render(scenes, size)


def test_complete_fills_what_is_open_and_only_that():
    rng = random.Random(0)
    filled = [complete(Scene(thing="ring", place="top"), rng) for _ in range(200)]
    assert all(len(s.asked()) == len(ATTRIBUTES) and (s.thing, s.place) == ("ring", "top") for s in filled)
    assert {s.color for s in filled} == set(COLORS)
    assert complete(STAR, rng) == STAR


# ---- the world -----------------------------------------------------------------------------------------------------


def test_a_batch_is_a_pure_function_of_seed_and_index():
    first = World(seed=3).batch(7, 9)
    random.seed(1)
    torch.manual_seed(1)
    states = random.getstate(), torch.get_rng_state()
    World(seed=3).batch(2, 4)
    again = World(seed=3).batch(7, 9)
    assert torch.equal(again["image"], first["image"])
    assert (again["caption"], again["scene"]) == (first["caption"], first["scene"])
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    # (4, 6) too: worlds of neighbouring seeds are not one world shifted by a batch.
    others = [World(seed=seed).batch(index, 9) for seed, index in ((4, 7), (3, 8), (4, 6))]
    for other in (*others, World(seed=3, held_out=True).batch(7, 9)):
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
            said, unknown = understand(caption)
            assert not unknown
            assert said.asked().items() <= scene.asked().items()
            seen.add((scene.thing, scene.color))
            spoken.append((len(said.asked()) < 5, not caption.isascii()))
    assert len(seen) == (8 if held_out else 56)  # every pair that is allowed, and no other
    partial, japanese = (sum(column) / len(spoken) for column in zip(*spoken, strict=True))
    assert partial == pytest.approx(0.3 * (1 - 0.6**5), abs=0.05)
    assert japanese == pytest.approx(0.4, abs=0.05)


def test_the_picture_shows_its_scene():
    batch = World(size=32, seed=1).batch(0, 64)
    plain = render(batch["scene"], 32)
    own = (batch["image"] - plain).abs().mean((1, 2, 3))
    others = (batch["image"] - plain.roll(1, 0)).abs().mean((1, 2, 3))
    different = torch.tensor(
        [a != b for a, b in zip(batch["scene"], batch["scene"][-1:] + batch["scene"][:-1], strict=True)]
    )
    assert (own < others)[different].all()


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_prompts_are_full_and_repeat(language, held_out):
    world = World(seed=2, held_out=held_out)
    captions, scenes = world.prompts(64, language)
    assert (captions, scenes) == world.prompts(64, language)
    assert [understand(caption) for caption in captions] == [(scene, []) for scene in scenes]
    assert all(caption.isascii() == (language == "en") for caption in captions)
    assert all(len(scene.asked()) == 5 and is_held_out(scene) == held_out for scene in scenes)
    assert scenes != World(seed=3, held_out=held_out).prompts(64, language)[1]


def test_what_no_world_can_do():
    with pytest.raises(ValueError, match=r"at least 16 pixels a side .* got 8\."):
        World(size=8).batch(0, 4)
    with pytest.raises(ValueError, match="at least one scene"):
        World().batch(0, 0)
    with pytest.raises(ValueError, match=r"language must be 'en' or 'ja'; got 'de'\."):
        World().prompts(4, "de")
