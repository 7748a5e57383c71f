"""Free memory goes back to the system after each cell: what counts on Binder is what a kernel holds, used or not.

glibc keeps what is freed for the next one who asks, and after an hour of models that come and go it keeps hundreds of
megabytes in pieces (Linux; other systems give back by themselves).
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any


def give_back() -> bool:
    """Returns free memory to the system; False where there is no glibc to ask."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return False
    return True


def after_each_cell() -> None:
    """Does so after each cell of the notebook that this is imported in; nothing outside of one."""
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and sys.platform == "linux" and _after_cell not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _after_cell)


def _after_cell(_: Any) -> None:
    give_back()
