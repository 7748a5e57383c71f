"""Where pairs come from: told in JSON and back, begun again anywhere, and pictures of single pairs once more."""

import json
from itertools import islice

import pytest
import torch
from PIL import Image
from toy_pairs import Oracle, files_of

from t2ilab.data.noisy import NoisyPairs
from t2ilab.pipelines.embedding import embed_pairs, load_embedded
from t2ilab.pipelines.pair_sources import DataSet, Drawn, Storybook, images_at, source_of


class Reader(Oracle):
    """Reads any caption by its length, and any picture by its mean."""

    def encode_image(self, images):
        return torch.stack([image.mean((1, 2)) for image in images])

    def encode_text(self, texts):
        return torch.tensor([[float(len(text)), 1.0, 2.0] for text in texts])


@pytest.fixture
def folder(tmp_path):
    """Pictures with captions, the second of them broken, the sixth without a caption."""
    pytest.importorskip("datasets")
    root = tmp_path / "mine"
    root.mkdir()
    rows = []
    for i in range(9):
        Image.new("RGB", (20 + i, 20), (25 * i, 10, 60)).save(root / f"{i}.png")
        rows.append({"file_name": f"{i}.png", "text": "" if i == 5 else "x" * (i + 1), "url": f"somewhere/{i}"})
    (root / "1.png").write_bytes(b"broken")
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


GOOD = [0, 2, 3, 4, 6, 7, 8]


def test_a_storybook_tells_of_itself_and_begins_again_anywhere():
    source = Storybook(NoisyPairs(16, seed=2, copies=0.3, partial=0.5))
    assert source_of(json.loads(json.dumps(source.describe()))) == source
    first = list(islice(source.rows({}), 5))
    assert [state for _, state in first] == [{"position": i + 1} for i in range(5)]
    again = next(source.rows(first[2][1]))
    assert torch.equal(again[0]["image"], first[3][0]["image"])
    known = source.about(first[3][0], 3)
    assert json.loads(json.dumps(known)) == known
    assert (known["pair"], known["where"]) == (3, "pair 3 of the storybook")
    assert {name: known[name] for name in ("caption", "mismatch", "copy_of", "noise", "shows")} == {
        name: first[3][0][name] for name in ("caption", "mismatch", "copy_of", "noise", "shows")
    }


def test_a_data_set_tells_of_itself_and_begins_again_anywhere(folder):
    source = DataSet(str(folder), 16)
    assert source_of(source.describe()) == DataSet(str(folder.resolve()), 16)
    rows = list(source.rows({}))
    assert [len(item["caption"]) - 1 for item, _ in rows] == GOOD
    assert [state["position"] - 1 for _, state in rows] == GOOD
    assert all(item["image"].shape == (3, 16, 16) for item, _ in rows)
    for i, (_, state) in enumerate(rows[:-1]):
        item, after = next(source.rows(json.loads(json.dumps(state))))
        assert torch.equal(item["image"], rows[i + 1][0]["image"])
        assert after == rows[i + 1][1]
    assert list(source.rows(rows[-1][1])) == []
    assert source.about(rows[1][0], 2) == {"caption": "xxx", "where": "somewhere/2"}
    assert source.about({"caption": "a"}, 2)["where"] == f"row 2 of {folder}"


def test_another_data_set_of_the_same_name_is_another(folder):
    before = DataSet(str(folder), 16).describe()
    assert DataSet(str(folder), 16).describe() == before
    assert DataSet(str(folder), 32).describe() != before
    Image.new("RGB", (90, 90)).save(folder / "7.png")
    assert DataSet(str(folder), 16).describe()["files"] != before["files"]


def test_a_data_set_is_embedded_interrupted_and_seen_again(folder, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    source = DataSet(str(folder), 16)
    manifest = embed_pairs(source, Reader(), whole, shard_size=3)
    assert ([shard["rows"] for shard in manifest["shards"]], manifest["ended"]) == ([3, 3, 1], True)
    embed_pairs(source, Reader(), killed, 5, shard_size=3)
    embed_pairs(source, Reader(), killed, shard_size=3)
    assert files_of(killed) == files_of(whole)
    found = load_embedded(whole)
    assert found.texts[:, 0].tolist() == [i + 1 for i in GOOD]
    assert [pair["where"] for pair in found.pairs] == [f"somewhere/{i}" for i in GOOD]
    images = images_at(source_of(manifest["source"]), {n: found.pairs[n]["at"] for n in (6, 1, 3)})
    assert list(images) == [6, 1, 3]
    for number, image in images.items():
        assert image.mean((1, 2)).tolist() == pytest.approx(found.images[number].tolist(), abs=2e-3)
    (folder / "8.png").unlink()
    with pytest.raises(ValueError, match=r'another source, \{"files": "'):
        embed_pairs(source, Reader(), whole, shard_size=3)


def test_a_picture_of_the_world_is_drawn_again_from_what_was_kept_of_it():
    world = Drawn("shapes", 16, seed=3)
    rows = list(islice(world.rows({}), 11))
    again = source_of(json.loads(json.dumps(world.describe())))
    assert again == world
    assert torch.equal(images_at(again, {10: rows[9][1]})[10], rows[10][0]["image"])


def test_a_picture_that_is_gone_is_said(folder):
    source = DataSet(str(folder), 16)
    last = list(source.rows({}))[-1][1]
    with pytest.raises(OSError, match="The source ends before pair 12: it is not what it was"):
        images_at(source, {12: last})


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "web"},
        {"kind": "world", "colour": "red"},
        {"kind": "storybook", "colour": "red"},
        {"kind": "data set", "name": "x"},
    ],
)
def test_what_is_no_source_is_refused(description):
    with pytest.raises(ValueError, match="Pairs come from a storybook, the world or a data set; got"):
        source_of(description)
