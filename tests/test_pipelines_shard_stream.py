"""Batches of shards whose rows carry their numbers: once in an epoch, the same from anywhere; damage is named."""

import gc
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from itertools import chain, pairwise

import numpy as np
import pytest
import torch

from t2ilab.pipelines import shard_stream
from t2ilab.pipelines.shard_stream import ShardStream


def written(folder, sizes=(5, 3, 4, 6), changes=None):
    """Shards by tarfile alone; row i has the latents i and the embeddings -i."""
    folder.mkdir(exist_ok=True)
    shards, start = [], 0
    for number, size in enumerate(sizes):
        path = folder / f"{number:05d}.tar"
        with tarfile.open(path, "w") as tar:
            for i in range(start, start + size):
                arrays = {"latent.npy": np.full((2, 1, 1), i, "f2"), "text.npy": np.full((3, 2), -i, "f2")}
                for ending, array in {"txt": None, **arrays}.items():
                    file = io.BytesIO()
                    if array is not None:
                        np.save(file, array)
                    entry = tarfile.TarInfo(f"{i:09d}.{ending}")
                    entry.size = file.tell()
                    file.seek(0)
                    tar.addfile(entry, file)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        shards.append({"name": path.name, "start": start, "span": size, "rows": size, "cut": 0, "ended": False,
                       "bytes": path.stat().st_size, "sha256": {path.name: sha256}})  # fmt: skip
        start += size
    manifest = {"source": {}, "model": {"name": "any"}, "complete": True, "shards": shards} | (changes or {})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def shards(tmp_path):
    return written(tmp_path / "shards")


def numbers(stream, step, rows=slice(None)):
    latents, tokens = stream.batch(step, rows)
    assert latents.dtype == tokens.dtype == torch.float32
    assert (latents.shape[1:], tokens.shape[1:]) == ((2, 1, 1), (3, 2))
    assert torch.equal(latents[:, 0, 0, 0], -tokens[:, 2, 1])
    return latents[:, 0, 0, 0].int().tolist()


def test_every_row_comes_once_in_an_epoch_and_in_another_order_in_the_next(shards):
    stream = ShardStream(shards, batch=6, lanes=1)
    first, second = ([row for step in steps for row in numbers(stream, step)] for steps in (range(3), range(3, 6)))
    assert sorted(first) == sorted(second) == list(range(18))
    assert first != second
    assert first != list(range(18))
    shard_of = [0] * 5 + [1] * 3 + [2] * 4 + [3] * 6
    assert sum(shard_of[a] != shard_of[b] for a, b in pairwise(first)) == 3  # each is read once, from end to end


@pytest.mark.parametrize("lanes", [2, 3, 4])
def test_a_batch_is_mixed_from_all_lanes_and_each_lane_gives_its_rows_once(shards, lanes):
    stream = ShardStream(shards, batch=6, lanes=lanes)
    lane_of = {}
    for lane, group in enumerate(stream.lanes):
        for shard in group:
            lane_of |= dict.fromkeys(range(shard["start"], shard["start"] + shard["rows"]), lane)
    seen = [row for step in range(36) for row in numbers(stream, step)]
    for step in range(36):
        lanes_in_it = [lane_of[row] for row in seen[6 * step : 6 * step + 6]]
        assert lanes_in_it == sorted(lanes_in_it)
        assert set(lanes_in_it) == set(range(lanes))
    for lane in range(lanes):
        own = [row for row in seen if lane_of[row] == lane]
        size = sum(1 for one in lane_of.values() if one == lane)
        for first in range(0, len(own) - size + 1, size):
            assert len(set(own[first : first + size])) == size


def test_a_step_is_the_same_from_anywhere_and_in_any_share(shards):
    through = ShardStream(shards, batch=8, seed=5, lanes=4)
    whole = [numbers(through, step) for step in range(20)]
    for step in (13, 2, 19):
        assert numbers(ShardStream(shards, batch=8, seed=5, lanes=4), step) == whole[step]
        for pieces in (2, 4, 8):
            each = 8 // pieces
            shares = [
                numbers(ShardStream(shards, 8, 5, 4), step, slice(i * each, (i + 1) * each)) for i in range(pieces)
            ]
            assert list(chain(*shares)) == whole[step]
    assert [numbers(ShardStream(shards, batch=8, seed=6, lanes=4), step) for step in range(20)] != whole


def test_of_two_processes_each_opens_its_own_shards_alone(shards, monkeypatch):
    opened, read = Counter(), shard_stream.read_shard

    def counted(folder, shard):
        opened[shard["name"]] += 1
        return read(folder, shard)

    monkeypatch.setattr(shard_stream, "read_shard", counted)
    names = []
    for rank in range(2):
        stream = ShardStream(shards, batch=8, lanes=4)
        for step in range(6):
            stream.batch(step, slice(4 * rank, 4 * rank + 4))
        names.append(set(opened))
        opened.clear()
    assert names[0].isdisjoint(names[1])
    assert names[0] | names[1] == {f"{i:05d}.tar" for i in range(4)}


def reader(monkeypatch, wait=lambda: None):
    """Which thread read which shard, in order: [(name, whether the step itself read it), ...]."""
    read, read_shard = [], shard_stream.read_shard

    def noted(folder, shard):
        here = threading.current_thread() is threading.main_thread()
        read.append((shard["name"], here))
        if not here:
            wait()
        return read_shard(folder, shard)

    monkeypatch.setattr(shard_stream, "read_shard", noted)
    return read


def settled(stream):
    """Waits until the thread that reads ahead has nothing to do."""
    for _, reading in stream._ahead.values():
        reading.exception(timeout=60)


def test_the_next_shards_are_read_while_a_lane_is_in_the_second_half_of_its_own(tmp_path, monkeypatch):
    read = reader(monkeypatch)
    stream = ShardStream(written(tmp_path / "s", (8,) * 8), batch=4, lanes=2)  # two rows a step: four steps a shard
    held = []
    for step in range(14):  # of sixteen in an epoch, whose last shard may be the first of the next
        before = len(read)
        numbers(stream, step)
        settled(stream)
        now = [here for _, here in read[before:]]
        # The first shards are read by the first step, all others in the two steps after the middle, one lane in each.
        assert now == ([True, True] if step == 0 else [False] if step % 4 in (2, 3) else []), step
        held.append(len(stream._held) + len(stream._ahead))
    assert max(held) == 4  # two a lane
    assert sorted(name for name, _ in read) == [f"{i:05d}.tar" for i in range(8)]  # each once


def test_batches_are_the_same_however_far_the_reader_is(tmp_path, monkeypatch):
    shards = written(tmp_path / "s", (5, 3, 4, 6, 7, 8, 2, 5))
    alone = ShardStream(shards, batch=8, seed=5, lanes=2)
    monkeypatch.setattr(alone, "_read_ahead", lambda reached: None)
    whole = [numbers(alone, step) for step in range(30)]
    for wait in (lambda: None, lambda: time.sleep(0.01)):
        read = reader(monkeypatch, wait)
        stream = ShardStream(shards, batch=8, seed=5, lanes=2)
        assert [numbers(stream, step) for step in range(30)] == whole
        assert {here for _, here in read} == {True, False}
        for step in (11 * number % 30 for number in range(30)):  # to and fro, past what was read for another step
            assert numbers(stream, step) == whole[step]


def test_a_fault_that_is_met_ahead_stops_the_step_that_needs_the_shard_and_not_one_before(tmp_path):
    folder = written(tmp_path / "s", (8, 8))
    stream = ShardStream(folder, batch=2, lanes=1)
    order = [number // 8 for step in range(8) for number in numbers(ShardStream(folder, 2, lanes=1), step)]
    path = folder / f"{order[-1]:05d}.tar"
    content = path.read_bytes()
    for broken, words in ((None, "is missing"), (b"x" * len(content), "is damaged")):
        path.unlink(missing_ok=True)
        if broken:
            path.write_bytes(broken)
        for step in range(4):
            numbers(stream, step)
            settled(stream)
        assert stream._ahead  # it has been met
        with pytest.raises(OSError, match=rf"{path.name} {words}.* Run `t2ilab data shards` again, which"):
            stream.batch(4)
    path.write_bytes(content)  # made anew in time, it is read
    numbers(stream, 3)
    path.unlink()
    numbers(stream, 3)
    settled(stream)
    path.write_bytes(content)
    assert len(numbers(stream, 4)) == 2


def test_a_process_ends_while_the_reader_reads(shards):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ENDS.format(shards=str(shards))],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["reading"], "")


ENDS = """
import threading, time
from t2ilab.pipelines import shard_stream
read = shard_stream.read_shard
def slow(folder, shard):
    if threading.current_thread() is not threading.main_thread():
        time.sleep(0.5)
    return read(folder, shard)
shard_stream.read_shard = slow
stream, step = shard_stream.ShardStream({shards!r}, batch=4, lanes=2), 0
while all(reading.done() for _, reading in stream._ahead.values()):
    stream.batch(step)
    step += 1
print("reading")
"""


def test_a_stream_that_is_gone_leaves_no_thread(shards):
    before = set(threading.enumerate())
    stream = ShardStream(shards, batch=4, lanes=2)
    for step in range(4):
        stream.batch(step)
    (own,) = set(threading.enumerate()) - before
    del stream
    gc.collect()
    own.join(timeout=60)
    assert not own.is_alive()


def test_fewer_shards_or_rows_than_lanes_are_enough(shards, tmp_path):
    assert len(ShardStream(shards, batch=2).lanes) == 2
    one = ShardStream(written(tmp_path / "one", (3,)), batch=7)
    assert sorted(numbers(one, 0) + numbers(one, 1) + numbers(one, 2)) == sorted([0, 1, 2] * 7)
    with_none = ShardStream(written(tmp_path / "none", (3, 0, 2)), batch=5)  # all of whose pictures were broken
    assert {row for step in range(4) for row in numbers(with_none, step)} == set(range(5))
    assert len(with_none.lanes) == 2


def test_a_missing_shard_is_named_and_skipped_only_when_told(shards, capsys):
    whole = ShardStream(shards, batch=4)
    (shards / "00001.tar").unlink()
    with pytest.raises(OSError, match=r"00001.tar is missing. Run `t2ilab data shards` again .* by --skip-missing\.$"):
        ShardStream(shards, batch=4)
    assert capsys.readouterr().err == ""
    stream = ShardStream(shards, batch=4, skip_missing=True)
    assert f"{shards / '00001.tar'} is missing; training goes without." in capsys.readouterr().err
    assert stream.left_out == ["00001.tar"]
    assert stream.sha256 != whole.sha256
    seen = {row for step in range(12) for row in numbers(stream, step)}
    assert seen == set(range(18)) - {5, 6, 7}
    for path in shards.glob("*.tar"):
        path.unlink()
    with pytest.raises(ValueError, match="has no shard with a pair in it"):
        ShardStream(shards, batch=4, skip_missing=True)


def test_a_shard_that_vanishes_or_changes_while_it_trains_is_named(shards):
    path = shards / "00002.tar"
    content = path.read_bytes()
    at = content.index(np.full(2, 9, "f2").tobytes())  # the latents of row 9
    for broken in (
        content[:at] + b"\xff" + content[at + 1 :],
        b"x" * len(content),
        content[:600] + b"\xff" * (len(content) - 600),
    ):
        path.write_bytes(broken)
        stream = ShardStream(shards, batch=4, lanes=4)
        with pytest.raises(OSError, match=r"00002.tar is damaged: .* Run `t2ilab data shards` again"):
            stream.batch(0)
    path.write_bytes(content[:-1])
    with pytest.raises(OSError, match=r"00002.tar is cut short: \d+ bytes, not \d+. Run"):
        ShardStream(shards, batch=4)
    path.write_bytes(content)
    stream = ShardStream(shards, batch=4, lanes=4)
    path.unlink()
    with pytest.raises(OSError, match=r"00002\.tar is missing"):
        stream.batch(0)


def test_a_folder_without_what_is_needed_is_a_sentence(tmp_path, shards, capsys):
    for changes, kind, words in (
        ({"model": None}, ValueError, "holds no latents and embeddings; `t2ilab data shards --model` makes"),
        ({"complete": False}, OSError, "is not finished, 4 shards are made. Run `t2ilab data shards` again"),
        ({"shards": [{"name": "a"}]}, OSError, "is no manifest of shards, or is changed"),
    ):
        with pytest.raises(kind, match=words):
            ShardStream(written(tmp_path / "other", changes=changes), batch=4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no shards \(no manifest.json\)"):
        ShardStream(tmp_path / "empty", batch=4)
    for batch, lanes in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match=f"at least one lane; got {batch} and {lanes}"):
            ShardStream(shards, batch, lanes=lanes)
    assert len(ShardStream(written(tmp_path / "b", changes={"complete": False}), 4, skip_missing=True).lanes) == 4
    assert "is not finished" in capsys.readouterr().err
