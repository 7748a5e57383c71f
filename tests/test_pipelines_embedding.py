"""Pairs into shards: what is in them, runs that are cut off anywhere, folders that grow, and files that are damaged."""

import errno
import json
import re

import pytest
import torch
from toy_pairs import Oracle, Toy, files_of

from t2ilab.pipelines import embedding
from t2ilab.pipelines.copies import looks_of
from t2ilab.pipelines.embedding import embed_pairs, load_embedded, model_hash

COUNT, SHARD = 35, 10


def embed(folder, count=COUNT, source=None, clip=None, **more):
    return embed_pairs(source or Toy(), clip or Oracle(), folder, count, name="oracle", **{"shard_size": SHARD} | more)


@pytest.fixture
def whole(tmp_path):
    """The files of an uninterrupted run."""
    embed(tmp_path / "whole")
    return files_of(tmp_path / "whole")


def test_every_pair_is_there_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "TOGETHER", 4)
    done = []
    manifest = embed(tmp_path, progress=done.append)
    assert done == [0, 10, 20, 30, 35]
    assert (manifest["rows"], [shard["rows"] for shard in manifest["shards"]]) == (35, [10, 10, 10, 5])
    assert sorted(files_of(tmp_path)) == sorted(
        ["manifest.json", *(f"0000{i}{ending}" for i in range(4) for ending in (".safetensors", ".jsonl"))]
    )
    found, clip, source = load_embedded(tmp_path), Oracle(), Toy()
    items = [source.pair(i) for i in range(COUNT)]
    for kind, exact in (
        ("images", clip.encode_image(torch.stack([item["image"] for item in items]))),
        ("texts", clip.encode_text([item["caption"] for item in items])),
    ):
        kept = getattr(found, kind)
        assert kept.dtype == torch.float32
        assert torch.equal(kept, exact.half().float())
    assert torch.equal(found.looks, looks_of(torch.stack([item["image"] for item in items])))
    for i, (pair, item) in enumerate(zip(found.pairs, items, strict=True)):
        assert pair == {"caption": item["caption"], "where": f"toy {i}", "pair": i, "at": {"position": i} if i else {},
                        **{name: item[name] for name in ("copy_of", "mismatch", "noise", "shows")}}  # fmt: skip
    assert found.left_out == ()


@pytest.mark.parametrize("stop", [0, 3, 10, 27, 34])
def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_files(tmp_path, whole, stop):
    folder = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        embed(folder, source=Toy(stop=stop))
    clip = Oracle()
    embed(folder, clip=clip)
    assert clip.seen == COUNT - stop // SHARD * SHARD  # no shard is embedded twice
    assert files_of(folder) == whole


@pytest.mark.parametrize("when", range(8))
def test_a_run_that_is_killed_between_two_files_does_so_too(tmp_path, whole, when, monkeypatch):
    folder, calls = tmp_path / "killed", []

    def killing(real):
        def call(*arguments, **more):
            calls.append(1)
            if len(calls) == when + 1:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("write_json", "write_whole", "save_file"):
            patch.setattr(embedding, name, killing(getattr(embedding, name)))
        with pytest.raises(KeyboardInterrupt):
            embed(folder)
    assert not any(name.endswith(".part") for name in files_of(folder))
    folder.mkdir(exist_ok=True)
    (folder / ".00001.safetensors.123.part").write_bytes(b"what a process leaves that had no time to clean up")
    embed(folder)
    assert files_of(folder) == whole


@pytest.mark.parametrize("first", [3, 10, 25, 34])
def test_a_folder_grows(tmp_path, whole, first):
    embed(tmp_path / "grown", first)
    embed(tmp_path / "grown")
    assert files_of(tmp_path / "grown") == whole


def test_a_whole_folder_is_left_alone(tmp_path):
    embed(tmp_path)
    before, clip = files_of(tmp_path), Oracle()
    embed(tmp_path, clip=clip)
    assert clip.seen == 0
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(("size", "shards"), [(23, [10, 10, 3]), (20, [10, 10])])
def test_a_source_may_end(tmp_path, size, shards):
    for count in (None, 50):
        manifest = embed(tmp_path / str(count), count, source=Toy(size=size))
        assert [shard["rows"] for shard in manifest["shards"]] == shards
        assert (manifest["rows"], manifest["ended"]) == (size, True)
        assert embed(tmp_path / str(count), count, source=Toy(size=size)) == manifest
        assert len(load_embedded(tmp_path / str(count)).pairs) == size


def test_another_source_model_or_shard_size_is_refused(tmp_path):
    embed(tmp_path)
    before = files_of(tmp_path)
    for more, words in (
        ({"source": Toy(seed=1)}, 'another source, {"seed": 0} where it is to be {"seed": 1}; choose another folder'),
        ({"clip": Oracle(weight=2.0)}, 'another model, {"sha256": '),
        ({"shard_size": 7}, "another shard size, 10 where it is to be 7"),
        ({"count": 34}, "holds 35 pairs already, more than 34"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            embed(tmp_path, **more)
    with pytest.raises(
        ValueError, match=re.escape('another model, {"name": "oracle"} where it is to be {"name": "seer"}')
    ):
        embed_pairs(Toy(), Oracle(), tmp_path, COUNT, name="seer", shard_size=SHARD)
    assert files_of(tmp_path) == before


def damage(path, how):
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
@pytest.mark.parametrize("name", ["00001.safetensors", "00003.jsonl"])
def test_a_damaged_shard_is_named_left_out_when_told_and_made_again(tmp_path, whole, how, name, capsys):
    folder = tmp_path / "whole"
    damage(folder / name, how)
    words = "is missing" if how == "missing" else "is cut short or changed"
    with pytest.raises(OSError, match=f"{name} {words}.* Run the same command again"):
        load_embedded(folder)
    rest = load_embedded(folder, on_broken="skip")
    gone = range(10, 20) if name.startswith("00001") else range(30, 35)
    assert [pair["pair"] for pair in rest.pairs] == [i for i in range(COUNT) if i not in gone]
    assert len(rest.images) == len(rest.texts) == len(rest.looks) == len(rest.pairs)
    assert len(rest.left_out) == 1
    assert name in rest.left_out[0]
    capsys.readouterr()
    embed(folder)
    assert name in (said := capsys.readouterr().err)
    assert f"its {len(gone)} pairs are embedded again." in said
    assert files_of(folder) == whole


def test_when_no_shard_is_whole_there_is_nothing_to_skip_to(tmp_path):
    embed(tmp_path, 20)
    for name in ("00000.jsonl", "00001.safetensors"):
        (tmp_path / name).unlink()
    with pytest.raises(OSError, match="is missing"):
        load_embedded(tmp_path, on_broken="skip")


def test_a_source_that_shrank_cannot_mend_a_shard(tmp_path):
    embed(tmp_path)
    (tmp_path / "00002.jsonl").unlink()
    with pytest.raises(OSError, match="the source has fewer pairs than when shard 00002 was made"):
        embed(tmp_path, source=Toy(size=24))


def test_a_full_disk_leaves_nothing_half_written(tmp_path, whole, monkeypatch):
    folder = tmp_path / "full"
    with monkeypatch.context() as patch:

        def full(tensors, path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        embed(folder, 10)
        patch.setattr(embedding, "save_file", full)
        with pytest.raises(OSError, match=r"Could not write .*00001.safetensors: No space left.*free some space"):
            embed(folder)
    assert sorted(files_of(folder)) == ["00000.jsonl", "00000.safetensors", "00001.jsonl", "manifest.json"]
    assert len(load_embedded(folder).pairs) == 10
    embed(folder)
    assert files_of(folder) == whole


def test_odd_captions_come_back_as_they_were(tmp_path):
    odd = ["scene 1 \u2028 line\nbreak", 'scene 2 "quoted" \\ 猫', "scene 3 \x85\t"]

    class Odd(Toy):
        def pair(self, i):
            return super().pair(i) | {"caption": odd[i]}

    embed(tmp_path, 3, source=Odd())
    assert [pair["caption"] for pair in load_embedded(tmp_path).pairs] == odd


def test_folders_that_are_none_and_numbers_that_are_none(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"holds no embedded pairs \(no manifest.json\); `t2ilab data build"):
            load_embedded(folder)
    for more in ({"count": 0}, {"shard_size": 0}):
        with pytest.raises(ValueError, match="at least 1 in a shard"):
            embed(tmp_path / "none", **more)
    with pytest.raises(ValueError, match=re.escape('There are no pairs in this source: {"kind": "toy", "seed": 0}')):
        embed(tmp_path / "none", None, source=Toy(size=0))
    assert not (tmp_path / "none" / "manifest.json").exists()
    embed(tmp_path / "toy")
    with pytest.raises(ValueError, match='on_broken must be "raise" or "skip"; got \'guess\''):
        load_embedded(tmp_path / "toy", on_broken="guess")
    manifest = tmp_path / "toy" / "manifest.json"
    manifest.write_text(json.dumps({"rows": 3}))
    with pytest.raises(OSError, match="no manifest of pairs: it lacks end, ended, model, shard_size, shards, source"):
        load_embedded(tmp_path / "toy")
    manifest.write_text('{"rows": ')
    with pytest.raises(OSError, match="not readable as JSON"):
        embed(tmp_path / "toy")


def test_the_hash_of_a_model_is_of_all_that_decides_its_features():
    assert model_hash(Oracle()) == model_hash(Oracle())
    assert model_hash(Oracle()) != model_hash(Oracle(weight=1.5))
    other = Oracle()
    other.mean = (0.1, 0.2, 0.3)
    assert model_hash(other) != model_hash(Oracle())
