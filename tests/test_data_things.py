"""The shapes against their outlines, and the drawn things: what they are painted with and where they lie."""

import math
from itertools import pairwise

import pytest
import torch

from t2ilab.data.things import DRAWN, SHAPES, Paint
from t2ilab.data.words import USUAL


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
    distance = SHAPES[name](p)
    clear = distance.abs() > 1e-6
    assert torch.equal((distance < 0)[clear], (winding(p, OUTLINES[name]) != 0)[clear])
    assert 0.1 < (distance < 0).double().mean() < 0.9


@pytest.mark.parametrize("name", OUTLINES)
def test_the_distance_near_the_edge_is_to_the_outline(name):
    p = points(1500)
    distance = SHAPES[name](p)
    near = distance.abs() < 0.1
    # A cross is two boxes joined: at its four inner corners the distance is a little less than the true one.
    off = (distance.abs() - to_outline(p, OUTLINES[name])).abs()[near]
    assert off.quantile(0.9) < 2e-3
    assert off.max() < (0.1 if name == "cross" else 2e-3)


def test_round_things_by_formula():
    p = points()
    r = p.square().sum(1).sqrt()
    assert torch.allclose(SHAPES["circle"](p), r - 0.92)
    assert torch.allclose(SHAPES["ring"](p), torch.maximum(0.46 - r, r - 0.94))


def test_a_heart_is_two_discs_on_a_tip():
    p = points()
    discs = [(p - torch.tensor([side * 0.49, -0.34]).double()).norm(dim=1) < 0.53 for side in (-1, 1)]
    tip = winding(p, [(0, 0.98), (-0.88, 0.02), (0, -0.52), (0.88, 0.02)]) != 0
    distance = SHAPES["heart"](p)
    clear = distance.abs() > 1e-6
    assert torch.equal((distance < 0)[clear], (discs[0] | discs[1] | tip)[clear])


@pytest.mark.parametrize("name", SHAPES)
def test_a_step_towards_the_edge_is_a_step_less(name):
    p = points(40_000).requires_grad_()
    distance = SHAPES[name](p)
    (gradient,) = torch.autograd.grad(distance.sum(), p)
    near = distance.abs() < 0.05
    assert near.sum() > 1000
    assert (gradient[near].norm(dim=1) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("name", SHAPES)
def test_things_fill_their_circle_and_stay_upright(name):
    p = points(50_000)
    inside = p[SHAPES[name](p) < 0]
    extent = inside.abs().amax(0)
    assert extent.min() > 0.65
    assert extent.max() < 1.055  # what 'inside the picture' counts on, see render
    mirrored = SHAPES[name](p * torch.tensor([-1.0, 1.0]))
    assert torch.allclose(mirrored, SHAPES[name](p), atol=1e-9)  # left and right are alike


@pytest.mark.parametrize("name", SHAPES)
def test_any_leading_shape_and_float(name):
    p = points(60)
    flat = SHAPES[name](p)
    assert torch.equal(SHAPES[name](p.reshape(3, 4, 5, 2)), flat.reshape(3, 4, 5))
    assert torch.allclose(SHAPES[name](p.float()).double(), flat, atol=1e-5)
    assert SHAPES[name](p.float()).dtype == torch.float32


# ---- drawn things --------------------------------------------------------------------------------------------------


def whole(figure):
    return torch.stack([distance for _, distance in figure]).amin(0)


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_thing_is_parts_painted_in_both_colours_of_the_scene(name):
    p = points(30_000)
    figure = DRAWN[name](p)
    assert len(figure) >= 3
    assert all(isinstance(paint, Paint) and distance.shape == (30_000,) for paint, distance in figure)
    left = torch.ones(len(p), dtype=torch.bool)
    seen = {}
    for paint, distance in reversed(figure):  # from the front
        shown = (distance < 0) & left
        assert shown.any()  # no part is hidden by those before it
        seen[paint] = seen.get(paint, 0) + shown.sum().item()
        left &= ~shown
    body = sum(seen.values())
    assert seen[Paint.MAIN] + seen.get(Paint.DARK, 0) + seen.get(Paint.PALE, 0) > 0.2 * body
    assert seen[Paint.ACCENT] > 0.04 * body


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_thing_fills_its_square(name):
    p = points(50_000, reach=1.6)
    inside = p[whole(DRAWN[name](p)) < 0]
    extent = inside.abs().amax(0)
    assert extent.max() > 0.85
    assert extent.min() > 0.55
    assert extent.max() < 1.12  # with its outline within REACH, see render
    assert inside.mean(0).abs().max() < 0.4
    assert len(inside) / len(p) * 3.2**2 > 1.0  # its area, of 4


@pytest.mark.parametrize("name", DRAWN)
def test_a_step_towards_the_edge_of_a_part_is_about_a_step_less(name):
    p = points(20_000).requires_grad_()
    for paint, distance in DRAWN[name](p):
        (gradient,) = torch.autograd.grad(distance.sum(), p, retain_graph=True)
        length = gradient[distance.abs() < 0.03].norm(dim=1)
        assert length.quantile(0.05) > 0.85, paint
        assert length.quantile(0.95) < 1.25, paint


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_thing_takes_any_leading_shape_and_float(name):
    p = points(60)
    flat = DRAWN[name](p)
    for (paint, distance), (same, shaped), (_, single) in zip(
        flat, DRAWN[name](p.reshape(3, 4, 5, 2)), DRAWN[name](p.float()), strict=True
    ):
        assert paint == same
        assert torch.equal(shaped, distance.reshape(3, 4, 5))
        assert torch.allclose(single.double(), distance, atol=1e-4)
        assert single.dtype == torch.float32


def test_what_rides_faces_right():
    """The ink of an animal's eye is right of its middle, but for those that look at you."""
    p = points(60_000)
    for name in ("dog", "fish", "bird", "horse", "kangaroo", "elephant"):
        eye = next(distance for paint, distance in reversed(DRAWN[name](p)) if paint == Paint.INK)
        assert p[eye < 0][:, 0].max() > 0.45, name


def test_every_drawn_thing_has_its_own_function_and_colours():
    assert len(set(DRAWN.values())) == len(DRAWN) == len(USUAL)
