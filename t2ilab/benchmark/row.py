"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What one comparison came to.

    Attributes:
        name: what `--only` takes.
        compared: what with what, in a sentence.
        size: of it.
        unit: of `ours` and `theirs`, such as "s".
        ours, theirs: medians; None where nothing was measured, or ours is compared with nothing.
        ratio: how many times as fast ours is, or, of a share, ours as a part of theirs: the median of the rounds.
        share: which of the two.
        spread: the quartiles of that ratio; None where there are no rounds.
        memory: megabytes, ours and theirs, each in a process of its own; None where that was not measured.
        missing: why nothing was measured.
        failed: whether that is a fault, and not merely something that is not there.
    """

    name: str
    compared: str = ""
    size: str = ""
    unit: str = "s"
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None
    share: bool = False
    spread: tuple[float, float] | None = None
    memory: tuple[float, float | None] | None = None
    missing: str = ""
    failed: bool = False
