"""Spectral normalisation against torch's, self-attention against loops, the judge's last step against its formula."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from t2ilab.nets.gan.attention import (
    AttentionConfig,
    AttentionDiscriminator,
    AttentionGenerator,
    DownBlock,
    LabelledNorm,
    SelfAttention,
    Spectral,
    UpBlock,
    largest_singular,
)

VALUES = (3, 2)
SMALL = AttentionConfig(values=VALUES, latent_dim=5, width=8, size=16, attention_size=8)
LABELS = torch.tensor([[0, 1], [2, 0], [2, 1]])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def double(module):
    """In float64, with every weight drawn anew, so that no zero hides a part."""
    module = module.double()
    with torch.no_grad():
        for p in module.parameters():
            p.normal_(std=0.3)
    return module


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 3, 3, 3)])
def test_the_largest_singular_value_is_that_of_the_full_decomposition(shape):
    weight = torch.randn(shape, dtype=torch.float64)
    sigma, u, v = largest_singular(weight, F.normalize(torch.randn(shape[0]).double(), dim=0), 2000)
    left, values, right = torch.linalg.svd(weight.flatten(1))
    assert abs(sigma - values[0]) < 1e-12
    assert abs(abs(u @ left[:, 0]) - 1) < 1e-12
    assert abs(abs(v @ right[0]) - 1) < 1e-12


@pytest.mark.parametrize("make", [lambda: nn.Linear(6, 4), lambda: nn.Conv2d(6, 4, 3, padding=1)])
def test_a_spectral_layer_is_torchs_with_its_gradient(make):
    plain = make().double()
    ours, theirs = Spectral(copy.deepcopy(plain)).double(), spectral_norm(copy.deepcopy(plain), eps=1e-300)
    x = torch.randn((3, 6) if isinstance(plain, nn.Linear) else (3, 6, 5, 4), dtype=torch.float64)
    for _ in range(300):  # each pass in training is an iteration; both end at the same singular vectors
        ours(x), theirs(x)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-12)
    assert torch.linalg.matrix_norm(ours.weight().flatten(1), 2).item() == pytest.approx(1, abs=1e-12)
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    gradient = theirs.parametrizations.weight.original.grad
    torch.testing.assert_close(ours.raw.grad, gradient, rtol=0, atol=1e-12)


def test_only_training_moves_the_guess():
    layer, x = Spectral(nn.Linear(6, 4)), torch.randn(2, 6)
    before = layer.u.clone()
    layer.eval()(x)
    assert torch.equal(layer.u, before)
    layer.train()(x)
    assert not torch.equal(layer.u, before)
    assert "u" in layer.state_dict()  # or a resumed run would guess anew


def test_self_attention_by_loops():
    layer = double(SelfAttention(8)).eval()
    x = torch.randn(2, 8, 3, 2, dtype=torch.float64)
    q, k, v = layer.to_q(x), layer.to_k(x), layer.to_v(x)
    places = [(y, z) for y in range(3) for z in range(2)]
    o = torch.zeros(2, 4, 3, 2, dtype=torch.float64)
    for b in range(2):
        for j in places:
            scores = torch.stack([(q[b, :, j[0], j[1]] * k[b, :, i[0], i[1]]).sum() for i in places])
            weights = scores.exp() / scores.exp().sum()
            for share, i in zip(weights, places, strict=True):
                o[b, :, j[0], j[1]] += share * v[b, :, i[0], i[1]]
    torch.testing.assert_close(layer(x), x + layer.gamma * layer.to_out(o), rtol=0, atol=1e-12)


def test_self_attention_adds_nothing_at_first():
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(SelfAttention(8)(x), x)


def test_the_labels_choose_scale_and_shift():
    layer = double(LabelledNorm(4, VALUES))
    x = torch.randn(3, 4, 5, 5, dtype=torch.float64)
    told = layer.told.table.weight[LABELS[:, 0]] + layer.told.table.weight[3 + LABELS[:, 1]]
    scale, shift = told[:, :4], told[:, 4:]
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    expected = torch.empty_like(x)
    for b in range(3):
        for c in range(4):
            expected[b, c] = (x[b, c] - mean[c]) / (var[c] + 1e-5).sqrt() * (1 + scale[b, c]) + shift[b, c]
    torch.testing.assert_close(layer(x, LABELS), expected, rtol=0, atol=1e-12)


def test_blocks_double_and_halve():
    x = torch.randn(3, 8, 6, 6)
    assert UpBlock(8, VALUES)(x, LABELS).shape == (3, 8, 12, 12)
    assert DownBlock(8, 16)(x).shape == (3, 16, 3, 3)
    assert DownBlock(3, 8)(x[:, :3]).shape == (3, 8, 3, 3)


def test_the_judge_adds_agreement_to_realness():
    judge = AttentionDiscriminator(SMALL)
    assert judge.agree.table.weight.std() < 0.03  # it begins small, and begins to count as it learns
    judge = double(judge).eval()
    images = torch.rand(3, 3, 16, 16, dtype=torch.float64) * 2 - 1
    seen = []
    judge.real.register_forward_hook(lambda module, given, out: seen.append((given[0], out)))
    logits = judge(images, LABELS)
    features, real = seen[0]
    table = judge.agree.table.weight
    for b, (first, second) in enumerate(LABELS.tolist()):
        asked = table[first] + table[3 + second]
        assert logits[b].item() == pytest.approx((real[b, 0] + asked @ features[b]).item(), abs=1e-12)


def test_pictures_come_out_and_the_gradient_reaches_every_weight():
    painter, judge = AttentionGenerator(SMALL), AttentionDiscriminator(SMALL)
    for net in (painter, judge):
        nn.init.ones_(net.attention.gamma)
    images = painter(torch.randn(3, 5), LABELS)
    assert images.shape == (3, 3, 16, 16)
    assert images.abs().max() <= 1
    judge(images, LABELS).sum().backward()
    silent = [n for m in (painter, judge) for n, p in m.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias adds the same to all scores of a place, and a softmax does not see it; and a norm follows conv1.
    assert [name for name in silent if not name.endswith(("to_k.layer.bias", "conv1.layer.bias"))] == []


@pytest.mark.parametrize(("values", "sentence"), [
    ({"size": 20}, "a size of 16, 32 or 64"),
    ({"width": 12}, "a multiple of 8; got .* and 12"),
    ({"values": ()}, "needs labels"),
    ({"attention_size": 32}, r"attention_size must be one of \(8, 16\); got 32"),
])  # fmt: skip
def test_layouts_that_cannot_be(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        AttentionConfig(**values)
