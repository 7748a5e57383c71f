"""The process in which a student's code runs: it gets a program and inputs, and gives arrays, until the pipe closes.

`python -m t2ilab.grading.worker READ WRITE SETTINGS`, started by `sandbox.py` in a copy of the package that knows no
answers (`staging.py`). Whatever the student's code does to this process costs that student alone.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import importlib
import io
import json
import linecache
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

import torch

from t2ilab.grading.wire import Broken, pack, read_message, sent, unpack, write_message
from t2ilab.lab import bank
from t2ilab.lab.definition import Exercise
from t2ilab.lab.probing import Failure, Measured, describe, measure

_FOREVER = 10.0**9


def main() -> None:
    """Answers one request after the other."""
    source, target = int(sys.argv[1]), int(sys.argv[2])
    settings = json.loads(sys.argv[3])
    torch.set_num_threads(1)
    sys.modules.setdefault("torch._dynamo", _NoCompiler("torch._dynamo"))
    for name in {name for one in bank.ALL for name in one.off_limits if name.startswith("t2ilab.")}:
        # Loaded, so that it can be watched: what a student's function loads by itself would come too late.
        with contextlib.suppress(ImportError):
            importlib.import_module(name.rpartition(".")[0])
    write_message(target, pack({"ready": True}), time.monotonic() + _FOREVER)
    _be_quiet()
    _limit(settings)
    while True:
        try:
            request = unpack(read_message(source, 2**40, _FOREVER))
        except Broken:
            return
        write_message(target, pack(respond(request)), time.monotonic() + _FOREVER)


def respond(request: dict[str, Any]) -> dict[str, Any]:
    """What the student's answer does with each draw of inputs, or what stopped the cells that define it.

    request: {"exercise", "cells": {number: source}, "run": [[cell, statement]], "names", "reads", "draws"}.
    """
    name = request["exercise"]
    namespace, faults = run(request["cells"], request["run"], set(request["names"]))
    if name not in namespace:
        fault = faults.get(name) or Failure("NameError", f"name {name!r} is not defined")
        return {"stopped": sent(Measured({}, fault))["failure"]}
    asked, answer = bank.find(name), namespace[name]
    tensors = [read for read in request["reads"] if isinstance(namespace.get(read), torch.Tensor)]
    draws = [sent(_measured(asked, answer, inputs)) for inputs in request["draws"]]
    return {"draws": draws, "tensors": sorted(tensors)}


def _measured(asked: Exercise, answer: Any, inputs: dict[str, Any]) -> Measured:
    try:
        return measure(asked, answer, inputs, asked.off_limits)
    except BaseException as error:  # also KeyboardInterrupt, GeneratorExit and what else a student may raise
        return Measured({}, describe(error, answer))


def run(cells: dict[str, str], statements: list[list[int]], names: set[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs statements of a notebook's cells in a module of their own, and returns its names and what failed.

    A statement that fails does not stop the others. What it would have bound raises the same error when it is called,
    so that an exercise that needs it is told why.
    """
    module = types.ModuleType("__main__")
    module.__dict__["display"] = lambda *_, **__: None
    sys.modules["__main__"] = module
    namespace, faults = module.__dict__, {}
    trees = {}
    for key, source in cells.items():
        file = f"<cell {key}>"  # as inspect and error messages will ask for it
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        trees[int(key)] = ast.parse(source, file)
    for number, place in statements:
        node, file = _asked(trees[number].body[place], names), f"<cell {number}>"
        try:
            exec(compile(ast.Module([node], []), file, "exec"), namespace)
        except BaseException as error:
            trace = error.__traceback__.tb_next if error.__traceback__ else None
            anchor = types.FunctionType((lambda: None).__code__, namespace)
            fault = describe(error.with_traceback(trace), anchor)
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                faults[node.name] = fault
                namespace[node.name] = _raiser(error)
    failed = {name: fault for name, fault in faults.items() if getattr(namespace.get(name), "t2ilab_failed", False)}
    return {name: value for name, value in namespace.items() if name not in failed}, failed


def _asked(node: ast.stmt, names: set[str]) -> ast.stmt:
    """An import brings only the names that something reads; all other statements are as they are."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        node.names = [one for one in node.names if (one.asname or one.name.partition(".")[0]) in names] or node.names
    return node


def _raiser(error: BaseException) -> Any:
    def failed(*_: Any, **__: Any) -> None:
        raise error

    failed.t2ilab_failed = True  # type: ignore[attr-defined]
    return failed


class _NoCompiler(types.ModuleType):
    """Stands where torch's compiler would: torch's optimizers load that, seconds of work, only to say "not here"."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda function=None, *_, **__: function


def _be_quiet() -> None:
    """What a student's code prints goes nowhere, however much it is."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    sys.stdin = io.StringIO()


def _limit(settings: dict[str, int]) -> None:
    """Limits that this process cannot lift again; memory is counted from what torch has taken already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: also without walls it ends with its parent
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")  # where memory ends, this process ends first
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"RLIMIT_FSIZE": settings["file_bytes"], "RLIMIT_NPROC": settings["processes"], "RLIMIT_CORE": 0}
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits["RLIMIT_AS"] = pages * resource.getpagesize() + settings["memory"]
    for name, value in limits.items():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


if __name__ == "__main__":
    main()
