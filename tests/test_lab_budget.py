"""The lesson's number of steps, or a small one where a machine only wants to see a notebook run."""

import math

import pytest

from t2ilab.lab import budget


@pytest.fixture(autouse=True)
def in_english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")


@pytest.mark.parametrize(("mode", "steps"), [(None, 2000), ("", 2000), ("lesson", 2000), ("ci", 20)])
def test_the_budget_follows_the_environment(mode, steps, monkeypatch):
    monkeypatch.delenv("T2ILAB_BUDGET", raising=False)
    if mode is not None:
        monkeypatch.setenv("T2ILAB_BUDGET", mode)
    assert budget(2000, 20) == budget(lesson=2000, ci=20) == steps


def test_an_unknown_mode_is_refused(monkeypatch):
    monkeypatch.setenv("T2ILAB_BUDGET", "fast")
    with pytest.raises(ValueError, match="T2ILAB_BUDGET must be 'lesson' or 'ci', but it is 'fast'"):
        budget(2000, 20)


@pytest.mark.parametrize("wrong", [0, -1, math.nan, "20", None, True])
def test_only_numbers_above_zero(wrong, monkeypatch):
    monkeypatch.delenv("T2ILAB_BUDGET", raising=False)
    with pytest.raises(ValueError, match="budget takes two numbers above zero"):
        budget(2000, ci=wrong)
    with pytest.raises(ValueError, match="budget takes two numbers above zero"):
        budget(wrong, ci=20)
