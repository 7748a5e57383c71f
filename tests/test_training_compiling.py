"""Compiled networks: the losses of those that are not, a run that goes on, and a compiler that is missing."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import nn

from t2ilab.recipes import run, shapes_pixel
from t2ilab.recipes.run import Run
from t2ilab.training.calls import outermost, watched
from t2ilab.training.loop import Plan, train

RECIPE = shapes_pixel.Recipe
BACKEND = "aot_eager"  # it traces forward and backward as any backend is given them, and needs no compiler

# Its tracer asks every tensor for a gradient and hides what torch says to that from all but who makes errors of it.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")


def small(cpu):
    unet = replace(shapes_pixel.NUMBERS.unet, block_out_channels=(8, 16), attention=(False, True), norm_num_groups=4)
    return RECIPE(cpu, 3, replace(shapes_pixel.NUMBERS, batch=4, unet=unet, warmup=2))


class Problem:
    """Two small networks, one of which tells the other something, learn to blur."""

    def __init__(self):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.SiLU(), nn.Conv2d(6, 3, 3, padding=1))
        self.model = nn.ModuleDict({"net": net, "tell": nn.Sequential(nn.Linear(1, 3), nn.SiLU())})

    def loss(self, step):
        x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        told = self.model["tell"](torch.full((4, 1), step / 10))[..., None, None]
        return (self.model["net"](x + told) - nn.functional.avg_pool2d(x, 3, 1, 1)).square().mean()


def losses(problem, path=None, stop=None, compiler=BACKEND):
    plan = Plan(6, 1e-2, 2, compiler=compiler, facts={"seed": 0})
    return [step.loss for step in islice(train(problem.model, problem.loss, plan, path, every_seconds=-1), stop)]


@pytest.fixture(autouse=True)
def _forget():
    yield
    torch._dynamo.reset()


def test_compiled_losses_are_those_that_are_not():
    problem = Problem()
    names = list(problem.model.state_dict())
    torch._dynamo.utils.counters.clear()
    compiled = losses(problem)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2  # one of each network, and none anew
    torch.testing.assert_close(compiled, losses(Problem(), compiler=None), rtol=0, atol=1e-5)
    assert list(problem.model.state_dict()) == names
    assert compiled[0] != compiled[-1]


def test_a_compiled_run_goes_on_bit_for_bit(tmp_path):
    whole = losses(Problem(), tmp_path / "whole")
    first = losses(Problem(), tmp_path / "broken", 4)  # of which three are saved
    assert first + losses(Problem(), tmp_path / "broken")[1:] == whole
    assert (tmp_path / "broken").read_bytes() == (tmp_path / "whole").read_bytes()


class Towers(nn.Module):
    """As a CLIP: parts that are called without it, one that is called in two ways, and one that is not called."""

    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.way = nn.Linear(2, 2)
        self.idle = nn.Linear(2, 2)

    def loss(self, step):
        assert not torch.is_grad_enabled()
        return (self.way(self.tower(torch.ones(1, 2))) + self.tower[0](torch.ones(1, 2))).sum()


def test_the_networks_are_the_outermost_that_a_step_calls(cpu):
    model = Towers()
    calls = watched(model, model.loss)
    assert calls[model.tower[1]] == [model.tower, model.tower[1]]
    assert calls[model.tower[0]] == [model.tower[0]]  # once within the tower, once without
    assert outermost(calls) == [model.tower, model.tower[0], model.way]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    recipe = small(cpu)
    assert outermost(watched(recipe.model, recipe.loss)) == [recipe.model.text_encoder, recipe.model.unet]


def test_whether_it_is_compiled_belongs_to_a_run(cpu, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "works", lambda device: None)
    monkeypatch.setattr(shapes_pixel, "Recipe", lambda *_: small(cpu))
    made = Run("shapes-pixel", tmp_path / "run", steps=3, device=cpu, seed=3, compile=True)
    assert (made.plan.compiler, made.plan.facts["compile"]) == ("inductor", True)
    assert Run("shapes-pixel", tmp_path / "run", device=cpu, seed=3).plan.compiler == "inductor"  # it goes on as it was
    plain = Run("shapes-pixel", tmp_path / "plain", steps=3, device=cpu, seed=3)
    assert plain.plan.compiler is None
    with pytest.raises(OSError, match="holds another run"):
        Run("shapes-pixel", tmp_path / "plain", device=cpu, seed=3, compile=True)
    with pytest.raises(ValueError, match="gan-conditional trains its networks as they are; leave --compile out"):
        Run("gan-conditional", tmp_path / "gan", steps=1, device=cpu, compile=True)
    assert not list(tmp_path.glob("gan/*"))


def test_without_a_compiler_it_is_a_sentence_before_anything_is_written(tmp_path):
    nowhere = {"CXX": str(tmp_path / "nowhere"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    arguments = ["train", "shapes-pixel", "--steps", "1", "--compile", "-o", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "t2ilab", *arguments],
        capture_output=True, text=True, env=os.environ | nowhere | {"T2ILAB_DEVICE": "cpu"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("t2ilab: torch.compile does not work for cpu here: ")
    assert "nowhere" in sentence
    assert sentence.endswith("Install it, or leave --compile out.")
    assert not (tmp_path / "run").exists()
