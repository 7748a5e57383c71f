"""A picture drawn as one looks on: frames on its way out of the noise, and work that ends when nobody looks."""

from __future__ import annotations

import queue
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from t2ilab.data.understanding import spelled
from t2ilab.nets.controlnet import ControlNet
from t2ilab.pipelines.control import control_to_image
from t2ilab.pipelines.editing import image_to_image
from t2ilab.pipelines.inpainting import inpaint
from t2ilab.pipelines.text_to_image import ADD_NOISE, TextToImage
from t2ilab.studio.settings import Settings, size_of

LARGE = 128  # pixels a side; larger pictures are drawn one by one, as a batch would fill the memory
SHARE = 3  # the work between two previews lasts at least so many times as long as a preview


@dataclass(frozen=True)
class Start:
    """What a drawing starts from beside the words.

    Attributes:
        picture: to draw over, of the size that is drawn; None for none.
        mask: white ("L") where it is drawn anew; None for everywhere.
        controlnet, scribble: what leads it; None for none.
    """

    picture: Image.Image | None = None
    mask: Image.Image | None = None
    controlnet: ControlNet | None = None
    scribble: Image.Image | None = None


@dataclass
class Frame:
    """What can be seen of a drawing.

    Attributes:
        step, steps: how far the pictures that are now drawn have come.
        coming: these, as they look now.
        finished: those that are done, in the order of their seeds.
        way: of the first picture, (step, picture) for what was seen of it.
    """

    step: int
    steps: int
    coming: list[Image.Image]
    finished: list[Image.Image] = field(default_factory=list)
    way: list[tuple[int, Image.Image]] = field(default_factory=list)


class _Stopped(Exception):
    """Nobody looks any more."""


def draw(
    pipe: TextToImage, settings: Settings, count: int = 1, start: Start | None = None, watch: str = "noise"
) -> Iterator[Frame]:
    """Draws pictures, those of seed, seed + 1, ..., giving a frame now and then; the last one has them all.

    The work is done in a thread of its own. When the iterator is closed, by a browser that went away or by a click, it
    ends within the step that it is at.

    Args:
        settings: already checked.
        count: how many pictures; each is what its seed alone gives.
        watch: "noise" shows x_t, "guess" the model's estimate of x0.

    Raises:
        ValueError, RuntimeError, MemoryError: what the pipeline raises.
    """
    told: queue.SimpleQueue[Frame | BaseException] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        try:
            _draw(pipe, settings, count, start or Start(), watch, told, stop)
        except BaseException as error:  # _Stopped too, which nobody waits for
            told.put(error)

    worker = threading.Thread(target=work, name="t2ilab-drawing", daemon=True)
    worker.start()
    try:
        done = False
        while not done:
            news = told.get()
            while not told.empty():  # who looks slowly sees fewer frames, and not old ones; the last is never passed
                news = told.get()
            if isinstance(news, BaseException):
                raise news
            done = len(news.finished) == count
            yield news
    finally:
        stop.set()
        worker.join()


def _draw(
    pipe: TextToImage,
    settings: Settings,
    count: int,
    start: Start,
    watch: str,
    told: queue.SimpleQueue[Any],
    stop: threading.Event,
) -> None:
    together = 1 if settings.sampler in ADD_NOISE or pipe.image_size > LARGE else count
    finished: list[Image.Image] = []
    way: list[tuple[int, Image.Image]] = []
    previews = _Previews(pipe, settings, watch, told, stop, finished, way)
    for first in range(0, count, together):
        previews.begin(first == 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a long prompt, which the page says in its own language
            drawn = _call(pipe, settings.with_seed(settings.seed + first), together, start, previews)
        finished += drawn
        steps = previews.steps
        told.put(Frame(steps, steps, [], list(finished), list(way)))


def _call(pipe: TextToImage, settings: Settings, count: int, start: Start, callback: Any) -> list[Image.Image]:
    """The one of the four pipelines that draws this."""
    prompt = spelled(settings.prompt, pipe.world) if pipe.world else settings.prompt
    width, height = size_of(settings.shape, pipe.image_size)
    how: dict[str, Any] = {
        "negative_prompt": settings.negative_prompt.strip() or None,
        "num_inference_steps": settings.num_inference_steps,
        "guidance_scale": settings.guidance_scale,
        "seed": settings.seed,
        "sampler": settings.sampler,
        "callback": callback,
    }
    prompts, strength = [prompt] * count, 1.0 if settings.strength is None else settings.strength
    if start.controlnet is not None and start.scribble is not None:
        return control_to_image(pipe, start.controlnet, prompts, start.scribble, width=width, height=height, **how)
    if start.picture is None:
        return pipe(prompts, width=width, height=height, **how)
    if start.mask is None and not pipe.unet.config.reads_mask:
        return image_to_image(pipe, prompts, start.picture, strength, **how)
    mask = start.mask or Image.new("L", start.picture.size, 255)
    return inpaint(pipe, prompts, start.picture, mask, strength, **how)


class _Previews:
    """A sampler's callback: says how far it is, shows pictures when they cost little, and ends what nobody watches."""

    def __init__(
        self,
        pipe: TextToImage,
        settings: Settings,
        watch: str,
        told: queue.SimpleQueue[Any],
        stop: threading.Event,
        finished: list[Image.Image],
        way: list[tuple[int, Image.Image]],
    ) -> None:
        self.pipe, self.watch, self.told, self.stop, self.finished, self.way = pipe, watch, told, stop, finished, way
        share = 1.0 if settings.strength is None else settings.strength
        self.steps = int(settings.num_inference_steps * share)
        self.cost, self.last, self.keeps = 0.0, 0.0, True

    def begin(self, keeps: bool) -> None:
        """Before each batch; `keeps` where its first picture is the one whose way is kept."""
        self.last, self.keeps = 0.0, keeps

    def __call__(self, step: int, t: int, x_t: Tensor, x0_hat: Tensor) -> None:
        if self.stop.is_set():
            raise _Stopped
        now = time.monotonic()
        if self.last and now - self.last < SHARE * self.cost:
            return
        shown = x_t if self.watch == "noise" else x0_hat
        coming = self.pipe.pictures(torch.nan_to_num(shown))
        self.last = time.monotonic()
        self.cost = self.last - now
        if self.keeps:
            self.way.append((step, coming[0]))
        self.told.put(Frame(step, self.steps, coming, list(self.finished)))
