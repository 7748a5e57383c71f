"""What the studio does with what it is asked: the page's logic, without the page."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.studio import stage, uploads
from t2ilab.studio.drawing import Frame, Start, draw
from t2ilab.studio.models import Models
from t2ilab.studio.settings import LARGEST_SEED, MOST_PICTURES, Settings, check, size_of, to_png
from t2ilab.studio.words import EXAMPLES, remark, sentence

Way = list[tuple[int, Image.Image]]


@dataclass(frozen=True)
class Shown:
    """What stands on the stage: pictures that are done, and the way of the first of them."""

    drawn: tuple[stage.Drawn, ...] = ()
    way: tuple[tuple[int, Image.Image], ...] = ()

    def html(self, language: str = "en") -> str:
        """It as the stage has it."""
        return stage.done(self.drawn, self.way, language) if self.drawn else ""


@dataclass(frozen=True)
class Asked:
    """All that the page says when somebody presses Draw.

    Attributes:
        settings: as they stand there; the strength counts only where there is a picture to draw over.
        count: how many pictures.
        new_seed: whether to draw a seed by chance.
        watch: "noise" or "guess".
        editor: what gradio's ImageEditor gives: a background, and layers that were painted on it.
        part: of uploads.PARTS, what of the picture is drawn anew.
        control, scribble: the name of a ControlNet, "" for none, and the editor that one scribbled in.
        language: "en" or "ja".
    """

    settings: Settings
    count: int = 1
    new_seed: bool = False
    watch: str = "noise"
    editor: Mapping[str, Any] | None = None
    part: str = "all"
    control: str = ""
    scribble: Mapping[str, Any] | None = None
    language: str = "en"


@dataclass(frozen=True)
class Answer:
    """What is to be seen next.

    Attributes:
        status: a line about it, as HTML.
        stage: the pictures, as HTML; None leaves what is there.
        shown: with the last answer, what was drawn.
    """

    status: str
    stage: str | None = None
    shown: Shown | None = None


def answer(models: Models, asked: Asked) -> Iterator[Answer]:
    """Draws what the page asks for. The last answer holds the pictures, or the sentence that says why there are none.

    Closing the iterator ends the work within a step.
    """
    began, language = time.monotonic(), asked.language
    try:
        settings, pipe, start = _prepared(models, asked)
        remarks = _remarks(pipe, settings.prompt, language)
        for frame in draw(pipe, settings, asked.count, start, asked.watch):
            if len(frame.finished) < asked.count:
                far = " ".join([_how_far(frame, asked.count, language), *remarks])
                share = (len(frame.finished) + len(frame.coming) * frame.step / max(1, frame.steps)) / asked.count
                yield Answer(stage.note(far, "busy", share), stage.coming(frame, language))
        each = [settings.with_seed(settings.seed + i) for i in range(asked.count)]
        drawn = [stage.Drawn(to_png(one, how), how) for one, how in zip(frame.finished, each, strict=True)]
        shown = Shown(tuple(drawn), tuple(frame.way))
        said = " ".join([sentence("drawn", language, seconds=time.monotonic() - began), *remarks])
        yield Answer(stage.note(said), shown.html(language), shown)
    except Exception as error:  # one person's trouble must not end the studio of all
        yield Answer(stage.note(why(error, language), "wrong"))


def first_picture(models: Models) -> Shown:
    """What the page opens with, drawn with the first model; nothing where that one only fills masks."""
    name = models.names[0]
    pipe = models.open(name)
    if pipe.unet.config.reads_mask:
        return Shown()
    settings = Settings(EXAMPLES["en"][0], name, guidance_scale=pipe.guidance_scale, sampler=pipe.sampling.sampler)
    *_, last = draw(pipe, settings)
    return Shown((stage.Drawn(to_png(last.finished[0], settings), settings),), tuple(last.way))


def why(error: Exception, language: str = "en") -> str:
    """An error as a sentence for the person at the page; what nobody foresaw is also logged for the terminal."""
    if isinstance(error, ValueError | OSError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return sentence("memory", language)
    logging.getLogger(__name__).error("The studio could not draw.", exc_info=error)
    return sentence("failed", language, error=f"{type(error).__name__}: {error}".rstrip(".")[:300])


def _prepared(models: Models, asked: Asked) -> tuple[Settings, TextToImage, Start]:
    """Settings that were checked, the model, and what it starts from beside the words."""
    picture = uploads.background_of(asked.editor)
    settings, language = asked.settings, asked.language
    if picture is None or asked.control:
        settings = replace(settings, strength=None)
    if asked.new_seed:
        settings = settings.with_seed(secrets.randbelow(LARGEST_SEED - MOST_PICTURES))
    check(settings, asked.count, language)
    pipe = models.open(settings.model, language)
    size = size_of(settings.shape, pipe.image_size)
    if asked.control:
        scribble = uploads.scribble_of(asked.scribble, size, language)
        return settings, pipe, Start(controlnet=models.open_control(asked.control), scribble=scribble)
    mask = uploads.mask_of(asked.part, asked.editor, size, language) if picture is not None else None
    if pipe.unet.config.reads_mask and mask is None:
        raise ValueError(sentence("needs_start" if picture is None else "needs_mask", language))
    return settings, pipe, Start(uploads.fitted(picture, size) if picture is not None else None, mask)


def _how_far(frame: Frame, count: int, language: str) -> str:
    far: dict[str, object] = {"step": frame.step, "steps": frame.steps}
    if len(frame.coming) == count:
        return sentence("step", language, **far)
    return sentence("step_of", language, number=min(count, len(frame.finished) + 1), count=count, **far)


def _remarks(pipe: TextToImage, prompt: str, language: str) -> list[str]:
    """What a person should know of the prompt: unknown words, and what there is no place for."""
    found = [remark(prompt, pipe.world, language)] if pipe.world else []
    if unread := pipe.tokenizer.unread(prompt):
        found.append(sentence("unread", language, rest=unread[:200]))
    return [one for one in found if one]
