"""Interpolation: its ends against the plain calls, its arc against geometry."""

import math

import pytest
import torch
from published import latent_pipe

from t2ilab.pipelines.interpolation import interpolate, slerp

A, B = "a big red star", "青い円"


def rows(count=4, width=6, seed=1):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_arc_turns_evenly_in_the_plane_of_its_ends():
    angles = torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64)
    a = torch.tensor([[2.0, 0.0]] * 3, dtype=torch.float64)
    b = 2 * torch.stack([angles.cos(), angles.sin()], 1)
    for weight in (0.0, 0.25, 0.5, 1.0):
        expected = 2 * torch.stack([(weight * angles).cos(), (weight * angles).sin()], 1)
        torch.testing.assert_close(slerp(a, b, weight), expected)


def test_its_ends_are_exact_and_one_direction_is_a_line():
    a, b = rows(seed=1), rows(seed=2)
    assert torch.equal(slerp(a, b, 0), a)
    assert torch.equal(slerp(a, b, 1), b)
    torch.testing.assert_close(slerp(a, 3 * a, 0.5), 2 * a)
    assert torch.equal(slerp(a, a, 0.3), a)


def test_noise_keeps_its_variance():
    a, b = rows(1, 50_000, 1), rows(1, 50_000, 2)
    assert abs(slerp(a, b, 0.5).std() - 1) < 0.02
    assert torch.lerp(a, b, 0.5).std() < 0.75


@pytest.mark.parametrize(("b", "sentence"), [(-rows(), "Between opposite ends"), (rows(3), "one shape; got")])
def test_ends_that_no_arc_joins(b, sentence):
    with pytest.raises(ValueError, match=sentence):
        slerp(rows(), b, 0.5)


@pytest.mark.parametrize("mix", [torch.lerp, slerp])
@pytest.mark.parametrize("of_latents", [False, True])
def test_the_ends_are_the_plain_calls(small_pipe, cpu, tokenizer, of_latents, mix):
    pipe = latent_pipe(tokenizer, cpu) if of_latents else small_pipe
    how = {"num_inference_steps": 3, "guidance_scale": 2.0, "negative_prompt": "ring", "output_type": "pt"}
    drawn = interpolate(pipe, A, B, 4, 5, 6, mix=mix, width=20, **how)
    assert drawn.shape == (4, 3, 16, 20)
    assert torch.equal(drawn[:1], pipe(A, seed=5, width=20, **how))
    assert torch.equal(drawn[-1:], pipe(B, seed=6, width=20, **how))
    assert (drawn[1:] - drawn[:-1]).flatten(1).abs().amax(1).min() > 0.01  # none stands still


def test_between_the_ends_are_words_and_noise_between(small_pipe):
    how = {"num_inference_steps": 2, "output_type": "pt"}
    drawn = interpolate(small_pipe, A, B, 3, 5, 6, **how)
    a, b = small_pipe.noise(1, seed=5).flatten(1), small_pipe.noise(1, seed=6).flatten(1)
    angle = torch.acos((a * b).sum() / (a.norm() * b.norm()))
    noise = ((a + b) * (angle / 2).sin() / angle.sin()).view(1, 3, 16, 16)  # halfway, by hand
    words = (small_pipe.encode([A]) + small_pipe.encode([B])) / 2
    expected = small_pipe(prompt_embeds=words, latents=noise, **how)
    torch.testing.assert_close(drawn[1:2], expected, rtol=0, atol=1e-4)


def test_pil_is_the_default(small_pipe):
    assert [picture.size for picture in interpolate(small_pipe, A, A, 2, 1, 2, num_inference_steps=1)] == [(16, 16)] * 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"count": 1}, "count is at least 2; got 1"),
        ({"prompt_a": [A, B]}, "A prompt needs at least one word"),
        ({"prompt_b": ""}, "A prompt needs at least one word"),
        ({"seed": 3}, "two seeds and two prompts of its own; got seed"),
        ({"guidance_scale": math.nan}, "guidance_scale must be a finite number"),
    ],
)
def test_what_cannot_be_interpolated_is_a_sentence(small_pipe, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        interpolate(small_pipe, **({"prompt_a": A, "prompt_b": B} | arguments))
