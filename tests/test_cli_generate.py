"""`t2ilab generate` as a user meets it: the pictures it leaves, and one sentence for whatever goes wrong."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image
from published import latent_pipe
from said import sentence

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.interop.schedulers import Sampling
from t2ilab.pipelines.text_to_image import TextToImage

RED = "a big red star on a dark background"
FAST = ("--steps", 2)


def test_a_prompt_becomes_a_picture(command, small_zoo, small_pipe):
    result = command("generate", RED, "-o", "star.png", "--seed", 4, *FAST)
    assert (result.code, result.out, result.err) == (0, "star.png\n", "")
    assert result.files == ["star.png"]
    with Image.open("star.png") as picture:
        assert picture.size == (8 * 16, 8 * 16)
        assert picture.text == {
            "prompt": RED,
            "negative_prompt": "",
            "num_inference_steps": "2",
            "guidance_scale": "3.0",
            "sampler": "ddim",
            "model": "storybook",
            "seed": "4",
        }
        small = picture.convert("RGB").resize((16, 16), Image.Resampling.NEAREST)
    (expected,) = small_pipe(RED, seed=4, num_inference_steps=2)
    different = [abs(a - b) for a, b in zip(small.tobytes(), expected.tobytes(), strict=True)]
    assert sum(different) / len(different) < 8  # the command's model went through half precision


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_several_are_numbered_and_each_is_what_its_seed_gives(command, small_zoo, sampler):
    result = command("generate", RED, "-o", "out/star.png", "--n", 3, "--seed", 5, "--sampler", sampler, *FAST)
    names = [f"out/star-{i}.png" for i in (1, 2, 3)]
    assert result.out.split() == [name.replace("/", os.sep) for name in names]
    assert result.files == ["out", *names]
    command("generate", RED, "-o", "alone.png", "--seed", 7, "--sampler", sampler, *FAST)
    with Image.open("out/star-3.png") as third, Image.open("alone.png") as alone:
        assert third.text == alone.text
        assert third.text["seed"] == "7"
        assert max(abs(a - b) for a, b in zip(third.tobytes(), alone.tobytes(), strict=True)) <= 1


def test_what_a_model_has_no_place_for_is_said(command, small_zoo, small_pipe):
    prompt = RED + " " + "very " * 40 + "big"
    result = command("generate", prompt, "-o", "star.png", *FAST)
    assert (result.code, result.files) == (0, ["star.png"])
    assert f"the rest is left out: '{small_pipe.tokenizer.unread(prompt)}'. Say it in fewer words.\n" in result.err
    assert result.err.count("left out") == 1


def test_every_option_reaches_the_picture(command, small_zoo):
    def draw(*arguments):
        assert command("generate", RED, "-o", "a.png", *FAST, *arguments).code == 0
        with Image.open("a.png") as picture:
            return picture.tobytes()

    usual = draw()
    assert draw() == usual
    for arguments in (
        ("--seed", 1),
        ("--steps", 3),
        ("--guidance", 1),
        ("--negative", "blue ring"),
        ("--sampler", "ddpm"),
        ("--scale", 4),
    ):
        assert draw(*arguments) != usual, arguments


def test_an_animation_is_made_on_request(command, small_zoo):
    result = command("generate", "赤い星", "-o", "a.webp", "--gif", "a.gif", "--n", 2, *FAST)
    assert result.out.split() == ["a-1.webp", "a-2.webp", "a.gif"]
    assert result.files == ["a-1.webp", "a-2.webp", "a.gif"]
    with Image.open("a.gif") as animation:
        assert animation.n_frames == 3


def test_a_folder_of_diffusers_is_drawn_with_its_own_settings(command, cpu, tokenizer):
    pipe = latent_pipe(tokenizer, cpu, Sampling("dpmpp_2m", "linspace", one_more=True))
    pipe.save_pretrained("mine")
    arguments = ("--model", "mine", "--steps", 2, "--scale", 1)
    result = command("generate", RED, "-o", "a.png", "--gif", "a.gif", "--n", 2, "--seed", 3, *arguments)
    assert (result.code, result.out.split(), result.err) == (0, ["a-1.png", "a-2.png", "a.gif"], "")
    (expected,) = TextToImage.from_pretrained("mine", "cpu")(RED, seed=4, num_inference_steps=2)
    with Image.open("a-2.png") as picture, Image.open("a.gif") as animation:
        assert picture.size == (16, 16)
        assert (picture.text["sampler"], picture.text["guidance_scale"]) == ("dpmpp_2m", "2.5")
        assert picture.tobytes() == expected.tobytes()
        assert (animation.n_frames, animation.size[1]) == (3, 16)  # latents on their way are shown as pictures


def test_what_is_drawn_in_another_way_is_one_sentence(command, cpu, tokenizer):
    latent_pipe(tokenizer, cpu, schedule=NoiseSchedule.scaled_linear()).save_pretrained("mine")
    for name in ("scheduler/scheduler_config.json", "model_index.json"):
        path = Path("mine") / name
        path.write_text(path.read_text().replace("DDIMScheduler", "PNDMScheduler"))
    result = command("generate", RED, "-o", "a.png", "--model", "mine", "--variant", "fp16", *FAST)
    assert result.code == 1
    assert "unet: There is no diffusion_pytorch_model.fp16.safetensors here; there is" in result.err
    result = command("generate", RED, "-o", "a.png", "--model", "mine", *FAST)
    assert result.code == 0
    assert result.err == "This course has no PNDM; the model is drawn with DDIM on the same timesteps.\n"


def test_a_model_of_the_hub_that_is_not_here_is_one_sentence(command):
    result = command("generate", RED, "-o", "a.png", "--model", "someone/tiny", *FAST)  # tests run offline
    assert (result.code, result.files) == (1, [])
    assert result.err.startswith("t2ilab: There is no folder 'someone/tiny'; the Hugging Face hub is out of reach")
    assert len(result.err.splitlines()) == 1


def test_unknown_words_are_said_and_the_rest_is_drawn(command, small_zoo):
    result = command("generate", "a red dragon riding a circle", "-o", "a.png", *FAST)
    assert (result.code, result.files) == (0, ["a.png"])
    assert "does not know 'dragon', 'riding'" in result.err
    assert "diamond" in result.err
    assert "light blue" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("prompt", ["a big red star " * 6667, "a" * 100_000, "赤い星" * 33_334])
def test_a_prompt_of_a_hundred_thousand_characters_is_drawn_and_what_is_said_stays_short(command, small_zoo, prompt):
    result = command("generate", prompt, "-o", "a.png", *FAST)
    assert (result.code, result.files) == (0, ["a.png"])
    assert "the rest is left out" in result.err
    assert max(map(len, result.err.splitlines())) < 1000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["", "-o", "a.png"], "at least one word"),
        (["  ", "-o", "a.png"], "at least one word"),
        ([RED, "--steps", 0], "num_inference_steps lies in 1 to 1000; got 0"),
        ([RED, "--steps", 10_000], "num_inference_steps lies in 1 to 1000; got 10000"),
        ([RED, "--guidance", "nan"], "guidance_scale must be a finite number; got nan"),
        ([RED, "--guidance", "inf"], "guidance_scale must be a finite number; got inf"),
        ([RED, "--negative", "blue", "--guidance", 1], "no effect without guidance above 1"),
        ([RED, "--sampler", "dim"], "There is no sampler 'dim'; the nearest: ddim"),
        ([RED, "--model", "story-pixels"], "the nearest it has: storybook"),
        ([RED, "-o", "a.bmp"], "must end in .png or .jpg or .jpeg or .webp; got 'a.bmp'"),
        ([RED, "-o", "a"], "must end in .png"),
        ([RED, "--gif", "a.png"], "must end in .gif; got 'a.png'"),
        ([RED, "--n", 0], "--n lies in 1 to 1024; got 0"),
        ([RED, "--n", 5000], "--n lies in 1 to 1024; got 5000"),
        ([RED, "--scale", 0], "--scale lies in 1 to 64; got 0"),
        ([RED, "--seed", -1], "A seed is a whole number"),
        ([RED, "--seed", 2**70], "A seed is a whole number"),
        ([RED, "--steps", "many"], "'--steps'"),
        ([RED, "--stepz", 3], "No such option: --stepz"),
        ([], "Missing argument"),
    ],
)
def test_bad_values_are_one_sentence_and_nothing_is_left(command, small_zoo, arguments, words):
    result = command("generate", *arguments)
    assert words in sentence(result, 2)
    assert len(result.err.splitlines()) == 1
    assert (result.out, result.files) == ("", [])


def test_a_target_in_a_new_folder_leaves_no_folder_when_the_rest_is_wrong(command, small_zoo):
    assert command("generate", RED, "-o", "new/deeper/a.png", "--steps", 0).files == []


def test_a_folder_that_cannot_be_written_is_said_before_any_drawing(command, small_zoo, tmp_path, monkeypatch):
    monkeypatch.setattr("t2ilab.pipelines.text_to_image.TextToImage.from_pretrained", lambda *_: pytest.fail("drew"))
    (tmp_path / "file").write_text("here before")
    for option in ("-o", "--gif"):
        ending = "png" if option == "-o" else "gif"
        result = command("generate", RED, option, tmp_path / "file" / f"a.{ending}")
        assert f"a.{ending}" in sentence(result, 1)
        assert result.files == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc")
def test_a_folder_in_which_nobody_can_write_is_said(command, small_zoo):
    result = command("generate", RED, "-o", "/proc/self/new/a.png")
    assert "Could not write /proc/self/new/a.png" in sentence(result, 1)


def test_a_disk_that_fills_leaves_no_half_picture(command, small_zoo, monkeypatch):
    def full(self, file, *_, **__):
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    result = command("generate", RED, "-o", "a.png", *FAST)
    assert "Could not write a.png: No space left on device" in sentence(result, 1)
    assert result.files == []


@pytest.mark.parametrize("kind", ["cut", "changed", "missing"])
def test_a_damaged_checkpoint_is_a_failure(command, small_zoo, kind):
    path = small_zoo / "storybook" / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-7] ^= 4
    if kind == "missing":
        path.unlink()
    else:
        path.write_bytes(data if kind == "changed" else data[: len(data) // 2])
    result = command("generate", RED, "-o", "a.png", *FAST)
    words = "is missing" if kind == "missing" else "cut short or changed"
    assert words in sentence(result, 1)
    assert result.files == []
    assert words in sentence(command("zoo", "storybook"), 1)


def test_a_folder_of_ones_own_can_be_drawn_with_and_is_checked(command, small_zoo, small_pipe):
    small_pipe.save_pretrained("mine")
    assert command("generate", RED, "-o", "a.png", "--model", "mine", *FAST).code == 0
    weights = os.path.join("mine", "text_encoder", "model.safetensors")
    with open(weights, "rb") as file:
        data = file.read()
    with open(weights, "wb") as file:
        file.write(data[: len(data) // 2])
    result = command("generate", RED, "-o", "b.png", "--model", "mine", *FAST)
    assert "is cut short" in sentence(result, 1)
    assert "b.png" not in result.files


def test_a_device_that_is_not_there_is_said(command, small_zoo, monkeypatch):
    monkeypatch.setenv("T2ILAB_DEVICE", "warp")
    assert "'warp'" in sentence(command("generate", RED, "-o", "a.png", *FAST), 2)
