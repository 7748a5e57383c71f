"""Noise conditioning augmentation against the forward process, its ends, and what is refused."""

import pytest
import torch

from t2ilab.diffusion.augmentation import ENLARGED, augment_low_res, augmentation_timesteps, low_res_scalings
from t2ilab.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule.cosine()


def pictures(count=3):
    return torch.randn(2, count, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("level", "t"), [(0.001, 0), (0.1, 99), (0.2504, 249), (0.2506, 250), (1.0, 999)])
def test_a_level_is_the_noise_of_a_timestep(level, t):
    low_res, noise = pictures()
    ac = SCHEDULE.alphas_cumprod[t].double()
    wanted = ac.sqrt() * low_res + (1 - ac).sqrt() * noise
    torch.testing.assert_close(augment_low_res(low_res, level, noise, SCHEDULE), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("level", [0, 0.0, 0.0004, torch.tensor(0.0)])
def test_below_the_first_timestep_nothing_changes(level):
    low_res, noise = pictures()
    assert torch.equal(augment_low_res(low_res, level, noise, SCHEDULE), low_res)


def test_each_picture_may_have_a_level_of_its_own():
    low_res, noise = pictures()
    levels = [0.0, 0.3, 1.0]
    assert augmentation_timesteps(torch.tensor(levels), SCHEDULE, 3).tolist() == [-1, 299, 999]
    together = augment_low_res(low_res, torch.tensor(levels), noise, SCHEDULE)
    alone = [augment_low_res(low_res[i : i + 1], levels[i], noise[i : i + 1], SCHEDULE) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize(
    ("level", "sentence"),
    [
        (-0.1, r"lies in \[0, 1\], 0 for no noise; got -0.1"),
        (1.01, "got 1.01"),
        (float("nan"), "got nan"),
        (torch.tensor([0.1, 2.0, 0.1]), r"lies in \[0, 1\]"),
        (torch.tensor([0.1, 0.2]), r"one for each of the 3 pictures; got \(2,\)"),
    ],
)
def test_what_is_no_level_is_a_sentence(level, sentence):
    with pytest.raises(ValueError, match=sentence):
        augment_low_res(*pictures()[:1], level, pictures()[1], SCHEDULE)


def test_noise_of_another_shape_is_a_sentence():
    with pytest.raises(ValueError, match=r"noise has the shape of low_res, \(3, 3, 4, 4\); got \(3, 3, 2, 4\)"):
        augment_low_res(pictures()[0], 0.1, pictures()[1][..., :2, :], SCHEDULE)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 0.9])
def test_the_scalings_are_those_of_the_best_multiple_of_a_noisy_small_picture(level):
    """Among all multiples, by least squares over a million pixels of variance 1."""
    clean = torch.randn(1, 10**6, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(1, 10**6, generator=torch.Generator().manual_seed(2))
    noisy = augment_low_res(clean, level, noise, SCHEDULE)
    best = (noisy * clean).mean() / (noisy**2).mean()
    skip, out = low_res_scalings(augmentation_timesteps(level, SCHEDULE), SCHEDULE)
    assert (skip.shape, out.shape) == ((1,), (1,))
    assert skip.item() == pytest.approx(best.item(), abs=3e-3)
    error = (best * noisy - clean).square().mean()
    assert out.item() ** 2 == pytest.approx(error.item() + ENLARGED**2, abs=3e-3)


def test_scalings_keep_a_clean_small_picture_whole():
    skip, out = low_res_scalings(torch.tensor([-1, 999]), SCHEDULE)
    assert skip[0] == 1
    assert out[0] == pytest.approx(ENLARGED)
    assert skip[1] == SCHEDULE.alphas_cumprod[999].sqrt()
