"""Data sets that lie on this machine, streamed; what comes is compared with what was written, read by Pillow alone."""

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from t2ilab.data.emoji import find_font
from t2ilab.data.export import FORMS, pairs, write_dataset
from t2ilab.data.hub import MOST_BROKEN, stream
from t2ilab.data.sources import SOURCES, Source
from t2ilab.pipelines.pair_sources import Drawn
from t2ilab.pipelines.sharding import PairEncoder, prepare

datasets = pytest.importorskip("datasets")
parquet = pytest.importorskip("pyarrow.parquet")

COUNT, SHARD = 7, 3
each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(autouse=True)
def _nothing_left_behind(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def png(picture, **options):
    file = io.BytesIO()
    picture.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


def opened(content):
    """What a file shows, by Pillow and NumPy: float (3, H, W) in [-1, 1]."""
    levels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.float32)
    return torch.from_numpy(levels / 127.5 - 1).permute(2, 0, 1)


def numbered(index, size=(8, 8)):
    """A picture that tells its number by its colour."""
    return Image.new("RGB", size, (index, 255 - index, 7))


def write_parquet(path, **columns):
    """Pictures as the hub keeps them, a struct of bytes and path, and whatever else."""
    import pyarrow as pa

    rows = {c: [{"bytes": v, "path": None} for v in vs] if c == "image" else vs for c, vs in columns.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(rows)
    if "image" in columns:
        kinds = {c: {"_type": "Image"} if c == "image" else None for c in columns}
        features = {
            c: kind or datasets.Features.from_arrow_schema(table.schema).to_dict()[c] for c, kind in kinds.items()
        }
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path)


def write_tar(path, samples):
    """Samples are (key, {ending: bytes})."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as shard:
        for key, files in samples:
            for ending, content in files.items():
                entry = tarfile.TarInfo(f"{key}.{ending}")
                entry.size = len(content)
                shard.addfile(entry, io.BytesIO(content))


def written(form, folder, broken=None):
    """The world's data set in a folder, in two or more shards where the form has any; pictures in `broken` replaced."""
    target = folder / "pairs"
    if form != "parquet":
        write_dataset(target, COUNT, form, size=32, shard_size=SHARD)
    else:
        rows = list(pairs(COUNT, 32))
        for first in range(0, COUNT, SHARD):
            some = rows[first : first + SHARD]
            columns = {"text": [p.text for p in some], "text_ja": [p.text_ja for p in some]}
            write_parquet(target / f"{first:06d}.parquet", image=[p.pictures["image"] for p in some], **columns)
    for index, content in (broken or {}).items():
        plant(form, target, index, content)
    return target


def plant(form, target, index, content):
    """Puts something else in the place of a picture; None takes it away."""
    shard, row = index // SHARD * SHARD, index % SHARD
    if form == "imagefolder":
        path = target / f"images/{index:06d}.png"
        path.unlink() if content is None else path.write_bytes(content)
    elif form == "parquet":
        path = target / f"{shard:06d}.parquet"
        columns = parquet.read_table(path).to_pydict()
        images = [value["bytes"] for value in columns.pop("image")]
        images[row] = content
        write_parquet(path, image=images, **columns)
    else:
        path = target / f"{index // SHARD:06d}.tar"
        with tarfile.open(path) as tar:
            files = [(entry.name, tar.extractfile(entry).read()) for entry in tar]
        samples = {}
        for name, old in files:
            key, ending = name.split(".", 1)
            new = content if (ending, int(key)) == ("png", index) else old
            if new is not None:
                samples.setdefault(key, {})[ending] = new
        write_tar(path, samples.items())


def numbers(items):
    """Which pairs of the world these are, by their captions; no two of the first have the same."""
    texts = [pair.text for pair in pairs(COUNT, 32)]
    assert len(set(texts)) == COUNT
    return [texts.index(item["caption"]) for item in items]


def same(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) if isinstance(one[k], torch.Tensor) else one[k] == other[k] for k in one
    )


# What comes is what was written


@each_form
def test_every_form_gives_the_same_items(form, tmp_path):
    reader = stream(written(form, tmp_path))
    japanese = "ja.txt" if form == "webdataset" else "text_ja"
    for item, pair in zip(reader, pairs(COUNT, 32), strict=True):
        assert torch.equal(item["image"], opened(pair.pictures["image"]))
        assert (item["caption"], item[japanese]) == (pair.text, pair.text_ja)
        assert not {"semantic", "pose.png", "text", "txt"} & item.keys()
    assert (reader.position, reader.skipped, reader.said) == (COUNT, 0, None)
    assert list(reader) == []


@pytest.mark.parametrize(("form", "file"), [("parquet", "000000.parquet"), ("webdataset", "000000.tar")])
def test_one_file_can_be_read(form, file, tmp_path):
    assert numbers(stream(written(form, tmp_path) / file)) == [0, 1, 2]
    assert numbers(stream(Source(str(tmp_path / "pairs" / file)))) == [0, 1, 2]


# Broken pictures, and going on


BROKEN = {1: b"no picture", 4: None, 5: png(Image.effect_noise((32, 32), 90))[:-300]}


@each_form
def test_broken_pictures_are_left_out_and_counted(form, tmp_path):
    reader = stream(written(form, tmp_path, BROKEN))
    seen = [(numbers([item])[0], reader.position, reader.skipped) for item in reader]
    assert seen == [(0, 1, 0), (2, 3, 1), (3, 4, 1), (6, 7, 3)]
    assert (reader.position, reader.skipped) == (7, 3)
    assert reader.why_skipped.startswith(f"Row 5 of {tmp_path / 'pairs'}, split 'train', is broken: ")


@each_form
def test_a_broken_picture_can_stop_it_and_one_can_go_on(form, tmp_path):
    reader = stream(written(form, tmp_path, BROKEN), on_broken="raise")
    assert numbers([next(reader)]) == [0]
    with pytest.raises(OSError, match=r"Row 1 of .*pairs, split 'train', is broken: .*\. on_broken=\"skip\" leaves"):
        next(reader)
    assert numbers(islice(reader, 2)) == [2, 3]


@each_form
def test_a_stream_that_was_cut_goes_on_as_if_it_had_not_been(form, tmp_path):
    target = written(form, tmp_path, BROKEN)
    whole = list(stream(target, size=16))
    for cut in range(len(whole) + 1):
        first = stream(target, size=16)
        before = list(islice(first, cut))
        for skip in (first.state, json.loads(json.dumps(first.state)), first.position):
            after = stream(target, size=16, skip=skip)
            assert all(same(a, b) for a, b in zip(before + list(after), whole, strict=True)), (cut, skip)
            assert after.position == COUNT
    assert list(stream(target, skip=100)) == []


@pytest.mark.parametrize("form", ["parquet", "webdataset"])
def test_going_on_from_a_state_opens_no_shard_before(form, tmp_path):
    target = written(form, tmp_path)
    reader = stream(target)
    assert numbers(islice(reader, 4)) == [0, 1, 2, 3]
    extra = tmp_path / "kept"
    shutil.copytree(target, extra)
    plant(form, extra, 0, b"")  # readable, but every picture of the first shard is broken
    plant(form, extra, 1, b"")
    later = stream(extra, skip=reader.state)
    assert numbers(later) == [4, 5, 6]
    assert (later.skipped, later.position) == (0, 7)
    assert stream(extra, skip=4).skipped == 0


def test_a_column_of_rubbish_is_no_endless_search(tmp_path):
    count = MOST_BROKEN + 50
    write_parquet(tmp_path / "a.parquet", image=[b"x"] * count, text=["a"] * count)
    with pytest.raises(OSError, match=f"{MOST_BROKEN} rows one after the other are broken.*Is 'image' its pictures"):
        next(stream(tmp_path))


def test_a_pair_needs_its_caption(tmp_path):
    images = [png(numbered(i)) for i in range(5)]
    write_parquet(tmp_path / "a.parquet", image=images, text=["one", None, "", " four ", "five"])
    reader = stream(tmp_path)
    assert [item["caption"] for item in reader] == ["one", "four", "five"]
    assert (reader.skipped, reader.why_skipped.endswith("its text says nothing.")) == (2, True)


@pytest.mark.parametrize("harm", ["cut", "changed", "emptied"])
@pytest.mark.parametrize(("form", "shard"), [("parquet", "000003.parquet"), ("webdataset", "000001.tar")])
def test_a_broken_shard_is_named_and_can_be_left_out(form, shard, harm, tmp_path):
    path = written(form, tmp_path) / shard
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 4], "changed": b"x" * 2000, "emptied": b""}[harm])
    reader = stream(tmp_path / "pairs")
    assert numbers(islice(reader, 3)) == [0, 1, 2]
    with pytest.raises(OSError, match=rf"{shard} is broken \(.*\): it is cut short or changed; download"):
        list(reader)
    assert numbers(reader) == [6]


def test_a_shard_may_be_cut_anywhere(tmp_path):
    path = written("webdataset", tmp_path) / "000001.tar"
    content = path.read_bytes()
    end = len(content.rstrip(b"\0"))
    for length in [*range(0, end, 512), *range(0, end, 1000)]:
        path.write_bytes(content[:length])
        reader = stream(tmp_path / "pairs", skip={"position": 3, "shard": 1, "row": 0})
        with pytest.raises(OSError, match=r"000001\.tar is broken"):
            list(reader)
        assert numbers(reader) == [6]


@pytest.mark.parametrize(("form", "shard"), [("parquet", "000000.parquet"), ("webdataset", "000000.tar")])
def test_a_broken_first_shard_is_named_when_it_is_opened(form, shard, tmp_path):
    (written(form, tmp_path) / shard).write_bytes(b"x" * 2000)
    with pytest.raises(OSError, match=rf"{shard} is broken"):
        stream(tmp_path / "pairs")


def test_broken_metadata_are_named(tmp_path):
    with (written("imagefolder", tmp_path) / "metadata.jsonl").open("a") as file:
        file.write('{"file_name": ')
    with pytest.raises(OSError, match=r"metadata\.jsonl is broken"):
        list(stream(tmp_path / "pairs"))


# Pictures of every kind


def one_picture(tmp_path, content, **options):
    write_parquet(tmp_path / "one.parquet", image=[content], text=["one"])
    (item,) = stream(tmp_path / "one.parquet", **options)
    return item["image"]


def test_what_is_transparent_lies_on_white(tmp_path):
    picture = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 2, 2))
    image = one_picture(tmp_path, png(picture))
    assert image[:, 0].T.tolist() == [[1, -1, -1]] * 2 + [[1, 1, 1]] * 2
    palette = picture.convert("RGB").quantize(4)
    palette.info["transparency"] = palette.getpixel((3, 0))
    image = one_picture(tmp_path, png(palette, transparency=palette.getpixel((3, 0))))
    assert image[:, 0].T.tolist() == [[1, -1, -1]] * 2 + [[1, 1, 1]] * 2


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "CMYK", "I;16"])
def test_every_mode_becomes_three_channels(mode, tmp_path):
    grey = Image.fromarray(np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[None], 4, 0))
    if mode == "I;16":
        content = png(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257))
    else:
        content = png(grey.convert(mode), format="TIFF" if mode == "CMYK" else "PNG")
    expected = opened(png(grey.convert("1" if mode == "1" else "L")))
    assert (one_picture(tmp_path, content) - expected).abs().max() < 0.03


def test_a_photograph_stands_upright(tmp_path):
    picture = Image.new("RGB", (6, 4))
    picture.paste((255, 255, 255), (0, 0, 6, 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the right side of the file is the bottom
    image = one_picture(tmp_path, png(picture, exif=exif))
    assert image.shape == (3, 6, 4)
    assert image[0, 0].tolist() == [-1, -1, 1, 1]


@pytest.mark.parametrize("size", [8, 32, 100])
@pytest.mark.parametrize("shape", [(96, 64), (64, 96), (64, 64), (30, 200)])
def test_a_size_scales_and_cuts_around_the_centre(size, shape, tmp_path):
    chance = np.random.default_rng(1)
    picture = Image.fromarray(chance.integers(0, 255, (12, 12, 3), np.uint8)).resize(shape, Image.Resampling.BICUBIC)
    image = one_picture(tmp_path, png(picture), size=size)
    side, (width, height) = min(shape), shape
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    expected = opened(png(picture.resize((size, size), Image.Resampling.BICUBIC, box=box)))
    assert image.shape == (3, size, size)
    assert (image - expected).abs().max() < 0.02


def test_a_large_jpeg_at_a_small_size_is_the_same_picture(tmp_path):
    chance = np.random.default_rng(2)
    picture = Image.fromarray(chance.integers(0, 255, (9, 12, 3), np.uint8)).resize((1200, 900))
    content = png(picture, format="JPEG", quality=95)
    image = one_picture(tmp_path, content, size=64)
    expected = opened(png(picture.crop((150, 0, 1050, 900)).resize((64, 64), Image.Resampling.BICUBIC)))
    assert (image - expected).abs().mean() < 0.02


# Classes in place of captions


def test_folders_of_classes_become_captions(tmp_path):
    for i, label in enumerate(["cat", "hot_dog"]):
        (tmp_path / "set" / label).mkdir(parents=True)
        numbered(i).save(tmp_path / "set" / label / "a.png")
    items = list(stream(tmp_path / "set", template="a drawing of a {}"))
    assert [item["caption"] for item in items] == ["a drawing of a cat", "a drawing of a hot dog"]
    assert [(item["class_name"], item["label"]) for item in items] == [("cat", 0), ("hot dog", 1)]
    assert [round((item["image"][0, 0, 0].item() + 1) * 127.5) for item in items] == [0, 1]


def test_numbers_take_their_names_from_the_file_beside(tmp_path):
    labels = [2, 0, 9, 1]
    samples = [(f"{i:03d}", {"png": png(numbered(i)), "cls": str(label).encode()}) for i, label in enumerate(labels)]
    write_tar(tmp_path / "set" / "0.tar", samples)
    with pytest.raises(ValueError, match="classes as numbers in 'cls' and does not name them; give class_names"):
        stream(tmp_path / "set")
    (tmp_path / "set" / "classnames.txt").write_text("apple pie\ngoldfish, Carassius auratus\nsushi\n")
    for given in (None, ["apple_pie", "goldfish", "sushi"]):
        reader = stream(tmp_path / "set", class_names=given)
        assert reader.class_names == ["apple pie", "goldfish", "sushi"]
        assert [item["class_name"] for item in reader] == ["sushi", "apple pie", "goldfish"]
        assert (reader.skipped, "its cls 9 has no name" in reader.why_skipped) == (1, True)


def test_classes_may_be_words_already(tmp_path):
    write_parquet(tmp_path / "a.parquet", image=[png(numbered(i)) for i in range(2)], class_name=["a_b", "c"])
    for names in (None, ["x", "y"]):
        items = list(stream(tmp_path, template="{}, {{drawn}}", class_names=names))
        assert [item["caption"] for item in items] == ["a b, {{drawn}}", "c, {{drawn}}"]


# Columns, splits, what is refused


def test_columns_have_many_names(tmp_path):
    images = [png(numbered(i)) for i in range(2)]
    write_parquet(tmp_path / "a.parquet", image=images, said=[["one", "two"], ["three", "four"]], url=["u", "v"])
    with pytest.raises(
        ValueError, match=r"neither captions nor classes, only the columns image, said, url: add metadata"
    ):
        stream(tmp_path)
    with pytest.raises(ValueError, match=r"columns image, said, url; caption_column must be one of them, got 'text'"):
        stream(tmp_path, caption_column="text")
    with pytest.raises(ValueError, match=r"columns image, said, url; image_column must be one of them, got 'img'"):
        stream(tmp_path, image_column="img", caption_column="said")
    items = list(stream(Source(str(tmp_path), caption_column="said")))
    assert [item["caption"] for item in items] == ["one", "three"]
    assert [item["captions"] for item in items] == [["one", "two"], ["three", "four"]]
    assert [item["url"] for item in items] == ["u", "v"]
    assert [item["caption"] for item in stream(tmp_path, caption_column="url")] == ["u", "v"]


def test_splits_are_kept_apart_and_a_broken_one_is_in_nobodys_way(tmp_path):
    for i, split in enumerate(["train", "validation", "test"]):
        write_parquet(tmp_path / "data" / f"{split}-00000-of-00001.parquet", image=[png(numbered(i))], text=[split])
    assert [next(stream(tmp_path, split=s))["caption"] for s in ("train", "validation", "test")] == [
        "train",
        "validation",
        "test",
    ]
    assert next(stream(tmp_path))["caption"] == "train"
    with pytest.raises(ValueError, match=r"has the splits train, validation, test; got 'dev'"):
        stream(tmp_path, split="dev")
    (tmp_path / "data" / "train-00000-of-00001.parquet").write_bytes(b"x")
    assert next(stream(tmp_path, split="test"))["caption"] == "test"


def test_a_loading_script_is_refused_and_never_run(tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ValueError, match=r"tiny needs a loading script \(tiny\.py\).*no longer supports such.*Parquet"):
        stream(tmp_path / "tiny")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "values", "words"),
    [
        ("a", {"size": 0}, "at least 1 pixel a side; got size 0"),
        ("a", {"template": "a photo"}, "A template holds {}, where the class goes; got 'a photo'"),
        ("a", {"on_broken": "ignore"}, 'on_broken must be "skip" or "raise"; got \'ignore\''),
        ("a", {"skip": -1}, "skip is a number of rows from 0, or the state of a stream; got -1"),
        ("a", {"skip": {"position": 3}}, "or the state of a stream; got {'position': 3}"),
        ("a", {}, "There is no folder 'a'; .* an id like 'owner/name'; this course knows some for image-text, cifar10"),
        ("/nowhere/at/all", {}, "There is no folder '/nowhere/at/all'; a data set of"),
        ("empty", {}, "empty holds no data set, which is Parquet files, pictures with metadata.jsonl"),
        ("text.txt", {}, r"must be a Parquet file or a \.tar shard; got '.*text\.txt'"),
    ],
)
def test_wrong_values_are_one_sentence(source, values, words, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        stream(source, **values)


def test_without_the_library_the_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match="pip install datasets"):
        stream(tmp_path)


def test_importing_it_loads_and_says_nothing():
    program = "import sys, t2ilab.data.hub; print(sorted({'torch', 'PIL', 'datasets', 'fsspec'} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (answer.stdout, answer.stderr) == ("[]\n", "")


# The table


def test_every_use_has_several_data_sets_that_say_what_they_are():
    ids = [source.id for sources in SOURCES.values() for source in sources]
    assert len(ids) == len(set(ids))
    for use, sources in SOURCES.items():
        assert len(sources) >= 2, use
        for source in sources:
            assert source.id.count("/") == 1
            assert source.about
            assert source.licence
            assert source.caption_column or source.label_column
            assert source.megabytes is None or source.megabytes > 1
    assert "Gated" in SOURCES["imagenet"][0].about


# docs/data.md


PAGE = (Path(__file__).resolve().parents[1] / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_table_of_the_page_is_the_table():
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    told = {use: [name.split(" ")[0] for name in names.split(", ")] for use, names in rows.items()}
    assert told == {use: [source.id for source in sources] for use, sources in SOURCES.items()}


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    emoji, emoji_pairs, data_sets, shards = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    write_dataset(tmp_path / "storybook", 3, size=32)
    monkeypatch.chdir(tmp_path)
    exec(data_sets, {})
    lines = [f"{pair.text} torch.Size([3, 32, 32])" for pair in pairs(3, 32)]
    assert capsys.readouterr().out.splitlines() == [*lines, "3 0"]
    prepare(Drawn(), "runs/shards", 2, PairEncoder("storybook", "cpu"))
    exec(shards, {})
    captions = [row["caption"] for row, _ in islice(Drawn().rows({}), 2)]
    assert capsys.readouterr().out.splitlines() == [f"{caption} (64, 64) 16" for caption in captions]
    try:
        find_font()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    exec(emoji, {})
    assert "すし" in capsys.readouterr().out
    exec(emoji_pairs, {})
    translated, new = capsys.readouterr().out.splitlines()
    assert "'ja': [" in translated
    assert int(new.split()[0]) > 100
