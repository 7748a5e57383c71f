"""Picture to picture against diffusers' pipeline, and at its two ends against what they are by definition."""

import math
import warnings

import pytest
import torch
from published import BETAS, diffusers_class, latent_pipe, stable_diffusion
from torchvision.transforms.functional import to_tensor

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.images import to_pil
from t2ilab.pipelines.editing import image_to_image, to_latents, variations
from t2ilab.pipelines.text_to_image import TextToImage

PROMPT = "a big red star"
CLOSE = 2e-6  # of pictures in [0, 1], in float32


def picture(count=1, height=16, width=16):
    """Pictures in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def latents_pipe(cpu, tokenizer):
    return latent_pipe(tokenizer, cpu)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """diffusers' pipeline, whose VAE is as sure of its latents as a trained one, and its folder."""
    tokenizer = CLIPTokenizer.train(["cat", "red", "a", "and", "猫"], 16)
    pipe, folder = stable_diffusion(tokenizer, tmp_path_factory.mktemp("published"))
    with torch.no_grad():
        pipe.vae.quant_conv.weight[4:] = 0
        pipe.vae.quant_conv.bias[4:] = -30
    pipe.save_pretrained(folder)
    return pipe, folder


# ---- diffusers' picture ----------------------------------------------------------------------------------------------

SCHEDULERS = {
    "DDIM": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}),
    "DDIM of velocities": (
        "DDIMScheduler",
        {"clip_sample": False, "prediction_type": "v_prediction", "timestep_spacing": "trailing"},
    ),
    "Euler": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "DPM-Solver++": ("DPMSolverMultistepScheduler", {}),
}


@pytest.mark.parametrize(("kind", "values"), SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.parametrize("strength", [0.35, 0.8, 0.99])
def test_it_is_diffusers_picture(published, tmp_path, cpu, kind, values, strength):
    pipe, _ = published
    with warnings.catch_warnings():  # they warn of their own settings
        warnings.simplefilter("ignore")
        scheduler = diffusers_class(kind)(**(BETAS | values))
        parts = pipe.components | {"scheduler": scheduler}
        theirs = diffusers_class("StableDiffusionImg2ImgPipeline")(**parts, requires_safety_checker=False)
        theirs.set_progress_bar_config(disable=True)
        theirs.save_pretrained(tmp_path)
        index = tmp_path / "model_index.json"
        index.write_text(index.read_text().replace("StableDiffusionImg2ImgPipeline", "StableDiffusionPipeline"))
        ours = TextToImage.from_pretrained(tmp_path, "cpu")
        ours.device.dtype = torch.float32
        expected = theirs(
            ["a red cat and 猫"] * 2, picture(2), strength, num_inference_steps=8, guidance_scale=3.0,
            negative_prompt=["cat"] * 2, generator=torch.Generator().manual_seed(3), output_type="pt",
        ).images  # fmt: skip
    generator = torch.Generator().manual_seed(3)
    torch.randn(2, 4, 8, 8, generator=generator)  # what they draw the latents with, from a distribution that is a point
    noise = torch.randn(2, 4, 8, 8, generator=generator)
    got = image_to_image(
        ours, ["a red cat and 猫"] * 2, picture(2), strength, num_inference_steps=8, guidance_scale=3.0,
        negative_prompt="cat", latents=noise, output_type="pt",
    )  # fmt: skip
    assert expected.std() > 0.05
    assert (got - expected).abs().max() <= CLOSE


# ---- its ends --------------------------------------------------------------------------------------------------------


def test_strength_0_gives_the_picture_back(small_pipe, latents_pipe):
    pixels = image_to_image(small_pipe, PROMPT, picture(), 0, seed=1, output_type="pt")
    torch.testing.assert_close(pixels, picture(), rtol=0, atol=1e-6)
    mean, _ = latents_pipe.vae.encode(picture() * 2 - 1)
    expected = (latents_pipe.vae.decode(mean) / 2 + 0.5).clamp(0, 1)
    decoded = image_to_image(latents_pipe, PROMPT, picture(), 0, seed=1, output_type="pt")
    torch.testing.assert_close(decoded, expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.05
    few = image_to_image(latents_pipe, PROMPT, picture(), 0.24, seed=1, num_inference_steps=4, output_type="pt")
    assert torch.equal(few, decoded)  # less than one step of four


@pytest.mark.parametrize("sampler", [None, "ddpm"])
def test_strength_1_is_text_to_image(small_pipe, latents_pipe, sampler):
    way = {"seed": 4, "num_inference_steps": 3, "output_type": "pt", "sampler": sampler}
    for pipe in (small_pipe, latents_pipe):
        drawn = image_to_image(pipe, PROMPT, picture(1, 16, 20), 1, **way)
        assert torch.equal(drawn, pipe(PROMPT, height=16, width=20, **way))


def test_the_more_strength_the_farther_from_the_picture(small_pipe):
    def drawn(strength):
        return image_to_image(small_pipe, PROMPT, picture(), strength, seed=4, num_inference_steps=20, output_type="pt")

    far = [(drawn(strength) - picture()).square().mean() for strength in (0, 0.1, 0.3, 1)]
    assert far == sorted(far)
    assert far[1] > 0


# ---- how it is called ------------------------------------------------------------------------------------------------


def test_it_walks_the_end_of_the_grid(small_pipe):
    seen = []
    image_to_image(small_pipe, PROMPT, picture(), 0.55, num_inference_steps=10, callback=lambda *a: seen.append(a[1]))
    assert seen == small_pipe.schedule.timesteps(10, "trailing").tolist()[5:]


def test_pictures_come_as_pil_or_as_a_pipeline_gives_them(small_pipe):
    way = {"seed": 4, "num_inference_steps": 4}
    pils = to_pil(picture(2) * 2 - 1)
    tensors = torch.stack([to_tensor(pil) for pil in pils])
    drawn = image_to_image(small_pipe, [PROMPT, "円"], tensors, 0.5, output_type="pt", **way)
    assert torch.equal(image_to_image(small_pipe, [PROMPT, "円"], pils, 0.5, output_type="pt", **way), drawn)
    alone = image_to_image(small_pipe, PROMPT, pils[0], 0.5, output_type="pt", **way)
    torch.testing.assert_close(alone, drawn[:1], rtol=0, atol=1e-4)
    for_all = image_to_image(small_pipe, [PROMPT, PROMPT], pils[0], 0.5, **way)
    assert [pil.size for pil in for_all] == [(16, 16)] * 2
    assert for_all[0].tobytes() == to_pil(alone * 2 - 1)[0].tobytes()


def test_latents_have_unit_scale(latents_pipe):
    mean, _ = latents_pipe.vae.encode(picture() * 2 - 1)
    torch.testing.assert_close(to_latents(latents_pipe, picture() * 2 - 1), 0.7 * mean)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"strength": 1.01}, r"strength lies in 0 to 1; got 1\.01"),
        ({"strength": -0.1}, r"got -0\.1"),
        ({"strength": math.nan}, "strength lies in 0 to 1; got nan"),
        ({"image": picture(1, 15, 16)}, "draws in multiples of 2 pixels; got 15 and 16"),
        ({"image": to_pil(picture(1, 16, 17))[0]}, "multiples of 2 pixels; got 16 and 17"),
        ({"image": picture()[0]}, r"PIL, or floats \(B, 3, H, W\); got torch.float32 \(3, 16, 16\)"),
        ({"image": (picture() * 255).byte()}, "got torch.uint8"),
        ({"image": picture() * 2 - 1}, r"numbers lie in 0 to 1; got -\d"),
        ({"image": picture() * math.nan}, "numbers lie in 0 to 1; got nan"),
        ({"image": []}, "at least one picture"),
        ({"image": picture(2)}, "one picture for all prompts or one a prompt; got 2 for 1 prompts"),
        ({"latents": torch.full((1, 4, 8, 8), math.nan)}, "latents must be finite numbers; got NaN or infinity"),
        ({"latents": torch.zeros(1, 4, 4, 4)}, r"like the picture's, \(1, 4, 8, 8\); got \(1, 4, 4, 4\)"),
        ({"prompt": " "}, "A prompt needs at least one word"),
        ({"num_inference_steps": 0}, "num_inference_steps lies in 1 to 1000; got 0"),
        ({"output_type": "np"}, "output_type is 'pil' or 'pt'"),
    ],
)
def test_what_cannot_be_edited_is_a_sentence(latents_pipe, arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        image_to_image(latents_pipe, **({"prompt": PROMPT, "image": picture()} | arguments))
    assert "\n" not in str(error.value)


# ---- variations ------------------------------------------------------------------------------------------------------


def test_variations_are_edits_with_one_seed_after_the_other(small_pipe):
    way = {"num_inference_steps": 5, "output_type": "pt"}
    drawn = variations(small_pipe, PROMPT, picture(), 3, 0.6, seed=4, **way)
    for i in range(3):
        alone = image_to_image(small_pipe, PROMPT, picture(), 0.6, seed=4 + i, **way)
        torch.testing.assert_close(drawn[i : i + 1], alone, rtol=0, atol=1e-4)
    assert (drawn[0] - drawn[1]).abs().max() > 0.1
    assert [pil.size for pil in variations(small_pipe, PROMPT, to_pil(picture())[0], 2, 0.3)] == [(16, 16)] * 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n": 0}, "at least 1 variation; got n=0"),
        ({"image": picture(2)}, "of one picture with one prompt; got 2 pictures"),
        ({"prompt": [PROMPT, PROMPT]}, "got 1 pictures and "),
        ({"strength": 2}, "strength lies in 0 to 1; got 2"),
    ],
)
def test_what_cannot_be_varied_is_a_sentence(small_pipe, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        variations(small_pipe, **({"prompt": PROMPT, "image": picture()} | arguments))
