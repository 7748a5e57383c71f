"""Holes to learn inpainting on, and boxes over things."""

import pytest
import torch

from t2ilab.data.holes import ALL, holes_over_things, random_holes
from t2ilab.data.render import draw
from t2ilab.data.scenes import Scene, complete


def test_holes_are_zeros_and_ones_of_many_sizes():
    holes = random_holes(300, 32, torch.Generator().manual_seed(0))
    assert holes.shape == (300, 1, 32, 32)
    assert set(holes.unique().tolist()) == {0.0, 1.0}
    shares = holes.mean((1, 2, 3))
    assert (shares > 0).float().mean() > 0.99
    assert (shares == 1).float().mean() == pytest.approx(ALL, abs=0.08)
    partial = shares[shares < 1]
    assert partial.mean() == pytest.approx(0.25, abs=0.1)
    assert partial.quantile(0.1) < 0.15
    assert partial.quantile(0.9) > 0.4
    everywhere = holes[shares < 1].mean((0, 1))
    assert everywhere.min() > 0.02  # no place is always kept, and none always lost
    assert everywhere.max() < 0.9


def test_all_chance_is_the_generators():
    first, again, other = (random_holes(8, 16, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("place", ["top left", "center", "bottom right"])
def test_a_box_covers_a_thing_and_little_more(place):
    drawing = draw([complete(Scene("star", "red", "small", place, "light"))], 64)
    (hole,) = holes_over_things(drawing).squeeze(1)
    there = drawing.masks.sum((0, 1)) > 0.1
    assert hole[there].all()
    rows, columns = hole.any(1).sum().item(), hole.any(0).sum().item()
    assert hole.sum() == rows * columns  # a box
    assert there.any(1).sum() + 4 <= rows <= there.any(1).sum() + 8
    assert hole.mean() < 0.2


@pytest.mark.parametrize(("count", "size"), [(0, 32), (3, 7)])
def test_no_masks_and_tiny_ones_are_refused(count, size):
    with pytest.raises(ValueError, match=f"at least one mask of at least 8 pixels a side; got {count} of {size}."):
        random_holes(count, size)


def test_every_hole_of_the_smallest_masks_is_somewhere():
    holes = random_holes(2000, 8, torch.Generator().manual_seed(0))
    assert holes.flatten(1).any(1).all()
