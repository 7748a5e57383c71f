"""The upscaler's recipe, small: what it learns from, that it learns, what is measured, and that diffusers opens it."""

from dataclasses import replace

import pytest
import torch
from published import diffusers_class
from test_recipes_control import base, reader  # noqa: F401

from t2ilab.nets.unet import UNetConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import autoencoder, upscaler, vae_upscaler
from t2ilab.training.loop import train

UNET = replace(upscaler.UNET, block_out_channels=(8, 16), cross_attention_dim=16, text_pooling_heads=2, heads=2)


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    """The folder of a new autoencoder, which passes a small copy of the picture."""
    from t2ilab.device import DeviceManager

    folder = tmp_path_factory.mktemp("vae")
    recipe = vae_upscaler.Recipe(DeviceManager("cpu"))
    autoencoder.write_vae(folder, recipe.model, autoencoder.SIZE)
    return folder


@pytest.fixture
def small(cpu, base, vae):  # noqa: F811
    def make(seed=3, **changes):
        options = {"batch": 4, "cached": 3, "words": str(base), "vae": str(vae), "unet": UNET, "warmup": 5} | changes
        return upscaler.Recipe(cpu, seed, replace(upscaler.NUMBERS, **options))

    return make


def test_the_loss_is_a_function_of_seed_and_step(small):
    recipe = small()
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == small().loss(5).item() == first
    assert recipe.loss(2).item() != first  # the same pictures, under other noise
    assert small(seed=4).loss(5).item() != first


def test_it_learns_from_small_pictures_whose_pixels_are_means(small):
    recipe = small()
    x0, picture = recipe.batch(1)
    assert x0.shape == (4, 4, 16, 16)
    assert picture.shape == (4, 3, 16, 16)
    image = recipe.world.batch(1, 4)["image"]
    expected = torch.stack([image[..., i::4, j::4] for i in range(4) for j in range(4)]).mean(0)
    torch.testing.assert_close(picture, expected, rtol=0, atol=1e-3)
    mean = recipe.vae.encode(image)[0] * recipe.vae.config.scaling_factor
    torch.testing.assert_close(x0, mean, rtol=0, atol=2e-3)


def test_it_learns_something_at_once(small):
    recipe = small(cached=1)
    losses = [step.loss for step in train(recipe.model, recipe.loss, recipe.plan(40))]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert recipe.plan(7).facts["vae"].endswith("vae0")


def test_what_is_measured_has_both_ends_beside_it(small, reader):  # noqa: F811
    recipe = small()
    scores = recipe.measure(recipe.model, 4)
    image = upscaler.World(size=64, seed=4, held_out=True, level="storybook").batch(0, 4)["image"]
    theirs = torch.nn.functional.interpolate(
        torch.nn.functional.avg_pool2d(image, 4), scale_factor=4, mode="bicubic"
    ).clamp(-1, 1)
    decibels = -10 * ((theirs - image) / 2).square().flatten(1).mean(1).log10()
    assert scores["bicubic (dB)"] == pytest.approx(decibels.mean().item(), abs=1e-3)
    assert set(scores) == {
        f"{name}{kind}"
        for name in ("bicubic", "autoencoder", "level 0", "level 20", "level 60", "level 0, told")
        for kind in (" (dB)", ", read")
    }
    assert recipe.sheet(recipe.model).shape == (16, 3, 64, 64)


def test_diffusers_opens_what_it_saves_and_a_run_can_start_from_it(small, tmp_path):
    recipe = small()
    recipe.save(recipe.model, tmp_path)
    theirs = diffusers_class("StableDiffusionUpscalePipeline").from_pretrained(tmp_path, local_files_only=True)
    assert theirs.config.max_noise_level == 100
    assert theirs.unet.config.in_channels == 7
    other = small(seed=9)
    other.start_from(str(tmp_path))
    again = TextToImage.from_pretrained(tmp_path, "cpu").unet.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in other.model.state_dict().items())
    wider = small(unet=replace(UNET, block_out_channels=(8, 24)))
    with pytest.raises(ValueError, match="has other widths than upscaler, so it cannot be its start"):
        wider.start_from(str(tmp_path))


def test_the_network_is_the_published_one_made_small():
    theirs = UNetConfig.upscaler()
    assert (upscaler.UNET.in_channels, upscaler.UNET.out_channels) == (theirs.in_channels, theirs.out_channels)
    assert upscaler.UNET.reads_small_picture
    assert theirs.reads_small_picture
