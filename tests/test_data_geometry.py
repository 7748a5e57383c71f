"""Signed distances: the sign by the crossing rule, lengths by brute force, areas by formula."""

import math
from itertools import pairwise

import pytest
import torch

from t2ilab.data.geometry import (
    arc,
    both,
    box,
    cut,
    disc,
    discs,
    ellipse,
    join,
    line,
    lines,
    melt,
    mirrored,
    polygon,
    turned,
)


def points(count=20_000, reach=1.3, seed=0):
    return (torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1) * reach


def rectangle(a, b):
    return [(-a, -b), (a, -b), (a, b), (-a, b)]


def to_samples(p, samples):
    """Distance of each point to the nearest of many samples of an outline."""
    return torch.cdist(p, torch.tensor(samples, dtype=torch.float64)).amin(1)


def around(x, y, start=0.0, end=360.0, count=2000):
    """Samples of an ellipse with these radii, clockwise from the right."""
    turns = [math.radians(start + (end - start) * k / (count - 1)) for k in range(count)]
    return [(x * math.cos(a), y * math.sin(a)) for a in turns]


def test_a_disc_by_formula():
    p = points()
    assert torch.allclose(disc(p, 0.5, (0.2, -0.1)), (p - torch.tensor([0.2, -0.1]).double()).norm(dim=1) - 0.5)


def test_a_box_is_the_polygon_of_its_corners():
    p = points()
    assert torch.allclose(box(p, 0.7, 0.3), polygon(p, rectangle(0.7, 0.3)), atol=1e-12)
    moved = polygon(p, [(x + 0.2, y - 0.3) for x, y in rectangle(0.4, 0.6)])
    assert torch.allclose(box(p, 0.4, 0.6, (0.2, -0.3)), moved, atol=1e-12)


def test_a_rounded_box_is_a_smaller_box_and_what_is_near_to_it():
    p = points()
    assert torch.allclose(box(p, 0.7, 0.3, rounding=0.2), box(p, 0.5, 0.1) - 0.2, atol=1e-12)
    assert torch.allclose(box(p, 0.5, 0.5, (0.1, 0.2), 0.5), disc(p, 0.5, (0.1, 0.2)), atol=1e-12)


@pytest.mark.parametrize("radii", [(0.9, 0.5), (0.3, 0.8), (0.15, 0.9)])
def test_an_ellipse_has_the_sign_of_its_equation_and_near_its_edge_the_distance(radii):
    p = points(3000)
    distance = ellipse(p, radii)
    inside = (p[:, 0] / radii[0]) ** 2 + (p[:, 1] / radii[1]) ** 2 < 1
    assert torch.equal(distance < 0, inside)
    near = distance.abs() < 0.02
    assert (distance.abs() - to_samples(p, around(*radii)))[near].abs().max() < 6e-3
    assert distance.min() >= -min(radii)


def test_an_ellipse_in_its_middle_is_finite():
    middle = torch.zeros(1, 2, requires_grad=True)
    distance = ellipse(middle, (0.5, 0.2))
    distance.sum().backward()
    assert distance.isfinite().all()
    assert distance < 0


def test_a_turned_ellipse_is_turned_clockwise_about_its_middle():
    p = points()
    tip = torch.tensor([[0.2 + 0.9 * math.cos(math.radians(30)), -0.1 + 0.9 * math.sin(math.radians(30))]]).double()
    assert ellipse(tip, (0.9, 0.3), (0.2, -0.1), 30).abs() < 1e-6
    assert torch.allclose(ellipse(p, (0.9, 0.3), (0.2, -0.1), 180), ellipse(p, (0.9, 0.3), (0.2, -0.1)), atol=1e-9)
    assert torch.allclose(ellipse(p, (0.9, 0.3), turn=90), ellipse(p, (0.3, 0.9)), atol=1e-9)


def test_a_line_is_as_far_as_its_nearest_point():
    p, stops = points(2000), [(-0.8, 0.5), (0.1, -0.6), (0.7, 0.4)]
    samples = [
        (ax + (bx - ax) * k / 999, ay + (by - ay) * k / 999)
        for (ax, ay), (bx, by) in pairwise(stops)
        for k in range(1000)
    ]
    assert (line(p, stops, 0.1) + 0.1 - to_samples(p, samples)).abs().max() < 2e-3


@pytest.mark.parametrize(("start", "end"), [(0, 90), (150, 330), (180, 380), (10, 350), (-40, 40)])
def test_an_arc_runs_clockwise_from_start_to_end_with_round_ends(start, end):
    p, center = points(2000), torch.tensor([0.2, -0.1]).double()
    samples = around(0.5, 0.5, start, end)
    expected = to_samples(p - center, samples)
    assert (arc(p, 0.5, (0.2, -0.1), start, end, 0.07) + 0.07 - expected).abs().max() < 2e-3


def test_turning_is_clockwise_as_y_points_down():
    seen = turned(torch.tensor([[0.0, 1.0]]), 90)  # what lies below is, to a form turned by 90 degrees, to its right
    assert torch.allclose(seen, torch.tensor([[1.0, 0.0]]), atol=1e-6)
    assert torch.equal(turned(torch.tensor([[0.5, 1.0]]), 0, (0.5, 1.0)), torch.zeros(1, 2))


def test_what_is_mirrored_is_drawn_twice():
    p = points()
    assert torch.equal(disc(mirrored(p), 0.3, (0.5, 0.1)), join(disc(p, 0.3, (0.5, 0.1)), disc(p, 0.3, (-0.5, 0.1))))


def test_forms_join_overlap_and_are_cut():
    p = points()
    a, b, c = disc(p, 0.6, (-0.3, 0)), disc(p, 0.6, (0.3, 0)), box(p, 2, 0.1)
    assert torch.equal(join(a, b, c) < 0, (a < 0) | (b < 0) | (c < 0))
    assert torch.equal(both(a, b, c) < 0, (a < 0) & (b < 0) & (c < 0))
    clear = (b.abs() > 1e-9) & (c.abs() > 1e-9)
    assert torch.equal((cut(a, b, c) < 0)[clear], ((a < 0) & (b > 0) & (c > 0))[clear])


@pytest.mark.parametrize(
    "form",
    [
        lambda p: disc(p, 0.5),
        lambda p: ellipse(p, (0.5, 0.3), (0.1, 0.2), 20),
        lambda p: box(p, 0.5, 0.3, (0.1, 0.2), 0.1),
        lambda p: polygon(p, [(0, -1), (1, 1), (-1, 1)]),
        lambda p: line(p, [(0, 0), (1, 1)], 0.1),
        lambda p: arc(p, 0.5, (0, 0), 20, 200, 0.1),
    ],
)
def test_any_leading_shape_and_float(form):
    p = points(60)
    flat = form(p)
    assert torch.equal(form(p.reshape(3, 4, 5, 2)), flat.reshape(3, 4, 5))
    assert torch.allclose(form(p.float()).double(), flat, atol=1e-5)
    assert form(p.float()).dtype == torch.float32


def test_several_at_once_are_each_joined():
    p = points(2000)
    middles = [((0.3, -0.2), 0.4), ((-0.6, 0.1), 0.15), ((0.0, 0.7), 0.3)]
    assert torch.allclose(discs(p, middles), join(*[disc(p, radius, at) for at, radius in middles]), atol=1e-12)
    stops = [[(0.1, 0.2), (0.5, -0.3), (0.9, 0.0)], [(-0.7, -0.6), (-0.2, 0.4), (0.3, 0.8)]]
    assert torch.allclose(lines(p, stops, 0.07), join(*[line(p, each, 0.07) for each in stops]), atol=1e-12)
    assert lines(p.reshape(40, 50, 2), stops).shape == (40, 50)


def test_what_melts_is_joined_far_away_and_more_than_joined_near_by():
    p, reach = points(5000), 0.2
    one, other = disc(p, 0.4, (-0.3, 0.0)), disc(p, 0.3, (0.3, 0.1))
    melted, joined = melt(one, other, reach), join(one, other)
    near = (one - other).abs() < reach
    assert torch.equal(melted[~near], joined[~near])
    assert (melted[near] < joined[near]).all()
    assert (joined - melted).max() <= reach / 4 + 1e-12  # where both are equally near
    assert torch.equal(melted, melt(other, one, reach))
