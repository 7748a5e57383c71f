"""Samplers: from standard normal noise to pictures, one plain function for each algorithm.

All of them walk down a grid of timesteps, ask the denoiser for x0_hat at each, and move x_t to the noise level of the
next; they know no network and no prediction type. `ac_t` and `ac_prev` are alphas_cumprod at this timestep and at the
next one of the grid, which DDPM's papers call t - 1 however far it is. Papers that divide the picture's share out
(Karras et al. 2022) write x = x_t / sqrt(ac_t) = x0 + sigma noise with sigma = sqrt((1 - ac_t) / ac_t); the functions
that follow them do so inside, and still take and give x_t. At every sampler:

- `denoise(x_t, t) -> x0_hat` gets t as an int; `x` (B, ...) is standard normal noise and is left as it was;
- `timesteps` are integers, strictly descending (`NoiseSchedule.timesteps` makes them);
- `final_alpha_cumprod` is the level after the last one: 1 is the clean picture, and Stable Diffusion 1's
  `set_alpha_to_one=False` means `schedule.alphas_cumprod[0]`;
- noise is drawn from `generator`, which may live on another device than x;
- `callback(step, t, x_t, x0_hat)` runs before each update, step counting from 0;
- no gradients are kept; the result has the shape, dtype and device of x;
- diffusers starts Euler, its ancestral form and Heun at noise x sigma where its grid is "trailing" or "linspace", and
  not at noise x sqrt(sigma^2 + 1), whose variance training had: to have its pictures, scale x by the quotient;
- a grid, level, eta or x that cannot work is a ValueError.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import expm1, inf, log, sqrt

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
        x = mean + sqrt(variance) * noise_like(x, generator) if variance > 0 else mean
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
            x = x + sigma_t * noise_like(x, generator)
    return x


@torch.no_grad()
def sample_euler(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Tensor | Sequence[int],
    *,
    final_alpha_cumprod: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Follow the flow dx / dsigma = (x - x0_hat) / sigma in straight steps (Karras et al. 2022, eq. 3, algorithm 1).

    The same steps as DDIM's with eta 0, which were found first and by another road. `generator` is not used.
    """
    for step, (t, ac_t, ac_prev) in enumerate(_walk(x, schedule, timesteps, final_alpha_cumprod)):
        x0_hat = denoise(x, t)
        if callback:
            callback(step, t, x, x0_hat)
        sigma, sigma_prev = _sigma(ac_t), _sigma(ac_prev)
        x_sigma = x / sqrt(ac_t)  # x0 + sigma noise
        slope = (x_sigma - x0_hat) / sigma
        x = sqrt(ac_prev) * (x_sigma + (sigma_prev - sigma) * slope)
    return x


@torch.no_grad()
def sample_euler_ancestral(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Tensor | Sequence[int],
    *,
    final_alpha_cumprod: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Step below the next noise level, then add fresh noise up to it (Euler ancestral, of Crowson's k-diffusion).

    The same steps as DDPM's, in another notation: the noise added is that of its posterior.
    """
    for step, (t, ac_t, ac_prev) in enumerate(_walk(x, schedule, timesteps, final_alpha_cumprod)):
        x0_hat = denoise(x, t)
        if callback:
            callback(step, t, x, x0_hat)
        sigma, sigma_prev = _sigma(ac_t), _sigma(ac_prev)
        sigma_down = sigma_prev**2 / sigma
        sigma_up = sqrt(max(0.0, sigma_prev**2 - sigma_down**2))
        x_sigma = x / sqrt(ac_t)  # x0 + sigma noise
        x = sqrt(ac_prev) * (x_sigma + (sigma_down - sigma) * (x_sigma - x0_hat) / sigma)
        if sigma_up > 0:
            x = x + sqrt(ac_prev) * sigma_up * noise_like(x, generator)
    return x


@torch.no_grad()
def sample_heun(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Tensor | Sequence[int],
    *,
    final_alpha_cumprod: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Euler's step, and again with the mean of the slopes at both its ends (Karras et al. 2022, algorithm 1).

    Of second order, for two calls of the denoiser a step; the last step is Euler's. `generator` is not used.
    """
    walk = _walk(x, schedule, timesteps, final_alpha_cumprod)
    for step, (t, ac_t, ac_prev) in enumerate(walk):
        x0_hat = denoise(x, t)
        if callback:
            callback(step, t, x, x0_hat)
        sigma, sigma_prev = _sigma(ac_t), _sigma(ac_prev)
        x_sigma = x / sqrt(ac_t)  # x0 + sigma noise
        slope = (x_sigma - x0_hat) / sigma
        x = sqrt(ac_prev) * (x_sigma + (sigma_prev - sigma) * slope)
        if step + 1 < len(walk):
            t_prev = walk[step + 1][0]
            slope_prev = (x / sqrt(ac_prev) - denoise(x, t_prev)) / sigma_prev
            x = sqrt(ac_prev) * (x_sigma + (sigma_prev - sigma) * (slope + slope_prev) / 2)
    return x


@torch.no_grad()
def sample_dpmpp_2m(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Tensor | Sequence[int],
    *,
    final_alpha_cumprod: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """DPM-Solver++(2M): second order for one call a step, thanks to the x0_hat before (Lu et al. 2022, algorithm 2).

    Solves the linear part of the flow exactly and draws a line through two estimates for the rest. The first step, and
    the last one onto the clean picture, are of first order. Where the walk ends at another level, below 15 steps,
    diffusers takes the last step of first order too (`lower_order_final`), and the paper does not. `generator` is not
    used.
    """
    before, h_before = None, inf
    for step, (t, ac_t, ac_prev) in enumerate(_walk(x, schedule, timesteps, final_alpha_cumprod)):
        x0_hat = denoise(x, t)
        if callback:
            callback(step, t, x, x0_hat)
        h = _half_log_snr(ac_prev) - _half_log_snr(ac_t)  # infinite from pure noise and to the clean picture
        ahead = x0_hat if before is None or h == inf else x0_hat + (x0_hat - before) * h / (2 * h_before)
        x = sqrt((1 - ac_prev) / (1 - ac_t)) * x - sqrt(ac_prev) * expm1(-h) * ahead
        before, h_before = x0_hat, h
    return x


def _sigma(ac: float) -> float:
    """The noise's deviation where the picture has its full size."""
    if ac == 0:
        raise ValueError(
            "Euler's and Heun's steps need some picture in x_t, got a schedule with zero terminal SNR, whose first "
            "sigma is infinite; use sample_ddim or sample_dpmpp_2m."
        )
    return sqrt((1 - ac) / ac)


def _half_log_snr(ac: float) -> float:
    """lambda of the DPM-Solver papers, log(sqrt(ac) / sqrt(1 - ac)), which rises as the noise falls."""
    if ac in (0, 1):
        return inf if ac else -inf
    return 0.5 * (log(ac) - log(1 - ac))


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
    grid = grid.long()  # bytes would be read as a mask
    steps, last = grid.tolist(), schedule.num_train_timesteps - 1
    for here, after in pairwise(steps):
        if here <= after:
            raise ValueError(f"timesteps must descend strictly, from noise to picture, got {here} before {after}.")
    if steps[0] > last or steps[-1] < 0:
        raise ValueError(f"timesteps must lie in 0 to {last}, got {steps[0]} to {steps[-1]}.")
    levels = schedule.alphas_cumprod[grid].tolist()
    final = float(final_alpha_cumprod)
    if not (levels[-1] <= final <= 1 and final > 0):
        raise ValueError(
            f"final_alpha_cumprod must lie from that of the last timestep, {levels[-1]:.6g}, to 1, and above 0, got "
            f"{final:.6g}; a sampler only removes noise."
        )
    return list(zip(steps, levels, [*levels[1:], final], strict=True))


def noise_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal noise like x, drawn where the generator lives."""
    device = x.device if generator is None else generator.device
    return torch.randn(x.shape, generator=generator, device=device, dtype=x.dtype).to(x.device)
