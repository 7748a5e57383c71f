"""What an exercise is: one definition that the student's check, the grader and the project's tests all read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from t2ilab.lab.messages import Text

Arrays = dict[str, np.ndarray]
Inputs = dict[str, Any]


class Property(NamedTuple):
    """Something that holds for every right answer, tested on the probed arrays; half-right answers earn its share."""

    test: Callable[[Arrays, Inputs], Any]
    share: float
    sentence: Text


class Misconception(NamedTuple):
    """A wrong implementation that students are known to write, with the sentence that helps."""

    wrong: Any
    sentence: Text


@dataclass(frozen=True)
class Tolerance:
    """How far a value may be from the reference's: |answer - reference| <= atol + rtol * |reference|.

    Two (rtol, atol) pairs: one for arrays that are float32 on either side, one where both are float64.
    """

    float32: tuple[float, float] = (1e-4, 1e-5)
    float64: tuple[float, float] = (1e-6, 1e-6)

    def close(self, answer: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Where two arrays of one shape agree: a boolean array; integers and booleans must be equal."""
        if reference.dtype.kind in "biu":
            return np.asarray(answer == reference)
        single = min(answer.dtype.itemsize, reference.dtype.itemsize) < 8
        rtol, atol = self.float32 if single else self.float64
        return np.isclose(answer, reference, rtol=rtol, atol=atol, equal_nan=True)


@dataclass(frozen=True)
class Exercise:
    """One exercise of one lab, stated once.

    name: the exercise's and the student's definition's name; lab: such as "05_ddpm"; difficulty: 1 to 5;
    minutes: what a student may need; points: what a right answer earns.
    make_inputs(generator): fresh random inputs, a dict of tensors, numbers, strings, and lists or dicts of those
    (nothing else, so that inputs can travel to a sandbox); generator: a torch.Generator on the CPU.
    probe(answer, inputs): runs beside the answer and gives a dict of numpy arrays; `t2ilab.lab.probing.cases` helps.
    reference: the right answer, a function or a class. hints: three, from a nudge to nearly the solution.
    properties: name -> Property; their shares add up to less than 1, the rest is for being right altogether.
    misconceptions: name -> Misconception. off_limits: dotted names of what would be the answer itself.
    Raises ValueError when one of these rules is broken.
    """

    name: str
    lab: str
    difficulty: int
    minutes: int
    points: int
    make_inputs: Callable[[torch.Generator], Inputs]
    probe: Callable[[Any, Inputs], Arrays]
    reference: Any
    hints: tuple[Text, Text, Text]
    properties: dict[str, Property]
    misconceptions: dict[str, Misconception]
    off_limits: tuple[str, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)

    def __post_init__(self) -> None:
        if self.reference.__name__ != self.name:
            raise ValueError(
                f"An exercise has its reference's name, but {self.name!r} has the reference "
                f"{self.reference.__name__!r}; rename one of them."
            )
        if not 1 <= self.difficulty <= 5:
            raise ValueError(f"A difficulty is 1 to 5, but {self.name} has {self.difficulty}; choose one of those.")
        if len(self.hints) != 3:
            raise ValueError(f"An exercise has three hints, but {self.name} has {len(self.hints)}; add or drop some.")
        total = sum(item.share for item in self.properties.values())
        if not 0 < total < 1:
            raise ValueError(
                f"The shares of an exercise's properties add up to more than 0 and less than 1, but those of "
                f"{self.name} add up to {total:g}; leave some points for being right altogether."
            )
