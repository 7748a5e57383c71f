"""JupyterLab in a real browser, as `make lab` starts it, and what tests do there: run cells, write answers, look."""

import base64
import contextlib
import io
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

api = pytest.importorskip("playwright.sync_api", reason='needs playwright, which `pip install "t2ilab[test]"` brings')
expect = api.expect

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((path for path in map(shutil.which, BROWSERS) if path), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason=f"needs a browser on the path: {' or '.join(BROWSERS)}")

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
def jupyterlab(home, port=None, budget="ci"):
    """What `make lab ARGS=--no-browser` starts, keeping all its files in `home`: the process, and where it has
    Lab 00. What it prints is in `home / "log"`. Labs run at that budget."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("T2ILAB_", "JUPYTER", "MPLBACKEND"))}
    kept |= {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    kept |= {"IPYTHONDIR": str(home / "ipython"), "T2ILAB_BUDGET": budget, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "t2ilab", "lab", "--no-browser", "--folder", "labs", "--"]
    command += [f"--port={port or free_port()}"] + ["--allow-root"] * (os.name == "posix" and os.geteuid() == 0)
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
def browsing(home, budget="ci", **how):
    """JupyterLab, with all its files in `home`, and an empty page of a browser, made with `how`: the page, what goes
    wrong on it, what it asks of others, the server, and where it has Lab 00."""
    faults, asked = [], set()
    with jupyterlab(home, budget=budget) as (server, address), api.sync_playwright() as playwright:
        places = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, env=os.environ | places)
        page = browser.new_page(**({"viewport": {"width": 1280, "height": 900}} | how))
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
    assert [prompt for prompt in prompts.all_text_contents() if not re.fullmatch(r"\[\d+\]:", prompt)] == []


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


def pixels(png, size=32):
    """A picture of size x size pixels, shown enlarged, as an array (size, size, 3) of 0 to 255."""
    shown = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    return np.asarray(shown.resize((size, size), Image.Resampling.BOX), dtype=float)


def roughness(png):
    """How much neighbours differ in a picture of 32 x 32 pixels, shown enlarged: large for noise."""
    return np.abs(np.diff(pixels(png), axis=1)).mean()


def write(page, exercise, line):
    """Types the line that the exercise leaves blank, in place of the one that is there, and runs its check."""
    blank = cell(page, f"def {exercise}(").locator(".cm-line").filter(has_text=re.compile(r"^\s*(raise|return) "))
    blank.click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.type(line)
    page.keyboard.press("Shift+Enter")  # runs the definition and goes to the check below it
    page.keyboard.press("Shift+Enter")


def answer_both_ways(page, exercise, points, right, wrong, hint):
    """Sees the check of a blank exercise turn green for the right line, and give the wrong one its hint."""
    verdict = cell(page, f"check({exercise})").locator("[role=status]")
    expect(verdict).to_contain_text(f"{exercise}: Not attempted (0 of {points}")
    write(page, exercise, right)
    expect(verdict).to_contain_text(f"✓ {exercise}: Right ({points} of {points}")
    expect(verdict).to_have_css("border-left-color", "rgb(46, 125, 50)")
    write(page, exercise, wrong)
    expect(verdict).to_contain_text(hint)
    expect(verdict).to_contain_text(f"✗ {exercise}: Not yet")


def captions(page):
    """The words under each figure of the notebook, once none is missing or too small to see."""
    sizes = page.locator(".jp-RenderedImage img").evaluate_all("all => all.map(p => [p.naturalWidth, p.naturalHeight])")
    assert [size for size in sizes if min(size) < 50] == []
    told = ".jp-OutputArea-child:has(.jp-RenderedImage) + .jp-OutputArea-child .jp-RenderedMarkdown"
    found = [caption.strip() for caption in page.locator(told).all_text_contents()]
    assert len(found) >= 5
    assert min(map(len, found)) > 20
    return found


def sheet(page, code, size=64, enlarged=6):
    """The sheet of the canvas that the cell with this code shows, whose picture has size x size pixels, each of them so
    many times as large; and where on the screen a point of the picture lies."""
    found = cell(page, code).locator(".t2ilab-canvas svg")
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    assert (box["width"], box["height"]) == (size * enlarged, size * enlarged)
    return found, lambda x, y: (box["x"] + enlarged * x, box["y"] + enlarged * y)


def drag(page, *points):
    """The mouse, pressed at the first point and let go at the last."""
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()
