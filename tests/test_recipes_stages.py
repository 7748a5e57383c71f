"""The recipes of unCLIP's and the cascade's stages and of the prior: a few steps, chance from seed and step, opened."""

import importlib
from dataclasses import replace
from importlib import import_module

import pytest
import torch
import torch.nn.functional as F
from chains import small_clip
from published import randomised

from t2ilab.data.world import World
from t2ilab.diffusion.augmentation import augment_low_res, augmentation_timesteps
from t2ilab.nets.t5 import T5Config, T5Encoder
from t2ilab.pipelines.cascade import Cascade, Reading
from t2ilab.pipelines.prior import open_prior
from t2ilab.pipelines.stage import Guidance, Stage, enlarged
from t2ilab.pipelines.unclip import UnCLIP
from t2ilab.recipes import prior_shapes
from t2ilab.recipes.stages import readable, shrunk
from t2ilab.training.loop import train

BY_WORDS = ("cascade_shapes_16", "cascade_shapes_32", "cascade_shapes_64")
BY_IMAGE = ("decoder_shapes", "upsampler_shapes")
THIN = {"block_out_channels": (8, 16), "attention": (False, True), "cross_attention_dim": 16, "heads": 2}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Folders of a small language model and of a small CLIP, both of random weights, and a device."""
    from t2ilab.clip.tokenizer import CLIPTokenizer
    from t2ilab.data.captions import vocabulary
    from t2ilab.device import DeviceManager

    device = DeviceManager("cpu")
    device.dtype = torch.float32
    root, tokenizer = tmp_path_factory.mktemp("told"), CLIPTokenizer.train(vocabulary(), 24)
    encoder = randomised(T5Encoder(T5Config(len(tokenizer.vocab), 16, 1, 2, 8, 24)), 3).float()
    Reading(encoder, tokenizer, device).save_pretrained(root / "language")
    small_clip(device, tokenizer).save_pretrained(root / "clip")
    return root, device


def recipe_of(name, told, seed=3, **changes):
    module = importlib.import_module(f"t2ilab.recipes.{name}")
    root, device = told
    by_image = name in BY_IMAGE
    unet = replace(module.NUMBERS.unet, **THIN, **({"image_embed_dim": 16} if by_image else {}))
    source = str(root / ("clip" if by_image else "language"))
    numbers = replace(module.NUMBERS, unet=unet, told=source, **({"batch": 4, "warmup": 1} | changes))
    return module.Recipe(device, seed, numbers)


@pytest.mark.parametrize("name", [*BY_WORDS, *BY_IMAGE])
def test_a_stage_learns_draws_and_is_opened(name, told, tmp_path):
    recipe = recipe_of(name, told)
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first == recipe_of(name, told).loss(5).item()
    assert recipe_of(name, told, 4).loss(5).item() != first
    losses = [step.loss for step in train(recipe.model, recipe.loss, recipe.plan(4))]
    assert all(loss < 100 for loss in losses)
    size = recipe.numbers.size
    assert recipe.sheet(recipe.model).shape == (16, 3, size, size)
    scores = recipe.measure(recipe.model, 4)
    assert {"guidance 1", "guidance 3", "of the world"} <= set(scores)
    assert ("guidance 1, made small again (dB)" in scores) == bool(recipe.numbers.from_size)
    assert ("guidance 1, cosine of embeddings" in scores) == (name in BY_IMAGE)
    recipe.save(recipe.model, tmp_path)
    assert Stage.from_pretrained(tmp_path, recipe.device).enlarges == bool(recipe.numbers.from_size)
    other = recipe_of(name, told)
    other.start_from(str(tmp_path))
    assert other.loss(5).item() == pytest.approx(recipe.loss(5).item(), rel=1e-2)


def test_conditions_are_left_out_where_the_caption_is_empty(told):
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    decoder = recipe_of("decoder_shapes", told)
    embedding, mask = decoder.tell(["a star", ""], image)
    assert mask is None
    assert embedding[0].norm().item() == pytest.approx(1, abs=1e-4)
    assert (embedding[1] == 0).all()
    tokens, mask = recipe_of("cascade_shapes_16", told).tell(["a big star", ""], image)
    assert mask.sum(1).tolist() == [5, 2]
    assert tokens.shape == (2, 24, 16)


def test_the_small_picture_is_the_same_one_with_noise_of_every_level(told):
    recipe = recipe_of("cascade_shapes_32", told, batch=16)
    image = recipe.batch(0)["image"]
    low_res, levels = recipe.spoilt(image, 0)
    assert low_res.shape == (16, 3, 16, 16)
    assert levels.min() >= 0
    assert levels.max() <= 1000
    assert levels.float().std() > 150
    clean = F.avg_pool2d(image, 2)
    far = (low_res - clean).square().mean((1, 2, 3))
    assert far[levels.argsort()][:4].max() < far[levels.argsort()][-4:].min()
    assert recipe_of("cascade_shapes_16", told).spoilt(image, 0) == (None, None)


def test_pictures_that_are_kept_are_the_same_in_other_words(told):
    kept, fresh = recipe_of("cascade_shapes_16", told, cached=2, whole=9), recipe_of("cascade_shapes_16", told, whole=9)
    assert (kept.batch(1)["image"] - fresh.batch(1)["image"]).abs().max() < 0.01
    assert torch.equal(kept.batch(3)["image"], kept.batch(1)["image"])
    assert kept.batch(3)["caption"] != kept.batch(1)["caption"] == fresh.batch(1)["caption"]


def test_what_is_too_small_to_read_is_enlarged():
    assert readable(torch.zeros(1, 3, 16, 16)).shape[-1] == 64
    assert readable(torch.zeros(1, 3, 96, 96)).shape[-1] == 96
    image = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(shrunk(image, 4), F.avg_pool2d(image, 2))


def test_the_prior_learns_draws_and_is_opened(told, tmp_path):
    root, device = told

    def make(seed=3, **changes):
        small = {"clip": str(root / "clip"), "batch": 8, "width": 16, "layers": 1, "heads": 2, "cached": 4}
        return prior_shapes.Recipe(device, seed, replace(prior_shapes.NUMBERS, **(small | changes)))

    recipe = make(learning_rate=0.02, warmup=1)
    first = recipe.loss(5).item()
    torch.rand(7)
    assert recipe.loss(5).item() == first == make().loss(5).item()
    assert make(4).loss(5).item() != first
    known = torch.cat([recipe.model.normalise(recipe.embeddings(i)) for i in range(4)])
    assert known.mean(0).abs().max() < 1e-3
    assert (known.std(0) - 1).abs().max() < 1e-3
    losses = [step.loss for step in train(recipe.model, recipe.loss, recipe.plan(30))]
    assert sum(losses[-5:]) < sum(losses[:5])
    scores = recipe.measure(recipe.model, 6)
    assert {"text, cosine", "prior, cosine", "best of two, nearest"} <= set(scores)
    recipe.save(recipe.model, tmp_path)
    prior, schedule = open_prior(tmp_path)
    torch.testing.assert_close(prior.clip_std, recipe.model.clip_std, rtol=1e-2, atol=1e-3)
    assert schedule.to_dict() == recipe.schedule.to_dict()
    other = make()
    other.start_from(str(tmp_path))
    assert other.loss(5).item() == pytest.approx(recipe.loss(5).item(), rel=0.05)  # half precision in between
    with pytest.raises(ValueError, match="other widths than prior-shapes"):
        make(width=32).start_from(str(tmp_path))


def test_what_recipes_make_goes_together(told, tmp_path):
    """The parts that the recipes save, put into one folder, are a cascade and an unCLIP."""
    root, device = told
    for name in BY_WORDS:
        recipe = recipe_of(name, told)
        recipe.save(recipe.model, tmp_path / "cascade" / f"stage-{recipe.numbers.size}")
    recipe.reading.save_pretrained(tmp_path / "cascade" / "language")
    drawn = Cascade.from_pretrained(tmp_path / "cascade", device)("a star", num_inference_steps=1, output_type="pt")
    assert drawn.shape == (1, 3, 64, 64)
    small = {"clip": str(root / "clip"), "batch": 4, "width": 16, "layers": 1, "heads": 2, "cached": 1}
    prior = prior_shapes.Recipe(device, 0, replace(prior_shapes.NUMBERS, **small))
    prior.save(prior.model, tmp_path / "unclip" / "prior")
    for name, part in zip(BY_IMAGE, ("decoder", "upsampler"), strict=True):
        recipe = recipe_of(name, told)
        recipe.save(recipe.model, tmp_path / "unclip" / part)
    pipe = UnCLIP.from_pretrained(tmp_path / "unclip", "cpu", root / "clip")
    assert pipe("a star", num_inference_steps=1, output_type="pt").shape == (1, 3, 64, 64)


@pytest.mark.parametrize("name", ["cascade_shapes_32", "upsampler_shapes"])
def test_an_untrained_super_resolution_enlarges_and_no_more(name, told):
    recipe = recipe_of(name, told)
    batch = World(size=64, seed=4, partial=0.0).batch(0, 4)
    image = shrunk(batch["image"], recipe.numbers.size)
    drawn = recipe.drawn(recipe.model, batch["caption"], image, Guidance(1.0, 2))
    torch.testing.assert_close(drawn, enlarged(shrunk(image, recipe.numbers.from_size), recipe.numbers.size))
    assert not any(p.any() for p in recipe.model.conv_out.parameters())


def test_every_level_of_noise_weighs_alike_where_nothing_is_added(told):
    """An output of zero is as wrong at a low level as at a high one: squares are divided by what they will be."""
    recipe = recipe_of("cascade_shapes_32", told, batch=64)
    recipe.weights = torch.ones_like(recipe.weights)
    losses = []
    for level in (0.05, 0.3, 0.8):
        recipe.spoilt = lambda image, step, level=level: _with_noise(recipe, image, level)
        losses.append(recipe.loss(0).item())
    assert max(losses) < 5 * min(losses)
    assert 0.1 < losses[-1] < 2


def _with_noise(recipe, image, level):
    low_res = shrunk(image, 16)
    noise = torch.randn(low_res.shape, generator=torch.Generator().manual_seed(0))
    told = augmentation_timesteps(level, recipe.schedule, len(image)) + 1
    return augment_low_res(low_res, level, noise, recipe.schedule), told


@pytest.mark.parametrize("level", ["shapes", "storybook"])
def test_every_stage_of_a_cascade_reads_words_as_wide_as_its_language_models(level):
    modules = [import_module(f"t2ilab.recipes.cascade_{level}_{size}") for size in (16, 32, 64)]
    wide = import_module(f"t2ilab.recipes.language_{level}").NUMBERS.width
    assert [module.NUMBERS.unet.cross_attention_dim for module in modules] == [wide] * 3
