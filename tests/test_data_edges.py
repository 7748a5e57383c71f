"""Canny's edges against a slow version, pixel by pixel, and against forms whose edges are known."""

import math

import pytest
import torch

from t2ilab.data.edges import canny
from t2ilab.data.geometry import disc
from t2ilab.data.world import World


def slow(image, low, high):
    """One picture (3, H, W) in [-1, 1], as the paper tells it: slopes, their ridges, hysteresis by a walk."""
    levels = (image / 2 + 0.5).tolist()
    height, width = image.shape[1:]

    def at(channel, y, x):
        return levels[channel][min(max(y, 0), height - 1)][min(max(x, 0), width - 1)]

    def slopes(channel, y, x):
        across = down = 0.0
        for step, weight in ((-1, 1), (0, 2), (1, 1)):
            across += weight * (at(channel, y + step, x + 1) - at(channel, y + step, x - 1)) / 4
            down += weight * (at(channel, y + 1, x + step) - at(channel, y - 1, x + step)) / 4
        return math.hypot(across, down), across, down

    steepest = {(y, x): max(slopes(c, y, x) for c in range(3)) for y in range(height) for x in range(width)}

    def is_ridge(y, x):
        length, across, down = steepest[y, x]
        degrees = math.degrees(math.atan2(down, across)) % 180
        if degrees < 22.5 or degrees >= 157.5:
            y_step, x_step = 0, 1
        elif degrees < 67.5:
            y_step, x_step = 1, 1
        elif degrees < 112.5:
            y_step, x_step = 1, 0
        else:
            y_step, x_step = 1, -1
        before, after = (steepest.get((y + s * y_step, x + s * x_step), (0.0,))[0] for s in (-1, 1))
        return length > before and length >= after

    ridge = {place for place in steepest if is_ridge(*place)}
    waiting = [place for place in ridge if steepest[place][0] >= high]
    found = set(waiting)
    while waiting:
        y, x = waiting.pop()
        for place in [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
            if place in ridge and place not in found and steepest[place][0] >= low:
                found.add(place)
                waiting.append(place)
    return torch.tensor([[(y, x) in found for x in range(width)] for y in range(height)])


def test_it_is_the_slow_one():
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand(3, 3, 9, 7, generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(rough, (20, 23), mode="bicubic").clamp(0, 1) * 2 - 1
    for low, high in ((0.1, 0.2), (0.05, 0.3)):
        edges = canny(smooth, low, high)
        assert edges.shape == (3, 20, 23)
        assert torch.equal(edges, torch.stack([slow(image, low, high) for image in smooth]))
        assert 0.02 < edges.float().mean() < 0.5
    assert not torch.equal(canny(smooth, 0.05, 0.3), canny(smooth, 0.3, 0.3))  # hysteresis has its say


def test_a_circle_has_one_thin_closed_edge_where_it_is():
    axis = (torch.arange(64) + 0.5) / 32 - 1
    points = torch.stack([axis.expand(64, 64), axis[:, None].expand(64, 64)], dim=-1)
    away = disc(points, 0.55) * 32  # pixels
    image = (0.5 - away).clamp(0, 1).expand(1, 3, -1, -1) * 2 - 1
    (edges,) = canny(image)
    assert away[edges].abs().max() < 1.2
    around = torch.atan2(points[..., 1], points[..., 0])[edges].sort().values
    assert around.diff().max() < 0.15  # no gap: a pixel is 0.06 wide there
    assert edges.sum() < 2 * math.pi * 0.55 * 32 * 1.3


def test_a_faint_edge_counts_where_it_hangs_together_with_a_strong_one():
    image = torch.full((1, 3, 16, 16), -1.0)
    image[..., 8:] = -1 + 2 * 0.15  # between both thresholds
    assert not canny(image).any()
    image[..., :4, 8:] = -1 + 2 * 0.5
    edges = canny(image)[0]
    assert edges[10:, 7].all() or edges[10:, 8].all()
    image[..., 8:] = -1 + 2 * 0.08
    assert not canny(image).any()


def test_one_colour_has_no_edges_and_any_channel_may_have_them():
    image = torch.full((1, 3, 16, 16), 0.3)
    assert not canny(image).any()
    image[:, 2, 5:9, 5:9] = -0.6
    assert canny(image).any()


def test_a_picture_of_the_world_has_the_edges_that_its_drawing_has():
    drawing = World(64).drawings(0, 16)["drawing"]
    edges = canny(drawing.image)
    near = torch.nn.functional.max_pool2d(drawing.edges[:, None], 3, 1, 1)[:, 0] > 0
    assert (edges & near).sum() / edges.sum() > 0.95


@pytest.mark.parametrize(
    ("image", "low", "high", "sentence"),
    [
        (torch.zeros(3, 8, 8), 0.1, 0.2, r"Pictures must be \(B, 3, H, W\); got \(3, 8, 8\)"),
        (torch.zeros(1, 1, 8, 8), 0.1, 0.2, r"got \(1, 1, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8), 0.3, 0.2, r"0 <= low <= high; got 0\.3 and 0\.2"),
        (torch.zeros(1, 3, 8, 8), -0.1, 0.2, r"got -0\.1"),
        (torch.zeros(1, 3, 8, 8), math.nan, 0.2, "got nan"),
    ],
)
def test_what_it_cannot_look_at_is_a_sentence(image, low, high, sentence):
    with pytest.raises(ValueError, match=sentence):
        canny(image, low, high)
