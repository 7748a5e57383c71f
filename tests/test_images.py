"""Tensors and PIL pictures, there and back; grids; bad input."""

import numpy as np
import pytest
import torch
from PIL import Image

from t2ilab.images import from_pil, grid, to_pil


def test_every_level_survives_the_way_there_and_back():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).expand(3, 16, 16)
    picture = Image.fromarray(levels.permute(1, 2, 0).numpy().copy())
    batch = from_pil(picture)
    assert batch.shape == (1, 3, 16, 16)
    assert batch.dtype == torch.float32
    assert (batch.min().item(), batch.max().item()) == (-1, 1)
    assert np.array_equal(np.array(to_pil(batch)[0]), np.array(picture))
    assert torch.equal(from_pil(to_pil(batch)), batch)


def test_rows_are_height_and_red_comes_first():
    batch = torch.full((2, 3, 2, 5), -1.0)
    batch[1, 0, 0, 4] = 1  # red, top right, of the second
    first, second = to_pil(batch)
    assert second.mode == "RGB"
    assert second.size == (5, 2)  # PIL says width first
    assert second.getpixel((4, 0)) == (255, 0, 0)
    assert second.getpixel((4, 1)) == (0, 0, 0)
    assert first.getcolors() == [(10, (0, 0, 0))]
    assert torch.equal(from_pil([first, second]), batch)


def test_rounds_to_the_nearest_level_and_clips():
    values = torch.tensor([-9.0, -1.0, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0.999, 1.0, 7.5])
    levels = np.array(to_pil(values.expand(1, 3, 1, 7))[0])[0, :, 0]
    assert levels.tolist() == [0, 0, 0, 1, 255, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_will_do_gradients_and_layouts_too(dtype):
    batch = torch.linspace(-1, 1, 24).reshape(1, 3, 2, 4)
    expected = np.array(to_pil(batch.to(dtype).float())[0])
    given = batch.to(dtype).to(memory_format=torch.channels_last).requires_grad_()
    assert np.array_equal(np.array(to_pil(given)[0]), expected)


def test_other_modes_become_rgb():
    for mode in ("L", "P", "RGBA", "1"):
        assert from_pil(Image.new(mode, (4, 3))).shape == (1, 3, 3, 4)


def test_no_pictures_from_an_empty_batch():
    assert to_pil(torch.zeros(0, 3, 4, 4)) == []


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (torch.zeros(3, 4, 4), r"must be \(B, 3, H, W\); got \(3, 4, 4\)\. Add a batch axis"),
        (torch.zeros(2, 4, 4, 3), r"got \(2, 4, 4, 3\)"),
        (torch.full((1, 3, 2, 2), torch.nan), "finite numbers; got NaN or infinity"),
        (torch.full((1, 3, 2, 2), torch.inf), "finite numbers"),
        (torch.zeros(1, 3, 2, 2, dtype=torch.uint8), r"floats in \[-1, 1\]; got torch\.uint8\."),
    ],
)
def test_what_is_no_picture(images, sentence):
    with pytest.raises(ValueError, match=sentence):
        to_pil(images)


def test_pictures_of_two_sizes_or_none():
    with pytest.raises(ValueError, match=r"one size; got \[\(4, 3\), \(5, 3\)\]\. Resize"):
        from_pil([Image.new("RGB", (4, 3)), Image.new("RGB", (5, 3))])
    with pytest.raises(ValueError, match="at least one picture; got none"):
        from_pil([])


@pytest.mark.parametrize(
    ("images", "kind"),
    [
        (np.zeros((4, 4, 3), np.uint8), "ndarray"),
        ([Image.new("RGB", (4, 3)), np.zeros((3, 4, 3))], "ndarray"),
        ("picture.png", "str"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_pil_picture_is_named(images, kind):
    with pytest.raises(ValueError, match=rf"A picture is PIL here; got a {kind}\. A file becomes one by Image\.open"):
        from_pil(images)


# ---- grids ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "columns", "gap", "shape"),
    [
        (1, None, 2, (3, 4, 6)),
        (4, None, 2, (3, 10, 14)),
        (5, None, 2, (3, 10, 22)),  # 3 columns: the square root, rounded up
        (5, 2, 1, (3, 14, 13)),
        (3, 8, 0, (3, 4, 18)),  # no more columns than pictures
    ],
)
def test_a_grid_holds_each_picture_in_reading_order(count, columns, gap, shape):
    images = torch.rand(count, 3, 4, 6, generator=torch.Generator().manual_seed(0)) * 1.8 - 1
    sheet = grid(images, columns, gap)
    assert sheet.shape == shape
    across = (shape[2] + gap) // (6 + gap)
    white = torch.ones(shape[1:], dtype=torch.bool)
    for i, picture in enumerate(images):
        rows = slice(i // across * (4 + gap), i // across * (4 + gap) + 4)
        cells = slice(i % across * (6 + gap), i % across * (6 + gap) + 6)
        assert torch.equal(sheet[:, rows, cells], picture)
        white[rows, cells] = False
    assert (sheet[:, white] == 1).all()


@pytest.mark.parametrize(
    ("shape", "columns", "gap", "sentence"),
    [
        ((0, 3, 4, 4), None, 2, r"at least one picture, \(B, 3, H, W\); got \(0, 3, 4, 4\)"),
        ((3, 4, 4), None, 2, r"got \(3, 4, 4\)\. Add a batch axis"),
        ((2, 3, 4, 4), 0, 2, "at least 1 column and a gap of at least 0 pixels; got 0 and 2"),
        ((2, 3, 4, 4), 2, -1, "got 2 and -1"),
    ],
)
def test_what_is_no_grid(shape, columns, gap, sentence):
    with pytest.raises(ValueError, match=sentence):
        grid(torch.zeros(shape), columns, gap)
