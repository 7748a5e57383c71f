"""The recipe of the text-to-image model: its loss depends on seed and step alone, and reaches every weight."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from t2ilab import metrics
from t2ilab.data.scenes import is_held_out
from t2ilab.data.understanding import understand
from t2ilab.nets.reader import Reader
from t2ilab.nets.unet import UNetConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import shapes_pixel
from t2ilab.recipes.reader import OF_THE_WHOLE, OF_THINGS
from t2ilab.training.loop import train


def small(device, seed, **changes):
    return shapes_pixel.Recipe(device, seed, replace(shapes_pixel.NUMBERS, batch=8, **changes))


@pytest.fixture
def recipe(cpu):
    return small(cpu, 3)


def test_the_loss_is_a_function_of_seed_and_step(recipe, cpu):
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first
    assert recipe.loss(6).item() != first
    assert small(cpu, 3).loss(5).item() == first
    assert small(cpu, 4).loss(5).item() != first


def test_captions_are_full_first_and_partial_now_and_then_later(cpu):
    recipe = small(cpu, 3, whole=5)
    full = [[len(understand(c)[0].asked()) == 5 for c in recipe.batch(step)["caption"]] for step in range(10)]
    assert all(map(all, full[:5]))
    assert 20 < sum(map(sum, full[5:])) < 40  # of 40


def test_it_learns_something_at_once(recipe):
    plan = replace(recipe.plan(40), warmup=10)  # its own warm-up is longer than this test
    losses = [step.loss for step in train(recipe.model, recipe.loss, plan)]
    assert sum(losses[-10:]) / 10 < 0.6 * sum(losses[:5]) / 5


def test_the_gradient_reaches_every_weight_once_the_quiet_layers_speak(recipe):
    for parameter in recipe.model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    recipe.loss(0).backward()
    silent = [name for name, p in recipe.model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_a_model_keeps_the_guidance_that_its_recipe_names(cpu, tmp_path):
    for named, scale in ({}, 3.0), ({"guidance_scale": 2.0}, 2.0):
        recipe = small(cpu, 3, **named)
        recipe.save(recipe.model, tmp_path / str(scale))
        assert TextToImage.from_pretrained(tmp_path / str(scale), "cpu").guidance_scale == scale


@pytest.mark.parametrize("name", ["behind", "brief"])
def test_captions_are_worded_as_the_numbers_say(cpu, name):
    for share in (0.0, 0.6):
        recipe = small(cpu, 3, level="storybook", **{name: share})
        assert getattr(recipe.world, name) == getattr(recipe.whole, name) == share


def test_the_plan_remembers_what_makes_the_run(recipe):
    assert recipe.plan(7).facts == {"recipe": "shapes-pixel", "seed": 3, "steps": 7}
    assert recipe.plan().steps == shapes_pixel.STEPS


def test_it_is_as_small_as_a_laptop_needs(recipe):
    assert sum(p.numel() for p in recipe.model.parameters()) < 3_000_000


def test_it_trains_on_no_held_out_pair(recipe):
    for step in range(5):
        for scene in recipe.world.batch(step, 64)["scene"]:
            assert not is_held_out(scene)


def test_it_is_measured_in_both_languages_and_on_pairs_never_seen(recipe, monkeypatch):
    torch.manual_seed(0)
    reader = Reader(OF_THINGS, OF_THE_WHOLE, 8)
    monkeypatch.setattr(metrics, "default_reader", lambda: reader)
    asked = []
    pipeline = recipe.pipeline

    def spying(model):
        pipe = pipeline(model)

        def draw(prompts, **arguments):
            asked.append(list(prompts))
            return pipe(prompts, **arguments | {"num_inference_steps": 1})

        return draw

    monkeypatch.setattr(recipe, "pipeline", spying)
    scores = recipe.measure(recipe.model, count=3)
    assert {"en", "ja", "held out", "en color", "ja thing", "held out place"} <= scores.keys()
    assert all(0 <= score <= 1 for score in scores.values())
    english, japanese, held_out = asked
    assert all(prompt.isascii() for prompt in english)
    assert not any(prompt.isascii() for prompt in japanese)
    assert all(is_held_out(understand(prompt)[0]) for prompt in held_out)
    assert not any(is_held_out(understand(prompt)[0]) for prompt in english + japanese)


def test_its_sheet_is_the_same_prompts_each_time(recipe):
    sheet = recipe.sheet(recipe.model)
    assert sheet.shape == (16, 3, 32, 32)
    assert -1 <= sheet.min() <= sheet.max() <= 1
    assert torch.equal(sheet, recipe.sheet(recipe.model))


def test_what_it_saves_opens_as_a_pipeline(recipe, tmp_path):
    recipe.save(recipe.model, tmp_path)
    pipe = TextToImage.from_pretrained(tmp_path, device="cpu")
    assert pipe.image_size == 32
    assert pipe.prediction_type == recipe.pipeline(recipe.model).prediction_type
    assert pipe.unet.config == recipe.model.unet.config


def test_what_goes_on_from_a_model_meets_partial_captions_at_once(cpu):
    first, on = small(cpu, 4), small(cpu, 4)
    on.goes_on("storybook-pixel")
    late = first.numbers.whole  # from here on, whoever began with nothing does
    assert first.batch(0)["caption"] == first.whole.batch(0, first.numbers.batch)["caption"]
    assert on.batch(0)["caption"] == first.world.batch(0, first.numbers.batch)["caption"]
    assert first.batch(late)["caption"] == on.batch(late)["caption"]


def test_it_goes_on_from_a_saved_model_of_its_own_words_and_widths(recipe, cpu, tmp_path):
    recipe.save(recipe.model, tmp_path / "model")
    other = small(cpu, 4)
    other.start_from(str(tmp_path / "model"))
    for mine, theirs in zip(other.model.parameters(), recipe.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    assert other.model.unet.training
    narrow = small(cpu, 4, unet=replace(shapes_pixel.NUMBERS.unet, block_out_channels=(16, 32, 48)))
    with pytest.raises(ValueError, match="other words or widths than shapes-pixel, so it cannot be its start"):
        narrow.start_from(str(tmp_path / "model"))


def test_lab_05_trains_this_network_but_for_the_scaling_that_its_exercise_leaves_out():
    source = (Path(__file__).parents[1] / "solutions" / "05_ddpm.py").read_text(encoding="utf-8")
    written = [
        ast.unparse(node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "config"
    ]
    assert len(written) == 1
    assert replace(eval(written[0], {"UNetConfig": UNetConfig}), scale_shift=True) == shapes_pixel.NUMBERS.unet
