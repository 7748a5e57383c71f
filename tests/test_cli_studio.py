"""`t2ilab studio` where it cannot start: one sentence."""

import sys

import pytest
from said import sentence


def test_a_port_out_of_range_is_refused(command):
    assert sentence(command("studio", "--port", 0), 2) == "A port lies in 1 to 65535; got 0. 7860 is usual."


def test_without_gradio_it_says_what_to_install(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    assert 'pip install "t2ilab[studio]"' in sentence(command("studio"), 1)


def test_a_model_that_is_none_is_said_before_the_page_is_there(command, small_zoo):
    pytest.importorskip("gradio")
    assert "no 'nowhere'" in sentence(command("studio", "--model", "nowhere", "--no-browser", "--port", 24_860), 2)
