"""Data sets as other tools open them: PIL, pyarrow, tarfile and json, and never this package's own reader."""

import errno
import io
import json
import sys
import tarfile
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from t2ilab.data.export import FORMS, Pair, pairs, write_dataset
from t2ilab.data.maps import CLASSES, MAPS, semantic_map
from t2ilab.data.scenes import Scene, is_held_out
from t2ilab.data.understanding import understand
from t2ilab.data.world import World
from t2ilab.images import from_pil

KINDS = ("image", *MAPS)


def opened(png):
    picture = Image.open(io.BytesIO(png))
    picture.load()
    return picture


def left(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def scene_of(values):
    other = values.get("other")
    return Scene(**(values | ({"other": scene_of(other)} if other else {})))


def target_of(form, folder):
    return folder / ("pairs.parquet" if form == "parquet" else "pairs")


# The pairs


def test_the_first_of_many_are_the_same_as_of_few():
    assert list(pairs(3, 16)) == list(islice(pairs(20, 16), 3))
    assert [pair.name for pair in pairs(10, 16)] == [f"{i:06d}" for i in range(10)]


def test_another_seed_gives_other_pairs():
    assert next(pairs(1, 16, seed=1)) != next(pairs(1, 16, seed=2))


@pytest.mark.parametrize("level", ["shapes", "storybook"])
def test_all_that_a_pair_says_is_true_of_its_scene(level):
    for pair in pairs(60, 16, seed=5, level=level):
        whole = scene_of(pair.scene).asked()
        english, unknown = understand(pair.text, level)
        japanese, unknown_ja = understand(pair.text_ja, level)
        assert unknown == unknown_ja == []
        assert english.asked() == japanese.asked(), (pair.text, pair.text_ja)
        assert english.asked().items() <= whole.items(), pair.text
        assert "thing" in english.asked()


def test_pictures_and_maps_are_those_of_the_world():
    batch = World(32, 4, partial=0.0, japanese=0.0, level="storybook").drawings(0, 8)
    for i, pair in enumerate(pairs(8, 32, seed=4)):
        assert set(pair.pictures) == set(KINDS)
        pictures = {kind: opened(png) for kind, png in pair.pictures.items()}
        assert {kind: picture.mode for kind, picture in pictures.items()} == {
            "image": "RGB",
            "semantic": "P",
            "scribble": "L",
            "pose": "RGB",
        }
        assert (from_pil(pictures["image"])[0] - batch["drawing"].image[i]).abs().max() < 0.01
        classes = torch.from_numpy(np.array(pictures["semantic"])).long()
        assert torch.equal(classes, semantic_map(batch["drawing"], batch["scene"])[i])
        lines = torch.from_numpy(np.array(pictures["scribble"])) / 255
        assert (lines - batch["drawing"].edges[i]).abs().max() < 0.01


def test_a_rendition_changes_the_pictures_alone():
    plain, sewn = next(pairs(1, 32)), next(pairs(1, 32, rendition="embroidery"))
    assert plain.pictures["image"] != sewn.pictures["image"]
    assert all(plain.pictures[kind] == sewn.pictures[kind] for kind in MAPS)
    assert (plain.text, plain.text_ja, plain.scene) == (sewn.text, sewn.text_ja, sewn.scene)


def test_held_out_pairs_are_kept_apart():
    for held_out in (False, True):
        assert {is_held_out(scene_of(pair.scene)) for pair in pairs(24, 16, held_out=held_out)} == {held_out}


# The forms


def read_imagefolder(target):
    rows = []
    for line in (target / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        names = {"image": row["file_name"]} | {kind: row[f"{kind}_file_name"] for kind in MAPS}
        files = {kind: (target / name).read_bytes() for kind, name in names.items()}
        rows.append((files, row["text"], row["text_ja"], json.loads(row["scene"])))
    return rows


def read_parquet(target):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(target).to_pylist()
    return [
        ({k: row[k]["bytes"] for k in KINDS}, row["text"], row["text_ja"], json.loads(row["scene"])) for row in rows
    ]


def read_webdataset(target):
    samples = {}
    for path in sorted(target.glob("*.tar")):
        with tarfile.open(path) as shard:
            for entry in shard:
                key, ending = entry.name.split(".", 1)  # webdataset splits at the first dot
                samples.setdefault(key, {})[ending] = shard.extractfile(entry).read()
    return [
        (
            {"image": s["png"]} | {kind: s[f"{kind}.png"] for kind in MAPS},
            s["txt"].decode(),
            s["ja.txt"].decode(),
            json.loads(s["json"]),
        )
        for s in samples.values()
    ]


READ = {"imagefolder": read_imagefolder, "parquet": read_parquet, "webdataset": read_webdataset}
each_form = pytest.mark.parametrize("form", FORMS)


@each_form
def test_every_form_holds_the_pairs_in_their_order(form, tmp_path):
    target = target_of(form, tmp_path)
    write_dataset(target, 11, form, size=16, seed=3, shard_size=4)
    expected = [(p.pictures, p.text, p.text_ja, p.scene) for p in pairs(11, 16, seed=3)]
    assert READ[form](target) == expected
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@each_form
def test_the_same_numbers_give_the_same_bytes(form, tmp_path):
    def written(folder):
        target = target_of(form, tmp_path / folder)
        write_dataset(target, 5, form, size=16, shard_size=2)
        return {path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()}

    assert written("one") == written("two")


def test_an_imagefolder_has_the_layout_that_datasets_reads(tmp_path):
    write_dataset(tmp_path / "a", 2, "imagefolder", size=16)
    names = [f"{folder}/00000{i}.png" for folder in ("images", *MAPS) for i in (0, 1)]
    folders = ["images", *MAPS]
    assert left(tmp_path / "a") == sorted([*folders, *names, "classes.json", "metadata.jsonl"])
    assert json.loads((tmp_path / "a" / "classes.json").read_text()) == list(CLASSES)


def test_parquet_names_its_pictures_as_the_hub_does(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_dataset(tmp_path / "a.parquet", 2, "parquet", size=16)
    schema = parquet.read_schema(tmp_path / "a.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == features["semantic"] == {"_type": "Image"}
    assert features["text"] == {"dtype": "string", "_type": "Value"}
    assert list(features) == schema.names
    assert [field.name for field in schema.field("image").type] == ["bytes", "path"]
    assert json.loads(schema.metadata[b"classes"]) == list(CLASSES)


def test_shards_have_as_many_pairs_as_were_asked_for(tmp_path):
    write_dataset(tmp_path / "a", 5, "webdataset", size=16, shard_size=2)
    assert left(tmp_path / "a") == ["000000.tar", "000001.tar", "000002.tar"]
    assert len(read_webdataset(tmp_path / "a")) == 5


# What can go wrong


@each_form
def test_what_is_there_is_never_overwritten(form, tmp_path):
    target = target_of(form, tmp_path)
    target.write_text("here before")
    with pytest.raises(FileExistsError, match="exists already"):
        write_dataset(target, 1, form, size=16)
    assert target.read_text() == "here before"


@each_form
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written_is_left(form, failure, tmp_path):
    def cut(rows):
        yield from islice(rows, 2)
        raise failure

    match = "Could not write .*No space left on device.*[Ff]ree some space" if isinstance(failure, OSError) else None
    with pytest.raises(type(failure), match=match):
        write_dataset(target_of(form, tmp_path), 5, form, size=16, progress=cut)
    assert left(tmp_path) == []


@each_form
def test_a_folder_that_cannot_be_made_is_said(form, tmp_path):
    (tmp_path / "file").write_text("here before")
    with pytest.raises(OSError, match="Could not write"):
        write_dataset(target_of(form, tmp_path / "file"), 1, form, size=16)
    assert left(tmp_path) == ["file"]


def test_without_pyarrow_the_command_to_install_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install pyarrow"):
        write_dataset(tmp_path / "a.parquet", 1, "parquet", size=16)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"form": "zip"}, "form must be one of imagefolder, parquet, webdataset; got 'zip'"),
        ({"form": "parquet"}, "must end in .parquet; got"),
        ({"count": 0}, "1 to 1,000,000 pairs, and a shard at least 1; got 0 and 1000"),
        ({"count": 10**7}, "got 10000000"),
        ({"shard_size": 0}, "got 1 and 0"),
        ({"size": 8}, "at least 16 pixels a side to show its shape; got 8"),
        ({"level": "novel"}, "level must be one of shapes, storybook; got 'novel'"),
        ({"rendition": "fresco"}, "must be one of sketch, watercolour, mosaic, embroidery; got 'fresco'"),
    ],
)
def test_wrong_values_are_one_sentence_and_nothing_is_left(values, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        write_dataset(tmp_path / "a", **({"count": 1} | values))
    assert left(tmp_path) == []


def test_a_pair_is_what_progress_is_handed(tmp_path):
    seen = []

    def watch(rows):
        for row in rows:
            seen.append(row)
            yield row

    write_dataset(tmp_path / "a", 3, size=16, progress=watch)
    assert [type(pair) for pair in seen] == 3 * [Pair]


# Opened as docs/world.md says


@pytest.mark.parametrize("form", FORMS)
def test_the_datasets_library_opens_every_form(form, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    target = target_of(form, tmp_path)
    write_dataset(target, 5, form, 32)
    how = {
        "imagefolder": {"data_dir": str(target)},
        "parquet": {"data_files": str(target)},
        "webdataset": {"data_files": str(target / "*.tar")},
    }[form]
    rows = datasets.load_dataset(form, split="train", cache_dir=str(tmp_path / "cache"), **how)
    image, text = ("png", "txt") if form == "webdataset" else ("image", "text")
    assert rows[text] == [pair.text for pair in pairs(5, 32)]
    for row, pair in zip(rows, pairs(5, 32), strict=True):
        assert np.array_equal(np.asarray(row[image]), np.asarray(opened(pair.pictures["image"])))
