"""Fills the figures of the zoo's cards into docs/figures.md and the README: `python docs/make_figures.py`.

A figure of a card stands behind a comment that names model and score, `<!--storybook: en 1-->94.9%`, and keeps its
form: a share where a % follows, and as many digits after the point as it has.
"""

import re
from pathlib import Path

from t2ilab import zoo
from t2ilab.files import write_whole

PAGE = Path(__file__).parent / "figures.md"
PAGES = (PAGE, PAGE.parents[1] / "README.md")
FIGURE = re.compile(r"<!--([\w-]+): (.+?)-->(\d+)(\.\d+)?(%?)")


def filled(text: str) -> str:
    """The page with every such figure as its card has it. Raises ValueError for a score that no card has."""

    def of_card(found: re.Match[str]) -> str:
        model, score, _, digits, percent = found.groups(default="")
        scores = zoo.card(model).scores
        if score not in scores:
            raise ValueError(f"The card of {model} has no score {score!r}; it has {', '.join(scores)}.")
        value = scores[score] * (100 if percent else 1)
        return f"<!--{model}: {score}-->{value:.{max(len(digits) - 1, 0)}f}{percent}"

    return FIGURE.sub(of_card, text)


if __name__ == "__main__":
    for page in PAGES:
        write_whole(page, filled(page.read_text(encoding="utf-8")).encode("utf-8"))
