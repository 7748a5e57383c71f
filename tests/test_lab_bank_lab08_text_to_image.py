"""Lab 08's references against something independent: torch's own attention, our samplers, diffusers."""

import pytest
import torch
import torch.nn.functional as F
from published import diffusers_class

from t2ilab.diffusion.guidance import GuidedDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab import bank, check
from t2ilab.nets.layers import Attention


def reference(name):
    return bank.find(name).reference


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(8)


def draw(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("mask_shape", [None, (2, 1, 1, 7), (2, 3, 5, 7), (5, 7)])
def test_cross_attention_equals_torch(mask_shape, generator):
    q, k, v = draw(generator, 2, 3, 5, 4), draw(generator, 2, 3, 7, 4), draw(generator, 2, 3, 7, 4)
    mask = None
    if mask_shape:
        mask = torch.rand(mask_shape, generator=generator) > 0.5
        mask[..., 0] = True
    torch.testing.assert_close(
        reference("cross_attention")(q, k, v, mask), F.scaled_dot_product_attention(q, k, v, mask)
    )


def test_cross_attention_is_what_our_layer_computes(generator):
    layer = Attention(12, heads=3, context_dim=10).double()
    x, words = draw(generator, 2, 6, 12), draw(generator, 2, 5, 10)
    q, k, v = (
        part.unflatten(-1, (3, -1)).transpose(1, 2) for part in (layer.to_q(x), layer.to_k(words), layer.to_v(words))
    )
    by_hand = layer.to_out[0](reference("cross_attention")(q, k, v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(by_hand, layer(x, words))


def test_dropping_is_one_sample_after_the_other(generator):
    cond, null = draw(generator, 5, 3, 2), draw(generator, 3, 2)
    drop = torch.tensor([True, False, True, False, False])
    result = reference("drop_condition")(cond, null, drop)
    for row, tokens, gone in zip(result, cond, drop, strict=True):
        assert torch.equal(row, null if gone else tokens)


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 4.5])
def test_guide_equals_our_denoiser(scale, generator):
    uncond, cond = draw(generator, 2, 2, 4, 3, 3).unbind(0)
    ours = GuidedDenoiser(lambda x, t: cond, lambda x, t: uncond, scale)(torch.zeros_like(cond), 5)
    torch.testing.assert_close(reference("guide")(uncond, cond, scale), ours)


def denoisers(generator):
    """Two estimates that depend on the time and are not linear in x_t."""
    wish = draw(generator, 1, 4, 1, 1)
    return lambda x, t: torch.tanh(x * (1 + t / 500)) + wish, lambda x, t: torch.sin(x + t / 300)


@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_the_whole_walk_equals_our_sampler(steps, generator):
    schedule = NoiseSchedule.scaled_linear()
    cond, uncond = denoisers(generator)
    x = draw(generator, 2, 4, 3, 3)
    timesteps = schedule.timesteps(steps, "trailing")
    theirs = sample_ddim(GuidedDenoiser(cond, uncond, 3.0), x, schedule, timesteps)
    ours = reference("text_to_image")(cond, uncond, lambda z: 2 * z, x, schedule, timesteps, 3.0)
    # alphas_cumprod is kept in float32, and near 1 its root is taken in it here.
    torch.testing.assert_close(ours, 2 * theirs, rtol=1e-4, atol=1e-4)


def test_the_whole_walk_equals_diffusers(generator):
    """Guidance on the noise, as diffusers has it, is guidance on the picture."""
    schedule = NoiseSchedule.scaled_linear()
    cond, uncond = denoisers(generator)
    x = draw(generator, 2, 4, 3, 3)
    scheduler = diffusers_class("DDIMScheduler")(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        timestep_spacing="trailing",
    )  # fmt: skip
    scheduler.set_timesteps(10)
    x_t = x
    for t in scheduler.timesteps:
        eps, without = (schedule.to_eps(guess(x_t, int(t)), x_t, int(t), "sample") for guess in (cond, uncond))
        x_t = scheduler.step(without + 2.5 * (eps - without), t, x_t).prev_sample
    timesteps = schedule.timesteps(10, "trailing")
    assert timesteps.tolist() == scheduler.timesteps.tolist()
    ours = reference("text_to_image")(cond, uncond, lambda z: z, x, schedule, timesteps, 2.5)
    torch.testing.assert_close(ours, x_t, rtol=1e-4, atol=1e-4)


def fused(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, mask)


def layered(q, k, v, mask=None):
    return torch.nn.MultiheadAttention(4, 1)(q[0], k[0], v[0])[0]


def walked(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    return decode(sample_ddim(GuidedDenoiser(denoise_cond, denoise_uncond, guidance_scale), x, schedule, timesteps))


def straight(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    from t2ilab.diffusion.samplers import sample_euler

    return decode(sample_euler(denoise_cond, x, schedule, timesteps))


def wrapped(uncond, cond, guidance_scale):
    return GuidedDenoiser(lambda x, t: cond, lambda x, t: uncond, guidance_scale)(cond, 0)


@pytest.mark.parametrize(
    ("answer", "exercise"),
    [
        (fused, "cross_attention"),
        (layered, "cross_attention"),
        (walked, "text_to_image"),
        (straight, "text_to_image"),
        (wrapped, "guide"),
    ],
)
def test_what_is_the_answer_itself_is_off_limits(answer, exercise, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    result = check(answer, exercise)
    assert (result.status, result.points) == ("off_limits", 0)
    assert "Write this one yourself" in result.message


@torch.no_grad()
def cut_attention(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return (scores if mask is None else scores.masked_fill(~mask, -torch.inf)).softmax(-1) @ v


@torch.no_grad()
def cut_condition(cond, null, drop):
    return torch.where(drop[:, None, None], null, cond)


@pytest.mark.parametrize(
    ("answer", "exercise"), [(cut_attention, "cross_attention"), (cut_condition, "drop_condition")]
)
def test_an_answer_that_nothing_could_be_learnt_through_is_not_right(answer, exercise, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    result = check(answer, exercise)
    assert result.status == "wrong"
    assert "gradient" in result.message


def test_dropping_leaves_its_input_alone(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")

    def overwrites(cond, null, drop):
        cond[drop] = null
        return cond

    assert "changes its input `cond` in place" in check(overwrites, "drop_condition").message
