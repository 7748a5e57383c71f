"""The mathematics of diffusion over plain callables: schedules, denoisers, guidance, samplers, losses and flows.

Everything is a denoiser, `denoise(x_t, t) -> x0_hat`; nothing here knows a network or a data set.
"""

from t2ilab.diffusion.augmentation import augment_low_res, augmentation_timesteps, low_res_scalings
from t2ilab.diffusion.denoisers import Denoiser, IdealDenoiser, NetworkDenoiser
from t2ilab.diffusion.flow import FlowMatching, flow_matching_loss, sample_flow_euler
from t2ilab.diffusion.guidance import GuidedDenoiser
from t2ilab.diffusion.inpainting import InpaintingDenoiser, inpaint_blend, reading_mask
from t2ilab.diffusion.losses import diffusion_loss, min_snr_weights
from t2ilab.diffusion.samplers import (
    sample_ddim,
    sample_ddpm,
    sample_dpmpp_2m,
    sample_euler,
    sample_euler_ancestral,
    sample_heun,
)
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.diffusion.score import langevin, score
from t2ilab.diffusion.thresholding import ThresholdedDenoiser, dynamic_threshold

__all__ = [
    "Denoiser",
    "FlowMatching",
    "GuidedDenoiser",
    "IdealDenoiser",
    "InpaintingDenoiser",
    "NetworkDenoiser",
    "NoiseSchedule",
    "ThresholdedDenoiser",
    "augment_low_res",
    "augmentation_timesteps",
    "diffusion_loss",
    "dynamic_threshold",
    "flow_matching_loss",
    "inpaint_blend",
    "langevin",
    "low_res_scalings",
    "min_snr_weights",
    "reading_mask",
    "sample_ddim",
    "sample_ddpm",
    "sample_dpmpp_2m",
    "sample_euler",
    "sample_euler_ancestral",
    "sample_flow_euler",
    "sample_heun",
    "score",
]
