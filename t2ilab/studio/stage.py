"""The stage: pictures on their way, pictures that are done, and what is told beside them, as HTML."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

from t2ilab.studio.drawing import Frame
from t2ilab.studio.settings import Settings
from t2ilab.studio.words import sentence

STRIP = 6  # thumbnails of the way out of the noise
THUMBNAIL = 128  # pixels a side at most


@dataclass(frozen=True)
class Drawn:
    """A picture that is done: its PNG, with the settings inside, and the settings."""

    png: bytes
    settings: Settings


def coming(frame: Frame, language: str = "en") -> str:
    """Pictures that are being drawn, after those that are done."""
    alt = escape(sentence("alt_coming", language))
    pictures = [*frame.finished, *frame.coming]
    figures = "".join(f'<figure><img alt="{alt}" src="{_data(_encoded(picture))}"></figure>' for picture in pictures)
    return f'<div class="t2-pictures t2-coming" data-count="{len(pictures)}">{figures}</div>'


def done(drawn: Sequence[Drawn], way: Sequence[tuple[int, Image.Image]] = (), language: str = "en") -> str:
    """Pictures that are done, each with its seed and a link that saves it; the way of the first; its code."""
    figures = "".join(_figure(one, language) for one in drawn)
    pictures = f'<div class="t2-pictures" data-count="{len(drawn)}">{figures}</div>'
    return pictures + _strip(way, language) + _code(drawn[0].settings, language)


def file_name(settings: Settings) -> str:
    """A file's name that says what is on the picture: "an-astronaut-riding-a-horse-seed-0.png"."""
    words = re.sub(r"[^\w]+", "-", settings.prompt.strip().lower()).strip("-")[:60].rstrip("-")
    return f"{words or 'picture'}-seed-{settings.seed}.png"


def note(text: str, kind: str = "quiet", share: float | None = None) -> str:
    """A line above the stage; kind is "quiet", "busy" or "wrong", and share, of 1, is how much is done."""
    bar = ""
    if share is not None:
        bar = f'<div class="t2-bar" aria-hidden="true"><div style="width:{100 * share:.0f}%"></div></div>'
    return f'<p class="t2-note t2-{kind}">{escape(text)}</p>{bar}' if text else ""


def python(settings: Settings) -> str:
    """Python that draws the picture again."""
    lines = [
        "from t2ilab.pipelines.text_to_image import TextToImage",
        "",
        f"pipe = TextToImage.from_pretrained({settings.model!r})",
        "picture = pipe(",
        f"    {settings.prompt!r},",
        *([f"    negative_prompt={settings.negative_prompt!r},"] if settings.negative_prompt.strip() else []),
        f"    num_inference_steps={settings.num_inference_steps},",
        f"    guidance_scale={settings.guidance_scale:g},",
        f"    sampler={settings.sampler!r},",
        f"    seed={settings.seed},",
        ")[0]",
    ]
    return "\n".join(lines)


def _figure(one: Drawn, language: str) -> str:
    seed, source = one.settings.seed, _data(one.png)
    alt = escape(sentence("alt", language, prompt=one.settings.prompt, seed=seed))
    link = (
        f'<a class="t2-save" download="{escape(file_name(one.settings))}" href="{source}" '
        f'aria-label="{escape(sentence("save_alt", language, seed=seed))}">{escape(sentence("save", language))}</a>'
    )
    caption = f"<figcaption><span>{escape(sentence('seed_is', language, seed=seed))}</span>{link}</figcaption>"
    return f'<figure><img alt="{alt}" src="{source}">{caption}</figure>'


def _strip(way: Sequence[tuple[int, Image.Image]], language: str) -> str:
    if len(way) < 2:
        return ""
    count = min(STRIP - 1, len(way))
    seen = [way[round(i * (len(way) - 1) / max(1, count - 1))] for i in range(count)]
    items = [
        f'<li><img alt="{escape(sentence("alt_step", language, step=step))}" src="{_data(_thumbnail(picture))}">'
        f'<span aria-hidden="true">{step}</span></li>'
        for step, picture in seen
    ]
    return f'<div class="t2-way"><h2>{escape(sentence("way", language))}</h2><ol>{"".join(items)}</ol></div>'


def _code(settings: Settings, language: str) -> str:
    if settings.strength is not None or settings.shape != "square":
        return ""
    title = escape(sentence("python", language))
    code = f'<pre tabindex="0">{escape(python(settings))}</pre>'
    return f'<details class="t2-code"><summary>{title}</summary>{code}</details>'


def _thumbnail(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return _encoded(small)


def _encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
