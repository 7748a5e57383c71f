"""The transformer of CLIP's towers: one token of a row is what it is among all of them, gradients too."""

import pytest
import torch
from published import randomised

from t2ilab.nets.transformer import Transformer

MASK = torch.tensor([[1, 1, 0, 1, 1, 1], [1, 0, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("causal", [False, True])
def test_one_token_alone_is_the_one_among_all(causal, mask, layers):
    net = randomised(Transformer(16, layers, 2, quick_gelu=True, causal=causal)).double()
    x = torch.randn(3, 6, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    at = torch.tensor([5, 0, 3])
    gradients = []
    for one in (net(x, mask, at), net(x, mask)[torch.arange(3), at][:, None]):
        assert one.shape == (3, 1, 16)
        one.square().sum().backward()
        gradients.append([one.detach(), x.grad.clone(), *(p.grad.clone() for p in net.parameters())])
        x.grad = None
        net.zero_grad()
    for alone, among in zip(*gradients, strict=True):
        torch.testing.assert_close(alone, among, rtol=1e-9, atol=1e-12)
