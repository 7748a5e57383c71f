"""Figures of a comparison: what each model drew, and models as points between two of their figures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from t2ilab.images import to_pil
from t2ilab.lab.plots import look, show
from t2ilab.lab.translate import tr

if TYPE_CHECKING:
    from t2ilab.comparison.measuring import Result


def gallery(
    pictures: Mapping[str, Tensor], prompts: Sequence[str], caption: str, inches: float = 1.15, **values: object
) -> None:
    """Shows what each model drew for the same prompts: a row for each, with its name, below the prompts.

    Args:
        pictures: name -> (B, 3, H, W) in [-1, 1], each of its own size; as many as prompts are shown.
        prompts: of the columns.
        caption: as for `plots.show`.
        inches: of a picture.
    """
    rows, columns = len(pictures), len(prompts)
    size = (1.5 + inches * columns, 0.75 + inches * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for row, (name, drawn) in zip(axes, pictures.items(), strict=True):
        for axis, picture in zip(row, to_pil(drawn[:columns].detach().cpu()), strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(tr(name), rotation=0, ha="right", va="center", fontsize=9)
    for axis, prompt in zip(axes[0], prompts, strict=True):
        axis.set_title(textwrap.fill(prompt, 20), fontsize=7.5)
    figure.tight_layout(pad=0.3)
    show(figure, caption, **values)


def scatter(
    points: Mapping[str, tuple[float | None, float | None]],
    caption: str,
    xlabel: str,
    ylabel: str,
    log: bool = False,
    percent: str = "y",
    **values: object,
) -> None:
    """Shows named points (x, y), each with a marker of its own, numbered where it stands, and named beside the axes.

    Args:
        points: name -> (x, y); one with None in it is left out.
        caption: as for `plots.show`, followed by each point in words.
        xlabel, ylabel: of the axes.
        log: a logarithmic axis of x.
        percent: the axes whose shares are written as per cent: "", "x", "y" or "xy".

    Raises:
        ValueError: no point is left.
    """
    there = {name: (x, y) for name, (x, y) in points.items() if x is not None and y is not None}
    if not there:
        raise ValueError("A figure of points needs at least one with both figures; got none. Compare more models.")
    figure, axis = plt.subplots(figsize=(7.2, 3.8))
    words = [tr(caption, **values)]
    for i, (name, (x, y)) in enumerate(there.items()):
        label = f"{i + 1}  {tr(name)}"
        color, _, marker = look(i)
        axis.plot(x, y, marker, color=color, label=label, markersize=8, markeredgecolor="black")
        axis.annotate(str(i + 1), (x, y), xytext=(6, 4), textcoords="offset points", fontsize=8)
        written = [f"{v:.0%}" if a in percent else f"{v:.3g}" for a, v in (("x", x), ("y", y))]
        words.append(f"{tr(name)}: {written[0]}, {written[1]}")
    axis.set_xlabel(tr(xlabel))
    axis.set_ylabel(tr(ylabel))
    if log:
        axis.set_xscale("log")
    if "x" in percent:
        axis.xaxis.set_major_formatter(PercentFormatter(1))
    if "y" in percent:
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.margins(0.12)
    axis.grid(alpha=0.3)
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8, frameon=False)
    figure.tight_layout()
    show(figure, " · ".join(words))


def at_a_glance(results: Sequence[Result]) -> None:
    """The two figures in which families part: how right against how quick, and how much against how good."""
    scatter(
        {result.name: (result.seconds, result.faithfulness) for result in results},
        "Faithfulness against the seconds that a picture takes; to the upper left is better. Of each model:",
        xlabel="seconds a picture",
        ylabel="faithfulness",
        log=True,
    )
    scatter(
        {result.name: (result.recall, result.precision) for result in results},
        "Precision against recall; to the upper right is better. Of each model:",
        xlabel="recall: real pictures that it could draw",
        ylabel="precision: its pictures that could be real",
        percent="xy",
    )
