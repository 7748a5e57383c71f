"""Other renditions show the same scene: what may differ between them, and what may not."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from t2ilab.data.render import draw
from t2ilab.data.renditions import RENDITIONS, embroidery, mosaic, sketch, watercolour
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.understanding import understand
from t2ilab.data.world import World

each = pytest.mark.parametrize("name", RENDITIONS)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


SCENES = (
    "a big orange cat in the kitchen",
    "an astronaut riding a horse",
    "a small blue bird at the top left by day",
    "a robot in a boat at sea",
    "a house left of a tree in a field",
    "a big red star on a dark background",
    "a rocket heading towards the moon at night",
    "a penguin below an umbrella at sunset",
)


@pytest.fixture(scope="module")
def drawing():
    return draw([complete(understand(caption)[0]) for caption in SCENES], 64, chance())


def roughness(images):
    return (images[..., 1:] - images[..., :-1]).abs().mean().item()


def test_there_are_four_of_them():
    assert set(RENDITIONS) == {"sketch", "watercolour", "mosaic", "embroidery"}


@each
@pytest.mark.parametrize("size", [16, 32, 64, 200])
def test_a_rendition_is_a_picture_of_the_same_size(name, size):
    drawing = World(size, level="storybook").drawings(1, 3)["drawing"]
    before = drawing.image.clone()
    made = RENDITIONS[name](drawing, chance())
    assert (made.shape, made.dtype) == (before.shape, before.dtype)
    assert made.isfinite().all()
    assert made.abs().max() <= 1
    assert torch.equal(drawing.image, before)


@each
def test_the_same_chance_gives_the_same_rendition(name, drawing):
    draw_again = RENDITIONS[name]
    made = draw_again(drawing, chance(1))
    assert torch.equal(made, draw_again(drawing, chance(1)))
    assert torch.equal(draw_again(drawing, None), draw_again(drawing, None))
    assert not torch.equal(made, draw_again(drawing, chance(2)))


@each
def test_what_is_shown_stays_where_it_is(name, drawing):
    # From far away a rendition is more like its own picture than like any other.
    def from_far_away(images):
        small = F.adaptive_avg_pool2d(images[..., 6:-6, 6:-6], 13).flatten(1)  # without a watercolour's white margin
        return F.normalize(small - small.mean(1, keepdim=True), dim=1)

    alike = from_far_away(RENDITIONS[name](drawing, chance())) @ from_far_away(drawing.image).T
    assert alike.argmax(1).tolist() == list(range(len(alike)))


@each
@pytest.mark.parametrize("color", ["red", "green", "blue", "yellow", "purple"])
def test_colours_stay_what_they_are(name, color):
    scene = complete(Scene("square", color, "big", "center", "light"))
    drawing = draw([scene], 64)
    inside = drawing.masks[0, 0] == 1
    before = drawing.image[0][:, inside].mean(1)
    made = RENDITIONS[name](drawing, chance())[0][:, inside].mean(1)
    assert torch.nn.functional.cosine_similarity(before - before.mean(), made - made.mean(), dim=0) > 0.9


@each
def test_it_looks_different(name, drawing):
    made = RENDITIONS[name](drawing, chance())
    assert (made - drawing.image).abs().mean() > 0.05
    others = [other(drawing, chance()) for kind, other in RENDITIONS.items() if kind != name]
    assert min((made - other).abs().mean() for other in others) > 0.05


def test_a_sketch_of_an_empty_sheet_is_paper_and_its_lines_are_dark():
    drawing = draw([Scene("ring", "yellow", "big", "center", "light")], 128)
    made = sketch(drawing, chance())[0]
    assert made[:, :10, :10].mean() > 0.7
    on_lines = drawing.edges[0] > 0.9
    assert made[:, on_lines].mean() < made[:, drawing.edges[0] == 0].mean() - 0.5


def test_a_watercolour_leaves_the_margin_white():
    drawing = draw([Scene("ring", "yellow", "big", "center", "dark")], 128)
    made = watercolour(drawing, chance())[0]
    assert made[:, 0].mean() > 0.7
    assert made[:, 10].mean() < 0


def test_a_stone_has_one_colour():
    # A hue that changes from pixel to pixel becomes one of plateaus; light and shade on a stone have no hue.
    drawing = draw([Scene("ring", "yellow", "big", "center", "light")], 256)
    red, green = torch.linspace(-0.6, 0.6, 256).expand(256, 256), torch.zeros(256, 256)
    image = mosaic(replace(drawing, image=torch.stack([red, green, green])[None]), chance())[0]
    hue = image[0] - image[1]
    assert ((hue[:, 1:] - hue[:, :-1]).abs() < 1e-4).float().mean() > 0.4


def test_thread_is_where_the_thing_is_and_cloth_where_it_is_not():
    drawing = draw([Scene("square", "red", "big", "center", "light")], 256)
    made = embroidery(drawing, chance())
    assert roughness(made[..., 100:156, 100:156]) > 1.3 * roughness(made[..., :50, :50])
