"""Inpainting: part of a picture is known, the rest is drawn so that it fits. A mask is 1 where there is to be filled.

Two ways: any denoiser is told what is known (`InpaintingDenoiser`), or a network of its own reads the mask and the
picture with a hole beside x_t (`reading_mask`), and learns to look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from t2ilab.diffusion.denoisers import Denoiser
from t2ilab.diffusion.schedule import NoiseSchedule, Timestep


def inpaint_blend(
    x_t: Tensor, known_x0: Tensor, mask: Tensor, noise: Tensor, t: Timestep, schedule: NoiseSchedule
) -> Tensor:
    """x_t where the mask is 1, elsewhere the known picture at noise level t (RePaint, Lugmayr et al. 2022, eq. 8).

    x_t, known_x0 and noise are (B, C, H, W), the mask (B, 1, H, W) or what expands to it, in [0, 1]. Returns a tensor
    like x_t. Raises ValueError for a mask of another shape or with other values. (The paper's m is 1 - mask.)
    """
    mask = _checked(mask, x_t)
    return mask * x_t + (1 - mask) * schedule.add_noise(known_x0, noise, t)


@dataclass(frozen=True, eq=False)
class InpaintingDenoiser:
    """A denoiser that knows a part of the picture: its guess where the mask is 1, the known picture elsewhere.

    Samplers work pixel by pixel. Where x0_hat is the known picture and x_t is that picture with noise, each of their
    steps leads to that picture with less noise: the same (DDIM, Euler, Heun, DPM++ 2M) or some of it fresh (DDPM, Euler
    ancestral). So a walk that starts from `inpaint_blend` is blended at every step, as RePaint asks, and no sampler
    needs to know of it; solvers that remember earlier steps are not disturbed either.

    known_x0 is (B, C, H, W), the mask (B, 1, H, W) or what expands to it, in [0, 1]. Called with x_t like known_x0 and
    t it returns x0_hat like x_t. Raises ValueError for a mask of another shape or with other values.
    """

    denoise: Denoiser
    known_x0: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", _checked(self.mask, self.known_x0))

    def __call__(self, x_t: Tensor, t: Timestep) -> Tensor:
        return self.mask * self.denoise(x_t, t) + (1 - self.mask) * self.known_x0


def reading_mask(net: Callable[..., Tensor], mask: Tensor, masked_x0: Tensor) -> Callable[..., Tensor]:
    """An inpainting network as one that reads x_t alone: it is given x_t, mask and masked_x0 as 2C + 1 channels.

    That is the order of Stable Diffusion's inpainting, which concatenates as Rombach et al. 2022, section 4.5. Its loss
    is `diffusion_loss` of it: diffusion_loss(reading_mask(net, mask, masked_x0), x0, t, noise, schedule).

    Args:
        net: called as net(x (B, 2C + 1, H, W), t, ...).
        mask: (B, 1, H, W) or what expands to it, in [0, 1].
        masked_x0: (B, C, H, W): the picture, grey (0) where the mask is 1; or the latents of such a picture.

    Returns:
        A callable (x_t, t, ...) -> output; x_t (B, C, H, W) or several such batches in one, as guidance has them.

    Raises:
        ValueError: a mask of another shape or with other values.
    """
    mask = _checked(mask, masked_x0)[:, :1].expand(len(masked_x0), -1, *masked_x0.shape[2:])
    beside = torch.cat([mask, masked_x0], dim=1)  # (B, C + 1, H, W)

    def net_of_x_t(x_t: Tensor, *told: Tensor) -> Tensor:
        times = len(x_t) // len(beside)
        return net(torch.cat([x_t, beside.repeat(times, 1, 1, 1)], dim=1), *told)

    return net_of_x_t


def _checked(mask: Tensor, x: Tensor) -> Tensor:
    """The mask in the dtype and on the device of pictures x (B, C, H, W)."""
    if mask.ndim != x.ndim or any(side not in (1, whole) for side, whole in zip(mask.shape, x.shape, strict=True)):
        raise ValueError(f"A mask is (B, 1, H, W) for pictures {tuple(x.shape)}; got {tuple(mask.shape)}.")
    mask = mask.to(x)
    low, high = (float(end) for end in mask.aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"A mask is 1 where there is to be filled and 0 elsewhere; got {low:.4g} to {high:.4g}.")
    return mask
