"""The exercises of Lab 09: to begin half-way, to fill a hole, and to let a second network whisper to the first.

Pictures are (B, 3, H, W) in [-1, 1]; a mask is (B, 1, H, W), 1 where something new is to come and 0 elsewhere.
"""

from t2ilab.lab.bank.lab09_control.blending import INPAINT_BLEND
from t2ilab.lab.bank.lab09_control.injecting import INJECT
from t2ilab.lab.bank.lab09_control.maps import ONE_HOT_MAP
from t2ilab.lab.bank.lab09_control.start import SDEDIT_START
from t2ilab.lab.bank.lab09_control.zero import ZERO_CONV

EXERCISES = (SDEDIT_START, INPAINT_BLEND, ZERO_CONV, INJECT, ONE_HOT_MAP)
