"""What is behind the things: eight grounds, told apart without colour, the same at every size."""

from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from t2ilab.data.surroundings import GROUND, backdrop
from t2ilab.data.words import SURROUNDINGS

CPU = torch.device("cpu")
LUMA = torch.tensor([0.299, 0.587, 0.114])


@pytest.mark.parametrize("size", [16, 32, 100])
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_backdrop_is_a_picture(name, size):
    picture = backdrop(name, size, CPU)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == torch.float32
    assert 0 <= picture.min() <= picture.max() <= 1
    assert torch.equal(picture, backdrop(name, size, CPU))


@pytest.mark.parametrize("name", GROUND)
def test_plain_grounds_are_of_one_colour(name):
    assert torch.equal(backdrop(name, 32, CPU), torch.tensor(GROUND[name]).expand(32, 32, 3))


@pytest.mark.parametrize("name", [name for name in SURROUNDINGS if name not in GROUND])
def test_the_others_are_not_and_show_the_same_at_every_size(name):
    small, large = (backdrop(name, size, CPU).permute(2, 0, 1)[None] for size in (32, 96))
    assert small.flatten(2).std(-1).max() > 0.05
    off = (F.avg_pool2d(large, 3) - small).abs()
    assert off.mean() < 0.005
    assert off.max() < 0.3


@pytest.mark.parametrize(("one", "other"), list(combinations(SURROUNDINGS, 2)))
def test_every_two_surroundings_differ_without_colour(one, other):
    difference = (backdrop(one, 32, CPU) @ LUMA - backdrop(other, 32, CPU) @ LUMA).abs()
    assert difference.mean() > 0.03
    assert difference.max() > 0.25


def test_what_is_drawn_on_a_backdrop_does_not_change_it():
    before = backdrop("sea", 24, CPU).clone()
    from t2ilab.data.render import render
    from t2ilab.data.scenes import Scene, complete

    render([complete(Scene("boat", background="sea"))] * 2, 24, torch.Generator().manual_seed(0))
    assert torch.equal(backdrop("sea", 24, CPU), before)
