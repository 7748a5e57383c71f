"""Decoding in little memory against decoding at once, and against diffusers' tiles."""

from functools import partial

import pytest
import torch
from published import diffusers_class, latent_pipe, randomised, renamed

from t2ilab.nets.vae import VAE, VAEConfig
from t2ilab.pipelines.decoding import sliced_decode, tiled_decode


@pytest.fixture(scope="module")
def vae():
    """In float64; factor 2."""
    return randomised(VAE(VAEConfig(block_out_channels=(8, 16), norm_num_groups=4)), 1)


@pytest.fixture(scope="module")
def theirs(vae):
    """The same weights in diffusers' class, tiles of 8 latents that share 2."""
    net = diffusers_class("AutoencoderKL")(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, sample_size=16,
    ).double()  # fmt: skip
    net.load_state_dict(renamed(vae.state_dict()))
    net.eval().enable_tiling()
    assert (net.tile_latent_min_size, net.tile_overlap_factor) == (8, 0.25)
    return net


def latents(count=1, height=8, width=8, seed=4):
    return torch.randn(count, 4, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@torch.no_grad()
def test_slices_are_the_whole(vae):
    sizes = []

    def spy(vae, z):
        sizes.append(len(z))
        return vae.decode(z)

    torch.testing.assert_close(sliced_decode(vae, latents(3), spy), vae.decode(latents(3)), rtol=0, atol=1e-12)
    assert sizes == [1, 1, 1]
    assert sliced_decode(vae, latents(1)).shape == (1, 3, 16, 16)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 1), (1, 2), (5, 7)])
def test_up_to_a_tile_it_is_the_whole_exactly(vae, height, width):
    z = latents(2, height, width)
    assert torch.equal(tiled_decode(vae, z, 8, 2), vae.decode(z))


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(6, 12), (16, 5), (5, 22), (4, 9), (21, 3)])
def test_tiles_in_a_row_are_those_of_diffusers(vae, theirs, height, width):
    # Sizes whose last tile shows something new; where it does not, diffusers fades it in all the same.
    expected = theirs.decode(latents(2, height, width)).sample
    torch.testing.assert_close(tiled_decode(vae, latents(2, height, width), 8, 2), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_so_are_those_of_a_square_but_where_four_meet(vae, theirs):
    z = latents(1, 11, 17)
    got, expected = tiled_decode(vae, z, 8, 2), theirs.decode(z).sample
    faded = [torch.zeros(size, dtype=bool) for size in got.shape[-2:]]
    faded[0][12:16] = True  # 6 latents and 2 shared ones, of 2 pixels each
    for start in (12, 24):
        faded[1][start : start + 4] = True
    corners = faded[0][:, None] & faded[1]
    apart = (got - expected).abs().amax((0, 1))
    assert apart[~corners].max() < 1e-12
    # There diffusers fades twice between the two upper tiles: its upper one holds some of the left one already.
    left, right = (vae.decode(z[..., :8, start : start + 8])[..., 12:, :] for start in (0, 6))
    w = torch.arange(4) / 4
    twice = (1 - w)[:, None] * w * (1 - w) * (left[..., 12:] - right[..., :4])
    assert twice.abs().max() > 0.01
    torch.testing.assert_close(expected[..., 12:16, 12:16], got[..., 12:16, 12:16] + twice, rtol=0, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(14, 14), (14, 8), (9, 20)])
def test_a_slow_obvious_fading(vae, height, width):
    # Each tile times a weight that rises over what it shares with the one before and falls over what it shares with
    # the next, all added up.
    z = latents(1, height, width)

    def weights(size):
        starts = [start for start in range(0, size, 6) if start == 0 or size - start > 2]
        for start in starts:
            weight = torch.ones(2 * min(8, size - start), dtype=torch.float64)
            ramp = torch.tensor([0, 1 / 4, 2 / 4, 3 / 4], dtype=torch.float64)
            if start > 0:
                weight[:4] *= ramp
            if start != starts[-1]:
                weight[-4:] *= 1 - ramp
            yield start, weight

    expected = torch.zeros(1, 3, 2 * height, 2 * width, dtype=torch.float64)
    for top, down in weights(height):
        for left, right in weights(width):
            tile = vae.decode(z[..., top : top + 8, left : left + 8])
            place = expected[..., 2 * top : 2 * top + len(down), 2 * left : 2 * left + len(right)]
            place += tile * down[:, None] * right
    torch.testing.assert_close(tiled_decode(vae, z, 8, 2), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_no_tile_is_larger_than_asked(vae, monkeypatch):
    sizes = []
    whole = VAE.decode
    monkeypatch.setattr(VAE, "decode", lambda self, z: (sizes.append(tuple(z.shape[-2:])), whole(self, z))[1])
    assert tiled_decode(vae, latents(1, 19, 9), 6, 3).shape == (1, 3, 38, 18)
    assert max(sizes) == (6, 6)
    assert len(sizes) == 6 * 2


@torch.no_grad()
def test_without_an_overlap_tiles_stand_side_by_side(vae):
    z = latents(1, 4, 8)
    expected = torch.cat([vae.decode(z[..., :4]), vae.decode(z[..., 4:])], dim=-1)
    assert torch.equal(tiled_decode(vae, z, 4, 0), expected)


def test_a_pipeline_decodes_as_it_is_told(cpu, tokenizer):
    pipe = latent_pipe(tokenizer, cpu)
    how = {"seed": 1, "num_inference_steps": 2, "output_type": "pt", "width": 24}
    prompts = ["a red star", "円"]
    whole = pipe(prompts, **how)
    pipe.vae_decode = sliced_decode
    torch.testing.assert_close(pipe(prompts, **how), whole, rtol=0, atol=1e-5)
    pipe.vae_decode = lambda vae, z: sliced_decode(vae, z, partial(tiled_decode, tile=8, overlap=2))
    tiled = pipe(prompts, **how)
    assert tiled.shape == whole.shape
    assert 0 < (tiled - whole).abs().mean() < 0.5 * whole.std()


@pytest.mark.parametrize(("tile", "overlap"), [(8, 5), (8, -1), (0, 0)])
def test_tiles_that_cannot_be(vae, tile, overlap):
    with pytest.raises(ValueError, match=f"at most half a tile; got overlap={overlap} and tile={tile}"):
        tiled_decode(vae, latents(), tile, overlap)


def test_latents_of_other_channels_are_said(vae):
    with pytest.raises(ValueError, match=r"decodes latents \(B, 4, h, w\); got"):
        tiled_decode(vae, torch.zeros(1, 3, 8, 20, dtype=torch.float64), 8, 2)
