"""Noise conditioning augmentation: a super-resolution stage learns on spoilt small pictures, and is told how spoilt.

Ho et al. 2022 (Cascaded Diffusion Models, section 3.3) found it, Saharia et al. 2022 (Imagen, section 2.4) draws the
level anew for each picture and tells the network of it; when drawing, a low level hides the base's small mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from t2ilab.diffusion.schedule import NoiseSchedule

ENLARGED = 0.05  # root of the mean squared error of an enlargement in [-1, 1]: between 30 and 33 dB in this world


@dataclass(frozen=True)
class LowResNoise:
    """The noise that an upscaler of latents has learnt to see in its small pictures, and is told the level of.

    Args:
        schedule: whose timesteps are the levels; it need not be the one that the latents are drawn on.
        max_noise_level: the highest that it has learnt; Stable Diffusion's is 350 of 1,000.

    Raises:
        ValueError: a highest level that is no timestep of the schedule.
    """

    schedule: NoiseSchedule
    max_noise_level: int = 350

    def __post_init__(self) -> None:
        if not 0 <= self.max_noise_level < self.schedule.num_train_timesteps:
            raise ValueError(
                f"max_noise_level is a timestep, 0 to {self.schedule.num_train_timesteps - 1}; got "
                f"{self.max_noise_level}."
            )


def augmentation_timesteps(level: float | Tensor, schedule: NoiseSchedule, count: int = 1) -> Tensor:
    """The timesteps (count,) whose noise a level means: round(level * T) - 1, so that 0 is -1, no noise at all.

    Args:
        level: in [0, 1]: one for all, or (count,).

    Raises:
        ValueError: a level outside [0, 1], or not as many levels as `count`.
    """
    levels = torch.as_tensor(level, dtype=torch.float64)
    if levels.shape not in ((), (1,), (count,)):
        raise ValueError(f"level is one number, or one for each of the {count} pictures; got {tuple(levels.shape)}.")
    if not ((levels >= 0) & (levels <= 1)).all():  # written so that NaN counts as outside
        raise ValueError(f"An augmentation level lies in [0, 1], 0 for no noise; got {level}. 0.1 is usual.")
    return (levels * schedule.num_train_timesteps).round().long().sub(1).expand(count)


def augment_low_res(low_res: Tensor, level: float | Tensor, noise: Tensor, schedule: NoiseSchedule) -> Tensor:
    """Small pictures with the noise of a level, which is that of timestep round(level * T) - 1; at 0 they stay.

    Args:
        low_res: (B, ...).
        level: in [0, 1]: one for all, or (B,) for one each.
        noise: like low_res, standard normal.

    Raises:
        ValueError: a level outside [0, 1], or noise of another shape.
    """
    if noise.shape != low_res.shape:
        raise ValueError(f"noise has the shape of low_res, {tuple(low_res.shape)}; got {tuple(noise.shape)}.")
    t = augmentation_timesteps(level, schedule, len(low_res)).to(low_res.device)
    noised = schedule.add_noise(low_res, noise, t.clamp(min=0))
    return torch.where((t >= 0).reshape(-1, *[1] * (low_res.ndim - 1)), noised, low_res)


def low_res_scalings(t: Tensor, schedule: NoiseSchedule) -> tuple[Tensor, Tensor]:
    """How much of a small picture to keep, and how far off that may be: c_skip and c_out, each (B,).

    c_skip = sqrt(ac_t) times a picture with the noise of timestep t, of pixels of mean 0 and variance 1, is the linear
    estimate of the clean one with the least squared error, which is 1 - ac_t; an enlargement adds one of its own. A
    network whose output is multiplied by c_out = sqrt(1 - ac_t + ENLARGED^2) and added to the former has no copying to
    learn, and targets of one size at every level, if its squared errors count 1 / c_out^2 (Karras et al. 2022,
    equations 7 and 8, with the small picture in the place of x_t).

    Args:
        t: (B,), as `augmentation_timesteps` gives them: -1 for no noise.
    """
    ac = torch.cat([torch.ones(1), schedule.alphas_cumprod]).to(t.device)[t + 1]
    return ac.sqrt(), (1 - ac + ENLARGED**2).sqrt()
