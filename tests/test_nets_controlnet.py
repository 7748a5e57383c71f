"""The ControlNet against diffusers' ControlNetModel with the same weights, alone and beside its U-Net, in float64."""

import json

import pytest
import torch
from published import difference, diffusers_class, randomised, renamed
from torch import nn

from t2ilab.nets.controlnet import ControlNet, ControlNetConfig
from t2ilab.nets.unet import UNet, UNetConfig

TOLERANCE = 1e-11
UNET = UNetConfig(
    in_channels=4,
    out_channels=4,
    block_out_channels=(16, 24, 32),
    layers_per_block=2,
    attention=(True, True, False),
    cross_attention_dim=20,
    heads=4,
    norm_num_groups=8,
)
CONFIG = ControlNetConfig(UNET, condition_widths=(4, 6, 8))


def published(config):
    unet = config.unet
    return diffusers_class("ControlNetModel")(
        in_channels=unet.in_channels,
        conditioning_channels=config.condition_channels,
        block_out_channels=unet.block_out_channels,
        down_block_types=["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in unet.attention],
        layers_per_block=unet.layers_per_block,
        cross_attention_dim=unet.cross_attention_dim,
        attention_head_dim=unet.heads,
        norm_num_groups=unet.norm_num_groups,
        use_linear_projection=unet.linear_projection,
        conditioning_embedding_out_channels=config.condition_widths,
    ).double()


def inputs(config=CONFIG, height=8, width=8):
    generator = torch.Generator().manual_seed(1)
    unet, factor = config.unet, config.factor
    x = torch.randn(2, unet.in_channels, height, width, generator=generator, dtype=torch.float64)
    context = torch.randn(2, 6, unet.cross_attention_dim, generator=generator, dtype=torch.float64)
    size = (2, config.condition_channels, factor * height, factor * width)
    return x, torch.tensor([3, 981]), context, torch.rand(size, generator=generator, dtype=torch.float64)


LAYOUTS = {
    "Stable Diffusion's order": CONFIG,
    "Stable Diffusion 2's heads, one channel": ControlNetConfig(
        UNetConfig(**{**UNET.to_dict(), "heads": (2, 3, 4), "linear_projection": True}), 1, (4, 6)
    ),
}


@pytest.fixture(scope="module", params=LAYOUTS)
def pair(request):
    config = LAYOUTS[request.param]
    ours, theirs = randomised(ControlNet(config)), published(config)
    theirs.load_state_dict(renamed(ours.state_dict()))  # strict: the same names and shapes
    return ours, theirs.eval()


def worst(ours, theirs):
    downs, mid = ours
    expected_downs, expected_mid = theirs
    return max(difference(a, b) for a, b in zip([*downs, mid], [*expected_downs, expected_mid], strict=True))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 7)])
@pytest.mark.parametrize("scale", [1.0, 0.3])
@torch.no_grad()
def test_equals_diffusers(height, width, scale, pair):
    ours, theirs = pair
    x, t, context, condition = inputs(ours.control_config, height, width)
    expected = theirs(x, t, context, condition, conditioning_scale=scale, return_dict=False)
    assert min(part.abs().max() for part in expected[0]) > 1e-3  # something to compare
    assert worst(ours(x, t, context, condition, scale=scale), expected) <= TOLERANCE


@torch.no_grad()
def test_its_u_net_draws_as_diffusers_beside_it(pair):
    ours, _ = pair
    config = ours.control_config.unet
    unet = randomised(UNet(config), seed=7)
    theirs = diffusers_class("UNet2DConditionModel")(
        in_channels=4,
        out_channels=4,
        block_out_channels=config.block_out_channels,
        down_block_types=["CrossAttnDownBlock2D"] * 2 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 2,
        layers_per_block=2,
        cross_attention_dim=20,
        attention_head_dim=config.heads,
        norm_num_groups=8,
        use_linear_projection=config.linear_projection,
    ).double()
    theirs.load_state_dict(renamed(unet.state_dict()))
    x, t, context, condition = inputs(ours.control_config)
    said = ours(x, t, context, condition)
    expected = theirs(
        x, t, context, down_block_additional_residuals=tuple(said[0]), mid_block_additional_residual=said[1]
    ).sample
    assert difference(unet(x, t, context, residuals=said), expected) <= TOLERANCE
    assert difference(unet(x, t, context), expected) > 1e-3


@torch.no_grad()
def test_a_masked_word_is_heard_by_none(pair):
    ours, _ = pair
    x, t, context, condition = inputs(ours.control_config)
    mask = torch.tensor([[1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 0]]).bool()
    before = ours(x, t, context, condition, mask=mask)
    changed = context.clone()
    changed[~mask] = 100.0
    assert worst(ours(x, t, changed, condition, mask=mask), before) <= TOLERANCE
    assert worst(ours(x, t, context, condition), before) > 1e-3


@pytest.mark.parametrize("kind", ["norm1", "norm"])
@torch.no_grad()
def test_the_comparison_notices_a_wrong_epsilon(kind):
    ours, theirs = randomised(ControlNet(CONFIG)), published(CONFIG)
    theirs.load_state_dict(renamed(ours.state_dict()))
    for name, layer in ours.named_modules():
        if isinstance(layer, nn.GroupNorm) and name.split(".")[-1] == kind:
            layer.eps = 3e-5 if layer.eps == 1e-5 else 1e-5
    assert worst(ours(*inputs()), theirs(*inputs(), return_dict=False)) > 10 * TOLERANCE


@torch.no_grad()
def test_a_fresh_copy_says_nothing_and_its_u_net_draws_as_before():
    unet = randomised(UNet(UNET))
    net = ControlNet.from_unet(unet, condition_widths=(4, 6, 8)).double()
    assert net.control_config == CONFIG
    x, t, context, condition = inputs()
    downs, mid = net(x, t, context, condition)
    assert not any(part.any() for part in [*downs, mid])
    assert torch.equal(unet(x, t, context, residuals=(downs, mid)), unet(x, t, context))
    copied = {name for name, tensor in net.state_dict().items() if torch.equal(tensor, unet.state_dict().get(name, x))}
    assert copied == {name for name in net.state_dict() if not name.startswith("controlnet_")}
    # The copy is a copy: training it leaves the U-Net as it is.
    assert not {p.data_ptr() for p in net.parameters()} & {p.data_ptr() for p in unet.parameters()}


def test_training_reaches_its_zeros_first():
    net = ControlNet.from_unet(randomised(UNet(UNET)), condition_widths=(4, 6, 8)).double()
    downs, mid = net(*inputs())
    sum((part - 1).square().sum() for part in [*downs, mid]).backward()
    loud = {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    assert loud == {"controlnet_down_blocks", "controlnet_mid_block"}


def test_it_folds_pixels_as_its_u_net_does():
    folding = UNetConfig(**{**UNET.to_dict(), "patch_size": 2})
    net = randomised(ControlNet(ControlNetConfig(folding, condition_widths=(4, 6))))
    x = torch.zeros(1, 4, 16, 12, dtype=torch.float64)
    context = torch.zeros(1, 2, 20, dtype=torch.float64)
    downs, _ = net(x, torch.tensor([5]), context, torch.zeros(1, 3, 16, 12, dtype=torch.float64))
    assert downs[0].shape == (1, 16, 8, 6)


def test_the_published_one_is_a_configuration_of_this_class():
    with torch.device("meta"):  # shapes only: no memory
        net = ControlNet(ControlNetConfig.stable_diffusion_1())
    assert sum(p.numel() for p in net.parameters()) == 361_279_120
    assert net.control_config.factor == 8


def test_a_configuration_survives_json():
    assert ControlNetConfig.from_dict(json.loads(json.dumps(CONFIG.to_dict()))) == CONFIG
    with pytest.raises(ValueError, match=r"A ControlNet's configuration has no \['depth'\]"):
        ControlNetConfig.from_dict({**CONFIG.to_dict(), "depth": 2})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"condition_widths": ()}, r"at least one convolution for its pictures; got condition_widths=\(\)\."),
        ({"condition_widths": (4, 0)}, r"condition_widths is a whole number from 1, or some; got \(4, 0\)\."),
        ({"condition_channels": 2.5}, r"condition_channels is a whole number from 1, or some; got 2\.5\."),
    ],
)
def test_a_layout_that_cannot_be(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        ControlNetConfig(CONFIG.unet, **values)


@pytest.mark.parametrize("shape", [(2, 3, 32, 16), (2, 1, 32, 32), (3, 32, 32)])
def test_a_condition_of_another_size_is_refused(shape):
    x, t, context, _ = (part.float() if part.is_floating_point() else part for part in inputs())
    with pytest.raises(ValueError, match=r"looks at conditions \(2, 3, 32, 32\); got \("):
        ControlNet(CONFIG)(x, t, context, torch.zeros(shape))
