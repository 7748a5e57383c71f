"""The mathematics of diffusion over plain callables: schedules, denoisers, guidance, samplers and losses.

Everything is a denoiser, `denoise(x_t, t) -> x0_hat`; nothing here knows a network or a data set.
"""

from t2ilab.diffusion.denoisers import Denoiser, IdealDenoiser, NetworkDenoiser
from t2ilab.diffusion.guidance import GuidedDenoiser
from t2ilab.diffusion.losses import diffusion_loss, min_snr_weights
from t2ilab.diffusion.samplers import sample_ddim, sample_ddpm
from t2ilab.diffusion.schedule import NoiseSchedule

__all__ = [
    "Denoiser",
    "GuidedDenoiser",
    "IdealDenoiser",
    "NetworkDenoiser",
    "NoiseSchedule",
    "diffusion_loss",
    "min_snr_weights",
    "sample_ddim",
    "sample_ddpm",
]
