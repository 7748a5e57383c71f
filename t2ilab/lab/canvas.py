"""Canvases for mouse, finger and keyboard: a scribble, a mask, the joints of a figure, as arrays.

Made of core ipywidgets alone, which is all that Colab has: what happens on the canvas is a little JavaScript, that of
canvas.js, in an HTML widget, and comes to Python through a text field that is not shown. Where no such script runs, the
sliders below the canvas do the same, and so does an array: `canvas.value = array`.
"""

from __future__ import annotations

import base64
import colorsys
import html
import io
import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from t2ilab.data.geometry import disc, line
from t2ilab.data.maps import JOINT_NAMES, LIMBS, pose_picture
from t2ilab.lab.translate import tr
from t2ilab.lab.widgets import png

Point = tuple[float, float]
PEN = "#e6007e"  # of a mask, over any picture


class Canvas(ipywidgets.VBox):
    """What the canvases share: a picture behind, a list of what was done, buttons to undo it and to begin anew.

    Args:
        size: of the picture, in pixels a side, 16 to 512. It is shown 4 to 8 times as large.
        behind: the picture, (3, size, size) in [-1, 1]; None for black.
        words: what is to be done here, and what those hear who do not see it.

    Attributes:
        history: all that was done, in order, in pixels of the picture.
    """

    pen: float | None = None  # pixels; None where nothing is drawn

    def __init__(self, size: int, behind: Tensor | None, words: str):
        if not 16 <= size <= 512:
            raise ValueError(f"A canvas has 16 to 512 pixels a side; got {size}.")
        self.size, self.words = size, words
        self._behind = _address(png(torch.full((3, size, size), -1.0) if behind is None else behind, 1))
        self._page = ipywidgets.HTML()
        self._field = ipywidgets.Textarea(value="[]", layout={"display": "none"})
        self._field.add_class("t2ilab-history")
        by_hand = ipywidgets.Accordion(children=[ipywidgets.VBox(self._sliders())], selected_index=None)
        by_hand.set_title(0, tr("Without a mouse"))
        super().__init__([self._page, self._field, by_hand])
        self.add_class("t2ilab-drawable")
        self._show()

    @property
    def history(self) -> list[Any]:
        """All that was done, in order: strokes [width, x, y, x, y, ...] or poses [[x, y] or None, ...] in pixels."""
        try:
            done = json.loads(self._field.value)
        except ValueError:  # half a message is none
            done = None
        return done if isinstance(done, list) else []

    def undo(self) -> None:
        """Takes back what was done last."""
        self._set(self.history[:-1])

    def clear(self) -> None:
        """Begins anew; this, too, can be undone."""
        self._set([*self.history, []])

    def _set(self, history: list[Any]) -> None:
        self._field.value = json.dumps(history)
        self._show()

    def _sliders(self) -> list[ipywidgets.Widget]:
        """What stands in for the mouse."""
        raise NotImplementedError

    def _told(self) -> dict[str, str]:
        """What the script has to know of this kind of canvas."""
        raise NotImplementedError

    def _slider(self, words: str, value: float) -> ipywidgets.IntSlider:
        whole = {"description_width": "initial"}
        return ipywidgets.IntSlider(value=round(value), min=0, max=self.size, description=words, style=whole)

    def _show(self) -> None:
        """Lays the canvas out as it now is."""
        told = {"size": str(self.size), "history": self._field.value, "start": "[]", **self._told()}
        data = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in told.items())
        side = self.size * max(4, min(8, 384 // self.size))
        square = f"width:{side}px;height:{side}px;max-width:none"
        script = html.escape(f"({_script()})(this)")
        words = html.escape(self.words)
        width = ""
        if self.pen is not None and "pen" not in told:
            width = (
                f'<label>{html.escape(tr("width"))} <input type="range" min="1" max="{self.size // 2}" '
                f'value="{self.pen:g}"></label> '
            )
        # JupyterLab's shortcuts would take the arrow keys.
        self._page.value = (
            f'<div class="t2ilab-canvas" data-lm-suppress-shortcuts="true" {data}>'
            f'<div style="position:relative;{square}">'
            f'<img src="{self._behind}" alt="" draggable="false" style="{square};image-rendering:pixelated"'
            f' onload="{script}">'
            f'<svg viewBox="0 0 {self.size} {self.size}" role="group" aria-label="{words}" style="position:absolute;'
            f'left:0;top:0;{square};touch-action:none;cursor:crosshair"></svg></div>'
            f'<p style="margin:0.3em 0">{words}</p>{width}'
            f'<button type="button" data-does="undo">{html.escape(tr("undo"))}</button> '
            f'<button type="button" data-does="clear">{html.escape(tr("begin anew"))}</button></div>'
        )


class _Drawn(Canvas):
    """A canvas that is drawn on with a pen."""

    ink, opacity = "white", "1"

    def __init__(self, size: int, behind: Tensor | None, words: str):
        self._base: np.ndarray | None = None
        super().__init__(size, behind, words)

    @property
    def begun(self) -> bool:
        """Whether there is anything on it."""
        return bool(np.any(self.value))

    @property
    def value(self) -> np.ndarray:
        """What is on the canvas: (size, size)."""
        strokes = self.history
        last = max((i for i, stroke in enumerate(strokes) if not stroke), default=-1)
        blank = np.zeros((self.size, self.size), np.float32)
        drawn = self._base if self._base is not None and last < 0 else blank
        for width, *numbers in strokes[last + 1 :]:
            drawn = np.maximum(drawn, self._cover(_away(numbers, self.size), float(width)))
        return self._as_value(drawn)

    @value.setter
    def value(self, array: Any) -> None:
        given = torch.as_tensor(array, dtype=torch.float32).detach().cpu().numpy().copy()
        if given.shape != (self.size, self.size) or not ((given >= 0) & (given <= 1)).all():
            raise ValueError(
                f"What is put on this canvas is ({self.size}, {self.size}) with values from 0 to 1; got {given.shape}"
                + (f" from {given.min():.4g} to {given.max():.4g}." if given.size else ".")
            )
        self._base = given
        self._set([])

    def stroke(self, points: Sequence[Point], width: float | None = None) -> None:
        """Draws a line.

        Args:
            points: at least one, each x and y in pixels of the picture, from its top left corner.
            width: in pixels; by default the pen's.
        """
        numbers = [float(number) for point in points for number in point]
        width = self.pen if width is None else width
        if not numbers or len(numbers) % 2 or not all(map(math.isfinite, numbers)) or not width or width <= 0:
            raise ValueError(f"A stroke needs points (x, y) and a positive width; got {list(points)} and {width}.")
        self._set([*self.history, [float(width), *numbers]])

    def _sliders(self) -> list[ipywidgets.Widget]:
        across, down = self._slider(tr("across"), self.size / 2), self._slider(tr("down"), self.size / 2)
        width = self._slider(tr("width"), self.pen or 1)
        width.min = 1
        dot = ipywidgets.Button(description=tr("add a dot"))
        dot.on_click(lambda _: self.stroke([(across.value, down.value)], width.value))
        return [across, down, width, dot]

    def _told(self) -> dict[str, str]:
        told = {"ink": self.ink, "opacity": self.opacity}
        if self._base is not None:
            color = np.array([int(PEN[i : i + 2], 16) if self.ink == PEN else 255 for i in (1, 3, 5)], np.uint8)
            pixels = np.empty((self.size, self.size, 4), np.uint8)
            pixels[..., :3], pixels[..., 3] = color, (255 * self._base).round()
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            told["base"] = _address(buffer.getvalue())
        return told

    def _cover(self, away: np.ndarray, width: float) -> np.ndarray:
        """How much of each pixel a line of that width covers, by how far each pixel's middle is from it, in pixels."""
        return np.clip(width / 2 + 0.5 - away, 0, 1)

    def _as_value(self, drawn: np.ndarray) -> np.ndarray:
        return drawn


class Scribble(_Drawn):
    """A canvas for a line drawing, as `control-scribble` looks at one.

    Its `value` is float32 (size, size) in [0, 1]: thin white lines on black, as wide as those of the world.
    """

    def __init__(self, size: int = 64):
        self.pen = max(1.25, size / 96)
        words = tr("Draw lines, with the mouse or a finger, where edges are to be.")
        super().__init__(size, None, words)

    @property
    def picture(self) -> Tensor:
        """What a ControlNet looks at: (1, 3, size, size) in [0, 1]."""
        return torch.from_numpy(self.value).expand(1, 3, -1, -1)

    def _told(self) -> dict[str, str]:
        return {**super()._told(), "pen": f"{self.pen:g}"}


class Mask(_Drawn):
    """A canvas for a mask over a picture. Its `value` is bool (size, size), True where the pen has been.

    Args:
        picture: what is painted over, (3, size, size) or (1, 3, size, size) in [-1, 1]; a number of pixels for none.
    """

    ink, opacity = PEN, "0.7"

    def __init__(self, picture: Tensor | int = 64):
        behind = None if isinstance(picture, int) else picture.reshape(picture.shape[-3:]).detach().float().cpu()
        if behind is not None and (behind.ndim != 3 or len(behind) != 3 or behind.shape[1] != behind.shape[2]):
            raise ValueError(f"A mask is painted over one square picture (3, H, H); got {tuple(behind.shape)}.")
        size = picture if isinstance(picture, int) else picture.shape[-1]
        self.pen = max(2, size // 8)
        words = tr("Paint, with the mouse or a finger, what is to change.")
        super().__init__(size, behind, words)

    def _cover(self, away: np.ndarray, width: float) -> np.ndarray:
        return (away <= width / 2).astype(np.float32)

    def _as_value(self, drawn: np.ndarray) -> np.ndarray:
        return drawn >= 0.5


class Pose(Canvas):
    """A canvas with a figure whose joints are dragged one by one, or, from beside them, all together.

    Its `value` is float32 (J, 2), x and y of the joints `JOINT_NAMES`; the picture spans [-1, 1], y down, and nan is a
    joint that the figure has not.

    Args:
        joints: how it stands at first, such as torch.tensor(JOINTS["chef"]) * 0.5, or one of `poses`.
        size: of the picture, in pixels a side.
    """

    def __init__(self, joints: Any, size: int = 64):
        self._start = _checked_pose(joints)
        words = tr("Drag a joint, or from beside the figure all of it. Arrow keys move the joint that has the focus.")
        super().__init__(size, None, words)

    @property
    def begun(self) -> bool:
        """Whether there is anything on it."""
        return True

    @property
    def value(self) -> np.ndarray:
        """Where the joints are: float32 (J, 2) in [-1, 1]."""
        history = self.history
        if not history or not history[-1]:
            return self._start.copy()
        pixels = np.array([joint or (math.nan, math.nan) for joint in history[-1]], np.float32)
        return pixels * 2 / self.size - 1

    @value.setter
    def value(self, joints: Any) -> None:
        self._start = _checked_pose(joints)
        self._set([])

    @property
    def picture(self) -> Tensor:
        """What a ControlNet looks at: (1, 3, size, size) in [0, 1]."""
        figures = torch.full((1, 3, len(JOINT_NAMES), 2), math.nan)
        figures[0, 0] = torch.from_numpy(self.value)
        return pose_picture(figures, self.size) / 2 + 0.5

    def _sliders(self) -> list[ipywidgets.Widget]:
        there = [k for k, joint in enumerate(self._start) if not np.isnan(joint).any()]
        names = _joint_names()
        which = ipywidgets.Dropdown(options=[(names[k], k) for k in there], description=tr("joint"))
        across, down = self._slider(tr("across"), 0), self._slider(tr("down"), 0)
        move = ipywidgets.Button(description=tr("put it there"))

        def choose(_: Any = None) -> None:
            x, y = (self.value[which.value] + 1) * self.size / 2
            across.value, down.value = round(float(x)), round(float(y))

        def put(_: Any) -> None:
            pose = self._pixels(self.value)
            pose[which.value] = [float(across.value), float(down.value)]
            self._set([*self.history, pose])

        which.observe(choose, names="value")
        move.on_click(put)
        choose()
        return [which, across, down, move]

    def _told(self) -> dict[str, str]:
        limbs = [(a, b, _color(k, len(LIMBS), 0.65)) for k, (a, b) in enumerate(LIMBS.values())]
        joints = [(name, _color(k, len(JOINT_NAMES), 1.0)) for k, name in enumerate(_joint_names())]
        start = json.dumps(self._pixels(self._start))
        return {"limbs": json.dumps(limbs), "joints": json.dumps(joints), "start": start}

    def _pixels(self, joints: np.ndarray) -> list[list[float] | None]:
        pixels = (joints.astype(float) + 1) * self.size / 2
        return [None if np.isnan(joint).any() else [round(float(x), 1) for x in joint] for joint in pixels]


@cache
def _script() -> str:
    """A function of JavaScript."""
    return Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def _checked_pose(joints: Any) -> np.ndarray:
    given = torch.as_tensor(joints, dtype=torch.float32).detach().cpu().numpy().copy()
    if given.shape != (len(JOINT_NAMES), 2) or np.isinf(given).any() or np.isnan(given).all():
        raise ValueError(f"A pose is ({len(JOINT_NAMES)}, 2), in [-1, 1], nan for none; got {given.shape}. See JOINTS.")
    return given


def _away(numbers: Sequence[float], size: int) -> np.ndarray:
    """How far the middle of each pixel (size, size) is from a line through x, y, x, y, ..., in pixels."""
    stops = [(float(x), float(y)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    stops = [stop for i, stop in enumerate(stops) if i == 0 or stop != stops[i - 1]]
    axis = torch.arange(size) + 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], dim=-1)
    return (line(points, stops) if len(stops) > 1 else disc(points, 0.0, stops[0])).numpy()


def _color(k: int, count: int, value: float) -> str:
    """The colour that `pose_picture` gives the k-th of so many limbs or joints, as a page has it."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(k / count, 1.0, value))


def _address(data: bytes) -> str:
    """A PNG as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _joint_names() -> list[str]:
    """`JOINT_NAMES` in the language of the edition."""
    return [
        tr("head"),
        tr("neck"),
        tr("right shoulder"),
        tr("right hand"),
        tr("left shoulder"),
        tr("left hand"),
        tr("waist"),
        tr("right foot"),
        tr("left foot"),
    ]
