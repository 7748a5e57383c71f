"""Muon: its Newton-Schulz against the singular value decomposition, its steps against torch's own and AdamW."""

import copy

import pytest
import torch
from torch import nn

from t2ilab.training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 5, 40), (2, 40, 5), (1, 1, 6)])
def test_orthogonalise_keeps_the_singular_vectors_and_evens_the_values(shape):
    matrices = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, values, vt = torch.linalg.svd(matrices, full_matrices=False)
    out = orthogonalise(matrices * 1e-3)  # the size of a gradient says nothing
    kept = u.mT @ out @ vt.mT  # diagonal, if the singular vectors stayed
    new = kept.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(kept, torch.diag_embed(new), rtol=0, atol=1e-9)
    loud = values > 0.01 * values.square().sum(dim=1, keepdim=True).sqrt()
    assert new[loud].min() > 0.6
    assert new.max() < 1.25


def test_a_batch_is_its_matrices_one_by_one():
    matrices = torch.randn(4, 6, 9, generator=torch.Generator().manual_seed(1))
    each = torch.cat([orthogonalise(m[None]) for m in matrices])
    torch.testing.assert_close(orthogonalise(matrices), each, rtol=0, atol=1e-5)


def gradients(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=generator) / 10


class Mixed(nn.Module):
    """One of each: an embedding, a linear layer, a convolution in channels-last, a norm, a last layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.words = nn.Embedding(7, 6)
        self.linear = nn.Linear(6, 9)
        self.conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        self.norm = nn.LayerNorm(6)
        self.conv_out = nn.Conv2d(4, 3, 1)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has its own Muon from 2.9 on")
def test_its_steps_are_those_of_torch_and_of_adamw():
    model, other = Mixed(), Mixed()
    matrices = [other.linear.weight, nn.Parameter(other.conv.weight.detach().flatten(1).clone())]
    rest = [other.words.weight, other.linear.bias, other.conv.bias, other.norm.weight, other.norm.bias]
    rest += other.conv_out.parameters()
    optimizer = Muon(model, lr=0.1, weight_decay=0.2, betas=(0.8, 0.9))
    # torch's Newton-Schulz runs in bfloat16, which is where the tolerance comes from.
    torchs = torch.optim.Muon(matrices, lr=0.1, weight_decay=0.2, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(rest, lr=0.1, weight_decay=0.2, betas=(0.8, 0.9))
    for step in range(4):
        gradients(model, step)
        gradients(other, step)
        matrices[1].grad = other.conv.weight.grad.flatten(1)
        for each in (optimizer, torchs, adamw):
            each.step()
    mine = [model.words.weight, model.linear.bias, model.conv.bias, model.norm.weight, model.norm.bias]
    mine += model.conv_out.parameters()
    for a, b in zip(mine, rest, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
    start = Mixed()
    for a, b, was in (
        (model.linear.weight, matrices[0], start.linear.weight),
        (model.conv.weight.flatten(1), matrices[1], start.conv.weight.flatten(1)),
    ):
        moved = (b - was).norm()
        assert moved > 0.2
        assert (a - b).norm() < 0.03 * moved


def test_the_gradients_of_the_matrices_are_gone_and_a_frozen_layer_stays():
    model = Mixed()
    model.linear.requires_grad_(False)
    before = copy.deepcopy(model)
    optimizer = Muon(model)
    gradients(model, 0)
    optimizer.step()
    assert model.conv.weight.grad is None
    assert torch.equal(model.linear.weight, before.linear.weight)
    after = copy.deepcopy(model)
    model.zero_grad()
    optimizer.step()  # nothing to go by, nothing moves
    for a, b in zip(model.parameters(), after.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_scheduler_sets_the_rate_of_both():
    model = Mixed()
    optimizer = Muon(model, lr=0.5)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    before = copy.deepcopy(model)
    gradients(model, 0)
    optimizer.step()
    for a, b in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_closure_is_refused():
    with pytest.raises(ValueError, match="Muon takes no closure: call backward first"):
        Muon(Mixed()).step(lambda: 0.0)
