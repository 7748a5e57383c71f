"""The conditional GAN: labels against plain loops, shapes, and that both networks listen to every label."""

import pytest
import torch

from t2ilab.nets.gan.conditional import ConditionalConfig, ConditionalDiscriminator, ConditionalGenerator
from t2ilab.nets.gan.labels import LabelEmbedding, OneHot, rows_of

VALUES = (3, 2, 4)
SMALL = ConditionalConfig(values=VALUES, latent_dim=5, width=4, size=16)


@pytest.fixture
def labels():
    return torch.tensor([[0, 1, 3], [2, 0, 0]])


def test_labels_by_loops(labels):
    slow = torch.zeros(2, 9)
    for b, row in enumerate(labels.tolist()):
        first = 0
        for value, count in zip(row, VALUES, strict=True):
            slow[b, first + value] = 1
            first += count
    assert torch.equal(OneHot(VALUES)(labels), slow)
    embedding = LabelEmbedding(VALUES, 6)
    torch.testing.assert_close(embedding(labels), slow @ embedding.table.weight)


@pytest.mark.parametrize(("labels", "sentence"), [
    (torch.tensor([0, 1, 3]), r"whole numbers \(B, 3\), one a label; got \(3,\)"),
    (torch.tensor([[0, 1]]), r"got \(1, 2\)"),
    (torch.tensor([[0.0, 1.0, 3.0]]), r"of torch.float32"),
    (torch.tensor([[0, 2, 3]]), r"Labels count from 0 to below \(3, 2, 4\); got \[0, 2, 3\]"),
    (torch.tensor([[-1, 0, 3]]), "Labels count from 0"),
])  # fmt: skip
def test_labels_that_are_none(labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        rows_of(labels, VALUES)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_pictures_come_out_and_one_logit_each(size):
    config = ConditionalConfig(values=VALUES, latent_dim=5, width=4, size=size)
    labels = torch.tensor([[0, 1, 3], [2, 0, 0]])
    images = ConditionalGenerator(config)(torch.randn(2, 5), labels)
    assert images.shape == (2, 3, size, size)
    assert images.abs().max() <= 1
    assert ConditionalDiscriminator(config)(images, labels).shape == (2,)


def test_both_networks_hear_every_label(labels):
    torch.manual_seed(0)
    painter, judge = ConditionalGenerator(SMALL).eval(), ConditionalDiscriminator(SMALL)
    z, images = torch.randn(2, 5), torch.rand(2, 3, 16, 16) * 2 - 1
    for label in range(3):
        other = labels.clone()
        other[0, label] = (other[0, label] + 1) % VALUES[label]
        for before, after in [
            (painter(z, labels), painter(z, other)), (judge(images, labels), judge(images, other))
        ]:  # fmt: skip
            assert (before[0] != after[0]).any()
            assert torch.equal(before[1], after[1])  # and the other picture does not


def test_the_gradient_reaches_every_weight(labels):
    torch.manual_seed(0)
    painter, judge = ConditionalGenerator(SMALL), ConditionalDiscriminator(SMALL)
    judge(painter(torch.randn(2, 5), labels), labels).sum().backward()
    assert [n for m in (painter, judge) for n, p in m.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(("values", "sentence"), [
    ({"size": 24}, "a size of 8, 16, 32 or 64; got .* and 24"),
    ({"values": ()}, "needs labels"),
    ({"width": 0}, "A conditional GAN's width is a whole number from 1"),
])  # fmt: skip
def test_layouts_that_cannot_be(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        ConditionalConfig(**values)


def test_a_configuration_comes_back_from_json():
    assert ConditionalConfig.from_dict({**SMALL.to_dict(), "values": list(VALUES)}) == SMALL
