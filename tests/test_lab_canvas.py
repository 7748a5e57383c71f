"""Canvases without a browser: what Python makes of what was done on them, and what it tells the script."""

import base64
import html.parser
import io
import itertools
import json
import math

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from test_lab_widgets import parts

from t2ilab.data.maps import JOINT_NAMES, JOINTS, LIMBS, pose_picture
from t2ilab.lab import canvas
from t2ilab.lab.canvas import Mask, Pose, Scribble


def done(widget, history):
    """As if the script had sent this."""
    (field,) = parts(widget)["Textarea"]
    field.value = json.dumps(history)


class Page(html.parser.HTMLParser):
    """The tags of a page, (name, attributes) each."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def one(self, tag, **having):
        (found,) = [a for t, a in self.tags if t == tag and having.items() <= a.items()]
        return found


def page(widget):
    return Page(parts(widget)["HTML"][0].value)


def slowly(stroke, size):
    """How far each pixel's middle is from a stroke, by looking at a thousand points of each of its pieces."""
    points = np.array(stroke[1:], dtype=float).reshape(-1, 2)
    along = np.linspace(0, 1, 1000)[:, None]
    dense = np.concatenate([points[:1], *[a + along * (b - a) for a, b in itertools.pairwise(points)]])
    y, x = np.mgrid[:size, :size] + 0.5
    return np.hypot(x[..., None] - dense[:, 0], y[..., None] - dense[:, 1]).min(-1)


STROKES = ([6, 4, 4, 20, 9, 11, 25], [3, 16, 16], [5, 2, 30, 2, 30, 29.5, 3.5])


def test_a_mask_is_what_the_pen_has_been_over():
    mask = Mask(32)
    assert mask.value.dtype == bool
    assert not mask.value.any()
    assert not mask.begun
    done(mask, STROKES)
    expected = np.any([slowly(stroke, 32) <= stroke[0] / 2 for stroke in STROKES], axis=0)
    assert (mask.value != expected).mean() < 0.003  # a point of a thousand may round otherwise
    assert mask.begun


def test_a_scribble_is_thin_lines_with_soft_edges():
    scribble = Scribble(32)
    done(scribble, [[1.25, *stroke[1:]] for stroke in STROKES])
    away = np.min([slowly(stroke, 32) for stroke in STROKES], axis=0)
    assert scribble.value.dtype == np.float32
    np.testing.assert_allclose(scribble.value, np.clip(1.125 - away, 0, 1), atol=0.02)
    assert scribble.picture.shape == (1, 3, 32, 32)
    np.testing.assert_array_equal(scribble.picture[0, 1].numpy(), scribble.value)


def test_whatever_was_done_is_undone_in_order():
    mask = Mask(32)
    values = [mask.value]
    for stroke in STROKES:
        mask.stroke(np.reshape(stroke[1:], (-1, 2)).tolist(), stroke[0])
        values.append(mask.value)
    mask.clear()
    assert not mask.value.any()
    for value in reversed(values):
        mask.undo()
        assert np.array_equal(mask.value, value)
    mask.undo()  # of nothing
    assert mask.history == []


@pytest.mark.parametrize("kind", [Mask, Scribble])
def test_an_array_stands_in_for_a_hand(kind):
    given = np.zeros((32, 32))
    given[5:9, 3:20] = 1
    made = kind(32)
    made.value = given
    assert np.array_equal(made.value, given)
    shown = page(made).one("div", **{"class": "t2ilab-canvas"})["data-base"]
    with Image.open(io.BytesIO(base64.b64decode(shown.split(",")[1]))) as picture:
        assert np.array_equal(np.array(picture)[..., 3] == 255, given == 1)
    made.stroke([(16, 25)], 4)
    assert made.value[25, 16]
    assert made.value[6, 10]
    made.clear()
    assert not made.value.any()
    made.undo()
    assert made.value[6, 10]
    with pytest.raises(ValueError, match=r"\(32, 32\) with values from 0 to 1; got \(32, 32\) from -2 to -1"):
        made.value = given - 2
    with pytest.raises(ValueError, match=r"got \(16, 32\)"):
        made.value = given[:16]


def test_sliders_stand_in_for_a_mouse():
    mask = Mask(64)
    across, down, width = parts(mask)["IntSlider"]
    across.value, down.value, width.value = 10, 50, 6
    (button,) = parts(mask)["Button"]
    button.click()
    assert mask.history == [[6.0, 10.0, 50.0]]
    assert mask.value.sum() == 32  # a disc of 6 pixels
    assert parts(mask)["Accordion"][0].selected_index is None  # they are out of the way


CHEF = np.array(JOINTS["chef"], dtype=np.float32) / 2


def test_a_pose_begins_as_it_was_given_and_is_moved():
    pose = Pose(CHEF, 64)
    np.testing.assert_allclose(pose.value, CHEF, atol=1e-6)
    moved = [[32.0, 16.0], *[[10.0, 10.0 * k] for k in range(1, 7)], None, None]
    done(pose, [moved])
    np.testing.assert_allclose(pose.value[0], [0, -0.5], atol=1e-6)
    np.testing.assert_allclose(pose.value[3], [10 / 32 - 1, 30 / 32 - 1], atol=1e-6)
    assert np.isnan(pose.value[7:]).all()
    expected = torch.full((1, 3, len(JOINT_NAMES), 2), math.nan)
    expected[0, 0] = torch.from_numpy(pose.value)
    torch.testing.assert_close(pose.picture, pose_picture(expected, 64) / 2 + 0.5)
    pose.clear()
    np.testing.assert_allclose(pose.value, CHEF, atol=1e-6)
    pose.undo()
    assert pose.history == [moved]
    pose.value = CHEF / 2
    np.testing.assert_allclose(pose.value, CHEF / 2, atol=1e-6)


def test_a_joint_is_moved_by_sliders_too():
    pose = Pose(CHEF)
    (which,), (across, down), (button,) = (parts(pose)[name] for name in ("Dropdown", "IntSlider", "Button"))
    assert [name for name, _ in which.options] == list(JOINT_NAMES[:7])  # a chef has no feet
    which.value = 5
    assert (across.value, down.value) == (44, 41)
    across.value = 60
    button.click()
    np.testing.assert_allclose(pose.value[5], [60 / 32 - 1, 41 / 32 - 1], atol=1e-6)
    kept = [0, 1, 2, 3, 4, 6]
    np.testing.assert_allclose(pose.value[kept], CHEF[kept], atol=0.002)  # a tenth of a pixel


def test_the_page_tells_the_script_and_those_who_do_not_see():
    picture = torch.zeros(1, 3, 64, 64)
    for made in (Mask(picture), Scribble(64), Pose(CHEF)):
        shown = page(made)
        root = shown.one("div", **{"class": "t2ilab-canvas"})
        assert (root["data-size"], json.loads(root["data-history"])) == ("64", [])
        assert shown.one("svg")["aria-label"] == made.words
        assert shown.one("img")["onload"] == f"({canvas._script()})(this)"
        assert "width:384px;height:384px" in shown.one("svg")["style"]
        assert [a["data-does"] for t, a in shown.tags if t == "button"] == ["undo", "clear"]
    root = page(Pose(CHEF)).one("div", **{"class": "t2ilab-canvas"})
    assert [limb[:2] for limb in json.loads(root["data-limbs"])] == [list(ends) for ends in LIMBS.values()]
    assert [name for name, _ in json.loads(root["data-joints"])] == list(JOINT_NAMES)
    with Image.open(io.BytesIO(base64.b64decode(page(Mask(picture)).one("img")["src"].split(",")[1]))) as behind:
        assert (behind.size, behind.getpixel((3, 3))) == ((64, 64), (128, 128, 128))


@pytest.mark.parametrize(("size", "side"), [(16, 128), (32, 256), (64, 384), (96, 384), (128, 512)])
def test_a_pixel_is_shown_four_to_eight_times_as_large(size, side):
    assert f"width:{side}px" in page(Scribble(size)).one("svg")["style"]


def test_only_core_widgets_are_used():
    for made in (Mask(), Scribble(), Pose(CHEF)):
        for name, found in parts(made).items():
            for widget in found:
                core = ipywidgets.VBox if widget is made else getattr(ipywidgets, name)
                assert widget is made or type(widget) is core
                assert (widget._model_module, widget._model_name) == (
                    core._model_module.default_value,
                    f"{core.__name__}Model",
                )
                assert widget._view_module == core._view_module.default_value


def test_words_are_in_the_language_of_the_edition(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    pose = Pose(CHEF)
    assert parts(pose)["Dropdown"][0].options[0][0] == "頭"
    assert "元に戻す" in parts(pose)["HTML"][0].value


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Scribble(8), "16 to 512 pixels a side; got 8"),
        (lambda: Mask(torch.zeros(1, 3, 32, 16)), r"one square picture .* got \(3, 32, 16\)"),
        (lambda: Pose(torch.zeros(4, 2)), r"A pose is \(9, 2\).* got \(4, 2\)"),
        (lambda: Pose(CHEF * math.nan), r"A pose is \(9, 2\)"),
        (lambda: Mask().stroke([]), r"points \(x, y\) and a positive width; got \[\]"),
        (lambda: Mask().stroke([(1, 2)], 0), "positive width; got .* and 0"),
        (lambda: Mask().stroke([(1, math.nan)]), "A stroke needs points"),
    ],
)
def test_what_is_no_canvas_is_said(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
