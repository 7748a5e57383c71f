"""The exercises of Lab 04: the best guess at a clean picture, the slope that it holds, and the loss that finds it.

Here alphas_cumprod at one timestep is `ac_t`, a 0-d tensor, and x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise.
"""

from t2ilab.lab.bank.lab04_denoising.best_guess import MMSE_DENOISER
from t2ilab.lab.bank.lab04_denoising.loss import DENOISING_LOSS
from t2ilab.lab.bank.lab04_denoising.slope import TWEEDIE_SCORE

EXERCISES = (MMSE_DENOISER, TWEEDIE_SCORE, DENOISING_LOSS)
