"""The leaderboard: what enters, in which order, and that nothing in it is ever lost."""

import dataclasses
import json

import pytest

from t2ilab.comparison import leaderboard
from t2ilab.comparison.leaderboard import check_cards, enter, read_board
from t2ilab.comparison.measuring import Result
from t2ilab.comparison.run import Comparison
from t2ilab.comparison.task import Task

TASK = Task(count=8)
FIGURES = Result("mine", "my own", "words", 32, 0.9, 1.0, 0.8, 0.9, 0.9, 2.0, 0.1, "reader", 0.02, 1000, 3.0, False, 20)


@pytest.fixture
def board(tmp_path):
    return tmp_path / "class" / "board.json"


@pytest.fixture
def entered(make_card):
    """A comparison that a test makes up, name -> changed figures."""

    def make(task=TASK, instruments="abc", fingerprint="123", **models):
        results = [dataclasses.replace(FIGURES, name=name, **changed) for name, changed in models.items()]
        cards = {name: (make_card(name, sha256={"unet": "f" * 64}),) for name in models}
        return Comparison(task, "reader", instruments, "a test's machine", tuple(results), cards,
                          dict.fromkeys(models, fingerprint), (), {})  # fmt: skip

    return make


def test_the_best_stands_first_and_stays_with_its_card(board, entered):
    enter(board, entered(slow={"faithfulness": 0.5}, quick={}))
    enter(board, entered(unasked={"faithfulness": None}, near={"kid": 0.05}, worst={"faithfulness": 0.0}))
    found = read_board(board)
    assert [entry.result.name for entry in found.entries] == ["near", "quick", "slow", "worst", "unasked"]
    assert found.entries[0].cards[0].summary == "near, for a test."
    assert found.entries[0].machine == "a test's machine"
    assert found.rules["task"] == {"level": "shapes", "count": 8, "seed": 0, "things": None}
    assert [path.name for path in board.parent.iterdir()] == ["board.json"]
    assert json.loads(board.read_text())["format"] == leaderboard.FORMAT


def test_measured_again_it_replaces_itself_and_other_weights_are_another_entry(board, entered):
    enter(board, entered(mine={}))
    enter(board, entered(mine={"seconds": 0.5}))
    assert [entry.result.seconds for entry in read_board(board).entries] == [0.5]
    enter(board, entered(fingerprint="456", mine={"faithfulness": 0.95}))
    assert [entry.fingerprint for entry in read_board(board).entries] == ["456", "123"]


def test_an_entry_without_its_card_is_refused(board, entered, make_card):
    enter(board, entered(mine={}))
    before = board.read_bytes()
    bare = dataclasses.replace(entered(other={}), cards={"other": ()})
    with pytest.raises(ValueError, match="needs its card, and other has none"):
        enter(board, bare)
    with pytest.raises(ValueError, match="one that names no files"):
        check_cards("other", (make_card("other"),), "")
    assert board.read_bytes() == before


@pytest.mark.parametrize(("change", "sentence"), [
    ({"task": Task(count=9)}, "were measured with --level shapes --count 8 --seed 0 --features reader"),
    ({"task": Task(count=8, things=1)}, "were measured with --level shapes --count 8 --seed 0 --features reader"),
    ({"instruments": "other"}, "instruments of other weights"),
])  # fmt: skip
def test_what_was_measured_otherwise_does_not_compare(board, entered, change, sentence):
    enter(board, entered(mine={}))
    with pytest.raises(ValueError, match=sentence):
        enter(board, entered(other={}, **change))
    assert len(read_board(board).entries) == 1


def test_a_board_of_so_many_things_says_so(board, entered):
    enter(board, entered(mine={}, task=Task(count=8, things=1)))
    with pytest.raises(ValueError, match="--seed 0 --features reader --things 1"):
        enter(board, entered(other={}))


def damaged(text):
    """Ways in which a file may be no leaderboard any more: its text changed."""
    good = json.loads(text)
    entry = good["entries"][0]
    return {
        "cut short": text[: len(text) // 2],
        "empty": "",
        "no dict": "[1, 2]",
        "another format": json.dumps(good | {"format": "t2ilab comparison 1"}),
        "no rules": json.dumps({k: v for k, v in good.items() if k != "rules"}),
        "a word for a number": json.dumps(good | {"entries": [entry | {"result": entry["result"] | {"kid": "low"}}]}),
        "a figure gone": json.dumps(good | {"entries": [entry | {"result": {"name": "mine"}}]}),
        "no card": json.dumps(good | {"entries": [entry | {"cards": []}]}),
        "a number for an entry": json.dumps(good | {"entries": [3]}),
    }


def test_a_damaged_file_is_left_alone(board, entered):
    assert read_board(board) is None
    enter(board, entered(mine={}))
    for kind, text in damaged(board.read_text()).items():
        board.write_text(text)
        with pytest.raises(OSError, match=r"is no leaderboard that can be read: .*\. Nothing was changed; bring back"):
            enter(board, entered(other={}))
        assert board.read_text() == text, kind
        assert [path.name for path in board.parent.iterdir()] == ["board.json"]


def test_a_full_disk_leaves_the_board_as_it_was(board, entered, monkeypatch):
    enter(board, entered(mine={}))
    before = board.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("t2ilab.files.os.replace", full)
    with pytest.raises(OSError, match="A file that was there before is untouched; free some space"):
        enter(board, entered(other={}))
    assert board.read_bytes() == before
    assert [path.name for path in board.parent.iterdir()] == ["board.json"]
