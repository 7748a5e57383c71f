"""The exercises of Lab 03: filtering pairs, dropping duplicates, searching, measuring it, and teaching a second tower.

Features are float (N, D), of any lengths: every exercise normalises inside. A threshold is a cosine.
"""

from t2ilab.lab.bank.lab03_image_text_data.alignment import ALIGNMENT_LOSS
from t2ilab.lab.bank.lab03_image_text_data.duplicates import NEAR_DUPLICATES
from t2ilab.lab.bank.lab03_image_text_data.filter import CLIP_FILTER
from t2ilab.lab.bank.lab03_image_text_data.recall import RECALL_AT_K
from t2ilab.lab.bank.lab03_image_text_data.search import SEARCH

EXERCISES = (CLIP_FILTER, NEAR_DUPLICATES, SEARCH, RECALL_AT_K, ALIGNMENT_LOSS)
