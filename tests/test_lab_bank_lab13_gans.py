"""The references of Labs 13 and 14 against the package's own and torch's; what students also write, and are told."""

import math

import pytest
import torch
import torch.nn.functional as F

from t2ilab import distances
from t2ilab.lab import bank, check
from t2ilab.nets.gan import attention, progressive, style
from t2ilab.training import adversarial_losses


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")


def reference(name):
    return bank.find(name).reference


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_references_are_what_the_package_does():
    real, fake = normal(7), normal(5, seed=1)
    for name, given in (("discriminator_loss", (real, fake)), ("generator_loss", (fake,))):
        torch.testing.assert_close(reference(name)(*given), getattr(adversarial_losses, name)(*given))
    x, y = normal(2, 3, 4, 4), normal(3, 3, 4, 4, seed=1)
    there_and_back = x, y, torch.tanh, torch.sin
    torch.testing.assert_close(reference("cycle_loss")(*there_and_back), adversarial_losses.cycle_loss(*there_and_back))
    scale, bias = normal(2, 2, 3, seed=2)
    torch.testing.assert_close(reference("adain")(x, scale, bias), style.adain(x, scale, bias))
    high = normal(2, 3, 8, 8)
    torch.testing.assert_close(reference("fade_in")(x, high, 0.3), progressive.fade_in(x, high, 0.3))
    weight, u = normal(5, 2, 3, 3), F.normalize(normal(5, seed=3), dim=0)
    sigma, _, _ = attention.largest_singular(weight, u, 3)
    torch.testing.assert_close(reference("spectral_normalize")(weight, u, 3), weight.flatten(1) / sigma)


def test_spectral_normalisation_ends_where_torchs_does():
    layer = torch.nn.Linear(6, 4, bias=False).double()
    plain = layer.weight.detach().clone()
    torch.nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=500, eps=1e-300)
    ours = reference("spectral_normalize")(plain, F.normalize(normal(4), dim=0), 500)
    torch.testing.assert_close(ours, layer.weight.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("rank", [2, 5])
def test_the_distance_is_the_packages_and_the_closed_form(rank):
    half1, half2 = normal(2, 5, rank)
    given = normal(5, seed=1), half1 @ half1.T, normal(5, seed=2), half2 @ half2.T
    assert reference("frechet_distance")(*given).item() == pytest.approx(distances.frechet_distance(*given), abs=1e-6)
    cov1, cov2 = torch.tensor([[2.0, 0.3], [0.3, 0.5]]).double(), torch.tensor([[1.0, -0.7], [-0.7, 3.0]]).double()
    product = cov1 @ cov2
    root = math.sqrt(product.trace().item() + 2 * math.sqrt(torch.linalg.det(product).item()))
    mu = torch.zeros(2).double()
    assert abs(reference("frechet_distance")(mu, cov1, mu, cov2).item() - (6.5 - 2 * root)) < 1e-10


def test_faithfulness_and_coverage_by_hand():
    asked = [{"thing": "cat"}, {"thing": "cat", "color": "red"}, {}]
    read = [{"thing": "cat", "color": "blue"}, {"thing": "cat", "color": "blue"}, {}]
    assert reference("faithfulness")(asked, read) == pytest.approx(2 / 3)
    assert reference("mode_coverage")(torch.tensor([3, 3, 0]), 8) == 0.25
    assert reference("mode_coverage")(torch.tensor([3, 3, 0]), 8) == distances.mode_coverage(torch.tensor([3, 0]), 8)


@pytest.mark.parametrize(("answer", "exercise"), [
    (lambda real_logits, fake_logits: adversarial_losses.discriminator_loss(real_logits, fake_logits),
     "discriminator_loss"),
    (lambda fake_logits: adversarial_losses.generator_loss(fake_logits), "generator_loss"),
    (lambda x, y, g, f: adversarial_losses.cycle_loss(x, y, g, f), "cycle_loss"),
    (lambda content, style_scale, style_bias: style.adain(content, style_scale, style_bias), "adain"),
    (lambda low, high, alpha: progressive.fade_in(low, high, alpha), "fade_in"),
    (lambda weight, u, iterations: weight.flatten(1) / attention.largest_singular(weight, u, iterations)[0],
     "spectral_normalize"),
    (lambda mu1, cov1, mu2, cov2: distances.frechet_distance(mu1, cov1, mu2, cov2), "frechet_distance"),
    (lambda labels, num_modes: distances.mode_coverage(labels, num_modes), "mode_coverage"),
])  # fmt: skip
def test_the_packages_own_is_off_limits(answer, exercise):
    assert check(answer, exercise).status == "off_limits"


def test_a_loss_that_is_no_tensor_has_no_gradient():
    result = check(lambda fake_logits: F.softplus(-fake_logits).mean().item(), "generator_loss")
    assert "has no gradient" in result.message
    assert 0 < result.points < 2


def test_a_painter_that_works_but_for_what_was_learnt_last_year_is_told_which_year(monkeypatch):
    result = check(lambda real_logits, fake_logits: F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean(),
                   "discriminator_loss")  # fmt: skip
    assert "hinge loss of 2018" in result.message
