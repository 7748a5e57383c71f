"""Probing a LoRALinear: given numbers go into its factors by their names; outputs and gradients are written down."""

import torch
from torch import nn

from t2ilab.lab.probing import Unfit, cases

IN, OUT, RANK, OTHER_RANK = 6, 9, 3, 5
WIDE, WIDE_RANK = 64, 8  # of a layer with so many first numbers that their spread can be told


def lora_inputs(generator):
    """Weights of a layer, of an update of rank 3 and of one of rank 5, with what goes through them."""

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    return {
        "weight": normal(OUT, IN),
        "bias": normal(OUT),
        "down": normal(RANK, IN),
        "up": normal(OUT, RANK),
        "other_down": normal(OTHER_RANK, IN),
        "other_up": normal(OUT, OTHER_RANK),
        "alpha": 1.3 + 0.4 * torch.rand((), generator=generator).item(),
        "x": normal(4, IN),
        "tokens": normal(2, 5, IN),
        "wanted": normal(4, OUT),
    }


@cases
def lora_probe(LoRALinear, inputs):
    x, alpha = inputs["x"], inputs["alpha"]
    layer = _new(LoRALinear, inputs, RANK, alpha)
    yield "untrained", lambda: _beginning(layer, inputs)
    yield "trainable", lambda: _trainable(layer)
    yield "spread", lambda: _spread(LoRALinear)
    yield "batch", lambda: _filled(layer, inputs)(x)
    yield "sequence", lambda: layer(inputs["tokens"])
    yield "single", lambda: layer(x[:1])
    yield "gradient", lambda: _slopes(layer, x, inputs["wanted"])
    yield "other_rank", lambda: _filled(_new(LoRALinear, inputs, OTHER_RANK, alpha), inputs, "other_")(x)
    yield "no_bias", lambda: _filled(_new(LoRALinear, inputs, RANK, alpha, bias=False), inputs)(x)
    yield "float64", lambda: layer.double()(x.double())
    yield "gradient_x", lambda: _slope_at_input(_filled(_new(LoRALinear, inputs, RANK, alpha), inputs), inputs)
    yield "scale", lambda: _number(_new(LoRALinear, inputs, RANK, alpha))
    yield "turned_off", lambda: _turned_off(_filled(_new(LoRALinear, inputs, RANK, alpha), inputs))(x)


def base_of(inputs, bias=True):
    """The layer that is to be adapted."""
    base = nn.Linear(IN, OUT, bias=bias)
    base.load_state_dict({name: inputs[name].clone() for name in ("weight", "bias")[: 1 + bias]})
    return base


def _new(LoRALinear, inputs, rank, alpha, bias=True):
    """A new layer, its chance the same for every answer. Raises Unfit for what is no layer or lacks a factor."""
    torch.manual_seed(3)
    layer = LoRALinear(base_of(inputs, bias), rank, alpha)
    if not isinstance(layer, nn.Module):
        raise Unfit("wrong_type", received=type(layer).__name__)
    for name, shape in (("down", (rank, IN)), ("up", (OUT, rank))):
        factor = getattr(layer, name, None)
        if not isinstance(factor, nn.Parameter):
            raise Unfit("no_parameter", parameter=name, expected=shape)
        if tuple(factor.shape) != shape:
            raise Unfit("parameter_shape", parameter=name, received=tuple(factor.shape), expected=shape)
    if not isinstance(getattr(layer, "base", None), nn.Linear):
        raise Unfit("no_attribute", name="LoRALinear", attribute="base")
    return layer


def _beginning(layer, inputs):
    """Whether a new layer differs from its base, whether up is not zero, and whether down is not."""
    base = base_of(inputs)
    with torch.no_grad():
        try:
            output = layer(inputs["x"])
        except RuntimeError as error:
            if "cannot be multiplied" not in str(error):
                raise
            raise Unfit("vectors_are_rows", message=str(error)) from error
        same = (output - base(inputs["x"])).abs().max() <= 1e-6  # what is not a number is not the same either
    return torch.tensor([int(not same), int((layer.up != 0).any()), int((layer.down != 0).any())])


def _trainable(layer):
    """Whether base's weight and bias, down and up are to be trained, and how many others are."""
    parts = (layer.base.weight, layer.base.bias, layer.down, layer.up)
    others = [p for p in layer.parameters() if p.requires_grad and all(p is not part for part in parts)]
    return torch.tensor([*(int(p.requires_grad) for p in parts), len(others)])


def _spread(LoRALinear):
    """Whether the first numbers of down are too small (0), right (1) or too large (2), whether they are around zero,
    and whether its rows are independent."""
    torch.manual_seed(3)
    down = LoRALinear(nn.Linear(WIDE, OUT), WIDE_RANK, WIDE_RANK).down.detach().double()
    if not down.isfinite().all():
        return torch.tensor([2, 0, 0])
    size = down.std() * WIDE**0.5  # 1 for what is asked; the usual uniform ones have 0.58 to 1.4
    return torch.tensor(
        [
            int(size > 0.5) + int(size > 2),
            int(down.mean().abs() <= 0.25 * down.std()),
            int(torch.linalg.matrix_rank(down) == WIDE_RANK),
        ]
    )


def _number(layer):
    """The layer's scale."""
    try:
        return float(layer.scale)
    except (AttributeError, TypeError, ValueError) as error:
        raise Unfit("number_wanted", name="LoRALinear", attribute="scale") from error


def _turned_off(layer):
    """The layer with an update that is multiplied by 0, as the lab turns it down."""
    try:
        layer.scale = layer.scale * 0.0
    except (AttributeError, TypeError) as error:
        raise Unfit("number_wanted", name="LoRALinear", attribute="scale") from error
    return layer


def _slope_at_input(layer, inputs):
    """The gradient of half the squared error at x, zero where none arrives."""
    x = inputs["x"].clone().requires_grad_()
    loss = (layer(x) - inputs["wanted"]).square().sum() / 2
    if not loss.requires_grad:
        raise Unfit("no_gradient_of_answer")
    (slope,) = torch.autograd.grad(loss, [x], allow_unused=True)
    return torch.zeros_like(x) if slope is None else slope


def _filled(layer, inputs, which=""):
    with torch.no_grad():
        layer.down.copy_(inputs[f"{which}down"])
        layer.up.copy_(inputs[f"{which}up"])
    return layer


def _slopes(layer, x, wanted):
    """The gradients of half the squared error for down and up, zero where none arrives."""
    loss = (layer(x) - wanted).square().sum() / 2
    if not loss.requires_grad:
        raise Unfit("no_gradient_of_answer")
    factors = [layer.down, layer.up]
    slopes = torch.autograd.grad(loss, [p for p in factors if p.requires_grad], allow_unused=True)
    found = iter(slopes)
    given = [next(found) if p.requires_grad else None for p in factors]
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(factors, given, strict=True)])
