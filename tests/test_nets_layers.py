"""The parts of the U-Net against diffusers' parts, a closed form and slow obvious versions."""

import math
import warnings

import pytest
import torch
from published import difference, randomised
from torch import nn

from t2ilab.nets.layers import (
    Attention,
    Downsample,
    FeedForward,
    ResBlock,
    SpatialTransformer,
    Upsample,
    position_embedding,
    timestep_embedding,
)


@pytest.fixture(scope="module")
def parts():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers.models.embeddings import get_timestep_embedding
        from diffusers.models.resnet import ResnetBlock2D
        from diffusers.models.transformers.transformer_2d import Transformer2DModel
    return {"embedding": get_timestep_embedding, "resnet": ResnetBlock2D, "transformer": Transformer2DModel}


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 32, 320])
@pytest.mark.parametrize("t", [torch.arange(0, 1000, 37), torch.tensor([0.25, 999.5]), torch.tensor([7.0]).double()])
def test_timestep_embedding_is_diffusers(dim, t, parts):
    theirs = parts["embedding"](t, dim, flip_sin_to_cos=True, downscale_freq_shift=0)
    ours = timestep_embedding(t, dim)
    assert ours.shape == (len(t), dim)
    assert ours.dtype == torch.float32
    assert torch.equal(ours, theirs.float())  # to the last bit: half a bit of a frequency is 1e-5 at t = 999


def test_timestep_embedding_by_hand():
    row = timestep_embedding(torch.tensor([3]), 4)[0].tolist()
    assert row == pytest.approx([math.cos(3), math.cos(0.03), math.sin(3), math.sin(0.03)], abs=1e-6)


def test_timestep_embedding_tells_all_timesteps_apart():
    rows = timestep_embedding(torch.arange(1000), 32)
    distances = torch.cdist(rows.double(), rows.double()).fill_diagonal_(math.inf)
    assert distances.min() > 0.1


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match=r"dim must be even; got 5\."):
        timestep_embedding(torch.arange(3), 5)


# ---- place ---------------------------------------------------------------------------------------------------------


def test_position_embedding_by_hand():
    """Two by four pixels: rows at -1/2 and 1/2, columns at -3/4, -1/4, 1/4, 3/4; frequencies pi/2 and pi."""
    rows = position_embedding(2, 4, 8)
    assert rows.shape == (8, 8)
    for i, row in enumerate(rows):
        expected = []
        for place in ((-0.5, 0.5)[i // 4], (-0.75, -0.25, 0.25, 0.75)[i % 4]):
            angles = [place * k * math.pi / 2 for k in (1, 2)]
            expected += [math.cos(a) for a in angles] + [math.sin(a) for a in angles]
        assert row.tolist() == pytest.approx(expected, abs=1e-6)


def test_position_embedding_tells_all_places_apart():
    rows = position_embedding(8, 8, 32).double()
    assert torch.cdist(rows, rows).fill_diagonal_(math.inf).min() > 0.5


def test_a_position_embedding_needs_a_multiple_of_four():
    with pytest.raises(ValueError, match=r"dim must be a multiple of 4; got 6\."):
        position_embedding(4, 4, 6)


def test_a_transformer_that_knows_places_is_the_other_one_with_places_added():
    plain, told = (randomised(SpatialTransformer(16, 2, 6, positions=p)) for p in (False, True))
    told.load_state_dict(plain.state_dict())  # nothing is learnt for it
    x, context = draw(2, 16, 3, 5), draw(2, 4, 6, seed=2)
    with torch.no_grad():
        h = plain.proj_in(plain.norm(x)) + position_embedding(3, 5, 16).double().T.unflatten(1, (3, 5))
        tokens = plain.transformer_blocks[0](h.flatten(2).transpose(1, 2), context)
        expected = x + plain.proj_out(tokens.transpose(1, 2).unflatten(2, (3, 5)))
        assert difference(told(x, context), expected) < 1e-12
        assert difference(plain(x, context), expected) > 1e-3


# ---- the residual block --------------------------------------------------------------------------------------------


def res_blocks(parts, c_in, c_out, groups=8, eps=1e-5, scale_shift=False):
    ours = randomised(ResBlock(c_in, c_out, 24, groups, scale_shift))
    norm = "scale_shift" if scale_shift else "default"
    theirs = parts["resnet"](
        in_channels=c_in, out_channels=c_out, temb_channels=24, groups=groups, eps=eps, time_embedding_norm=norm
    )
    renamed = {
        name.replace("time_proj", "time_emb_proj").replace("skip", "conv_shortcut"): tensor
        for name, tensor in ours.state_dict().items()
    }
    theirs.double().eval().load_state_dict(renamed)  # strict: the same names, but for these two
    return ours, theirs


@pytest.mark.parametrize("scale_shift", [False, True])
@pytest.mark.parametrize(("c_in", "c_out", "groups"), [(16, 16, 8), (16, 24, 8), (24, 16, 4)])
def test_res_block_is_diffusers(c_in, c_out, groups, scale_shift, parts):
    ours, theirs = res_blocks(parts, c_in, c_out, groups, scale_shift=scale_shift)
    x, temb = draw(2, c_in, 7, 5), draw(2, 24, seed=2)
    assert difference(ours(x, temb), theirs(x, temb)) < 1e-12


def test_the_comparison_notices_another_epsilon(parts):
    ours, theirs = res_blocks(parts, 16, 24, eps=1e-6)
    assert difference(ours(draw(2, 16, 7, 5), draw(2, 24)), theirs(draw(2, 16, 7, 5), draw(2, 24))) > 1e-7


def test_res_block_groups_must_divide_its_channels():
    with pytest.raises(ValueError, match="divisible"):
        ResBlock(12, 16, 24)


# ---- attention -----------------------------------------------------------------------------------------------------


def test_attention_is_the_loop_over_heads_and_tokens():
    layer = randomised(Attention(12, 3, context_dim=5))
    x, context = draw(2, 4, 12), draw(2, 6, 5, seed=2)
    q, k, v = layer.to_q(x), layer.to_k(context), layer.to_v(context)
    mixed = torch.zeros_like(x)
    for b in range(2):
        for head in range(3):
            part = slice(4 * head, 4 * head + 4)
            for i in range(4):
                scores = torch.stack([q[b, i, part] @ k[b, j, part] / math.sqrt(4) for j in range(6)])
                weights = scores.exp() / scores.exp().sum()
                mixed[b, i, part] = sum(w * v[b, j, part] for j, w in enumerate(weights))
    assert difference(layer(x, context), layer.to_out[0](mixed)) < 1e-12
    assert all(proj.bias is None for proj in (layer.to_q, layer.to_k, layer.to_v))


def test_attention_without_a_context_attends_to_itself():
    layer = randomised(Attention(8, 2))
    x = draw(2, 5, 8)
    assert torch.equal(layer(x), layer(x, x))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"dim must be a multiple of heads=3; got 8\."):
        Attention(8, 3)


@pytest.mark.parametrize("exact", ["none", "tanh"])
def test_feed_forward_is_value_times_gelu_of_gate(exact):
    layer = randomised(FeedForward(6))
    x = draw(2, 5, 6)
    projected = layer.net[0].proj(x)
    value, gate = projected[..., :24], projected[..., 24:]
    expected = layer.net[2](value * nn.functional.gelu(gate, approximate=exact))
    if exact == "none":
        by_hand = value * gate * (1 + torch.erf(gate / math.sqrt(2))) / 2
        assert difference(expected, layer.net[2](by_hand)) < 1e-12
        assert difference(layer(x), expected) < 1e-12
    else:  # the comparison would notice the approximation
        assert difference(layer(x), expected) > 1e-7


@pytest.mark.parametrize(("width", "heads", "groups"), [(16, 2, 8), (24, 4, 4)])
def test_spatial_transformer_is_diffusers(width, heads, groups, parts):
    ours = randomised(SpatialTransformer(width, heads, 10, groups))
    theirs = parts["transformer"](
        num_attention_heads=heads,
        attention_head_dim=width // heads,
        in_channels=width,
        cross_attention_dim=10,
        norm_num_groups=groups,
    )
    theirs.double().eval().load_state_dict(ours.state_dict())
    x, context = draw(2, width, 5, 3), draw(2, 6, 10, seed=2)
    (expected,) = theirs(x, encoder_hidden_states=context, return_dict=False)
    assert difference(ours(x, context), expected) < 1e-12
    ours.norm.eps = 1e-5
    assert difference(ours(x, context), expected) > 1e-7


# ---- sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (1, 2)])
def test_down_and_up_again(height, width):
    x = draw(2, 4, height, width)
    down, up = Downsample(4).double(), Upsample(4).double()
    small = down(x)
    assert small.shape == (2, 4, math.ceil(height / 2), math.ceil(width / 2))
    nn.init.dirac_(up.conv.weight)
    nn.init.zeros_(up.conv.bias)
    large = up(small, (height, width))  # the convolution does nothing now: only the repeated pixels are left
    rows = torch.arange(height) * small.shape[2] // height
    columns = torch.arange(width) * small.shape[3] // width
    assert torch.equal(large, small[:, :, rows][:, :, :, columns])
