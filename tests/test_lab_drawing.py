"""The boxes around a canvas: what they ask a model for, what they show, and what they say."""

import math

import numpy as np
import pytest
import torch
from test_lab_canvas import CHEF, Page, done
from test_lab_widgets import parts

from t2ilab.lab.canvas import Mask, Pose, Scribble
from t2ilab.lab.drawing import control_box, drawing_box, inpainting_box
from t2ilab.nets.controlnet import ControlNet
from t2ilab.pipelines.control import control_to_image
from t2ilab.pipelines.inpainting import inpaint


class Model:
    """Draws a plain picture, and keeps what it was asked."""

    def __init__(self):
        self.calls = []

    def __call__(self, prompt, value, seed):
        if not prompt.strip():
            raise ValueError("A prompt needs at least one <word>; got an empty one.")
        self.calls.append((prompt, value.copy(), seed))
        return torch.full((1, 3, 4, 4), seed / 10)


def result(box):
    """The picture that is shown, or None."""
    images = [tag for made in parts(box)["HTML"] for tag in Page(made.value).tags if tag[0] == "img"]
    return next((attrs for _, attrs in images if attrs.get("class") == "t2ilab-result"), None)


def message(box):
    return parts(box)["HTML"][-1].value


def test_nothing_is_drawn_before_there_is_something_to_look_at():
    model, mask = Model(), Mask(16)
    box = drawing_box(mask, model, "a red star")
    assert model.calls == []
    assert result(box) is None
    done(mask, [[4, 8, 8]])
    parts(box)["BoundedIntText"][0].value = 3
    draw = next(button for button in parts(box)["Button"] if button.description == "draw")
    draw.click()
    ((prompt, value, seed),) = model.calls
    assert (prompt, seed) == ("a red star", 3)
    assert np.array_equal(value, mask.value)
    assert result(box)["alt"] == "What was drawn: a red star"
    assert not draw.disabled


def test_what_is_there_at_first_is_drawn_at_once():
    model = Model()
    drawing_box(Pose(CHEF), model, "a chef", seed=2)
    assert [(prompt, seed) for prompt, _, seed in model.calls] == [("a chef", 2)]


def test_what_goes_wrong_is_said_and_not_raised():
    model, mask = Model(), Mask(16)
    mask.stroke([(8, 8)])
    box = drawing_box(mask, model, "  ")
    assert message(box) == "A prompt needs at least one &lt;word&gt;; got an empty one."
    parts(box)["Text"][0].value = "a red star"
    parts(box)["Button"][0].click()
    assert message(box) == ""
    assert result(box)


def test_unknown_words_are_named():
    box = drawing_box(Pose(CHEF), Model(), "a chef and a dragon", world="storybook")
    assert "dragon" in message(box)


def test_a_painted_part_is_drawn_anew(small_pipe):
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = Mask(image)
    mask.stroke([(4, 4), (12, 4)], 5)
    box = inpainting_box(small_pipe, image, "a red star", mask, num_inference_steps=2)
    assert message(box) == ""
    assert result(box)
    expected = inpaint(
        small_pipe,
        "a red star",
        image / 2 + 0.5,
        torch.from_numpy(mask.value)[None, None].float(),
        seed=0,
        num_inference_steps=2,
        output_type="pt",
    )
    kept = ~mask.value
    assert (expected[0][:, kept] - (image / 2 + 0.5)[0][:, kept]).abs().max() < 1e-5
    mask.clear()
    parts(box)["Button"][0].click()
    assert "A mask needs a pixel to fill" in message(box)


@pytest.mark.parametrize("make", [lambda: Scribble(16), lambda: Pose(CHEF, 16)])
def test_a_controlnet_looks_at_the_canvas(small_pipe, make, monkeypatch):
    net = ControlNet.from_unet(small_pipe.unet, condition_widths=(4, 6))
    seen = []
    monkeypatch.setattr(
        "t2ilab.pipelines.control.control_to_image",
        lambda pipe, net, prompt, image, **how: seen.append(image) or control_to_image(pipe, net, prompt, image, **how),
    )
    canvas = make()
    if isinstance(canvas, Scribble):
        canvas.stroke([(2, 2), (13, 9)])
    box = control_box(small_pipe, net, canvas, "a red star", num_inference_steps=2)
    assert message(box) == ""
    assert result(box)
    assert torch.equal(seen[0], canvas.picture)
    assert math.isclose(seen[0].max().item(), 1, abs_tol=0.3)
