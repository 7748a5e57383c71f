"""CycleGAN's networks against the same layers put together with torch's own, and the patches that a judge sees."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from t2ilab.nets.gan.cycle import CycleConfig, CycleGenerator, PatchDiscriminator

SMALL = CycleConfig(width=4, downs=2, blocks=2, judge_downs=2)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def mirrored(before, after, size):
    return [nn.ReflectionPad2d(size // 2), nn.Conv2d(before, after, size)]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        first, second = mirrored(channels, channels, 3), mirrored(channels, channels, 3)
        self.body = nn.Sequential(*first, nn.InstanceNorm2d(channels), nn.ReLU(), *second, nn.InstanceNorm2d(channels))

    def forward(self, x):
        return x + self.body(x)


def test_the_painter_is_the_chain_of_layers_that_the_paper_lists():
    norm = nn.InstanceNorm2d
    theirs = nn.Sequential(
        *mirrored(3, 4, 7), norm(4), nn.ReLU(),
        nn.Conv2d(4, 8, 3, 2, 1), norm(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), norm(16), nn.ReLU(),
        Residual(16), Residual(16),
        nn.Upsample(scale_factor=2), *mirrored(16, 8, 3), norm(8), nn.ReLU(),
        nn.Upsample(scale_factor=2), *mirrored(8, 4, 3), norm(4), nn.ReLU(),
        *mirrored(4, 3, 7), nn.Tanh(),
    ).double()  # fmt: skip
    ours = CycleGenerator(SMALL).double()
    assert len(theirs.state_dict()) == len(ours.state_dict())
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.rand(2, 3, 16, 12, dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-12)


def test_a_painter_that_blends_keeps_the_picture_where_it_does_not_paint():
    ours = CycleGenerator(replace(SMALL, blends=True)).double()
    plain = CycleGenerator(SMALL).double()
    theirs = {name: value[:3] if name.startswith("conv_out") else value for name, value in ours.state_dict().items()}
    plain.load_state_dict(theirs)
    x = torch.rand(2, 3, 16, 12, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        drawn, painted = ours(x), plain(x)
        share = (drawn - x)[:, :1] / (painted - x)[:, :1]
        assert ((share > 0) & (share < 1)).all()
        torch.testing.assert_close(drawn, share * painted + (1 - share) * x, rtol=0, atol=1e-9)  # one share a pixel
        ours.conv_out.bias[3] = -60
        torch.testing.assert_close(ours(x), x, rtol=0, atol=1e-12)
        ours.conv_out.bias[3] = 60
        torch.testing.assert_close(ours(x), painted, rtol=0, atol=1e-12)


def test_the_judge_is_the_chain_of_layers_that_the_paper_lists():
    theirs = nn.Sequential(
        nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 8, 4, 2, 1), nn.InstanceNorm2d(8), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 3, 1, 1), nn.InstanceNorm2d(16), nn.LeakyReLU(0.2), nn.Conv2d(16, 1, 3, 1, 1),
    ).double()  # fmt: skip
    ours = PatchDiscriminator(SMALL).double()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(ours(x), theirs(x)[:, 0], rtol=0, atol=1e-12)
    assert ours(x).shape == (2, 4, 4)


def test_a_logit_looks_at_a_patch_and_not_at_the_picture():
    judge = PatchDiscriminator(CycleConfig(width=4, judge_downs=1)).double()  # one norm, which would mix all places
    judge.conv = nn.Sequential(judge.conv)
    x = torch.rand(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    h = torch.nn.functional.leaky_relu(judge.downs[0](x), 0.2)
    judge.logit(judge.conv(h))[0, 0, 8, 8].backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [12, 12]


def test_the_gradient_reaches_every_weight_but_biases_before_a_norm():
    painter, judge = CycleGenerator(SMALL), PatchDiscriminator(SMALL)
    judge(painter(torch.rand(2, 3, 16, 16))).square().sum().backward()
    silent = [n for m in (painter, judge) for n, p in m.named_parameters() if p.grad is None or not p.grad.any()]
    assert [name for name in silent if not name.endswith("bias")] == []


@pytest.mark.parametrize("shape", [(1, 3, 16, 18), (1, 1, 16, 16), (3, 16, 16)])
def test_pictures_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\), sides multiples of 4; got"):
        CycleGenerator(SMALL)(torch.rand(shape))
