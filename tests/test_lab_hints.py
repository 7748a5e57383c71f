"""Hints come one at a time, and end with where the solution is."""

import pytest

from t2ilab.lab import bank, hint
from t2ilab.lab import hints as hints


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    monkeypatch.setattr(hints, "_shown", type(hints._shown)())


def test_three_hints_and_then_the_solution():
    texts = bank.find("add_noise").hints
    assert hint("add_noise") == f"Hint 1 of 3: {texts[0].en}"
    assert hint("eps_to_x0").startswith("Hint 1 of 3")  # each exercise counts for itself
    assert hint("add_noise") == f"Hint 2 of 3: {texts[1].en}"
    assert hint("add_noise") == f"Hint 3 of 3: {texts[2].en}"
    last = "There are no more hints for add_noise; its solution is in solutions/05_ddpm.ipynb."
    assert hint("add_noise") == last
    assert hint("add_noise") == last


def test_hints_read_well_and_speak_japanese(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    first = hint(bank.find("add_noise").reference)  # the definition will do as well
    assert repr(first) == first == first._repr_markdown_()
    assert first == f"ヒント 1/3：{bank.find('add_noise').hints[0].ja}"


@pytest.mark.parametrize("wrong", ["addnoise", "add_nose"])
def test_a_bad_name_is_answered_with_the_nearest(wrong):
    with pytest.raises(ValueError, match=f"no exercise called '{wrong}'; the nearest names are add_noise"):
        hint(wrong)


def test_something_else_than_a_name():
    with pytest.raises(ValueError, match="no exercise called '3'"):
        hint(3)
