"""Pictures of scenes: areas by formula, edges, colours for every eye, jitter, masks, and relations in pixels."""

import math
import random
from dataclasses import replace
from itertools import combinations, product

import pytest
import torch
import torch.nn.functional as F

from t2ilab.data import render as rendering
from t2ilab.data.layout import RADIUS, STEP, layout
from t2ilab.data.render import PAINT, draw, render, render_placed
from t2ilab.data.scenes import Scene, all_scenes, complete
from t2ilab.data.surroundings import GROUND, backdrop
from t2ilab.data.things import SHAPES as DISTANCES
from t2ilab.data.words import ALL_COLORS, COLORS, DRAWN, PLACES, PLAIN, SHAPES, SIZES, SURROUNDINGS, THINGS
from t2ilab.data.world import MOUNTS, MOVERS, RIDERS, VESSELS, storybook_scene

CENTER = {place: (0.5 * across, 0.5 * down) for place, (across, down) in STEP.items()}
STAR = Scene("star", "red", "big", "center", "dark")
PAIR = complete(Scene("cat", relation="above", other=Scene("house"), background="sea"))
DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


def pages(count, seed=0):
    """Scenes of the storybook."""
    rng = random.Random(seed)
    return [storybook_scene(rng) for _ in range(count)]


def pair(first, relation, second, **whole):
    return complete(Scene(first, relation=relation, other=Scene(second), **whole))


def middles(masks):
    """The middle of mass (..., 2) of masks (..., H, W), x and y in [-1, 1]."""
    axis = (torch.arange(masks.shape[-1]) + 0.5) / (masks.shape[-1] / 2) - 1
    mass = masks.sum((-2, -1))
    return torch.stack([masks.sum(-2) @ axis / mass, masks.sum(-1) @ axis / mass], dim=-1)


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


@pytest.mark.parametrize("thing", SHAPES)
def test_each_pixel_holds_the_share_that_is_covered(thing):
    """Against counting: 16 x 16 points in each pixel, inside or outside."""
    scene = replace(STAR, thing=thing)
    axis = ((torch.arange(32 * 16) + 0.5) / (16 * 16) - 1) / RADIUS["big"]
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    inside = (DISTANCES[thing](torch.stack([x, y], dim=-1)) < 0).float()
    counted = F.avg_pool2d(inside[None], 16)
    off = (cover(render([scene], 32), scene) - counted).abs()
    assert off.max() < 0.2  # at a sharp corner; a jagged edge would be off by a half nearly everywhere
    assert off.sum() < 0.05 * ((counted > 0) & (counted < 1)).sum()


def test_sizes_show_the_same_picture():
    scenes = list(all_scenes())[::7]
    small, large = render(scenes, 32), render(scenes, 64)
    off = (F.avg_pool2d(large, 2) - small).abs()
    assert off.mean() < 2e-3
    assert off.max() < 0.5  # at a triangle's tip, of 2 from black to white


@pytest.mark.parametrize("size", [16, 32])
def test_things_differ_from_each_other_even_small(size):
    pictures = {thing: render([replace(STAR, thing=thing, size="small")], size)[0] for thing in SHAPES}
    for a, b in combinations(SHAPES, 2):
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
    for background in PLAIN:
        scenes = [s for s in all_scenes() if s.background == background and s.color == "blue"]
        pictures = render(scenes, 64)
        edge = torch.cat([pictures[:, :, i] for i in (0, -1)] + [pictures[:, :, :, i] for i in (0, -1)], dim=2)
        ground = torch.tensor(GROUND[background])[:, None] * 2 - 1
        assert (edge - ground).abs().max() < 1e-6


# ---- colours -------------------------------------------------------------------------------------------------------

# Linear RGB as colour-blind eyes see it: Machado, Oliveira and Fernandes 2009, severity 1.
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
SRGB_TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
EYES = {"most eyes": torch.eye(3).tolist(), "deuteranopia": DEUTERANOPIA, "protanopia": PROTANOPIA}


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


@pytest.mark.parametrize(("eye", "floor"), [("most eyes", 25), ("deuteranopia", 15), ("protanopia", 14)])
def test_every_two_colours_differ_for_every_eye(eye, floor):
    """In units of CIE76, of which 2.3 is just noticeable."""
    seen = {name: lab(rgb, eye) for name, rgb in (PAINT | GROUND).items()}
    assert len(seen) == 11 + 2
    for a, b in combinations(seen, 2):
        assert torch.dist(seen[a], seen[b]) > floor or {a, b} == {"white", "light"}, (a, b)


def test_white_on_a_light_ground_has_a_line_around_it():
    """The one pair of a colour and a ground that no eye tells apart."""
    for thing in THINGS:
        scene = complete(Scene(thing, "white", background="light"))
        ground = backdrop("light", 32, torch.device("cpu")) * 2 - 1
        darker = (ground - render([scene], 32)[0].permute(1, 2, 0)).amax(-1)
        assert (darker > 0.5).sum() > 20, thing


NEIGHBOURS = list(zip(COLORS, [*list(COLORS)[1:], next(iter(COLORS))], strict=True))


@pytest.mark.parametrize("pair", NEIGHBOURS, ids=" and ".join)
def test_neighbouring_hues_differ_in_lightness(pair):
    first, second = (lab(PAINT[name], "most eyes")[0] for name in pair)
    assert abs(first - second) > 10


def test_colours_fall_on_the_picture():
    for color in COLORS:
        for background in PLAIN:
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
    scenes = list(all_scenes())[::50] + pages(50)
    drawn = render(scenes, 32, _seeded(3), device)
    assert drawn.device.type == device
    assert torch.allclose(drawn.cpu(), render(scenes, 32, _seeded(3)), atol=1e-4)


def test_a_storybook_pictures_jitter_is_small_and_the_generators_own():
    scenes = pages(200)
    pictures, placed = render_placed(scenes, 32, _seeded(5))
    assert torch.equal(pictures, render(scenes, 32, _seeded(5)))
    assert not torch.equal(pictures, render(scenes, 32, _seeded(6)))
    plain, spots = render_placed(scenes, 32)
    assert (pictures - plain).abs().mean() < 0.12
    there = ~spots[..., 0].isnan()
    assert torch.equal(there, ~placed[..., 0].isnan())
    off = (placed - spots)[there]
    assert off[:, :2].abs().max() <= 0.0501
    assert (placed[..., 2] / spots[..., 2])[there].sub(1).abs().max() <= 0.0801
    assert off[:, 3].abs().max() <= 0.1401
    assert off.abs().amax(0).min() > 0.02


def test_jitter_hardly_changes_the_ground_and_the_colours():
    scene = complete(Scene("square", "green", background="field"))
    pictures = render([scene] * 100, 32, _seeded(1))
    plain = render([scene], 32)
    assert (pictures - plain)[:, :, 0, 0].abs().max() <= 0.0601  # of 2 from black to white
    inside = (pictures - plain)[:, :, 16, 16].abs()
    assert 0.01 < inside.max() < 0.1


# ---- the storybook in pixels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "most"), [(16, 6e-3), (32, 3e-3), (64, 3e-3)])
def test_drawn_things_are_read_off_a_grid_as_if_they_were_asked_for_each_pixel(size, most, monkeypatch):
    scenes = pages(300) + [complete(Scene(thing, size=s)) for thing in DRAWN for s in SIZES]
    baked = render(scenes, size)
    monkeypatch.setattr(rendering, "LARGEST_BAKED", 0)
    off = (baked - render(scenes, size)).abs()
    assert off.mean() < 4e-4
    assert off.mean((1, 2, 3)).max() < most
    assert (off.amax(1) > 0.15).float().mean() < 1e-3  # of 2 from black to white: whiskers and window bars
    assert off.max() < 0.6
    assert off.max() > 0  # two ways


def test_a_batch_is_its_scenes_one_by_one():
    scenes = pages(60, seed=2)
    whole = draw(scenes, 32)
    for i, scene in enumerate(scenes):
        one = draw([scene], 32)
        assert torch.allclose(one.image[0], whole.image[i], atol=1e-5)
        assert torch.allclose(one.masks[0], whole.masks[i], atol=1e-5)
        assert torch.allclose(one.edges[0], whole.edges[i], atol=1e-5)
        assert torch.equal(one.placed[0].nan_to_num(9), whole.placed[i].nan_to_num(9))


def test_storybook_sizes_show_the_same_picture():
    scenes = pages(200, seed=3)
    off = (F.avg_pool2d(render(scenes, 96), 3) - render(scenes, 32)).abs()
    assert off.mean() < 0.02
    assert off.mean((1, 2, 3)).max() < 0.06


@pytest.mark.parametrize("seed", [None, 4])
def test_masks_edges_and_the_picture_agree_pixel_by_pixel(seed):
    scenes = pages(200, seed=4)
    drawing = draw(scenes, 48, None if seed is None else _seeded(seed))
    image, placed = render_placed(scenes, 48, None if seed is None else _seeded(seed))
    assert torch.equal(drawing.image, image)
    assert torch.equal(drawing.placed.nan_to_num(9), placed.nan_to_num(9))
    assert drawing.masks.shape == (200, 3, 48, 48)
    assert drawing.edges.shape == (200, 48, 48)
    shown = drawing.masks.sum(1)
    for values in (drawing.masks, shown, drawing.edges):
        assert values.min() > -1e-5
        assert values.max() < 1 + 1e-5
    grounds = torch.stack([backdrop(s.background, 48, torch.device("cpu")) for s in scenes]).permute(0, 3, 1, 2) * 2 - 1
    away = (image - grounds).abs().amax(1)
    assert (away - 2 * shown - (0 if seed is None else 0.0601)).max() < 1e-4  # only where a thing shows is no ground
    far = F.max_pool2d(shown, 5, 1, 2) < 1e-6
    assert (drawing.edges * far)[:, 2:-2, 2:-2].max() == 0  # at the border lie edges of what is just outside
    assert drawing.edges.flatten(1).amax(1).min() > 0.5
    for scene, masks in zip(scenes, drawing.masks, strict=True):
        count = len(scene.chain())
        assert (masks[:count].sum((1, 2)) > 12).all()  # of 2304 pixels
        assert not masks[count:].any()


def test_a_mask_shows_the_colour_of_its_thing():
    for color in ALL_COLORS:
        scene = complete(Scene("square", color, background="night", relation="left of", other=Scene("circle", "red")))
        drawing = draw([scene], 64)
        pixels = drawing.image[0][:, drawing.masks[0, 0] > 0.999]
        near = (pixels - (torch.tensor(PAINT[color]) * 2 - 1)[:, None]).abs().amax(0) < 0.05
        assert near.float().mean() > 0.6  # the rest is the line around it


def test_placed_says_where_the_things_are():
    scenes = pages(300, seed=5)
    drawing = draw(scenes, 48)
    for scene, spots, seen in zip(scenes, drawing.placed, middles(drawing.masks), strict=True):
        chain, plan = scene.chain(), {one.scene.thing: one for one in layout(scene)}
        assert spots[len(chain) :].isnan().all()
        for one, spot, middle in zip(chain, spots, seen, strict=False):
            there = plan[one.thing]
            assert spot.tolist() == pytest.approx([there.x, there.y, there.radius, there.angle], abs=1e-6)
            assert torch.dist(middle, spot[:2]) < 0.45 * spot[2], (one.thing, scene)


def test_little_is_cut_off_at_the_border(monkeypatch):
    """Against the same pictures seen from twice as far away, where everything is inside."""
    scenes = pages(400, seed=6)
    near = draw(scenes, 32).masks.sum((2, 3))
    monkeypatch.setattr(rendering, "layout", lambda scene: [_half(one) for one in layout(scene)])
    far = draw(scenes, 64).masks.sum((2, 3))
    lost = (1 - near / far)[far > 0]
    assert lost.min() > -0.02
    assert lost.mean() < 0.01
    assert lost.quantile(0.95) < 0.08
    assert lost.max() < 0.2


def _half(one):
    return replace(one, x=one.x / 2, y=one.y / 2, radius=one.radius / 2, rim=None if one.rim is None else one.rim / 2)


@pytest.mark.parametrize(("size", "least"), [("big", 0.07), ("small", 0.025)])
def test_every_two_drawn_things_differ_at_32_pixels_in_form_alone(size, least):
    """In the same colours at the same place; a shape and a drawn thing too."""
    scenes = [complete(Scene(t, "red", size, accent=None if t in SHAPES else "white")) for t in THINGS]
    pictures = dict(zip(THINGS, render(scenes, 32), strict=True))
    for a, b in combinations(THINGS, 2):
        if a not in SHAPES or b not in SHAPES:
            assert (pictures[a] - pictures[b]).abs().mean() > least, (a, b)


@pytest.mark.parametrize("thing", DRAWN)
def test_both_colours_of_a_drawn_thing_show(thing):
    for main, accent in (("red", "blue"), ("white", "green"), ("grey", "brown")):
        plain = render([complete(Scene(thing, main, accent=accent, background="dark"))], 32)
        other_main = render([complete(Scene(thing, "yellow", accent=accent, background="dark"))], 32)
        other_accent = render([complete(Scene(thing, main, accent="yellow", background="dark"))], 32)
        assert ((plain - other_main).abs().amax(1) > 0.25).sum() > 30  # of 1024 pixels
        assert ((plain - other_accent).abs().amax(1) > 0.25).sum() > 8


def test_the_ground_shows_around_every_thing():
    for thing, background in product(DRAWN, SURROUNDINGS):
        scene = complete(Scene(thing, background=background))
        ground = backdrop(background, 16, torch.device("cpu")).permute(2, 0, 1) * 2 - 1
        shown = ((render([scene], 16)[0] - ground).abs().amax(0) < 1e-5).float().mean()
        assert 0.4 < shown < 0.95, (thing, background)


# ---- relations in pixels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "across", "down"), [("left of", -1, 0), ("right of", 1, 0), ("above", 0, -1), ("below", 0, 1)]
)
def test_beside_and_above_are_so_in_the_picture(relation, across, down):
    pairs = [(a, b) for a, b in zip(THINGS, [*list(THINGS)[5:], *list(THINGS)[:5]], strict=True)]
    masks = draw([pair(a, relation, b) for a, b in pairs], 48, _seeded(1)).masks
    away = middles(masks)[:, 0] - middles(masks)[:, 1]  # (B, 2), from the second to the first
    along, aside = (away[:, 0] * across, away[:, 1]) if across else (away[:, 1] * down, away[:, 0])
    assert (along > 0.5).all()
    assert (along > 2 * aside.abs()).all()
    assert (masks[:, 0] * masks[:, 1]).sum((1, 2)).max() < 12  # of 2304: they hardly touch


def test_a_rider_is_seen_whole_upon_a_mount_that_still_shows(monkeypatch):
    scenes = [pair(a, "riding", b) for a, b in product(RIDERS, MOUNTS) if a != b]
    masks = draw(scenes, 48).masks
    rider, mount = masks[:, 0], masks[:, 1]
    middle = middles(masks)
    assert (middle[:, 1, 1] - middle[:, 0, 1] > 0.4).all()
    beside = F.max_pool2d(rider[:, None], 5, 1, 2)[:, 0]
    assert ((beside * mount).sum((1, 2)) > 15).all()  # it touches
    monkeypatch.setattr(rendering, "layout", lambda scene: layout(scene)[:1])
    alone = draw(scenes, 48).masks[:, 1]
    assert (mount.sum((1, 2)) / alone.sum((1, 2)) > 0.6).all()
    monkeypatch.setattr(rendering, "layout", lambda scene: layout(scene)[1:])
    assert torch.allclose(draw(scenes, 48).masks[:, 0], rider, atol=1e-6)


def test_who_is_in_something_looks_out_over_its_rim():
    scenes = [pair(a, "in", b) for a, b in product(RIDERS, (*VESSELS, "hot air balloon")) if a != b]
    drawing = draw(scenes, 48)
    axis = (torch.arange(48) + 0.5) / 24 - 1
    for scene, masks in zip(scenes, drawing.masks, strict=True):
        rim = next(one.rim for one in layout(scene) if one.scene.thing == scene.thing)
        inside, vessel = masks[0], masks[1]
        assert inside[axis > rim + 0.05].sum() == 0
        assert inside.sum() > 0.02 * 48**2
        assert vessel[axis > rim].sum() > 0.02 * 48**2


@pytest.mark.parametrize("mover", MOVERS)
def test_who_heads_somewhere_leaves_streaks_behind(mover, monkeypatch):
    scene = pair(mover, "heading towards", "star", background="light")
    one = next(one for one in layout(scene) if one.scene.thing == mover)
    image, mask = (getattr(draw([scene], 64), name)[0] for name in ("image", "masks"))
    axis = (torch.arange(64) + 0.5) / 32 - 1
    y, x = torch.meshgrid(axis - one.y, axis - one.x, indexing="ij")
    along = (math.cos(one.heading) * x + math.sin(one.heading) * y) / one.radius
    aside = (math.cos(one.heading) * y - math.sin(one.heading) * x) / one.radius
    behind = (along < -1.3) & (along > -1.6) & (aside.abs() < 0.6)
    grey = torch.tensor(rendering.FIXED[rendering.Paint.GREY])[:, None, None] * 2 - 1
    assert ((image - grey).abs().amax(0)[behind] < 0.05).sum() >= 3
    assert mask[0][behind].max() > 0.99  # they belong to it
    monkeypatch.setattr(rendering, "layout", lambda scene: [replace(one, heading=None) for one in layout(scene)])
    changed = (draw([scene], 64).image[0] - image).abs().amax(0) > 0.01
    assert along[changed].max() < -0.9
    assert changed.sum() > 20


def test_a_rocket_points_where_it_goes_and_a_boat_stays_upright():
    """A rocket's flame is behind it; a boat's hull is below its sail."""
    scene = pair("rocket", "heading towards", "moon", background="dark")
    image = render([replace(scene, color="blue", accent="green")], 64)[0]
    one = next(one for one in layout(scene) if one.scene.thing == "rocket")
    gold = (image - torch.tensor(rendering.FIXED[rendering.Paint.GOLD])[:, None, None] * 2 + 1).abs().amax(0) < 0.1
    flame = gold.nonzero().float().mean(0).flip(0) / 32 - 1  # x, y
    behind = (flame - torch.tensor([one.x, one.y])) @ torch.tensor([math.cos(one.heading), math.sin(one.heading)])
    assert behind < -0.4 * one.radius
    assert next(p.angle for p in layout(pair("boat", "heading towards", "moon")) if p.scene.thing == "boat") == 0


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenes", "size", "sentence"),
    [
        ([], 32, "needs at least one scene; got none"),
        ([STAR], 15, r"at least 16 pixels a side to show its shape; got 15\."),
        ([STAR, Scene("star", "red")], 32, r"must be full to be drawn; size, place, background left open\."),
        ([Scene("cat", "red", "big", "top", "sea")], 32, r"must be full to be drawn; accent left open\."),
        ([replace(PAIR, other=Scene("house"))], 32, r"must be full to be drawn; color, size, accent left open\."),
    ],
)
def test_what_cannot_be_drawn(scenes, size, sentence):
    for drawing in (render, render_placed, draw):
        with pytest.raises(ValueError, match=sentence):
            drawing(scenes, size)
