"""Figures of recognition: sentences against pictures, and cards of what a picture was taken for."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from t2ilab.images import to_pil
from t2ilab.lab.plots import show
from t2ilab.lab.translate import tr

RIGHT, RIVAL = "#9ecae9", "#e4e4e4"  # pale, so that what is written over them can be read


@dataclass(frozen=True)
class Card:
    """What a picture was taken for.

    Attributes:
        picture: (3, H, W) in [-1, 1].
        labels: C of them, as they are to be read.
        chances: (C,), the probability of each; they add up to 1.
        truth: the one of the labels that is right.

    Raises:
        ValueError: other shapes, or a truth that is not there exactly once.
    """

    picture: Tensor
    labels: Sequence[str]
    chances: Tensor
    truth: str

    def __post_init__(self) -> None:
        if self.picture.ndim != 3 or self.chances.shape != (len(self.labels),):
            raise ValueError(
                f"A card has one picture (3, H, W) and one chance for each of its labels; got a picture "
                f"{tuple(self.picture.shape)}, {len(self.labels)} labels and chances {tuple(self.chances.shape)}."
            )
        if list(self.labels).count(self.truth) != 1:
            raise ValueError(
                f"The true label is one of the labels, once; {self.truth!r} is among them "
                f"{list(self.labels).count(self.truth)} times."
            )

    @property
    def chance(self) -> float:
        """The probability of the true label."""
        return self.chances[list(self.labels).index(self.truth)].item()

    def rank(self, label: int | None = None) -> int:
        """The place of a label, by default of the true one, from 1 on: one more than are likelier."""
        label = list(self.labels).index(self.truth) if label is None else label
        return int((self.chances > self.chances[label]).sum()) + 1

    def shown(self, rivals: int) -> list[int]:
        """The true label and its most probable rivals, the most probable first."""
        truth = list(self.labels).index(self.truth)
        order = [i for i in self.chances.argsort(descending=True, stable=True).tolist() if i != truth][:rivals]
        return sorted([truth, *order], key=lambda i: (-self.chances[i].item(), i != truth))


def recognition(
    cards: Sequence[Card], caption: str, titles: Sequence[str] = (), rivals: int = 4, **values: object
) -> None:
    """Shows cards in two columns: the picture, its true label with its probability and rank, and the rivals as bars.

    After the figure of predictions in the appendix of Radford et al. 2021. The true label has a tick and a whole bar;
    rivals are hatched. The caption is followed by each card in words.
    """
    columns = min(2, len(cards))
    rows = -(-len(cards) // columns)
    figure = plt.figure(figsize=(5.2 * columns, 2.1 * rows + 0.1))
    grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[1.35, 2.6] * columns, wspace=0.06, hspace=0.42)
    words = [tr(caption, **values)]
    for i, card in enumerate(cards):
        row, column = divmod(i, columns)
        left = figure.add_subplot(grid[row, 2 * column])
        left.imshow(to_pil(card.picture[None].detach().cpu())[0], interpolation="nearest")
        left.axis("off")
        standing = tr(
            "{chance:.1%}, ranked {rank} out of {count} labels",
            chance=card.chance,
            rank=card.rank(),
            count=len(card.labels),
        )
        if i < len(titles):
            left.set_title(tr(titles[i]), fontsize=9)
        right = figure.add_subplot(grid[row, 2 * column + 1])
        right.text(0, 1.17, card.truth, fontsize=10, transform=right.transAxes)
        right.text(0, 1.05, standing, fontsize=8, transform=right.transAxes)
        _bars(right, card, card.shown(rivals))
        kind = f"[{tr(titles[i])}] " if i < len(titles) else ""
        words.append(f"{kind}{card.truth}: {standing}")
    figure.subplots_adjust(left=0.01, right=0.99, top=1 - 0.5 / (2.1 * rows + 0.1), bottom=0.05 / rows)
    show(figure, " · ".join(words))


def similarities(
    pictures: Tensor | Sequence[Tensor], texts: Sequence[str], matrix: Tensor, caption: str, **values: object
) -> None:
    """Shows how near each text is to each picture: texts in rows, pictures along the top, numbers in the squares.

    The nearest text of each picture has a frame.

    Args:
        pictures: (N, 3, H, W) in [-1, 1], or N of (3, H, W) of any sizes, of which the square in the middle is shown.
        texts: M of them.
        matrix: (M, N), the cosines.
        caption: as for `plots.show`.

    Raises:
        ValueError: a matrix of another shape.
    """
    if matrix.shape != (len(texts), len(pictures)):
        raise ValueError(
            f"The matrix has a row for each text and a column for each picture, {(len(texts), len(pictures))}; got "
            f"{tuple(matrix.shape)}. Transpose it?"
        )
    numbers = np.asarray(matrix.detach().cpu())
    count, across = numbers.shape
    figure, axis = plt.subplots(figsize=(3.3 + 0.62 * across, 0.3 + 0.62 * (count + 1.1)))
    axis.imshow(numbers, cmap="cividis")
    middle = (numbers.min() + numbers.max()) / 2
    for (i, j), value in np.ndenumerate(numbers):
        color = "black" if value > middle else "white"
        axis.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color=color)
    for j, picture in enumerate(pictures):
        middle_part = to_pil(_square(picture)[None].detach().cpu())[0]
        axis.imshow(middle_part, extent=(j - 0.48, j + 0.48, -0.6, -1.56), interpolation="nearest")
        best = int(numbers[:, j].argmax())
        axis.add_patch(Rectangle((j - 0.47, best - 0.47), 0.94, 0.94, fill=False, edgecolor="#D55E00", linewidth=2.5))
    axis.set(xlim=(-0.5, across - 0.5), ylim=(count - 0.5, -1.6), xticks=[])
    axis.set_yticks(range(count), [textwrap.fill(text, 28) for text in texts])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    figure.tight_layout()
    show(figure, caption, **values)


def _square(picture: Tensor) -> Tensor:
    """The square in the middle of a picture (3, H, W), as large as it can be."""
    height, width = picture.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[:, top : top + side, left : left + side]


def _bars(axis: Axes, card: Card, shown: Sequence[int]) -> None:
    """The chances of some labels of a card as bars, with their names written over them."""
    truth = list(card.labels).index(card.truth)
    for y, label in enumerate(shown):
        chance = card.chances[label].item()
        right = label == truth
        axis.barh(
            y, chance, height=0.86, color=RIGHT if right else RIVAL, edgecolor="0.45", linewidth=0.6,
            hatch=None if right else "////",
        )  # fmt: skip
        text = f"{card.rank(label)}. {card.labels[label]}" + (" ✓" if right else "")
        plate = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
        axis.text(0.015, y, text, va="center", fontsize=7.5, bbox=plate)
        axis.text(1.0, y, f"{chance:.1%}", va="center", ha="right", fontsize=7.5, bbox=plate)
    axis.set(xlim=(0, 1), ylim=(len(shown) - 0.5, -0.5), xticks=[], yticks=[])
    axis.spines[:].set_color("0.8")
