"""The exercises of Lab 12: a small picture made larger by diffusion, and guidance kept from glaring."""

from t2ilab.lab.bank.lab12_imagen.augmenting import AUGMENT_LOW_RES
from t2ilab.lab.bank.lab12_imagen.enlarging import SUPER_RESOLUTION_INPUT
from t2ilab.lab.bank.lab12_imagen.thresholding import DYNAMIC_THRESHOLD

EXERCISES = (AUGMENT_LOW_RES, SUPER_RESOLUTION_INPUT, DYNAMIC_THRESHOLD)
