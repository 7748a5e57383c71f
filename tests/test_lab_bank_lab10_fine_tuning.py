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
        self.base, self.scale = base.requires_grad_(False), alpha / rank
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
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


class Whole(Shell):
    """A right one, which the layers below spoil in one place each."""

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.down.T @ self.up.T)


class Cut(Whole):
    def forward(self, x):
        with torch.no_grad():
            h = self.base(x)
        return h + self.scale * (x @ self.down.T @ self.up.T)


class OwnNumber(Whole):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        self.alpha, self.rank = alpha, rank

    def forward(self, x):
        return self.base(x) + self.alpha / self.rank * (x @ self.down.T @ self.up.T)


class NoNumber(OwnNumber):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        del self.scale


class Fixed(NoNumber):
    @property
    def scale(self):
        return self.alpha / self.rank

    def __init__(self, base, rank, alpha):
        nn.Module.__init__(self)
        self.base, self.alpha, self.rank = base.requires_grad_(False), alpha, rank
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))


class Trained(Whole):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        del self.scale
        self.scale = nn.Parameter(torch.tensor(alpha / rank))


class Third(Whole):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        self.shift = nn.Parameter(torch.zeros(base.out_features))

    def forward(self, x):
        return super().forward(x) + self.shift


class Columns(Whole):
    def forward(self, x):
        return self.base(x) + self.scale * (self.up @ self.down @ x)


class WithoutBias(Whole):
    def forward(self, x):
        return x @ self.base.weight.T + self.scale * (x @ self.down.T @ self.up.T)


def beginning(numbers):
    """A right layer but for the first numbers of down, a function of (rank, in)."""

    class Begun(Whole):
        def __init__(self, base, rank, alpha):
            super().__init__(base, rank, alpha)
            self.down = nn.Parameter(numbers(rank, base.in_features))

    return Begun


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


@pytest.mark.parametrize(("answer", "sentence"), [
    (Cut, "base(x) is computed without gradients"),
    (OwnNumber, "forward does not use self.scale"),
    (NoNumber, "needs a plain number `scale` that can be changed later"),
    (Fixed, "needs a plain number `scale` that can be changed later"),
    (Trained, "scale is an nn.Parameter"),
    (Third, "there is no third parameter"),
    (Columns, "(9x6 and 4x6). In code the vectors are the rows of `x`"),
    (WithoutBias, "the bias of base is left out"),
    (beginning(torch.randn), "down is torch.randn as it comes"),
    (beginning(torch.rand), "all numbers of down are positive"),
    (beginning(torch.ones), "all numbers of down are the same"),
    (beginning(lambda *shape: torch.full(shape, 0.05)), "all numbers of down are the same"),
    (beginning(torch.zeros), "down and up are both zero"),
    (beginning(lambda *shape: torch.full(shape, 1e-38)), "all numbers of down are the same"),  # of torch.empty
    (beginning(lambda *shape: torch.full(shape, torch.nan)), "A new layer must give exactly"),  # too
    (beginning(lambda *shape: 0.02 * torch.randn(*shape)), "down is to begin with normal numbers"),
    (beginning(lambda rank, n: torch.rand(rank, n) / n**0.5), "down is to begin with normal numbers"),
    (beginning(lambda rank, n: (torch.randn(1, n) / n**0.5).repeat(rank, 1)), "other ones in each row"),
])  # fmt: skip
def test_a_layer_with_one_fault_is_told_which(answer, sentence):
    result = check(answer, "LoRALinear")
    assert not result.passed
    assert sentence in result.message


def test_the_layer_that_those_spoil_is_right():
    assert check(Whole, "LoRALinear").passed


def test_a_layer_that_adds_nothing_earns_what_its_beginning_is_worth():
    result = check(Shell, "LoRALinear")
    assert not result.passed
    assert result.properties == {"starts_as_base": True, "frozen": True, "random": True}
    assert 0 < result.points < 0.5 * 4


def merged_into(layer, **like):
    made = nn.Linear(layer.base.in_features, layer.base.out_features, layer.base.bias is not None, **like)
    with torch.no_grad():
        made.weight.copy_(layer.base.weight + layer.scale * layer.up @ layer.down)
        if layer.base.bias is not None:
            made.bias.copy_(layer.base.bias)
    return made


@pytest.mark.parametrize(("like", "sentence"), [
    ((), "Your layer is float32, and base is float64; make it like base, with `dtype=base.weight.dtype, device="),
    (("dtype",), "make it with `device=base.weight.device`"),
    (("device",), "Your layer is float32, and base is float64"),
    (("dtype", "device"), "It agrees with the reference"),
])  # fmt: skip
def test_a_merged_layer_is_of_bases_kind_and_lies_where_base_does(like, sentence):
    def merge_lora(layer):
        return merged_into(layer, **{name: getattr(layer.base.weight, name) for name in like})

    result = check(merge_lora, "merge_lora")
    assert sentence in result.message
    assert result.passed == (len(like) == 2)


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
