"""Training from shards: what a step is given, two processes against one, a run that goes on, and what is refused."""

import os
import socket
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from said import sentence

from t2ilab.device import DeviceManager
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.pair_sources import Drawn
from t2ilab.pipelines.sharding import PairEncoder, prepare
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import from_shards, run, stable_diffusion_1
from t2ilab.recipes.run import Run
from t2ilab.training import processes
from t2ilab.training.loop import Plan, train


@pytest.fixture
def shards(tmp_path, small_latent_model):
    """Twenty pictures of the world in five shards, with the latents and embeddings of a model of random weights."""
    prepare(Drawn("shapes", 16), tmp_path / "shards", 20, PairEncoder(str(small_latent_model), "cpu"), shard_size=4)
    return tmp_path / "shards"


def narrow(device, folder, **changes):
    """Stable Diffusion 1.5's layout, a tenth as wide and for the small model's words."""
    unet = replace(stable_diffusion_1.NUMBERS.unet, block_out_channels=(32, 64, 64, 64), cross_attention_dim=16)
    numbers = replace(stable_diffusion_1.NUMBERS, unet=unet, data=str(folder), batch=8, warmup=1)
    return stable_diffusion_1.Recipe(device, 3, replace(numbers, **changes))


def curve(recipe, steps=2, path=None, stop=None):
    plan = Plan(steps, 1e-3, 1, facts={"processes": processes.count()})
    return [step.loss for step in islice(train(recipe.model, recipe.loss, plan, path, every_seconds=-1), stop)]


def one_of_two(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "T2ILAB_DEVICE": "cpu"}
    torch.set_num_threads(1)
    assert processes.join() == 2
    assert torch.distributed.get_backend() == "gloo"
    cpu = DeviceManager("cpu")
    cpu.dtype = torch.float32  # measured on a busy machine it may be either, in each process on its own
    recipe = narrow(cpu, Path(folder) / "shards")
    found = {"losses": torch.tensor(curve(recipe)), "weight": recipe.model.conv_in.weight.detach()}
    found["lanes"] = torch.tensor(sorted(recipe.shards._held))
    torch.save(found, Path(folder) / f"{rank}.pt")
    processes.leave()


def test_two_processes_take_two_steps_of_stable_diffusions_layout_as_one_does(tmp_path, shards, cpu):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(one_of_two, (port, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    recipe = narrow(cpu, shards)
    losses = torch.tensor(curve(recipe))
    assert torch.equal(first["losses"], second["losses"])
    assert torch.equal(first["weight"], second["weight"])
    torch.testing.assert_close(first["losses"], losses, rtol=0, atol=1e-5)
    torch.testing.assert_close(first["weight"], recipe.model.conv_in.weight.detach(), rtol=0, atol=1e-5)
    assert losses[0] != losses[1]
    assert (first["lanes"].tolist(), second["lanes"].tolist()) == ([0, 1], [2, 3, 4])  # each reads its own


def test_its_layout_is_the_published_one():
    with torch.device("meta"):
        unet = UNet(stable_diffusion_1.NUMBERS.unet)
    assert sum(p.numel() for p in unet.parameters()) == 859_520_964
    assert stable_diffusion_1.NUMBERS.unet == UNetConfig.stable_diffusion_1()


def test_a_step_is_given_what_is_in_the_shards_and_some_words_are_left_out(cpu, shards, monkeypatch):
    from t2ilab.recipes import sharded

    recipe, given = narrow(cpu, shards, batch=20), []
    monkeypatch.setattr(
        sharded, "diffusion_loss", lambda net, *about: (given.append(about), net(about[0], about[1]))[1]
    )
    contexts = []
    recipe.model.forward = lambda x, t, context: contexts.append(context)
    for step in range(10):
        recipe.loss(step)
    pipe = TextToImage.from_pretrained(recipe.encoder.name, device="cpu")
    with torch.no_grad():
        empty = pipe.encode([""])[0]
    latents, tokens = recipe.shards.batch(4)
    torch.testing.assert_close(given[4][0], latents)
    left_out = (torch.stack(contexts) - empty).abs().amax((2, 3)) < 1e-3
    assert 5 <= left_out.sum() <= 40  # of 200
    assert torch.equal(contexts[4][~left_out[4]], tokens[~left_out[4]])
    t, noise = given[4][1], given[4][2]
    assert sorted((t // 50).tolist()) == list(range(20))  # one of each twentieth of a thousand
    assert abs(noise.std().item() - 1) < 0.05
    assert len({row.sum().item() for about in given for row in about[2]}) == 200
    schedule, prediction_type = given[4][3:5]
    assert torch.equal(schedule.betas, pipe.schedule.betas)
    assert prediction_type == pipe.prediction_type


def test_parts_of_a_batch_have_the_loss_of_the_whole(cpu, shards):
    recipe = narrow(cpu, shards)
    whole = recipe.loss(3).item()
    parts = []
    for index in range(4):
        with processes.part(index, 4):
            parts.append(recipe.loss(3).item())
    assert abs(sum(parts) / 4 - whole) < 1e-5
    assert len(set(parts)) == 4


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(from_shards, "NUMBERS", replace(from_shards.NUMBERS, batch=4, warmup=2))
    monkeypatch.setattr(
        "t2ilab.recipes.sharded.small",
        lambda channels, width: UNetConfig(channels, channels, (8, 16), 1, (False, True), width),
    )
    monkeypatch.setattr(from_shards.Recipe, "measure", lambda self, model: {})


@pytest.mark.usefixtures("small")
def test_a_run_goes_on_bit_for_bit_and_its_model_draws(cpu, shards, tmp_path, monkeypatch):
    changes = {"data": str(shards)}
    whole = Run("from-shards", tmp_path / "whole", steps=6, device=cpu, changes=changes)
    *_, last = whole.steps()
    broken = Run("from-shards", tmp_path / "broken", steps=6, device=cpu, changes=changes)
    monkeypatch.setattr(run, "train", partial(train, every_seconds=-1))
    assert [step.step for step in islice(broken.steps(), 4)] == [1, 2, 3, 4]  # of which three are saved
    rest = list(Run("from-shards", tmp_path / "broken", device=cpu).steps())
    assert [step.step for step in rest] == [4, 5, 6]
    gone_on = rest[-1]
    for a, b in zip(last.average.parameters(), gone_on.average.parameters(), strict=True):
        assert torch.equal(a, b)
    whole.finish(last.average)
    pipe = TextToImage.from_pretrained(tmp_path / "whole" / "model", device="cpu")
    assert (pipe.image_size, pipe.world) == (16, "shapes")
    assert pipe("a red star", num_inference_steps=1, seed=0, output_type="pt").shape == (1, 3, 16, 16)
    again = from_shards.Recipe(cpu, 1, replace(from_shards.NUMBERS, data=str(shards)))
    again.start_from(str(tmp_path / "whole" / "model"))
    torch.testing.assert_close(
        again.model.conv_in.weight, last.average.conv_in.weight, rtol=1e-3, atol=1e-3
    )  # half precision
    prepare(Drawn("shapes", 16), shards, 24, PairEncoder(again.encoder.name, "cpu"), shard_size=4)
    with pytest.raises(OSError, match="is of another run"):  # the folder grew, so that its order is another
        list(Run("from-shards", tmp_path / "broken", device=cpu).steps())


@pytest.mark.usefixtures("small")
def test_a_missing_shard_is_named_and_skipped_only_when_told(command, shards):
    (shards / "00001.tar").unlink()
    arguments = ["train", "from-shards", "--data", shards, "--steps", 2]
    result = command(*arguments)
    assert "00001.tar is missing. Run `t2ilab data shards` again" in sentence(result, 1)
    assert not any("plan.json" in file for file in result.files)
    told = command(*arguments, "--skip-missing")
    assert told.code == 0, told.err
    assert "00001.tar is missing; training goes without." in told.err
    card = Path("runs/from-shards/model/card.json").read_text(encoding="utf-8")
    assert f"t2ilab train from-shards --steps 2 --seed 0 --data {shards} --skip-missing" in card


@pytest.mark.usefixtures("small")
def test_a_shard_that_is_damaged_stops_the_run_with_its_name(command, shards):
    for path in shards.glob("*.tar"):
        content = bytearray(path.read_bytes())
        content[700] ^= 1
        path.write_bytes(content)
    result = command("train", "from-shards", "--data", shards, "--steps", 2)
    assert ".tar is damaged: its SHA-256 is not the one of the manifest" in sentence(result, 1)


def test_shards_that_do_not_fit_are_a_sentence(cpu, shards, command, small_latent_model):
    assert "trains from shards and got none. Make some by" in sentence(command("train", "from-shards"), 2)
    with pytest.raises(ValueError, match=r"reads latents of 4 channels and words 768 wide; .* have 4 and 16"):
        stable_diffusion_1.Recipe(cpu, 0, replace(stable_diffusion_1.NUMBERS, data=str(shards)))
    result = command("train", "shapes", "--skip-missing")
    assert "The recipe shapes has no skip_missing; these have it: from-shards, stable-diffusion-1" in sentence(
        result, 2
    )
    pipe = TextToImage.from_pretrained(small_latent_model, device="cpu")
    with torch.no_grad():
        pipe.vae.encoder.conv_in.weight += 1
    pipe.save_pretrained(small_latent_model)
    with pytest.raises(ValueError, match=r"is not what it was when .* was made: its weights give another SHA-256"):
        narrow(cpu, shards)
