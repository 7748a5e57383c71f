"""The fused AdamW beside torch's plain one, for weights, gradients and moments in every layout."""

import copy

import pytest
import torch
from torch import nn

from t2ilab.training.adamw import AdamW

LAYOUTS = (torch.contiguous_format, torch.channels_last)


class Mixed(nn.Module):
    """3x3 and 1x1 convolutions, a linear layer, a number without an axis, and weights that lie transposed."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.point, self.linear = nn.Conv2d(6, 8, 3), nn.Conv2d(6, 8, 1), nn.Linear(5, 3)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.transposed = nn.Parameter(torch.randn(7, 4).mT)


def models(layout):
    """Two models of the same weights, the second in torch's usual layout."""
    return Mixed().to(memory_format=layout), Mixed()


def backward(step, layout, *models):
    """The same gradients for each, such as torch gives them, but in a layout of our choice."""
    for model in models:
        generator = torch.Generator().manual_seed(step)
        for p in model.parameters():
            drawn = torch.randn(p.shape, generator=generator)
            p.grad = drawn.contiguous(memory_format=layout) if p.ndim == 4 else drawn


def assert_alike(model, other):
    for (name, p), q in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-6, msg=lambda said, name=name: f"{name}: {said}")


@pytest.mark.parametrize("of_gradients", LAYOUTS)
@pytest.mark.parametrize("of_weights", LAYOUTS)
@pytest.mark.parametrize("settings", [{}, {"betas": (0.8, 0.9), "weight_decay": 0.3, "amsgrad": True}])
def test_its_updates_are_those_of_the_plain_one(of_weights, of_gradients, settings):
    model, other = models(of_weights)
    places = [(p.data_ptr(), p.stride()) for p in model.parameters()]
    mine, plain = AdamW(model.parameters(), 0.05, **settings), torch.optim.AdamW(other.parameters(), 0.05, **settings)
    for step in range(4):
        backward(step, of_gradients, model, other)
        mine.step()
        plain.step()
    assert_alike(model, other)
    assert (model.conv.weight - Mixed().conv.weight).abs().mean() > 0.05
    assert [(p.data_ptr(), p.stride()) for p in model.parameters()] == places
    for p, state in mine.state.items():
        assert state["exp_avg"].shape == p.shape


def test_a_model_that_is_laid_out_anew_goes_on():
    model, other = models(torch.contiguous_format)
    mine, plain = AdamW(model.parameters(), 0.05), torch.optim.AdamW(other.parameters(), 0.05)
    for step, layout in enumerate((torch.contiguous_format, torch.channels_last, torch.contiguous_format)):
        model.to(memory_format=layout)
        backward(step, torch.contiguous_format, model, other)
        mine.step()
        plain.step()
    assert_alike(model, other)


def test_torchs_own_goes_on_with_its_state():
    model, other = models(torch.channels_last)
    mine = AdamW(model.parameters(), 0.05)
    backward(0, torch.channels_last, model)
    mine.step()
    other.load_state_dict(model.state_dict())
    plain = torch.optim.AdamW(other.parameters(), 0.05)
    state = copy.deepcopy(mine.state_dict())
    plain.load_state_dict(state | {"param_groups": [group | {"fused": False} for group in state["param_groups"]]})
    backward(1, torch.channels_last, model, other)
    mine.step()
    plain.step()
    assert_alike(model, other)


def test_what_has_no_gradient_stays():
    model, _ = models(torch.channels_last)
    before = copy.deepcopy(model)
    backward(0, torch.channels_last, model)
    model.conv.weight.grad = None
    AdamW(model.parameters(), 0.05).step()
    assert torch.equal(model.conv.weight, before.conv.weight)
    assert not torch.equal(model.point.weight, before.point.weight)
