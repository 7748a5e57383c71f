"""The score against autograd of an exact log density, and Langevin's walk against its own stationary law."""

import pytest
import torch

from t2ilab.diffusion.denoisers import IdealDenoiser
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.diffusion.score import langevin, score

DATA = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def schedule():
    return NoiseSchedule.linear()


def log_density(x, ac):
    """log p(x_t), up to a constant, when x0 is one of the rows of DATA."""
    distance = (x.flatten(1)[:, None] - ac.sqrt() * DATA.flatten(1)).square().sum(-1)
    return (-distance / (2 * (1 - ac))).logsumexp(1)


@pytest.mark.parametrize("t", [0, 100, 500, 999])
def test_it_is_the_gradient_of_the_log_density(schedule, t):
    ac = schedule.alphas_cumprod[t].double()
    x = ac.sqrt() * DATA[:4] + (1 - ac).sqrt() * torch.randn(4, 2, 3, dtype=torch.float64)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(log_density(x, ac).sum(), x)
    found = score(IdealDenoiser(DATA, schedule), x.detach(), t, schedule)
    assert (found - gradient).abs().max() < 1e-10 * gradient.abs().max()


def test_each_picture_may_have_its_own_timestep(schedule):
    denoise, x, t = (
        IdealDenoiser(DATA, schedule),
        torch.randn(3, 2, 3, dtype=torch.float64),
        torch.tensor([3, 400, 999]),
    )
    together = score(denoise, x, t, schedule)
    alone = torch.cat([score(denoise, x[i : i + 1], int(t[i]), schedule) for i in range(3)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_it_keeps_the_dtype(schedule, dtype):
    assert score(lambda x, t: 0.5 * x, torch.ones(2, 3, dtype=dtype), 5, schedule).dtype == dtype


def test_langevin_settles_where_its_equation_says(schedule):
    # x0 ~ N(0, 0.3^2), so x_t ~ N(0, v); a step multiplies by k = 1 - h / (2 v) and adds h: variance h / (1 - k^2)
    t, h = 300, 0.2
    ac = schedule.alphas_cumprod[t].item()
    v = 0.09 * ac + 1 - ac
    k = 1 - h / (2 * v)
    walked = langevin(
        lambda x, t: ac**0.5 * 0.09 / v * x,
        torch.zeros(200_000),
        schedule,
        t,
        num_steps=60,
        step_size=h,
        generator=torch.Generator().manual_seed(1),
    )
    assert walked.var().item() == pytest.approx(h / (1 - k**2), rel=0.015)  # four standard errors
    assert abs(walked.mean().item()) < 0.01


def test_langevin_leaves_its_start_alone_and_tells_each_step(schedule):
    x, seen = torch.zeros(2, 3), []
    arguments = {"num_steps": 3, "step_size": 0.1, "callback": lambda step, x: seen.append((step, x))}
    walked = [
        langevin(lambda x, t: x, x, schedule, 500, generator=torch.Generator().manual_seed(s), **arguments)
        for s in (1, 1, 2)
    ]
    assert [step for step, _ in seen] == [0, 1, 2] * 3
    assert seen[0][1] is x
    assert torch.equal(x, torch.zeros(2, 3))
    assert torch.equal(walked[0], walked[1])
    assert not torch.equal(walked[0], walked[2])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_steps": 0}, "num_steps must be at least 1, got 0"),
        ({"step_size": 0.0}, "step_size must be positive and finite, got 0.0"),
        ({"step_size": float("nan")}, "step_size must be positive and finite, got nan"),
        ({"t": 1000}, "t must lie in 0 to 999, got 1000"),
    ],
)
def test_langevin_refuses(schedule, change, sentence):
    arguments = {"t": 5, "num_steps": 2, "step_size": 0.1, **change}
    with pytest.raises(ValueError, match=sentence):
        langevin(lambda x, t: x, torch.zeros(2, 3), schedule, **arguments)
