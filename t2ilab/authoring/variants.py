"""The numbers of a lab that differ from one variant to another: declared where they stand, drawn by a seed.

A cell of the source declares them in its metadata, the lab's own value first. In a code cell that value stands exactly
once, and is replaced there; prose says a number by a mark, which takes Python's format, in both languages:

    # %% numbers={"SPREAD": [0.3, 0.25, 0.4]}
    SPREAD = 0.3

    # %% [markdown]
    # The deviation is <!-- number SPREAD:.2f -->.
"""

import random
import re
from collections.abc import Iterable, Mapping
from typing import Any

MARK = re.compile(r"<!-- number (.+?) -->")


def numbers(cells: Iterable[Any], source: str) -> dict[str, list[Any]]:
    """What the cells of a source declare: name -> its values, the lab's own first.

    Raises ValueError, naming the source, where a name is declared twice, has nothing to choose from, or stands
    elsewhere than exactly once in its code cell.
    """
    found: dict[str, list[Any]] = {}
    for i, cell in enumerate(cells):
        for name, values in cell.metadata.get("numbers", {}).items():
            place = f"{name} of {source}, cell {i},"
            if name in found:
                raise ValueError(f"A number is declared once, but {place} was declared before; name it otherwise.")
            if not isinstance(values, list) or len(values) < 2:
                raise ValueError(f"A number is a list of two values or more, but {place} is {values!r}; add another.")
            if cell.cell_type == "code" and (count := len(re.findall(_pattern(values[0]), cell.source))) != 1:
                raise ValueError(
                    f"A number's first value stands in its code cell exactly once, but {place} stands there {count} "
                    f"times as {values[0]}; give more of the code around it."
                )
            found[name] = values
    return found


def drawn(declared: Mapping[str, list[Any]], seed: int | None) -> dict[str, Any]:
    """The value of each number: the lab's own without a seed, and with one any of the others, always the same."""
    if seed is None:
        return {name: values[0] for name, values in declared.items()}
    return {name: random.Random(f"variant {seed} {name}").choice(values[1:]) for name, values in declared.items()}


def in_code(cell: Any, values: Mapping[str, Any]) -> str:
    """The source of a code cell with the numbers that it declares put in."""
    own = {str(options[0]): str(values[name]) for name, options in cell.metadata.get("numbers", {}).items()}
    if not own:
        return cell.source
    pattern = "|".join(_pattern(options[0]) for options in cell.metadata["numbers"].values())
    return re.sub(pattern, lambda match: own[match[0]], cell.source)


def in_prose(text: str, values: Mapping[str, Any]) -> str:
    """A text with its marks filled in. Raises ValueError for one that names no number."""

    def said(match: re.Match[str]) -> str:
        try:
            return f"{{{match[1]}}}".format(**values)
        except (LookupError, ValueError, TypeError, AttributeError):
            raise ValueError(
                f"A mark names a number that a cell of the lab declares, but {match[0]} does not; "
                f"there are {', '.join(values) or 'none'}."
            ) from None

    return MARK.sub(said, text)


def _pattern(value: Any) -> str:
    """Where a value stands in code: a number as a number of its own, not as a part of another."""
    text = re.escape(str(value))
    return text if isinstance(value, str) else rf"(?<![\w.]){text}(?![\w.])"
