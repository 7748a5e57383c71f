"""How long a training will take: against a clock that the test turns."""

import time

import pytest

from t2ilab.lab.pace import LIMIT_MINUTES, pace


@pytest.fixture
def clock(monkeypatch):
    """Each step takes the seconds that the test says; the first two take a hundred times as long."""
    now = [0.0]
    taken = []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def step_of(seconds):
        def step(number):
            taken.append(number)
            now[0] += seconds * (100 if number < 2 else 1)

        return step

    step_of.taken = taken
    return step_of


def test_ten_steps_after_two_are_timed(clock, capsys):
    assert pace(clock(0.25), 1200, "shapes-pixel") == pytest.approx(5.0)
    assert clock.taken == list(range(12))
    assert capsys.readouterr().out == "1200 steps will take about 5.0 minutes on this machine.\n"


def test_beyond_the_limit_the_zoo_is_named(clock, capsys):
    minutes = pace(clock(1.0), 1200, "shapes-pixel")
    assert minutes == pytest.approx(20.0)
    assert minutes > LIMIT_MINUTES
    out = capsys.readouterr().out
    assert "That is longer than a lesson has." in out
    assert "'shapes-pixel'" in out


def test_beyond_the_limit_without_a_checkpoint_fewer_steps_are_advised(clock, capsys):
    pace(clock(1.0), 1200)
    out = capsys.readouterr().out
    assert "Lower the number of steps in this cell and run it again.\n" in out
    assert "zoo" not in out


def test_the_limit_can_be_moved(clock, capsys):
    pace(clock(1.0), 1200, "shapes-pixel", limit_minutes=30)
    assert "longer" not in capsys.readouterr().out
    pace(clock(1.0), 1200, "shapes-pixel", limit_minutes=19.9)
    assert "longer" in capsys.readouterr().out


def test_it_speaks_the_language_of_the_edition(clock, capsys, monkeypatch):
    from t2ilab.lab import translate

    monkeypatch.setenv("T2ILAB_LANG", "ja")
    english = "{steps} steps will take about {minutes:.1f} minutes on this machine."
    monkeypatch.setattr(translate, "JAPANESE", {english: "{steps} ステップに約 {minutes:.1f} 分かかります。"})
    pace(clock(0.25), 1200, "shapes-pixel")
    assert capsys.readouterr().out == "1200 ステップに約 5.0 分かかります。\n"
