"""The command as a user meets it: what it prints, what it leaves, and one sentence for whatever goes wrong."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from published import latent_pipe
from safetensors import SafetensorError

from t2ilab import launch, output
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.interop.schedulers import Sampling
from t2ilab.interop.weights import write_weights
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import run
from t2ilab.training import checkpoint

RED = "a big red star on a dark background"
FAST = ("--steps", 2)


def sentence(result, code):
    """The one sentence that a command ended with, after whatever it had said before."""
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    line = result.err.splitlines()[-1]
    assert line.startswith("t2ilab: ")
    assert line.endswith((".", "?", "--help.")), line
    return line.removeprefix("t2ilab: ")


def fresh(code):
    """Runs a line of Python in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)


# ---- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["['--help']", "['train', '--help']", "['generate', '--stepz', '3']"])
def test_help_and_bad_options_load_no_torch(arguments):
    code = f"""
import atexit, sys
atexit.register(lambda: print(sorted({{"torch", "numpy", "matplotlib", "safetensors"}} & sys.modules.keys())))
sys.argv = ["t2ilab", *{arguments}]
from t2ilab.cli import main
main()
"""
    answer = fresh(code)
    assert answer.stdout.splitlines()[-1] == "[]"
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("name", ["generate", "scenes", "lab", "train", "zoo", "doctor", "build"])
def test_every_command_explains_itself(command, name):
    result = command(name, "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: t2ilab")
    assert len(result.out.splitlines()) > 4
    assert name in command("--help").out


def test_without_arguments_help_is_shown(command):
    result = command()
    assert result.code == 0
    assert "generate" in result.out
    assert result.err == ""


# ---- generate -------------------------------------------------------------------------------------------------------


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
            "model": "storybook-pixel",
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
        ([RED, "--model", "story-pixels"], "the nearest it has: storybook-pixel"),
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
    path = small_zoo / "storybook-pixel" / "unet" / "diffusion_pytorch_model.safetensors"
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
    assert words in sentence(command("zoo", "storybook-pixel"), 1)


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


def test_ctrl_c_is_no_traceback(command, small_zoo, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "check_target", stop)
    result = command("generate", RED, "-o", "a.png")
    assert (result.code, result.err) == (130, "t2ilab: Stopped.\n")


def test_memory_that_is_not_there_is_said(command, small_zoo, monkeypatch):
    def much(*_):
        raise MemoryError("Unable to allocate 9 TB")

    monkeypatch.setattr(output, "check_target", much)
    assert sentence(command("generate", RED), 1) == (
        "Out of memory: Unable to allocate 9 TB. Ask for fewer or smaller pictures."
    )


def test_a_fault_of_our_own_is_not_hidden(monkeypatch):
    from t2ilab import cli

    def wrong(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(output, "check_target", wrong)
    monkeypatch.setattr(sys, "argv", ["t2ilab", "generate", RED])
    with pytest.raises(ZeroDivisionError):
        cli.main()


# ---- scenes ---------------------------------------------------------------------------------------------------------


def pixels(path):
    with Image.open(path) as picture:
        return picture.convert("RGB").tobytes()


def test_a_sheet_is_drawn_and_its_captions_are_said(command):
    result = command("scenes", "--count", 5, "--size", 16)
    *captions, path = result.out.splitlines()
    assert (result.code, result.err, result.files) == (0, "", ["scenes.png"])
    assert (len(captions), path) == (5, "scenes.png")
    with Image.open("scenes.png") as sheet:
        assert sheet.size == (3 * 16 + 4, 2 * 16 + 2)  # with gaps of two pixels
    more = command("scenes", "--count", 7, "--size", 16, "-o", "more.png")
    assert more.out.splitlines()[:5] == captions
    assert command("scenes", "--count", 5, "--size", 16, "--seed", 1).out.splitlines()[:5] != captions


def test_a_sheet_speaks_japanese_and_keeps_to_its_level(command):
    result = command("scenes", "--count", 6, "--size", 16, "--level", "shapes", "--language", "ja")
    *captions, _ = result.out.splitlines()
    assert all(re.search("[ぁ-ん]", caption) for caption in captions)
    assert all(re.search("円|丸|四角|正方形|三角|星|ハート|輪|リング|十字|ひし形", caption) for caption in captions)


@pytest.mark.parametrize("caption", ["a cat", "CAT", "猫", "a photograph of a cat", "ねこ"])
def test_a_caption_becomes_its_scene_in_any_wording(command, caption):
    result = command("scenes", caption, "-o", "a.png")
    assert result.out.splitlines() == ["a big orange and white cat in the center on a light background", "a.png"]
    command("scenes", "a big orange and white cat in the middle on a bright background", "-o", "b.png")
    assert pixels("a.png") == pixels("b.png")
    with Image.open("a.png") as picture:
        assert picture.size == (256, 256)
        assert picture.text["caption"] == caption


def test_a_seed_and_a_count_vary_what_a_caption_leaves_open(command):
    def scene(*arguments):
        assert command("scenes", "a fish", "-o", "a.png", "--size", 32, *arguments).code == 0
        return pixels("a.png")

    assert scene() == scene()
    assert scene("--seed", 1) == scene("--seed", 1)
    assert len({scene(), scene("--seed", 0), scene("--seed", 1)}) == 3
    result = command("scenes", "a fish", "--count", 4, "--language", "ja", "--size", 16, "--seed", 3)
    *captions, _ = result.out.splitlines()
    assert len(captions) == 4
    assert all("魚" in caption for caption in captions)
    assert len(set(captions)) > 1


def test_renditions_and_maps_are_other_pictures_of_one_scene(command):
    def look(*arguments):
        result = command("scenes", "a robot", "-o", "a.png", "--size", 32, *arguments)
        assert result.code == 0
        return result.out, pixels("a.png")

    views = [look()] + [look("--rendition", name) for name in ("sketch", "watercolour", "mosaic", "embroidery")]
    views += [look("--map", name) for name in ("semantic", "scribble", "pose")]
    assert len({said for said, _ in views}) == 1
    assert len({picture for _, picture in views}) == 8


def test_words_that_are_none_are_named_with_the_nearest(command):
    result = command("scenes", "a red rocet and Chief in the kitchen", "-o", "a.png")
    assert (result.code, result.files) == (0, ["a.png"])
    assert "It reads 'chief' as 'chef'" in result.err
    assert "This world does not know 'rocet'" in result.err
    assert "The nearest known: rocket." in result.err


@pytest.mark.parametrize("form", ["imagefolder", "parquet", "webdataset"])
def test_a_data_set_is_written_whole(command, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    target = "out/pairs.parquet" if form == "parquet" else "out/pairs"
    arguments = ("scenes", "--dataset", form, "--count", 3, "--size", 16, "-o", target)
    result = command(*arguments)
    assert (result.code, result.out) == (0, f"{target}\n".replace("/", os.sep))
    assert [name for name in result.files if name.count("/") == 1] == [target]
    again = command(*arguments)
    assert "exists already" in sentence(again, 1)
    assert again.files == result.files


def test_a_data_set_may_be_in_a_rendition(command):
    arguments = ("scenes", "--dataset", "imagefolder", "--count", 1, "--size", 16)
    command(*arguments, "-o", "plain")
    command(*arguments, "-o", "sewn", "--rendition", "embroidery")
    assert pixels("plain/images/000000.png") != pixels("sewn/images/000000.png")
    assert pixels("plain/scribble/000000.png") == pixels("sewn/scribble/000000.png")


def test_parquet_without_pyarrow_is_said(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = command("scenes", "--dataset", "parquet", "-o", "a.parquet")
    assert "pip install pyarrow" in sentence(result, 1)
    assert result.files == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "at least one word"),
        (["un chien bleu"], "Nothing in 'un chien bleu' is understood. Captions are read in English and Japanese"),
        (["고양이"], "Captions are read in English and Japanese"),
        (["?!"], "Captions are read in English and Japanese"),
        (["a cat, a dog, a fish and a bird"], "at most 3 things; got cat, dog, fish, bird"),
        (["a cat", "-o", "a.bmp"], "must end in .png or .jpg or .jpeg or .webp; got 'a.bmp'"),
        (["a cat", "--rendition", "fresco"], "no 'fresco'; there are sketch, watercolour, mosaic, embroidery"),
        (["a cat", "--map", "depth"], "There is no 'depth'; there are semantic, scribble, pose"),
        (["a cat", "--language", "fr"], "There is no 'fr'; there are en, ja"),
        (["--level", "novel"], "level must be one of shapes, storybook; got 'novel'"),
        (["--size", 8], "--size lies in 16 to 1024"),
        (["--size", 0], "got 0 and 24"),
        (["--count", 0], "got 64 and 0"),
        (["--count", 1000, "--size", 1000], "at most 64 million pixels; got 1000 and 1000"),
        (["--rendition", "sketch", "--map", "pose"], "--rendition or --map, and not both"),
        (["--dataset", "imagefolder"], "needs a name with -o"),
        (["a cat", "--dataset", "imagefolder", "-o", "a"], "leave those out"),
        (["--dataset", "imagefolder", "-o", "a", "--map", "pose"], "leave those out"),
        (["--dataset", "zip", "-o", "a"], "form must be one of imagefolder, parquet, webdataset; got 'zip'"),
        (["--dataset", "parquet", "-o", "a.png"], "must end in .parquet; got 'a.png'"),
        (["--dataset", "imagefolder", "-o", "a", "--count", 0], "got 64 and 0"),
        (["--dataset", "imagefolder", "-o", "a", "--level", "novel"], "got 'novel'"),
    ],
)
def test_bad_scenes_are_one_sentence_and_nothing_is_left(command, arguments, words):
    result = command("scenes", *arguments)
    assert words in sentence(result, 2)
    assert len(result.err.splitlines()) == 1
    assert (result.out, result.files) == ("", [])


@pytest.mark.parametrize("arguments", [("a cat", "-o"), ("--dataset", "imagefolder", "-o")])
def test_scenes_where_nothing_can_be_written_is_one_sentence(command, tmp_path, arguments):
    (tmp_path / "file").write_text("here before")
    result = command("scenes", *arguments, tmp_path / "file" / "a.png")
    assert "Could not write" in sentence(result, 1)
    assert (result.out, result.files) == ("", [])


# ---- the other commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["genrate", RED], "No such command 'genrate'. Did you mean 'generate'?"),
        (["zoo", "storybook-pixl"], "the nearest it has: storybook-pixel"),
        (["train", "shapes-pixl"], "There is no recipe 'shapes-pixl'; the nearest: shapes-pixel"),
        (["train", "shapes-pixel", "--steps", 0], "at least one step or a positive number of minutes; got 0"),
        (["train", "shapes-pixel", "--minutes", "nan"], "got nan"),
        (["train", "shapes-pixel", "--steps", 5, "--minutes", 1], "takes steps or minutes; got both"),
        (["train", "shapes-pixel", "--seed", -4], "A seed is a whole number"),
        (["lab", "99"], "There is no lab named '99'; try 00_welcome"),
        (["lab", "ddmp"], "There is no lab named 'ddmp'; try 05_ddpm"),
        (["lab", "05", "--language", "fr"], "language is 'fr'"),
        (["build", "nonsense"], "nonsense"),
    ],
)
def test_names_and_numbers_that_are_none_get_one_sentence(command, small_zoo, tmp_path, monkeypatch, arguments, words):
    labs = tmp_path / "labs"
    labs.mkdir()
    for name in ("00_welcome", "05_ddpm"):
        (labs / f"{name}.ipynb").write_text("{}")
    monkeypatch.setattr(launch, "packaged", lambda: labs)
    result = command(*arguments)
    assert words in sentence(result, 2)
    assert (len(result.err.splitlines()), result.files) == (1, [])


def test_the_zoo_is_listed_and_a_card_is_shown(command, small_zoo):
    assert re.search(r"^storybook-pixel +storybook-pixel, for a test\.$", command("zoo").out, re.MULTILINE)
    shown = command("zoo", "storybook-pixel").out
    for words in ("command: t2ilab train storybook-pixel --steps 1 --seed 0", "hardware: none", "  en: 0.5", "sha256:"):
        assert words in shown


def test_the_doctor_says_what_it_found_and_fails_for_a_fault(command, small_zoo):
    result = command("doctor")
    assert result.code == 0
    assert "zoo storybook-pixel: whole" in result.out
    (small_zoo / "storybook-pixel" / "model_index.json").write_text("{}")
    result = command("doctor")
    assert result.code == 1
    assert "FAULT zoo storybook-pixel" in result.out


# ---- train ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def blur(monkeypatch, cpu):
    """A recipe of a few weights and two steps in place of all recipes."""
    from types import SimpleNamespace

    import torch
    from torch import nn

    from t2ilab.training.loop import Plan

    class Recipe:
        def __init__(self, device, seed=0):
            torch.manual_seed(seed)
            self.seed, self.model = seed, nn.Linear(2, 2)

        def plan(self, steps=2):
            return Plan(steps, facts={"recipe": "blur", "seed": self.seed, "steps": steps})

        def loss(self, step):
            return (self.model(torch.ones(1, 2)) - step).square().mean()

        def measure(self, model):
            return {"sharp": 0.5}

        def sheet(self, model):
            return torch.zeros(1, 3, 8, 8)

        def save(self, model, folder):
            write_weights(folder / "model.safetensors", model)

    module = SimpleNamespace(Recipe=Recipe, STEPS=2, DATA="none", LIMITS="all", __doc__="It blurs.")
    monkeypatch.setattr(run, "find", lambda name: module)


FINISHED = [
    "runs",
    "runs/blur",
    "runs/blur/checkpoint.safetensors",
    "runs/blur/log.jsonl",
    "runs/blur/loss.png",
    "runs/blur/model",
    "runs/blur/model/card.json",
    "runs/blur/model/model.safetensors",
    "runs/blur/plan.json",
    "runs/blur/sheets",
    "runs/blur/sheets/000002.png",
]


def test_training_leaves_a_whole_run_and_says_its_score(command, blur):
    result = command("train", "blur")
    assert result.code == 0
    assert result.files == FINISHED
    assert result.out.replace(os.sep, "/") == "runs/blur/model: sharp 50.0%\n"
    assert "blur: 2 steps in" in result.err
    assert "CPU" in result.err or "GPU" in result.err or "CUDA" in result.err


def test_a_finished_training_started_again_says_the_same(command, blur):
    first = command("train", "blur")
    again = command("train", "blur")
    assert (again.code, again.out, again.files) == (0, first.out, first.files)
    assert "holds another run" in sentence(command("train", "blur", "--seed", 1), 1)
    assert "holds another run" in sentence(command("train", "blur", "--steps", 9), 1)


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_disk_that_fills_while_training_ends_in_one_sentence(command, blur, monkeypatch, failure):
    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise failure

    monkeypatch.setattr(checkpoint, "save_file", full)
    result = command("train", "blur")
    assert "No space left on device" in sentence(result, 1)
    assert "start again to go on" in sentence(result, 1)
    assert result.files == ["runs", "runs/blur", "runs/blur/log.jsonl", "runs/blur/plan.json"]
    monkeypatch.undo()


def test_a_training_that_diverges_ends_in_one_sentence(command, blur):
    module = run.find("blur")
    loss = module.Recipe.loss
    module.Recipe.loss = lambda self, step: loss(self, step) * float("nan")
    assert "lower the learning rate" in sentence(command("train", "blur"), 1).lower()


def test_a_run_whose_folder_is_a_file_ends_in_one_sentence(command, blur, tmp_path):
    (tmp_path / "file").write_text("here before")
    result = command("train", "blur", "-o", tmp_path / "file")
    assert "Could not write" in sentence(result, 1)
    assert result.files == []
    assert (tmp_path / "file").read_text() == "here before"


def test_a_checkpoint_cut_in_half_ends_in_one_sentence(command, blur, tmp_path):
    command("train", "blur")
    path = tmp_path / "here" / "runs" / "blur" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = command("train", "blur")
    assert "Delete it to start again" in sentence(result, 1)
    assert result.files == FINISHED


def test_of_a_caption_in_which_nothing_is_understood_the_nearest_words_are_named(command):
    result = command("scenes", "a kat", "-o", "kat.png")
    assert (result.code, result.files) == (2, [])
    assert result.err.endswith("The nearest known: cat.\n")
