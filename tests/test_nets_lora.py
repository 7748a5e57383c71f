"""Low-rank adapters, against the matrix that they stand for, and a network with them against itself without."""

import copy

import pytest
import torch
from published import randomised
from torch import nn

from t2ilab.nets.lora import (
    LoRALinear,
    adapted,
    adapter_names,
    add_adapter,
    count_parameters,
    innermost,
    merge,
    merge_adapters,
    remove_adapters,
    set_strength,
)
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.recipes import shapes, storybook

CONFIG = UNetConfig(
    block_out_channels=(8, 16), attention=(False, True), cross_attention_dim=12, heads=2, norm_num_groups=4
)


def linear(seed=0, bias=True):
    torch.manual_seed(seed)
    return nn.Linear(6, 9, bias=bias).double()


def taught(layer, seed=1):
    """A layer or a network whose adapters have learnt something, whatever it is."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in layer.modules():
            if isinstance(one, LoRALinear):
                for p in (one.down, one.up):
                    p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))
    return layer


def x_of(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def unet():
    return randomised(UNet(CONFIG))


def run(net):
    return net(x_of(2, 3, 8, 8), torch.tensor([3, 700]), x_of(2, 5, 12))


def test_the_sum_of_the_layer_and_its_update():
    base = linear()
    layer = taught(LoRALinear(base, 3, alpha=6.0))
    whole = base.weight + 6.0 / 3 * layer.up @ layer.down  # Hu et al., eq. 3
    assert (layer(x_of(4, 2, 6)) - (x_of(4, 2, 6) @ whole.T + base.bias)).abs().max() < 1e-12
    assert layer.scale == 2.0
    layer.strength = -0.5
    assert (layer(x_of(4, 6)) - (x_of(4, 6) @ (base.weight - layer.up @ layer.down).T + base.bias)).abs().max() < 1e-12


def test_a_new_one_changes_nothing_but_can_learn():
    base = linear()
    layer = LoRALinear(base, 2, alpha=2)
    assert layer.down.shape == (2, 6)
    assert layer.up.shape == (9, 2)
    assert layer.down.dtype == torch.float64
    assert torch.equal(layer(x_of(4, 6)), base(x_of(4, 6)))
    layer(x_of(4, 6)).square().sum().backward()
    assert base.weight.grad is base.bias.grad is None
    assert layer.up.grad.abs().max() > 0 == layer.down.grad.abs().max()  # A learns once B is no longer zero
    assert {name for name, p in layer.named_parameters() if p.requires_grad} == {"down", "up"}


@pytest.mark.parametrize("bias", [True, False])
def test_merged_equals_unmerged(bias):
    base = linear(bias=bias)
    before = copy.deepcopy(base.state_dict())
    layer = taught(LoRALinear(LoRALinear(base, 2, 1.0, "first"), 3, 5.0, "second"))
    layer.strength = 0.3
    merged = merge(layer)
    assert type(merged) is nn.Linear
    assert (merged(x_of(7, 6)) - layer(x_of(7, 6))).abs().max() < 1e-12
    assert all(torch.equal(base.state_dict()[name], value) for name, value in before.items())
    assert merged.weight.data_ptr() != base.weight.data_ptr()
    assert (merge(layer).weight - merged.weight).abs().max() == 0  # the adapted layer is as it was


def test_a_network_is_its_base_at_strength_0_and_something_else_at_1():
    net = unet()
    before = run(net)
    layers = add_adapter(net, rank=2, alpha=4)
    assert torch.equal(run(net), before)
    taught(net)
    after = run(net)
    assert (after - before).abs().max() > 0.01 * before.abs().max()
    set_strength(net, 0)
    assert torch.equal(run(net), before)
    set_strength(net, 1)
    assert torch.equal(run(net), after)
    assert len(layers) == len(adapted(net)) == 4 * 2 * 4  # projections, attentions a transformer, transformers
    assert {path.rsplit("attn", 1)[1] for path in adapted(net)} == {
        f"{i}.{to}" for i in (1, 2) for to in ("to_q", "to_k", "to_v", "to_out.0")
    }  # fmt: skip


def test_merged_network_equals_unmerged_and_has_its_own_names_again():
    net = unet()
    names = list(net.state_dict())
    add_adapter(net, rank=2, alpha=3)
    taught(net)
    set_strength(net, 0.7)
    before = run(net)
    merge_adapters(net)
    assert (run(net) - before).abs().max() < 1e-12 * before.abs().max()
    assert list(net.state_dict()) == names
    with pytest.raises(ValueError, match=r"no adapters to merge\. Were they merged before"):
        merge_adapters(net)


def test_taken_away_nothing_is_left():
    net = unet()
    before, weights = run(net), {id(p) for p in net.parameters()}
    add_adapter(net)
    taught(net)
    remove_adapters(net)
    assert torch.equal(run(net), before)
    assert {id(p) for p in net.parameters()} == weights


def test_two_adapters_are_mixed_by_their_strengths():
    net = unet()
    first, second = add_adapter(net, 2, 2, "first"), add_adapter(net, 3, 6, "second")
    taught(net)
    assert adapter_names(net) == ["second", "first"]
    assert list(adapted(net, "first").values()) == first
    assert not any(layer.down.requires_grad for layer in first)  # the one that came last is trained
    assert all(layer.down.requires_grad for layer in second)
    set_strength(net, {"first": 0.5, "second": -2.0})
    mixed = run(net)
    alone = unet()
    with torch.no_grad():
        for (path, one), two in zip(adapted(net, "first").items(), second, strict=True):
            layer = alone.get_submodule(path)
            layer.weight += 0.5 * one.up @ one.down - 2.0 * 6 / 3 * two.up @ two.down
    assert (mixed - run(alone)).abs().max() < 1e-10 * mixed.abs().max()
    set_strength(net, {"second": 0})
    assert {layer.strength for layer in first} == {0.5}


def test_what_is_trained_is_counted():
    net = UNet(CONFIG)
    total = count_parameters(net)[1]
    layers = add_adapter(net, rank=2)
    own = sum(2 * (innermost(layer).in_features + innermost(layer).out_features) for layer in layers)
    assert count_parameters(net) == (own, total + own)
    assert layers[0].scale == 1.0
    net = UNet(CONFIG)
    assert len(add_adapter(net, targets=("to_q", "to_out"))) == len(layers) / 2


@pytest.mark.parametrize("recipe", [shapes, storybook], ids=lambda recipe: recipe.NAME)
def test_an_adapter_of_the_zoos_models_is_small(recipe):
    with torch.device("meta"):
        net = UNet(recipe.NUMBERS.unet)
    total = count_parameters(net)[1]
    add_adapter(net, rank=4)
    trained, _ = count_parameters(net)
    assert 0 < trained < 0.03 * total


def test_rank_4_of_stable_diffusion_has_as_many_numbers_as_people_report():
    with torch.device("meta"):
        net = UNet(UNetConfig.stable_diffusion_1())
    add_adapter(net, rank=4)
    assert count_parameters(net) == (797_184, 859_520_964 + 797_184)


@pytest.mark.parametrize(("call", "sentence"), [
    (lambda: LoRALinear(linear(), 0, 1), "from 1 to the narrower side of its layer, 6 here; got 0"),
    (lambda: LoRALinear(linear(), 7, 1), "6 here; got 7"),
    (lambda: LoRALinear(nn.Conv2d(2, 2, 1), 1, 1), r"adapts an nn\.Linear; got Conv2d"),
    (lambda: merge(linear()), "merge takes a LoRALinear; got Linear, .*Was it merged before"),
    (lambda: add_adapter(nn.Linear(2, 2)), "at the projections of attention, and this Linear has none"),
    (lambda: add_adapter(UNet(CONFIG), targets=("to_k", "ff")), "targets are some of to_q, .*; got ff"),
    (lambda: set_strength(UNet(CONFIG), 1), "has no adapters, so none has a strength"),
])  # fmt: skip
def test_what_cannot_be_is_said_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_rank_that_one_layer_cannot_have_leaves_the_network_as_it_was():
    net = UNet(CONFIG)
    with pytest.raises(ValueError, match="12 here; got 13"):
        add_adapter(net, rank=13)
    assert adapter_names(net) == []
    assert all(p.requires_grad for p in net.parameters())


def test_names_are_each_taken_once_and_known():
    net = UNet(CONFIG)
    add_adapter(net, name="pet")
    with pytest.raises(ValueError, match="'pet' is here already"):
        add_adapter(net, name="pet")
    with pytest.raises(ValueError, match="The adapters of this network are pet; got monsters"):
        set_strength(net, {"monsters": 1})
