"""The exercises of Lab 01: a caption in one vector, every picture beside every caption, and the loss that pairs them.

Features are normalised inside, and logit_scale is the multiplier itself, one over the temperature.
"""

from t2ilab.lab.bank.lab01_clip.logits import SIMILARITY_LOGITS
from t2ilab.lab.bank.lab01_clip.loss import CLIP_LOSS
from t2ilab.lab.bank.lab01_clip.pooling import POOL_TEXT

EXERCISES = (POOL_TEXT, SIMILARITY_LOGITS, CLIP_LOSS)
