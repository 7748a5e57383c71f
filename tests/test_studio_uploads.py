"""Pictures from people: turned upright, of every size, broken, huge, or none at all; and what is painted on them."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from t2ilab.studio import uploads


def corners(picture):
    """The colours of the four corners: top left, top right, bottom left, bottom right."""
    right, bottom = picture.width - 3, picture.height - 3
    return [picture.getpixel(place) for place in ((2, 2), (right, 2), (2, bottom), (right, bottom))]


def quarters(size=(200, 100)):
    picture = Image.new("RGB", size, "white")
    half = (size[0] // 2, size[1] // 2)
    for colour, place in (("red", (0, 0)), ("lime", (half[0], 0)), ("blue", (0, half[1]))):
        picture.paste(colour, (*place, place[0] + half[0], place[1] + half[1]))
    return picture


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright(tmp_path, orientation):
    upright = quarters()
    undo = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # the transpositions that EXIF's reader undoes
    stored = upright
    for step in undo.get(orientation, ()):
        stored = stored.transpose(Image.Transpose(step))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    opened = uploads.open_picture(tmp_path / "photo.png")
    assert opened.size == (512, 256)
    assert corners(opened) == corners(upright)


def test_what_can_be_seen_through_lies_on_white(tmp_path):
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 32, 64))
    picture.save(tmp_path / "cut-out.png")
    opened = uploads.open_picture(tmp_path / "cut-out.png")
    assert opened.mode == "RGB"
    assert corners(opened) == [(0, 0, 255), (255, 255, 255)] * 2


MODES = {"PNG": ("RGB", "L", "LA", "P", "1", "I;16"), "JPEG": ("RGB", "L", "CMYK"), "WEBP": ("RGB",), "GIF": ("P", "L"),
         "BMP": ("RGB", "1")}  # fmt: skip


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_every_usual_kind_opens(tmp_path, kind, mode):
    picture = Image.new("RGB", (40, 30), "white")
    if mode == "I;16":
        picture = Image.fromarray(np.full((30, 40), 65_535, dtype=np.uint16))
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / "any", kind)
    opened = uploads.open_picture(tmp_path / "any")
    assert (opened.size, opened.mode) == ((512, 384), "RGB")
    assert min(corners(opened)[0]) > 250


def huge(width, height):
    """A PNG of a hundred bytes that says that it unpacks to this size."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(9000, 9000), (12_000, 12_000), (60_000, 60_000)])
def test_one_that_unpacks_to_gigabytes_is_refused_before_it_does(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(huge(*size))
    with pytest.raises(ValueError, match="at most 50 million pixels"):
        uploads.open_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize("size", [(7, 20), (1, 1), (100, 801)])
def test_one_that_is_too_small_or_thin_is_refused(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "thin.png")
    with pytest.raises(ValueError, match=f"this one is {size[0]}x{size[1]}"):
        uploads.open_picture(tmp_path / "thin.png")


def test_what_is_no_picture_is_said_in_both_languages(tmp_path):
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((100, 100), 50).save(whole)
    files = {"text.png": b"hello", "empty.jpg": b"", "cut.jpg": whole.read_bytes()[:900], "page.svg": b"<svg/>",
             "cut.png": huge(64, 64), "short.png": huge(64, 64)[:11] + b"\x0c" + huge(64, 64)[12:]}  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="not a whole PNG"):
            uploads.open_picture(tmp_path / name)
        with pytest.raises(ValueError, match="画像として読めません"):
            uploads.open_picture(tmp_path / name, "ja")
    Image.new("RGB", (32, 32)).save(tmp_path / "page.tiff")  # a picture, of a kind that browsers do not show
    with pytest.raises(ValueError, match="not a whole PNG"):
        uploads.open_picture(tmp_path / "page.tiff")


def test_a_picture_of_ours_comes_back_pixel_by_pixel():
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    canvas = uploads.on_canvas(small.resize((256, 256), Image.Resampling.NEAREST))
    canvas_of_small = uploads.on_canvas(small)
    assert canvas_of_small.size == (512, 512)
    assert uploads.fitted(canvas_of_small, (32, 32)).tobytes() == small.tobytes()
    assert canvas.size == (512, 512)


def test_another_shape_is_cut_and_not_squeezed():
    fitted = uploads.fitted(quarters((512, 256)), (64, 64))
    assert fitted.size == (64, 64)
    assert corners(fitted) == corners(quarters())
    assert uploads.fitted(quarters((16, 8)), (64, 64)).size == (64, 64)


def painted(box, size=(512, 512)):
    layer = Image.new("RGBA", size)
    layer.paste((228, 87, 46, 255), box)
    return {"background": Image.new("RGBA", size, "white"), "layers": [layer], "composite": None}


def test_a_mask_is_what_was_painted():
    mask = uploads.mask_of("painted", painted((0, 0, 256, 128)), (32, 32))
    expected = np.zeros((32, 32), dtype=np.uint8)
    expected[:8, :16] = 255
    assert np.array_equal(np.asarray(mask), expected)


def test_two_layers_are_one_mask():
    editor = painted((0, 0, 256, 512))
    editor["layers"] += painted((256, 0, 512, 256))["layers"]
    mask = np.asarray(uploads.mask_of("painted", editor, (4, 4)))
    assert (mask == 255).sum() == 12
    assert not mask[2:, 2:].any()


@pytest.mark.parametrize(
    ("part", "box"), [("left", (0, 0, 3, 8)), ("right", (3, 0, 6, 8)), ("top", (0, 0, 6, 4)), ("bottom", (0, 4, 6, 8))]
)
def test_a_half_needs_no_painting(part, box):
    mask = uploads.mask_of(part, None, (6, 8))
    assert mask.getbbox() == box
    assert mask.crop(box).getextrema() == (255, 255)


def test_the_whole_needs_no_mask():
    assert uploads.mask_of("all", painted((0, 0, 9, 9)), (32, 32)) is None
    assert uploads.mask_of("painted", painted((0, 0, 512, 512)), (32, 32)) is None


@pytest.mark.parametrize(
    "editor", [None, {}, {"layers": None}, painted((0, 0, 0, 0)), painted((0, 0, 1, 1))], ids=range(5)
)
def test_nothing_painted_is_said(editor):
    with pytest.raises(ValueError, match="Nothing is painted"):
        uploads.mask_of("painted", editor, (32, 32))
    with pytest.raises(ValueError, match="塗られたところがない"):
        uploads.mask_of("painted", editor, (32, 32), "ja")


def test_no_other_part_is_known():
    with pytest.raises(ValueError, match="got 'middle'"):
        uploads.mask_of("middle", None, (32, 32))


def test_a_scribble_is_white_on_black_even_where_it_is_thin():
    scribble = uploads.scribble_of(painted((0, 250, 512, 254)), (32, 32))
    pixels = np.asarray(scribble)
    assert scribble.mode == "RGB"
    assert pixels.max() == 255
    assert pixels[:14].max() == pixels[18:].max() == 0
    with pytest.raises(ValueError, match="scribble is empty"):
        uploads.scribble_of(None, (32, 32))


def test_the_background_is_what_is_drawn_over():
    assert uploads.background_of(None) is None
    assert uploads.background_of({"background": None, "layers": []}) is None
    assert uploads.background_of(painted((0, 0, 9, 9))).mode == "RGB"
