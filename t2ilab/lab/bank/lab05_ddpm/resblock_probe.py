"""Probing a ResBlock: given weights go into its layers by their names; outputs and gradients are written down."""

import torch
from torch import nn

from t2ilab.lab.bank.draws import noise_like
from t2ilab.lab.probing import Unfit, cases

BLOCK_LAYERS = ("norm1", "conv1", "time_proj", "norm2", "conv2", "skip")
_TIME = 6


def block_inputs(generator):
    """Weights for a block whose channels differ (8 -> 16) and one whose channels are equal (8 -> 8), with pictures.

    The affine parameters of the norms are random too: left at 1 and 0 they would hide mistakes. The pictures have
    little contrast, so that the norms' eps matters.
    """

    def weights(out_channels):
        shapes = {
            "norm1.weight": (8,),
            "norm1.bias": (8,),
            "conv1.weight": (out_channels, 8, 3, 3),
            "conv1.bias": (out_channels,),
            "time_proj.weight": (out_channels, _TIME),
            "time_proj.bias": (out_channels,),
            "norm2.weight": (out_channels,),
            "norm2.bias": (out_channels,),
            "conv2.weight": (out_channels, out_channels, 3, 3),
            "conv2.bias": (out_channels,),
            "skip.weight": (out_channels, 8, 1, 1),
            "skip.bias": (out_channels,),
        }
        return {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}

    x = torch.randn(3, 8, 5, 4, generator=generator) * 0.01 + torch.randn(3, 8, 1, 1, generator=generator)
    temb = torch.randn(3, _TIME, generator=generator)
    widening, equal = weights(16), weights(8)
    sizes = [sum(w.numel() for w in widening.values())]
    sizes.append(sum(w.numel() for name, w in equal.items() if not name.startswith("skip")))
    inputs = {"widening": widening, "equal": equal, "x": x, "temb": temb, "parameters": sizes}
    return inputs | {"later": noise_like(generator, temb)}


@cases
def block_probe(ResBlock, inputs):
    x, temb, later = (inputs[name].double() for name in ("x", "temb", "later"))
    built = {}

    def build(name, channels):
        built[name] = _filled(ResBlock(8, channels, _TIME), inputs[name], equal=channels == 8)
        return built[name]

    yield "batch", lambda: build("widening", 16)(x, temb)
    yield "equal_channels", lambda: build("equal", 8)(x, temb)
    yield "later", lambda: built["widening"](x, later)
    yield "single", lambda: built["widening"](x[:1, :, :3], temb[:1])
    yield "float32", lambda: _float32(ResBlock, inputs)
    yield "gradient", lambda: _gradients(built["widening"], x, temb)
    yield "parameters", lambda: torch.tensor([sum(p.numel() for p in block.parameters()) for block in built.values()])
    yield "zero_conv2", lambda: _silenced(built["widening"])(x, temb)
    yield "zero_conv2_skip", lambda: built["widening"].skip(x)


def _filled(block, weights, equal=False):
    """The block in float64 with these weights in its layers. Raises Unfit where a layer or a shape is missing."""
    if not isinstance(block, nn.Module):
        raise Unfit("wrong_type", received=type(block).__name__)
    block = block.double()
    for name, value in weights.items():
        layer, kind = name.split(".")
        if not hasattr(block, layer):
            raise Unfit("no_attribute", name="ResBlock", attribute=layer)
        parameter = getattr(getattr(block, layer), kind, None)
        if layer == "skip" and equal and not isinstance(parameter, torch.Tensor):
            continue  # with equal channels, skip has nothing to hold
        if not isinstance(parameter, torch.Tensor):
            raise Unfit("no_parameter", parameter=name, expected=tuple(value.shape))
        if parameter.shape != value.shape:
            raise Unfit("parameter_shape", parameter=name, received=tuple(parameter.shape), expected=tuple(value.shape))
        with torch.no_grad():
            parameter.copy_(value)
    return block


def _float32(ResBlock, inputs):
    block = _filled(ResBlock(8, 16, _TIME), inputs["widening"]).float()
    return block(inputs["x"], inputs["temb"])


def _gradients(block, x, temb):
    """What the sum of squares of the output asks of x and of temb, in one array."""
    x, temb = x.clone().requires_grad_(), temb.clone().requires_grad_()
    output = block(x, temb)
    if not output.requires_grad:
        raise Unfit("no_gradient")
    wanted = torch.autograd.grad((output**2).sum(), (x, temb), allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(to) if g is None else g).flatten() for g, to in zip(wanted, (x, temb), strict=True)]
    )


def _silenced(block):
    """The block with a last convolution that says nothing."""
    with torch.no_grad():
        block.conv2.weight.zero_()
        block.conv2.bias.zero_()
    return block


def with_forward(block, wrong_forward):
    """The block with another forward, for the wrong answers."""
    return type(block.__name__, (block,), {"forward": wrong_forward})


def with_layers(block, norm, always_convolve=False):
    """The block with other norms, norm(channels), or with a skip that convolves in any case, for the wrong answers."""

    def __init__(self, in_channels, out_channels, time_dim):
        block.__init__(self, in_channels, out_channels, time_dim)
        if norm is not None:
            self.norm1, self.norm2 = norm(in_channels), norm(out_channels)
        if always_convolve:
            self.skip = nn.Conv2d(in_channels, out_channels, 1)

    return type(block.__name__, (block,), {"__init__": __init__})
