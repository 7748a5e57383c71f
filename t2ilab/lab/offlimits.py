"""Keeping an exercise's own answer out of reach while a student's answer is probed, under whatever name it is called.

A Python function gets other code for that time (so an alias is caught as well), a class another `__init__`; torch's
built-in functions are watched by a TorchFunctionMode. Everything is put back afterwards, also after an interrupt.
"""

import inspect
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, TracebackType
from typing import Any

from torch.overrides import TorchFunctionMode


class OffLimits(RuntimeError):
    """A call of what the exercise asks the student to build."""


_guards: list["Guard"] = []  # those in force, the innermost last


def forbid(name: str) -> None:
    """Notes a call of something off limits in every guard in force and stops the caller. Raises OffLimits."""
    for guard in _guards:
        if name not in guard.touched:
            guard.touched.append(name)
    raise OffLimits(f"{name} is what this exercise asks you to build.")


class Guard:
    """Inside `with Guard(off_limits) as guard`, calling one of those raises OffLimits and adds it to guard.touched.

    off_limits: dotted names, or functions and classes themselves. Modules that nobody has loaded are left unloaded.
    """

    def __init__(self, off_limits: tuple[Any, ...]) -> None:
        self.touched: list[str] = []
        self._off_limits = off_limits
        self._swapped: list[tuple[FunctionType, CodeType]] = []
        self._mode: _Watch | None = None

    def __enter__(self) -> "Guard":
        watched = {}
        _guards.append(self)
        try:
            for item in self._off_limits:
                target = resolve(item) if isinstance(item, str) else item
                name = item if isinstance(item, str) else item.__name__
                functions = _functions(target)
                for function in functions:
                    if not any(function is done for done, _ in self._swapped):
                        self._swapped.append((function, function.__code__))
                        function.__code__ = _refusal(name, function.__code__)
                if target is not None and not functions:
                    watched[target] = name
            if watched:
                self._mode = _Watch(watched)
                self._mode.__enter__()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mode is not None:
            self._mode.__exit__(kind, error, trace)
            self._mode = None
        self._restore()

    def _restore(self) -> None:
        while self._swapped:
            function, code = self._swapped.pop()
            function.__code__ = code
        _guards.remove(self)


class _Watch(TorchFunctionMode):
    """Refuses torch's built-in functions, which have no Python code that could be swapped."""

    def __init__(self, watched: dict[Any, str]) -> None:
        super().__init__()
        self._watched = watched

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func in self._watched:
            forbid(self._watched[func])
        return func(*args, **(kwargs or {}))


def resolve(dotted: str) -> Any:
    """What a dotted name stands for among the modules loaded so far, or None; it never imports anything."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:length]))
        if module is None:
            continue
        found = vars(module).get(parts[length])  # not getattr: a lazy package would import at a touch
        for name in parts[length + 1 :]:
            found = getattr(found, name, None)
        return found
    return None


def _functions(target: Any) -> list[FunctionType]:
    """The Python functions through which a target is called: itself, a class's __init__, what a decorator wraps."""
    return list(_unwrapped(vars(target).get("__init__") if inspect.isclass(target) else target))


def _unwrapped(target: Any) -> Iterator[FunctionType]:
    target = getattr(target, "__func__", target)  # class and static methods
    while isinstance(target, FunctionType):
        yield target
        target = vars(target).get("__wrapped__")


def _refusal(name: str, code: CodeType) -> CodeType:
    """Code that refuses, and that fits a function with these free variables."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        # Imported here, because the function that lends its body to this code has other global names.
        from t2ilab.lab.offlimits import forbid

        forbid("the name goes here")

    constants = tuple(name if item == "the name goes here" else item for item in refuse.__code__.co_consts)
    return refuse.__code__.replace(co_consts=constants, co_freevars=code.co_freevars, co_name=code.co_name)
