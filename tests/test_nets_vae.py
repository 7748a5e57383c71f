"""The autoencoder against diffusers' AutoencoderKL with the same weights, in float64."""

from dataclasses import replace

import pytest
import torch
from published import difference, diffusers_class, randomised, renamed
from torch import nn

from t2ilab.nets.vae import VAE, VAEConfig

TOLERANCE = 1e-11
SMALL = VAEConfig(block_out_channels=(8, 16, 24), layers_per_block=2, norm_num_groups=4)
LAYOUTS = {
    "three levels": SMALL,
    "one level": VAEConfig(block_out_channels=(16,)),
    "one block a level, wide in the middle": VAEConfig(block_out_channels=(8, 24), latent_channels=3, in_channels=1),
}


@pytest.fixture(scope="module")
def diffusers_vae():
    return diffusers_class("AutoencoderKL")


def published(config, model):
    levels = len(config.block_out_channels)
    return model(
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        latent_channels=config.latent_channels,
        block_out_channels=config.block_out_channels,
        layers_per_block=config.layers_per_block,
        norm_num_groups=config.norm_num_groups,
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
    )


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def both(request, diffusers_vae):
    ours = randomised(VAE(request.param))
    theirs = published(request.param, diffusers_vae).double().eval()
    theirs.load_state_dict(renamed(ours.state_dict()))  # strict: neither has a tensor that the other lacks
    return ours, theirs


@pytest.mark.parametrize("size", [(16, 16), (20, 12), (13, 9)])
@torch.no_grad()
def test_encoding_is_diffusers(both, size):
    ours, theirs = both
    x = torch.randn(2, ours.config.in_channels, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mean, logvar = ours.encode(x)
    expected = theirs.encode(x).latent_dist
    assert difference(mean, expected.mean) < TOLERANCE
    assert difference(logvar, expected.logvar) < TOLERANCE


@pytest.mark.parametrize("size", [(4, 4), (5, 3)])
@torch.no_grad()
def test_decoding_is_diffusers(both, size):
    ours, theirs = both
    z = torch.randn(2, ours.config.latent_channels, *size, dtype=torch.float64)
    image = ours.decode(z)
    assert image.shape == (2, ours.config.out_channels, *(ours.config.factor * side for side in size))
    assert difference(image, theirs.decode(z).sample) < TOLERANCE


@pytest.mark.parametrize("part", ["encoder.mid_block.attentions.0.group_norm", "decoder.up_blocks.1.resnets.2.norm2",
                                  "encoder.conv_norm_out"])  # fmt: skip
@torch.no_grad()
def test_a_wrong_epsilon_would_be_noticed(part, diffusers_vae):
    ours = randomised(VAE(SMALL))
    theirs = published(SMALL, diffusers_vae).double().eval()
    theirs.load_state_dict(renamed(ours.state_dict()))
    ours.get_submodule(part).eps = 1e-5
    x = torch.randn(1, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    z = torch.randn(1, 4, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    off = max(difference(ours.encode(x)[0], theirs.encode(x).latent_dist.mean),
              difference(ours.decode(z), theirs.decode(z).sample))  # fmt: skip
    assert off > 10 * TOLERANCE


def test_stable_diffusions_has_as_many_parameters_as_the_published_one():
    with torch.device("meta"):
        vae = VAE(VAEConfig.stable_diffusion())
    assert sum(p.numel() for p in vae.parameters()) == 83_653_863
    assert vae.config.factor == 8


def test_the_log_variance_stays_within_what_exp_can_take():
    vae = VAE(SMALL)
    with torch.no_grad():
        vae.quant_conv.bias[SMALL.latent_channels :] = torch.tensor([1e4, -1e4, 0.0, 0.0])
    _, logvar = vae.encode(torch.zeros(1, 3, 16, 16))
    assert logvar[:, 0].min() == 20
    assert logvar[:, 1].max() == -30


def test_a_picture_goes_through_by_its_mean_or_by_a_draw():
    torch.manual_seed(0)
    vae = VAE(SMALL)
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    back, mean, logvar = vae(x)
    assert back.shape == x.shape
    assert mean.shape == logvar.shape == (2, 4, 4, 4)
    torch.testing.assert_close(back, vae.decode(mean))
    noise = torch.randn_like(mean)
    torch.testing.assert_close(vae(x, noise)[0], vae.decode(mean + (0.5 * logvar).exp() * noise))


def test_the_gradient_reaches_every_weight():
    vae = randomised(VAE(SMALL))
    back, *_ = vae(torch.rand(2, 3, 16, 16, dtype=torch.float64), torch.ones(2, 4, 4, 4, dtype=torch.float64))
    nn.functional.mse_loss(back, torch.zeros_like(back)).backward()
    # A key's bias moves all of a query's answers alike, and softmax does not see that.
    silent = [n for n, p in vae.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12]
    assert [name for name in silent if not name.endswith("to_k.bias")] == []


def test_configurations_go_to_json_and_back():
    config = VAEConfig.stable_diffusion()
    assert VAEConfig.from_dict(config.to_dict() | {"block_out_channels": [128, 256, 512, 512]}) == config
    assert replace(config, scaling_factor=1.0) != config


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: VAEConfig(block_out_channels=()), r"at least one level; got block_out_channels=\(\)"),
        (lambda: VAEConfig(block_out_channels=(8, 20)), "multiple of norm_num_groups=8; got 20"),
        (lambda: VAEConfig(scaling_factor=0.0), "A scaling factor is positive, .*; got 0.0"),
        (lambda: VAEConfig(scaling_factor=0), "A scaling factor is positive, .*; got 0"),
        (lambda: VAEConfig(latent_channels=4.0), r"latent_channels is a whole number from 1, or some; got 4\.0\."),
        (lambda: VAEConfig.from_dict({"sample_size": 512}), r"has no \['sample_size'\]; it has \['block_out"),
        (lambda: VAE(SMALL).encode(torch.zeros(1, 4, 16, 16)), r"pictures \(B, 3, H, W\) .*; got \(1, 4, 16, 16\)"),
        (lambda: VAE(SMALL).encode(torch.zeros(3, 16, 16)), r"got \(3, 16, 16\)"),
        (lambda: VAE(SMALL).encode(torch.zeros(1, 3, 2, 16)), "at least 4 pixels a side"),
        (lambda: VAE(SMALL).decode(torch.zeros(1, 3, 4, 4)), r"latents \(B, 4, h, w\); got \(1, 3, 4, 4\)"),
    ],
)
def test_what_does_not_fit_is_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def colours_kept(vae):
    """The share of the colours in chequered pictures that a straight line reads off what a new autoencoder gives."""
    colours = torch.rand(32, 3, 2, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        back = vae(colours.repeat_interleave(16, 2).repeat_interleave(16, 3))[0]  # (32, 3, 32, 32)
    known, asked = (x.movedim(1, -1).reshape(-1, 3) for x in (nn.functional.avg_pool2d(back, 16), colours))
    known = torch.cat([known, torch.ones(len(known), 1)], 1)
    left = asked - known @ torch.linalg.lstsq(known, asked).solution
    return 1 - (left.square().sum() / (asked - asked.mean(0)).square().sum()).item()


def test_a_new_one_lets_colours_through_and_nearly_no_noise(monkeypatch):
    torch.manual_seed(0)
    config = VAEConfig(block_out_channels=(8, 16, 32), norm_num_groups=2)
    vae = VAE(config)
    _, logvar = vae.encode(torch.rand(1, 3, 16, 16))
    assert (logvar == -6).all()
    assert colours_kept(vae) > 0.3
    monkeypatch.setattr(VAE, "_initialise", lambda self: None)
    assert colours_kept(VAE(config)) < 0.2  # the usual weights do not
