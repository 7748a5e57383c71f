"""What goes into the sandbox and what comes out: plain values and arrays, as JSON and raw numbers, nothing that runs.

Both sides use this file. What comes out was written by a process in which a student's code ran, and is trusted in
nothing: it is bounded in size, and every value is looked at before it is used.
"""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load, save

from t2ilab.lab.messages import TABLE
from t2ilab.lab.probing import Failure, Measured

LONGEST_WORDS = 2000  # characters of one message; the rest is cut off
_HEAD = 8  # bytes before a message: its length
_LOOK = 0.25  # seconds from one look at the other side to the next


class Broken(Exception):
    """The other side closed the pipe, or what came is not a message."""


def pack(value: Any) -> bytes:
    """Dicts, lists, numbers, strings, None, numpy arrays and CPU tensors as bytes (safetensors; no pickle)."""
    arrays: dict[str, np.ndarray] = {}

    def outline(item: Any) -> Any:
        if isinstance(item, torch.Tensor | np.ndarray):
            key = f"a{len(arrays)}"
            array = item.detach().numpy() if isinstance(item, torch.Tensor) else item
            arrays[key] = np.ascontiguousarray(array).reshape(array.shape)
            return {"tensor" if isinstance(item, torch.Tensor) else "array": key}
        if isinstance(item, dict):
            return {"dict": [[key, outline(inner)] for key, inner in item.items()]}
        if isinstance(item, list | tuple):
            return [outline(inner) for inner in item]
        return item

    text = json.dumps(outline(value)).encode()
    return save({**arrays, "outline": np.frombuffer(text, dtype=np.uint8)})


def unpack(data: bytes) -> Any:
    """The value again; tuples as lists. Raises Broken for anything else than `pack` makes."""
    try:
        arrays = load(data)
        outline = json.loads(arrays.pop("outline").tobytes())
        return _filled(outline, arrays)
    except Exception as error:  # whatever a hostile message makes the readers say
        raise Broken(f"{type(error).__name__}: {error}") from error


def _filled(item: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(item, list):
        return [_filled(inner, arrays) for inner in item]
    if not isinstance(item, dict):
        return item
    ((kind, content),) = item.items()
    if kind == "dict":
        return {key: _filled(inner, arrays) for key, inner in content}
    array = arrays[content].copy()  # safetensors gives arrays that cannot be written
    return torch.from_numpy(array) if kind == "tensor" else array


def sent(measured: Measured) -> dict[str, Any]:
    """What was measured, as values that `pack` takes. Arrays of other kinds than numbers become a failure."""
    arrays, failure = {}, measured.failure
    for case, array in measured.arrays.items():
        if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
            arrays[case] = array
        elif array.dtype.kind in "fc":
            arrays[case] = array.astype(np.float64 if array.dtype.kind == "f" else np.complex64)
        else:
            values = {"received": str(array.dtype)}
            failure = failure or Failure("Unfit", "", case, sentence="wrong_type", values=values)
    if failure:
        words = {key: getattr(failure, key) for key in ("kind", "message", "case", "function", "source", "sentence")}
        values = {str(key): cut(value) for key, value in failure.values.items()}
        told = {key: cut(value) for key, value in words.items()} | {"line": int(failure.line), "values": values}
    return {
        "arrays": arrays,
        "failure": told if failure else None,
        "changed": [*map(str, measured.changed)],
        "forbidden": [*map(str, measured.forbidden)],
    }


def received(raw: Any) -> Measured:
    """The same on this side. Raises Broken where anything is not what it should be."""
    try:
        arrays = {cut(case): array for case, array in raw["arrays"].items() if isinstance(array, np.ndarray)}
        told, failure = raw["failure"], None
        if told is not None:
            words = {key: cut(told[key]) for key in ("kind", "message", "case", "function", "source", "sentence")}
            values = {cut(key): cut(value) for key, value in told["values"].items()}
            failure = Failure(**words, line=int(told["line"]), values=values)
            if failure.sentence:
                TABLE[failure.sentence].say(**{"case": failure.case, **values})  # it has to be one that can be said
        changed, forbidden = ([cut(name) for name in raw[key][:20]] for key in ("changed", "forbidden"))
        return Measured(arrays, failure, tuple(changed), tuple(forbidden))
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}") from error


def cut(words: Any) -> str:
    """Words that are not too long, and that every file can hold."""
    return str(words)[:LONGEST_WORDS].encode("utf-8", "replace").decode()


def read_message(descriptor: int, most: int, until: float, watch: Callable[[], None] = lambda: None) -> bytes:
    """The next message from a pipe that does not block. most: bytes; until: time.monotonic() to give up at.

    watch: called some times a second; it may raise. Raises TimeoutError, or Broken when the pipe is closed.
    """
    size = int.from_bytes(_read(descriptor, _HEAD, until, watch), "little")
    if size > most:
        raise Broken(f"a message of {size} bytes, and {most} are the most")
    return _read(descriptor, size, until, watch)


def write_message(descriptor: int, data: bytes, until: float) -> None:
    """Writes a message into a pipe that does not block. Raises as `read_message` does."""
    left = memoryview(len(data).to_bytes(_HEAD, "little") + data)
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_WRITE)
        while left:
            if time.monotonic() > until:
                raise TimeoutError
            if selector.select(_LOOK):
                try:
                    left = left[os.write(descriptor, left) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise Broken(str(error)) from error


def _read(descriptor: int, size: int, until: float, watch: Callable[[], None]) -> bytes:
    parts, missing, looked = [], size, time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while missing:
            if selector.select(_LOOK):
                part = os.read(descriptor, min(missing, 2**20))
                if not part:
                    raise Broken("the pipe was closed")
                parts.append(part)
                missing -= len(part)
            if (now := time.monotonic()) > until:
                raise TimeoutError
            if now > looked + _LOOK:
                looked = now
                watch()
    return b"".join(parts)
