"""What pictures of pages need: letters for Japanese in the browser, and few bytes in the file."""

import os
from pathlib import Path

import matplotlib_fontja
from PIL import Image

FOLDER = Path(__file__).parent / "pictures"
# Fonts of the system's, and one that has Japanese where the system has none.
FONTS = (
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
    '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
    f"<dir>{Path(matplotlib_fontja.__file__).parent / 'fonts'}</dir></fontconfig>"
)


def read_japanese(folder: Path) -> None:
    """Browsers that this process starts from now on find those fonts, by a file in `folder`."""
    fonts = folder / "fonts.conf"
    fonts.write_text(FONTS, encoding="utf-8")
    os.environ["FONTCONFIG_FILE"] = str(fonts)


def make_smaller(file: Path) -> None:
    """Keeps a PNG in those 256 colours that are nearest to its own: a third of the bytes."""
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
    small.save(file, optimize=True)
