"""A widened U-Net against the one that it was made from."""

import pytest
import torch
from published import randomised

from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.widening import widened

SMALL = {"block_out_channels": (8, 16), "attention": (False, True), "cross_attention_dim": 12, "heads": 2}
LAYOUTS = {
    "of latents": {"in_channels": 4, "out_channels": 4},
    "of pixels, folded": {"patch_size": 2},
    "told of pooled words": {"pooled_context": True},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@torch.no_grad()
def test_it_starts_as_the_network_that_it_was(layout):
    base = randomised(UNet(UNetConfig(**(SMALL | layout))))
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    channels = base.config.in_channels
    wide = widened(base, 2 * channels + 1)
    assert wide.config.reads_mask
    assert not base.config.reads_mask
    assert wide.config.x_channels == channels
    x, t, words = (torch.randn(2, *shape, dtype=torch.float64) for shape in ((2 * channels + 1, 8, 8), (), (3, 12)))
    torch.testing.assert_close(wide(x, t, words), base(x[:, :channels], t, words), rtol=0, atol=1e-12)
    assert base(x[:, :channels], t, words).std() > 0.01
    after = base.state_dict()
    assert base.config.in_channels == channels
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    # It is a network like any other of its configuration.
    UNet(wide.config).double().load_state_dict(wide.state_dict())


def test_what_it_makes_of_the_new_channels_is_learnt():
    base = randomised(UNet(UNetConfig(**SMALL)))
    wide = widened(base, 7)
    wide(torch.randn(1, 7, 8, 8).double(), torch.tensor([3]), torch.randn(1, 3, 12).double()).square().sum().backward()
    assert (wide.conv_in.weight.grad.abs().amax((0, 2, 3)) > 0).all()
    with torch.no_grad():
        wide.conv_in.weight.add_(1)
    assert (wide.conv_in.weight[:, :3] - base.conv_in.weight).min() > 0.5  # a copy, not the same tensor


@pytest.mark.parametrize("channels", [3, 2, 0])
def test_it_only_grows(channels):
    with pytest.raises(ValueError, match=f"more channels than the 3 that it has; got {channels}"):
        widened(UNet(UNetConfig(**SMALL)), channels)
