"""The canvases in JupyterLab and in a real browser: drawn on with mouse, finger and keyboard, and read in Python."""

import json

import nbformat
import numpy as np
import pytest
from own_jupyterlab import browsing, cell, drag, expect, loaded, needs_browser, pixels, run_all, sheet

pytestmark = needs_browser

CELLS = (
    """
import json
import torch
from t2ilab.data.maps import JOINTS
from t2ilab.lab.canvas import Mask, Pose, Scribble
from t2ilab.lab.drawing import drawing_box
""",
    """
mask = Mask(torch.zeros(1, 3, 64, 64))
drawing_box(mask, lambda prompt, value, seed: torch.from_numpy(value * 2.0 - 1).expand(3, -1, -1), "what was painted")
""",
    "scribble = Scribble(64)\nscribble",
    'pose = Pose(torch.tensor(JOINTS["robot"]) * 0.6)\npose',
    "print(json.dumps([mask.history, scribble.history, pose.value.tolist()]))",
)
HEAD, LEFT_HAND = 0, 5  # of the joints


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    home = tmp_path_factory.mktemp("student")
    with browsing(home, has_touch=True) as opened:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.strip()) for code in CELLS])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, home / "labs" / "canvases.ipynb")
        opened.page.goto(opened.address.replace("00_welcome", "canvases"))
        run_all(opened.page)
        yield opened


@pytest.fixture
def page(opened):
    """The page, which reports no error and asks for nothing from elsewhere, whatever is done on it."""
    yield opened.page
    assert opened.faults == []
    assert opened.asked == set()


def read(page):
    """What Python knows of the canvases."""
    said = cell(page, "print(json.dumps")
    said.locator(".cm-content").click()
    number = said.locator(".jp-InputPrompt").text_content()
    page.keyboard.press("Control+Enter")
    expect(said.locator(".jp-InputPrompt")).not_to_have_text(number)
    expect(said.locator(".jp-InputPrompt")).not_to_have_text("[*]:")
    return json.loads(said.locator(".jp-OutputArea-output").text_content())


def button(page, code, name):
    return cell(page, code).locator(".t2ilab-canvas").get_by_role("button", name=name, exact=True)


def shown(page, other_than=()):
    """The picture beside the mask, as an array, and as it came."""
    picture = cell(page, "drawing_box(mask").locator("img.t2ilab-result")
    expect(picture).to_be_visible()
    (png,) = loaded(picture, other_than)
    return pixels(png, 64)[:, :, 0] > 127, png


def test_a_mask_is_painted_with_the_mouse_and_its_picture_is_drawn_beside(page):
    _, at = sheet(page, "drawing_box(mask")
    drag(page, at(10, 10), at(50, 10), at(50, 40))
    draw = cell(page, "drawing_box(mask").get_by_role("button", name="draw", exact=True)
    draw.click()
    painted, png = shown(page)
    assert painted[10, 30]
    assert painted[30, 50]
    assert not painted[40, 20]
    expect(cell(page, "drawing_box(mask").locator("img.t2ilab-result")).to_have_attribute(
        "alt", "What was drawn: what was painted"
    )
    drag(page, at(10, 50), at(30, 50))
    draw.click()
    more, png = shown(page, other_than=[png])
    assert more[50, 20]
    assert (more & painted).sum() == painted.sum()
    undo = button(page, "drawing_box(mask", "undo")
    undo.focus()
    page.keyboard.press("Enter")
    draw.click()
    assert np.array_equal(shown(page, other_than=[png])[0], painted)


def test_a_wider_pen_paints_wider_lines_and_all_can_be_begun_anew_and_had_back(page):
    _, at = sheet(page, "drawing_box(mask")
    before = read(page)[0]
    cell(page, "drawing_box(mask").get_by_label("width").first.fill("20")
    _, at = sheet(page, "drawing_box(mask")
    drag(page, at(20, 30), at(30, 30))
    after = read(page)[0]
    assert after[:-1] == before
    assert after[-1][0] == 20
    assert after[-1][1:3] == pytest.approx([20, 30], abs=0.3)
    assert after[-1][-2:] == pytest.approx([30, 30], abs=0.6)
    anew, undo = (button(page, "drawing_box(mask", name) for name in ("begin anew", "undo"))
    anew.press("Enter")
    assert read(page)[0] == [*after, []]
    expect(cell(page, "drawing_box(mask").locator(".t2ilab-canvas polyline")).to_have_count(0)
    undo.press("Space")
    assert read(page)[0] == after
    expect(cell(page, "drawing_box(mask").locator(".t2ilab-canvas polyline")).to_have_count(len(after))


def test_a_finger_draws_too(page):
    _, at = sheet(page, "scribble = Scribble(64)")
    page.touchscreen.tap(*at(12, 40))
    ((width, *points),) = read(page)[1]
    assert width == 1.25
    assert points[:2] == pytest.approx([12, 40], abs=0.3)


def test_what_is_drawn_elsewhere_comes_back(page):
    drawn = cell(page, "scribble = Scribble(64)")
    before = drawn.locator(".t2ilab-canvas polyline").count()
    drawn.locator(".jp-OutputArea").get_by_text("Without a mouse").click()
    drawn.get_by_role("button", name="add a dot").click()
    expect(drawn.locator(".t2ilab-canvas polyline")).to_have_count(before + 1)
    assert read(page)[1][-1] == [1.0, 32.0, 32.0]
    _, at = sheet(page, "scribble = Scribble(64)")
    drag(page, at(5, 5), at(15, 5))  # it can still be drawn on
    assert len(read(page)[1]) == before + 2


def test_joints_are_dragged_one_by_one_or_all_together(page):
    _, at = sheet(page, "pose = Pose(")
    before = np.array(read(page)[2])
    x, y = (before[LEFT_HAND] + 1) * 32
    sheet(page, "pose = Pose(")
    drag(page, at(x, y), at(x + 5, y - 20))
    moved = np.array(read(page)[2])
    others = [k for k in range(len(before)) if k != LEFT_HAND]
    np.testing.assert_allclose(moved[others], before[others], atol=0.004)
    np.testing.assert_allclose(moved[LEFT_HAND] - before[LEFT_HAND], [5 / 32, -20 / 32], atol=0.02)
    _, at = sheet(page, "pose = Pose(")
    drag(page, at(3, 60), at(9, 54))
    whole = np.array(read(page)[2])
    np.testing.assert_allclose(whole - moved, np.broadcast_to([6 / 32, -6 / 32], whole.shape), atol=0.02)


def test_a_joint_is_moved_with_the_arrow_keys(page):
    before = np.array(read(page)[2])
    found, _ = sheet(page, "pose = Pose(")
    head = found.get_by_role("button", name="head")
    head.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    expect(head).to_be_focused()
    after = np.array(read(page)[2])
    np.testing.assert_allclose(after[HEAD] - before[HEAD], [-2 / 32, 1 / 32], atol=0.004)
    np.testing.assert_allclose(after[1:], before[1:], atol=0.004)
    for _ in range(3):
        button(page, "pose = Pose(", "undo").click()
    np.testing.assert_allclose(np.array(read(page)[2]), before, atol=0.004)
