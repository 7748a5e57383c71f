"""The recipes that widen a base, on a small one of random weights: inpainting, and a map by concatenation."""

from dataclasses import replace

import pytest
import torch
from published import diffusers_class
from test_recipes_control import base, reader  # noqa: F401

from t2ilab.data.maps import MAPS
from t2ilab.data.scenes import Scene
from t2ilab.interop.stable_diffusion import read_unet
from t2ilab.pipelines.inpainting import inpaint
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import inpainting, semantic_concat
from t2ilab.training.loop import train

RECIPES = (inpainting, semantic_concat)
each = pytest.mark.parametrize("module", RECIPES, ids=lambda module: module.NAME)


@pytest.fixture
def small(cpu, base):  # noqa: F811
    def make(module, seed=3, **changes):
        options = {"batch": 8, "cached": 3, "base": str(base), "warmup": 5} | changes
        return module.Recipe(cpu, seed, replace(module.NUMBERS, **options))

    return make


def loud(net):
    """As if it had learnt to look at what is new."""
    torch.manual_seed(1)
    weight = net.conv_in.weight.data
    new = weight.abs().sum((0, 2, 3)) == 0
    weight[:, new] = 0.3 * torch.randn_like(weight[:, new])
    return net


@each
def test_the_loss_is_a_function_of_seed_and_step(module, small):
    recipe = small(module)
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == small(module).loss(5).item() == first
    assert recipe.loss(6).item() != first
    loud(recipe.model)
    met, again = recipe.loss(2).item(), recipe.loss(5).item()  # the same pictures
    assert met != again


@each
def test_it_begins_as_the_base(module, small):
    recipe = small(module)
    batch = recipe.batch(0)
    context, t = recipe.base.encode(batch["caption"]), torch.full((8,), 500)
    with torch.no_grad():
        guess = recipe.guess(batch["condition"], 0)(batch["x0"], t, context)
        expected = recipe.base.unet(batch["x0"], t, context)
    torch.testing.assert_close(guess, expected, rtol=0, atol=1e-5)


@each
def test_only_the_wider_copy_learns(module, small):
    recipe = small(module)
    base = recipe.base  # noqa: F811
    frozen = [p for part in (base.unet, base.text_encoder, base.vae) for p in part.parameters()]
    kept = [p.clone() for p in frozen]
    first = sum(recipe.loss(step).item() for step in range(3))
    *_, last = train(recipe.model, lambda step: recipe.loss(step % 3), replace(recipe.plan(20), learning_rate=3e-3))
    assert last.step == 20
    assert sum(recipe.loss(step).item() for step in range(3)) < 0.98 * first
    assert all(torch.equal(a, b) for a, b in zip(kept, frozen, strict=True))
    assert recipe.model.conv_in.weight[:, base.unet.config.in_channels :].abs().amax((0, 2, 3)).min() > 0


def test_the_inpainting_net_is_shown_holes_and_what_is_around_them(small):
    recipe = small(inpainting)
    seen = []
    recipe.model.forward = lambda x, t, context: seen.append(x) or x[:, :4]
    condition = recipe.batch(0)["condition"]
    x_t = torch.zeros(8, 4, 8, 8)
    for step in (0, 0, 1):
        recipe.guess(condition, step)(x_t, torch.zeros(8), torch.zeros(8, 40, 16))
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0][:, 4], seen[2][:, 4])  # another hole
    mask = seen[0][:, 4]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    whole = (mask == 1).flatten(1).all(1)
    assert whole.any()
    grey = seen[0][:, 5:]
    assert (grey[whole] - grey[whole][:1]).abs().max() < 1e-5  # nothing of the pictures


def test_the_concatenated_net_is_shown_the_map(small):
    recipe = small(semantic_concat)
    drawn = recipe.world.drawings(1, 8)
    expected = MAPS["semantic"](drawn["drawing"], drawn["scene"]) / 2 + 0.5
    torch.testing.assert_close(recipe.batch(1)["condition"], expected, rtol=0, atol=0.5 / 255 + 1e-6)
    assert recipe.model.config.in_channels == 4 + 3 * 2**2


def test_an_inpainting_model_opens_whole_and_fills(small, tmp_path):
    recipe = small(inpainting)
    loud(recipe.model)
    recipe.save(recipe.model, tmp_path / "model")
    pipe = TextToImage.from_pretrained(tmp_path / "model", "cpu")
    assert pipe.unet.config.reads_mask
    assert pipe.unet.config.in_channels == 9
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1
    assert inpaint(pipe, "a cat", torch.rand(1, 3, 16, 16), mask, seed=0, num_inference_steps=2)[0].size == (16, 16)
    other = small(inpainting, seed=4)
    other.start_from(str(tmp_path / "model"))
    for mine, theirs in zip(other.model.parameters(), recipe.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="other widths than inpainting, so it cannot be its start"):
        other.start_from(recipe.numbers.base)


def test_a_concatenated_net_opens_here_and_in_diffusers(small, tmp_path):
    recipe = small(semantic_concat)
    loud(recipe.model)
    recipe.save(recipe.model, tmp_path / "model")
    ours = read_unet(tmp_path / "model")
    assert ours.config == recipe.model.config
    theirs = diffusers_class("UNet2DConditionModel").from_pretrained(tmp_path / "model")
    x, t, words = torch.randn(2, 16, 8, 8), torch.tensor([7, 900]), torch.randn(2, 40, 16)
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t, words), theirs(x, t, words).sample, rtol=1e-4, atol=1e-4)
    other = small(semantic_concat, seed=4)
    other.start_from(str(tmp_path / "model"))
    torch.testing.assert_close(other.model.conv_in.weight, recipe.model.conv_in.weight, rtol=1e-3, atol=1e-3)


@each
def test_it_is_measured_beside_the_base(module, small, reader):  # noqa: F811
    recipe = small(module)
    scores = recipe.measure(loud(recipe.model), count=3)
    if module is semantic_concat:
        assert {f"{whose}: overlap" for whose in ("with", "without", "of the world")} <= scores.keys()
        return
    named = {"all that was said", "thing", "color", "background", "seam", "change"}
    assert all({f"{whose}: {what}" for what in named} <= scores.keys() for whose in ("with", "blended"))
    assert scores["with: change"] < 0.5  # of a grey level
    assert scores["blended: change"] < 0.5
    assert scores["of the world: seam"] > 0


@each
def test_its_sheet_has_pictures_to_look_at(module, small):
    recipe = small(module)
    sheet = recipe.sheet(recipe.model)
    assert sheet.shape == (16, 3, 16, 16)
    assert -1 <= sheet.min() <= sheet.max() <= 1


def test_a_seam_is_as_by_hand():
    images, holes = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    holes[..., 1:3, 1:3] = 1
    images[..., 1:3, 1:3] = 1
    assert inpainting.seam(images, holes) == pytest.approx(127.5)
    images[..., 1:3, 3] = 1  # two of the eight
    assert inpainting.seam(images, holes) == pytest.approx(127.5 * 6 / 8)


def test_another_thing_is_asked_for_than_is_there():
    import random

    scene = Scene("star", "red", "big", "center", "dark")
    asked = [inpainting._another(scene, random.Random(i), "shapes") for i in range(60)]
    assert {one.thing for one in asked} == {"circle", "square", "triangle", "heart", "ring", "cross", "diamond"}
    assert "red" not in {one.color for one in asked}
    assert all(one.place is one.background is one.size is None for one in asked)
