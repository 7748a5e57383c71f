"""The gradient of the log density of noisy pictures, which every denoiser holds, and walks that follow it."""

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor

from t2ilab.diffusion.denoisers import Denoiser
from t2ilab.diffusion.samplers import noise_like
from t2ilab.diffusion.schedule import NoiseSchedule, Timestep


def score(denoise: Denoiser, x_t: Tensor, t: Timestep, schedule: NoiseSchedule) -> Tensor:
    """The gradient of log p(x_t) with respect to x_t: (sqrt(ac) x0_hat - x_t) / (1 - ac).

    Miyasawa (1961) and Tweedie (Robbins 1956): for x_t = sqrt(ac) x0 + sqrt(1 - ac) noise it is exact where x0_hat is
    the mean E[x0 | x_t]. x_t is (B, ...), t one integer timestep or (B,). Returns the gradient, like x_t. Raises
    ValueError for timesteps outside the schedule.
    """
    ac = schedule.alphas_cumprod_at(t, x_t.device)
    ac = ac.to(torch.promote_types(x_t.dtype, torch.float32)).reshape(-1, *[1] * (x_t.ndim - 1))
    return ((ac.sqrt() * denoise(x_t, t) - x_t) / (1 - ac)).to(x_t.dtype)


@torch.no_grad()
def langevin(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    t: int,
    *,
    num_steps: int,
    step_size: float,
    generator: torch.Generator | None = None,
    callback: Callable[[int, Tensor], object] | None = None,
) -> Tensor:
    """Walk uphill on log p(x_t) with noise, at one noise level: x + step_size / 2 * score + sqrt(step_size) * z.

    Langevin dynamics (Song & Ermon 2019, eq. 4). For small steps and many of them the walk visits noisy pictures as
    often as they are likely; with falling noise levels, one after the other, it ends at clean ones (their algorithm 1).

    Args:
        denoise: estimates x0 from x_t.
        x: (B, ...), where the walk begins; left as it was.
        schedule: whose timestep t says how noisy x_t is.
        t: that timestep, an int.
        num_steps: how many steps, at least 1.
        step_size: positive, in units of x squared; well below 1 - ac at t, or the walk flies off.
        generator: draws z; it may live on another device than x.
        callback: runs as callback(step, x) before each step.

    Raises:
        ValueError: num_steps below 1, or a step_size that is not positive and finite.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}.")
    if not 0 < step_size < float("inf"):
        raise ValueError(f"step_size must be positive and finite, got {step_size}; try a tenth of 1 - ac.")
    for step in range(num_steps):
        if callback:
            callback(step, x)
        x = x + step_size / 2 * score(denoise, x, t, schedule) + sqrt(step_size) * noise_like(x, generator)
    return x
