"""Image generation from 2014 to today on one page, with each lab of the course in its place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from t2ilab.lab import plots
from t2ilab.lab.messages import Text
from t2ilab.lab.translate import tr

ROW = 0.245  # inches of one event
COLUMN = 2.55  # inches of one family


@dataclass(frozen=True)
class Event:
    """One breakthrough.

    Attributes:
        month: "2014-06", that of the paper's number on arXiv or, without a paper, of its release.
        name: what it is called.
        family: a key of `FAMILIES`.
        labs: where the course builds it, such as "13"; none where it does not.
    """

    month: str
    name: Text
    family: str
    labs: tuple[str, ...] = ()

    @property
    def year(self) -> str:
        """The first four digits."""
        return self.month[:4]


FAMILIES = {
    "gan": Text("Painter and judge", "生成器と識別器"),
    "diffusion": Text("Out of noise", "ノイズの中から"),
    "words": Text("Words and pictures", "言葉と画像"),
    "systems": Text("Whole systems", "システム全体"),
}


def _same(name: str) -> Text:
    """A name that both languages write alike."""
    return Text(name, name)


EVENTS = (
    Event("2014-06", _same("GAN"), "gan", ("13",)),
    Event("2014-11", Text("Conditional GAN", "条件付き GAN"), "gan", ("13",)),
    Event("2015-03", Text("Diffusion", "拡散モデル"), "diffusion", ("04", "05")),
    Event("2016-05", Text("Sentences into pictures", "文から画像へ"), "gan", ("13",)),
    Event("2017-03", _same("CycleGAN"), "gan", ("13",)),
    Event("2017-10", Text("Progressive growing", "段階的な成長"), "gan", ("13",)),
    Event("2018-02", Text("Spectral normalisation", "スペクトル正規化"), "gan", ("13",)),
    Event("2018-05", Text("Self-attention GAN", "セルフアテンション GAN"), "gan", ("13",)),
    Event("2018-12", Text("Style-based generator", "スタイルに基づく生成器"), "gan", ("13",)),
    Event("2019-07", Text("Score matching", "スコアマッチング"), "diffusion", ("04",)),
    Event("2020-06", _same("DDPM"), "diffusion", ("05",)),
    Event("2020-10", _same("DDIM"), "diffusion", ("06",)),
    Event("2021-02", _same("DALL-E"), "systems"),
    Event("2021-03", _same("CLIP"), "words", ("01", "02")),
    Event("2021-06", _same("LoRA"), "systems", ("10",)),
    Event("2021-11", _same("LAION-400M"), "words", ("03",)),
    Event("2021-12", Text("Latent diffusion", "潜在拡散モデル"), "systems", ("07", "08")),
    Event("2022-04", _same("DALL-E 2"), "systems", ("11",)),
    Event("2022-05", _same("Imagen"), "systems", ("12",)),
    Event("2022-07", Text("Classifier-free guidance", "分類器なしガイダンス"), "diffusion", ("08",)),
    Event("2022-08", _same("Stable Diffusion"), "systems", ("00", "08")),
    Event("2022-08", _same("Textual inversion, DreamBooth"), "systems", ("10",)),
    Event("2022-10", _same("LAION-5B"), "words", ("03",)),
    Event("2022-10", Text("Flow matching", "フローマッチング"), "diffusion", ("06",)),
    Event("2022-11", _same("DPM-Solver++"), "diffusion", ("06",)),
    Event("2023-02", _same("ControlNet"), "systems", ("09",)),
    Event("2023-11", Text("Distilled by a judge", "識別器による蒸留"), "gan"),
    Event("2024-03", _same("Stable Diffusion 3"), "systems"),
)
TODAY = Text("Today: all families on the same prompts", "今日：すべての種類を同じプロンプトで")
LAST = "14"


def timeline_figure(here: str | None = None) -> Figure:
    """The page itself: time runs down, each family has a column, each event its labs in a box.

    Args:
        here: the lab whose boxes are filled, such as "13"; None fills none.

    Raises:
        ValueError: a lab that the course does not have.
    """
    known = sorted({lab for event in EVENTS for lab in event.labs} | {LAST})
    if here is not None and here not in known:
        raise ValueError(f"here is the number of a lab, one of {', '.join(known)}, or None; got {here!r}.")
    families = list(FAMILIES)
    width, rows = COLUMN * len(families), len(EVENTS) + 3
    figure, axis = plt.subplots(figsize=(width + 0.75, ROW * rows + 0.1))
    axis.set(xlim=(-0.7, width + 0.05), ylim=(len(EVENTS) + 1.1, -1.9))
    axis.axis("off")
    for i, text in enumerate(FAMILIES.values()):
        color, marker = plots.COLORS[i], plots.MARKERS[i]
        x = COLUMN * i
        axis.plot([x + 0.1] * 2, [-0.7, len(EVENTS) - 0.4], color=color, linestyle=plots.DASHES[i], linewidth=1)
        axis.plot(x + 0.1, -1.2, marker, color=color, markersize=9)
        axis.text(x + 0.26, -1.2, text.say(), va="center", fontsize=12)
    row = 0
    for n, (year, events) in enumerate(groupby(EVENTS, key=lambda event: event.year)):
        first = row
        for event in events:
            column = families.index(event.family)
            x = COLUMN * column + 0.1
            axis.plot(x, row, plots.MARKERS[column], color=plots.COLORS[column], markersize=7)
            _words(axis, x + 0.16, row, event.name.say(), event.labs, here)
            row += 1
        if n % 2 == 0:
            axis.axhspan(first - 0.5, row - 0.5, color="0.94", zorder=0)
        axis.text(-0.62, (first + row - 1) / 2, year, va="center", fontsize=10)
    _words(axis, 0.26, row + 0.3, TODAY.say(), (LAST,), here)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.99, bottom=0.01)
    return figure


def _words(axis: plt.Axes, x: float, y: float, name: str, labs: tuple[str, ...], here: str | None) -> None:
    """A name and, right behind it, a box for each lab; filled, with white letters, where it is this one."""
    behind = axis.text(x, y, name, va="center", fontsize=9)
    for lab in labs:
        filled = lab == here
        behind = axis.annotate(
            lab,
            xy=(1, 0.5),
            xycoords=behind,
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="white" if filled else "black",
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "black" if filled else "white", "edgecolor": "black"},
        )


def timeline(here: str | None = None) -> None:
    """Shows the page with its caption in words; `here` as for `timeline_figure`."""
    said = "; ".join(f"{e.month} {e.name.say()}" + (f" ({', '.join(e.labs)})" if e.labs else "") for e in EVENTS)
    plots.show(
        timeline_figure(here),
        "Image generation from 2014 to today. The numbers in boxes are the labs of this course. {events}.",
        events=f"{said}; {tr('today')} ({LAST})",
    )
