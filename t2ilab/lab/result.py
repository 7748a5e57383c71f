"""What check says: a result that is true when the answer is right, and that reads well in a notebook or a terminal."""

import html
import re
from dataclasses import dataclass, field

from t2ilab.lab.messages import say

# A mark as well as a word and a colour: it must be readable in black and white, and aloud.
_MARKS = {"right": "✓", "wrong": "✗", "error": "!", "blank": "○", "off_limits": "✎"}
_COLOURS = {"right": "#2e7d32", "wrong": "#c77700", "error": "#c62828", "blank": "#757575", "off_limits": "#6a1b9a"}


@dataclass(frozen=True, repr=False)
class CheckResult:
    """The outcome of one check; `if result:` means that the answer is right.

    passed: True only for a right answer; message: what to read, in one language; misconception: the name of the
    known mistake that the answer makes, or None; exercise: its name; status: "right", "wrong", "error", "blank"
    or "off_limits"; points of out_of: what the answer earns; properties: which of the exercise's properties hold.
    """

    passed: bool
    message: str
    misconception: str | None = None
    exercise: str = ""
    status: str = "wrong"
    points: float = 0.0
    out_of: float = 0.0
    properties: dict[str, bool] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.passed

    @property
    def score(self) -> float:
        """The share of the points, 0 to 1."""
        return self.points / self.out_of if self.out_of else float(self.passed)

    def require(self) -> None:
        """Raises AssertionError, with all that there is to read, unless the answer is right; blanks are not."""
        if not self.passed:
            raise AssertionError(repr(self))

    @property
    def headline(self) -> str:
        """One line: the exercise, the outcome in a word, the points."""
        points = say("point" if self.out_of == 1 else "points", points=f"{self.points:g}", out_of=f"{self.out_of:g}")
        return f"{_MARKS[self.status]} {self.exercise}: {say('status_' + self.status)} ({points})"

    def __repr__(self) -> str:
        return f"{self.headline}\n{self.message}"

    def _repr_html_(self) -> str:
        body = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(self.message)).replace("\n", "<br>")
        return (
            f'<div role="status" style="border-left: 5px solid {_COLOURS[self.status]}; padding: 0.3em 0.8em;">'
            f"<strong>{html.escape(self.headline)}</strong><br>{body}</div>"
        )
