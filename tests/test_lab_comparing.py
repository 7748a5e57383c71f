"""Figures of a comparison: every model is there, in the figure and in words, in both languages."""

import dataclasses

import pytest
import torch

from t2ilab.comparison.measuring import Result
from t2ilab.lab.comparing import at_a_glance, gallery, scatter

pytestmark = pytest.mark.usefixtures("no_figure_left")
ONE = Result("a", "my own", "words", 32, 0.9, 1.0, 0.8, 0.7, 0.6, 2.0, 0.1, "reader", 0.02, 1000, 3.0, False, 20)


def words(shown):
    return [args[0]["text/plain"] for args, _ in shown if isinstance(args[0], dict)]


def test_both_figures_name_every_model_that_has_one(shown, figures):
    silent = dataclasses.replace(ONE, name="b", hears="nothing", faithfulness=None, seconds=0.001)
    at_a_glance([ONE, silent])
    quick, good = words(shown)
    assert "a: 0.02, 90%" in quick
    assert "b: " not in quick  # it was asked nothing
    assert "a: 60%, 70%" in good
    assert "b: 60%, 70%" in good
    left, right = (figure.axes[0] for figure in figures)
    assert left.get_xscale() == "log"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["1  a", "2  b"]
    assert len({line.get_marker() for line in right.get_lines()}) == 2  # readable without colour


def test_without_a_point_it_says_so():
    with pytest.raises(ValueError, match="at least one with both figures; got none"):
        scatter({"a": (None, 1.0)}, "nothing", "x", "y")


def test_pictures_of_several_sizes_stand_below_their_prompts(shown, figures):
    pictures = {"small": torch.zeros(3, 3, 16, 16), "large": torch.ones(4, 3, 64, 64)}
    gallery(pictures, ["a red star", "a small green ring at the bottom left"], "Two rows.")
    (figure,) = figures
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["small", "large"]
    assert figure.axes[0].get_title() == "a red star"
    assert "\n" in figure.axes[1].get_title()
    assert [axis.get_images()[0].get_array().shape[0] for axis in figure.axes[::2]] == [16, 64]
    assert words(shown) == ["Two rows."]


def test_in_japanese(shown, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    at_a_glance([ONE])
    assert words(shown)[0].startswith("1 枚にかかる秒数と忠実度")
