"""The studio in a real browser, in both languages: typed in, watched, saved, painted on, left in the middle."""

import base64
import io
import os
import re
import shutil
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from own_studio import studio
from PIL import Image

pytest.importorskip("gradio", reason='needs gradio, which `pip install "t2ilab[studio]"` brings')
pytest.importorskip("playwright.sync_api", reason='needs playwright, which `pip install "t2ilab[test]"` brings')
from own_jupyterlab import CHROMIUM, PATIENT, api, expect, loaded, needs_browser, roughness

from t2ilab import zoo
from t2ilab.studio.settings import from_png
from t2ilab.studio.words import EXAMPLES, label

pytestmark = needs_browser

RIDER = {"en": "a brain riding a rocket", "ja": "ロケットに乗る脳"}
# Every picture that was ever shown on its way, in order.
WATCH = """() => {
    window.seen = [];
    const look = () => document.querySelectorAll("#t2-stage .t2-coming img").forEach(
        picture => { if (!window.seen.includes(picture.src)) window.seen.push(picture.src); });
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true, attributes: true});
}"""
NAMELESS = """() => [...document.querySelectorAll("input, textarea, select, button, img")].filter(part => {
    if (!part.checkVisibility() || part.type === "file") return false;
    if (part.tagName === "IMG") return !part.alt;
    const labels = [...(part.labels || [])].map(one => one.innerText).join("");
    return !(labels || part.innerText || part.title || part.getAttribute("aria-label")
             || part.getAttribute("aria-labelledby")).trim();
}).map(part => part.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Opens pages of one studio with the real models; `faults` has what went wrong on any of them."""
    home = tmp_path_factory.mktemp("studio")
    faults = []
    with studio(home, zoo.ROOT, "--port", "25860") as (server, said, asked), api.sync_playwright() as playwright:
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)[0]
        places = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, env=os.environ | places)

        def elsewhere(route):
            faults.append(f"asked {route.request.url}")
            route.abort()

        def open_page(locale="en-US", path=""):
            page = browser.new_context(locale=locale, viewport={"width": 1280, "height": 1000}).new_page()
            page.set_default_timeout(PATIENT)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)
            page.route(lambda url: not re.match(r"(http://127\.0\.0\.1[:/]|data:|blob:)", url), elsewhere)
            page.goto(address + path)
            page.locator("#t2-stage img").first.wait_for()
            page.evaluate(WATCH)
            return page

        yield SimpleNamespace(open=open_page, faults=faults, server=server)
        browser.close()
        assert asked.read_text() == ""  # nor has the server asked anybody


@pytest.fixture(autouse=True)
def _no_faults(visit):
    yield
    assert visit.faults == []


def speak(page, language):
    """Waits until the page speaks that language."""
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("h1")).to_have_text(label("title", language))


def drawn(page, language, **changed):
    """Types a prompt, presses Enter, and waits for the picture: what is shown of it."""
    page.get_by_label(label("prompt", language)).fill(changed.get("prompt", RIDER[language]))
    page.evaluate("window.seen = []")
    page.keyboard.press("Enter")
    page.wait_for_function("window.seen.length > 0")
    expect(page.locator(".t2-coming")).to_have_count(0)
    expect(page.locator("#t2-draw")).to_be_visible()
    return page.locator("#t2-stage .t2-pictures img")


def saved(page):
    """The file that one gets by Save PNG: its name and content."""
    with page.expect_download() as download:
        page.locator("a.t2-save").first.click()
    return download.value.suggested_filename, download.value.path()


def pixels(path):
    """A saved picture as the model drew it, whose pixels are squares of 8 in the file."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=int)[4::8, 4::8]


def choose(page, button, file):
    """Clicks a button that asks for a file, and gives it one."""
    with page.expect_file_chooser() as chooser:
        page.locator(button).click()
    chooser.value.set_files(file)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_prompt_is_typed_watched_and_saved_and_its_settings_come_back(visit, language, tmp_path):
    page = visit.open({"en": "en-US", "ja": "ja-JP"}[language])
    if language == "ja":
        speak(page, "ja")
    assert page.get_by_label(label("prompt", language)).input_value() == EXAMPLES[language][0]
    pictures = drawn(page, language)
    expect(pictures).to_have_count(1)
    assert RIDER[language] in pictures.first.get_attribute("alt")
    (final,) = loaded(pictures)
    coming = [source.split(",")[1] for source in page.evaluate("window.seen")]
    assert len(coming) >= 2
    assert roughness(coming[0]) > 1.3 * roughness(final)  # it begins as noise; that of latents is coarser

    name, path = saved(page)
    settings = from_png(path)
    assert name.endswith(f"-seed-{settings['seed']}.png")
    assert settings["prompt"] == RIDER[language]
    with Image.open(path) as picture, Image.open(io.BytesIO(base64.b64decode(coming[0]))) as small:
        assert picture.size == (8 * small.width, 8 * small.height)

    page.get_by_label(label("prompt", language)).fill("x")
    choose(page, "#t2-restore", shutil.copy(path, tmp_path / name))  # as it is named, or the page would not take it
    expect(page.get_by_label(label("prompt", language))).to_have_value(RIDER[language])
    expect(page.locator("#t2-seed input")).to_have_value(str(settings["seed"]))
    expect(page.get_by_label(label("new_seed", language))).not_to_be_checked()
    drawn(page, language)
    assert saved(page)[1].read_bytes() == path.read_bytes()  # the same settings, the same file
    page.context.close()


def test_the_language_changes_with_a_click_and_with_the_address(visit):
    page = visit.open(path="?lang=ja")
    speak(page, "ja")
    page.get_by_label("English").check()
    speak(page, "en")
    expect(page.locator("#t2-draw")).to_have_text("Draw")
    expect(page.locator(".t2-chip").first).to_have_text(EXAMPLES["en"][0])
    page.context.close()


def test_an_example_is_one_click_and_the_keyboard_reaches_draw(visit):
    page = visit.open()
    page.locator(".t2-chip").nth(3).click()
    prompt = page.get_by_label(label("prompt"))
    expect(prompt).to_have_value(EXAMPLES["en"][3])
    prompt.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "t2-draw"
    page.context.close()


def test_everything_has_a_name_and_what_happens_is_read_aloud(visit):
    page = visit.open()
    for name in ("more", "words", "over"):
        page.get_by_role("button", name=label(name)).click()
    expect(page.get_by_label(label("negative"))).to_be_visible()
    assert page.evaluate(NAMELESS) == []
    expect(page.locator("#t2-status")).to_have_attribute("aria-live", "polite")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(visit, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit.open()
    page.emulate_media(color_scheme=scheme)
    for name in ("more", "words", "over"):
        page.get_by_role("button", name=label(name)).click()
    expect(page.get_by_label(label("negative"))).to_be_visible()
    page.wait_for_timeout(1000)  # colours fade in
    found = axe.Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
    page.context.close()


def test_too_long_a_prompt_is_one_sentence(visit):
    page = visit.open()
    page.get_by_label(label("prompt")).fill("star " * 20_000)
    page.locator("#t2-draw").click()
    expect(page.locator("#t2-status .t2-wrong")).to_have_text(re.compile(r"at most 1,000 characters; got 100,000\."))
    expect(page.locator("#t2-draw")).to_be_visible()
    page.context.close()


def test_a_mask_is_painted_and_the_rest_stays(visit):
    page = visit.open()
    drawn(page, "en", prompt="a white dog riding a horse")
    before = pixels(saved(page)[1])
    page.get_by_role("button", name=label("over")).click()
    page.get_by_role("button", name=label("use_last")).click()
    canvas = page.locator("#t2-editor canvas").first
    canvas.wait_for()
    page.wait_for_timeout(3000)  # it draws itself; nothing on the page says when it is done
    page.get_by_label(label("painted")).check()
    expect(page.get_by_role("spinbutton", name=re.compile(label("strength")))).to_have_value("1")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 30, y - 60)
    page.mouse.down()
    for i in range(1, 7):
        page.mouse.move(x - 30 + 10 * i, y - 60)
    page.mouse.up()
    page.wait_for_timeout(1000)
    drawn(page, "en", prompt="a purple cat riding a horse")
    changed = np.abs(pixels(saved(page)[1]) - before).max(axis=-1) > 0
    assert 0.005 < changed.mean() < 0.3
    assert not changed[len(changed) * 2 // 3 :].any()  # below what was painted
    page.context.close()


def test_a_file_that_is_no_picture_is_one_sentence(visit, tmp_path):
    page = visit.open()
    page.get_by_role("button", name=label("over")).click()
    (tmp_path / "holiday.png").write_text("no picture")
    choose(page, "#t2-open", tmp_path / "holiday.png")
    expect(page.locator("#t2-status .t2-wrong")).to_have_text(re.compile("not a whole PNG"))
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(file, "JPEG")
    (tmp_path / "holiday.jpg").write_bytes(file.getvalue())
    choose(page, "#t2-open", tmp_path / "holiday.jpg")
    expect(page.locator("#t2-editor canvas").first).to_be_visible()
    page.context.close()


def test_a_page_that_is_closed_in_the_middle_of_a_picture_stops_the_work(visit):
    page = visit.open()
    page.get_by_role("spinbutton", name=re.compile(label("count"))).fill("8")
    page.get_by_role("spinbutton", name=re.compile(label("steps"))).fill("100")
    page.get_by_label(label("prompt")).fill("a big red star")
    page.keyboard.press("Enter")
    page.locator(".t2-coming").wait_for()
    server = psutil.Process(visit.server.pid)
    page.context.close()
    deadline = time.monotonic() + 120
    while server.cpu_percent(1.0) > 15:
        assert time.monotonic() < deadline
    page = visit.open()  # and the next is served at once
    drawn(page, "en")
    page.context.close()


def test_stop_stops(visit):
    page = visit.open()
    page.get_by_role("spinbutton", name=re.compile(label("steps"))).fill("100")
    page.get_by_role("spinbutton", name=re.compile(label("count"))).fill("8")
    page.locator("#t2-draw").click()
    page.locator(".t2-coming").wait_for()
    page.locator("#t2-stop").click()
    expect(page.locator("#t2-status")).to_have_text("Stopped.")
    expect(page.locator("#t2-draw")).to_be_visible()
    page.context.close()
