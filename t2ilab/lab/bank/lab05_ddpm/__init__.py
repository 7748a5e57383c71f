"""The exercises of Lab 05, a diffusion model from nothing: the schedule, the network's block, training, sampling.

DDPM is Ho, Jain and Abbeel 2020 (arXiv 2006.11239). Here alphas_cumprod is `ac`, timesteps count from 0, and `noise`
is the paper's epsilon.
"""

from t2ilab.lab.bank.lab05_ddpm.embedding import TIMESTEP_EMBEDDING
from t2ilab.lab.bank.lab05_ddpm.estimate import EPS_TO_X0
from t2ilab.lab.bank.lab05_ddpm.forward import ADD_NOISE, LINEAR_BETAS
from t2ilab.lab.bank.lab05_ddpm.loss import DDPM_LOSS
from t2ilab.lab.bank.lab05_ddpm.resblock import RES_BLOCK
from t2ilab.lab.bank.lab05_ddpm.reverse import DDPM_STEP
from t2ilab.lab.bank.lab05_ddpm.training import TRAINING_STEP

EXERCISES = (
    LINEAR_BETAS,
    ADD_NOISE,
    TIMESTEP_EMBEDDING,
    EPS_TO_X0,
    RES_BLOCK,
    DDPM_LOSS,
    TRAINING_STEP,
    DDPM_STEP,
)
