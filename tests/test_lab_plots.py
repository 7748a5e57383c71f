"""Figures: a picture and its caption in words, in both languages, readable without colour, and without a warning."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from t2ilab.lab import plots, translate

pytestmark = pytest.mark.usefixtures("no_figure_left")

CAPTION = "Two curves; the first ends at {end:.1f}."
JAPANESE = {
    CAPTION: "二本の曲線。一本目は {end:.1f} で終わります。",
    "step": "ステップ",
    "loss": "損失",
    "each step": "各ステップ",
    "red": "赤い",
    "first": "一本目",
}


@pytest.fixture(params=["en", "ja"])
def language(request, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", request.param)
    monkeypatch.setattr(translate, "JAPANESE", JAPANESE)
    return request.param


def one_figure(shown):
    """The caption of the one figure that was shown, after looking at all forms in which it was given."""
    (((bundle,), how), ((markdown,), _)) = shown
    assert how == {"metadata": {"image/png": {"alt": bundle["text/plain"]}}, "raw": True}
    with Image.open(io.BytesIO(bundle["image/png"])) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 50
        assert len(set(picture.convert("L").tobytes())) > 5  # something is drawn
    assert markdown.data == f"*{bundle['text/plain']}*"
    return bundle["text/plain"]


def two_curves():
    x = torch.linspace(0, 1, 5)
    return {"first": (x, x**2), "second": (range(5), [math.sqrt(n + 1) for n in range(5)])}


def test_curves_are_labelled_and_told_in_words(shown, figures, language):
    plots.lines(two_curves(), CAPTION, "step", "loss", end=1.0)
    caption = one_figure(shown)
    (axis,) = figures[0].axes
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    if language == "ja":
        assert caption == "二本の曲線。一本目は 1.0 で終わります。"
        assert (axis.get_xlabel(), axis.get_ylabel(), labels) == ("ステップ", "損失", ["一本目", "second"])
    else:
        assert caption == "Two curves; the first ends at 1.0."
        assert (axis.get_xlabel(), axis.get_ylabel(), labels) == ("step", "loss", ["first", "second"])


def test_curves_differ_in_dashes_markers_and_lightness(shown, figures):
    seven = {str(i): ([1, 2, 3], [i, i + 1, i]) for i in range(7)}
    plots.lines(seven, "Seven curves.", "x", "y", markers=True)
    drawn = figures[0].axes[0].get_lines()
    assert len({str(line._unscaled_dash_pattern) for line in drawn}) == 7
    assert len({line.get_marker() for line in drawn}) == 7
    assert len({line.get_color() for line in drawn}) == 7
    grey = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(to_rgb, plots.COLORS))
    assert grey[-1] - grey[0] > 0.4


def test_axes_are_logarithmic_where_asked(shown, figures):
    for log in ("", "x", "y", "xy"):
        plots.lines({"a": ([1, 10, 100], [1, 10, 100])}, "A line.", "x", "y", log=log)
        axis = figures[-1].axes[0]
        assert axis.get_xscale() == ("log" if "x" in log else "linear")
        assert axis.get_yscale() == ("log" if "y" in log else "linear")


def test_one_curve_without_a_name_has_no_legend(shown, figures):
    plots.lines({"": ([0, 1], [0, 1])}, "A line.", "x", "y")
    assert figures[0].axes[0].get_legend() is None


@pytest.mark.parametrize("count", [1, 3, 12])
def test_pictures_are_shown_as_they_are_with_their_titles(shown, figures, language, count):
    batch = torch.rand(count, 3, 8, 8, requires_grad=True) * 2 - 1
    plots.images(batch, CAPTION, titles=["red", "blue"][:count], columns=6, end=2)
    assert "2.0" in one_figure(shown)
    axes = [axis for axis in figures[0].axes if axis.images]
    assert len(axes) == count
    expected = ((batch[0].detach().permute(1, 2, 0) + 1) * 127.5).round().numpy()
    np.testing.assert_array_equal(axes[0].images[0].get_array(), expected)
    assert axes[0].get_title() == ("赤い" if language == "ja" else "red")
    assert not axes[0].axison


def test_a_heatmap_writes_its_numbers_where_they_can_be_read(shown, figures, language):
    matrix = torch.tensor([[0.0, 1.0], [0.25, 0.75]])
    plots.heatmap(matrix, "A matrix.", ["red", "blue"], ["a", "b"], xlabel="step")
    one_figure(shown)
    (axis,) = figures[0].axes
    assert axis.get_xlabel() == ("ステップ" if language == "ja" else "step")
    texts = {text.get_position(): text for text in axis.texts}
    assert {at: text.get_text() for at, text in texts.items()} == {
        (0, 0): "0.00", (1, 0): "1.00", (0, 1): "0.25", (1, 1): "0.75"
    }  # fmt: skip
    picture = axis.images[0]
    for (x, y), text in texts.items():
        r, g, b, _ = picture.cmap(picture.norm(matrix[y, x].item()))
        lightness = 0.2126 * r + 0.7152 * g + 0.0722 * b
        assert (text.get_color() == "black") == (lightness > 0.35), (x, y)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["赤い" if language == "ja" else "red", "blue"]


def test_heatmaps_of_one_scale_give_one_colour_to_one_number(shown, figures):
    """The number 0.2 is the largest of the first matrix and the smallest of the second."""
    for matrix in (torch.tensor([[-0.4, 0.2]]), torch.tensor([[0.2, 0.9]])):
        plots.heatmap(matrix, "A matrix.", ["red"], ["a", "b"], limits=(-1, 1))
    first, second = (figure.axes[0] for figure in figures)
    colours = [axis.images[0].cmap(axis.images[0].norm(0.2)) for axis in (first, second)]
    assert colours[0] == colours[1]
    assert first.texts[1].get_color() == second.texts[0].get_color() == "black"  # above the middle of the scale
    assert first.texts[0].get_color() == "white"


def test_bars_are_as_long_as_their_shares_and_have_their_numbers_beside_them(shown, figures, language):
    plots.bars({"red": 0.25, "a {}": 1.0, "blue": 0.0}, CAPTION, xlabel="loss", end=3)
    assert "3.0" in one_figure(shown)
    (axis,) = figures[0].axes
    assert [bar.get_width() for bar in axis.patches] == [0.25, 1, 0]
    assert [text.get_text() for text in axis.texts] == ["25.0%", "100.0%", "0.0%"]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == (["赤い", "a {}", "blue"] if language == "ja" else ["red", "a {}", "blue"])
    assert axis.get_xlabel() == ("損失" if language == "ja" else "loss")
    assert axis.yaxis_inverted()  # from top to bottom


def test_dots_near_one_another_stand_over_an_axis_that_begins_below_the_least(shown, figures):
    plots.bars({"a": 0.78, "b": 0.842}, CAPTION, xlabel="loss", near=True, end=3)
    one_figure(shown)
    (axis,) = figures[0].axes
    assert not axis.patches  # a bar would lie about how much, where its axis does not begin at 0
    assert [tuple(np.ravel(line.get_xydata())) for line in axis.get_lines()] == [(0.78, 0), (0.842, 1)]
    assert axis.get_xlim()[0] == pytest.approx(0.75)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["75%", "80%", "85%", "90%"]


def test_shares_are_written_as_per_cent_where_asked(shown, figures):
    plots.lines({"a": ([1, 2], [0.25, 0.5])}, CAPTION, xlabel="step", ylabel="loss", percent=True, end=3)
    one_figure(shown)
    assert figures[0].axes[0].yaxis.get_major_formatter()(0.25) in ("25%", "25.0%")


def test_a_loss_curve_is_shown_with_its_running_mean(shown, figures, language):
    losses = [1.0] * 40 + [0.5] * 40
    plots.loss_curve(losses)
    caption = one_figure(shown)
    assert "1.000" in caption
    assert "0.500" in caption
    each, mean = figures[0].axes[0].get_lines()
    np.testing.assert_allclose(each.get_ydata(), losses)
    np.testing.assert_allclose(mean.get_ydata(), [(a + b) / 2 for a, b in pairwise(losses)])
    np.testing.assert_array_equal(mean.get_xdata(), np.arange(2, 81))  # a mean stands at its last step


@pytest.mark.parametrize(
    ("code", "count", "label"),
    [
        ("en", 79, "mean of 1 step"),
        ("en", 80, "mean of 2 steps"),
        ("ja", 1, "1 ステップの平均"),
        ("ja", 120, "3 ステップの平均"),
    ],
)
def test_the_running_mean_says_of_how_many_steps(shown, figures, monkeypatch, code, count, label):
    monkeypatch.setenv("T2ILAB_LANG", code)
    plots.loss_curve([0.5] * count)
    assert [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()][1] == label


@pytest.mark.parametrize("count", [1, 2, 300])
def test_a_loss_curve_of_any_length_is_saved_whole(tmp_path, shown, count):
    plots.loss_curve([1 / (n + 1) for n in range(count)], tmp_path / "new" / "loss.png")
    with Image.open(tmp_path / "new" / "loss.png") as picture:
        assert picture.format == "PNG"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["loss.png"]
    assert shown == []


def test_a_loss_curve_that_hardly_moves_has_plain_numbers_at_its_side(shown, figures):
    plots.loss_curve([2.81, 2.8, 2.79, 2.78])
    (axis,) = figures[0].axes
    labels = [label.get_text() for which in ("major", "minor") for label in axis.get_yticklabels(which=which)]
    assert {2.78, 2.81} & {float(label) for label in labels if label}  # numbers as one writes them, not powers of ten


def test_a_loss_curve_of_nothing_is_refused(shown):
    with pytest.raises(ValueError, match="at least one step; got none"):
        plots.loss_curve([])


def test_japanese_has_glyphs(shown, monkeypatch):
    # A missing glyph is a warning, and warnings are errors here; this says so of every kind of letter that labs use.
    letters = (
        "円四角三角星ハート輪十字ひし形 赤黄緑水色青紫桃 暗い明るい背景の左上に大きな、。（）「」％ x₀ x̂ ε √ ᾱ × −"
    )
    plots.lines({letters: ([0, 1], [0, 1])}, letters, letters, letters)
    assert one_figure(shown) == letters


def test_few_points_on_a_logarithmic_axis_are_named_one_by_one(shown, figures):
    plots.lines({"": ([12, 25, 400], [3, 2, 1])}, "Falling.", "step", "loss", log="xy", markers=True)
    one_figure(shown)
    figures[0].canvas.draw()
    (axis,) = figures[0].axes
    assert [label.get_text() for label in axis.get_xticklabels() if label.get_text()] == ["12", "25", "400"]


# ---- the plane -------------------------------------------------------------------------------------------------------

CORNERS = torch.tensor([[0.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


def test_walkers_have_the_colour_of_the_point_where_they_end(shown, figures):
    begin = torch.tensor([[0.5, -2.0], [-2.0, 2.0], [2.0, 2.0], [0.0, 0.0]])
    end = torch.tensor([[0.0, 0.9], [0.1, 1.1], [-1.0, -1.0], [0.9, -1.0]])  # nearest: 0, 0, 1, 2
    plots.plane(CORNERS, "Four walkers.", paths=torch.stack([begin, (begin + end) / 2, end]))
    assert one_figure(shown) == "Four walkers."
    walks = [line for line in figures[0].axes[0].lines if len(line.get_xdata()) == 3]
    assert [tuple(line.get_xydata()[-1].round(1)) for line in walks] == [(0, 0.9), (0.1, 1.1), (-1, -1), (0.9, -1)]
    first, second, third, fourth = (to_rgb(line.get_color()) for line in walks)
    assert first == second
    assert len({first, third, fourth}) == 3
    assert len({line.get_linestyle() for line in walks}) == 3  # not by colour alone
    marked = [line for line in figures[0].axes[0].lines if line.get_markersize() == 11]
    assert [tuple(line.get_xydata()[0]) for line in marked] == [tuple(point.tolist()) for point in CORNERS]
    assert len({line.get_marker() for line in marked}) == 3


def test_a_dozen_points_are_told_apart(shown, figures):
    plots.plane(torch.randn(12, 2), "Twelve points.")
    one_figure(shown)
    assert len({(line.get_color(), line.get_marker()) for line in figures[0].axes[0].lines}) == 12


def test_a_point_that_nobody_reaches_is_still_shown(shown, figures):
    plots.plane(CORNERS, "One walker.", paths=torch.zeros(2, 1, 2) + CORNERS[2])
    one_figure(shown)
    assert sum(line.get_markersize() == 11 for line in figures[0].axes[0].lines) == 3


def test_arrows_have_one_length_and_the_steeper_are_darker(shown, figures):
    where, slopes = CORNERS, torch.tensor([[0.0, 3.0], [0.3, 0.4], [0.0, 0.0]])
    plots.plane(CORNERS, "Arrows.", arrows=(where, slopes))
    one_figure(shown)
    (arrows,) = [c for c in figures[0].axes[0].collections if hasattr(c, "U")]
    directions = np.stack([arrows.U, arrows.V], axis=1)
    assert directions == pytest.approx(np.array([[0, 1], [0.6, 0.8], [0, 0]]), abs=1e-6)
    assert arrows.get_offsets() == pytest.approx(where.numpy())
    steep, mild, none = arrows.get_array()
    assert steep > mild > none
