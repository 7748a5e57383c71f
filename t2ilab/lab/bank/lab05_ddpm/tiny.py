"""The smallest network that can be trained: what the loss and the training step are probed with."""

import torch
from torch import nn

from t2ilab.lab.probing import Unfit


class TinyNet(nn.Module):
    """net(x_t, t) -> like x_t: mixes three channels, with a bias that turns with t. weights: as from tiny_weights.

    Raises Unfit when the two arguments come in the other order.
    """

    def __init__(self, weights):
        super().__init__()
        self.mix = nn.Parameter(weights["mix"].clone())
        self.bias = nn.Parameter(weights["bias"].clone())

    def forward(self, x_t, t):
        if _is_batch(t) and not _is_batch(x_t):
            raise Unfit("net_swapped")  # rather than what torch says of a product of timesteps
        time = torch.as_tensor(t).to(x_t.dtype).reshape(-1, 1, 1, 1)  # one int, or one t for each picture
        return torch.einsum("oc,bchw->bohw", self.mix, x_t.tanh()) + self.bias.reshape(1, 3, 1, 1) * time.cos()


class OnlyCalled:
    """A net as Lab 05's loop gives it to training_step: a function, net(x_t, t), and nothing else.

    Raises Unfit when more is asked of it, which would stop the lab later.
    """

    def __init__(self, net):
        self._net = net

    def __call__(self, x_t, t):
        return self._net(x_t, t)

    def __getattr__(self, name):
        raise Unfit("net_is_a_function", name=name)


def _is_batch(value):
    return torch.is_tensor(value) and value.ndim == 4


def tiny_weights(generator):
    """Random weights for TinyNet."""
    return {"mix": torch.randn(3, 3, generator=generator), "bias": torch.randn(3, generator=generator)}


def flat(net):
    """All parameters of a net in one (P,) tensor, a copy."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in net.parameters()])


def loss_gradient(net, loss):
    """The gradient of a loss for all parameters, (P,). Raises Unfit when the loss has none."""
    if not (torch.is_tensor(loss) and loss.requires_grad):
        raise Unfit("no_gradient")
    gradients = torch.autograd.grad(loss.sum(), list(net.parameters()), allow_unused=True)
    return torch.cat(
        [
            (torch.zeros_like(parameter) if gradient is None else gradient).reshape(-1)
            for gradient, parameter in zip(gradients, net.parameters(), strict=True)
        ]
    )
