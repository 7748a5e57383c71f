"""Lab 10's references against the package's own and an optimizer; what students also write, and what they are told."""

import copy
import re

import pytest
import torch
from torch import nn

from t2ilab.lab import bank, check
from t2ilab.nets import lora


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")


class Shell(nn.Module):
    """A layer with the right names in it, which does nothing."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x)


class Transposed(Shell):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        self.down = nn.Parameter(torch.randn(base.in_features, rank))


class Plain(Shell):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        del self.up
        self.up = torch.zeros(base.out_features, rank)


class Renamed(Shell):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        self.layer = self.base
        del self.base


def test_the_references_are_what_the_package_does():
    torch.manual_seed(0)
    base, x = nn.Linear(6, 9).double(), torch.randn(4, 6).double()
    own = lora.LoRALinear(copy.deepcopy(base), 3, 5.0)
    reference = bank.find("LoRALinear").reference(base, 3, 5.0).double()
    with torch.no_grad():
        for name in ("down", "up"):
            getattr(reference, name).copy_(getattr(own, name).normal_())
    assert (reference(x) - own(x)).abs().max() < 1e-12
    merged = bank.find("merge_lora").reference(reference)
    assert (merged.weight - lora.merge(own).weight).abs().max() < 1e-12
    assert torch.equal(merged.bias, base.bias)


def test_a_step_with_one_rows_gradient_moves_one_word():
    torch.manual_seed(0)
    table = nn.Embedding(7, 4)
    before = table.weight.detach().clone()
    table(torch.tensor([1, 5, 5, 2])).square().sum().backward()
    table.weight.grad = bank.find("token_only_gradient").reference(table.weight.grad, 5)
    torch.optim.SGD(table.parameters(), lr=0.1).step()
    assert (table.weight != before).any(1).nonzero().flatten().tolist() == [5]
    assert torch.allclose(table.weight[5], before[5] * (1 - 2 * 2 * 0.1))  # the word is there twice


@pytest.mark.parametrize(("answer", "sentence"), [
    (Transposed, r"weights of your `down` have shape \(6, 3\); \(3, 6\) is expected"),
    (Plain, r"no parameter `up`; one of shape \(9, 3\) is expected"),
    (Renamed, "no layer called `base`"),
    (lambda base, rank, alpha: base.weight, "returned a Parameter"),
])  # fmt: skip
def test_a_layer_without_its_parts(answer, sentence):
    result = check(answer, "LoRALinear")
    assert not result.passed
    assert result.points == 0
    assert re.search(sentence, result.message), result.message


def test_a_layer_that_adds_nothing_earns_what_its_beginning_is_worth():
    result = check(Shell, "LoRALinear")
    assert not result.passed
    assert result.properties == {"starts_as_base": True, "frozen": True}
    assert 0 < result.points < 0.5 * 4


def test_merging_gives_a_plain_layer():
    result = check(lambda layer: layer, "merge_lora")
    assert "returned a LoRALinear for a batch; a layer of the kind nn.Linear is expected" in result.message


@pytest.mark.parametrize(("answer", "exercise"), [
    (lambda base, rank, alpha: lora.LoRALinear(base, rank, alpha), "LoRALinear"),
    (lambda layer: lora.merge(layer), "merge_lora"),
])  # fmt: skip
def test_the_packages_own_is_off_limits(answer, exercise):
    assert check(answer, exercise).status == "off_limits"


def test_the_gradient_that_came_in_is_not_to_be_changed():
    def in_place(grad, token_id):
        kept = grad[token_id].clone()
        grad.zero_()
        grad[token_id] = kept
        return grad

    assert "changes its input `grad` in place" in check(in_place, "token_only_gradient").message


def test_a_loss_that_is_no_tensor_has_no_gradient():
    def as_number(eps, noise, eps_prior, noise_prior, weight):
        return ((eps - noise) ** 2).mean().item() + weight * ((eps_prior - noise_prior) ** 2).mean().item()

    result = check(as_number, "prior_preservation_loss")
    assert "has no gradient" in result.message
    assert result.points == pytest.approx(1.0)
