"""Joints read from pixels, against where the world has put them."""

import math

import pytest
import torch
import torch.nn.functional as F

from t2ilab.data.maps import JOINT_NAMES, JOINTS, poses
from t2ilab.data.render import draw
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.world import World
from t2ilab.metrics.joints import WITHIN, joints, joints_met

DAY = Scene("robot", "red", "big", "center", "day")


@pytest.fixture(scope="module")
def people():
    """Sixteen of the world's drawings with somebody in them, their scenes, and what is read."""
    batch = World(64, seed=11, level="storybook", people=True, partial=0.0).drawings(0, 16)
    return batch["drawing"], batch["scene"], joints(batch["drawing"].image, batch["scene"])


def test_joints_of_the_worlds_own_pictures_are_where_it_has_put_them(people):
    drawing, scenes, read = people
    asked = poses(drawing, scenes)
    assert read.shape == asked.shape == (16, 3, len(JOINT_NAMES), 2)
    assert joints_met(asked, read) >= 0.95
    assert joints_met(asked, read, WITHIN / 3) >= 0.9  # most within one pixel
    assert joints_met(asked, read.roll(1, 0)) < 0.2  # those of another picture


def test_things_that_are_no_figures_have_none(people):
    _, scenes, read = people
    for things, scene in zip(read, scenes, strict=True):
        kinds = [one.thing for one in scene.chain()]
        for own, kind in zip(things, [*kinds, None, None], strict=False):
            if kind in JOINTS and not own.isnan().all():
                assert torch.equal(own.isnan(), torch.tensor(JOINTS[kind]).isnan())
            elif kind not in JOINTS:
                assert own.isnan().all()


def test_what_was_asked_for_of_the_pose_changes_nothing(people):
    """Of a scene only its things are used: place, size and colours may be anything."""
    drawing, scenes, read = people
    bare = [Scene(one.thing) for one in scenes[:3]]
    kept = [i for i in range(3) if scenes[i].thing in JOINTS]
    assert kept
    again = joints(drawing.image[:3], bare)
    assert torch.equal(again[kept, 0].nan_to_num(9), read[kept, 0].nan_to_num(9))


@pytest.mark.parametrize("size", [32, 96])
def test_a_picture_that_is_moved_moves_its_joints(size):
    image = draw([complete(DAY)], size).image
    eighth = size // 8
    both = joints(torch.cat([image, image.roll((eighth, -eighth), (2, 3))]), [DAY] * 2)
    away = (both[1, 0] - both[0, 0]).mean(0)  # (2,)
    assert away.tolist() == pytest.approx([-0.25, 0.25], abs=0.02)
    assert (both[0, 0] - torch.tensor(JOINTS["robot"]) * 0.54).norm(dim=-1).max() < WITHIN / 2


def test_a_figure_that_is_not_there_is_not_found():
    blank = torch.rand(3, 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(3, 3, 64, 64) * 2 - 1
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    broken = torch.full((1, 3, 64, 64), math.nan)
    house = draw([complete(Scene("house", "red", "big", "center", "field"))], 64).image
    images = torch.cat([blank, noise, broken, house])
    assert joints(images, [Scene("robot")] * 6).isnan().all()
    assert joints(images, [Scene("chef")] * 6).isnan().all()


def test_a_figure_is_read_though_its_colours_and_edges_are_not_the_worlds():
    """As generated pictures are: blurred, paler, with some noise."""
    batch = World(64, seed=12, level="storybook", people=True, partial=0.0).drawings(0, 16)
    chance = torch.Generator().manual_seed(3)
    image = batch["drawing"].image
    rough = F.avg_pool2d(image, 3, 1, 1) * 0.8 + 0.05 * torch.randn(image.shape, generator=chance)
    assert joints_met(poses(batch["drawing"], batch["scene"]), joints(rough, batch["scene"])) >= 0.9


def test_nearness_is_counted_joint_by_joint():
    asked = torch.full((2, 3, len(JOINT_NAMES), 2), math.nan)
    asked[0, 0, :4] = asked[1, 2, 5] = 0.0
    read = torch.zeros_like(asked)
    read[0, 0, 0, 0] = 3 / 32 - 1e-4
    read[0, 0, 1, 1] = 3 / 32 + 1e-4
    read[0, 0, 2] = math.nan
    assert joints_met(asked, read) == pytest.approx(3 / 5)  # one too far, one not read
    assert joints_met(asked, read, within=0.2) == pytest.approx(4 / 5)
    assert math.isnan(joints_met(torch.full_like(asked, math.nan), read))


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 1, 64, 64), (2, 3, 64, 32), (1, 3, 64, 64)])
def test_pictures_go_with_their_scenes(shape):
    with pytest.raises(ValueError, match=r"square pictures .* and 2 scenes"):
        joints(torch.zeros(shape), [DAY] * 2)
