"""Shards as `datasets` and tarfile open them, what a second run leaves alone, and what is said of what cannot be."""

import errno
import io
import json
import os
import tarfile
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from t2ilab.data.world import World
from t2ilab.images import from_pil
from t2ilab.pipelines import sharding
from t2ilab.pipelines.pair_sources import DataSet, Drawn
from t2ilab.pipelines.sharding import PairEncoder, prepare
from t2ilab.pipelines.text_to_image import TextToImage

SOURCE = Drawn("shapes", 16, seed=3)


@pytest.fixture
def model(small_latent_model):
    return small_latent_model


def samples(folder):
    """Every sample of a folder's shards, in order: {"name", ending: bytes}."""
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as shard:
            for entry in shard:
                name, ending = entry.name.split(".", 1)
                found.setdefault(name, {"name": name})[ending] = shard.extractfile(entry).read()
    return list(found.values())


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*.tar"))}


def left(folder):
    return sorted(path.name for path in folder.iterdir())


# What is in them


def test_the_library_datasets_reads_what_the_world_drew(tmp_path, model):
    datasets = pytest.importorskip("datasets")
    manifest = prepare(SOURCE, tmp_path / "out", 20, PairEncoder(str(model), "cpu"), shard_size=8)
    assert sharding._encoder is None  # of which this process was the worker
    assert [(shard["name"], shard["rows"]) for shard in manifest["shards"]] == [
        ("00000.tar", 8),
        ("00001.tar", 8),
        ("00002.tar", 4),
    ]
    files = [str(path) for path in sorted((tmp_path / "out").glob("*.tar"))]
    rows = list(datasets.load_dataset("webdataset", data_files=files, split="train", streaming=True))
    world = World(16, 3, partial=0.0, japanese=0.25, level="shapes")
    batches = [world.batch(i, 8) for i in range(3)]
    images = torch.cat([batch["image"] for batch in batches])[:20]
    captions = [text for batch in batches for text in batch["caption"]][:20]
    assert [row["txt"] for row in rows] == captions
    assert any(ord(text[0]) > 255 for text in captions)  # a quarter in Japanese
    pictures = torch.cat([from_pil(row["png"].convert("RGB")) for row in rows])
    assert (pictures - images).abs().max() < 0.01
    assert all(row["json"]["caption"] == text for row, text in zip(rows, captions, strict=True))
    assert rows[13]["json"]["where"] == "picture 13 of the world"
    pipe = TextToImage.from_pretrained(model, device="cpu")
    with torch.no_grad():
        latents = 1.25 * pipe.vae.encode(pictures)[0]
        tokens = pipe.text_encoder(pipe.tokenizer(captions))
    for ours, ending in ((latents, "latent.npy"), (tokens, "text.npy")):
        stored = torch.stack([torch.as_tensor(np.asarray(row[ending], np.float32)) for row in rows])
        torch.testing.assert_close(stored, ours, rtol=2e-3, atol=2e-3)


def test_our_own_reader_of_data_sets_takes_the_folder(tmp_path):
    pytest.importorskip("datasets")
    prepare(SOURCE, tmp_path / "out", 10, shard_size=4)
    again = [item for item, _ in DataSet(str(tmp_path / "out"), 16).rows({})]
    ours = [item for _, (item, _) in zip(range(10), SOURCE.rows({}), strict=False)]
    assert [item["caption"] for item in again] == [item["caption"] for item in ours]
    assert (again[9]["image"] - ours[9]["image"]).abs().max() < 0.01


def test_a_folder_of_ones_own_becomes_shards_without_what_is_broken(tmp_path):
    pytest.importorskip("datasets")
    mine = tmp_path / "mine"
    mine.mkdir()
    with (mine / "metadata.jsonl").open("w", encoding="utf-8") as metadata:
        for i in range(7):
            Image.new("RGB", (20, 30), (40 * i % 256, 0, 0)).save(mine / f"{i}.png")
            metadata.write(json.dumps({"file_name": f"{i}.png", "text": f"picture {i} 赤い"}) + "\n")
    (mine / "4.png").write_bytes(b"no picture")
    manifest = prepare(DataSet(str(mine), 16), tmp_path / "out", shard_size=3)
    assert [(shard["span"], shard["rows"], shard["ended"]) for shard in manifest["shards"]] == [
        (3, 3, False),
        (3, 2, False),
        (1, 1, True),
    ]
    found = samples(tmp_path / "out")
    assert [one["txt"].decode() for one in found] == [f"picture {i} 赤い" for i in (0, 1, 2, 3, 5, 6)]
    with Image.open(io.BytesIO(found[-1]["png"])) as picture:
        assert (picture.size, picture.getpixel((8, 8))) == ((16, 16), (240, 0, 0))
    before = times(tmp_path / "out")
    assert prepare(DataSet(str(mine), 16), tmp_path / "out", shard_size=3) == manifest
    assert times(tmp_path / "out") == before


def test_several_workers_write_the_same_bytes(tmp_path, model):
    torch_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one = prepare(SOURCE, tmp_path / "one", 20, PairEncoder(str(model), "cpu"), shard_size=8)
    finally:
        torch.set_num_threads(torch_threads)
    two = prepare(SOURCE, tmp_path / "two", 20, PairEncoder(str(model), "cpu"), shard_size=8, workers=2)
    assert one == two
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


# Going on


def test_only_what_is_missing_damaged_or_new_is_made(tmp_path, capsys):
    out = tmp_path / "out"
    whole = prepare(SOURCE, out, 20, shard_size=8)
    before, content = times(out), {path.name: path.read_bytes() for path in out.iterdir()}
    assert capsys.readouterr().err == ""
    (out / "00000.tar").unlink()
    (out / "00001.tar").write_bytes(content["00001.tar"][:-1] + b"x")
    (out / ".00002.tar.77.part").write_bytes(b"left by a kill")
    done = []
    assert prepare(SOURCE, out, 20, shard_size=8, progress=done.append) == whole
    said = capsys.readouterr().err
    assert f"{out / '00000.tar'} is missing; it is made again." in said
    assert f"{out / '00001.tar'} is cut short or changed" in said
    assert f"{out}: 1 of 3 shards are there and whole; only the others are made." in said
    assert done == [12, 20, 20]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == content
    assert times(out)["00002.tar"] == before["00002.tar"]
    grown = prepare(SOURCE, out, 30, shard_size=8)
    assert [shard["rows"] for shard in grown["shards"]] == [8, 8, 8, 6]
    assert [one["name"] for one in samples(out)] == [f"{i:09d}" for i in range(30)]
    assert "2 of 4 shards are there and whole" in capsys.readouterr().err


def test_a_full_disk_keeps_what_is_done_and_the_next_run_goes_on(tmp_path, monkeypatch):
    out = tmp_path / "out"
    add = sharding.add_sample

    def full(shard, name, files):
        if int(name) >= 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(shard, name, files)

    monkeypatch.setattr(sharding, "add_sample", full)
    with pytest.raises(OSError, match=r"Could not write .*00001.tar: No space left.*free some space"):
        prepare(SOURCE, out, 20, shard_size=8)
    assert left(out) == ["00000.tar", "manifest.json"]
    assert json.loads((out / "manifest.json").read_text())["complete"] is False
    monkeypatch.undo()
    before = times(out)
    assert prepare(SOURCE, out, 20, shard_size=8)["complete"] is True
    assert times(out)["00000.tar"] == before["00000.tar"]


@dataclass(frozen=True)
class Deadly(Drawn):
    """A world whose second shard kills the process that makes it."""

    def rows(self, state):
        if state["position"]:
            os._exit(9)
        return super().rows(state)


def test_a_killed_worker_is_a_sentence(tmp_path):
    with pytest.raises(RuntimeError, match=r"A worker was killed, .* run it again with fewer than 2 workers"):
        prepare(Deadly("shapes", 16), tmp_path / "out", 16, shard_size=8, workers=2)
    assert not list((tmp_path / "out").glob("00001.tar"))


# What is refused


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (Drawn("shapes", 16, seed=4), {}, r'another source, {"seed": 3} where it is to be {"seed": 4}; choose another'),
        (SOURCE, {"shard_size": 4}, "another shard size, 8 where it is to be 4"),
        (SOURCE, {"count": 9}, "holds more than 9 rows already"),
        (SOURCE, {"count": 0}, "at least 1 pair, 1 in a shard and 1 worker; got 0, 8 and 1"),
        (SOURCE, {"workers": 0}, "at least 1 pair, 1 in a shard and 1 worker; got 10, 8 and 0"),
        (SOURCE, {"count": None}, "The world has no end: say how many pairs, got no count"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(tmp_path, source, options, words):
    out = tmp_path / "out"
    prepare(SOURCE, out, 10, shard_size=8)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    arguments = {"count": 10, "shard_size": 8} | options
    with pytest.raises(ValueError, match=words):
        prepare(source, out, arguments.pop("count"), **arguments)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_model_that_does_not_fit_is_refused(tmp_path, model, small_pipe):
    encoder = PairEncoder(str(model), "cpu")
    with pytest.raises(ValueError, match="encodes multiples of 2 pixels a side; got 17"):
        prepare(Drawn("shapes", 17), tmp_path / "out", 4, encoder)
    prepare(SOURCE, tmp_path / "out", 4)
    with pytest.raises(ValueError, match="pairs of another model, null where it is to be"):
        prepare(SOURCE, tmp_path / "out", 4, encoder)
    small_pipe.save_pretrained(tmp_path / "pixels")
    with pytest.raises(ValueError, match=r"need a model with an autoencoder; .* works on pixels"):
        PairEncoder(str(tmp_path / "pixels"), "cpu")


def test_no_pairs_and_no_manifest_are_sentences(tmp_path):
    class Empty(Drawn):
        def rows(self, state):
            return iter(())

    with pytest.raises(ValueError, match="There are no pairs in this source"):
        prepare(Empty("shapes", 16), tmp_path / "out", 4)
    assert not (tmp_path / "out").exists() or left(tmp_path / "out") == []
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "manifest.json").write_text('{"rows": 3}')
    with pytest.raises(OSError, match="is no manifest of shards"):
        prepare(SOURCE, tmp_path / "out", 4)
