"""Dynamic thresholding against diffusers and picture by picture."""

import warnings

import pytest
import torch

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


@pytest.mark.parametrize("percentile", [0.0, 1.1, float("nan")])
def test_refuses_a_percentile_outside_its_range(percentile):
    with pytest.raises(ValueError, match=rf"percentile must lie in \(0, 1\], got {percentile}"):
        dynamic_threshold(estimates(), percentile)
    with pytest.raises(ValueError, match=rf"percentile must lie in \(0, 1\], got {percentile}"):
        ThresholdedDenoiser(lambda x, t: x, percentile)
