"""Upscaling against diffusers' pipeline, both ways, and what it must not take."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from published import diffusers_class, latent_pipe, randomised

from t2ilab.diffusion.augmentation import LowResNoise
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.images import to_pil
from t2ilab.interop.stable_diffusion import UPSCALING_FACTOR
from t2ilab.nets.vae import VAE, VAEConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.pipelines.upscaling import upscale

CLOSE = 1e-5  # of pictures in [0, 1], in float32
PROMPT = "a big red star"
UPSCALING = "StableDiffusionUpscalePipeline"


def small(count=1, height=8, width=8):
    """Small pictures in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def pipe(cpu, tokenizer):
    plain = latent_pipe(tokenizer, cpu, in_channels=7, num_class_embeds=40, text_pooling_heads=2, upscales=True)
    return plain


@pytest.fixture
def both(pipe, tmp_path):
    """Ours, opened from the folder that it was saved in, and diffusers' from the same."""
    pipe.save_pretrained(tmp_path)
    ours = TextToImage.from_pretrained(tmp_path, "cpu")
    ours.device.dtype = torch.float32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = diffusers_class(UPSCALING).from_pretrained(tmp_path, local_files_only=True)
    theirs.set_progress_bar_config(disable=True)
    return ours, theirs


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
@pytest.mark.parametrize("noise_level", [0, 25])
def test_it_is_diffusers_picture(both, noise_level, guidance_scale):
    ours, theirs = both
    how = {"num_inference_steps": 5, "guidance_scale": guidance_scale, "noise_level": noise_level, "output_type": "pt"}
    without = {"negative_prompt": ["circle"] * 2} if guidance_scale > 1 else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs([PROMPT] * 2, small(2), generator=torch.Generator().manual_seed(3), **how, **without).images
    got = upscale(ours, small(2), PROMPT, generator=torch.Generator().manual_seed(3), **how, **without)
    assert got.shape == (2, 3, 16, 16)
    assert expected.std() > 0.05
    assert (got - expected).abs().max() <= CLOSE


def test_what_diffusers_saves_draws_the_same_here(both, tmp_path):
    _, theirs = both
    theirs.unet = randomised(theirs.unet, 9).float()
    theirs.register_to_config(max_noise_level=30)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = TextToImage.from_pretrained(tmp_path / "theirs", "cpu")
    ours.device.dtype = torch.float32
    assert ours.low_res_noise.max_noise_level == 30
    assert (ours.guidance_scale, ours.image_size) == (7.5, 16)
    expected = theirs(PROMPT, small(), generator=torch.Generator().manual_seed(3), num_inference_steps=4,
                      guidance_scale=2.0, noise_level=20, output_type="pt").images  # fmt: skip
    got = upscale(ours, small(), PROMPT, generator=torch.Generator().manual_seed(3), num_inference_steps=4,
                  guidance_scale=2.0, output_type="pt")  # fmt: skip
    assert (got - expected).abs().max() <= CLOSE


def test_each_picture_has_its_own_noise_whoever_is_beside_it(pipe):
    way = {"num_inference_steps": 3, "seed": 4, "output_type": "pt"}
    drawn = upscale(pipe, small(2), [PROMPT, "円"], **way)
    alone = upscale(pipe, small(2)[1:], "円", **(way | {"seed": 5}))
    torch.testing.assert_close(alone, drawn[1:], rtol=0, atol=1e-4)
    one_for_all = upscale(pipe, small(), [PROMPT, "円"], **way)
    torch.testing.assert_close(one_for_all[:1], drawn[:1], rtol=0, atol=1e-4)
    pils = upscale(pipe, to_pil(small() * 2 - 1), PROMPT, num_inference_steps=2, seed=1)
    assert [pil.size for pil in pils] == [(16, 16)]
    assert upscale(pipe, small(1, 4, 6), num_inference_steps=2, seed=1, output_type="pt").shape == (1, 3, 8, 12)


def test_it_looks_at_the_picture_and_hears_the_level(pipe):
    way = {"num_inference_steps": 3, "seed": 4, "output_type": "pt"}
    drawn = upscale(pipe, small(), PROMPT, 0, **way)
    assert (upscale(pipe, 1 - small(), PROMPT, 0, **way) - drawn).abs().max() > 0.05
    # The same small picture under another level: what differs is what the network is told.
    pipe.unet.class_embedding.weight.data.mul_(30)
    pipe.low_res_noise = replace(pipe.low_res_noise, schedule=NoiseSchedule([1e-7] * 40))
    quiet = upscale(pipe, small(), PROMPT, 0, **way)
    assert (upscale(pipe, small(), PROMPT, 30, **way) - quiet).abs().max() > 0.01


def test_a_noise_level_of_numpy_is_a_number(pipe):
    how = {"num_inference_steps": 1, "guidance_scale": 1.0, "output_type": "pt", "seed": 2}
    ours, theirs = (upscale(pipe, small(), PROMPT, noise_level=level, **how) for level in (20, np.int64(20)))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@torch.no_grad()
def test_an_autoencoder_of_another_scale_is_the_same_autoencoder():
    vae = randomised(VAE(VAEConfig(block_out_channels=(8, 16), norm_num_groups=4, scaling_factor=0.7)), std=0.1)
    other = vae.scaled_to(UPSCALING_FACTOR)
    x, noise = torch.randn(2, 3, 8, 8).double(), torch.randn(2, 4, 4, 4).double()
    recon, mean, logvar = vae(x, noise)
    theirs, large, spread = other(x, noise)
    torch.testing.assert_close(theirs, recon, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(large * UPSCALING_FACTOR, mean * 0.7, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(spread - logvar, torch.full_like(spread, 2 * math.log(0.7 / UPSCALING_FACTOR)))
    assert (other.config.scaling_factor, vae.config.scaling_factor) == (UPSCALING_FACTOR, 0.7)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"noise_level": -1}, "noise_level is a whole number from 0 to 39 here; got -1"),
        ({"noise_level": 40}, "0 to 39 here; got 40"),
        ({"noise_level": 2.5}, r"got 2\.5"),
        ({"image": small() * 3}, "A picture's numbers lie in 0 to 1"),
        ({"image": small()[:, :1]}, r"floats \(B, 3, H, W\)"),
        ({"image": small(2), "prompt": [PROMPT] * 3}, "one picture for all prompts or one a prompt; got 2 for 3"),
        ({"image": small(3), "prompt": [PROMPT] * 2}, "one prompt for all pictures or one each; got 2 for 3"),
        ({"num_inference_steps": 0}, "num_inference_steps lies in 1 to 1000; got 0"),
        ({"output_type": "np"}, "output_type is 'pil' or 'pt'"),
    ],
)
def test_what_cannot_be_enlarged_is_a_sentence(pipe, arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        upscale(pipe, **({"image": small(), "prompt": PROMPT} | arguments))
    assert "\n" not in str(error.value)


def test_other_models_enlarge_nothing_and_upscalers_draw_nothing_from_words(pipe, small_pipe):
    with pytest.raises(ValueError, match="reads no small picture: its U-Net has 3 channels in"):
        upscale(small_pipe, small())
    with pytest.raises(ValueError, match=r"a U-Net that reads a small one; got none\. Call upscale\("):
        pipe(PROMPT, num_inference_steps=2)


def test_parts_that_do_not_belong_together_are_named(pipe, cpu, tokenizer, tmp_path):
    parts = (pipe.text_encoder, pipe.tokenizer, pipe.schedule, "v_prediction", 16, cpu, None)
    with pytest.raises(ValueError, match="low_res_noise=None for 7 channels"):
        TextToImage(pipe.unet, *parts, pipe.vae)
    with pytest.raises(ValueError, match="max_noise_level is a timestep, 0 to 999; got 1000"):
        LowResNoise(NoiseSchedule.cosine(), 1000)
    other = TextToImage(pipe.unet, *parts, pipe.vae.scaled_to(0.5), low_res_noise=pipe.low_res_noise)
    with pytest.raises(ValueError, match=r"scales an upscaler's latents by 0\.08333, and this one's by 0\.5"):
        other.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())
    pipe.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text()) | {"_class_name": "StableDiffusionPipeline"}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="is a StableDiffusionPipeline, and its U-Net reads a small picture"):
        TextToImage.from_pretrained(tmp_path, "cpu")
