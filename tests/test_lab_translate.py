"""What a lab says, in the language of its edition."""

import pytest

from t2ilab.lab import translate
from t2ilab.lab.translate import say, tr


@pytest.fixture(autouse=True)
def table(monkeypatch):
    monkeypatch.setattr(translate, "JAPANESE", {"loss {loss:.1f}": "損失 {loss:.1f}", "a {b}": "あ {b}"})


def test_english_is_what_the_code_says(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    assert tr("loss {loss:.1f}", loss=0.25) == "loss 0.2"
    assert tr("a {b}") == "a {b}"  # without values, braces are only braces


def test_japanese_is_looked_up_and_filled_in(monkeypatch, capsys):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    assert tr("loss {loss:.1f}", loss=0.25) == "損失 0.2"
    assert tr("a {b}") == "あ {b}"
    say("loss {loss:.1f}", loss=2)
    assert capsys.readouterr().out == "損失 2.0\n"


def test_what_has_no_translation_is_said_in_english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    assert tr("{n} steps", n=3) == "3 steps"


def test_the_folder_chooses_the_edition(monkeypatch, tmp_path, capsys):
    (tmp_path / "ja").mkdir()
    monkeypatch.chdir(tmp_path / "ja")
    say("loss {loss:.1f}", loss=1)
    monkeypatch.chdir(tmp_path)
    say("loss {loss:.1f}", loss=1)
    assert capsys.readouterr().out == "損失 1.0\nloss 1.0\n"
