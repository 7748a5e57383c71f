"""Notebooks for the tests of `t2ilab.grading`, and a worker that needs no process."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from t2ilab.grading.sandbox import Limits
from t2ilab.grading.wire import pack, sent, unpack
from t2ilab.lab import bank
from t2ilab.lab.probing import measure

ROOT = Path(__file__).resolve().parents[1]
LABS = [lab for lab in bank.labs() if (ROOT / f"solutions/{lab}.py").is_file()]  # a bank may come before its lab
HEAD = """import math

import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.lab import exercise
"""


def _bubblewrap_works():
    if shutil.which("bwrap") is None:
        return False
    walls = ["bwrap", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc"]
    walls += ["--unshare-user"] * (os.geteuid() != 0)
    return subprocess.run([*walls, "true"], capture_output=True).returncode == 0


needs_bubblewrap = pytest.mark.skipif(
    not _bubblewrap_works(), reason="bubblewrap is not installed or not allowed here; without it no student code is run"
)


def solved(lab):
    """The code cells of a lab's solution: number -> source."""
    cells = json.loads((ROOT / f"solutions/{lab}.ipynb").read_bytes())["cells"]
    return {i: "".join(cell["source"]) for i, cell in enumerate(cells, 1) if cell["cell_type"] == "code"}


def notebook(*sources):
    """The bytes of a notebook of code cells."""
    cells = [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def lay(root, files):
    """Files written below a folder: place -> bytes."""
    for place, content in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(content)
    return root


class Here:
    """A stand-in for the sandbox, for answers that are objects of this process: name of the exercise -> answer."""

    def __init__(self, answers, change=lambda response: response):
        self.answers, self.change, self.limits = answers, change, Limits()

    @contextlib.contextmanager
    def worker(self):
        yield SimpleNamespace(ask=self._ask)

    def _ask(self, request):
        request = unpack(pack(request))
        asked = bank.find(request["exercise"])
        answer = self.answers[asked.name]
        if isinstance(answer, Exception):
            raise answer
        draws = [sent(measure(asked, answer, inputs, asked.off_limits)) for inputs in request["draws"]]
        return unpack(pack(self.change({"draws": draws, "tensors": []})))
