"""Two processes that share every batch, against one that has it whole: losses, weights, files, and what they refuse."""

import os
import re
import socket
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from small_recipes import autoencoder, text_to_image, towers

from t2ilab.device import DeviceManager
from t2ilab.recipes import clip_storybook
from t2ilab.recipes.run import Run
from t2ilab.training import processes
from t2ilab.training.loop import Plan, train

STEPS = 20


RECIPES = {"text to image": text_to_image, "autoencoder": autoencoder, "towers": towers}


def curve(make, cpu, path=None, stop=None):
    """The losses of a short training, and the weights at its end; with a checkpoint after each step."""
    recipe = make(cpu)
    plan = Plan(STEPS, 1e-3, 5, facts={"processes": processes.count()})
    done = list(islice(train(recipe.model, recipe.loss, plan, path, every_seconds=-1), stop))
    flat = torch.cat([p.detach().reshape(-1) for p in recipe.model.parameters()])
    return torch.tensor([step.loss for step in done]), flat


def one_of_two(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "T2ILAB_DEVICE": "cpu"}
    torch.set_num_threads(1)
    clip_storybook.BATCH = 16
    assert processes.join() == 2
    assert (processes.rank(), processes.share(6)) == (rank, slice(3 * rank, 3 * rank + 3))
    with pytest.raises(ValueError, match="5 rows and 2 processes do not go together"):
        processes.share(5)
    folder, cpu = Path(folder), DeviceManager("cpu")
    cpu.dtype = torch.float32  # measured on a busy machine it may be either, in each process on its own
    found = {name: curve(make, cpu) for name, make in RECIPES.items()}
    # Broken off after seven steps, of which six are saved, and gone on with.
    first, _ = curve(text_to_image, cpu, folder / "broken", 7)
    torch.distributed.barrier()
    second, weights = curve(text_to_image, cpu, folder / "broken")
    found["gone on with"] = torch.cat([first[:6], second]), weights
    torch.manual_seed(rank)  # and as if the weights had been drawn by each for itself
    module = torch.nn.Linear(2, 2)
    processes.alike(module)
    found["drawn apart"] = torch.tensor(0), module.weight.detach()
    made = Run("vae-shapes", folder / "run", steps=2, device=cpu)
    found["run"] = torch.tensor([step.loss for step in made.steps()]), torch.tensor(made.writes)
    torch.distributed.barrier()
    again = Run("vae-shapes", folder / "run", device=cpu)  # complete: it goes on where it was
    assert again.plan.steps == 2
    torch.save(found, folder / f"{rank}.pt")
    processes.leave()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found, and the folder that they wrote into."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(one_of_two, (port, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)], folder


@pytest.mark.parametrize("name", RECIPES)
def test_twenty_steps_have_the_losses_of_one_process(two, name, cpu, monkeypatch):
    monkeypatch.setattr(clip_storybook, "BATCH", 16)
    losses, _ = curve(RECIPES[name], cpu)
    (first, theirs), (second, others) = (found[name] for found in two[0])
    assert torch.equal(first, second)
    assert torch.equal(theirs, others)
    torch.testing.assert_close(first, losses, rtol=0, atol=1e-5)
    assert not torch.equal(losses[:1], losses[-1:])


def test_a_run_of_two_that_was_broken_off_goes_on_as_it_was(two):
    whole, broken = two[0][0]["text to image"], two[0][0]["gone on with"]
    assert torch.equal(whole[0], broken[0])
    assert torch.equal(whole[1], broken[1])


def test_all_begin_with_the_weights_of_the_first(two):
    torch.manual_seed(0)
    expected = torch.nn.Linear(2, 2).weight
    for found in two[0]:
        assert torch.equal(found["drawn apart"][1], expected)


def test_one_writes_the_runs_files(two, cpu):
    found, folder = two
    assert [bool(each["run"][1]) for each in found] == [True, False]
    assert len((folder / "run" / "log.jsonl").read_text().splitlines()) == 2
    with pytest.raises(OSError, match=r"holds a run in 2 processes, and this is one in 1\. Go on with --processes 2"):
        Run("vae-shapes", folder / "run", device=cpu)


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("name", ["text to image", "autoencoder"])
def test_a_batch_met_in_parts_has_the_losses_of_the_whole(name, parts, cpu):
    found = []
    for accumulate in (1, parts):
        recipe = RECIPES[name](cpu)
        plan = Plan(STEPS, 1e-3, 5, accumulate=accumulate)
        steps = list(train(recipe.model, recipe.loss, plan))
        found.append((torch.tensor([step.loss for step in steps]), next(recipe.model.parameters()).detach()))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=0, atol=1e-3)
    assert not torch.equal(found[0][0][:1], found[0][0][-1:])


def test_the_parts_are_the_rows_in_their_order():
    rows = []
    for index in range(3):
        with processes.part(index, 3):
            assert processes.parts() == 3
            rows += range(12)[processes.share(12)]
    assert rows == list(range(12))
    assert processes.share(12) == slice(0, 12)  # afterwards, the whole again
    with pytest.raises(ZeroDivisionError), processes.part(1, 2):
        raise ZeroDivisionError
    assert processes.parts() == 1


def test_what_is_not_met_in_parts_is_a_sentence(cpu, tmp_path):
    with processes.part(0, 3), pytest.raises(ValueError, match="8 rows and 3 parts do not go together"):
        processes.share(8)
    recipe = towers(cpu)
    with processes.part(0, 2), pytest.raises(ValueError, match="compares a whole batch and is not met in parts; got 2"):
        recipe.loss(0)
    with pytest.raises(ValueError, match="look at whole batches; gan-conditional was to at parts"):
        Run("gan-conditional", tmp_path / "gan", steps=1, device=cpu, accumulate=2)
    assert not list(tmp_path.glob("gan/*"))
    with pytest.raises(ValueError, match="at least one part; got accumulate=0"):
        Plan(1, accumulate=0)


def test_one_process_alone_has_everything():
    assert (processes.count(), processes.rank(), processes.share(5), processes.same(7)) == (1, 0, slice(0, 5), 7)
    assert processes.own_device() is None


def test_a_launcher_that_says_no_number_is_a_sentence(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(ValueError, match="how many processes there are, such as 2; got 'two'"):
        processes.join()


def test_accelerate_that_starts_one_in_place_of_several_is_a_sentence(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert processes.join() == 1  # one was asked for, so it has given no address
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(ValueError, match=r"several processes and has started one.* Add --multi_gpu, without --cpu"):
        processes.join()


def command(*arguments):
    kept = {name: value for name, value in os.environ.items() if name not in ("WORLD_SIZE", "RANK")}
    return subprocess.run(
        [sys.executable, "-m", "t2ilab", "train", *map(str, arguments)], capture_output=True, text=True, env=kept
    )


def test_the_command_starts_two_that_make_one_model(tmp_path):
    done = command("vae-shapes", "--steps", 1, "--processes", 2, "-o", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("psnr") == 1
    assert (tmp_path / "run" / "model" / "card.json").is_file()


def test_where_one_stops_with_an_error_all_stop_and_it_is_said_first(tmp_path):
    (tmp_path / "file").write_text("")
    done = command("vae-shapes", "--steps", 1, "--processes", 2, "-o", tmp_path / "file" / "run")
    assert done.returncode != 0
    first = next(line for line in done.stderr.splitlines() if re.search(r"rror|annot|not", line))
    assert "file" in first, done.stderr[:2000]
    none = command("vae-shapes", "--processes", 0)
    assert none.returncode != 0
    assert "at least one process; got 0" in none.stderr
