"""The decorator over a student's definition: a blank goes on with the reference, an attempt is never touched."""

import ast
import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

from t2ilab.lab import bank
from t2ilab.lab.definition import Exercise
from t2ilab.lab.messages import say

BLANK_MARK = "t2ilab_blank"  # the attribute of a reference that stands in for a blank


def exercise(name: Any = None) -> Any:
    """Marks the student's function or class as the answer to an exercise: `@exercise("clip_loss")` above its `def`.

    A blank (nothing but `raise NotImplementedError`) is replaced by the reference solution, with one printed line that
    says so; under T2ILAB_STRICT=1, as in the grader, it raises NotImplementedError instead. An attempt is returned as
    it is. Without a name, `@exercise` takes that of the definition.
    Raises ValueError when the name is unknown, or the definition has another name or other arguments than asked.
    """
    if name is None or isinstance(name, str):
        return functools.partial(_decorate, name=name)
    return _decorate(name)


def _decorate(answer: Any, name: str | None = None) -> Any:
    if not (inspect.isfunction(answer) or inspect.isclass(answer)):
        raise ValueError(say("not_a_definition", received=type(answer).__name__))
    asked = bank.find(name or answer.__name__)
    if answer.__name__ != asked.name:
        raise ValueError(say("name_mismatch", exercise=asked.name, received=answer.__name__))
    _require_same_signature(answer, asked)
    if not is_blank(answer):
        return answer
    if os.environ.get("T2ILAB_STRICT", "0") not in ("", "0"):
        raise NotImplementedError(say("blank_strict", name=asked.name))
    print(say("blank", name=asked.name))
    return _stand_in(answer, asked.reference)


def is_blank(answer: Any) -> bool:
    """True for a function, or a class of methods, that holds nothing but `raise NotImplementedError`.

    A docstring may stand before it, and `super().__init__()` in a class. What has no source counts as attempted.
    """
    if getattr(answer, BLANK_MARK, None):
        return True
    if inspect.isclass(answer):
        methods = [method for method in vars(answer).values() if inspect.isfunction(method)]
        return bool(methods) and all(_is_blank_function(method, in_class=True) for method in methods)
    return _is_blank_function(answer)


def is_blank_definition(node: ast.AST) -> bool:
    """The same of source that was only read: True for a `def`, or a `class` of methods, that is a blank."""
    if isinstance(node, ast.ClassDef):
        methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
        return bool(methods) and all(_is_blank_body(method, in_class=True) for method in methods)
    return isinstance(node, ast.FunctionDef) and _is_blank_body(node)


def _is_blank_function(function: Any, in_class: bool = False) -> bool:
    try:
        source = inspect.getsource(function)
        # A method's source is indented; an outer block makes it a program without touching its strings.
        tree = ast.parse("if True:\n" + source if source[:1].isspace() else source)
    except (OSError, TypeError, SyntaxError):
        return False
    definition = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    return definition is not None and _is_blank_body(definition, in_class)


def _is_blank_body(definition: ast.FunctionDef, in_class: bool = False) -> bool:
    body = definition.body[1:] if ast.get_docstring(definition) is not None else definition.body
    if in_class and body and ast.unparse(body[0]) == "super().__init__()":
        body = body[1:]
    return len(body) == 1 and _is_raise(body[0])


def _is_raise(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Raise) or statement.exc is None:
        return False
    raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


def _stand_in(answer: Any, reference: Any) -> Any:
    """The reference under the student's name, marked as a blank."""
    if inspect.isclass(reference):
        names = {"__doc__": answer.__doc__, "__module__": answer.__module__, BLANK_MARK: reference.__name__}
        return type(reference.__name__, (reference,), names)

    # A wrapper rather than the reference itself, so that nobody marks or changes the bank's own function.
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return reference(*args, **kwargs)

    stand_in.__name__, stand_in.__qualname__ = answer.__name__, answer.__qualname__
    stand_in.__doc__, stand_in.__module__ = answer.__doc__, answer.__module__
    stand_in.__signature__ = inspect.signature(reference)  # type: ignore[attr-defined]
    setattr(stand_in, BLANK_MARK, reference.__name__)
    return stand_in


def _require_same_signature(answer: Any, asked: Exercise) -> None:
    reference = asked.reference
    if inspect.isclass(answer) != inspect.isclass(reference):
        expected, received = ("class", "function") if inspect.isclass(reference) else ("function", "class")
        keyword = "class" if expected == "class" else "def"
        raise ValueError(
            say("kind_mismatch", name=asked.name, expected=say(expected), received=say(received), keyword=keyword)
        )
    if not inspect.isclass(reference):
        _require_same_names(answer, reference, asked.name)
        return
    inherited = reference.__mro__[1:]  # nn.Module's own methods do not count as the student's
    for name, method in vars(reference).items():
        if not inspect.isfunction(method) or (name.startswith("_") and name != "__init__"):
            continue
        owners = [owner for owner in answer.__mro__ if owner not in inherited and name in vars(owner)]
        if not owners:
            signature = f"({', '.join(_names(method))})"
            raise ValueError(say("method_missing", name=asked.name, method=name, signature=signature))
        # A layer's own forward, inherited from torch, has the names that torch gave it.
        if not owners[0].__module__.startswith("torch."):
            _require_same_names(getattr(answer, name), method, f"{asked.name}.{name}")


def _require_same_names(answer: Callable, reference: Callable, name: str) -> None:
    expected, received = _names(reference), _names(answer)
    if expected != received:
        raise ValueError(say("signature", name=name, expected=", ".join(expected), received=", ".join(received)))


def _names(function: Callable) -> list[str]:
    return list(inspect.signature(function).parameters)
