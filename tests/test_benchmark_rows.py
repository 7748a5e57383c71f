"""Each row's own code at a tiny size: both sides come to the same, and what is counted is what was done."""

import copy
import functools
import math
import sys

import nbformat
import pytest
import torch
from torch import nn

from t2ilab import authoring
from t2ilab.benchmark import (
    alone,
    ceiling,
    faithfulness,
    from_scratch,
    gpu,
    memory,
    notebooks,
    scratch,
    shares,
    suite,
    twins,
    unets,
)
from t2ilab.benchmark.contest import own_device

ON_CPU = [name for name in suite.USUAL if not name.startswith("gpu-")]


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch):
    monkeypatch.setenv("T2ILAB_DEVICE", "cpu")


@pytest.mark.parametrize("name", ON_CPU)
def test_each_row_runs(name):
    (row,) = suite.run([name], quick=True)
    if "bfloat16" in row.missing:
        pytest.skip(row.missing)
    assert (row.name, row.missing) == (name, "")
    assert row.ours > 0
    assert row.theirs > 0
    assert row.ratio > 0
    assert row.compared.endswith(".")
    assert row.size


@pytest.mark.parametrize("name", ["unet-training", "vae-encode", "vae-decode"])
def test_a_side_with_other_weights_is_refused(name, monkeypatch):
    calls = []

    def ever_other(net):
        calls.append(net)
        return {name: tensor * (1 + 0.01 * len(calls)) for name, tensor in weights(net).items()}

    weights = twins.weights
    monkeypatch.setattr(twins, "weights", ever_other)
    (row,) = suite.run([name], quick=True)
    assert len(calls) == 2
    assert row.failed
    assert "both sides must come to the same" in row.missing


@pytest.mark.parametrize("name", ["unet-training", "clip-training", "from-scratch"])
def test_both_sides_learn(name):
    made = suite.CONTESTS[name](True)
    for side in (made.ours, made.theirs):
        torch.manual_seed(0)
        turn = side()
        assert len({turn().item() for _ in range(3)}) == 3


def test_both_updates_are_one_rule():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 1)).to(memory_format=torch.channels_last)
    nets = {unets.our_update: first, unets.their_update: copy.deepcopy(first), None: copy.deepcopy(first)}
    plain = torch.optim.AdamW(nets[None].parameters(), lr=unets.RATE)
    means, averages = [p.detach().clone() for p in nets[None].parameters()], {}
    for update in (unets.our_update, unets.their_update):
        move, averages[update] = update(nets[update])
        for step in range(4):
            for index, p in enumerate(nets[update].parameters()):
                p.grad = torch.full_like(p, 0.3 * (index - step))  # together longer than what is clipped
            move()
            assert all(p.grad is None for p in nets[update].parameters())
    for step in range(4):
        for index, p in enumerate(nets[None].parameters()):
            p.grad = torch.full_like(p, 0.3 * (index - step))
        length = torch.cat([p.grad.flatten() for p in nets[None].parameters()]).norm()
        for p in nets[None].parameters():
            p.grad /= length
        plain.step()
        keep = (step + 2) / (step + 11)
        means = [keep * mean + (1 - keep) * p.detach() for mean, p in zip(means, nets[None].parameters(), strict=True)]
    for update, average in averages.items():
        for p, q in zip(nets[update].parameters(), nets[None].parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-6)
            assert not torch.equal(p, torch.zeros_like(p))
        for mine, mean in zip(average, means, strict=True):
            torch.testing.assert_close(mine, mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_memory_of_a_side_in_this_process(side):
    assert alone.measure("vae-encode", side, quick=True) >= 0


def test_memory_of_a_side_in_a_process_of_its_own():
    command = [sys.executable, "-m", "t2ilab.benchmark.alone", "search", "ours"]
    with pytest.raises(RuntimeError, match="KeyError: 'search'"):  # the program runs, and knows contests only
        memory.answer_of(command)


def test_operations_are_counted_as_on_paper(cpu):
    layer = nn.Conv2d(3, 5, 3, padding=1)
    work = ceiling.counted(lambda: layer(torch.zeros(2, 3, 8, 8)))
    assert work.operations == 2 * 2 * 8 * 8 * 5 * 3 * 9
    for given in (*ceiling.convolutions(cpu, quick=True), *ceiling.products(cpu, quick=True)):
        assert ceiling.counted(given.call).operations == given.operations


def test_layers_alone_are_those_of_the_step():
    """What they count is what torch counts of the whole, less the products of attention."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 4, 1), nn.Flatten(), nn.Linear(64, 5))
    x = torch.randn(2, 3, 4, 4)
    work = ceiling.layers(net, lambda: net(x))
    assert work.operations == ceiling.counted(lambda: net(x).sum().backward()).operations
    before = [p.clone() for p in net.parameters()]
    work.call()
    assert all(torch.equal(p, b) for p, b in zip(net.parameters(), before, strict=True))
    assert not any(module._forward_hooks for module in net.modules())
    row = shares.layers(quick=True)
    assert (row.name, row.share, row.unit) == ("peak-layers", True, "GFLOP/s")


def test_the_code_for_gpus_runs_on_a_cpu_too():
    row = gpu.peak("gpu-peak", unets.TINY, rounds=2)
    assert (row.name, row.share, row.unit) == ("gpu-peak", True, "GFLOP/s")
    assert row.ratio > 0
    turn = unets.turn_of_ours(unets.TINY, own_device())
    whole = ceiling.counted(turn).operations
    # Forward and backward, as counted; on paper backward takes twice what forward does, but for the first layer.
    assert gpu.forward_operations(unets.TINY) * 3 == pytest.approx(whole, rel=0.1)


def test_the_plain_loop_learns():
    torch.manual_seed(0)
    loop = scratch.PlainTraining(10, torch.device("cpu"))
    before = [p.clone() for p in loop.average.parameters()]
    x0, ids = torch.rand(4, 3, 32, 32) * 2 - 1, torch.randint(0, 10, (4, 5))
    losses = [loop.step(x0, ids).item() for _ in range(12)]
    assert losses[-1] < losses[0]
    moved = [not torch.equal(a, b) for a, b in zip(before, loop.average.parameters(), strict=True)]
    assert all(moved)


def test_the_plain_network_hears_time_and_words():
    torch.manual_seed(0)
    net = scratch.PlainUNet(10).eval()
    x, t, ids = torch.randn(1, 3, 32, 32), torch.tensor([500]), torch.tensor([[1, 2]])
    with torch.no_grad():
        out = net(x, t, ids)
        assert out.shape == x.shape
        assert not torch.allclose(out, net(x, t + 300, ids))
        assert not torch.allclose(out, net(x, t, ids + 1))


def test_both_networks_are_of_about_the_same_size():
    recipe = from_scratch._recipe(True)
    plain = scratch.PlainUNet(len(recipe.tokenizer.vocab))
    ours, theirs = (sum(p.numel() for p in net.parameters()) for net in (recipe.model, plain))
    assert 0.8 < ours / theirs < 1.25


def test_faithfulness_after_a_moment():
    row = faithfulness.row(minutes=0.005, prompts=8)
    assert (row.name, row.unit) == ("faithfulness", "%")
    assert 0 <= row.ours <= 100
    assert 0 <= row.theirs <= 100
    assert row.ratio is None or math.isfinite(row.ratio)
    assert "pictures a second" in row.compared


@pytest.mark.parametrize(("quick", "budget"), [(True, "ci"), (False, "lesson")])
def test_a_notebook_is_run_at_its_budget_and_left_as_it_was(tmp_path, quick, budget):
    code = f"import os, time\ntime.sleep(1)\nassert os.environ['T2ILAB_BUDGET'] == '{budget}'"
    path = tmp_path / "03_some.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
    before = path.read_bytes()
    row = notebooks.row("notebook-03", quick, tmp_path)
    assert (row.name, row.theirs, row.ratio, row.missing) == ("notebook-03", None, None, "")
    assert row.ours >= 1
    assert row.memory[0] > 10  # of a kernel that has loaded nothing
    assert row.memory[1] is None
    assert "03_some.ipynb" in row.size
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["03_some.ipynb"]


def test_a_solution_that_is_not_there_is_said(tmp_path):
    row = notebooks.row("notebook-03", folder=tmp_path)
    assert (row.missing, row.failed) == (f"{tmp_path} has no solution of Lab 03; run it in a clone.", False)


def test_a_solution_that_fails_is_a_fault(tmp_path, monkeypatch):
    cells = [nbformat.v4.new_code_cell("1 / 0", id="broken")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "14_some.ipynb")
    monkeypatch.setattr(suite.notebooks, "row", functools.partial(notebooks.row, folder=tmp_path))
    (row,) = suite.run(["notebook-14"])
    assert row.failed
    assert "stopped in cell broken (ZeroDivisionError" in row.missing


def test_every_lab_is_a_row():
    numbers = [path.stem.partition("_")[0] for path in authoring.sources()]
    assert [f"notebook-{number}" for number in numbers] == list(notebooks.NAMES)
