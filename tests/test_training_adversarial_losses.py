"""Adversarial losses against torch's cross-entropy, their closed forms and finite differences."""

import math

import pytest
import torch
import torch.nn.functional as F

from t2ilab.training import adversarial_losses as losses


@pytest.fixture
def logits():
    return 3 * torch.randn(2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_losses_of_2014_are_cross_entropies(logits):
    real, fake = logits
    ones, zeros = torch.ones(7).double(), torch.zeros(7).double()
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(losses.discriminator_loss(real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(losses.generator_loss(fake), bce(fake, ones))
    torch.testing.assert_close(losses.saturating_generator_loss(fake), -bce(fake, zeros))
    assert losses.discriminator_loss(0 * real, 0 * fake).item() == pytest.approx(2 * math.log(2), abs=1e-12)


def test_the_saturating_loss_is_flat_where_the_judge_is_sure():
    slopes = []
    for loss in (losses.generator_loss, losses.saturating_generator_loss):
        fake = torch.tensor([-10.0], dtype=torch.float64, requires_grad=True)
        loss(fake).backward()
        slopes.append(fake.grad.item())
    sure = 1 / (1 + math.exp(10))  # D(G(z))
    assert slopes == pytest.approx([sure - 1, -sure], abs=1e-12)


def test_logits_far_out_stay_finite():
    far = torch.tensor([1e4, -1e4])
    for loss in (losses.generator_loss, losses.saturating_generator_loss):
        assert loss(far).isfinite()
    assert losses.discriminator_loss(far, far).item() == pytest.approx(1e4)


def test_hinge_and_least_squares_by_loops(logits):
    real, fake = logits
    hinge = sum(max(0.0, 1 - r) for r in real.tolist()) / 7 + sum(max(0.0, 1 + f) for f in fake.tolist()) / 7
    assert losses.hinge_discriminator_loss(real, fake).item() == pytest.approx(hinge, abs=1e-12)
    assert losses.hinge_generator_loss(fake).item() == pytest.approx(-sum(fake.tolist()) / 7, abs=1e-12)
    squares = sum((r - 1) ** 2 for r in real.tolist()) / 14 + sum(f**2 for f in fake.tolist()) / 14
    assert losses.least_squares_discriminator_loss(real, fake).item() == pytest.approx(squares, abs=1e-12)
    painter = sum((f - 1) ** 2 for f in fake.tolist()) / 7
    assert losses.least_squares_generator_loss(fake).item() == pytest.approx(painter, abs=1e-12)


def test_the_gradient_penalty_by_finite_differences():
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, 2, 2, dtype=torch.float64, generator=generator)
    weight = torch.randn(12, dtype=torch.float64, generator=generator, requires_grad=True)

    def judge(x):
        return (x.flatten(1) * weight).sum(1).sin()

    squares = 0.0
    for b in range(2):
        for i in range(12):
            moved = images.clone()
            moved[b].view(-1)[i] += 1e-6
            squares += ((judge(moved)[b] - judge(images)[b]).item() / 1e-6) ** 2
    penalty = losses.gradient_penalty(judge, images)
    assert penalty.item() == pytest.approx(squares / 2, rel=1e-4)
    penalty.backward()
    assert weight.grad.abs().min() > 0


def test_a_gradient_penalty_of_a_plane_is_the_square_of_its_slope():
    images = torch.randn(5, 3, 2, 2)
    assert losses.gradient_penalty(lambda x: 2 * x.flatten(1).sum(1), images).item() == pytest.approx(4 * 12)


def test_there_and_back_again():
    x, y = torch.randn(2, 3, 3, 4, 4, dtype=torch.float64)

    def double(x):
        return 2 * x

    def half(x):
        return x / 2

    assert losses.cycle_loss(x, y, double, half).item() == 0
    expected = 3 * x.abs().mean() + 3 * y.abs().mean()
    torch.testing.assert_close(losses.cycle_loss(x, y, double, double), expected)
    torch.testing.assert_close(losses.identity_loss(x, y, double, half), y.abs().mean() + x.abs().mean() / 2)
