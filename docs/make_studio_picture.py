"""Takes the README's picture of the studio: `make pictures`. Needs gradio, playwright and a Chromium on the path."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from docs.screenshots import FOLDER, make_smaller, read_japanese
from tests.own_jupyterlab import BROWSERS, CHROMIUM

FILE = FOLDER / "studio.png"


def main() -> None:
    """Opens the studio as `t2ilab studio` does, waits until its first picture is there, and writes studio.png."""
    if CHROMIUM is None:
        sys.exit(f"The studio's picture needs a browser on the path: {' or '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory() as folder:
        read_japanese(Path(folder))
        _take(CHROMIUM)
    make_smaller(FILE)


def _take(path: str) -> None:
    command = [sys.executable, "-u", "-m", "t2ilab", "studio", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))[0]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path)
                page = browser.new_page(viewport={"width": 1240, "height": 1190}, locale="en-US")
                page.set_default_timeout(300_000)
                page.goto(address)
                page.locator(".t2-way img").last.wait_for()
                page.locator("h1").click()  # the cursor blinks elsewhere
                page.wait_for_timeout(1000)
                page.screenshot(path=FILE)
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
