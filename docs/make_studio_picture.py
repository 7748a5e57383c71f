"""Takes the README's picture of the studio: `make pictures`. Needs gradio, playwright and a Chromium on the path."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

FILE = Path(__file__).parent / "pictures" / "studio.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Opens the studio as `t2ilab studio` does, waits until its first picture is there, and writes studio.png."""
    browsers = [path for path in map(shutil.which, BROWSERS) if path]
    if not browsers:
        sys.exit(f"The studio's picture needs a browser on the path: {' or '.join(BROWSERS)}.")
    command = [sys.executable, "-u", "-m", "t2ilab", "studio", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))[0]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=browsers[0])
                page = browser.new_page(viewport={"width": 1180, "height": 860}, locale="en-US")
                page.set_default_timeout(300_000)
                page.goto(address)
                page.locator(".t2-way img").last.wait_for()
                page.locator("h1").click()  # the cursor blinks elsewhere
                page.wait_for_timeout(1000)
                page.screenshot(path=FILE)
                browser.close()
        finally:
            server.terminate()
    with Image.open(FILE) as picture:
        small = picture.convert("RGB").quantize(192, dither=Image.Dither.NONE)  # a third of the bytes
    small.save(FILE, optimize=True)


if __name__ == "__main__":
    main()
