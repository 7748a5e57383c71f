"""`t2ilab compare` as a user meets it."""

import json
import shutil
from pathlib import Path

import pytest
from said import sentence

from t2ilab import zoo
from t2ilab.comparison import run

BRIEF = ("--count", "8", "--steps", "1")


@pytest.fixture
def with_reader(small_zoo, monkeypatch):
    """The small zoo, with the real reader in it."""
    from t2ilab import metrics

    monkeypatch.undo()
    shutil.copytree(zoo.ROOT / "reader", small_zoo / "reader")
    monkeypatch.setattr(zoo, "ROOT", small_zoo)
    metrics.default_reader()
    return small_zoo


@pytest.fixture
def mine(with_reader, small_pipe, tmp_path, make_card):
    """A student's model, with its card."""
    folder = tmp_path / "mine"
    small_pipe.save_pretrained(folder)
    zoo.write_card(folder, make_card("mine", summary="My own idea."))
    return folder


def test_a_table_and_files(with_reader, mine, command):
    result = command("compare", mine, *BRIEF, "-o", "a.json", "--leaderboard", "board.json")
    assert result.code == 0, result.err
    assert result.files == ["a.json", "board.json"]
    assert "the world itself" in result.out
    assert "FID and KID by the features of `reader`" in result.out
    assert "it comes out too large" in result.out
    assert "board.json, the best first:" in result.out
    assert f"{mine}: " in result.err
    assert [r["name"] for r in json.loads(Path("a.json").read_text())["results"]] == ["the world itself", str(mine)]
    (entry,) = json.loads(Path("board.json").read_text())["entries"]
    assert entry["cards"][0]["summary"] == "My own idea."


def test_all_is_refused_before_anything_is_drawn(with_reader, mine, command, monkeypatch):
    monkeypatch.setattr(run, "measure", lambda *_: pytest.fail("it has drawn"))
    bare = mine.with_name("bare")
    shutil.copytree(mine, bare)
    (bare / "card.json").unlink()
    for arguments, code, words in (
        ((bare, "--leaderboard", "b.json"), 2, "needs its card, and"),
        ((mine, "--leaderboard", "b.txt"), 2, "must end in .json"),
        ((mine, "-o", "a.png"), 2, "must end in .json or .csv"),
        ((mine, "--count", "3"), 2, "takes 8 to 20,000 prompts; got 3"),
        ((mine, "--steps", "0"), 2, "steps lies in 1 to 1,000; got 0"),
        (("nothing-like-it",), 2, "There is no model or folder 'nothing-like-it'"),
        ((mine, "--features", "storybook"), 2, "Features are those of 'reader', or of a CLIP"),
        ((mine, "--features", "clip-stroybook"), 2, "got 'clip-stroybook'"),
    ):
        result = command("compare", *arguments)
        assert words in sentence(result, code)
        assert result.files == []


def test_a_damaged_board_is_said_first(with_reader, mine, command, monkeypatch):
    monkeypatch.setattr(run, "measure", lambda *_: pytest.fail("it has drawn"))
    Path("board.json").write_text('{"format": ')
    result = command("compare", mine, "--leaderboard", "board.json")
    assert "is no leaderboard that can be read" in sentence(result, 1)
    assert Path("board.json").read_text() == '{"format": '
