"""Thresholding against diffusers, step by step and picture by picture."""

import warnings

import pytest
import torch

from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.guidance import GuidedDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.diffusion.thresholding import ThresholdedDenoiser, dynamic_threshold


def estimates(scale=3.0):
    return scale * torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.995, 1.0])
def test_it_is_diffusers(percentile):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDPMScheduler
    theirs = DDPMScheduler(thresholding=True, dynamic_thresholding_ratio=percentile, sample_max_value=1e9)
    torch.testing.assert_close(
        dynamic_threshold(estimates(), percentile), theirs._threshold_sample(estimates()), rtol=1e-6, atol=1e-6
    )


def test_each_picture_has_a_threshold_of_its_own():
    mixed = estimates() * torch.tensor([0.1, 1.0, 5.0, 0.2]).reshape(-1, 1, 1, 1)
    together = dynamic_threshold(mixed, 0.9)
    torch.testing.assert_close(together, torch.cat([dynamic_threshold(mixed[i : i + 1], 0.9) for i in range(4)]))
    assert together.abs().max() <= 1
    assert (together.abs().amax((1, 2, 3)) > 0.5)[1:3].all()


def test_what_lies_in_range_stays():
    inside = estimates(0.2)
    assert torch.equal(dynamic_threshold(inside), inside)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_it_wraps_a_denoiser_and_keeps_the_dtype(dtype):
    x = estimates().to(dtype)
    thresholded = ThresholdedDenoiser(lambda x, t: x * t, 0.9)(x, 2)
    assert thresholded.dtype == dtype
    torch.testing.assert_close(thresholded, dynamic_threshold(2 * x, 0.9))


@pytest.mark.parametrize("percentile", [0.9, 0.995, None])
def test_a_guided_walk_is_that_of_diffusers_ddim(percentile):
    """Large guidance, ten steps, in float64; diffusers re-derives the noise from the thresholded picture when told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDIMScheduler
    schedule = NoiseSchedule.linear(100)
    kind = {"clip_sample": True} if percentile is None else {"thresholding": True, "sample_max_value": 1e9}
    theirs = DDIMScheduler(
        num_train_timesteps=100, timestep_spacing="trailing", dynamic_thresholding_ratio=percentile or 0.5,
        **({"clip_sample": False} | kind),
    )  # fmt: skip
    theirs.set_timesteps(10)
    x = start = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def cond(x_t, t):
        return torch.tanh(x_t) + 0.3 * x_t.mean((2, 3), keepdim=True)

    def uncond(x_t, t):
        return torch.sin(x_t)

    for t in theirs.timesteps:
        eps = uncond(x, t) + 10 * (cond(x, t) - uncond(x, t))
        x = theirs.step(eps, t, x, use_clipped_model_output=True).prev_sample
    guided = GuidedDenoiser(NetworkDenoiser(cond, schedule), NetworkDenoiser(uncond, schedule), 10.0)
    ours = sample_ddim(ThresholdedDenoiser(guided, percentile), start, schedule, theirs.timesteps)
    assert (ours - x).abs().max() < 1e-5  # the levels are kept in float32 on both sides
    assert ours.abs().max() <= 1
    assert sample_ddim(guided, start, schedule, theirs.timesteps).abs().max() > 1.5  # what it is good for


@pytest.mark.parametrize("percentile", [0.0, 1.1, float("nan")])
def test_refuses_a_percentile_outside_its_range(percentile):
    with pytest.raises(ValueError, match=rf"percentile must lie in \(0, 1\], got {percentile}"):
        dynamic_threshold(estimates(), percentile)
    with pytest.raises(ValueError, match=rf"percentile must lie in \(0, 1\], got {percentile}"):
        ThresholdedDenoiser(lambda x, t: x, percentile)
