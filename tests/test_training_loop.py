"""The loop: each part of a step by its formula, and a run that was broken off against one that was not."""

import math
from itertools import islice

import pytest
import torch
from torch import nn

from t2ilab.training.loop import Plan, train


class Problem:
    """A small convolution learns to blur: its loss is a function of the step's number alone."""

    def __init__(self):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.SiLU(), nn.Conv2d(6, 3, 3, padding=1))
        self.model = model.to(memory_format=torch.channels_last)

    def loss(self, step):
        x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        return (self.model(x) - nn.functional.avg_pool2d(x, 3, 1, 1)).square().mean()


def plan(steps=6, **changed):
    return Plan(steps, **({"learning_rate": 1e-2, "warmup": 2, "facts": {"seed": 0}} | changed))


def run(path, stop=None, **changed):
    """Trains, saving after every step, and stops after so many yields: [(step, loss), ...]."""
    problem = Problem()
    steps = train(problem.model, problem.loss, plan(**changed), path, every_seconds=-1)
    return [(step.step, step.loss) for step in islice(steps, stop)]


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_run_broken_off_and_resumed_is_the_same_bit_for_bit(tmp_path, stop):
    whole = run(tmp_path / "whole")
    first = run(tmp_path / "broken", stop)
    second = run(tmp_path / "broken")
    assert [step for step, _ in whole] == [1, 2, 3, 4, 5, 6]
    assert first == whole[:stop]
    assert second == whole[6 - len(second) :]  # to the last bit of each loss
    assert len(second) == (6 if stop == 1 else 7 - stop)  # a step is saved once the next one is asked for
    assert (tmp_path / "broken").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_finished_run_yields_its_average_and_changes_nothing(tmp_path):
    problem = Problem()
    average = list(train(problem.model, problem.loss, plan(), tmp_path / "c"))[-1].average
    before = (tmp_path / "c").read_bytes()
    again = Problem()
    (step,) = train(again.model, again.loss, plan(), tmp_path / "c")
    assert step.step == 6
    assert math.isnan(step.loss)
    for a, b in zip(average.parameters(), step.average.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (tmp_path / "c").read_bytes() == before


def test_the_checkpoint_of_another_run_is_refused(tmp_path):
    run(tmp_path / "c", 3)
    with pytest.raises(
        OSError, match=r"is of another run \(\{'seed': 0\}, not \{'seed': 1\}\)\. Choose another folder"
    ):
        run(tmp_path / "c", facts={"seed": 1})


def test_without_a_checkpoint_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(run(None)) == 6
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_are_written_every_so_often(tmp_path):
    problem = Problem()
    for step in train(problem.model, problem.loss, plan(), tmp_path / "c", every_seconds=1e6):
        assert not (tmp_path / "c").exists(), step
    assert (tmp_path / "c").exists()


def test_a_small_problem_is_learnt():
    losses = [loss for _, loss in run(None, steps=150, learning_rate=2e-2)]
    assert sum(losses[-10:]) < 0.2 * sum(losses[:10])


def test_one_step_of_a_vector_is_that_of_adamw_with_the_gradient_clipped():
    # Loshchilov & Hutter 2019, algorithm 2, at its first step: the moments' corrections cancel their decay.
    model = nn.LayerNorm(3, bias=False).double()
    before = model.weight.detach().clone()
    slope = torch.tensor([3.0, -4.0, 1e-8], dtype=torch.float64)
    made = Plan(10, learning_rate=0.1, warmup=5, weight_decay=0.5, clip=1.0)
    (step,) = islice(train(model, lambda _: (model.weight * slope).sum(), made), 1)
    rate = 0.1 / 5
    clipped = slope / (slope.norm() + 1e-6)
    expected = before * (1 - rate * 0.5) - rate * clipped / (clipped.abs() + 1e-8)
    torch.testing.assert_close(model.weight.detach(), expected, rtol=0, atol=1e-12)
    keep = 2 / 11
    torch.testing.assert_close(step.average.weight, keep * before + (1 - keep) * expected, rtol=0, atol=1e-12)
    assert step.loss == pytest.approx((before * slope).sum().item())  # before the update


def test_frozen_weights_stay():
    problem = Problem()
    problem.model[0].requires_grad_(False)
    before = problem.model[0].weight.clone()
    list(train(problem.model, problem.loss, plan()))
    assert torch.equal(problem.model[0].weight, before)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, bad):
    run(tmp_path / "good", 3)  # which has saved the state after step 2
    problem = Problem()
    steps = train(
        problem.model,
        lambda step: problem.loss(step) * (bad if step == 2 else 1),
        plan(),
        tmp_path / "c",
        every_seconds=-1,
    )
    with pytest.raises(FloatingPointError, match=r"^Step 3 has a loss of .* Lower the learning rate \(0\.01\)\.$"):
        list(steps)
    assert (tmp_path / "c").read_bytes() == (tmp_path / "good").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "good"]
    assert all(p.isfinite().all() for p in problem.model.parameters())


def test_a_gradient_that_is_not_finite_stops_it_too():
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    with pytest.raises(FloatingPointError, match=r"a loss of 0\.0 and a gradient of length inf"):
        list(train(model, lambda _: model.weight.sqrt().sum(), plan()))  # a root is infinitely steep at 0
    assert model.weight.isfinite().all()


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine():
    made = Plan(1000, learning_rate=2.0, warmup=100)

    def cosine(step):
        return 0.01 + 0.99 * (1 + math.cos(math.pi * step / 1000)) / 2

    assert made.learning_rate_at(0) == pytest.approx(2 * 0.01 * cosine(0))
    assert made.learning_rate_at(49) == pytest.approx(2 * 0.5 * cosine(49))
    for step in (99, 100, 500, 999):
        assert made.learning_rate_at(step) == pytest.approx(2 * cosine(step))
    assert made.learning_rate_at(1000) == pytest.approx(0.02)
    rates = [made.learning_rate_at(step) for step in range(1000)]
    top = rates.index(max(rates))
    assert 90 <= top <= 100
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert Plan(10, warmup=0).learning_rate_at(0) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 0}, "at least one step; got 0"),
        ({"steps": 5, "learning_rate": 0.0}, "learning rate is a positive number; got 0.0"),
        ({"steps": 5, "learning_rate": math.nan}, "got nan"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        Plan(**values)
