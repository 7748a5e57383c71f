"""One side of one contest, for its memory: python -m t2ilab.benchmark.alone NAME ours|theirs

Prints a line of JSON. Weights are held before, so what counts is what a turn takes: in training the gradients, the
optimizer's figures and the activations.
"""

from __future__ import annotations

import json
import sys
import warnings

from t2ilab.benchmark.contest import own_device
from t2ilab.benchmark.memory import beyond
from t2ilab.benchmark.suite import CONTESTS

TURNS = 3


def measure(name: str, side: str, quick: bool = False) -> float:
    """Megabytes of a side, "ours" or "theirs", beyond what it held before its first turn."""
    device, contest = own_device(), CONTESTS[name](quick)
    turn = {"ours": contest.ours, "theirs": contest.theirs}[side]()
    return beyond(lambda: [turn() for _ in range(TURNS)], device)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps({"megabytes": measure(sys.argv[1], sys.argv[2])}))
