"""Lab 00 in a real browser, as a student has it: opened, run, its slider pulled, its first exercise answered."""

import base64
import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from t2ilab import launch

api = pytest.importorskip("playwright.sync_api", reason='needs playwright, which `pip install "t2ilab[test]"` brings')
expect = api.expect

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((path for path in map(shutil.which, BROWSERS) if path), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"needs a browser on the path: {' or '.join(BROWSERS)}")

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/lab/tree/00_welcome\.ipynb\?token=\w+")
PATIENT = 1_200_000  # milliseconds, for whatever is waited for; a busy machine has needed a quarter of it
expect.set_options(timeout=PATIENT)
# Of a cell, or of JupyterLab, which asks in a dialog what to do when a kernel has died.
ERRORS = (
    "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr'], .jp-Dialog"
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def jupyterlab(home):
    """What `make lab ARGS=--no-browser` starts, keeping all its files in `home`: the process, and what it printed."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("T2ILAB_", "JUPYTER", "MPLBACKEND"))}
    kept |= {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    kept |= {"IPYTHONDIR": str(home / "ipython"), "T2ILAB_BUDGET": "ci", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "t2ilab", "lab", "--no-browser", "--folder", "labs", "--", f"--port={free_port()}"]
    command += ["--allow-root"] * (os.name == "posix" and os.geteuid() == 0)
    log = home / "log"
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=home, env=kept, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    family = psutil.Process(server.pid)
    try:
        deadline = time.monotonic() + PATIENT / 1000
        while not ADDRESS.search(log.read_text(errors="replace")):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield server, ADDRESS.search(log.read_text(errors="replace"))[0]
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # as it should be
            for process in [*family.children(recursive=True), family]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        server.wait()


@contextlib.contextmanager
def browsing(home, **how):
    """JupyterLab, with all its files in `home`, and an empty page of a browser, made with `how`: the page, what goes
    wrong on it, what it asks of others, the server, and where it has Lab 00."""
    faults, asked = [], set()
    with jupyterlab(home) as (server, address), api.sync_playwright() as playwright:
        places = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, env=os.environ | places)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **how)
        page.set_default_timeout(PATIENT)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)

        def elsewhere(route):  # answered here, so that the test is the same with and without a network
            asked.add(route.request.url)
            route.fulfill(content_type="image/svg+xml", body="<svg xmlns='http://www.w3.org/2000/svg'/>")

        page.route(re.compile(r"^https?://(?!127\.0\.0\.1[:/])"), elsewhere)
        yield SimpleNamespace(page=page, faults=faults, asked=asked, server=server, address=address)
        browser.close()


def run_all(page):
    """Runs every cell of the notebook that is open, and waits for the last."""
    page.get_by_role("button", name="| Idle").wait_for()  # run earlier, it would ask for a kernel
    menu(page, "Run", "Run All Cells")
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    done = page.locator(ERRORS).or_(prompts.last.filter(has_text=re.compile(r"\[\d+\]")))
    expect(done.first).to_be_attached()
    assert page.locator(ERRORS).all_text_contents() == []


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The page with Lab 00, all its cells run; what went wrong on it; the notebook's file. Shut down from the menu."""
    home = tmp_path_factory.mktemp("student")
    with browsing(home) as opened:
        page, server = opened.page, opened.server
        page.goto(opened.address)
        run_all(page)
        yield SimpleNamespace(
            page=page, faults=opened.faults, asked=opened.asked, file=home / "labs" / "00_welcome.ipynb"
        )

        started = psutil.Process(server.pid).children(recursive=True)
        assert len(started) >= 2  # JupyterLab and a kernel
        save(page)
        menu(page, "File", "Shut Down")
        page.locator(".jp-Dialog .jp-mod-accept").click()
        assert server.wait(PATIENT / 1000) == 0
        assert psutil.wait_procs(started, timeout=PATIENT / 1000)[1] == []


@pytest.fixture(autouse=True)
def _no_faults(lab):
    """Whatever a test does: the page reports no error, and asks for nothing from elsewhere."""
    yield
    assert lab.faults == []
    assert lab.asked == set()


def menu(page, name, entry):
    page.get_by_role("menuitem", name=name, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()


def save(page):
    menu(page, "File", "Save Notebook")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)


def cell(page, code):
    """The one code cell that holds these words."""
    return page.locator(".jp-Notebook .jp-CodeCell").filter(has=page.locator(".jp-Editor", has_text=code))


PIXELS = """pictures => pictures.map(picture => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL().split(",")[1];
})"""


def loaded(pictures, other_than=()):
    """What the screen shows of these pictures, as PNGs, once all are there and none is as it was before."""
    deadline = time.monotonic() + PATIENT / 1000
    while not all(found := pictures.evaluate_all(PIXELS)) or set(found) & set(other_than):
        assert time.monotonic() < deadline
        pictures.page.wait_for_timeout(50)
    return found


def roughness(png):
    """How much neighbours differ in a picture of 32 x 32 pixels, shown enlarged: large for noise."""
    shown = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    pixels = np.asarray(shown.resize((32, 32), Image.Resampling.BOX), dtype=float)
    return np.abs(np.diff(pixels, axis=1)).mean()


def write(page, line):
    """Types the line that the first exercise leaves blank, in place of the one that is there, and runs the check."""
    blank = cell(page, "def to_model_range").locator(".cm-line").filter(has_text=re.compile(r"^\s*(raise|return) "))
    blank.click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.type(line)
    page.keyboard.press("Shift+Enter")  # runs the definition and goes to the check below it
    page.keyboard.press("Shift+Enter")


def test_every_cell_is_run(lab):  # without an error, as the fixture has seen
    prompts = lab.page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
    assert len(prompts) > 20
    assert [prompt for prompt in prompts if not re.fullmatch(r"\[\d+\]:", prompt)] == []


def test_nothing_stands_before_the_lab(lab):  # JupyterLab would ask whether one wants its news
    assert lab.page.locator(".Toastify__toast, .jp-Dialog").all_text_contents() == []
    assert lab.page.get_by_role("button", name="No", exact=True).count() == 0
    # That is our default, and not a choice made in the name of a user.
    assert list(lab.file.parents[1].rglob("notification.jupyterlab-settings")) == []


def test_a_lab_that_was_run_and_saved_gives_way_to_its_next_edition(lab, tmp_path, monkeypatch):
    save(lab.page)
    first = launch.packaged() / lab.file.name
    mine = shutil.copytree(lab.file.parent, tmp_path / "mine") / lab.file.name
    assert mine.read_bytes() != first.read_bytes()  # JupyterLab has written its own into it
    (tmp_path / "newer").mkdir()
    newer = tmp_path / "newer" / lab.file.name
    newer.write_text(first.read_text(encoding="utf-8").replace("# Lab 00", "# The new Lab 00"), encoding="utf-8")
    monkeypatch.setattr(launch, "packaged", lambda: newer.parent)
    said = []
    launch.lay_out(mine.parent, said.append)
    assert said == []
    assert mine.read_bytes() == newer.read_bytes() != first.read_bytes()


def test_every_figure_is_there_and_told_in_words(lab):
    sizes = lab.page.locator(".jp-RenderedImage img").evaluate_all(
        "all => all.map(p => [p.naturalWidth, p.naturalHeight])"
    )
    assert [size for size in sizes if min(size) < 100] == []
    told = ".jp-OutputArea-child:has(.jp-RenderedImage) + .jp-OutputArea-child .jp-RenderedMarkdown"
    captions = [caption.strip() for caption in lab.page.locator(told).all_text_contents()]
    assert len(captions) >= 5
    assert min(map(len, captions)) > 20

    # JupyterLab itself puts no text in the place of a picture; what reads the saved notebook aloud finds it there.
    save(lab.page)
    cells = json.loads(lab.file.read_text(encoding="utf-8"))["cells"]
    shown = [o for c in cells for o in c.get("outputs", ()) if o["output_type"] == "display_data"]
    figures = [o for o in shown if "image/png" in o["data"]]
    assert [figure["metadata"]["image/png"]["alt"] for figure in figures] == captions


def test_the_slider_goes_back_to_the_noise(lab):
    box = cell(lab.page, "widgets.prompt_box")
    box.scroll_into_view_if_needed()
    pictures, slider = box.locator(".jp-OutputArea img"), box.locator(".widget-hslider", has_text="step")
    expect(pictures).to_have_count(2)
    cut = "all => all.filter(label => label.scrollWidth > label.clientWidth).map(label => label.textContent)"
    assert box.locator(".widget-label").evaluate_all(cut) == []
    expect(slider.locator(".widget-readout")).to_have_text("20")
    finished = loaded(pictures)
    slider.locator(".noUi-handle").hover()
    lab.page.mouse.down()
    slider.locator(".noUi-base").hover(position={"x": 0, "y": 1}, force=True)
    lab.page.mouse.up()
    expect(slider.locator(".widget-readout")).to_have_text("0")
    noise, guess = loaded(pictures, other_than=finished)
    assert roughness(noise) > 2 * roughness(finished[0])
    assert roughness(noise) > 2 * roughness(guess)


def test_a_right_answer_turns_green_and_a_wrong_one_gets_its_sentence(lab):
    verdict = cell(lab.page, "check(to_model_range)").locator("[role=status]")
    expect(verdict).to_contain_text("to_model_range: Not attempted (0 of 2 points)")
    write(lab.page, "return images_uint8.float() / 127.5 - 1")
    expect(verdict).to_contain_text("✓ to_model_range: Right (2 of 2 points)")
    expect(verdict).to_have_css("border-left-color", "rgb(46, 125, 50)")
    write(lab.page, "return images_uint8.float() / 255")
    expect(verdict).to_contain_text("your numbers run from 0 to 1.")
    expect(verdict).to_contain_text("✗ to_model_range: Not yet")
