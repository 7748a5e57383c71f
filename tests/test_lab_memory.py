"""Free memory goes back to the system after each cell of a notebook."""

import sys
from types import SimpleNamespace

import psutil
import pytest

from t2ilab.lab import memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems give back by themselves")
def test_what_is_freed_is_held_no_longer():
    blocks = [bytearray(b"x" * 100_000) for _ in range(2_000)]
    pin = bytearray(100_000)  # on top of them, so that nothing shrinks by itself
    held = psutil.Process().memory_info().rss
    del blocks
    if not memory.give_back():
        pytest.skip("there is no glibc here")
    assert psutil.Process().memory_info().rss < held - 100e6
    assert len(pin) == 100_000


def test_each_cell_of_a_notebook_does_it_once(monkeypatch):
    callbacks = {"post_run_cell": []}
    events = SimpleNamespace(callbacks=callbacks, register=lambda name, call: callbacks[name].append(call))
    shell = SimpleNamespace(events=events)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(sys, "platform", "linux")
    called = []
    monkeypatch.setattr(memory, "give_back", lambda: called.append(1))
    memory.after_each_cell()
    memory.after_each_cell()
    (call,) = callbacks["post_run_cell"]
    call("what IPython says of the cell")
    assert called == [1]


def test_outside_of_a_notebook_nothing_happens(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    memory.after_each_cell()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    memory.after_each_cell()


def test_without_glibc_it_says_so(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(memory.ctypes, "CDLL", missing)
    assert not memory.give_back()
