"""The exercises of Lab 06: one step of each sampler, and the loss of flow matching.

Scalars (`ac_t`, `sigma` and the like) are 0-d tensors. In sigma space x = x0 + sigma noise, the papers' other notation:
x_t / sqrt(ac_t), with sigma = sqrt((1 - ac_t) / ac_t).
"""

from t2ilab.lab.bank.lab06_samplers.ddim import DDIM_STEP
from t2ilab.lab.bank.lab06_samplers.dpmpp import DPMPP_2M_STEP
from t2ilab.lab.bank.lab06_samplers.euler import EULER_STEP
from t2ilab.lab.bank.lab06_samplers.flow import FLOW_MATCHING_LOSS
from t2ilab.lab.bank.lab06_samplers.heun import HEUN_STEP

EXERCISES = (DDIM_STEP, EULER_STEP, HEUN_STEP, DPMPP_2M_STEP, FLOW_MATCHING_LOSS)
