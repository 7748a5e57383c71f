"""The reader's layout, against the same network written out by hand."""

import math
from dataclasses import fields

import pytest
import torch

from t2ilab.nets.reader import Block, Logits, Reader

THINGS = {"thing": ["star", "ring", "heart"], "size": ["big", "small"]}
WHOLE = {"background": ["dark", "light", "sea", "day"]}


def pictures(batch=3, height=32, width=32):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def reader(**changes):
    generator = torch.Generator().manual_seed(1)
    net = Reader(THINGS, WHOLE, **{"width": 8, **changes}).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.2)
    return net


def silu(x):
    return x / (1 + (-x).exp())


def flat(logits):
    """Every number that a reader says, as one dict of tensors."""
    whole = {f"whole {name}": rows for name, rows in logits.whole.items()}
    return {"center": logits.center, "recognised": logits.recognised, **logits.things, **whole}


def block(w, name, x, dilation=1):
    """A block from the state dict, in sums and products."""
    kernel = w[f"{name}.conv.weight"]
    patches = torch.nn.functional.unfold(x, 3, padding=dilation, dilation=dilation)  # (B, C * 9, H * W)
    y = (kernel.flatten(1) @ patches).reshape(len(x), len(kernel), *x.shape[2:])
    groups = y.reshape(len(x), 8, -1)
    centred = groups - groups.mean(2, keepdim=True)
    y = (centred / (centred.square().mean(2, keepdim=True) + 1e-5).sqrt()).reshape(y.shape)
    y = silu(y * w[f"{name}.norm.weight"][:, None, None] + w[f"{name}.norm.bias"][:, None, None])
    return x + y if x.shape == y.shape else y


def pooled(x):
    return torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)


def by_hand(net, x):
    """The same, from the state dict."""
    w = net.state_dict()
    half = block(w, "at_half.1", block(w, "at_half.0", pooled(block(w, "fine.1", block(w, "fine.0", x)))))
    quarter = block(w, "at_quarter.0", pooled(half))
    quarter = block(w, "at_quarter.2", block(w, "at_quarter.1", quarter, 2), 3)
    up = quarter.repeat_interleave(2, -1).repeat_interleave(2, -2)
    features = block(w, "joined.1", block(w, "joined.0", torch.cat([half, up], 1)))
    whole = torch.cat([quarter.flatten(2).mean(2), quarter.flatten(2).amax(2)], 1)

    def at_each_cell(name):
        kernel = w[f"{name}.weight"][:, :, 0, 0]
        return torch.einsum("oc,bchw->bohw", kernel, features) + w[f"{name}.bias"][:, None, None]

    def of_all(name):
        return whole @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    return Logits(
        at_each_cell("center")[:, 0],
        {name: at_each_cell(f"thing_heads.{name}") for name in THINGS},
        {name: of_all(f"whole_heads.{name}") for name in WHOLE},
        of_all("recognised")[:, 0],
    )


def folded(x, side):
    """Squares of side x side pixels as one pixel with all their channels."""
    return torch.stack([x[:, c, i::side, j::side] for c in range(3) for i in range(side) for j in range(side)], 1)


@pytest.mark.parametrize(("size", "fold"), [(16, 1), (32, 1), (48, 1), (32, 2), (64, 2), (48, 3)])
@torch.no_grad()
def test_is_the_network_written_out_by_hand(size, fold):
    net, x = reader(size=size, fold=fold), pictures(3, size, size)
    got, expected = flat(net(x)), flat(by_hand(net, folded(x, fold)))
    grid = size // fold // 2
    assert {name: tuple(rows.shape) for name, rows in got.items()} == {
        "center": (3, grid, grid),
        "recognised": (3,),
        "thing": (3, 3, grid, grid),
        "size": (3, 2, grid, grid),
        "whole background": (3, 4),
    }
    for name, rows in got.items():
        assert torch.allclose(rows, expected[name], rtol=1e-9, atol=1e-9), name
        assert rows.std(0).min() > 1e-4, name  # it looks at the picture


@pytest.mark.parametrize(("height", "width"), [(64, 64), (20, 52), (16, 16)])
@torch.no_grad()
def test_other_sizes_are_brought_to_its_own(height, width):
    net = reader()
    plain = torch.linspace(-1, 1, 3, dtype=torch.float64)[:, None, None, None].expand(3, 3, height, width)
    got, own = flat(net(plain)), flat(net(plain[:, :, :1, :1].expand(3, 3, 32, 32)))
    assert all(torch.allclose(got[name], own[name]) for name in own)
    # A ramp stays a ramp when resized, away from the ends.
    ramp = torch.linspace(-1, 1, 2 * width + 1, dtype=torch.float64)[1::2].expand(1, 3, height, width)
    own = torch.linspace(-1, 1, 65, dtype=torch.float64)[1::2].expand(1, 3, 32, 32)
    assert math.isclose(net(ramp).recognised.item(), net(own).recognised.item(), rel_tol=0.15, abs_tol=0.1)


def test_its_arguments_make_it_again():
    net = reader(size=48, fold=3)
    again = Reader(**net.to_dict()).double()
    assert again.to_dict() == net.to_dict() == {"things": THINGS, "whole": WHOLE, "width": 8, "size": 48, "fold": 3}
    again.load_state_dict(net.state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(flat(again(pictures())).values(), flat(net(pictures())).values(), strict=True)
    )


def test_the_names_of_its_weights_stay_so_that_saved_readers_open():
    blocks = [
        *("fine.0", "fine.1", "at_half.0", "at_half.1"),
        *("at_quarter.0", "at_quarter.1", "at_quarter.2", "joined.0", "joined.1"),
    ]
    heads = ["center", "thing_heads.thing", "thing_heads.size", "whole_heads.background", "recognised"]
    assert list(reader().state_dict()) == [
        *(f"{block}.{part}" for block in blocks for part in ("conv.weight", "norm.weight", "norm.bias")),
        *(f"{head}.{part}" for head in heads for part in ("weight", "bias")),
    ]


def test_the_gradient_reaches_every_weight():
    net = reader()
    sum(rows.square().sum() for rows in flat(net(pictures())).values()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_thing_is_read_where_it_is():
    """What stands far away from a cell does not decide its attributes alone: moving a spot moves the loudest answer."""
    net = reader()
    x = torch.zeros(2, 3, 32, 32, dtype=torch.float64)
    x[0, :, 4:8, 4:8] = 1
    x[1, :, 4:8, 20:24] = 1
    with torch.no_grad():
        empty = net(torch.zeros(1, 3, 32, 32, dtype=torch.float64)).center
        change = (net(x).center - empty).abs()
    near, far = change[:, 2:4, 2:4].mean((1, 2)), change[:, 2:4, 10:12].mean((1, 2))
    assert near[0] > far[0]
    assert near[1] < far[1]


def test_a_block_adds_what_came_in_only_where_it_fits():
    x = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    same, wider = Block(8, 8), Block(8, 16, dilation=2)
    for parameter in (*same.norm.parameters(), *wider.norm.parameters()):
        parameter.data.zero_()
    assert torch.equal(same(x), x)
    assert torch.equal(wider(x), torch.zeros(2, 16, 6, 6))


def test_all_that_it_says_has_a_name():
    assert [field.name for field in fields(Logits)] == ["center", "things", "whole", "recognised"]


@pytest.mark.parametrize(
    ("size", "fold"), [(8, 1), (12, 1), (0, 1), (-32, 1), (30, 1), (33, 1), (16, 2), (36, 2), (32, 0), (32, -1)]
)
def test_a_size_that_two_halvings_do_not_fit_is_refused(size, fold):
    wanted = rf"size must be a multiple of 4 and at least 16, times its fold; got {size}, fold {fold}\."
    with pytest.raises(ValueError, match=wanted):
        Reader(THINGS, WHOLE, size=size, fold=fold)
