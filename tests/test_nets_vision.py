"""CLIP's tower of pictures against transformers' CLIPVisionModel with the same weights, in float64 to 1e-7."""

import pytest
import torch
from published import bare, difference, library, randomised

from t2ilab.nets.vision import VisionConfig, VisionEncoder

CONFIG = VisionConfig(image_size=15, patch_size=5, width=24, layers=3, heads=4)
LAYOUTS = {
    "patches of five": CONFIG,
    "one channel, exact GELU": VisionConfig(8, 4, 16, 2, 2, in_channels=1, quick_gelu=False),
    "one patch is all": VisionConfig(6, 6, 8, 1, 1),
}


def theirs_of(config, activation=None, eps=1e-5):
    transformers = library("transformers")
    return transformers.CLIPVisionModel(
        transformers.CLIPVisionConfig(
            image_size=config.image_size,
            patch_size=config.patch_size,
            num_channels=config.in_channels,
            hidden_size=config.width,
            intermediate_size=4 * config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            hidden_act=activation or ("quick_gelu" if config.quick_gelu else "gelu"),
            layer_norm_eps=eps,
        )
    )


def pictures(config, batch=3):
    shape = (batch, config.in_channels, config.image_size, config.image_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("config", LAYOUTS.values(), ids=LAYOUTS)
@torch.no_grad()
def test_equals_transformers(config):
    theirs = randomised(theirs_of(config))
    ours = VisionEncoder(config).double()
    ours.load_state_dict(bare(theirs.state_dict()))  # strict: the same names and shapes
    expected, x = theirs(pictures(config)), pictures(config)
    assert difference(ours(x), expected.last_hidden_state) <= 1e-7
    assert difference(ours.pooled(x), expected.pooler_output) <= 1e-7


@pytest.mark.parametrize("wrong", [{"activation": "gelu"}, {"activation": "gelu_pytorch_tanh"}, {"eps": 1e-6}])
@torch.no_grad()
def test_the_comparison_notices_another_activation_or_epsilon(wrong):
    theirs = randomised(theirs_of(CONFIG, **wrong), std=0.1)
    ours = VisionEncoder(CONFIG).double()
    ours.load_state_dict(bare(theirs.state_dict()))
    assert difference(ours.pooled(pictures(CONFIG)), theirs(pictures(CONFIG)).pooler_output) > 1e-7


@torch.no_grad()
def test_every_patch_is_seen_and_places_matter():
    ours, x = randomised(VisionEncoder(CONFIG)), pictures(CONFIG)
    before = ours.pooled(x)
    for row in (0, 1, 2):
        for column in (0, 1, 2):
            changed = x.clone()
            changed[:, :, 5 * row : 5 * row + 5, 5 * column : 5 * column + 5] += 1
            assert difference(ours.pooled(changed), before) > 1e-4
    assert difference(ours.pooled(x.roll(5, dims=-1)), before) > 1e-4


def test_the_gradient_reaches_every_weight():
    ours = randomised(VisionEncoder(CONFIG))
    ours.pooled(pictures(CONFIG)).square().sum().backward()
    # A key's bias moves all of a query's answers alike, and softmax does not see that.
    silent = [n for n, p in ours.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12]
    assert [name for name in silent if not name.endswith("k_proj.bias")] == []


def test_a_configuration_survives_a_dict():
    assert VisionConfig.from_dict(CONFIG.to_dict()) == CONFIG
    with pytest.raises(ValueError, match=r"A vision encoder's configuration has no \['depth'\]"):
        VisionConfig.from_dict({**CONFIG.to_dict(), "depth": 2})
    with pytest.raises(ValueError, match=r"multiple of patch_size=5; got 16\."):
        VisionConfig(16, 5)
    with pytest.raises(ValueError, match=r"multiple of heads=5; got 24\."):
        VisionConfig(width=24, heads=5)


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 15, 15), (3, 15, 15)])
def test_pictures_of_another_size_are_refused(shape):
    with pytest.raises(ValueError, match=r"reads pictures \(B, 3, 15, 15\); got \(.*\)\. Resize"):
        VisionEncoder(CONFIG)(torch.zeros(shape))


def test_a_fresh_encoder_sees_something():
    torch.manual_seed(0)
    out = VisionEncoder(CONFIG).pooled(pictures(CONFIG).float())
    assert out.isfinite().all()
    assert (out[0] - out[1]).abs().max() > 1e-3
