"""The growing GAN: its parts by their formulas, and that a stage which is faded in begins as the one before."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.nets.gan.progressive import (
    EqualisedConv2d,
    EqualisedLinear,
    ProgressiveConfig,
    ProgressiveDiscriminator,
    ProgressiveGenerator,
    fade_in,
    minibatch_deviation,
    pixel_norm,
)

SMALL = ProgressiveConfig(latent_dim=6, widths=(8, 8, 4))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_equalised_layers_are_plain_ones_with_scaled_weights():
    ours, plain = EqualisedConv2d(6, 4).double(), nn.Conv2d(6, 4, 3, padding=1).double()
    plain.weight.data, plain.bias.data = ours.weight.data * (2 / (6 * 9)) ** 0.5, ours.bias.data  # He's constant
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(ours(x), plain(x), rtol=0, atol=1e-12)
    line = EqualisedLinear(6, 4, gain=1.0, rate=0.01).double()
    nn.init.normal_(line.bias)
    x = torch.randn(2, 6, dtype=torch.float64)
    expected = 0.01 * (x @ line.weight.T / 6**0.5 + line.bias)
    torch.testing.assert_close(line(x), expected, rtol=0, atol=1e-12)
    assert EqualisedLinear(400, 300, rate=0.01).weight.std().item() == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize("layer", [EqualisedConv2d(50, 80), EqualisedConv2d(80, 50, 1), EqualisedConv2d(3, 64)])
def test_equalised_layers_keep_the_size_of_what_passes(layer):
    x = torch.randn(8, layer.weight.shape[1], 16, 16)
    assert F.relu(layer(x)).square().mean().sqrt().item() == pytest.approx(1, abs=0.1)


def test_pixel_norm_and_deviation_by_loops():
    x = torch.randn(3, 4, 2, 5, dtype=torch.float64)
    normed = torch.empty_like(x)
    deviations = []
    for y in range(2):
        for z in range(5):
            for b in range(3):
                normed[b, :, y, z] = x[b, :, y, z] / (x[b, :, y, z].square().sum() / 4 + 1e-8).sqrt()
            for c in range(4):
                column = x[:, c, y, z]
                deviations.append((((column - column.mean()) ** 2).sum() / 3 + 1e-8).sqrt())
    torch.testing.assert_close(pixel_norm(x), normed, rtol=0, atol=1e-12)
    wider = minibatch_deviation(x)
    assert torch.equal(wider[:, :4], x)
    torch.testing.assert_close(wider[:, 4], torch.stack(deviations).mean().expand(3, 2, 5), rtol=0, atol=1e-12)


def test_a_painter_who_paints_one_picture_is_seen():
    one = torch.randn(1, 4, 3, 3).expand(5, -1, -1, -1)
    assert minibatch_deviation(one)[:, 4].max() < 1e-3


def test_fading_in():
    low, high = torch.randn(2, 3, 2, 2), torch.randn(2, 3, 4, 4)
    assert torch.equal(fade_in(low, high, 0.0), low.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert torch.equal(fade_in(low, high, 1.0), high)
    expected = 0.7 * low.repeat_interleave(2, 2).repeat_interleave(2, 3) + 0.3 * high
    torch.testing.assert_close(fade_in(low, high, 0.3), expected)


@pytest.mark.parametrize("stage", [1, 2])
def test_a_new_stage_begins_as_the_one_before_and_ends_on_its_own(stage):
    painter, judge = ProgressiveGenerator(SMALL), ProgressiveDiscriminator(SMALL)
    z = torch.randn(3, 6)
    before, now = painter(z, stage - 1), painter(z, stage)
    enlarged = F.interpolate(before, scale_factor=2, mode="nearest")
    torch.testing.assert_close(painter(z, stage, 0.0), enlarged)
    torch.testing.assert_close(painter(z, stage, 0.25), 0.75 * enlarged + 0.25 * now)
    torch.testing.assert_close(judge(now, stage, 0.0), judge(F.avg_pool2d(now, 2), stage - 1))
    assert (judge(now, stage, 0.0) != judge(now, stage)).any()


def test_each_stage_has_its_size_and_the_last_is_the_default():
    painter, judge = ProgressiveGenerator(SMALL), ProgressiveDiscriminator(SMALL)
    z = torch.randn(3, 6)
    for stage, size in enumerate((8, 16, 32)):
        images = painter(z, stage)
        assert images.shape == (3, 3, size, size)
        assert judge(images, stage).shape == (3,)
    assert torch.equal(painter(z), painter(z, 2))
    assert torch.equal(judge(images), judge(images, 2))


def test_the_gradient_reaches_every_weight_of_the_stages_that_run():
    painter, judge = ProgressiveGenerator(SMALL), ProgressiveDiscriminator(SMALL)
    judge(painter(torch.randn(3, 6), 2, 0.5), 2, 0.5).sum().backward()
    silent = [n for m in (painter, judge) for n, p in m.named_parameters() if p.grad is None or not p.grad.any()]
    assert {name.rsplit(".", 1)[0] for name in silent} == {"to_rgb.0", "from_rgb.0"}


@pytest.mark.parametrize(("call", "sentence"), [
    (lambda g, d: g(torch.randn(1, 6), 3), r"stages 0 to 2, each with an alpha in \[0, 1\]; got 3 and 1.0"),
    (lambda g, d: g(torch.randn(1, 6), 1, 1.5), "got 1 and 1.5"),
    (lambda g, d: d(torch.randn(1, 3, 8, 8), 1), r"Stage 1 judges pictures \(B, 3, 16, 16\); got \(1, 3, 8, 8\)"),
    (lambda g, d: ProgressiveConfig(widths=()), "at least one stage"),
])  # fmt: skip
def test_what_cannot_be_is_said(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(ProgressiveGenerator(SMALL), ProgressiveDiscriminator(SMALL))
