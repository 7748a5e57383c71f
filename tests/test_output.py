"""Files that a command leaves: settings inside, whole or not at all."""

import errno

import pytest
import torch
from PIL import Image

from t2ilab import output
from t2ilab.output import PICTURES, Frames, check_target, enlarged, save_picture

PICTURE = Image.new("RGB", (4, 2), (255, 0, 0))


def test_a_target_that_can_be_written_leaves_nothing(tmp_path):
    for path in (tmp_path / "star.png", tmp_path / "new" / "deeper" / "star.WEBP"):
        check_target(path, PICTURES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["star", "star.bmp", "star.png.txt", ".png", "star."])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"must end in \.png or \.jpg or \.jpeg or \.webp; got"):
        check_target(tmp_path / name, PICTURES)


def test_a_folder_of_that_name_is_refused(tmp_path):
    (tmp_path / "star.png").mkdir()
    with pytest.raises(ValueError, match="A file is to be written"):
        check_target(tmp_path / "star.png", PICTURES)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("here before")
    for path in (tmp_path / "file" / "star.png", tmp_path / "file" / "deeper" / "star.png"):
        with pytest.raises(OSError, match=r"Could not write .*star\.png: .*Choose another folder with -o"):
            check_target(path, PICTURES)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_picture_is_enlarged_and_says_how_it_was_made(tmp_path):
    save_picture(PICTURE, tmp_path / "a.png", 3, {"prompt": "赤い星", "seed": 7, "negative_prompt": ""})
    with Image.open(tmp_path / "a.png") as made:
        assert made.size == (12, 6)
        assert made.text == {"prompt": "赤い星", "seed": "7", "negative_prompt": ""}
        assert made.getpixel((11, 5)) == (255, 0, 0)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.webp", "WEBP"), ("a.png", "PNG")]
)
def test_the_ending_chooses_the_format(tmp_path, name, kind):
    save_picture(PICTURE, tmp_path / name, 1, {"seed": 1})
    with Image.open(tmp_path / name) as made:
        assert made.format == kind


def test_each_pixel_becomes_a_square():
    picture = Image.new("L", (2, 1))
    picture.putpixel((1, 0), 200)
    assert list(enlarged(picture, 2).tobytes()) == [0, 0, 200, 200] * 2


def test_a_full_disk_leaves_no_half_picture(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"here before")

    def full(self, file, *_, **__):
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match=r"Could not write .*No space left on device"):
        save_picture(PICTURE, tmp_path / "a.png", 1, {})
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"here before"


def test_an_animation_walks_from_noise_to_picture(tmp_path):
    frames = Frames()
    for step in range(3):
        frames(step, 10 - step, torch.full((2, 3, 4, 4), -1.0), torch.full((2, 3, 4, 4), step / 2))
    frames.save(tmp_path / "a.gif", [Image.new("RGB", (4, 4), (255, 0, 0))], 2)
    with Image.open(tmp_path / "a.gif") as made:
        assert (made.format, made.size, made.n_frames) == ("GIF", (16, 8), 4)  # x_t on the left, x0_hat on the right
        assert made.info["loop"] == 0
        made.seek(1)
        left, right = made.convert("RGB").getpixel((0, 0)), made.convert("RGB").getpixel((15, 0))
        assert max(left) < 10
        assert abs(right[0] - 191) < 10  # 0.5 in [-1, 1]
        made.seek(3)
        assert made.info["duration"] == 2000  # the picture stays
        end = made.convert("RGB")
        assert end.getpixel((0, 0)) == end.getpixel((15, 7)) == (255, 0, 0)


def test_an_animation_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one frame; got none"):
        Frames().save(tmp_path / "a.gif", [PICTURE], 1)
    assert list(tmp_path.iterdir()) == []
    assert output.PICTURES[0] == ".png"
