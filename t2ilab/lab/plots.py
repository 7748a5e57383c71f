"""Figures for the labs: labelled, readable without colour, each with its caption in words beside it."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import matplotlib_fontja  # noqa: F401 (sets a font that has Japanese)
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image
from torch import Tensor

from t2ilab.images import to_pil
from t2ilab.lab.translate import tr
from t2ilab.training.checkpoint import written_beside

# The Japanese font lacks signs that formulas need, such as a small 0 below the line; they come from matplotlib's own.
matplotlib.rcParams["font.family"] = [*matplotlib.rcParams["font.family"], "DejaVu Sans"]

# Okabe and Ito's colours, told apart by colour-blind eyes; each line has its own dashes and marker as well.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def look(i: int) -> tuple[str, Any, str]:
    """Colour, dashes and marker of the i-th of many: after seven the colours move on, so that 49 are told apart."""
    return COLORS[(i + i // 7) % 7], DASHES[i % 7], MARKERS[i % 7]


def show(figure: Figure, caption: str, **values: object) -> None:
    """Shows a figure, and its caption in words below it.

    Args:
        figure: closed afterwards.
        caption: what is to be seen, as one would tell it to somebody who cannot see it; `{names}` are filled in.
    """
    from IPython.display import Markdown, display

    picture = _png(figure)
    words = tr(caption, **values)
    display({"image/png": picture, "text/plain": words}, metadata={"image/png": {"alt": words}}, raw=True)
    display(Markdown(f"*{words}*"))


def images(
    batch: Tensor,
    caption: str,
    titles: Sequence[str] = (),
    columns: int | None = None,
    inches: float = 1.1,
    **values: object,
) -> None:
    """Shows pictures (B, 3, H, W) in [-1, 1] in rows, each with its title above it."""
    pictures = to_pil(batch.detach())
    columns = min(len(pictures), columns or 8)
    rows = -(-len(pictures) // columns)
    height = inches * (1.28 if titles else 1.04)
    figure, axes = plt.subplots(rows, columns, figsize=(inches * columns, height * rows), squeeze=False)
    for i, axis in enumerate(axes.flat):
        axis.axis("off")
        if i < len(pictures):
            axis.imshow(pictures[i], interpolation="nearest")
            if i < len(titles):
                axis.set_title(tr(titles[i]), fontsize=8)
    figure.tight_layout(pad=0.3, rect=(0, 0, 1, 0.96 if titles and rows == 1 else 1))  # titles stay off the edge
    show(figure, caption, **values)


def lines(
    curves: Mapping[str, tuple[Any, Any]],
    caption: str,
    xlabel: str,
    ylabel: str,
    log: str = "",
    markers: bool = False,
    percent: bool = False,
    **values: object,
) -> None:
    """Shows curves, label -> (x, y), over one pair of axes; `log` names logarithmic axes ("x", "xy"), and `percent`
    writes shares y in [0, 1] as per cent."""
    figure, axis = plt.subplots(figsize=(6.4, 3.4))
    for i, (label, (x, y)) in enumerate(curves.items()):
        color, dashes, marker = look(i)
        style: dict[str, Any] = {"color": color, "linestyle": dashes, "label": tr(label)}
        axis.plot(_array(x), _array(y), marker=marker if markers else None, **style)
    axis.set_xlabel(tr(xlabel))
    axis.set_ylabel(tr(ylabel))
    if "x" in log:
        axis.set_xscale("log")
        if markers:  # few enough to be named
            axis.set_xticks(_array(x), [f"{v:g}" for v in _array(x)])
            axis.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    if "y" in log:
        axis.set_yscale("log")
    if percent:
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(alpha=0.3)
    if len(curves) > 1 or next(iter(curves)):
        axis.legend()
    figure.tight_layout()
    show(figure, caption, **values)


def plane(
    points: Tensor,
    caption: str,
    paths: Tensor | None = None,
    arrows: tuple[Tensor, Tensor] | None = None,
    reach: float = 2.6,
    **values: object,
) -> None:
    """Shows points of a plane (N, 2), each with a marker of its own, and what moves among them.

    Args:
        points: the data.
        caption: as for `show`.
        paths: (S, M, 2): M walkers in S moments. Each path has the colour of the point that it ends nearest to, a grey
            dot where it begins and that point's marker where it ends.
        arrows: where they begin and how they point, (M, 2) each; all are drawn with one length, longer ones darker.
        reach: how far the plane is shown, to all four sides.
    """
    points = points.cpu()
    figure, axis = plt.subplots(figsize=(4.6, 4.6))
    if arrows is not None:
        x, v = (np.asarray(part.cpu()) for part in arrows)
        length = np.linalg.norm(v, axis=1, keepdims=True)
        axis.quiver(*x.T, *(v / length.clip(1e-9)).T, np.log(length[:, 0] + 1e-9), cmap="Greys", scale=32, width=0.005)
    if paths is not None:
        paths = paths.cpu()
        nearest = (paths[-1][:, None] - points).norm(dim=2).argmin(1)
        axis.plot(*paths[0].T, ".", color="0.6", markersize=3)
        for i in range(len(points)):
            mine = paths[:, nearest == i]
            color, dashes, marker = look(i)
            axis.plot(*mine.unbind(-1), color=color, linewidth=0.6, linestyle=dashes)
            axis.plot(*mine[-1].T, marker, color=color, markersize=3)
    for i, point in enumerate(points):
        color, _, marker = look(i)
        axis.plot(*point, marker, color=color, markersize=11, markeredgecolor="black")
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axis.grid(alpha=0.3)
    figure.tight_layout()
    show(figure, caption, **values)


def heatmap(
    matrix: Tensor | np.ndarray,
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    limits: tuple[float, float] | None = None,
    xlabel: str = "",
    **values: object,
) -> None:
    """Shows a small matrix as squares with their numbers written in them, rows and columns named.

    `limits` are the values of the darkest and the lightest colour, so that several figures can be compared; None takes
    the smallest and the largest number of the matrix. `xlabel` says what the columns are.
    """
    matrix = _array(matrix)
    low, high = limits or (matrix.min(), matrix.max())
    figure, axis = plt.subplots(figsize=(1.2 + 0.62 * len(columns), 0.9 + 0.5 * len(rows)))
    axis.imshow(matrix, cmap="cividis", aspect="auto", vmin=low, vmax=high)
    axis.set_xticks(range(len(columns)), [tr(c) for c in columns], rotation=40, ha="right")
    axis.set_yticks(range(len(rows)), [tr(r) for r in rows])
    axis.set_xlabel(tr(xlabel))
    middle = (low + high) / 2
    for (i, j), value in np.ndenumerate(matrix):
        color = "black" if value > middle else "white"
        axis.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
    figure.tight_layout()
    show(figure, caption, **values)


def bars(values: Mapping[str, float], caption: str, xlabel: str, near: bool = False, **more: object) -> None:
    """Shows shares in [0, 1], label -> share, as bars from top to bottom, each with its per cent beside it.

    With `near` they are dots over an axis that begins shortly below the least, so that close ones can be told apart.
    (A bar says how much by its length, and so has to begin at 0.)
    """
    figure, axis = plt.subplots(figsize=(6.4, 0.9 + 0.3 * len(values)))
    ticks = [0, 0.25, 0.5, 0.75, 1]
    if near:
        first, last = (math.floor(20 * min(values.values()) - 0.5), math.ceil(20 * max(values.values()) + 0.5))
        ticks = [twentieth / 20 for twentieth in range(max(0, first), min(20, last) + 1)]
    least, reach = ticks[0], ticks[-1] - ticks[0]
    for y, share in enumerate(values.values()):
        if near:
            axis.plot(share, y, MARKERS[0], color=COLORS[0])
        else:
            axis.barh(y, share, color=COLORS[5], edgecolor="black", linewidth=0.5)
        axis.text(share + (0.02 if near else 0.01) * reach, y, f"{share:.1%}", va="center", fontsize=8)
    axis.set_yticks(range(len(values)), [tr(label) for label in values])
    axis.set(xlim=(least, ticks[-1] + 0.12 * reach), ylim=(len(values) - 0.4, -0.6))
    axis.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axis.set_xlabel(tr(xlabel))
    axis.grid(alpha=0.3, axis="x")
    axis.set_axisbelow(True)
    figure.tight_layout()
    show(figure, caption, **more)


def loss_curve(losses: Sequence[float], path: Path | None = None) -> None:
    """The loss of each step, faint, and its running mean; shown, or saved as a PNG where a path is given.

    Raises:
        ValueError: no losses.
    """
    if not len(losses):
        raise ValueError("A loss curve needs the loss of at least one step; got none. Train first.")
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    steps = np.arange(1, len(losses) + 1)
    axis.plot(steps, losses, color="0.75", linewidth=0.5, label=tr("each step"))
    width = max(1, len(losses) // 40)
    smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
    mean = tr("mean of {width} step" if width == 1 else "mean of {width} steps", width=width)
    axis.plot(steps[width - 1 :], smooth, color=COLORS[0], label=mean)
    axis.set_xlabel(tr("step"))
    axis.set_ylabel(tr("loss"))
    axis.set_yscale("log")
    if 0 < max(losses) < 10 * min(losses):  # within one power of ten: 2.5, not 2.5 x 10^0
        for ticks in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
            ticks(lambda y, _: f"{y:.4g}")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    if path is None:
        first, last = float(np.mean(losses[:width])), float(smooth[-1])
        show(
            figure, "The loss while training: {first:.3f} at the start, {last:.3f} at the end.", first=first, last=last
        )
        return
    with written_beside(path) as beside:
        beside.write_bytes(_png(figure))


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    try:
        with matplotlib.rc_context({"figure.dpi": 100}):
            figure.savefig(buffer, format="png", dpi=110)
    finally:
        plt.close(figure)
    small = io.BytesIO()
    Image.open(buffer).convert("RGB").save(small, "PNG", optimize=True)  # no alpha channel: notebooks stay small
    return small.getvalue()


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
