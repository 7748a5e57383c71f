"""Maps against what was asked for, and against the very pixels of the picture."""

import math

import pytest
import torch

from t2ilab.data.maps import (
    CLASSES,
    JOINT_NAMES,
    JOINTS,
    LIMBS,
    MAPS,
    PALETTE,
    colored,
    pose_picture,
    poses,
    scribble,
    semantic_map,
)
from t2ilab.data.render import draw, render
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.things.people import PEOPLE
from t2ilab.data.understanding import understand
from t2ilab.data.words import SURROUNDINGS, THINGS
from t2ilab.data.world import World


def drawn(*captions, size=64, seed=None):
    scenes = [complete(understand(caption)[0]) for caption in captions]
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return draw(scenes, size, generator), scenes


@pytest.fixture(scope="module")
def many():
    batch = World(48, level="storybook").drawings(0, 64)
    return batch["drawing"], batch["scene"]


# Classes


def test_classes_are_the_surroundings_and_then_the_things():
    assert list(CLASSES) == [*SURROUNDINGS, *THINGS]
    assert len(set(PALETTE)) == len(CLASSES) == len(PALETTE)


def test_a_star_on_dark_is_a_star_on_dark():
    drawing, scenes = drawn("a big red star in the center on a dark background")
    (classes,) = semantic_map(drawing, scenes)
    assert (classes.dtype, classes.shape) == (torch.int64, (64, 64))
    assert [CLASSES[i] for i in classes.unique()] == ["dark", "star"]
    assert CLASSES[classes[32, 32]] == "star"
    assert CLASSES[classes[0, 0]] == "dark"
    # Pixel by pixel what the picture shows: red where the star is, and nowhere else.
    red = drawing.image[0, 0] > 0.5 * (drawing.image[0, 0].max() + drawing.image[0, 0].min())
    assert torch.equal(red, classes == CLASSES.index("star"))


def test_what_is_in_front_has_the_pixel():
    drawing, scenes = drawn("an astronaut riding a horse in a field")
    (classes,) = semantic_map(drawing, scenes)
    assert {CLASSES[i] for i in classes.unique()} == {"field", "astronaut", "horse"}
    x, y, _, _ = drawing.placed[0, 0]
    assert CLASSES[classes[int((y + 1) * 32), int((x + 1) * 32)]] == "astronaut"


def test_each_pixel_has_the_class_that_covers_most_of_it(many):
    drawing, scenes = many
    classes = semantic_map(drawing, scenes)
    for picture, masks, scene in zip(classes, drawing.masks, scenes, strict=True):
        named = [one.thing for one in scene.chain()]
        assert {CLASSES[i] for i in picture.unique()} <= {scene.background, *named}
        for thing, mask in zip(named, masks, strict=False):
            here = picture == CLASSES.index(thing)
            assert here[mask > 0.5].all()
            assert not here[mask < 0.3].any()


# Scribbles


def test_the_lines_of_a_square_are_its_four_sides():
    scene = Scene("square", "red", "big", "center", "light")
    (lines,) = scribble(draw([scene], 100)).squeeze(1)
    half = 0.42 * 0.78 * 50  # of a side, in pixels
    axis = torch.arange(100) + 0.5 - 50
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    to_side = (torch.maximum(x.abs(), y.abs()) - half).abs()
    assert (lines[to_side > 1.6] == -1).all()
    assert (lines[to_side < 0.4] > 0).all()


@pytest.mark.parametrize("name", THINGS)
def test_lines_are_thin_and_bright_and_on_the_thing(name):
    drawing, _ = drawn(f"a big {name} in the center on a light background", size=64)
    lines = scribble(drawing)
    assert lines.shape == (1, 1, 64, 64)
    assert lines.min() == -1
    assert lines.max() > 0.2
    bright = lines[0, 0] > 0
    near = torch.nn.functional.max_pool2d(drawing.masks.sum(1), 3, 1, 1)[0] > 0
    assert near[bright].all()
    assert bright.sum() < 0.75 * drawing.masks.sum()  # a line drawing and no silhouette


def test_lines_behind_a_thing_are_hidden():
    together, _ = drawn("a robot riding an elephant")
    front = together.masks[0, 0] == 1
    alone = draw([complete(Scene("elephant", size="big", place="center"))], 64)
    assert alone.edges[0].max() > 0.9
    robot_lines = together.edges[0][front]
    assert robot_lines.max() > 0.9
    x, y, radius, _ = together.placed[0, 0]
    face = together.edges[0, int((y - 0.36 * radius + 1) * 32), int((x + 1) * 32)]
    assert face < 0.5  # the robot's plain cheek, in front of the elephant's back


# Poses


def test_every_figure_has_a_pose_and_nothing_else():
    assert set(JOINTS) == set(PEOPLE)
    assert {len(joints) for joints in JOINTS.values()} == {len(JOINT_NAMES)}
    assert {k for limb in LIMBS.values() for k in limb} == set(range(len(JOINT_NAMES)))


@pytest.mark.parametrize("name", JOINTS)
def test_all_joints_of_a_figure_lie_on_it(name):
    drawing, scenes = drawn(f"a big {name} in the center", size=96)
    joints = poses(drawing, scenes)
    assert joints.shape == (1, 3, len(JOINT_NAMES), 2)
    assert joints[0, 1:].isnan().all()
    known = torch.tensor(JOINTS[name])
    assert torch.equal(joints[0, 0].isnan(), known.isnan())  # none is missing, as all are on the mask
    x, y, radius, _ = drawing.placed[0, 0]
    expected = torch.stack([x + radius * known[:, 0], y + radius * known[:, 1]], dim=-1)
    assert torch.allclose(joints[0, 0], expected, atol=1e-6, equal_nan=True)
    head, neck, waist = joints[0, 0, [0, 1, 6], 1]
    assert head < neck < waist


def test_a_figure_that_is_turned_turns_its_joints():
    scenes = [complete(Scene("robot", size="big", place="center"))]
    drawing = draw(scenes, 64, torch.Generator().manual_seed(3))
    angle = drawing.placed[0, 0, 3].item()
    assert abs(angle) > 0.02
    head, waist = poses(drawing, scenes)[0, 0, [0, 6]]
    assert math.atan2(head[0] - waist[0], waist[1] - head[1]) == pytest.approx(angle, abs=1e-5)


def test_only_figures_have_poses_and_each_its_place_in_the_scene():
    drawing, scenes = drawn("a cat", "a robot left of a chef", "a horse", "a cat left of an astronaut")
    joints = poses(drawing, scenes)
    assert joints[[0, 2]].isnan().all()
    assert (~joints[1].isnan()).any(-1).any(-1).tolist() == [True, True, False]
    assert (~joints[3].isnan()).any(-1).any(-1).tolist() == [False, True, False]


def test_feet_in_a_boat_are_hidden():
    drawing, scenes = drawn("a robot in a boat")
    feet, head = poses(drawing, scenes)[0, 0, 7:], poses(drawing, scenes)[0, 0, 0]
    assert feet.isnan().all()
    assert not head.isnan().any()


def test_joints_that_are_given_can_be_seen(many):
    drawing, scenes = many
    joints = poses(drawing, scenes)
    assert joints.isfinite().sum() > 100
    for i, j, k in joints[..., 0].isfinite().nonzero().tolist():
        column, row = ((joints[i, j, k] + 1) * 24).floor().long().tolist()
        assert drawing.masks[i, j, row, column] > 0.3


def test_a_pose_is_drawn_where_its_joints_are():
    drawing, scenes = drawn("a big astronaut in the center", "a cat")
    joints = poses(drawing, scenes)
    picture = pose_picture(joints, 64)
    assert picture.shape == (2, 3, 64, 64)
    assert (picture[1] == -1).all()
    lit = picture[0].amax(0) > 0
    for x, y in joints[0, 0].tolist():
        assert lit[int((y + 1) * 32), int((x + 1) * 32)]
    assert lit.float().mean() < 0.1
    colors = {tuple(picture[0, :, int((y + 1) * 32), int((x + 1) * 32)].tolist()) for x, y in joints[0, 0].tolist()}
    assert len(colors) == len(JOINT_NAMES)


# All of them


def test_maps_belong_to_the_picture_that_render_draws():
    scenes = [complete(understand("a chef riding a horse")[0])]
    drawing = draw(scenes, 64, torch.Generator().manual_seed(1))
    assert torch.equal(drawing.image, render(scenes, 64, torch.Generator().manual_seed(1)))


def test_a_worlds_drawings_are_its_batches():
    world = World(32, 7, level="storybook")
    batch, drawings = world.batch(2, 5), world.drawings(2, 5)
    assert torch.equal(batch["image"], drawings["drawing"].image)
    assert (batch["caption"], batch["scene"]) == (drawings["caption"], drawings["scene"])


def test_every_map_can_be_looked_at(many):
    drawing, scenes = many
    for name, look in MAPS.items():
        picture = look(drawing, scenes)
        assert picture.shape == drawing.image.shape, name
        assert picture.abs().max() <= 1
    assert torch.equal(MAPS["semantic"](drawing, scenes), colored(semantic_map(drawing, scenes)))


def test_wrong_numbers_are_one_sentence():
    drawing, scenes = drawn("a robot", "a cat")
    for look in (semantic_map, poses):
        with pytest.raises(ValueError, match="2 pictures and 1 scenes"):
            look(drawing, scenes[:1])
    with pytest.raises(ValueError, match=r"Poses must be \(B, things, 9, 2\); got \(2, 3, 9\)"):
        pose_picture(torch.zeros(2, 3, 9), 64)
    with pytest.raises(ValueError, match="at least 16 pixels a side"):
        pose_picture(torch.zeros(1, 3, 9, 2), 8)
