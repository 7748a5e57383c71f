"""Signed distances: the sign by the crossing rule, lengths by brute force, areas by formula."""

import math
from itertools import pairwise

import pytest
import torch

from t2ilab.data.things import THINGS, box, disc, polygon


def points(count=20_000, reach=1.3, seed=0):
    return (torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1) * reach


def star_corners(outer, inner):
    turns = [(math.pi * k / 5, (outer, inner)[k % 2]) for k in range(10)]
    return [(r * math.sin(a), -r * math.cos(a)) for a, r in turns]


def rectangle(a, b):
    return [(-a, -b), (a, -b), (a, b), (-a, b)]


# The outline of each thing with straight edges, corner by corner.
OUTLINES = {
    "square": rectangle(0.78, 0.78),
    "triangle": [(0, -0.98), (0.95, 0.72), (-0.95, 0.72)],
    "star": star_corners(1.05, 0.46),
    "cross": [
        *((-0.3, -0.95), (0.3, -0.95), (0.3, -0.3), (0.95, -0.3), (0.95, 0.3), (0.3, 0.3)),
        *((0.3, 0.95), (-0.3, 0.95), (-0.3, 0.3), (-0.95, 0.3), (-0.95, -0.3), (-0.3, -0.3)),
    ],
    "diamond": [(0, -1.05), (0.68, 0), (0, 1.05), (-0.68, 0)],
}


def winding(p, corners):
    """How often the outline turns around each point: 0 outside, else inside. Independent of crossing counts."""
    ring = torch.tensor([*corners, corners[0]], dtype=torch.float64)
    angles = torch.atan2(ring[:, 1] - p[:, None, 1], ring[:, 0] - p[:, None, 0])
    turns = torch.remainder(angles.diff(dim=1) + math.pi, 2 * math.pi) - math.pi
    return (turns.sum(1) / (2 * math.pi)).round()


def to_outline(p, corners, count=500):
    """Distance to the nearest of many samples of the outline."""
    ring = torch.tensor([*corners, corners[0]], dtype=torch.float64)
    w = torch.linspace(0, 1, count, dtype=torch.float64)[:, None]
    samples = torch.cat([torch.lerp(a, b, w) for a, b in pairwise(ring)])
    return torch.cdist(p, samples).amin(1)


@pytest.mark.parametrize("name", OUTLINES)
def test_negative_inside_and_positive_outside(name):
    p = points()
    distance = THINGS[name](p)
    clear = distance.abs() > 1e-6
    assert torch.equal((distance < 0)[clear], (winding(p, OUTLINES[name]) != 0)[clear])
    assert 0.1 < (distance < 0).double().mean() < 0.9


@pytest.mark.parametrize("name", OUTLINES)
def test_the_distance_near_the_edge_is_to_the_outline(name):
    p = points(1500)
    distance = THINGS[name](p)
    near = distance.abs() < 0.1
    # A cross is two boxes joined: at its four inner corners the distance is a little less than the true one.
    off = (distance.abs() - to_outline(p, OUTLINES[name])).abs()[near]
    assert off.quantile(0.9) < 2e-3
    assert off.max() < (0.1 if name == "cross" else 2e-3)


def test_round_things_by_formula():
    p = points()
    r = p.square().sum(1).sqrt()
    assert torch.allclose(THINGS["circle"](p), r - 0.92)
    assert torch.allclose(THINGS["ring"](p), torch.maximum(0.46 - r, r - 0.94))
    assert torch.allclose(disc(p, 0.5, (0.2, -0.1)), (p - torch.tensor([0.2, -0.1]).double()).norm(dim=1) - 0.5)


def test_a_heart_is_two_discs_on_a_tip():
    p = points()
    discs = [(p - torch.tensor([side * 0.49, -0.34]).double()).norm(dim=1) < 0.53 for side in (-1, 1)]
    tip = winding(p, [(0, 0.98), (-0.92, 0.06), (0, -0.52), (0.92, 0.06)]) != 0
    distance = THINGS["heart"](p)
    clear = distance.abs() > 1e-6
    assert torch.equal((distance < 0)[clear], (discs[0] | discs[1] | tip)[clear])


def test_a_box_is_the_polygon_of_its_corners():
    p = points()
    assert torch.allclose(box(p, 0.7, 0.3), polygon(p, rectangle(0.7, 0.3)), atol=1e-12)


@pytest.mark.parametrize("name", THINGS)
def test_a_step_towards_the_edge_is_a_step_less(name):
    p = points(40_000).requires_grad_()
    distance = THINGS[name](p)
    (gradient,) = torch.autograd.grad(distance.sum(), p)
    near = distance.abs() < 0.05
    assert near.sum() > 1000
    assert (gradient[near].norm(dim=1) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("name", THINGS)
def test_things_fill_their_circle_and_stay_upright(name):
    p = points(50_000)
    inside = p[THINGS[name](p) < 0]
    extent = inside.abs().amax(0)
    assert extent.min() > 0.65
    assert extent.max() < 1.055  # what 'inside the picture' counts on, see render
    mirrored = THINGS[name](p * torch.tensor([-1.0, 1.0]))
    assert torch.allclose(mirrored, THINGS[name](p), atol=1e-9)  # left and right are alike


@pytest.mark.parametrize("name", THINGS)
def test_any_leading_shape_and_float(name):
    p = points(60)
    flat = THINGS[name](p)
    assert torch.equal(THINGS[name](p.reshape(3, 4, 5, 2)), flat.reshape(3, 4, 5))
    assert torch.allclose(THINGS[name](p.float()).double(), flat, atol=1e-5)
    assert THINGS[name](p.float()).dtype == torch.float32
