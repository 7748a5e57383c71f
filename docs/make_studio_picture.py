"""Takes the README's picture of the studio: `make pictures`. Needs gradio, playwright and a Chromium on the path."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib_fontja
from PIL import Image
from playwright.sync_api import sync_playwright

FILE = Path(__file__).parent / "pictures" / "studio.png"
# Fonts of the system's, and one that has Japanese where the system has none.
FONTS = (
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
    '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
    f"<dir>{Path(matplotlib_fontja.__file__).parent / 'fonts'}</dir></fontconfig>"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Opens the studio as `t2ilab studio` does, waits until its first picture is there, and writes studio.png."""
    browsers = [path for path in map(shutil.which, BROWSERS) if path]
    if not browsers:
        sys.exit(f"The studio's picture needs a browser on the path: {' or '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory() as folder:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS, encoding="utf-8")
        _take(browsers[0], os.environ | {"FONTCONFIG_FILE": str(fonts)})
    with Image.open(FILE) as picture:
        small = picture.convert("RGB").quantize(192, dither=Image.Dither.NONE)  # a third of the bytes
    small.save(FILE, optimize=True)


def _take(path: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-u", "-m", "t2ilab", "studio", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))[0]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, env=environment)
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
