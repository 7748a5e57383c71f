"""Notebooks from their one source: `solutions/NN_name.py` becomes a lab and a solution, in English and in Japanese.

The source (jupytext, py:percent) shows each exercise as the student meets it, ending in `raise NotImplementedError`.
A lab is that text as it is; in a solution the body of the exercise's reference stands in the blank. So no answer is
ever written in what labs are made of.
"""

from t2ilab.authoring.blanks import exercises, fill, leaks
from t2ilab.authoring.notebooks import build, build_all, compare, read_notebook, read_source, sources, to_bytes
from t2ilab.authoring.releasing import release
from t2ilab.authoring.running import execute, is_executed
from t2ilab.authoring.watching import execute_watched

__all__ = [
    "build",
    "build_all",
    "compare",
    "execute",
    "execute_watched",
    "exercises",
    "fill",
    "is_executed",
    "leaks",
    "read_notebook",
    "read_source",
    "release",
    "sources",
    "to_bytes",
]
