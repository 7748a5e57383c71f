"""A drawing as one looks on: what it ends with, what is seen before, and that it ends when nobody looks."""

import threading
import time

import numpy as np
import pytest
from PIL import Image
from published import randomised

from t2ilab.nets.controlnet import ControlNet, ControlNetConfig
from t2ilab.pipelines.control import control_to_image
from t2ilab.pipelines.editing import image_to_image
from t2ilab.pipelines.inpainting import inpaint
from t2ilab.studio.drawing import Start, draw
from t2ilab.studio.settings import Settings

RED = "a big red star on a dark background"
FEW = Settings(RED, "small", num_inference_steps=4, seed=3)


def same(ours, theirs):
    return [picture.tobytes() for picture in ours] == [picture.tobytes() for picture in theirs]


def drawing_threads():
    return [thread for thread in threading.enumerate() if thread.name == "t2ilab-drawing"]


@pytest.fixture(autouse=True)
def _nobody_goes_on():
    yield
    assert drawing_threads() == []


def test_it_ends_with_what_the_pipeline_draws(small_pipe):
    frames = list(draw(small_pipe, FEW))
    assert same(frames[-1].finished, small_pipe(RED, num_inference_steps=4, guidance_scale=3.0, seed=3))
    assert (frames[-1].step, frames[-1].steps, frames[-1].coming) == (4, 4, [])


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler_ancestral"])  # a batch, and one by one
def test_each_of_several_is_what_its_seed_alone_gives(small_pipe, sampler):
    settings = Settings(RED, "small", num_inference_steps=3, seed=5, sampler=sampler)
    *_, last = draw(small_pipe, settings, 3)
    for i, picture in enumerate(last.finished):
        *_, alone = draw(small_pipe, settings.with_seed(5 + i))
        difference = np.abs(np.asarray(picture, dtype=int) - np.asarray(alone.finished[0], dtype=int))
        assert difference.max() <= 1


@pytest.mark.parametrize(("watch", "which"), [("noise", 0), ("guess", 1)])
def test_the_frames_are_what_the_sampler_sees(small_pipe, watch, which):
    seen = []
    small_pipe(RED, num_inference_steps=4, seed=3, callback=lambda step, t, *x: seen.append(x[which].clone()))
    *_, last = draw(small_pipe, FEW, watch=watch)
    steps = [step for step, _ in last.way]
    assert steps[0] == 0
    assert steps == sorted(set(steps))
    for step, picture in last.way:
        assert same([picture], small_pipe.pictures(seen[step]))


def test_who_looks_slowly_sees_the_newest(small_pipe):
    frames = draw(small_pipe, Settings(RED, "small", num_inference_steps=50))
    first = next(frames)
    while drawing_threads():
        time.sleep(0.01)
    assert len(list(frames)) == 1
    assert len(first.finished) == 0


def test_it_ends_within_a_step_when_nobody_looks(small_pipe, monkeypatch):
    calls = []
    guided = type(small_pipe)._guided

    def counted(*args, **kwargs):
        calls.append(time.sleep(0.02))
        return guided(*args, **kwargs)

    monkeypatch.setattr(type(small_pipe), "_guided", counted)
    frames = draw(small_pipe, Settings(RED, "small", num_inference_steps=500))
    next(frames)
    frames.close()
    assert drawing_threads() == []
    made = len(calls)
    assert made < 100
    time.sleep(0.1)
    assert len(calls) == made


def test_a_start_picture_is_drawn_over(small_pipe):
    picture = Image.effect_noise((16, 16), 80).convert("RGB")
    settings = Settings(RED, "small", num_inference_steps=4, seed=3, strength=0.5)
    *_, last = draw(small_pipe, settings, start=Start(picture))
    expected = image_to_image(small_pipe, RED, picture, 0.5, num_inference_steps=4, guidance_scale=3.0, seed=3)
    assert same(last.finished, expected)
    assert last.steps == 2


def test_at_strength_0_the_picture_is_there_at_once(small_pipe):
    picture = Image.effect_noise((16, 16), 80).convert("RGB")
    (only,) = draw(small_pipe, Settings(RED, "small", strength=0.0), start=Start(picture))
    assert same(only.finished, [picture])


def test_a_mask_is_filled_and_the_rest_stays(small_pipe):
    picture, mask = Image.effect_noise((16, 16), 80).convert("RGB"), Image.new("L", (16, 16))
    mask.paste(255, (0, 0, 8, 16))
    settings = Settings(RED, "small", num_inference_steps=4, seed=3, strength=1.0)
    *_, last = draw(small_pipe, settings, 2, Start(picture, mask))
    expected = inpaint(small_pipe, [RED] * 2, picture, mask, num_inference_steps=4, guidance_scale=3.0, seed=3)
    assert same(last.finished, expected)
    assert same([last.finished[1].crop((8, 0, 16, 16))], [picture.crop((8, 0, 16, 16))])


def test_a_scribble_leads_it(small_pipe):
    net = randomised(ControlNet(ControlNetConfig(small_pipe.unet.config, condition_widths=(4, 8)))).float()
    scribble = Image.new("RGB", (16, 16))
    *_, last = draw(small_pipe, FEW, start=Start(controlnet=net, scribble=scribble))
    expected = control_to_image(small_pipe, net, RED, scribble, num_inference_steps=4, guidance_scale=3.0, seed=3)
    assert same(last.finished, expected)


def test_a_shape_is_drawn(small_pipe):
    *_, last = draw(small_pipe, Settings(RED, "small", num_inference_steps=2, shape="wide"))
    assert last.finished[0].size == (24, 16)


def test_an_error_of_the_pipeline_arrives(small_pipe):
    with pytest.raises(ValueError, match="without guidance above 1"):
        list(draw(small_pipe, Settings(RED, "small", "blue", guidance_scale=1.0)))


def test_a_prompt_that_is_too_long_is_drawn_without_a_word(small_pipe):  # the page says it
    *_, last = draw(small_pipe, Settings(RED + " and" * 40, "small", num_inference_steps=2))
    assert len(last.finished) == 1
