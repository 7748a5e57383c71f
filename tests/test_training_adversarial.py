"""The adversarial loop: each in its turn, by the formula, and a run that was broken off against one that was not."""

import math
from itertools import islice

import pytest
import torch
from torch import nn

from t2ilab.training.adversarial import AdversarialPlan, Rivals, train_adversarially
from t2ilab.training.adversarial_losses import discriminator_loss, generator_loss


class Problem:
    """A painter of points learns where real points lie. Its norm keeps running figures, which are to be saved too."""

    def __init__(self):
        torch.manual_seed(0)
        painter = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        judge = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
        self.rivals = Rivals(painter, judge)

    def draw(self, step, shift=0):
        return torch.randn(16, 2, generator=torch.Generator().manual_seed(2 * step + shift))

    def judge_loss(self, step):
        real = self.draw(step) * 0.3 + 2
        return discriminator_loss(self.rivals.judge(real), self.rivals.judge(self.rivals.painter(self.draw(step, 1))))

    def painter_loss(self, step):
        return generator_loss(self.rivals.judge(self.rivals.painter(self.draw(step, 1))))


def plan(steps=6, **changed):
    return AdversarialPlan(steps, **({"learning_rate": 1e-2, "facts": {"seed": 0}} | changed))


def begin(problem, path=None, **changed):
    return train_adversarially(problem.rivals, problem.judge_loss, problem.painter_loss, plan(**changed), path, -1)


def run(path, stop=None, **changed):
    """Trains, saving after every step, and stops after so many yields: [(step, loss, judge's loss), ...]."""
    return [(s.step, s.loss, s.judge_loss) for s in islice(begin(Problem(), path, **changed), stop)]


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_run_broken_off_and_resumed_is_the_same_bit_for_bit(tmp_path, stop):
    whole = run(tmp_path / "whole")
    first = run(tmp_path / "broken", stop)
    second = run(tmp_path / "broken")
    assert [step for step, _, _ in whole] == [1, 2, 3, 4, 5, 6]
    assert first == whole[:stop]
    assert second == whole[6 - len(second) :]
    assert len(second) == (6 if stop == 1 else 7 - stop)  # a step is saved once the next one is asked for
    assert (tmp_path / "broken").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_finished_run_yields_its_averaged_painter_and_changes_nothing(tmp_path):
    average = list(begin(Problem(), tmp_path / "c"))[-1].average
    before = (tmp_path / "c").read_bytes()
    (step,) = begin(Problem(), tmp_path / "c")
    assert step.step == 6
    assert math.isnan(step.loss)
    for name, value in average.state_dict().items():
        assert torch.equal(value, step.average.state_dict()[name])
    assert (tmp_path / "c").read_bytes() == before


def test_one_step_is_adam_first_for_the_judge_and_then_for_the_painter():
    ours, problem = Problem(), Problem()
    (step,) = islice(begin(ours, judge_rate=3.0, betas=(0.5, 0.9)), 1)
    judge = torch.optim.Adam(problem.rivals.judge.parameters(), 3e-2, (0.5, 0.9))
    painter = torch.optim.Adam(problem.rivals.painter.parameters(), 1e-2, (0.5, 0.9))
    judged = problem.judge_loss(0)
    judged.backward()
    judge.step()
    problem.rivals.zero_grad()
    painted = problem.painter_loss(0)
    painted.backward()
    painter.step()
    assert (step.judge_loss, step.loss) == pytest.approx((judged.item(), painted.item()), abs=1e-6)
    for mine, theirs in zip(ours.rivals.parameters(), problem.rivals.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-3)


def test_each_is_frozen_while_the_other_learns():
    problem = Problem()
    seen = []

    def watched(loss, who):
        def inner(step):
            seen.append((who, *(next(net.parameters()).requires_grad for net in problem.rivals.children())))
            return loss(step)

        return inner

    problem.rivals.painter[0].bias.requires_grad_(False)  # and what is frozen for good stays so
    losses = watched(problem.judge_loss, "judge"), watched(problem.painter_loss, "painter")
    list(train_adversarially(problem.rivals, *losses, plan(2)))
    assert seen == 2 * [("judge", False, True), ("painter", True, False)]
    assert [p.requires_grad for p in problem.rivals.painter.parameters()][:2] == [True, False]


def test_a_small_problem_is_learnt():
    *_, last = begin(Problem(), steps=400)
    with torch.no_grad():
        points = last.average(torch.randn(500, 2, generator=torch.Generator().manual_seed(9)))
    assert (points.mean(0) - 2).abs().max() < 0.3


def test_the_rate_stays_and_then_falls_in_a_line():
    shares = [plan(100).share_at(step) for step in range(101)]
    assert shares[:51] == [1.0] * 51
    assert shares[75] == pytest.approx(0.5)
    assert shares[100] == 0


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


@pytest.mark.parametrize("who", ["judge", "painter"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, who, bad):
    run(tmp_path / "good", 3)  # which has saved the state after step 2
    problem = Problem()
    losses = {"judge": problem.judge_loss, "painter": problem.painter_loss}
    whole = losses[who]
    losses[who] = lambda step: whole(step) * (bad if step == 2 else 1)
    steps = train_adversarially(problem.rivals, *losses.values(), plan(), tmp_path / "c", -1)
    with pytest.raises(FloatingPointError, match=rf"^In step 3 the {who} has a loss of .* learning rate \(0\.01\)\.$"):
        list(steps)
    assert (tmp_path / "c").read_bytes() == (tmp_path / "good").read_bytes()
    assert all(p.isfinite().all() for p in problem.rivals.parameters())


def test_a_gradient_that_is_not_finite_stops_it_too():
    rivals = Rivals(nn.Linear(1, 1), nn.Linear(1, 1))
    nn.init.zeros_(rivals.judge.weight)
    with pytest.raises(FloatingPointError, match=r"the judge has a loss of 0\.0 and a gradient of length inf"):
        list(train_adversarially(rivals, lambda _: rivals.judge.weight.sqrt().sum(), lambda _: None, plan()))


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setattr("t2ilab.training.processes.count", lambda: 2)
    with pytest.raises(ValueError, match=r"trains in one process, .*; got 2\. Leave --processes out"):
        list(begin(Problem()))


@pytest.mark.parametrize(("values", "sentence"), [
    ({"steps": 0}, "at least one step; got 0"),
    ({"steps": 5, "learning_rate": 0.0}, r"positive number; got 0\.0"),
    ({"steps": 5, "judge_rate": math.nan}, "got nan"),
])  # fmt: skip
def test_a_plan_that_cannot_work_is_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        AdversarialPlan(**values)
