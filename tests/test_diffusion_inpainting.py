"""Inpainting by blending against RePaint's blend at each step, written out, and with the exact posterior mean."""

import math

import pytest
import torch
import torch.nn.functional as F

from t2ilab.diffusion.denoisers import IdealDenoiser
from t2ilab.diffusion.inpainting import InpaintingDenoiser, inpaint_blend, reading_mask
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.samplers import (
    sample_ddim,
    sample_ddpm,
    sample_dpmpp_2m,
    sample_euler,
    sample_euler_ancestral,
    sample_heun,
)
from t2ilab.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule.linear(100)
SAME_NOISE = [sample_ddim, sample_euler, sample_heun, sample_dpmpp_2m]
FRESH_NOISE = [sample_ddpm, sample_euler_ancestral]


def drawn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def half(batch=1, size=6):
    """A mask whose right half is to be filled."""
    return torch.cat([torch.zeros(batch, 1, size, size // 2), torch.ones(batch, 1, size, size // 2)], dim=-1)


def looking_around(x, t):
    """A denoiser in which each pixel depends on its neighbours, so that the seam matters."""
    return torch.tanh(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) + 0.002 * t)


# ---- the blend -----------------------------------------------------------------------------------------------------


def test_the_blend_pixel_by_pixel():
    x_t, known, noise = (drawn(seed, 2, 3, 6, 6) for seed in range(3))
    t = torch.tensor([7, 60])
    got = inpaint_blend(x_t, known, half(2), noise, t, SCHEDULE)
    for i in range(2):
        ac = float(SCHEDULE.alphas_cumprod[t[i]])
        kept = math.sqrt(ac) * known[i] + math.sqrt(1 - ac) * noise[i]
        torch.testing.assert_close(got[i, :, :, :3], kept[:, :, :3], rtol=0, atol=1e-12)
        assert torch.equal(got[i, :, :, 3:], x_t[i, :, :, 3:])
    assert torch.equal(inpaint_blend(x_t, known, half(1).bool(), noise, t, SCHEDULE), got)


# ---- with every sampler --------------------------------------------------------------------------------------------


def walked(sampler, denoise, noise, known, mask, **options):
    grid, seen = SCHEDULE.timesteps(8, "trailing"), []
    x = inpaint_blend(noise, known, mask, noise, int(grid[0]), SCHEDULE)
    denoise = InpaintingDenoiser(denoise, known, mask)
    x0 = sampler(denoise, x, SCHEDULE, grid, callback=lambda step, t, x_t, x0_hat: seen.append((t, x_t)), **options)
    return x0, seen


@pytest.mark.parametrize("sampler", SAME_NOISE)
def test_the_known_part_is_blended_at_every_step(sampler):
    noise, known = drawn(0, 2, 3, 6, 6), drawn(1, 2, 3, 6, 6)
    x0, seen = walked(sampler, looking_around, noise, known, half())
    assert [t for t, _ in seen] == SCHEDULE.timesteps(8, "trailing").tolist()
    for t, x_t in seen:
        torch.testing.assert_close(x_t, inpaint_blend(x_t, known, half(), noise, t, SCHEDULE), rtol=0, atol=1e-9)
    torch.testing.assert_close(x0[..., :3], known[..., :3], rtol=0, atol=1e-12)
    assert (x0[..., 3:] - known[..., 3:]).abs().mean() > 0.1


def test_it_is_repaint_with_ddim():
    noise, known, mask = drawn(0, 2, 3, 6, 6), drawn(1, 2, 3, 6, 6), half()
    grid = SCHEDULE.timesteps(8, "trailing").tolist()
    x = noise
    for t, after in zip(grid, [*grid[1:], None], strict=True):
        ac = float(SCHEDULE.alphas_cumprod[t])
        kept = math.sqrt(ac) * known + math.sqrt(1 - ac) * noise
        x = torch.where(mask > 0, x, kept)  # eq. 8c
        x0_hat = looking_around(x, t)
        eps = (x - math.sqrt(ac) * x0_hat) / math.sqrt(1 - ac)
        ac_prev = 1.0 if after is None else float(SCHEDULE.alphas_cumprod[after])
        x = math.sqrt(ac_prev) * x0_hat + math.sqrt(1 - ac_prev) * eps
    expected = torch.where(mask > 0, x, known)
    torch.testing.assert_close(walked(sample_ddim, looking_around, noise, known, mask)[0], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("sampler", FRESH_NOISE)
def test_with_fresh_noise_the_known_part_has_the_noise_of_its_level(sampler):
    noise, known = drawn(0, 4, 3, 24, 24), drawn(1, 4, 3, 24, 24)
    generator = torch.Generator().manual_seed(5)
    x0, seen = walked(sampler, looking_around, noise, known, half(size=24), generator=generator)
    for t, x_t in seen:
        ac = float(SCHEDULE.alphas_cumprod[t])
        left = ((x_t - math.sqrt(ac) * known) / math.sqrt(1 - ac))[..., :12]
        assert abs(left.mean()) < 0.085  # 3,456 draws: five deviations of their mean, and below of their deviation
        assert abs(left.std() - 1) < 0.06
    torch.testing.assert_close(x0[..., :12], known[..., :12], rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampler", SAME_NOISE + FRESH_NOISE)
def test_what_is_filled_belongs_to_what_is_known(sampler):
    # Eight pictures, each of which has its own left and its own right half: whose left is known, his is the right.
    data = drawn(2, 8, 3, 6, 6).tanh()
    generator = torch.Generator().manual_seed(6)
    x0, _ = walked(sampler, IdealDenoiser(data, SCHEDULE), drawn(3, 8, 3, 6, 6), data, half(), generator=generator)
    torch.testing.assert_close(x0, data, rtol=0, atol=1e-3)


# ---- a network that reads the mask ---------------------------------------------------------------------------------


def test_the_network_reads_picture_mask_and_masked_picture_in_that_order():
    x_t, masked, mask = drawn(0, 4, 3, 6, 6), drawn(1, 2, 3, 6, 6), half(1)
    read = []
    net = reading_mask(lambda x, t, context: read.append((x, t, context)) or x[:, :3], mask, masked)
    assert torch.equal(net(x_t, "t", "context"), x_t)
    x, t, context = read[0]
    assert (t, context) == ("t", "context")
    for i in range(4):  # two of each, as guidance asks
        assert torch.equal(x[i], torch.cat([x_t[i], mask[0].double(), masked[i % 2]]))


def test_its_loss_is_the_loss_of_diffusion():
    x0, noise, mask, t = drawn(0, 2, 3, 6, 6), drawn(1, 2, 3, 6, 6), half(2), torch.tensor([3, 70])
    weight = drawn(2, 3, 7, 3, 3).requires_grad_()
    masked = x0 * (1 - mask)
    net = reading_mask(lambda x, t: F.conv2d(x, weight, padding=1), mask, masked)
    loss = diffusion_loss(net, x0, t, noise, SCHEDULE)
    x_t = SCHEDULE.add_noise(x0, noise, t)
    expected = (F.conv2d(torch.cat([x_t, mask.double(), masked], 1), weight, padding=1) - noise).square().mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert (weight.grad.abs().amax((0, 2, 3)) > 0).all()  # it learns from each channel


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (torch.zeros(6, 6), r"\(B, 1, H, W\) for pictures \(2, 3, 6, 6\); got \(6, 6\)"),
        (torch.zeros(2, 1, 6, 5), r"got \(2, 1, 6, 5\)"),
        (torch.full((1, 1, 6, 6), 255.0), "1 where there is to be filled and 0 elsewhere; got 255 to 255"),
        (half() - 1, "got -1 to 0"),
        (half() * math.nan, "got nan to nan"),
    ],
)
def test_a_mask_that_is_none(mask, sentence):
    x = drawn(0, 2, 3, 6, 6)
    calls = (
        lambda: inpaint_blend(x, x, mask, x, 5, SCHEDULE),
        lambda: InpaintingDenoiser(looking_around, x, mask),
        lambda: reading_mask(looking_around, mask, x),
    )
    for call in calls:
        with pytest.raises(ValueError, match=sentence):
            call()
