"""Inpainting against diffusers' pipeline, with four channels and with nine, and what it must leave as it was."""

import json
import math
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from published import BETAS, diffusers_class, latent_pipe, randomised, stable_diffusion

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.images import from_pil, to_pil
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.widening import widened
from t2ilab.pipelines.editing import image_to_image, to_latents
from t2ilab.pipelines.inpainting import inpaint
from t2ilab.pipelines.outpainting import outpaint
from t2ilab.pipelines.text_to_image import TextToImage

PROMPT = "a big red star"
THEIRS = "a red cat and 猫"
CLOSE = 1e-5  # of pictures in [0, 1], in float32
INPAINTING = "StableDiffusionInpaintPipeline"


def picture(count=1, height=16, width=16):
    """Pictures in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(2))


def box(top=4, bottom=12, left=6, right=14, height=16, width=16):
    """A mask (1, 1, H, W) with one box to fill, by default on the grid of latents that are 2 pixels wide."""
    mask = torch.zeros(1, 1, height, width)
    mask[..., top:bottom, left:right] = 1
    return mask


def start(batch=1):
    return torch.randn(batch, 4, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def latents_pipe(cpu, tokenizer):
    return latent_pipe(tokenizer, cpu)


@pytest.fixture
def reading_pipe(cpu, tokenizer):
    return latent_pipe(tokenizer, cpu, in_channels=9)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The parts of diffusers' pipeline, whose VAE is as sure of its latents as a trained one."""
    tokenizer = CLIPTokenizer.train(["cat", "red", "a", "and", "猫"], 16)
    pipe, _ = stable_diffusion(tokenizer, tmp_path_factory.mktemp("published"))
    with torch.no_grad():
        pipe.vae.quant_conv.weight[4:] = 0
        pipe.vae.quant_conv.bias[4:] = -30
    return pipe.components


def diffusers_inpainting(parts, folder, kind="DDIMScheduler", **values):
    """A pipeline of diffusers' with this scheduler, and ours of the folder that it was saved in."""
    with warnings.catch_warnings():  # they warn of their own settings
        warnings.simplefilter("ignore")
        scheduler = diffusers_class(kind)(**(BETAS | values))
        theirs = diffusers_class(INPAINTING)(**(parts | {"scheduler": scheduler}), requires_safety_checker=False)
        theirs.save_pretrained(folder)
        ours = TextToImage.from_pretrained(folder, "cpu")
    ours.device.dtype = torch.float32
    return quiet(theirs), ours


def quiet(pipe):
    pipe.set_progress_bar_config(disable=True)
    return pipe


def theirs_of(pipe, image, mask, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"num_inference_steps": 8, "guidance_scale": 3.0, "height": 16, "width": 16, "output_type": "pt"}
        return pipe([THEIRS] * len(image), image, mask, **(options | how)).images


def assert_filled(got, expected, image, mask):
    """Inside the mask it is their picture, outside the given one."""
    assert expected.std() > 0.05
    assert ((got - expected) * mask).abs().max() <= CLOSE
    assert ((got - image) * (1 - mask)).abs().max() <= 1e-6
    assert ((got - image) * mask).abs().max() > 0.1


# ---- diffusers' picture ----------------------------------------------------------------------------------------------

SCHEDULERS = {
    "DDIM": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}),
    "Euler": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "DPM-Solver++": ("DPMSolverMultistepScheduler", {}),
}


@pytest.mark.parametrize(("kind", "values"), SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.parametrize("strength", [0.35, 0.99])
def test_blending_is_diffusers_picture(published, tmp_path, kind, values, strength):
    theirs, ours = diffusers_inpainting(published, tmp_path, kind, **values)
    generator = torch.Generator().manual_seed(3)
    expected = theirs_of(theirs, picture(2), box(), strength=strength, generator=generator)
    generator = torch.Generator().manual_seed(3)
    torch.randn(2, 4, 8, 8, generator=generator)  # what they draw the latents with, from a distribution that is a point
    noise = torch.randn(2, 4, 8, 8, generator=generator)
    got = inpaint(
        ours, [THEIRS] * 2, picture(2), box(), strength, num_inference_steps=8, guidance_scale=3.0, latents=noise,
        output_type="pt",
    )  # fmt: skip
    assert_filled(got, expected, picture(2), box())


def test_from_pure_noise_too(published, tmp_path):
    # Theirs begins with noise everywhere and ours with the known picture in it: the same where nothing of it shows.
    values = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    theirs, ours = diffusers_inpainting(published, tmp_path, clip_sample=False, **values)
    expected = theirs_of(theirs, picture(), box(), latents=start())
    way = {"num_inference_steps": 8, "guidance_scale": 3.0, "latents": start(), "output_type": "pt"}
    assert_filled(inpaint(ours, THEIRS, picture(), box(), **way), expected, picture(), box())


MASKS = {"on the grid": box(), "between": box(3, 11, 5, 14)}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_nine_channels_are_diffusers_picture(published, tmp_path, mask, strength):
    unet = type(published["unet"]).from_config(published["unet"].config, in_channels=9)
    parts = published | {"unet": randomised(unet, 7).float()}
    theirs, ours = diffusers_inpainting(parts, tmp_path, "DDIMScheduler", clip_sample=False, set_alpha_to_one=False)
    assert ours.unet.config.in_channels == 9
    generator = torch.Generator().manual_seed(3)
    how = {"strength": strength, "generator": generator, "negative_prompt": ["cat"]}
    expected = theirs_of(theirs, picture(), mask, **how)
    generator = torch.Generator().manual_seed(3)
    if strength < 1:
        torch.randn(1, 4, 8, 8, generator=generator)
    noise = torch.randn(1, 4, 8, 8, generator=generator)
    got = inpaint(
        ours, THEIRS, picture(), mask, strength, num_inference_steps=8, guidance_scale=3.0, latents=noise,
        negative_prompt="cat", output_type="pt",
    )  # fmt: skip
    assert_filled(got, expected, picture(), mask)


def test_what_we_save_draws_the_same_in_diffusers(reading_pipe, tmp_path):
    with torch.no_grad():  # as sure of its latents as a trained one
        reading_pipe.vae.quant_conv.weight[4:] = 0
        reading_pipe.vae.quant_conv.bias[4:] = -30
    reading_pipe.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["_class_name"] == INPAINTING
    ours = TextToImage.from_pretrained(tmp_path, "cpu")
    ours.device.dtype = torch.float32
    assert ours.unet.config == reading_pipe.unet.config
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = quiet(diffusers_class(INPAINTING).from_pretrained(tmp_path, local_files_only=True))
        expected = theirs([PROMPT], picture(), box(), latents=start(), num_inference_steps=5, height=16, width=16,
                          guidance_scale=2.5, output_type="pt").images  # fmt: skip
    got = inpaint(ours, PROMPT, picture(), box(), num_inference_steps=5, latents=start(), output_type="pt")
    assert_filled(got, expected, picture(), box())


def test_latents_that_diffusers_does_not_inpaint_keep_our_layout(cpu, tokenizer, tmp_path):
    pipe = latent_pipe(tokenizer, cpu, in_channels=9, patch_size=2)
    pixels = TextToImage(
        randomised(UNet(UNetConfig(7, 3, (8, 16), attention=(False, True), cross_attention_dim=16, heads=2))).float(),
        pipe.text_encoder, tokenizer, NoiseSchedule.cosine(), image_size=16, device=cpu,
    )  # fmt: skip
    for made, folder in ((pipe, tmp_path / "a"), (pixels, tmp_path / "b")):
        made.save_pretrained(folder)
        assert json.loads((folder / "model_index.json").read_text())["_class_name"] == "TextToImage"
        again = TextToImage.from_pretrained(folder, "cpu")
        again.device.dtype = torch.float32
        way = {"num_inference_steps": 3, "seed": 1, "output_type": "pt"}
        drawn = inpaint(made, PROMPT, picture(), box(), **way)
        assert (inpaint(again, PROMPT, picture(), box(), **way) - drawn).abs().max() < 0.03  # half precision
        assert ((drawn - picture()) * (1 - box())).abs().max() <= 1e-6


def test_a_widened_model_starts_as_one_that_does_not_look_at_the_mask(latents_pipe):
    parts = (latents_pipe.text_encoder, latents_pipe.tokenizer, latents_pipe.schedule, "v_prediction", 16)
    wide = TextToImage(
        widened(latents_pipe.unet, 9), *parts, latents_pipe.device, vae=latents_pipe.vae, guidance_scale=2.5
    )
    way = {"num_inference_steps": 4, "latents": start(), "output_type": "pt"}
    expected = box() * latents_pipe(PROMPT, **way) + (1 - box()) * picture()
    torch.testing.assert_close(inpaint(wide, PROMPT, picture(), box(), **way), expected, rtol=0, atol=1e-5)


# ---- what stays and what changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [None, "ddpm", "euler_ancestral", "heun", "dpmpp_2m"])
def test_outside_the_mask_no_byte_changes(small_pipe, latents_pipe, reading_pipe, sampler):
    given = to_pil(picture() * 2 - 1)[0]
    mask = box(3, 10, 5, 12)  # between latents
    kept = (mask == 0).expand(1, 3, -1, -1)
    for pipe in (small_pipe, latents_pipe, reading_pipe):
        (drawn,) = inpaint(pipe, PROMPT, given, mask, num_inference_steps=4, seed=1, sampler=sampler)
        assert torch.equal(from_pil(drawn)[kept], from_pil(given)[kept])
        assert (from_pil(drawn)[~kept] - from_pil(given)[~kept]).abs().mean() > 0.1


def test_at_full_strength_nothing_is_seen_of_what_the_mask_covers(small_pipe):
    other = picture() * (1 - box()) + 0.9 * box()
    drawn = [inpaint(small_pipe, PROMPT, image, box(), seed=4, output_type="pt") for image in (picture(), other)]
    torch.testing.assert_close(*drawn, rtol=0, atol=1e-6)
    near = [inpaint(small_pipe, PROMPT, image, box(), 0.2, seed=4, output_type="pt") for image in (picture(), other)]
    assert ((near[0] - near[1]) * box()).abs().max() > 0.1  # below it, the new starts from what was there


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_from_the_first_step_on_the_known_picture_has_the_noise_of_its_level(cpu, tokenizer, strength):
    # The noisiest timestep of this schedule still shows a fifteenth of the picture.
    pipe, seen = latent_pipe(tokenizer, cpu, schedule=NoiseSchedule.scaled_linear()), []
    inpaint(
        pipe, PROMPT, picture(), box(), strength, num_inference_steps=4, latents=start(),
        callback=lambda step, t, x_t, x0_hat: seen.append((t, x_t)),
    )  # fmt: skip
    assert len(seen) == 4 * strength
    known, kept = to_latents(pipe, picture() * 2 - 1), box()[..., ::2, ::2] == 0
    for t, x_t in seen:
        expected = pipe.schedule.add_noise(known, start(), t)
        torch.testing.assert_close(x_t * kept, expected * kept, rtol=0, atol=1e-4)


def test_strength_0_changes_nothing_of_pixels(small_pipe):
    kept = inpaint(small_pipe, PROMPT, picture(), box(), 0, seed=1, output_type="pt")
    torch.testing.assert_close(kept, picture(), rtol=0, atol=1e-6)


def test_every_latent_with_a_pixel_of_the_mask_is_filled(latents_pipe):
    # One pixel, not in the corner of its latent: the walk with it is the walk with all four.
    way = {"num_inference_steps": 4, "seed": 1, "output_type": "pt"}
    one, four = box(5, 6, 7, 8), box(4, 6, 6, 8)
    drawn = inpaint(latents_pipe, PROMPT, picture(), one, **way)
    torch.testing.assert_close(
        drawn * one, inpaint(latents_pipe, PROMPT, picture(), four, **way) * one, rtol=0, atol=1e-6
    )
    assert ((drawn - picture()) * one).abs().max() > 0.01


def test_masks_and_pictures_come_one_each_or_one_for_all(small_pipe):
    way = {"seed": 4, "num_inference_steps": 3, "output_type": "pt"}
    masks, images = torch.cat([box(), box(0, 4, 0, 4)]), picture(2)
    drawn = inpaint(small_pipe, [PROMPT, "円"], images, masks, **way)
    for i, prompt in enumerate([PROMPT, "円"]):
        alone = inpaint(small_pipe, prompt, images[i : i + 1], masks[i : i + 1], **(way | {"seed": 4 + i}))
        torch.testing.assert_close(alone, drawn[i : i + 1], rtol=0, atol=1e-4)
    pils = [Image.fromarray((mask[0] * 255).byte().numpy()) for mask in masks]
    for given in (pils, [pil.convert("RGB") for pil in pils], [pil.convert("1") for pil in pils], masks.bool()):
        assert torch.equal(inpaint(small_pipe, [PROMPT, "円"], images, given, **way), drawn)
    for_all = inpaint(small_pipe, [PROMPT, "円"], images[:1], pils[0], **way)
    torch.testing.assert_close(for_all[:1], drawn[:1], rtol=0, atol=1e-6)


def test_a_mask_of_greys_is_cut_at_one_half_and_it_is_said(small_pipe):
    soft = box()
    soft[..., 4, :] *= 0.49
    soft[..., 11, :] *= 0.5
    way = {"seed": 4, "num_inference_steps": 2, "output_type": "pt"}
    with pytest.warns(UserWarning, match=r"16 of its 256 values lie between, and are taken for 1 from 0\.5 on"):
        drawn = inpaint(small_pipe, PROMPT, picture(), soft, **way)
    assert torch.equal(drawn, inpaint(small_pipe, PROMPT, picture(), box(5, 12), **way))


# ---- models that read a mask -----------------------------------------------------------------------------------------


def test_a_model_for_inpainting_refuses_to_draw_from_words(reading_pipe):
    for call in (
        lambda: reading_pipe(PROMPT, num_inference_steps=2),
        lambda: image_to_image(reading_pipe, PROMPT, picture(), num_inference_steps=2),
    ):
        with pytest.raises(ValueError, match=r"reads 9 channels; got no mask\. Call inpaint\(") as error:
            call()
        assert "\n" not in str(error.value)


def test_it_draws_with_a_full_mask_and_says_what_that_is(reading_pipe):
    with pytest.warns(UserWarning, match="that is text-to-image, drawn by a model for inpainting"):
        drawn = inpaint(reading_pipe, PROMPT, picture(), torch.ones(1, 1, 16, 16), num_inference_steps=2, seed=1)
    assert drawn[0].size == (16, 16)


# ---- beyond the edges ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sides", [{"right": 8}, {"left": 3, "right": 1}, {"top": 4, "bottom": 2, "left": 2}])
def test_outpainting_keeps_the_picture_and_draws_around_it(small_pipe, latents_pipe, sides):
    left, top = sides.get("left", 0), sides.get("top", 0)
    width, height = 16 + left + sides.get("right", 0), 16 + top + sides.get("bottom", 0)
    for pipe in (small_pipe, latents_pipe):
        drawn = outpaint(pipe, PROMPT, picture(), **sides, num_inference_steps=3, seed=1, output_type="pt")
        assert drawn.shape == (1, 3, height, width)
        inner = drawn[..., top : top + 16, left : left + 16]
        torch.testing.assert_close(inner, picture(), rtol=0, atol=1e-6)
    mask = torch.ones(1, 1, height, width)
    mask[..., top : top + 16, left : left + 16] = 0
    rows = (torch.arange(height) - top).clamp(0, 15)
    columns = (torch.arange(width) - left).clamp(0, 15)
    canvas = picture()[..., rows[:, None], columns]  # each new pixel has the colour of the nearest old one
    expected = inpaint(latents_pipe, PROMPT, canvas, mask, num_inference_steps=3, seed=1, output_type="pt")
    torch.testing.assert_close(drawn, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("sides", "sentence"),
    [
        ({"left": -1}, "left is a whole number of pixels from 0 on; got -1"),
        ({"top": 2.5}, r"top is a whole number of pixels from 0 on; got 2\.5"),
        ({}, "needs a side to add to; got 0 pixels on all four"),
        ({"right": 0, "bottom": 0}, "needs a side to add to"),
        ({"right": 3}, "multiples of 2 pixels; got 16 and 19"),
        ({"right": 2, "mask": box()}, "makes its own mask"),
        ({"right": 2, "strength": 2}, "strength lies in 0 to 1; got 2"),
    ],
)
def test_what_cannot_be_added_is_a_sentence(latents_pipe, sides, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        outpaint(latents_pipe, PROMPT, picture(), **sides)
    assert "\n" not in str(error.value)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"mask": box(height=16, width=18)}, "the size of its picture, 16x16 pixels; got 18x16"),
        ({"mask": Image.new("L", (8, 16), 255)}, "16x16 pixels; got 8x16"),
        ({"mask": torch.zeros(1, 1, 16, 16)}, r"needs a pixel to fill; got none of at least 0\.5"),
        ({"mask": torch.ones(1, 1, 16, 16)}, "nothing of it is kept: that is text-to-image; call the pipeline"),
        ({"mask": box()[0]}, r"PIL, or a tensor \(B, 1, H, W\); got \(1, 16, 16\)"),
        ({"mask": box().expand(1, 3, -1, -1)}, r"got \(1, 3, 16, 16\)"),
        ({"mask": box() * 255}, "A mask's values are 0 and 1; got 0 to 255"),
        ({"mask": box() * math.nan}, "A mask's values are 0 and 1; got nan"),
        ({"mask": []}, "got an empty list"),
        ({"mask": np.ones((16, 16))}, "A picture is PIL here; got a ndarray"),
        ({"image": np.ones((16, 16, 3))}, "A picture is PIL here; got a ndarray"),
        ({"mask": [Image.new("L", (16, 16)), Image.new("L", (8, 8))]}, "Masks have one size"),
        ({"mask": box().expand(2, -1, -1, -1)}, "one mask for all prompts or one a prompt; got 2 for 1 prompts"),
        ({"strength": 1.01}, r"strength lies in 0 to 1; got 1\.01"),
        ({"strength": math.nan}, "strength lies in 0 to 1; got nan"),
        ({"image": picture(1, 15, 16), "mask": box(height=15)}, "draws in multiples of 2 pixels; got 15 and 16"),
        ({"image": picture() * 2 - 1}, r"numbers lie in 0 to 1; got -\d"),
        ({"image": picture(2)}, "one picture for all prompts or one a prompt; got 2 for 1 prompts"),
        ({"latents": torch.zeros(1, 4, 4, 4)}, r"like the picture's, \(1, 4, 8, 8\); got \(1, 4, 4, 4\)"),
        ({"prompt": " "}, "A prompt needs at least one word"),
        ({"num_inference_steps": 0}, "num_inference_steps lies in 1 to 1000; got 0"),
        ({"output_type": "np"}, "output_type is 'pil' or 'pt'"),
    ],
)
def test_what_cannot_be_filled_is_a_sentence(latents_pipe, arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        inpaint(latents_pipe, **({"prompt": PROMPT, "image": picture(), "mask": box()} | arguments))
    assert "\n" not in str(error.value)
