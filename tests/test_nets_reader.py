"""The reader's layout, against the same network written out by hand."""

import math

import pytest
import torch

from t2ilab.nets.reader import Reader

VALUES = {"thing": ["star", "ring", "heart"], "size": ["big", "small"]}


def pictures(batch=3, height=32, width=32):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def reader(**changes):
    generator = torch.Generator().manual_seed(1)
    net = Reader(VALUES, **{"width": 8, **changes}).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.2)
    return net


def silu(x):
    return x / (1 + (-x).exp())


def by_hand(net, x):
    """The same, from the state dict, in sums and products."""
    w = net.state_dict()
    for level in range(4):
        batch, _, height, width = x.shape
        patches = torch.nn.functional.unfold(x, 3, padding=1)  # (B, C * 9, H * W)
        kernel = w[f"convs.{level}.weight"]
        x = (kernel.flatten(1) @ patches).reshape(batch, len(kernel), height, width)
        groups = x.reshape(batch, 8, -1)
        centred = groups - groups.mean(2, keepdim=True)
        x = (centred / (centred.square().mean(2, keepdim=True) + 1e-5).sqrt()).reshape(x.shape)
        x = silu(x * w[f"norms.{level}.weight"][:, None, None] + w[f"norms.{level}.bias"][:, None, None])
        x = torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)
    h = silu(x.flatten(1) @ w["hidden.weight"].T + w["hidden.bias"])
    logits = {name: h @ w[f"heads.{name}.weight"].T + w[f"heads.{name}.bias"] for name in net.values}
    return logits, (h @ w["recognised.weight"].T + w["recognised.bias"]).squeeze(1)


@pytest.mark.parametrize("size", [16, 32, 48])
@torch.no_grad()
def test_is_the_network_written_out_by_hand(size):
    net, x = reader(size=size), pictures(3, size, size)
    logits, recognised = net(x)
    expected, expected_recognised = by_hand(net, x)
    assert {name: tuple(rows.shape) for name, rows in logits.items()} == {"thing": (3, 3), "size": (3, 2)}
    assert recognised.shape == (3,)
    assert torch.allclose(recognised, expected_recognised, rtol=1e-9, atol=1e-9)
    assert all(torch.allclose(logits[name], expected[name], rtol=1e-9, atol=1e-9) for name in VALUES)
    assert logits["thing"].std(0).min() > 1e-3  # it looks at the picture


@pytest.mark.parametrize(("height", "width"), [(64, 64), (20, 50), (16, 16)])
@torch.no_grad()
def test_other_sizes_are_brought_to_its_own(height, width):
    net = reader()
    plain = torch.linspace(-1, 1, 3, dtype=torch.float64)[:, None, None, None].expand(3, 3, height, width)
    assert torch.allclose(net(plain)[1], net(plain[:, :, :1, :1].expand(3, 3, 32, 32))[1])
    # A ramp stays a ramp when resized, away from the ends.
    ramp = torch.linspace(-1, 1, 2 * width + 1, dtype=torch.float64)[1::2].expand(1, 3, height, width)
    own = torch.linspace(-1, 1, 65, dtype=torch.float64)[1::2].expand(1, 3, 32, 32)
    assert math.isclose(net(ramp)[1].item(), net(own)[1].item(), rel_tol=0.1, abs_tol=0.05)


def test_its_arguments_make_it_again():
    net = reader(size=48)
    again = Reader(**net.to_dict()).double()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(pictures())[1], net(pictures())[1])


def test_a_size_that_four_halvings_use_up_is_refused():
    with pytest.raises(ValueError, match=r"size must be at least 16; got 8\."):
        Reader(VALUES, size=8)
