"""A run in its folder: what it writes, what happens when it is killed, and what a folder of another run says."""

import errno
import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
import torch
from PIL import Image
from safetensors import SafetensorError

from t2ilab import zoo
from t2ilab.files import read_json
from t2ilab.recipes import run
from t2ilab.recipes.run import Run
from t2ilab.training import board, checkpoint, loop

# A recipe that takes a millisecond a step, in a file of its own so that a process to be killed can have it too.
RECIPE = '''"""`blur`: a convolution that learns to blur.

More words, which no card shows."""

from pathlib import Path

import torch
from torch import nn
from t2ilab.interop.weights import read_weights, write_weights
from t2ilab.training.loop import Plan

STEPS = 9
DATA = "Noise, drawn as it trains."
LIMITS = "It only blurs."


class Recipe:
    def __init__(self, device, seed=0):
        device.seed(seed)
        self.device, self.seed = device, seed
        layers = nn.Conv2d(3, 6, 3, padding=1), nn.SiLU(), nn.Conv2d(6, 3, 3, padding=1)
        self.model = device.place(nn.Sequential(*layers))

    def start_from(self, start):
        read_weights(Path(start) / "model.safetensors", self.model)

    def plan(self, steps=STEPS):
        return Plan(steps, 1e-2, warmup=2, facts={"recipe": "blur", "seed": self.seed, "steps": steps})

    def loss(self, step):
        x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(100 * self.seed + step))
        with self.device.autocast():
            return (self.model(x) - nn.functional.avg_pool2d(x, 3, 1, 1)).square().mean()

    def measure(self, model):
        return {"sharp": 0.123456}

    def sheet(self, model):
        return torch.zeros(4, 3, 8, 8)

    def save(self, model, folder):
        write_weights(folder / "model.safetensors", model)
'''

KILLED = """
import sys
sys.path.insert(0, {recipe!r})
import blur
from pathlib import Path
from t2ilab.device import DeviceManager
from t2ilab.recipes import run
from t2ilab.training import loop
run.find = lambda name: blur
loop.train.__defaults__ = (None, -1.0)  # a checkpoint after every step
device = DeviceManager("cpu")
device.dtype = __import__("torch").float32
for step in run.Run("blur", Path({folder!r}), device=device).steps():
    if step.step == 4:
        print("four", flush=True)
        sys.stdin.read()  # until it is killed
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """`blur` is the one recipe that there is."""
    (tmp_path / "recipe").mkdir()
    path = tmp_path / "recipe" / "blur.py"
    path.write_text(RECIPE)
    spec = importlib.util.spec_from_file_location("blur", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(run, "find", lambda name: module)
    return module


@pytest.fixture
def start(recipe, cpu, tmp_path, monkeypatch):
    """Begins a run that saves after every step."""
    monkeypatch.setattr(loop.train, "__defaults__", (None, -1.0))
    monkeypatch.setattr(run, "open_board", lambda folder, first_step: None)

    def begin(folder="run", **arguments):
        return Run("blur", tmp_path / folder, device=cpu, **arguments)

    return begin


def everything(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def losses(made):
    return [(row["step"], row["loss"]) for row in made.log()]


def test_a_run_leaves_plan_log_and_checkpoint(start, tmp_path):
    made = start()
    steps = list(made.steps())
    assert [step.step for step in steps] == list(range(1, 10))
    assert losses(made) == [(step.step, round(step.loss, 6)) for step in steps]
    assert all(row["seconds"] >= 0 for row in made.log())
    plan = {"recipe": "blur", "seed": 0, "steps": 9, "device": "cpu", "dtype": "float32"}
    assert read_json(tmp_path / "run" / "plan.json") == plan
    assert everything(tmp_path / "run").keys() == {"plan.json", "log.jsonl", "checkpoint.safetensors"}


def test_finish_leaves_model_and_card(start, tmp_path):
    made = start(steps=3, seed=4)
    *_, last = made.steps()
    card = made.finish(last.average)
    folder = tmp_path / "run" / "model"
    assert card == zoo.card_of(folder)
    assert (card.name, card.seed, card.steps, card.scores) == ("blur", 4, 3, {"sharp": 0.1235})
    assert card.summary == "`blur`: a convolution that learns to blur."
    assert card.command == "t2ilab train blur --steps 3 --seed 4"
    assert card.parameters == sum(p.numel() for p in last.average.parameters())
    assert (card.data, card.limits) == ("Noise, drawn as it trains.", "It only blurs.")
    assert "CPU" in card.hardware
    assert torch.__version__.split("+")[0] in card.hardware
    assert card.sha256 == {"model.safetensors": zoo.sha256(folder / "model.safetensors")}


def test_a_sheet_is_a_picture_named_by_its_step(start, tmp_path):
    made = start(steps=1)
    (step,) = made.steps()
    path = made.draw(step)
    assert path == tmp_path / "run" / "sheets" / "000001.png"
    with Image.open(path) as sheet:
        assert sheet.size == (3 * (8 + 2 + 8), 3 * (8 + 2 + 8))  # two by two, enlarged three times
    sheets = start("other", steps=2)
    list(sheets.steps(sheet_seconds=-1))
    assert len(list((tmp_path / "other" / "sheets").iterdir())) == 2


@pytest.mark.parametrize("stop", [1, 4, 8])
def test_a_run_broken_off_goes_on_bit_for_bit_and_its_log_is_exact(start, tmp_path, stop):
    whole = start("whole")
    list(whole.steps())
    broken = start("broken")
    for step in broken.steps():
        if step.step == stop:
            break
    resumed = start("broken")
    steps = [step.step for step in resumed.steps()]
    assert steps == list(range(max(1, stop), 10))
    assert losses(resumed) == losses(whole)
    name = "checkpoint.safetensors"
    assert everything(tmp_path / "broken")[name] == everything(tmp_path / "whole")[name]


def test_a_killed_process_leaves_a_run_that_goes_on_bit_for_bit(start, tmp_path):
    whole = start("whole")
    list(whole.steps())
    code = KILLED.format(recipe=str(tmp_path / "recipe"), folder=str(tmp_path / "killed"))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )  # fmt: skip
    assert process.stdout.readline() == "four\n"
    process.kill()
    process.communicate()
    assert process.returncode != 0
    log = (tmp_path / "killed" / "log.jsonl").read_text().splitlines()
    assert len(log) == 4  # nothing that it did is lost
    (tmp_path / "killed" / ".checkpoint.safetensors.123.part").write_bytes(b"half")  # had it been writing
    resumed = start("killed")
    steps = [step.step for step in resumed.steps()]
    assert steps == list(range(4, 10))  # the fourth was done, but not yet saved
    assert losses(resumed) == losses(whole)
    name = "checkpoint.safetensors"
    assert everything(tmp_path / "killed")[name] == everything(tmp_path / "whole")[name]
    ours = {file for file in everything(tmp_path / "killed") if not file.startswith("tensorboard/")}
    assert ours == {"plan.json", "log.jsonl", name}


def test_a_run_can_start_from_a_model_and_its_card_says_so(start, tmp_path):
    *_, last = (first := start("first")).steps()
    assert "--start" not in first.finish(last.average).command
    model = str(tmp_path / "first" / "model")
    second = start("second", seed=1, steps=3, start=model)
    assert losses(second) == []
    weights = [p.clone() for p in second.recipe.model.parameters()]
    for mine, theirs in zip(weights, last.average.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)  # kept in half precision
    assert second.plan.learning_rate == first.plan.learning_rate / 2
    *_, last = second.steps()
    assert second.finish(last.average).command == f"t2ilab train blur --steps 3 --seed 1 --start {model}"


def test_a_run_that_started_from_a_model_goes_on_without_it(start, tmp_path):
    *_, last = (first := start("first")).steps()
    first.finish(last.average)
    model = tmp_path / "first" / "model"
    whole = start("whole", seed=1, start=str(model))
    list(whole.steps())
    broken = start("broken", seed=1, start=str(model))
    for step in broken.steps():
        if step.step == 5:
            break
    for file in model.iterdir():
        file.unlink()
    again = start("broken", seed=1)  # the folder knows what it started from
    list(again.steps())
    assert losses(again) == losses(whole)
    with pytest.raises(OSError, match="holds another run"):
        start("broken", seed=1, start="another")


def test_whoever_goes_on_is_told_that_it_began_with_a_model(start, recipe, tmp_path, monkeypatch):
    *_, last = (first := start("first")).steps()
    first.finish(last.average)
    told = []
    monkeypatch.setattr(recipe.Recipe, "goes_on", lambda self, start: told.append((self, start)), raising=False)
    model = str(tmp_path / "first" / "model")
    begun = start("begun", seed=1, start=model)
    next(iter(begun.steps()))
    again = start("begun", seed=1)  # from its checkpoint, or from nothing where there is none yet
    start("nothing")
    assert told == [(begun.recipe, model), (again.recipe, model)]


@pytest.mark.parametrize("own", [False, True])
def test_a_start_that_does_not_fit_leaves_what_was_there_before(start, tmp_path, own):
    if own:  # a folder that the user made stays
        (tmp_path / "runs" / "run").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match=r"model.safetensors is missing"):
        start("runs/run", start=str(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_log_cut_in_a_line_is_mended_by_going_on(start, tmp_path):
    whole = start("whole")
    list(whole.steps())
    broken = start("broken")
    for step in broken.steps():
        if step.step == 5:
            break
    with (tmp_path / "broken" / "log.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')
    resumed = start("broken")
    list(resumed.steps())
    assert losses(resumed) == losses(whole)


def test_a_finished_run_started_again_can_be_measured_and_saved_again(start):
    made = start(steps=3)
    *_, last = made.steps()
    card = made.finish(last.average)
    again = start()
    (step,) = again.steps()
    assert (step.step, step.loss) == (3, made.log()[-1]["loss"])
    assert len(again.log()) == 3
    assert again.finish(step.average) == card


def test_minutes_are_turned_into_steps_once(start, tmp_path, monkeypatch):
    made = start(minutes=0.01)
    steps = read_json(tmp_path / "run" / "plan.json")["steps"]
    assert made.plan.steps == steps >= 1
    assert start(minutes=5).plan.steps == steps  # a run that goes on keeps its plan
    assert start().plan.steps == steps
    steady = [loop.Step(n, 0.0, 0.25, None) for n in range(12)]
    monkeypatch.setattr(run, "train", lambda *_: iter(steady))
    assert start("other", minutes=2).plan.steps == 480  # 120 seconds of a quarter second each


def test_precision_is_kept_when_a_run_goes_on(start, cpu, tmp_path):
    start()
    cpu.dtype = torch.bfloat16  # what another measurement might have found
    start()
    assert cpu.dtype == torch.float32
    assert read_json(tmp_path / "run" / "plan.json")["dtype"] == "float32"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"steps": 0}, r"at least one step or a positive number of minutes; got 0\."),
        ({"steps": -2}, r"got -2\."),
        ({"minutes": 0}, r"got 0\."),
        ({"minutes": -1.0}, r"got -1\.0\."),
        ({"minutes": float("nan")}, r"got nan\."),
        ({"minutes": float("inf")}, r"got inf\."),
        ({"steps": 3, "minutes": 1.0}, "takes steps or minutes; got both, 3 and 1.0"),
        ({"seed": -1}, r"A seed is a whole number from 0 to 2\^32 - 1; got -1"),
        ({"seed": 2**80}, "A seed is a whole number"),
    ],
)
def test_numbers_that_make_no_run_are_refused_before_anything_is_written(start, tmp_path, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        start(**arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "theirs", "ours"),
    [
        ({"seed": 1}, "seed 0", "seed 1"),
        ({"steps": 8}, "steps 9", "steps 8"),
        ({"seed": 1, "accumulate": 2}, "seed 0, accumulate 1", "seed 1, accumulate 2"),
    ],
)
def test_another_run_in_the_folder_is_refused_and_what_differs_is_named(start, tmp_path, arguments, theirs, ours):
    list(start().steps())
    before = everything(tmp_path / "run")
    sentence = f"run holds another run, with {theirs}; asked for: {ours}. Choose another folder with -o, or delete it."
    with pytest.raises(OSError, match=re.escape(sentence)):
        start(**arguments)
    assert everything(tmp_path / "run") == before


@pytest.mark.parametrize("content", ["[]", "{}", '{"recipe": "blur"}', "{"])
def test_a_damaged_plan_is_said(start, tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text(content)
    with pytest.raises(OSError, match=r"holds another run|not readable as JSON"):
        start()


def test_a_folder_that_cannot_be_written_is_said_before_any_work(start, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "train", lambda *_: pytest.fail("it began to time steps"))
    (tmp_path / "file").write_text("here before")
    with pytest.raises(OSError, match=r"Could not write .*plan\.json: .* Choose another folder"):
        start("file/run", minutes=1)
    assert (tmp_path / "file").read_text() == "here before"


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_disk_that_fills_keeps_the_last_checkpoint_and_the_run_goes_on_later(start, tmp_path, monkeypatch, failure):
    whole = start("whole")
    list(whole.steps())
    save, calls = checkpoint.save_file, []

    def fills(tensors, path, metadata):
        calls.append(path)
        if len(calls) == 4:
            path.write_bytes(b"half")
            raise failure
        save(tensors, path, metadata=metadata)

    monkeypatch.setattr(checkpoint, "save_file", fills)
    made = start()
    with pytest.raises(OSError, match=r"^The run stopped: Could not write .*No space left.* start again to go on\.$"):
        list(made.steps())
    assert everything(tmp_path / "run").keys() == {"plan.json", "log.jsonl", "checkpoint.safetensors"}
    resumed = start()
    assert [step.step for step in resumed.steps()] == list(range(4, 10))  # the third was the last to be saved
    assert losses(resumed) == losses(whole)
    name = "checkpoint.safetensors"
    assert everything(tmp_path / "run")[name] == everything(tmp_path / "whole")[name]


def test_a_damaged_checkpoint_is_said_without_advice_that_does_not_help(start, tmp_path):
    list(start().steps())
    path = tmp_path / "run" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(OSError, match=r"is cut short, .* Delete it to start again\.$") as error:
        list(start().steps())
    assert "The last checkpoint is kept" not in str(error.value)


def test_a_run_that_diverges_keeps_its_last_checkpoint(start, tmp_path, recipe, monkeypatch):
    loss = recipe.Recipe.loss
    monkeypatch.setattr(recipe.Recipe, "loss", lambda self, step: loss(self, step) * (float("nan") if step == 3 else 1))
    with pytest.raises(FloatingPointError, match="Step 4 has a loss of nan"):
        list(start().steps())
    monkeypatch.undo()
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 3


def test_every_recipe_is_found_by_the_name_of_its_model():
    assert {"shapes-pixel", "storybook-pixel", "reader"} <= set(run.names())
    assert not {"run", "pixel"} & set(run.names())
    for name in run.names():
        module = run.find(name)
        assert name == module.NAME
        assert module.STEPS > 0
        for text in (module.DATA, module.LIMITS, module.__doc__.strip().splitlines()[0]):
            assert len(text) > 20


@pytest.mark.parametrize(
    ("name", "near"), [("shapes-pixl", "shapes-pixel"), ("raeder", "reader"), ("", "shapes-pixel"), ("run", "")]
)
def test_an_unknown_recipe_gets_the_nearest(name, near):
    with pytest.raises(ValueError, match=rf"There is no recipe '{name}'; the nearest: .*{near}"):
        run.find(name)


def test_rows_of_the_log_are_json(start, tmp_path):
    list(start(steps=2).steps())
    for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines():
        assert json.loads(line).keys() == {"step", "loss", "seconds"}


# ---- curves, and batches met in parts --------------------------------------------------------------------------------


def test_tensorboard_shows_the_log_of_a_run_and_of_one_that_went_on(start, tmp_path, monkeypatch):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr(run, "open_board", board.open_board)
    made = start()
    walk = made.steps()
    for _ in range(4):
        next(walk)
    walk.close()
    made = start()
    assert len(list(made.steps())) > 4
    shown = events.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    shown.Reload()
    assert shown.Tags()["scalars"] == ["loss", "seconds"]
    curve = [(event.step, round(event.value, 5)) for event in shown.Scalars("loss")]
    assert curve == [(step, pytest.approx(loss, abs=1e-5)) for step, loss in losses(made)]


def test_without_tensorboard_a_run_has_its_log(start, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "open_board", board.open_board)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    made = start()
    list(made.steps())
    assert len(made.log()) == 9
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_in_how_many_parts_is_kept_when_a_run_goes_on(start, tmp_path):
    made = start(accumulate=3)
    next(made.steps())
    assert (made.plan.accumulate, read_json(tmp_path / "run" / "plan.json")["accumulate"]) == (3, 3)
    assert start().plan.accumulate == 3
    with pytest.raises(OSError, match="holds another run"):
        start(accumulate=2)
    assert start("whole", accumulate=1).plan == start("plain").plan
