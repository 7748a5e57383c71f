"""The page: what stands where, and in which words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from PIL import Image

from t2ilab.pipelines.text_to_image import SAMPLERS
from t2ilab.studio import stage, uploads
from t2ilab.studio.answers import first_picture
from t2ilab.studio.models import Models
from t2ilab.studio.settings import LARGEST_SEED, MOST_GUIDANCE, MOST_PICTURES, MOST_STEPS, SHAPES
from t2ilab.studio.words import EXAMPLES, LANGUAGES, known_words, label, sentence

if TYPE_CHECKING:
    import gradio as gr

CHOICES = {"pixels": ("crisp", "smooth"), "watch": ("noise", "guess"), "shape": tuple(SHAPES), "part": uploads.PARTS}
PAINT, CHALK = "#e4572e", "#ffffff"


class Page:
    """The parts of the page by name, and what each says in which language.

    Args:
        models: what can be drawn with; the first is drawn with once, so that the page opens with a picture.
    """

    def __init__(self, models: Models):
        self.models = models
        self.parts: dict[str, Any] = {}
        self.texts: dict[str, dict[str, str]] = {}  # of a part: its property -> the name of a text in LABELS
        self.first = first_picture(models)

    def build(self) -> gr.Blocks:
        """The page as gradio's Blocks, with its events."""
        import gradio as gr

        from t2ilab.studio.events import connect

        with gr.Blocks(
            title=label("title"), analytics_enabled=False, fill_width=True, delete_cache=(600, 7200)
        ) as page:
            with gr.Row(elem_id="t2-head"):
                self.parts["title"] = gr.HTML(title(), elem_id="t2-title")
                languages = [(name, code) for code, name in LANGUAGES.items()]
                self._add("language", gr.Radio, choices=languages, value="en", elem_id="t2-language", container=False)
            self._ask(gr)
            with gr.Row(elem_id="t2-work"):
                with gr.Column(scale=5, min_width=320):
                    self._stage(gr)
                with gr.Column(scale=3, min_width=300, elem_id="t2-settings"):
                    self._settings(gr)
                    self._start_picture(gr)
                    self._scribble(gr)
            connect(self, page)
        page.queue(max_size=None, default_concurrency_limit=1)
        return page

    def said(self, language: str) -> list[Any]:
        """An update for each part of `texts`, in that language."""
        import gradio as gr

        return [gr.update(**_told(says, language)) for says in self.texts.values()]

    # ---- what stands where -----------------------------------------------------------------------------------------

    def _add(self, name: str, kind: Any, *, text: str = "label", more: Iterable[str] = (), **options: Any) -> Any:
        """A part that says LABELS[name] as its property `text`, and LABELS[name_...] as those of `more`."""
        says = {text: name} | {of: f"{name}_{of}" for of in more}
        if name in CHOICES:
            says["choices"] = name
        self.parts[name], self.texts[name] = kind(**_told(says), **options), says
        return self.parts[name]

    def _ask(self, gr: Any) -> None:
        with gr.Row(elem_id="t2-ask", equal_height=True):
            self._add("prompt", gr.Textbox, more=["placeholder"], value=EXAMPLES["en"][0], lines=1, max_lines=4,
                      autofocus=True, elem_id="t2-prompt", scale=8)  # fmt: skip
            button: dict[str, Any] = {"kind": gr.Button, "text": "value", "scale": 1, "min_width": 130}
            self._add("draw", variant="primary", elem_id="t2-draw", **button)
            self._add("stop", variant="stop", visible=False, elem_id="t2-stop", **button)
        with gr.Row(elem_id="t2-examples"):
            chips = [gr.Button(words, size="sm", min_width=40, elem_classes="t2-chip") for words in EXAMPLES["en"]]
            self.parts["chips"] = chips

    def _stage(self, gr: Any) -> None:
        p = self.parts
        p["shown"] = gr.State(self.first)
        p["drawn"] = gr.State([], time_to_live=6 * 3600)
        p["status"] = gr.HTML(stage.note(sentence("shown_first")), elem_id="t2-status")
        p["stage"] = gr.HTML(self.first.html(), elem_id="t2-stage")
        self._add("gallery", gr.Gallery, columns=8, fit_columns=False, height="auto", allow_preview=False,
                  object_fit="contain", interactive=False, buttons=[], format="png", elem_id="t2-history",
                  visible=False)  # fmt: skip
        with gr.Row(elem_id="t2-looks"):
            self._add("pixels", gr.Radio, value="crisp", min_width=200)
            self._add("watch", gr.Radio, value="noise", min_width=200)
        self._add("restore", gr.UploadButton, file_types=[".png"], size="sm", elem_id="t2-restore")

    def _settings(self, gr: Any) -> None:
        pipe = self.models.open(self.models.names[0])
        self._add("model", gr.Dropdown, choices=self.models.names, value=self.models.names[0])
        slider: dict[str, Any] = {"kind": gr.Slider, "step": 1}
        self._add("count", minimum=1, maximum=MOST_PICTURES, value=1, **slider)
        self._add("steps", more=["info"], minimum=1, maximum=MOST_STEPS, value=20, **slider)
        self._add("guidance", gr.Slider, more=["info"], minimum=1, maximum=MOST_GUIDANCE, value=pipe.guidance_scale,
                  step=0.5)  # fmt: skip
        with gr.Group():
            self._add("seed", gr.Number, more=["info"], value=0, precision=0, minimum=0, maximum=LARGEST_SEED,
                      elem_id="t2-seed")  # fmt: skip
            self._add("new_seed", gr.Checkbox, value=True)
        with self._add("more", gr.Accordion, open=False):
            self._add("negative", gr.Textbox, more=["placeholder"], max_lines=3)
            self._add("sampler", gr.Dropdown, choices=list(SAMPLERS), value=pipe.sampling.sampler)
            self._add("shape", gr.Radio, value="square")
        with self._add("words", gr.Accordion, open=False):
            self.parts["known"] = gr.Markdown(known_words(pipe.world), elem_id="t2-known")

    def _start_picture(self, gr: Any) -> None:
        kinds = [f".{kind.lower()}" for kind in (*uploads.FORMATS, "jpg")]
        with self._add("over", gr.Accordion, open=False, elem_id="t2-over"):
            with gr.Row():
                small: dict[str, Any] = {"size": "sm", "min_width": 80}
                self._add("open", gr.UploadButton, file_types=kinds, elem_id="t2-open", **small)
                self._add("use_last", gr.Button, text="value", **small)
                self._add("remove", gr.Button, text="value", **small)
            self._add("editor", gr.ImageEditor, **_canvas(gr, PAINT, 48), visible=False, elem_id="t2-editor")
            with gr.Column(visible=False) as self.parts["editing"]:
                self._add("part", gr.Radio, value="all")
                self._add("strength", gr.Slider, more=["info"], minimum=0, maximum=1, value=0.7, step=0.05)

    def _scribble(self, gr: Any) -> None:
        names = self.models.control_names
        with self._add("scribble_box", gr.Accordion, open=False, visible=bool(names)):
            self.parts["control"] = gr.Dropdown(controls(names), value="", label=label("control"))
            if names:
                black = {"background": Image.new("RGB", (uploads.CANVAS,) * 2), "layers": [], "composite": None}
                self._add(
                    "scribble",
                    gr.ImageEditor,
                    value=black,
                    visible=False,
                    **_canvas(gr, CHALK, 8),
                    elem_id="t2-scribble",
                )
            else:
                self.parts["scribble"] = gr.State()


def _told(says: Mapping[str, str], language: str = "en") -> dict[str, Any]:
    """Properties of a part, in that language."""
    return {of: choices(name, language) if of == "choices" else label(name, language) for of, name in says.items()}


def _canvas(gr: Any, colour: str, width: int) -> dict[str, Any]:
    """Options of an ImageEditor that one only paints in: pictures come in by another way, where they are checked."""
    return {
        "type": "pil",
        "sources": (),
        "transforms": (),
        "layers": False,
        "buttons": [],
        "format": "png",
        "brush": gr.Brush(default_size=width, colors=[colour], color_mode="fixed"),
        "canvas_size": (uploads.CANVAS, uploads.CANVAS),
        "fixed_canvas": True,
        "height": 380,
    }


def title(language: str = "en") -> str:
    """The head of the page, as HTML."""
    return f"<h1>{label('title', language)}</h1><p>{label('subtitle', language)}</p>"


def choices(name: str, language: str = "en") -> list[tuple[str, str]]:
    """What a radio offers: (what it says, its value)."""
    return [(label(value, language), value) for value in CHOICES[name]]


def controls(names: list[str], language: str = "en") -> list[tuple[str, str]]:
    """The ControlNets to choose from, and none of them."""
    return [(label("no_control", language), ""), *((name, name) for name in names)]
