"""The published networks at their full size, in float32 on 64x64 latents: equal to the references, on a laptop.

Run by `make course`; each in a process of its own, whose memory is measured.
"""

import json
import subprocess
import sys
import time

import pytest

from t2ilab.benchmark.full_size import CASES

DIFFERENCE = 2e-6
SECONDS = 120
MEGABYTES = 6000


@pytest.mark.parametrize("case", CASES)
def test_equals_the_reference_at_full_size(case):
    began = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-m", "t2ilab.benchmark.full_size", case, "both"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    found = json.loads(answer.stdout.splitlines()[-1])
    print(f"\n{case}: {found['difference']:.1e}, {seconds:.0f} s, {found['megabytes']:.0f} MB", file=sys.stderr)
    assert found["deviation"] > 0.1  # something to compare
    assert found["difference"] <= DIFFERENCE
    assert seconds <= SECONDS
    assert found["megabytes"] <= MEGABYTES
