"""Lab 05's references against something independent: diffusers, a closed form, a slow obvious version."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from t2ilab.lab import bank


def reference(name):
    return bank.find(name).reference


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


@pytest.mark.parametrize("channels", [(8, 16), (16, 16), (24, 8)])
def test_res_block_equals_diffusers(channels, generator):
    from diffusers.models.resnet import ResnetBlock2D

    theirs = ResnetBlock2D(
        in_channels=channels[0],
        out_channels=channels[1],
        temb_channels=12,
        groups=8,
        eps=1e-5,
        non_linearity="silu",
    ).double()
    ours = reference("ResBlock")(*channels, 12).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    names = {"time_emb_proj": "time_proj", "conv_shortcut": "skip"}
    weights = {".".join(names.get(part, part) for part in key.split(".")): w for key, w in theirs.state_dict().items()}
    ours.load_state_dict(weights)
    # Little contrast, so that another eps in the norms would show.
    x = torch.randn(2, channels[0], 6, 5, generator=generator, dtype=torch.float64) * 0.01
    temb = torch.randn(2, 12, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        assert (ours(x, temb) - theirs(x, temb)).abs().max() < 1e-10


def test_schedule_and_noise_equal_diffusers(generator):
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler()
    betas = reference("linear_betas")(1000, 1e-4, 0.02)
    assert torch.equal(betas, scheduler.betas)
    ac = (1 - betas).cumprod(0)
    assert ac[-1].item() == pytest.approx(4.036e-5, rel=1e-3)
    x0, noise = torch.randn(2, 4, 3, 5, 6, generator=generator)
    t = torch.tensor([0, 17, 500, 999])
    x_t = reference("add_noise")(x0, noise, t, ac)
    torch.testing.assert_close(x_t, scheduler.add_noise(x0, noise, t))
    # And back: at the very end x0 is almost gone, so float32 must be allowed to lose some of it.
    torch.testing.assert_close(reference("eps_to_x0")(noise, x_t, t, ac), x0, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("t", [0, 1, 500, 999])
def test_ddpm_step_equals_diffusers(t, generator, monkeypatch):
    from diffusers import DDPMScheduler
    from diffusers.schedulers import scheduling_ddpm

    eps, x_t, noise = torch.randn(3, 2, 3, 4, 5, generator=generator)
    monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda *args, **kwargs: noise)
    scheduler = DDPMScheduler(clip_sample=False, variance_type="fixed_small")
    theirs = scheduler.step(eps, t, x_t).prev_sample
    ours = reference("ddpm_step")(eps, x_t, t, scheduler.betas, noise)
    torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-4)


def test_ddpm_step_samples_the_posterior_of_a_gaussian():
    """If x0 is standard normal and eps the exact guess, x_t stays standard normal down to the end (in variance)."""
    betas = torch.linspace(0.02, 0.3, 12, dtype=torch.float64)
    ac = (1 - betas).cumprod(0)
    variance = 1.0
    one, zero = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    for t in range(11, 0, -1):
        slope = reference("ddpm_step")(
            (1 - ac[t]).sqrt() * one, one, t, betas, zero
        ).item()  # E[eps | x_t] is sqrt(1 - ac) x_t
        sigma = reference("ddpm_step")(zero, zero, t, betas, one).item()
        # What E[eps | x_t] leaves out of x0's variance is missing from each step's noise (eq. 7 takes x0 as known).
        missing = (ac[t - 1].sqrt() * betas[t] / (1 - ac[t])).item() ** 2 * (1 - ac[t]).item()
        variance = slope**2 * variance + sigma**2 + missing
        assert variance == pytest.approx(1.0, abs=1e-9)
        variance = 1.0


@pytest.mark.parametrize("t", [torch.tensor([0, 3, 999]), torch.tensor([0.25, 3.5, 998.75])])
def test_timestep_embedding_equals_diffusers(t):
    from diffusers.models.embeddings import get_timestep_embedding

    theirs = get_timestep_embedding(t, 32, flip_sin_to_cos=True, downscale_freq_shift=0)
    ours = reference("timestep_embedding")(t, 32)
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours, theirs, atol=5e-4)


def test_ddpm_loss_of_silence_is_the_noise_itself(generator):
    x0, noise = torch.randn(2, 5, 3, 4, 4, generator=generator)
    ac = (1 - torch.linspace(0.1, 0.3, 10)).cumprod(0)
    loss = reference("ddpm_loss")(lambda x_t, t: torch.zeros_like(x_t), x0, torch.arange(5), noise, ac)
    assert loss.item() == pytest.approx((noise**2).mean().item(), rel=1e-6)
    assert loss.ndim == 0


def test_training_step_brings_the_loss_down(generator):
    net = torch.nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        net.weight.zero_()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    x0, noise = torch.zeros(1, 3, 8, 8), torch.randn(1, 3, 8, 8, generator=generator)
    ac = torch.full((4,), 0.1)
    timeless = Timeless(net)
    losses = [reference("training_step")(timeless, optimizer, x0, 2, noise, ac) for _ in range(60)]
    assert isinstance(losses[0], float)
    assert losses[-1] < 0.1 * losses[0]
    assert F.mse_loss(timeless(0.9**0.5 * noise, 2), noise).item() < losses[-1]


class Timeless(torch.nn.Module):
    """A net that does not care for t."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x_t, t):
        return self.net(x_t)
