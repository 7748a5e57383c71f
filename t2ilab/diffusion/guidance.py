"""Guidance: two denoisers in, one denoiser out.

Guidance is a straight line through two estimates, and x0_hat, noise, velocity and score are straight-line functions of
one another; so it does not matter in which of them it is done.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from t2ilab.diffusion.denoisers import Denoiser
from t2ilab.diffusion.schedule import Timestep


@dataclass(frozen=True, eq=False)
class GuidedDenoiser:
    """Classifier-free guidance: uncond + guidance_scale * (cond - uncond) (Ho & Salimans 2022, eq. 6).

    `cond` sees the prompt and `uncond` does not (or sees the negative prompt). 1 is off and asks `cond` alone, 0 asks
    `uncond` alone, larger follows the prompt more closely and varies less. The paper's own w is guidance_scale - 1.

    Large scales also make pictures glaring. `guidance_rescale` in [0, 1] draws the estimate towards the deviation that
    `cond`'s own has, picture by picture (Lin et al. 2023, eqs. 15-16, who advise 0.7); it acts on x0_hat, and in
    diffusers on whatever the network predicts.

    Called with x_t (B, ...) and t it returns x0_hat like x_t. Raises ValueError for a scale that is not finite, and a
    rescale outside [0, 1].
    """

    cond: Denoiser
    uncond: Denoiser
    guidance_scale: float
    guidance_rescale: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.guidance_scale):
            raise ValueError(
                f"guidance_scale must be a finite number, got {self.guidance_scale}; 1 is off, 3 to 8 is usual."
            )
        if not 0 <= self.guidance_rescale <= 1:
            raise ValueError(f"guidance_rescale must lie in [0, 1], got {self.guidance_rescale}; 0 is off.")

    def __call__(self, x_t: Tensor, t: Timestep) -> Tensor:
        if self.guidance_scale == 1:
            return self.cond(x_t, t)
        uncond = self.uncond(x_t, t)
        if self.guidance_scale == 0:
            return uncond
        cond = self.cond(x_t, t)
        guided = uncond + self.guidance_scale * (cond - uncond)
        if self.guidance_rescale == 0:
            return guided
        dims = tuple(range(1, x_t.ndim))
        rescaled = guided * cond.std(dims, keepdim=True) / guided.std(dims, keepdim=True).clamp(min=1e-6)
        return self.guidance_rescale * rescaled + (1 - self.guidance_rescale) * guided
