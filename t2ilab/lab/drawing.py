"""Draw on a canvas, and see what a model makes of it: a canvas, a prompt and a button, and beside them the picture."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
import torch
from torch import Tensor

from t2ilab.data.understanding import spelled, unknown_words
from t2ilab.lab.canvas import Mask, Pose, Scribble
from t2ilab.lab.translate import tr
from t2ilab.lab.widgets import png

Draw = Callable[[str, np.ndarray, int], Tensor]


def drawing_box(
    canvas: Scribble | Mask | Pose, draw: Draw, prompt: str, seed: int = 0, world: str | None = None
) -> ipywidgets.Widget:
    """A canvas, a line to type in, a seed and a button; beside them what is drawn when the button is pressed.

    What goes wrong is said below the picture; nothing is raised, since a notebook would hide it. Where there is
    something on the canvas already, it is drawn at once.

    Args:
        canvas: one of `t2ilab.lab.canvas`. What is on it stays there to be read: canvas.value.
        draw: called as draw(prompt, canvas.value, seed); gives one picture (1, 3, H, W) or (3, H, W) in [-1, 1].
        prompt: what the line says at first.
        seed: likewise.
        world: the level whose words the model knows, "shapes" or "storybook": others are named below the picture.
    """
    text = ipywidgets.Text(value=prompt, description=tr("prompt"), layout={"width": "32em"})
    number = ipywidgets.BoundedIntText(value=seed, min=0, max=10**9, description=tr("seed"), layout={"width": "12em"})
    button = ipywidgets.Button(description=tr("draw"))
    picture, message = ipywidgets.HTML(), ipywidgets.HTML()

    def press(_: Any = None) -> None:
        button.disabled = True
        try:
            words = spelled(text.value, world) if world else text.value
            image = draw(words, canvas.value, number.value)
            shown = png(image.detach().float().cpu(), max(1, 384 // image.shape[-1]))
        except (ValueError, RuntimeError, OSError) as error:
            message.value = html.escape(str(error))
        else:
            told = html.escape(tr("What was drawn: {prompt}", prompt=text.value))
            source = base64.b64encode(shown).decode()
            picture.value = f'<img class="t2ilab-result" src="data:image/png;base64,{source}" alt="{told}">'
            unknown = unknown_words(text.value, world) if world else ""
            message.value = html.escape(unknown or "")
        finally:
            button.disabled = False

    button.on_click(press)
    if canvas.begun:
        press()
    controls = ipywidgets.VBox([text, ipywidgets.HBox([number, button])])
    return ipywidgets.VBox(
        [controls, ipywidgets.HBox([canvas, ipywidgets.VBox([picture, message])], layout={"flex_flow": "row wrap"})]
    )


def inpainting_box(pipe: Any, image: Tensor, prompt: str, canvas: Mask | None = None, **how: Any) -> ipywidgets.Widget:
    """Paint over a part of a picture, say what it is to show, and see it drawn anew.

    Args:
        pipe: a TextToImage, made for inpainting or not.
        image: one picture, (1, 3, H, H) in [-1, 1].
        prompt: of the whole picture, not of its new part alone.
        canvas: a mask that was begun elsewhere; None for a new one.
        how: what else `pipelines.inpainting.inpaint` takes, such as strength.
    """
    from t2ilab.pipelines.inpainting import inpaint

    def draw(prompt: str, mask: np.ndarray, seed: int) -> Tensor:
        holes = torch.from_numpy(mask)[None, None].float()
        return inpaint(pipe, prompt, image / 2 + 0.5, holes, seed=seed, output_type="pt", **how) * 2 - 1

    return drawing_box(canvas or Mask(image), draw, prompt, world=pipe.world)


def control_box(pipe: Any, controlnet: Any, canvas: Scribble | Pose, prompt: str, **how: Any) -> ipywidgets.Widget:
    """Draw lines, or move a figure, and see what a model draws that looks at them.

    Args:
        pipe: the base that the ControlNet was made for.
        controlnet: one that looks at what is on this kind of canvas.
        canvas: `Scribble` or `Pose`, of the size of the base's pictures.
        prompt: what the line says at first.
        how: what else `pipelines.control.control_to_image` takes, such as controlnet_conditioning_scale.
    """
    from t2ilab.pipelines.control import control_to_image

    def draw(prompt: str, value: np.ndarray, seed: int) -> Tensor:
        return control_to_image(pipe, controlnet, prompt, canvas.picture, seed=seed, output_type="pt", **how) * 2 - 1

    return drawing_box(canvas, draw, prompt, world=pipe.world)
