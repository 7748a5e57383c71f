"""What a notebook sees: exercises that check themselves, hints, budgets; plots and widgets are modules beside them."""

from t2ilab.lab.budget import budget
from t2ilab.lab.check import check
from t2ilab.lab.definition import Exercise, Misconception, Property, Tolerance
from t2ilab.lab.exercise import exercise
from t2ilab.lab.hints import hint
from t2ilab.lab.memory import after_each_cell
from t2ilab.lab.messages import Text, language
from t2ilab.lab.pace import pace
from t2ilab.lab.result import CheckResult
from t2ilab.lab.translate import say

__all__ = [
    "CheckResult",
    "Exercise",
    "Misconception",
    "Property",
    "Text",
    "Tolerance",
    "budget",
    "check",
    "exercise",
    "hint",
    "language",
    "pace",
    "say",
]

after_each_cell()
