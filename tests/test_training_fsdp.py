"""A model shared out among two processes: what each holds, the losses and files of one, and what is refused."""

import gc
import json
import os
import socket
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from safetensors.torch import load_file
from small_recipes import autoencoder, text_to_image, towers

from t2ilab.device import DeviceManager
from t2ilab.recipes import clip_storybook, language_shapes
from t2ilab.recipes.run import Run
from t2ilab.training import fsdp, processes
from t2ilab.training.calls import watched
from t2ilab.training.checkpoint import load_checkpoint
from t2ilab.training.ema import Average
from t2ilab.training.loop import Plan, train
from t2ilab.training.muon import Muon

STEPS = 20
FEW = 4  # of the other recipes
FACTS = {"processes": 2}


def language(cpu):
    return language_shapes.Recipe(cpu, 3)


RECIPES = {"text to image": text_to_image, "autoencoder": autoencoder, "towers": towers, "language": language}


def steps_of(recipe, path=None, stop=None, shared=False, **changes):
    plan = Plan(STEPS, 1e-3, 5, facts=FACTS, fsdp=shared, **changes)
    return list(islice(train(recipe.model, recipe.loss, plan, path, every_seconds=-1), stop))


def losses(steps):
    return torch.tensor([step.loss for step in steps])


def held():
    """Bytes of all tensors of this process that are in use, each storage once."""
    gc.collect()
    storages = {}
    for one in gc.get_objects():
        if issubclass(type(one), torch.Tensor) and one.device.type == "cpu" and not hasattr(one, "placements"):
            storages[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
    return sum(storages.values())


def bytes_between_steps(recipe, shared):
    """What a training holds between two steps beside the recipe's own: weights, moments, average."""
    weights = sum(p.numel() * p.element_size() for p in recipe.model.parameters())
    before = held() - weights
    plan = Plan(STEPS, 1e-3, 5, facts=FACTS, fsdp=shared)
    training = train(recipe.model, recipe.loss, plan, every_seconds=1e9)
    for _ in range(3):
        next(training)
    recipe.model.zero_grad()  # as the next step would begin
    return held() - before


def one_of_two(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "T2ILAB_DEVICE": "cpu"}
    torch.set_num_threads(1)
    clip_storybook.BATCH = 16
    assert processes.join() == 2
    folder, cpu = Path(folder), DeviceManager("cpu")
    cpu.dtype = torch.float32  # measured on a busy machine it may be either, in each process on its own
    found = {}
    for name in list(RECIPES)[1:]:
        found[name] = losses(steps_of(RECIPES[name](cpu), shared=True, stop=FEW))
    found["in parts"] = losses(steps_of(text_to_image(cpu), shared=True, stop=FEW, accumulate=2))
    found["whole, bytes"] = bytes_between_steps(text_to_image(cpu), False)
    found["shared out, bytes"] = bytes_between_steps(text_to_image(cpu), True)
    *_, last = whole = steps_of(text_to_image(cpu), folder / "whole", shared=True)
    found["text to image"] = losses(whole)
    found["average"] = {name: tensor for name, tensor in last.average.state_dict().items() if not tensor.is_meta}
    first = steps_of(text_to_image(cpu), folder / "broken", 7, shared=True)  # of which six are saved
    torch.distributed.barrier()
    second = steps_of(text_to_image(cpu), folder / "broken", shared=True)
    found["gone on with"] = torch.cat([losses(first)[:6], losses(second)])
    made = Run("vae-shapes", folder / "run", steps=2, device=cpu, fsdp=True)
    for step in made.steps(sheet_seconds=-1):
        found["drawn"] = step.whole
    torch.distributed.barrier()
    assert Run("vae-shapes", folder / "run", device=cpu).fsdp  # it goes on as it was
    torch.save(found, folder / f"{rank}.pt")
    processes.leave()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found, and the folder that they wrote into."""
    module = pytest.importorskip("torch.distributed.fsdp")
    if not hasattr(getattr(module, "FSDPModule", None), "set_force_sum_reduction_for_comms"):
        pytest.skip("this torch shares nothing out over gloo")
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(one_of_two, (port, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)], folder


@pytest.mark.parametrize("name", RECIPES)
def test_losses_are_those_of_one_process_that_holds_all(two, name, cpu, monkeypatch):
    monkeypatch.setattr(clip_storybook, "BATCH", 16)
    alone = losses(steps_of(RECIPES[name](cpu), stop=STEPS if name == "text to image" else FEW))
    assert torch.equal(two[0][0][name], two[0][1][name])
    torch.testing.assert_close(two[0][0][name], alone, rtol=0, atol=1e-5)
    if name == "text to image":
        torch.testing.assert_close(two[0][0]["in parts"], alone[:FEW], rtol=0, atol=1e-5)
    assert alone[0] != alone[-1]


def test_each_process_holds_about_half(two):
    for found in two[0]:
        assert 0.48 < found["shared out, bytes"] / found["whole, bytes"] < 0.55


def test_a_shared_run_that_was_broken_off_goes_on_as_it_was(two):
    assert torch.equal(two[0][0]["gone on with"], two[0][0]["text to image"])
    assert (two[1] / "broken").read_bytes() == (two[1] / "whole").read_bytes()


def test_process_0_writes_a_whole_checkpoint_that_a_run_alone_reads(two, cpu):
    recipe = text_to_image(cpu)
    optimizer, average = Muon(recipe.model), Average(recipe.model)
    assert load_checkpoint(two[1] / "whole", recipe.model, average, optimizer) == (STEPS, FACTS)
    alone = text_to_image(cpu)
    *_, last = steps_of(alone, two[1] / "alone")
    theirs, ours = load_file(two[1] / "whole"), load_file(two[1] / "alone")
    assert theirs.keys() == ours.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=0, atol=2e-3, msg=name)
    for name, tensor in two[0][0]["average"].items():
        assert torch.equal(average.model.state_dict()[name], tensor)
        torch.testing.assert_close(last.average.state_dict()[name], tensor, rtol=0, atol=1e-3)
    assert two[0][0]["average"].keys() == last.average.state_dict().keys()
    assert not two[0][1]["average"].keys() & {name for name, _ in recipe.model.named_parameters()}
    (step,) = steps_of(text_to_image(cpu), two[1] / "whole")  # complete: there is nothing left to do
    assert step.step == STEPS


def test_a_shared_run_leaves_what_others_leave(two, cpu):
    folder = two[1] / "run"
    assert two[0][0]["drawn"]
    assert (folder / "sheets" / "000002.png").is_file()
    assert len((folder / "log.jsonl").read_text().splitlines()) == 2
    with pytest.raises(OSError, match="holds a run in 2 processes"):
        Run("vae-shapes", folder, device=cpu)


def test_accelerate_launch_makes_the_same_run(two, tmp_path):
    kept = {name: value for name, value in os.environ.items() if name not in ("WORLD_SIZE", "RANK")}
    own = {"T2ILAB_DEVICE": "cpu", "OMP_NUM_THREADS": "1", "HF_HOME": str(tmp_path)}  # where its settings would be
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    train_ = ["-m", "t2ilab", "train", "vae-shapes", "--steps", "2", "--fsdp", "-o", str(tmp_path / "run")]
    done = subprocess.run(
        [*launcher, "--main_process_port", "0", *train_], capture_output=True, text=True, env=kept | own
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model" / "card.json").is_file()
    found, expected = (
        [json.loads(line)["loss"] for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
        for folder in (tmp_path, two[1])
    )
    # The command measures whether bfloat16 is faster, and may compute in it.
    assert found == pytest.approx(expected, rel=0.02)
    with pytest.raises(OSError, match="holds a run in 2 processes"):
        Run("vae-shapes", tmp_path / "run")


def test_what_cannot_be_shared_out_is_a_sentence(cpu, tmp_path):
    with pytest.raises(ValueError, match=r"among processes; got one\. Add --processes 2, or leave it out"):
        Run("vae-shapes", tmp_path / "one", steps=1, device=cpu, fsdp=True)
    with pytest.raises(ValueError, match="gan-conditional trains its networks as they are; leave --fsdp out"):
        Run("gan-conditional", tmp_path / "gan", steps=1, device=cpu, fsdp=True)
    with pytest.raises(ValueError, match="compiled or shared out, not both yet; got compiler='inductor'"):
        Plan(1, compiler="inductor", fsdp=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_gathered_together_is_a_block_and_whatever_is_called_from_elsewhere_too(cpu):
    recipe = text_to_image(cpu)
    names = {module: name for name, module in recipe.model.named_modules()}
    units = [names[unit] for unit in fsdp._units(recipe.model, watched(recipe.model, recipe.loss))]
    assert {"text_encoder", "unet"} <= {*units}
    assert {"unet.down_blocks.0.resnets.0", "unet.mid_block.attentions.0", "text_encoder.encoder.layers.1"} <= {*units}
    assert not [name for name in units if name.endswith(("to_out.0", "conv1"))]  # within blocks
    t5 = language(cpu)
    names = {module: name for name, module in t5.model.named_modules()}
    units = [names[unit] for unit in fsdp._units(t5.model, watched(t5.model, t5.loss))]
    assert {"shared", "decoder", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias"} <= {*units}
