"""What running a notebook costs: seconds, and the most memory that its kernel held."""

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from t2ilab.authoring.running import execute


def execute_watched(path: str | Path, most: float = math.inf, budget: str = "lesson") -> tuple[float, float]:
    """Execute a notebook as `execute` does, in a fresh kernel.

    most: megabytes; a kernel that holds so many is killed, as Binder does at 2,000.

    Returns seconds, starting the kernel included, and the most megabytes that it was seen to hold. Raises as `execute`
    does, and RuntimeError with the megabytes where the kernel was killed.
    """
    began = time.perf_counter()
    with _watched(most) as found:
        execute(path, budget=budget)
    return time.perf_counter() - began, max(found)


@contextlib.contextmanager
def _watched(most: float) -> Iterator[list[float]]:
    """Gives all megabytes that kernels of this process were seen to hold.

    What counts is resident memory, as on Binder. The system has no such limit for one process: RLIMIT_AS counts
    addresses, of which torch takes many more than it fills, and Linux heeds RLIMIT_RSS no longer.
    """
    stop, found = threading.Event(), [0.0]

    def watch() -> None:
        while not stop.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it has just ended
                    if "ipykernel" in " ".join(child.cmdline()):
                        found.append(child.memory_info().rss / 1e6)
                        if found[-1] >= most:
                            child.kill()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    except RuntimeError as error:
        if max(found) < most:
            raise
        raise RuntimeError(
            f"The kernel held {max(found):.0f} MB and was killed, as from {most:.0f} MB on: {error}"
        ) from error
    finally:
        stop.set()
        watcher.join()
