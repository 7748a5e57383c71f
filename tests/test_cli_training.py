"""`t2ilab train` as a user meets it: a whole run, the same run again, and one sentence for whatever goes wrong."""

import errno
import os
from types import SimpleNamespace

import pytest
import torch
from safetensors import SafetensorError
from said import sentence
from torch import nn

from t2ilab.interop.weights import write_weights
from t2ilab.recipes import run
from t2ilab.training import checkpoint
from t2ilab.training.loop import Plan


@pytest.fixture
def blur(monkeypatch, cpu):
    """A recipe of a few weights and two steps in place of all recipes, as where TensorBoard is not installed."""
    monkeypatch.setattr(run, "open_board", lambda folder, first_step: None)

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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "shapes-pixl"], "There is no recipe 'shapes-pixl'; the nearest: shapes-pixel"),
        (["train", "shapes-pixel", "--steps", 0], "at least one step or a positive number of minutes; got 0"),
        (["train", "shapes-pixel", "--minutes", "nan"], "got nan"),
        (["train", "shapes-pixel", "--steps", 5, "--minutes", 1], "takes steps or minutes; got both"),
        (["train", "shapes-pixel", "--seed", -4], "A seed is a whole number"),
    ],
)
def test_names_and_numbers_that_are_none_get_one_sentence(command, arguments, words):
    result = command(*arguments)
    assert words in sentence(result, 2)
    assert (len(result.err.splitlines()), result.files) == (1, [])


# ---- fine-tuning -----------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """What a run is made of, in place of running it."""
    from t2ilab.recipes import run

    calls = []

    def Run(name, folder, *numbers, **options):
        calls.append((name, folder.as_posix(), options["changes"]))
        raise ValueError("That is all.")

    monkeypatch.setattr(run, "Run", Run)
    return calls


@pytest.mark.parametrize(
    ("arguments", "name", "changes"),
    [
        ([], "monsters", {}),
        (["--method", "full", "--learning-rate", 0.001], "monsters", {"learning_rate": 0.001}),
        (["--method", "lora", "--rank", 4, "--base", "shapes"], "monsters-lora", {"base": "shapes", "rank": 4}),
        (
            ["--method", "dreambooth", "--prior", 0, "--word", "zuzu", "--data", "my/cat"],
            "monsters-dreambooth",
            {"data": "my/cat", "word": "zuzu", "prior": 0.0},
        ),
        (["--method", "textual-inversion", "--like", "cat"], "monsters-textual-inversion", {"like": "cat"}),
        (["--batch", 4, "--caption-column", "said"], "monsters", {"batch": 4, "caption_column": "said"}),
    ],
)
def test_a_method_is_a_recipe_and_its_options_are_numbers(command, asked, arguments, name, changes):
    assert sentence(command("train", "monsters", *arguments), 2) == "That is all."
    assert asked == [(name, f"runs/{name}", changes)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["train", "monsters", "--method", "lara"],
            "A method is one of full, lora, dreambooth, textual-inversion; got",
        ),
        (["train", "shapes", "--method", "lora"], "Only monsters has methods; got shapes with --method lora."),
        (["train", "monsters", "--rank", 4], "The recipe monsters has no rank; these have it: monsters-lora."),
        (["train", "reader", "--base", "shapes"], "The recipe reader has no base; these have it:"),
        (["train", "vae-shapes", "--vae", "vae-shapes"], "The recipe vae-shapes has no vae; these have it: shapes,"),
        (["train", "shapes-pixel", "--vae", "vae-shapes"], "vae-shapes has latents of 4 channels, and this"),
        (["train", "cascade-shapes-16", "--told", "nobody"], "by 'nobody', which is neither in the zoo nor a folder."),
        (["train", "decoder-shapes", "--told", "nobody"], "Train one by `t2ilab train clip-storybook`, and give its"),
        (["train", "monsters", "--base", "storybok"], "The zoo has no 'storybok'; the nearest it has: storybook"),
        (["train", "monsters", "--method", "lora", "--base", "shapes", "--rank", 0], "got 0. 4 is usual."),
        (["train", "monsters", "--base", "shapes", "--data", "nowhere"], "There is no folder 'nowhere'"),
        (["train", "monsters", "--start", "shapes"], "give --base shapes in place of --start"),
    ],
)
def test_fine_tunings_that_cannot_be_get_one_sentence(command, monkeypatch, arguments, words):
    from t2ilab.data.monsters import monsters
    from t2ilab.recipes import examples

    monkeypatch.setattr(examples, "monsters", lambda: monsters(4))
    result = command(*arguments)
    assert words in sentence(result, 2)
    assert [file for file in result.files if not file.startswith("runs")] == []
    assert not any("plan.json" in file for file in result.files)


@pytest.mark.parametrize(
    ("method", "file"), [("lora", "pytorch_lora_weights"), ("textual-inversion", "learned_embeds")]
)
def test_a_folder_of_ones_own_trains_an_adapter_or_a_word(command, monkeypatch, tmp_path, method, file):
    import json

    from PIL import Image

    from t2ilab.recipes import finetuning

    monkeypatch.setattr(finetuning, "COUNT", 2)
    monkeypatch.setattr(finetuning, "old_prompts", lambda *_: {})
    own = tmp_path / "own"
    own.mkdir()
    for i in range(3):
        Image.new("RGB", (30, 20), (80 * i, 50, 90)).save(own / f"{i}.png")
    rows = [json.dumps({"file_name": f"{i}.png", "text": "a red thing"}) for i in range(3)]
    (own / "metadata.jsonl").write_text("\n".join(rows))
    how = ["--method", method, "--base", "shapes", "--data", own, "--steps", 2, "--batch", 2, "-o", "mine"]
    result = command("train", "monsters", *how)
    assert result.code == 0, result.err
    assert f"mine/model/{file}.safetensors" in result.files
    assert "mine/model/card.json" in result.files
    assert "tuned: " in result.out
    assert f"monsters-{method} --steps 2 --seed 0 --base shapes --data {own}" in (
        (tmp_path / "here" / "mine" / "model" / "card.json").read_text()
    )
