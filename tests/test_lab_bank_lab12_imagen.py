"""Lab 12's references against diffusers and the package's own; what students also write, and what they are told."""

import pytest
import torch
import torch.nn.functional as F
from published import diffusers_class

from t2ilab.diffusion import augmentation, thresholding
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab import bank, check


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(12)


def reference(name):
    return bank.find(name).reference


@pytest.mark.parametrize("level", [0.0, 0.0004, 0.001, 0.1, 0.333, 1.0])
def test_augmentation_is_the_packages(level, generator):
    schedule = NoiseSchedule.cosine()
    low_res, noise = torch.randn(2, 2, 3, 4, 5, generator=generator)
    own = augmentation.augment_low_res(low_res, level, noise, schedule)
    torch.testing.assert_close(reference("augment_low_res")(low_res, level, noise, schedule), own)


def test_augmentation_is_diffusers_at_its_timestep(generator):
    scheduler = diffusers_class("DDPMScheduler")(beta_schedule="squaredcos_cap_v2")
    low_res, noise = torch.randn(2, 2, 3, 4, 5, generator=generator)
    theirs = scheduler.add_noise(low_res, noise, torch.tensor([99, 99]))
    ours = reference("augment_low_res")(low_res, 0.1, noise, NoiseSchedule.cosine())
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_thresholding_is_diffusers(generator):
    theirs = diffusers_class("DDPMScheduler")(thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=1e9)
    x0_hat = 3 * torch.randn(4, 3, 8, 8, generator=generator)
    ours = reference("dynamic_threshold")(x0_hat, 0.9)
    torch.testing.assert_close(ours, theirs._threshold_sample(x0_hat), rtol=1e-6, atol=1e-6)


def test_a_small_picture_grown_and_shrunk_again_is_nearly_itself(generator):
    coarse = torch.rand(1, 3, 4, 4, generator=generator)
    smooth = F.interpolate(coarse, size=(16, 16), mode="bilinear", antialias=True)
    both = reference("super_resolution_input")(torch.zeros(1, 3, 64, 64), smooth)
    assert both.shape == (1, 6, 64, 64)
    assert (F.avg_pool2d(both[:, 3:], 4) - smooth).abs().max() < 0.03


def test_a_picture_that_is_not_enlarged_is_named():
    result = check(lambda x_t, low_res: torch.cat([x_t, low_res], dim=1), "super_resolution_input")
    assert "put beside x_t as it is" in result.message


@pytest.mark.parametrize(("answer", "exercise"), [
    (lambda x, p: thresholding.dynamic_threshold(x, p), "dynamic_threshold"),
    (lambda low, level, noise, s: augmentation.augment_low_res(low, level, noise, s), "augment_low_res"),
])  # fmt: skip
def test_the_packages_own_is_off_limits(answer, exercise):
    assert check(answer, exercise).status == "off_limits"
