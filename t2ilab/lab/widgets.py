"""Things to touch in a lab, from core ipywidgets alone, which is all that Colab has."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from time import monotonic
from typing import Any

import ipywidgets
import torch
from torch import Tensor

from t2ilab.data.understanding import spelled, unknown_words
from t2ilab.diffusion.denoisers import Denoiser
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.images import to_pil
from t2ilab.lab.translate import tr
from t2ilab.output import enlarged

ONE_GESTURE = 1.0  # seconds between two events that a person cannot have meant as two wishes


def prompt_box(pipe: Any, prompt: str = "a big red star on a dark background") -> ipywidgets.Widget:
    """A line to type in, a seed and a button; below it the picture, and a slider back through its denoising.

    It draws once for each change, also where the button is pressed straight after typing, which leaves the line, too.
    What goes wrong is said below the picture; nothing is raised, since a notebook would hide it.

    Args:
        pipe: a TextToImage, or a function with its arguments.
        prompt: what the line says at first. It is drawn at once.
    """
    text = ipywidgets.Text(value=prompt, description=tr("prompt"), layout={"width": "32em"}, continuous_update=False)
    seed = ipywidgets.BoundedIntText(value=0, min=0, max=10**9, description=tr("seed"), layout={"width": "12em"})
    whole = {"description_width": "initial"}  # the Japanese word is longer than the room that labels have
    guidance = ipywidgets.FloatSlider(value=3.0, min=0.0, max=10.0, step=0.5, description=tr("guidance"), style=whole)
    button = ipywidgets.Button(description=tr("draw"))
    step = ipywidgets.IntSlider(description=tr("step"), continuous_update=True)
    picture = ipywidgets.Image(format="png", layout={"width": "256px", "height": "256px"})
    estimate = ipywidgets.Image(format="png", layout={"width": "256px", "height": "256px"})
    message = ipywidgets.HTML()
    frames: list[tuple[Tensor, Tensor]] = []
    entered: tuple[object, float] = (None, 0.0)  # what was drawn when the line was left last, and when it was done
    world = getattr(pipe, "world", None)  # a function that draws will do, too

    def draw() -> None:
        kept: list[tuple[Tensor, Tensor]] = []
        try:
            final = pipe(
                spelled(text.value, world) if world else text.value,
                seed=seed.value,
                guidance_scale=guidance.value,
                output_type="pt",
                callback=lambda i, t, x_t, x0_hat: kept.append((x_t.float().cpu(), x0_hat.float().cpu())),
            )
        except (ValueError, RuntimeError, OSError) as error:
            message.value = html.escape(str(error))
            return
        words = tr("Left: the picture on its way out of the noise. Right: what the model thinks it will be.")
        if world and (unknown := unknown_words(text.value, world)):
            words += f" {unknown}"
        message.value = html.escape(words)
        end = final.cpu() * 2 - 1
        frames.clear()  # while the slider is moved there is nothing to turn to
        step.max = len(kept)
        step.value = step.max
        frames[:] = [*kept, (end, end)]
        turn()

    def asked() -> object:
        return text.value, seed.value, guidance.value

    def enter(_: Any) -> None:
        nonlocal entered
        draw()
        entered = asked(), monotonic()

    def click(_: Any) -> None:
        if entered[0] != asked() or monotonic() - entered[1] > ONE_GESTURE:
            draw()

    def turn(_: Any = None) -> None:
        if not frames:  # the first prompt could not be drawn
            return
        for box, image in zip((picture, estimate), frames[step.value], strict=True):
            box.value = png(image)

    button.on_click(click)
    text.observe(enter, names="value")  # once the line is left or Enter is pressed
    step.observe(turn, names="value")
    draw()
    controls = ipywidgets.HBox([text, button])
    return ipywidgets.VBox(
        [controls, ipywidgets.HBox([seed, guidance]), step, ipywidgets.HBox([picture, estimate]), message]
    )


def denoising_box(
    x0: Tensor, schedule: NoiseSchedule, denoisers: Mapping[str, Denoiser], t: int = 400
) -> ipywidgets.Widget:
    """Sliders for the picture and for the timestep; below them the noisy picture and what each denoiser makes of it.

    Args:
        x0: (B, 3, H, W) in [-1, 1], clean pictures to choose from.
        schedule: how noisy each timestep is.
        denoisers: name -> denoise(x_t, t) -> x0_hat.
        t: the timestep that it opens with.
    """
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0)).to(x0)
    which = ipywidgets.IntSlider(max=len(x0) - 1, description=tr("picture"))
    time = ipywidgets.IntSlider(value=t, max=schedule.num_train_timesteps - 1, description=tr("timestep t"))
    layout = {"width": "192px", "height": "192px"}
    boxes = [ipywidgets.Image(format="png", layout=layout) for _ in range(len(denoisers) + 2)]
    names = [tr("clean"), tr("noisy, x_t"), *map(tr, denoisers)]

    def turn(_: Any = None) -> None:
        i, now = which.value, time.value
        x_t = schedule.add_noise(x0[i : i + 1], noise[i : i + 1], now)
        with torch.no_grad():
            shown = [x0[i : i + 1], x_t, *[denoise(x_t, now) for denoise in denoisers.values()]]
        for box, picture in zip(boxes, shown, strict=True):
            box.value = png(picture.clamp(-1, 1).float().cpu(), 6)

    which.observe(turn, names="value")
    time.observe(turn, names="value")
    turn()
    columns = [ipywidgets.VBox([ipywidgets.Label(name), box]) for name, box in zip(names, boxes, strict=True)]
    return ipywidgets.VBox([which, time, ipywidgets.HBox(columns)])


def png(image: Tensor, scale: int = 8) -> bytes:
    """A picture (1, 3, H, W) or (3, H, W) in [-1, 1] as the bytes of a PNG, enlarged."""
    buffer = io.BytesIO()
    batch = image if image.ndim == 4 else image[None]
    enlarged(to_pil(torch.nan_to_num(batch))[0], scale).save(buffer, "PNG")
    return buffer.getvalue()
