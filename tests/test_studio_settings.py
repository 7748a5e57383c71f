"""What pictures are drawn with: refused where it cannot be, written into a PNG, and read back from it."""

from dataclasses import asdict, replace

import pytest
from PIL import Image, PngImagePlugin

from t2ilab.studio.settings import (
    LARGEST_SEED,
    MOST_CHARACTERS,
    Settings,
    check,
    from_png,
    read_notes,
    size_of,
    to_png,
)

USUAL = Settings("a big red star", "shapes-pixel")


def test_the_usual_is_drawn():
    check(USUAL, 1)
    check(replace(USUAL, seed=LARGEST_SEED, num_inference_steps=100, guidance_scale=20, strength=0), 8)


@pytest.mark.parametrize(
    ("changed", "count", "said"),
    [
        ({"prompt": " "}, 1, "at least one word"),
        ({"prompt": "a" * 100_000}, 1, "at most 1,000 characters; got 100,000."),
        ({"negative_prompt": "b" * 1001}, 1, "at most 1,000 characters; got 1,001."),
        ({"num_inference_steps": 101}, 1, "Steps lie in 1 to 100; got 101."),
        ({"num_inference_steps": 0}, 1, "got 0."),
        ({"num_inference_steps": 2.5}, 1, "got 2.5."),
        ({"guidance_scale": float("nan")}, 1, "got nan."),
        ({"guidance_scale": 0.5}, 1, "1 (off) to 20; got 0.5."),
        ({"negative_prompt": "red", "guidance_scale": 1.0}, 1, "no effect without guidance above 1; got 1.0."),
        ({"seed": -1}, 1, "from 0 to 4294967295; got -1."),
        ({"seed": None}, 1, "got None."),
        ({"sampler": "plms"}, 1, "dpmpp_2m; got plms."),
        ({"shape": "round"}, 1, "square, wide, tall; got round."),
        ({"strength": 1.5}, 1, "got 1.5."),
        ({}, 9, "1 to 8 pictures are drawn at a time; got 9."),
        ({}, 0, "got 0."),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_both_languages(changed, count, said):
    with pytest.raises(ValueError, match=r"\.$") as english:
        check(replace(USUAL, **changed), count)
    assert said in str(english.value)
    with pytest.raises(ValueError, match=r"。$") as japanese:
        check(replace(USUAL, **changed), count, "ja")
    values = [word for word in said.replace(",", "").split() if word.strip(".").lstrip("-").isdecimal()]
    assert all(word.strip(".") in str(japanese.value).replace(",", "") for word in values)


def test_a_png_holds_its_settings(tmp_path):
    settings = Settings("夜空の下、\n「猫」 & <b>", "my model", "紫の", 7, 2.5, "heun", 4_294_967_295, "tall", 0.35)
    file = tmp_path / "cat.png"
    file.write_bytes(to_png(Image.new("RGB", (32, 48), "red"), settings))
    assert from_png(file) == asdict(settings)
    with Image.open(file) as picture:
        assert picture.size == (256, 384)  # small ones grow as those of t2ilab generate
    file.write_bytes(to_png(Image.new("RGB", (512, 512)), replace(settings, strength=None)))
    with Image.open(file) as picture:
        assert picture.size == (512, 512)
    assert "strength" not in from_png(file)


def test_settings_of_t2ilab_generate_come_back(command, small_zoo):
    command("generate", "a big red star", "-o", "star.png", "--seed", 4, "--steps", 2, "--guidance", 2)
    assert from_png("star.png") == {
        "prompt": "a big red star",
        "negative_prompt": "",
        "num_inference_steps": 2,
        "guidance_scale": 2.0,
        "sampler": "ddim",
        "model": "storybook",
        "seed": 4,
    }


def test_a_file_without_settings_is_told_from_one_that_is_no_png(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "bare.png")
    with pytest.raises(ValueError, match="holds no settings"):
        from_png(tmp_path / "bare.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.jpg")
    (tmp_path / "text.png").write_text("prompt")
    whole = to_png(Image.effect_noise((64, 64), 50).convert("RGB"), USUAL)
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in ("photo.jpg", "text.png", "cut.png"):
        with pytest.raises(ValueError, match="this is not one"):
            from_png(tmp_path / name)


def test_entries_that_nobody_could_draw_with_are_left_out():
    entries = {"prompt": "x" * (MOST_CHARACTERS + 1), "seed": "1e9", "num_inference_steps": "9999", "sampler": "rm -rf"}
    assert read_notes(entries | {"guidance_scale": "nan", "shape": "wide", "other": "1"}) == {"shape": "wide"}


def test_a_bomb_of_text_in_a_png_is_refused(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("prompt", "a" * 5_000_000, zip=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "bomb.png", pnginfo=notes)
    with pytest.raises(ValueError, match="PNG"):
        from_png(tmp_path / "bomb.png")


def test_a_png_that_unpacks_to_gigabytes_is_refused_before_it_does(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("prompt", "a red star")
    Image.new("1", (9000, 9000)).save(tmp_path / "bomb.png", pnginfo=notes)
    with pytest.raises(ValueError, match="at most 50 million pixels"):
        from_png(tmp_path / "bomb.png")


def test_sizes_are_those_of_the_model():
    assert size_of("square", 64) == (64, 64)
    assert size_of("wide", 512) == (768, 512)
    assert size_of("tall", 32) == (32, 48)
