"""What a drawn thing is made of: parts, painted one over the other, each a signed distance and a paint."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, auto

from torch import Tensor


class Paint(IntEnum):
    """What a part is painted with. MAIN and ACCENT are the scene's choice; the others are the same in every picture."""

    MAIN = 0
    DARK = auto()  # the main colour in the shade
    PALE = auto()  # the main colour in the light
    ACCENT = auto()
    INK = auto()
    WHITE = auto()
    SKIN = auto()
    WOOD = auto()
    GREY = auto()
    GOLD = auto()
    GREEN = auto()
    ROSE = auto()
    GLASS = auto()


Figure = list[tuple[Paint, Tensor]]  # from back to front; the distances have the shape of the points without their last
Draw = Callable[[Tensor], Figure]  # points (..., 2) -> the thing that fills the circle of radius 1, facing right
