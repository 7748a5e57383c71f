"""Which language the engine speaks, and what importing it costs."""

import subprocess
import sys

import pytest

from t2ilab.lab.case_names import CASES, case_name
from t2ilab.lab.messages import TABLE, Text, language, say


@pytest.mark.parametrize(
    ("asked", "expected"), [("en", "en"), ("ja", "ja"), ("JA", "ja"), ("ja_JP.UTF-8", "ja"), ("en-GB", "en")]
)
def test_the_environment_decides(asked, expected, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", asked)
    assert language() == expected


@pytest.mark.parametrize(("folder", "expected"), [("ja", "ja"), ("labs", "en"), ("japan", "en")])
def test_otherwise_the_folder_decides(folder, expected, monkeypatch, tmp_path):
    monkeypatch.delenv("T2ILAB_LANG", raising=False)
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    assert language() == expected
    monkeypatch.setenv("T2ILAB_LANG", "")
    assert language() == expected


def test_another_language_is_refused(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "fr")
    with pytest.raises(ValueError, match="T2ILAB_LANG must be 'en' or 'ja', but it is 'fr'"):
        language()


def test_sentences_are_filled_in(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    assert Text("{n} pictures", "画像 {n} 枚").say(n=3) == "画像 3 枚"
    assert Text("{n} pictures", "画像 {n} 枚").say("en", n=3) == "3 pictures"
    assert Text("a {b}", "あ {b}").say() == "あ {b}"  # without values, braces are only braces
    assert say("status_right") == "正解"
    assert case_name("single") == "1 つだけのバッチ"
    assert case_name("no such case") == "no such case"


def test_a_case_is_quoted_in_japanese_as_many_cases_are_whole_clauses():
    framed = [text.ja for text in TABLE.values() if "{case}" in text.ja]
    assert framed
    assert all("「{case}」の場合" in sentence for sentence in framed)
    assert [name for name in CASES.values() if name.ja != name.ja.strip() or set(name.ja) & set("「」")] == []


def test_importing_the_lab_loads_no_plots_and_no_models():
    heavy = "matplotlib, ipywidgets, IPython, diffusers, transformers, torchvision, accelerate"
    code = f"import sys, t2ilab.lab; print([name for name in {heavy.split(', ')!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.strip() == "[]"
