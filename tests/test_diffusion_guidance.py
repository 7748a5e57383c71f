"""Guidance: its two ends, its straight line, and that it does not matter in which quantity it is done."""

import warnings

import pytest
import torch

from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.guidance import GuidedDenoiser
from t2ilab.diffusion.schedule import NoiseSchedule


def x_t():
    return torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def cond(x, t):
    return torch.tanh(x) + 0.001 * t


def uncond(x, t):
    return torch.sin(2 * x)


def never(x, t):
    raise AssertionError("this denoiser must not be asked")


def test_one_is_off_and_zero_is_unconditional():
    assert torch.equal(GuidedDenoiser(cond, never, 1.0)(x_t(), 5), cond(x_t(), 5))
    assert torch.equal(GuidedDenoiser(never, uncond, 0.0)(x_t(), 5), uncond(x_t(), 5))


@pytest.mark.parametrize("scale", [-1.0, 0.5, 2.0, 7.5])
def test_it_is_the_line_through_both(scale):
    guided = GuidedDenoiser(cond, uncond, scale)(x_t(), 5)
    torch.testing.assert_close(guided, scale * cond(x_t(), 5) + (1 - scale) * uncond(x_t(), 5))


def test_guiding_x0_is_guiding_epsilon():
    schedule, x = NoiseSchedule.linear(), x_t()
    guided = GuidedDenoiser(NetworkDenoiser(cond_net, schedule), NetworkDenoiser(uncond, schedule), 7.5)(x, 500)
    t = torch.full((2,), 500)
    eps = uncond(x, t) + 7.5 * (cond_net(x, t) - uncond(x, t))
    torch.testing.assert_close(guided, schedule.to_x0(eps, x, 500, "epsilon"))


def cond_net(x, t):
    return torch.tanh(x) + 0.001 * t.reshape(-1, 1, 1, 1)


@pytest.mark.parametrize("rescale", [0.3, 0.7, 1.0])
def test_rescaling_is_diffusers_for_networks_that_predict_the_picture(rescale):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
    x = x_t()
    guided = uncond(x, 5) + 7.5 * (cond(x, 5) - uncond(x, 5))
    theirs = rescale_noise_cfg(guided, cond(x, 5), guidance_rescale=rescale)
    torch.testing.assert_close(GuidedDenoiser(cond, uncond, 7.5, rescale)(x, 5), theirs)


def test_rescaled_fully_each_picture_deviates_as_the_conditional_one():
    scale = torch.tensor([1.0, 5.0], dtype=torch.float64).reshape(-1, 1, 1, 1)  # pictures of different contrast
    guided = GuidedDenoiser(lambda x, t: scale * x, uncond, 9.0, 1.0)(x_t(), 5)
    torch.testing.assert_close(guided.std((1, 2, 3)), (scale * x_t()).std((1, 2, 3)))


@pytest.mark.parametrize("rescale", [-0.1, 1.1, float("nan")])
def test_refuses_a_rescale_outside_its_range(rescale):
    with pytest.raises(ValueError, match=rf"guidance_rescale must lie in \[0, 1\], got {rescale}"):
        GuidedDenoiser(cond, uncond, 2.0, rescale)


@pytest.mark.parametrize("scale", [float("nan"), float("inf")])
def test_refuses_a_scale_that_is_not_finite(scale):
    with pytest.raises(ValueError, match=f"guidance_scale must be a finite number, got {scale}"):
        GuidedDenoiser(cond, uncond, scale)
