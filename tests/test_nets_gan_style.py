"""The style-based generator: adaptive normalisation by its formula, mixing, truncation, noise, the mean style."""

import pytest
import torch
from torch import nn

from t2ilab.nets.gan.style import KEEP, StyleConfig, StyleGenerator, adain

SMALL = StyleConfig(latent_dim=6, mapping_layers=2, widths=(8, 8, 4))


@pytest.fixture
def painter():
    torch.manual_seed(0)
    net = StyleGenerator(SMALL)
    with torch.no_grad():
        net.mean_style.normal_()
        for layer in net.layers:
            layer.noise_scale.normal_()
    return net.eval()


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def test_adaptive_normalisation_by_loops():
    content = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    scale, shift = torch.randn(2, 2, 3, dtype=torch.float64)
    slow = torch.empty_like(content)
    for b in range(2):
        for c in range(3):
            one = content[b, c]
            mean = one.sum() / 20
            slow[b, c] = (one - mean) / (((one - mean) ** 2).sum() / 20 + 1e-5).sqrt() * scale[b, c] + shift[b, c]
    torch.testing.assert_close(adain(content, scale, shift), slow, rtol=0, atol=1e-12)


def test_a_style_alone_decides_but_for_the_noise(painter):
    w = painter.styles(torch.randn(2, 6))
    first = painter(w, chance())
    assert first.shape == (2, 3, 16, 16)
    assert torch.equal(painter(w, chance()), first)
    assert not torch.equal(painter(w, chance(1)), first)
    for layer in painter.layers:
        nn.init.zeros_(layer.noise_scale)
    assert torch.equal(painter(w, chance()), painter(w, chance(1)))


def test_mixing_takes_coarse_styles_first(painter):
    a, b = painter.styles(torch.randn(2, 3, 6)[0]), painter.styles(torch.randn(3, 6))
    for crossover in range(7):
        mixed = painter.mix(a, b, crossover)
        assert mixed.shape == (3, 6, 6)
        for layer in range(6):
            assert torch.equal(mixed[:, layer], a if layer < crossover else b)
    torch.testing.assert_close(painter(painter.mix(a, b, 6), chance()), painter(a, chance()), rtol=0, atol=1e-5)
    torch.testing.assert_close(painter(painter.mix(a, b, 0), chance()), painter(b, chance()), rtol=0, atol=1e-5)


def test_truncation_moves_styles_to_their_mean(painter):
    w = painter.styles(torch.randn(3, 6))
    assert torch.allclose(painter.truncate(w, 1.0), w)
    assert torch.equal(painter.truncate(w, 0.0), painter.mean_style.expand(3, -1))
    between = painter.truncate(painter.mix(w, w, 3), 0.4)
    torch.testing.assert_close(between[:, 5], 0.4 * w + 0.6 * painter.mean_style)


def test_training_passes_move_the_mean_style(painter):
    before = painter.mean_style.clone()
    w = painter.styles(torch.randn(9, 6))
    assert torch.equal(painter.mean_style, before)
    painter.train()
    torch.manual_seed(1)
    w = painter.styles(torch.randn(9, 6))
    torch.testing.assert_close(painter.mean_style, KEEP * before + (1 - KEEP) * w.mean(0))


def test_the_mapping_forgets_the_length_of_the_noise(painter):
    z = torch.randn(3, 6)
    torch.testing.assert_close(painter.styles(z), painter.styles(7 * z))


def test_the_gradient_reaches_every_weight(painter):
    painter(painter.styles(torch.randn(3, 6)), chance(), 1, 0.5).square().sum().backward()
    assert [name for name, p in painter.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_stages_paint_smaller_pictures_and_fade_in(painter):
    w = painter.styles(torch.randn(2, 6))
    small, large = painter(w, chance(), 0), painter(w, chance(), 1)
    assert (small.shape, large.shape) == ((2, 3, 8, 8), (2, 3, 16, 16))
    assert torch.equal(painter(w, chance()), large)
    doubled = small.repeat_interleave(2, 2).repeat_interleave(2, 3)  # both draw the same noise up to 8 pixels
    for alpha in (0.0, 0.25, 1.0):
        mixed = (1 - alpha) * doubled + alpha * large
        torch.testing.assert_close(painter(w, chance(), 1, alpha), mixed, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match=r"stages 0 to 1, each with an alpha in .0, 1.; got 2 and 1"):
        painter(w, chance(), 2)


@pytest.mark.parametrize("crossover", [-1, 7])
def test_a_crossover_that_there_is_not(painter, crossover):
    with pytest.raises(ValueError, match=f"after 0 to 6 layers; got {crossover}"):
        painter.mix(torch.randn(1, 6), torch.randn(1, 6), crossover)


def test_layouts():
    assert (StyleConfig().size, StyleConfig().layers) == (32, 8)
    assert StyleConfig().sizes == (8, 16, 32)
    with pytest.raises(ValueError, match=r"at least two sizes.*got widths=.8,."):
        StyleConfig(widths=(8,))
