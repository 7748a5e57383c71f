"""Samplers: from standard normal noise to pictures, one plain function for each algorithm.

All of them walk down a grid of timesteps, ask the denoiser for x0_hat at each, and move x_t to the noise level of the
next; they know no network and no prediction type. `ac_t` and `ac_prev` are alphas_cumprod at this timestep and at the
next one of the grid, which DDPM's papers call t - 1 however far it is. At every sampler:

- `denoise(x_t, t) -> x0_hat` gets t as an int; `x` (B, ...) is standard normal noise and is left as it was;
- `timesteps` are integers, strictly descending (`NoiseSchedule.timesteps` makes them);
- `final_alpha_cumprod` is the level after the last one: 1 is the clean picture, and Stable Diffusion 1's
  `set_alpha_to_one=False` means `schedule.alphas_cumprod[0]`;
- noise is drawn from `generator`, which may live on another device than x;
- `callback(step, t, x_t, x0_hat)` runs before each update, step counting from 0;
- no gradients are kept; the result has the shape, dtype and device of x;
- a grid, level, eta or x that cannot work is a ValueError.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor

from t2ilab.diffusion.denoisers import Denoiser
from t2ilab.diffusion.schedule import NoiseSchedule

Callback = Callable[[int, int, Tensor, Tensor], object]


@torch.no_grad()
def sample_ddpm(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Tensor | Sequence[int],
    *,
    final_alpha_cumprod: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Draw each x_{t-1} from its posterior, as if x0_hat were the picture (Ho et al. 2020, algorithm 2).

    The variance is that of eq. 7 (diffusers' "fixed_small"). At a final_alpha_cumprod of 1 it is 0 in the last step,
    which so adds no noise.
    """
    for step, (t, ac_t, ac_prev) in enumerate(_walk(x, schedule, timesteps, final_alpha_cumprod)):
        x0_hat = denoise(x, t)
        if callback:
            callback(step, t, x, x0_hat)
        alpha_t = ac_t / ac_prev  # of the whole stride, which may be many timesteps long
        beta_t = 1 - alpha_t
        mean = (sqrt(ac_prev) * beta_t * x0_hat + sqrt(alpha_t) * (1 - ac_prev) * x) / (1 - ac_t)  # eq. 7
        variance = beta_t * (1 - ac_prev) / (1 - ac_t)  # eq. 7
        x = mean + sqrt(variance) * _noise_like(x, generator) if variance > 0 else mean
    return x


@torch.no_grad()
def sample_ddim(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Tensor | Sequence[int],
    *,
    eta: float = 0.0,
    final_alpha_cumprod: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Step from x0_hat back along the noise it implies, to a lower noise level (Song, Meng & Ermon 2021, eq. 12).

    `eta` in [0, 1] is the share of fresh noise: 0 is deterministic, 1 is DDPM. With clipped denoisers the noise is the
    one that fits the clipped x0_hat; diffusers keeps the unclipped one and so differs there.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie in [0, 1], got {eta}; 0 is DDIM and 1 is DDPM.")
    for step, (t, ac_t, ac_prev) in enumerate(_walk(x, schedule, timesteps, final_alpha_cumprod)):
        x0_hat = denoise(x, t)
        if callback:
            callback(step, t, x, x0_hat)
        eps = (x - sqrt(ac_t) * x0_hat) / sqrt(1 - ac_t)
        sigma_t = eta * sqrt((1 - ac_prev) / (1 - ac_t) * (1 - ac_t / ac_prev))  # eq. 16
        x = sqrt(ac_prev) * x0_hat + sqrt(max(0.0, 1 - ac_prev - sigma_t**2)) * eps  # eq. 12
        if sigma_t > 0:
            x = x + sigma_t * _noise_like(x, generator)
    return x


def _walk(
    x: Tensor, schedule: NoiseSchedule, timesteps: Tensor | Sequence[int], final_alpha_cumprod: float | Tensor
) -> list[tuple[int, float, float]]:
    """The checked grid as (t, ac_t, ac_prev); plain numbers, so that no step waits for a device."""
    if not x.is_floating_point():
        raise ValueError(f"x must be floats, standard normal noise, got {x.dtype}.")
    grid = torch.as_tensor(timesteps, device="cpu")
    if grid.ndim != 1 or len(grid) == 0 or grid.is_floating_point() or grid.dtype == torch.bool:
        raise ValueError(
            f"timesteps must be at least one integer in a row, got {grid.dtype} of shape {tuple(grid.shape)}; "
            "schedule.timesteps(20) makes a grid of 20."
        )
    steps, last = grid.tolist(), schedule.num_train_timesteps - 1
    for here, after in pairwise(steps):
        if here <= after:
            raise ValueError(f"timesteps must descend strictly, from noise to picture, got {here} before {after}.")
    if steps[0] > last or steps[-1] < 0:
        raise ValueError(f"timesteps must lie in 0 to {last}, got {steps[0]} to {steps[-1]}.")
    levels = schedule.alphas_cumprod[grid].tolist()
    final = float(final_alpha_cumprod)
    if not levels[-1] <= final <= 1:
        raise ValueError(
            f"final_alpha_cumprod must lie from that of the last timestep, {levels[-1]:.6g}, to 1, got {final:.6g}; a "
            "sampler only removes noise."
        )
    return list(zip(steps, levels, [*levels[1:], final], strict=True))


def _noise_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal noise like x, drawn where the generator lives."""
    device = x.device if generator is None else generator.device
    return torch.randn(x.shape, generator=generator, device=device, dtype=x.dtype).to(x.device)
