"""`t2ilab data build` and `t2ilab data search` as a user meets them."""

import re

import pytest
import torch
from PIL import Image
from said import sentence

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.noisy import NoisyPairs
from t2ilab.images import from_pil, to_pil
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.index import PairIndex


@pytest.fixture
def small_clip(tmp_path, cpu):
    """A folder with a CLIP of random weights that sees 16 pixels a side."""
    tokenizer = CLIPTokenizer.train(vocabulary("storybook"), 32)
    text = TextConfig(len(tokenizer.vocab), 32, width=16, layers=1, heads=2)
    torch.manual_seed(0)
    model = CLIP(CLIPConfig(text, VisionConfig(16, 8, width=16, layers=1, heads=2), embed_dim=12))
    ImageText(model, tokenizer, device=cpu).save_pretrained(tmp_path / "clip")
    return tmp_path / "clip"


@pytest.fixture
def built(command, small_clip):
    """Runs build with the small CLIP."""

    def build(*arguments):
        return command("data", "build", "--model", small_clip, "--shard", 10, *arguments)

    return build


def test_a_folder_is_built_goes_on_and_is_searched(built, command):
    first = built("--count", 15, "--keep", 0.8)
    assert first.code == 0, first.err
    assert re.match(
        r"runs.pairs: \d+ of 15 pairs are kept: 3 have a cosine below -?0\.\d{3}, and \d+ are near", first.out
    )
    assert re.search(r"^  mismatches, precision: \d+\.\d%$", first.out, re.MULTILINE)
    assert "runs/pairs/index.json" in first.files
    built("--count", 25, "--keep", 1)
    result = command("data", "search", "a cat", "-k", 3, "-o", "found.png")
    *lines, path = result.out.splitlines()
    assert (result.code, path, len(lines)) == (0, "found.png", 3)
    assert all(re.fullmatch(r"-?\d\.\d{3}  .+  \(pair \d+ of the storybook\)", line) for line in lines)
    scores = [float(line.split()[0]) for line in lines]
    assert scores == sorted(scores, reverse=True)
    with Image.open("found.png") as sheet:
        assert sheet.size == (8 * (2 * 16 + 2), 8 * (2 * 16 + 2))
        assert sheet.text["query"] == "a cat"
        small = from_pil(sheet.resize((34, 34), Image.Resampling.NEAREST))[0, :, :16, :16]
    number = int(re.search(r"pair (\d+)", lines[0])[1])
    assert (small - NoisyPairs(16)[number]["image"]).abs().max() < 0.01


def test_a_picture_is_a_query(built, command):
    built("--count", 12, "--threshold", -1)
    to_pil(NoisyPairs(16)[5]["image"][None])[0].save("five.png")
    result = command("data", "search", "--picture", "five.png", "-k", 1)
    assert "(pair 5 of the storybook)" in result.out


def test_features_alone_may_decide(built):
    """Those of random weights are all alike."""
    assert "1 of 12 pairs are kept" in built("--count", 12, "--threshold", -1, "--no-look").out
    assert "1 of 12 pairs are kept" not in built("--count", 12, "--threshold", -1).out


def test_a_data_set_of_ones_own_is_built(built, command):
    pytest.importorskip("datasets")
    command("scenes", "--dataset", "imagefolder", "--count", 6, "--size", 16, "-o", "mine")
    result = built("--source", "mine", "--split", "train", "--folder", "out", "--threshold", -1)
    assert result.code == 0, result.err
    assert re.match(r"out: \d of 6 pairs are kept", result.out)
    assert "precision" not in result.out
    found = command("data", "search", "a cat", "--folder", "out", "-k", 1, "-o", "found.png")
    assert found.code == 0
    assert "found.png" in found.files


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threshold", 1.5], "from -1 to 1; got 1.5"),
        (["--keep", 0], "more than 0 and at most 1; got 0"),
        (["--keep", 0.5, "--threshold", 0.1], "one of them; got 0.1, 0.5"),
        (["--count", 0], "at least 1 pair"),
        (["--shard", 0], "at least 1 in a shard; got 2000 and 0"),
        (["--model", "clip-storybok"], "clip-storybok"),
        (["--source", "nowhere"], "There is no folder 'nowhere'"),
    ],
)
def test_bad_builds_are_one_sentence(built, arguments, words):
    arguments = arguments if "--count" in arguments or "--shard" in arguments else [*arguments, "--count", 4]
    result = built(*arguments)
    assert result.code in (1, 2)
    assert words in sentence(result, result.code)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "by a text or by --picture, one of them"),
        (["a cat", "--picture", "a.png"], 2, "by a text or by --picture, one of them"),
        ([""], 2, "A search needs at least one word; got ''. Say what to find, or give --picture."),
        ([" \u3000"], 2, "A search needs at least one word"),
        (["", "--folder", "nowhere"], 2, "A search needs at least one word"),
        (["", "--picture", "a.png"], 2, "by a text or by --picture, one of them"),
        (["a cat", "-k", 0], 2, "k is between 1 and the"),
        (["a cat", "-k", 99], 2, "got 99"),
        (["a cat", "-o", "a.bmp"], 2, "must end in"),
        (["--picture", "none.png"], 1, "There is no picture none.png"),
        (["a cat", "--folder", "empty"], 2, "empty holds no embedded pairs"),
    ],
)
def test_bad_searches_are_one_sentence_and_leave_nothing(built, command, arguments, code, words):
    before = built("--count", 4, "--threshold", -1).files
    result = command("data", "search", *arguments)
    assert words in sentence(result, code)
    assert (result.out, result.files) == ("", before)


def test_another_seed_in_the_same_folder_is_refused(built):
    built("--count", 4, "--threshold", -1)
    result = built("--count", 4, "--seed", 1)
    assert 'another source, {"seed": 0} where it is to be {"seed": 1}' in sentence(result, 2)


def test_the_model_is_found_from_anywhere(built, command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = command("data", "build", "--model", "clip", "--count", 4, "--threshold", -1, "--folder", "here/pairs")
    assert result.code == 0, result.err
    monkeypatch.chdir("here")
    assert isinstance(PairIndex("pairs", ImageText.from_pretrained("../clip")), PairIndex)
    assert command("data", "search", "a cat", "--folder", "pairs", "-k", 1).code == 0


def test_shards_are_written_grow_and_are_gone_on_with(command, small_latent_model):
    arguments = ["data", "shards", "--source", "shapes", "--model", small_latent_model, "--shard", 4, "--folder", "out"]
    first = command(*arguments, "--count", 6)
    assert (first.code, first.out) == (0, "out: 6 pairs in 2 shards.\n"), first.err
    again = command(*arguments, "--count", 8)
    assert "out: 1 of 2 shards are there and whole; only the others are made." in again.err
    assert again.out == "out: 8 pairs in 2 shards.\n"
    assert again.files == ["out", "out/00000.tar", "out/00001.tar", "out/manifest.json"]


def test_what_is_left_out_of_shards_is_said(command, tmp_path):
    pytest.importorskip("datasets")
    command("scenes", "--dataset", "imagefolder", "--count", 5, "--size", 16, "-o", "mine")
    (tmp_path / "here" / "mine" / "images" / "000003.png").write_text("no picture")
    result = command("data", "shards", "--source", "mine", "--size", 16, "--folder", "out")
    assert result.code == 0, result.err
    assert result.out.splitlines()[0] == "out: 4 pairs in 1 shards."
    assert "1 rows are left out: their picture cannot be opened, or there is no caption." in result.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--source", "nowhere"], 2, "There is no folder 'nowhere'"),
        (["--source", "shapes", "--split", "test", "--caption-column", "a"], 2, "has no split and no caption_column"),
        (["--count", 0], 2, "at least 1 pair, 1 in a shard and 1 worker; got 0, 1000 and 1"),
        (["--count", 4, "--size", 8], 2, "at least 16"),
        (["--model", "storybok"], 2, "storybok"),
        (["--count", 4, "--folder", "file"], 1, "Could not write file"),
    ],
)
def test_bad_shards_are_one_sentence_and_leave_nothing(command, tmp_path, arguments, code, words):
    (tmp_path / "here" / "file").write_text("")
    result = command("data", "shards", *arguments)
    assert words in sentence(result, code)
    assert (result.out, [name for name in result.files if name not in ("file", "runs", "runs/shards")]) == ("", [])
