"""What happens when the page is touched. gradio reads the annotations here, so they are no strings."""

import io
from collections.abc import Iterator
from typing import Any

from PIL import Image

from t2ilab.studio import stage, uploads
from t2ilab.studio.answers import Asked, Shown, answer, why
from t2ilab.studio.page import Page, controls, title
from t2ilab.studio.settings import Settings, from_png
from t2ilab.studio.words import EXAMPLES, known_words, label, sentence

KEPT = 24  # pictures of one person that the page remembers
# The page's parts and the settings that stand in them, in the order in which they are handed on.
SETTINGS = {"prompt": "prompt", "model": "model", "negative": "negative_prompt", "steps": "num_inference_steps",
            "guidance": "guidance_scale", "sampler": "sampler", "seed": "seed", "shape": "shape",
            "strength": "strength"}  # fmt: skip
# Small things happen at once, whoever is drawing; and only drawing itself is open to programs.
AT_ONCE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
IN_TURN: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "draw", "show_progress": "minimal"}
SPEAK = "(v, ...rest) => { document.documentElement.lang = v; return [v, ...rest]; }"
PIXELS = "v => { document.body.dataset.pixels = v; }"
CHIP = "(prompt, words) => words"


def connect(page: Page, blocks: Any) -> None:
    """Connects the parts of a page with what they do."""
    import gradio as gr

    p, models = page.parts, page.models
    skip = gr.skip()
    settings = [p[name] for name in SETTINGS]
    buttons = [p["draw"], p["stop"]]

    # ---- drawing ---------------------------------------------------------------------------------------------------

    def begin(language: str) -> tuple[Any, ...]:
        return gr.update(visible=False), gr.update(visible=True), stage.note(sentence("waiting", language), "busy")

    def draw(*said: Any) -> Iterator[tuple[Any, ...]]:
        """Draws what the page asks for: status, stage, seed, what is shown, what was drawn, and the gallery of it."""
        values, (count, new_seed, watch, editor, part, control, scribble, language, drawn) = said[:9], said[9:]
        asked = Asked(_settings(values), _whole(count), bool(new_seed), watch, editor, part, control or "", scribble,
                      language)  # fmt: skip
        for seen in answer(models, asked):
            html = skip if seen.stage is None else seen.stage
            if seen.shown is None:
                yield seen.status, html, skip, skip, skip, skip
            else:
                kept = [*seen.shown.drawn, *(drawn or [])][:KEPT]
                seed = seen.shown.drawn[0].settings.seed
                yield seen.status, html, seed, seen.shown, kept, gallery(kept)

    def gallery(kept: list[stage.Drawn]) -> Any:
        pictures = [(_opened(one.png), one.settings.prompt[:80]) for one in kept]
        return gr.update(value=pictures, visible=True, selected_index=None)

    def end() -> tuple[Any, ...]:
        return gr.update(visible=True), gr.update(visible=False)

    def stopped(language: str, shown: Shown) -> tuple[Any, ...]:
        return *end(), stage.note(sentence("stopped", language)), shown.html(language)

    begun = gr.on([p["draw"].click, p["prompt"].submit], begin, p["language"], [*buttons, p["status"]], **AT_ONCE)
    others = ("count", "new_seed", "watch", "editor", "part", "control", "scribble", "language", "drawn")
    seen = ("status", "stage", "seed", "shown", "drawn", "gallery")
    drawing = begun.then(draw, [*settings, *(p[name] for name in others)], [p[name] for name in seen],
                         show_progress_on=p["stage"], api_name="draw", **IN_TURN)  # fmt: skip
    drawing.then(end, None, buttons, **AT_ONCE)
    drawing.failure(lambda: "", None, p["status"], **AT_ONCE)  # a value that gradio itself refused, with its own words
    halted = p["stop"].click(stopped, [p["language"], p["shown"]], [*buttons, p["status"], p["stage"]],
                             cancels=[drawing], **AT_ONCE)  # fmt: skip
    # Once more, for a picture on its way that arrived in between.
    halted.then(lambda language, shown: shown.html(language), [p["language"], p["shown"]], p["stage"], **AT_ONCE)

    # ---- settings that come back -----------------------------------------------------------------------------------

    def back(found: dict[str, Any], language: str) -> list[Any]:
        """Settings for the parts of the page: those that were found, the others as they are; and no new seed."""
        said = sentence("restored", language)
        if found.get("model", models.names[0]) not in models.names:
            said = sentence("restored_other_model", language, model=str(found.pop("model"))[:80])
        values = [skip if found.get(name) is None else found[name] for name in SETTINGS.values()]
        return [*values, False if "seed" in found else skip, stage.note(said)]

    def choose(drawn: list, language: str, chosen: gr.SelectData) -> list[Any]:
        if not drawn:  # a page left open so long that its pictures are no longer kept
            return [skip] * (2 + len(returned))
        one = drawn[min(int(chosen.index), len(drawn) - 1)]
        shown = Shown((one,))
        return [shown.html(language), shown, *back({n: getattr(one.settings, n) for n in SETTINGS.values()}, language)]

    def restore(path: str, language: str) -> list[Any]:
        try:
            return back(from_png(path, language), language)
        except ValueError as error:
            return [*[skip] * (len(SETTINGS) + 1), stage.note(str(error), "wrong")]

    returned = [*settings, p["new_seed"], p["status"]]
    p["gallery"].select(choose, [p["drawn"], p["language"]], [p["stage"], p["shown"], *returned], **AT_ONCE)
    p["restore"].upload(restore, [p["restore"], p["language"]], returned, **AT_ONCE)

    # ---- the model, the start picture, the language ----------------------------------------------------------------

    def take(model: str, language: str) -> tuple[Any, ...]:
        try:
            pipe = models.open(model, language)
        except Exception as error:
            return skip, skip, skip, stage.note(why(error, language), "wrong")
        said = stage.note(" ".join(models.remarks.get(model, [])))
        return pipe.guidance_scale, pipe.sampling.sampler, known_words(pipe.world, language), said

    def open_picture(path: str, language: str) -> tuple[Any, ...]:
        try:
            return *over(uploads.open_picture(path, language)), ""
        except ValueError as error:
            return skip, skip, stage.note(str(error), "wrong")

    def use_shown(shown: Shown) -> tuple[Any, ...]:
        return over(uploads.on_canvas(_opened(shown.drawn[0].png).convert("RGB"))) if shown.drawn else (skip, skip)

    def over(picture: Image.Image | None) -> tuple[Any, ...]:
        """A picture to draw over, or none, and what belongs to it shown or hidden. A canvas that is made while it
        cannot be seen would be of no size, so it is made when the picture comes."""
        value = {"background": picture, "layers": [], "composite": None} if picture else None
        return gr.update(value=value, visible=picture is not None), gr.update(visible=picture is not None)

    def spoken(request: gr.Request) -> str:
        """The language that a visitor's address (?lang=ja) or browser asks for; English where it is neither."""
        asked = dict(request.query_params).get("lang") or request.headers.get("accept-language", "en")
        return "ja" if str(asked).strip().lower().startswith("ja") else "en"

    def speak(language: str, prompt: str, shown: Shown, model: str) -> list[Any]:
        known = known_words(models.open(model).world, language) if model in models.names else skip
        status = stage.note(sentence("shown_first", language)) if shown.drawn == page.first.drawn else ""
        examples = [words for each in EXAMPLES.values() for words in each]
        updates = dict(zip(page.texts, page.said(language), strict=True))
        if prompt in examples:  # the same one in the other language; what a person wrote stays
            updates["prompt"]["value"] = EXAMPLES[language][examples.index(prompt) % len(EXAMPLES[language])]
        control = gr.update(choices=controls(models.control_names, language), label=label("control", language))
        head = [title(language), status, shown.html(language), known, control]
        return [*head, *EXAMPLES[language], *updates.values()]

    p["model"].input(take, [p["model"], p["language"]], [p["guidance"], p["sampler"], p["known"], p["status"]],
                     api_visibility="private", **IN_TURN)  # fmt: skip
    editing = [p["editor"], p["editing"]]
    p["open"].upload(open_picture, [p["open"], p["language"]], [*editing, p["status"]], **AT_ONCE)
    p["use_last"].click(use_shown, p["shown"], editing, **AT_ONCE)
    p["remove"].click(lambda: over(None), None, editing, **AT_ONCE)
    p["part"].input(lambda part: 0.7 if part == "all" else 1.0, p["part"], p["strength"], **AT_ONCE)
    if models.control_names:
        p["control"].input(lambda name: gr.update(visible=bool(name)), p["control"], p["scribble"], **AT_ONCE)
    p["pixels"].change(None, p["pixels"], None, js=PIXELS)
    for chip in p["chips"]:
        chip.click(None, [p["prompt"], chip], p["prompt"], js=CHIP)
    blocks.load(spoken, None, p["language"], **AT_ONCE)
    heard = [p["language"], p["prompt"], p["shown"], p["model"]]
    told = [p[name] for name in ("title", "status", "stage", "known", "control")]
    speaking = [p[name] for name in page.texts]
    p["language"].change(speak, heard, [*told, *p["chips"], *speaking], js=SPEAK, **AT_ONCE)


def _settings(values: tuple[Any, ...]) -> Settings:
    """What stands in the parts of the page, as settings; checked later."""
    found = dict(zip(SETTINGS.values(), values, strict=True))
    for name in ("num_inference_steps", "seed"):
        found[name] = _whole(found[name])
    found["prompt"], found["negative_prompt"] = found["prompt"] or "", found["negative_prompt"] or ""
    return Settings(**found)


def _whole(value: Any) -> Any:
    """A slider's whole number may arrive as a float; nothing counts as 0, and what is no number is refused later."""
    if value is None:
        return 0
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))
