"""The prompt box without a browser: what it draws, when, and what it says where it cannot."""

import io

import ipywidgets
import pytest
import torch
from PIL import Image

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab import widgets
from t2ilab.lab.widgets import denoising_box, png, prompt_box


class Pipe:
    """Draws a plain picture as bright as its seed says, in three steps."""

    world = "shapes"

    def __init__(self):
        self.calls = []

    def __call__(self, prompt, *, seed, guidance_scale, output_type, callback):
        if not prompt.strip():
            raise ValueError("A prompt needs at least one <word>; got an empty one.")
        self.calls.append((prompt, seed, guidance_scale))
        image = torch.full((1, 3, 4, 4), min(1.0, seed / 10))
        for step in range(3):
            callback(step, 9 - step, torch.full((1, 3, 4, 4), -1.0), image * 2 - 1)
        assert output_type == "pt"
        return image


def parts(box):
    """The widgets inside, by what they are."""

    def below(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from below(child)

    found = {}
    for widget in below(box):
        found.setdefault(type(widget).__name__, []).append(widget)
    return found


def brightness(image):
    with Image.open(io.BytesIO(image.value)) as picture:
        return picture.getpixel((0, 0))[0]


@pytest.fixture
def box():
    pipe = Pipe()
    made = parts(prompt_box(pipe, "a red star"))
    return pipe, made


def test_the_first_prompt_is_drawn_at_once(box):
    pipe, made = box
    assert pipe.calls == [("a red star", 0, 3.0)]
    assert all(brightness(image) == 0 for image in made["Image"])
    assert "Left:" in made["HTML"][0].value


def test_a_click_draws_what_the_controls_say(box):
    pipe, made = box
    made["BoundedIntText"][0].value = 10
    made["FloatSlider"][0].value = 5.0
    assert len(pipe.calls) == 1  # not before the click
    made["Button"][0].click()
    assert pipe.calls[1:] == [("a red star", 10, 5.0)]
    assert all(brightness(image) == 255 for image in made["Image"])


def test_a_new_prompt_is_drawn_when_it_is_entered(box):
    pipe, made = box
    (text,) = made["Text"]
    assert text.continuous_update is False  # not at every letter
    text.value = "青い円"
    assert pipe.calls[-1][0] == "青い円"


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test says so."""
    now = [100.0]
    monkeypatch.setattr(widgets, "monotonic", lambda: now[0])
    return now


def test_typing_and_then_pressing_the_button_is_one_change(box, clock):
    pipe, made = box
    (text,), (button,) = made["Text"], made["Button"]
    text.value = "a blue ring"  # the press leaves the line, and the browser says so first
    button.click()
    assert pipe.calls[1:] == [("a blue ring", 0, 3.0)]
    made["BoundedIntText"][0].value = 4
    button.click()  # at once, but another picture
    assert pipe.calls[2:] == [("a blue ring", 4, 3.0)]
    clock[0] += 0.1
    button.click()  # the line was not what asked for this one
    assert len(pipe.calls) == 4


def test_a_later_press_draws_the_same_prompt_again(box, clock):
    pipe, made = box  # whose model may have been trained on meanwhile
    made["Text"][0].value = "a blue ring"
    clock[0] += 1.1
    made["Button"][0].click()
    assert pipe.calls[1:] == [("a blue ring", 0, 3.0)] * 2


def test_a_drawing_takes_as_long_as_it_takes(clock):
    class Slow(Pipe):
        def __call__(self, *args, **kwargs):
            clock[0] += 20
            return super().__call__(*args, **kwargs)

    pipe = Slow()
    made = parts(prompt_box(pipe, "a red star"))
    made["Text"][0].value = "a blue ring"
    made["Button"][0].click()  # it waited for the drawing to end
    assert len(pipe.calls) == 2


@pytest.mark.parametrize("before", [3, 1, 0])
def test_a_new_picture_is_shown_once(box, monkeypatch, before):
    _, made = box
    made["IntSlider"][0].value = before  # wherever the slider stands
    shown = []
    monkeypatch.setattr(widgets, "png", lambda image: shown.append(image) or png(image))
    made["BoundedIntText"][0].value = 10
    made["Button"][0].click()
    assert len(shown) == 2  # the picture and the estimate beside it
    assert made["IntSlider"][0].value == 3
    assert all(brightness(image) == 255 for image in made["Image"])


def test_the_slider_goes_back_to_the_noise(box):
    _, made = box
    made["BoundedIntText"][0].value = 10
    made["Button"][0].click()
    (step,) = made["IntSlider"]
    assert (step.value, step.max) == (3, 3)
    step.value = 0
    noisy, estimate = map(brightness, made["Image"])
    assert (noisy, estimate) == (0, 255)
    step.value = 3
    assert [brightness(image) for image in made["Image"]] == [255, 255]


def test_unknown_words_are_named_below_the_picture(box):
    _, made = box
    made["Text"][0].value = "a red dragon"
    assert "dragon" in made["HTML"][0].value


def test_words_that_people_write_for_others_reach_the_model_as_those():
    pipe = Pipe()
    pipe.world = "storybook"
    widgets.prompt_box(pipe, "chief in the kitchen")
    assert pipe.calls[-1][0] == "chef in the kitchen"


def test_what_goes_wrong_is_said_and_not_raised(box):
    pipe, made = box
    made["Text"][0].value = "  "
    assert made["HTML"][0].value == "A prompt needs at least one &lt;word&gt;; got an empty one."
    assert len(pipe.calls) == 1
    made["Text"][0].value = "a blue ring"
    assert "Left:" in made["HTML"][0].value


@pytest.mark.parametrize("error", [ValueError, RuntimeError, OSError])
def test_a_pipe_that_fails_at_once_leaves_a_box_that_can_be_touched(error):
    def broken(*_, **__):
        raise error("out of order")

    made = parts(prompt_box(broken))
    assert made["HTML"][0].value == "out of order"
    made["IntSlider"][0].value = 7
    made["Button"][0].click()
    assert made["HTML"][0].value == "out of order"


def test_only_core_widgets_are_used(box):
    _, made = box
    for name, found in made.items():
        assert all(type(widget) is getattr(ipywidgets, name) for widget in found)
    assert "Output" not in made  # which breaks strict comparison of notebooks


def test_labels_are_in_the_language_of_the_edition(monkeypatch):
    from t2ilab.lab import translate

    monkeypatch.setenv("T2ILAB_LANG", "ja")
    monkeypatch.setattr(translate, "JAPANESE", {"draw": "描く", "prompt": "プロンプト", "seed": "シード"})
    made = parts(prompt_box(Pipe(), "赤い星"))
    assert made["Button"][0].description == "描く"
    assert made["Text"][0].description == "プロンプト"
    assert made["BoundedIntText"][0].description == "シード"
    assert made["FloatSlider"][0].style.description_width == "initial"  # "ガイダンスの強さ" was cut


def test_a_small_model_fits_into_the_box(small_pipe):
    made = parts(prompt_box(small_pipe))
    assert "Left:" in made["HTML"][0].value
    assert made["IntSlider"][0].max == 20
    for image in made["Image"]:
        with Image.open(io.BytesIO(image.value)) as picture:
            assert picture.size == (128, 128)


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (3, 4, 4)])
def test_png_takes_one_picture_with_or_without_its_batch_axis(shape):
    with Image.open(io.BytesIO(png(torch.ones(shape), 2))) as picture:
        assert (picture.format, picture.size) == ("PNG", (8, 8))
    assert widgets.png(torch.full(shape, torch.nan))  # a broken picture is shown grey, not raised


# ---- the denoising box -----------------------------------------------------------------------------------------------


@pytest.fixture
def denoising():
    """Three plain pictures, dark to light; one denoiser that always answers white, and one grey."""
    schedule = NoiseSchedule.linear()
    x0 = torch.tensor([-1.0, 0.0, 1.0]).reshape(3, 1, 1, 1).expand(3, 3, 4, 4).clone()
    asked = []

    def bright(x_t, t):
        asked.append((x_t, t))
        return torch.ones_like(x_t)

    made = parts(denoising_box(x0, schedule, {"bright": bright, "grey": lambda x_t, t: torch.zeros_like(x_t)}, t=300))
    which, time = made["IntSlider"]
    return x0, schedule, asked, which, time, made


def test_clean_noisy_and_every_guess_stand_side_by_side(denoising):
    _, _, asked, which, time, made = denoising
    assert [label.value for label in made["Label"]] == ["clean", "noisy, x_t", "bright", "grey"]
    assert len(made["Image"]) == 4
    assert (which.value, time.value, time.max) == (0, 300, 999)
    assert [brightness(made["Image"][i]) for i in (0, 2, 3)] == [0, 255, 128]
    ((x_t, t),) = asked
    assert t == 300
    assert x_t.shape == (1, 3, 4, 4)


def test_the_sliders_choose_picture_and_noise_level(denoising):
    x0, schedule, asked, which, time, made = denoising
    which.value = 2
    assert brightness(made["Image"][0]) == 255
    time.value = 0
    assert [t for _, t in asked] == [300, 300, 0]
    assert brightness(made["Image"][1]) > 240  # hardly any noise
    faint = asked[-1][0]
    time.value = 999
    noise = asked[-1][0]
    assert (faint - 1).abs().mean() < 0.05  # x0 itself
    ac = schedule.alphas_cumprod[0]
    expected = schedule.add_noise(x0[2:], (faint - ac.sqrt()) / (1 - ac).sqrt(), 999)
    assert noise == pytest.approx(expected, abs=1e-3)  # the same noise at every level, so that only t changes
