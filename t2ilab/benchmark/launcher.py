"""Runs a command and says its seconds and most memory: python -m t2ilab.benchmark.launcher COMMAND...

A small process of its own, because Linux counts to a child's most memory what its parent held when it started it.
Prints a line of JSON; the memory is null on Windows, which has no such figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    megabytes = None
    if sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        megabytes = peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
    print(json.dumps({"seconds": seconds, "megabytes": megabytes}))
    sys.exit(code)
