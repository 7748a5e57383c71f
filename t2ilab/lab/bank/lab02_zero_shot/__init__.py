"""The exercises of Lab 02: classes in words, what a picture is, and how often that is right.

Features are normalised inside, and logit_scale is the multiplier itself, one over the temperature.
"""

from t2ilab.lab.bank.lab02_zero_shot.accuracy import TOPK_ACCURACY
from t2ilab.lab.bank.lab02_zero_shot.predict import ZERO_SHOT_PREDICT
from t2ilab.lab.bank.lab02_zero_shot.weights import ZERO_SHOT_WEIGHTS

EXERCISES = (ZERO_SHOT_WEIGHTS, ZERO_SHOT_PREDICT, TOPK_ACCURACY)
