"""Silhouettes, overlaps and edges against slow versions, and against pictures whose maps are known."""

import pytest
import torch

from t2ilab.data.edges import canny
from t2ilab.data.maps import semantic_map
from t2ilab.data.scenes import Scene
from t2ilab.data.words import SURROUNDINGS
from t2ilab.data.world import World
from t2ilab.metrics import edges_met, filled, overlap, silhouettes


def flooded(mask):
    """One mask with its holes filled, by a walk from the border."""
    height, width = mask.shape
    border = [(y, x) for y in range(height) for x in range(width) if y in (0, height - 1) or x in (0, width - 1)]
    outside = {place for place in border if not mask[place]}
    waiting = list(outside)
    while waiting:
        y, x = waiting.pop()
        for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= place[0] < height and 0 <= place[1] < width and not mask[place] and place not in outside:
                outside.add(place)
                waiting.append(place)
    return torch.tensor([[(y, x) not in outside for x in range(width)] for y in range(height)])


def test_holes_are_filled_as_by_a_walk():
    masks = torch.rand(6, 12, 15, generator=torch.Generator().manual_seed(0)) < 0.55
    whole = filled(masks)
    assert torch.equal(whole, torch.stack([flooded(mask) for mask in masks]))
    assert (whole & ~masks).any()
    assert not (masks & ~whole).any()


@pytest.mark.parametrize(("level", "least", "mean"), [("shapes", 0.95, 0.99), ("storybook", 0.0, 0.85)])
def test_silhouettes_of_the_worlds_own_pictures_are_those_of_their_maps(level, least, mean):
    batch = World(64, seed=5, level=level).drawings(0, 64)
    asked = filled(semantic_map(batch["drawing"], batch["scene"]) >= len(SURROUNDINGS))
    found = silhouettes(batch["drawing"].image, batch["scene"])
    overlaps = overlap(asked, found)
    assert overlaps.mean() > mean
    assert overlaps.min() > least
    assert overlap(asked.roll(1, 0), found).mean() < 0.2  # those of another picture


def test_surroundings_alone_have_no_silhouette_and_others_are_all_of_one():
    empty = torch.full((1, 3, 32, 32), 0.0) + torch.tensor([0.95, 0.94, 0.90])[:, None, None] * 2 - 1
    assert not silhouettes(empty, [Scene(background="light")]).any()
    assert silhouettes(empty, [Scene(background="dark")]).all()


def test_a_silhouette_needs_to_know_its_surroundings():
    with pytest.raises(ValueError, match="got 1 pictures and 0 backgrounds"):
        silhouettes(torch.zeros(1, 3, 32, 32), [Scene("star")])
    with pytest.raises(ValueError, match="got 2 pictures and 1 backgrounds"):
        silhouettes(torch.zeros(2, 3, 32, 32), [Scene(background="dark")])
    with pytest.raises(ValueError, match=r"silhouettes reads square pictures \(B, 3, S, S\); got \(1, 3, 32, 16\)"):
        silhouettes(torch.zeros(1, 3, 32, 16), [Scene(background="dark")])


def test_overlaps_as_by_hand():
    asked, drawn = torch.zeros(2, 4, 8, 8, dtype=torch.bool)
    asked[0, 1:5, 1:5] = drawn[0, 3:7, 1:5] = True  # 16 each, 8 in common
    asked[1, 2, 2] = drawn[1, 2, 2] = True
    asked[2, 2, 2] = True
    assert overlap(asked, drawn).tolist() == pytest.approx([8 / 24, 1, 0, 1])


def test_edges_are_met_within_a_distance():
    generator = torch.Generator().manual_seed(0)
    asked, drawn = torch.rand(2, 5, 17, 13, generator=generator) < 0.06
    asked[4] = False
    for within in (0, 1, 2, 3):
        expected = []
        for a, d in zip(asked, drawn, strict=True):
            nearest = torch.cdist(a.nonzero().float(), d.nonzero().float()).amin(1)
            expected.append((nearest <= within + 1e-4).float().mean().nan_to_num(1.0))
        torch.testing.assert_close(edges_met(asked, drawn, within), torch.stack(expected))
    assert edges_met(asked, torch.zeros_like(drawn)).tolist() == [0, 0, 0, 0, 1]


def test_lines_of_the_world_are_met_by_the_edges_of_its_pictures():
    drawing = World(64, level="storybook").drawings(0, 16)["drawing"]
    assert edges_met(drawing.edges > 0.5, canny(drawing.image)).mean() > 0.9
    assert edges_met(drawing.edges.roll(1, 0) > 0.5, canny(drawing.image)).mean() < 0.6
