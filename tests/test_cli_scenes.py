"""`t2ilab scenes` as a user meets it: sheets, scenes of a caption, data sets, and what it refuses."""

import os
import re
import sys

import pytest
from PIL import Image
from said import sentence


def pixels(path):
    with Image.open(path) as picture:
        return picture.convert("RGB").tobytes()


def test_a_sheet_is_drawn_and_its_captions_are_said(command):
    result = command("scenes", "--count", 5, "--size", 16)
    *captions, path = result.out.splitlines()
    assert (result.code, result.err, result.files) == (0, "", ["scenes.png"])
    assert (len(captions), path) == (5, "scenes.png")
    with Image.open("scenes.png") as sheet:
        assert sheet.size == (3 * 16 + 4, 2 * 16 + 2)  # with gaps of two pixels
    more = command("scenes", "--count", 7, "--size", 16, "-o", "more.png")
    assert more.out.splitlines()[:5] == captions
    assert command("scenes", "--count", 5, "--size", 16, "--seed", 1).out.splitlines()[:5] != captions


def test_a_sheet_speaks_japanese_and_keeps_to_its_level(command):
    result = command("scenes", "--count", 6, "--size", 16, "--level", "shapes", "--language", "ja")
    *captions, _ = result.out.splitlines()
    assert all(re.search("[ぁ-ん]", caption) for caption in captions)
    assert all(re.search("円|丸|四角|正方形|三角|星|ハート|輪|リング|十字|ひし形", caption) for caption in captions)


@pytest.mark.parametrize("caption", ["a cat", "CAT", "猫", "a photograph of a cat", "ねこ"])
def test_a_caption_becomes_its_scene_in_any_wording(command, caption):
    result = command("scenes", caption, "-o", "a.png")
    assert result.out.splitlines() == ["a big orange and white cat in the center on a light background", "a.png"]
    command("scenes", "a big orange and white cat in the middle on a bright background", "-o", "b.png")
    assert pixels("a.png") == pixels("b.png")
    with Image.open("a.png") as picture:
        assert picture.size == (256, 256)
        assert picture.text["caption"] == caption


def test_a_seed_and_a_count_vary_what_a_caption_leaves_open(command):
    def scene(*arguments):
        assert command("scenes", "a fish", "-o", "a.png", "--size", 32, *arguments).code == 0
        return pixels("a.png")

    assert scene() == scene()
    assert scene("--seed", 1) == scene("--seed", 1)
    assert len({scene(), scene("--seed", 0), scene("--seed", 1)}) == 3
    result = command("scenes", "a fish", "--count", 4, "--language", "ja", "--size", 16, "--seed", 3)
    *captions, _ = result.out.splitlines()
    assert len(captions) == 4
    assert all("魚" in caption for caption in captions)
    assert len(set(captions)) > 1


def test_renditions_and_maps_are_other_pictures_of_one_scene(command):
    def look(*arguments):
        result = command("scenes", "a robot", "-o", "a.png", "--size", 32, *arguments)
        assert result.code == 0
        return result.out, pixels("a.png")

    views = [look()] + [look("--rendition", name) for name in ("sketch", "watercolour", "mosaic", "embroidery")]
    views += [look("--map", name) for name in ("semantic", "scribble", "pose")]
    assert len({said for said, _ in views}) == 1
    assert len({picture for _, picture in views}) == 8


def test_words_that_are_none_are_named_with_the_nearest(command):
    result = command("scenes", "a red rocet and Chief in the kitchen", "-o", "a.png")
    assert (result.code, result.files) == (0, ["a.png"])
    assert "It reads 'chief' as 'chef'" in result.err
    assert "This world does not know 'rocet'" in result.err
    assert "The nearest known: rocket." in result.err


def test_of_a_caption_in_which_nothing_is_understood_the_nearest_words_are_named(command):
    result = command("scenes", "a kat", "-o", "kat.png")
    assert (result.code, result.files) == (2, [])
    assert result.err.endswith("The nearest known: cat.\n")


@pytest.mark.parametrize("form", ["imagefolder", "parquet", "webdataset"])
def test_a_data_set_is_written_whole(command, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    target = "out/pairs.parquet" if form == "parquet" else "out/pairs"
    arguments = ("scenes", "--dataset", form, "--count", 3, "--size", 16, "-o", target)
    result = command(*arguments)
    assert (result.code, result.out) == (0, f"{target}\n".replace("/", os.sep))
    assert [name for name in result.files if name.count("/") == 1] == [target]
    again = command(*arguments)
    assert "exists already" in sentence(again, 1)
    assert again.files == result.files


def test_a_data_set_may_be_in_a_rendition(command):
    arguments = ("scenes", "--dataset", "imagefolder", "--count", 1, "--size", 16)
    command(*arguments, "-o", "plain")
    command(*arguments, "-o", "sewn", "--rendition", "embroidery")
    assert pixels("plain/images/000000.png") != pixels("sewn/images/000000.png")
    assert pixels("plain/scribble/000000.png") == pixels("sewn/scribble/000000.png")


def test_parquet_without_pyarrow_is_said(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = command("scenes", "--dataset", "parquet", "-o", "a.parquet")
    assert "pip install pyarrow" in sentence(result, 1)
    assert result.files == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "at least one word"),
        (["un chien bleu"], "Nothing in 'un chien bleu' is understood. Captions are read in English and Japanese"),
        (["고양이"], "Captions are read in English and Japanese"),
        (["?!"], "Captions are read in English and Japanese"),
        (["a cat, a dog, a fish and a bird"], "at most 3 things; got cat, dog, fish, bird"),
        (["a cat", "-o", "a.bmp"], "must end in .png or .jpg or .jpeg or .webp; got 'a.bmp'"),
        (["a cat", "--rendition", "fresco"], "no 'fresco'; there are sketch, watercolour, mosaic, embroidery"),
        (["a cat", "--map", "depth"], "There is no 'depth'; there are semantic, scribble, pose"),
        (["a cat", "--language", "fr"], "There is no 'fr'; there are en, ja"),
        (["--level", "novel"], "level must be one of shapes, storybook; got 'novel'"),
        (["--size", 8], "--size lies in 16 to 1024"),
        (["--size", 0], "got 0 and 24"),
        (["--count", 0], "got 64 and 0"),
        (["--count", 1000, "--size", 1000], "at most 64 million pixels; got 1000 and 1000"),
        (["--rendition", "sketch", "--map", "pose"], "--rendition or --map, and not both"),
        (["--dataset", "imagefolder"], "needs a name with -o"),
        (["a cat", "--dataset", "imagefolder", "-o", "a"], "leave those out"),
        (["--dataset", "imagefolder", "-o", "a", "--map", "pose"], "leave those out"),
        (["--dataset", "zip", "-o", "a"], "form must be one of imagefolder, parquet, webdataset; got 'zip'"),
        (["--dataset", "parquet", "-o", "a.png"], "must end in .parquet; got 'a.png'"),
        (["--dataset", "imagefolder", "-o", "a", "--count", 0], "got 64 and 0"),
        (["--dataset", "imagefolder", "-o", "a", "--level", "novel"], "got 'novel'"),
    ],
)
def test_bad_scenes_are_one_sentence_and_nothing_is_left(command, arguments, words):
    result = command("scenes", *arguments)
    assert words in sentence(result, 2)
    assert len(result.err.splitlines()) == 1
    assert (result.out, result.files) == ("", [])


@pytest.mark.parametrize("arguments", [("a cat", "-o"), ("--dataset", "imagefolder", "-o")])
def test_scenes_where_nothing_can_be_written_is_one_sentence(command, tmp_path, arguments):
    (tmp_path / "file").write_text("here before")
    result = command("scenes", *arguments, tmp_path / "file" / "a.png")
    assert "Could not write" in sentence(result, 1)
    assert (result.out, result.files) == ("", [])
