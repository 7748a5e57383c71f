"""A U-Net that reads a picture beside x_t: what it is shown, where, and what is refused."""

import pytest
import torch
from PIL import Image
from published import latent_pipe, randomised

from t2ilab.nets.widening import widened
from t2ilab.pipelines.concatenation import beside, beside_channels, concatenation_to_image


@pytest.fixture
def pipe(cpu, tokenizer):
    return latent_pipe(tokenizer, cpu)


def wide(pipe, loud=True):
    unet = widened(pipe.unet, pipe.unet.config.in_channels + beside_channels(pipe))
    return randomised(unet, 7).float() if loud else unet


def pictures(count=1, size=16):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", ["latents", "pixels"])
def test_a_fresh_one_draws_what_its_base_draws(kind, pipe, small_pipe):
    base = pipe if kind == "latents" else small_pipe
    assert beside_channels(base) == (12 if kind == "latents" else 3)
    how = {"seed": 3, "num_inference_steps": 3, "output_type": "pt"}
    drawn = concatenation_to_image(base, wide(base, loud=False), ["a red star", "a cat"], pictures(2), **how)
    torch.testing.assert_close(drawn, base(["a red star", "a cat"], **how), rtol=0, atol=1e-5)


def test_each_latent_is_shown_the_pixels_that_it_stands_for(pipe):
    unet, seen = wide(pipe), []
    unet.forward = lambda x, t, context: seen.append(x) or x[:, :4]
    x_t, image = torch.randn(4, 4, 8, 8), pictures(2) * 2 - 1
    beside(pipe, unet, image)(x_t, torch.zeros(4), torch.zeros(4, 24, 16))
    (x,) = seen
    assert torch.equal(x[:, :4], x_t)
    for row in range(8):
        for column in range(8):
            patch = image[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten(1)  # (2, 12)
            assert torch.equal(x[:, 4:, row, column], patch.repeat(2, 1))  # with words and without


def test_a_trained_one_heeds_the_picture(pipe):
    unet = wide(pipe)
    how = {"seed": 3, "num_inference_steps": 2, "output_type": "pt"}
    one, other = (concatenation_to_image(pipe, unet, "a cat", image, **how) for image in (pictures(), 1 - pictures()))
    assert (one - other).abs().max() > 1e-3
    as_pil = Image.fromarray((pictures()[0].permute(1, 2, 0) * 255).round().byte().numpy())
    assert concatenation_to_image(pipe, unet, "a cat", as_pil, seed=3, num_inference_steps=2)[0].size == (16, 16)


def test_what_does_not_fit_is_refused(pipe):
    with pytest.raises(ValueError, match="the U-Net reads 16; got one that reads 4"):
        concatenation_to_image(pipe, pipe.unet, "a cat", pictures())
    with pytest.raises(ValueError, match="got 3 for 2 prompts"):
        concatenation_to_image(pipe, wide(pipe), ["a cat", "a dog"], pictures(3))
    with pytest.raises(ValueError, match="2 times as large"):
        beside(pipe, wide(pipe), pictures(1, 32))(torch.zeros(1, 4, 8, 8), torch.zeros(1), torch.zeros(1, 24, 16))
