"""Files that are there whole or not at all."""

import errno
import os

import pytest

from t2ilab.files import read_json, remove_first, write_json, write_whole, written_beside


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_written_beside_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with pytest.raises(KeyError), written_beside(path) as beside:  # noqa: PT012
        beside.write_text("half")
        raise KeyError
    assert list(path.parent.iterdir()) == []
    with written_beside(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
    assert contents(path.parent) == {"file.txt": b"whole"}


def test_what_could_not_be_read_is_not_called_unwritable(tmp_path):
    with pytest.raises(OSError, match=r"^The source is out of reach\.$"), written_beside(tmp_path / "a"):
        raise OSError("The source is out of reach.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyError("x")])
def test_weights_and_config_are_replaced_together_or_not_at_all(tmp_path, error):
    weights = tmp_path / "model.safetensors"
    with written_beside(weights, {"width": 1}) as beside:
        beside.write_bytes(b"first")
    first = contents(tmp_path)
    assert (read_json(tmp_path / "config.json"), first[weights.name]) == ({"width": 1}, b"first")
    with pytest.raises(type(error)), written_beside(weights, {"width": 2}) as beside:  # noqa: PT012
        beside.write_bytes(b"sec")
        raise error
    assert contents(tmp_path) == first
    with written_beside(weights, {"width": 2}) as beside:
        beside.write_bytes(b"second")
    assert (read_json(tmp_path / "config.json"), weights.read_bytes()) == ({"width": 2}, b"second")


def test_no_config_lies_beside_weights_of_another(tmp_path, monkeypatch):
    weights, seen, replace = tmp_path / "model.safetensors", [], os.replace
    write_json(tmp_path / "config.json", {"width": 1})

    def watched(*paths):
        seen.append((tmp_path / "config.json").exists())
        replace(*paths)
        seen.append((tmp_path / "config.json").exists())

    monkeypatch.setattr(os, "replace", watched)
    with written_beside(weights, {"width": 2}) as beside:
        beside.write_bytes(b"second")
    assert seen == [False, False, False, True]


def test_what_cannot_be_removed_is_said(tmp_path):
    remove_first(tmp_path / "config.json")  # not there
    (tmp_path / "config.json").mkdir()
    with pytest.raises(OSError, match=r"^Could not write .*config\.json: .*choose another folder"):
        remove_first(tmp_path / "config.json")


def test_a_file_in_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("here before")
    for path in (tmp_path / "file" / "x.json", tmp_path / "file" / "deeper" / "x.json"):
        sentence = r"^Could not write .*x\.json: .*choose another folder"
        with pytest.raises(OSError, match=sentence) as error, written_beside(path):
            pass
        assert "free some space" not in str(error.value)
    assert contents(tmp_path) == {"file": b"here before"}


def test_write_whole_makes_its_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b.txt"
    for content in (b"first", b"second"):
        write_whole(path, content)
        assert contents(tmp_path) == {"a/b.txt": content}


def test_json_is_read_back_and_kept_readable(tmp_path):
    value = {"caption": "赤い星", "numbers": [1, 2.5]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "赤い星" in (tmp_path / "a.json").read_text(encoding="utf-8")
    with pytest.raises(OSError, match=r"b\.json is missing, so .* is not a whole checkpoint"):
        read_json(tmp_path / "b.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(OSError, match="not readable as JSON"):
        read_json(tmp_path / "a.json")
