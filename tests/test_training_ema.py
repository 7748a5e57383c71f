"""The running average against its formula, written out."""

import math

import pytest
import torch
from torch import nn

from t2ilab.training.ema import Average


class Number(nn.Module):
    def __init__(self, value: float):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_average_is_the_weighted_sum_of_all_that_was(decay):
    model = Number(3.0)
    average = Average(model, decay)
    values = [math.sin(n) for n in range(1, 41)]
    for n, value in enumerate(values, 1):
        model.value.data.fill_(value)
        average.update(n)
    # Each value enters with 1 - keep, and every later step keeps its share of it.
    keeps = [min(decay, (1 + n) / (10 + n)) for n in range(1, 41)]
    expected = 3.0 * math.prod(keeps)
    expected += sum((1 - keeps[n]) * math.prod(keeps[n + 1 :]) * values[n] for n in range(40))
    assert average.model.value.item() == pytest.approx(expected, abs=1e-12)


def test_a_short_run_does_not_average_in_its_beginning():
    model = Number(100.0)
    average = Average(model, 0.999)
    model.value.data.fill_(1.0)
    for n in range(1, 101):
        average.update(n)
    assert average.model.value.item() == pytest.approx(1.0, abs=1e-3)  # at a constant 0.999, 90% of 100 would be left


def test_the_average_is_a_copy_that_does_not_learn():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    average = Average(model)
    assert not average.model.training
    assert not any(p.requires_grad for p in average.model.parameters())
    before = average.model[0].weight.clone()
    model[0].weight.data.zero_()
    assert torch.equal(average.model[0].weight, before)
    assert model.training
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5, math.nan])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(ValueError, match=r"lies in \[0, 1\)"):
        Average(nn.Linear(1, 1), decay)


def test_running_figures_are_taken_over_as_they_are():
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.999)
    model(torch.tensor([[1.0, 5.0], [3.0, 9.0]]))
    average.update(1)
    assert average.model.running_mean.tolist() == pytest.approx([0.2, 0.7])  # a tenth of the batch's means
    assert average.model.num_batches_tracked.item() == 1
