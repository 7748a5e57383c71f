"""The exercises of Lab 14: how far, how faithful, and how much of the world."""

from t2ilab.lab.bank.lab14_capstone.coverage import MODE_COVERAGE
from t2ilab.lab.bank.lab14_capstone.distance import FRECHET_DISTANCE
from t2ilab.lab.bank.lab14_capstone.faith import FAITHFULNESS

EXERCISES = (FRECHET_DISTANCE, FAITHFULNESS, MODE_COVERAGE)
