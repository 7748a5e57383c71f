"""Decoding in little memory: a VAE's decoder holds maps of the full size of a picture, hundreds of channels deep.

Each function here takes a VAE and latents, and stands where `VAE.decode` stands:

    pipe.vae_decode = sliced_decode                                       # a batch takes the memory of one picture
    pipe.vae_decode = tiled_decode                                        # a large picture that of one of its tiles
    pipe.vae_decode = lambda vae, z: sliced_decode(vae, z, tiled_decode)  # a batch of large ones that of one tile
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from t2ilab.nets.vae import VAE


def sliced_decode(vae: VAE, z: Tensor, decode: Callable[[VAE, Tensor], Tensor] = VAE.decode) -> Tensor:
    """One picture after the other: latents (B, C, h, w) -> pictures (B, 3, factor * h, factor * w).

    The same pictures as together: no layer of a VAE looks from one to another.
    """
    return torch.cat([decode(vae, one) for one in z.split(1)])


def tiled_decode(vae: VAE, z: Tensor, tile: int = 64, overlap: int = 16) -> Tensor:
    """Tile by tile, faded into one another: latents (B, C, h, w) -> pictures (B, 3, factor * h, factor * w).

    Near what decoding at once gives and not the same: in each tile the norms and the attention of the decoder see that
    tile alone, so that colours drift a little from tile to tile, and the fading hides the seams. The tiles are those of
    diffusers' `enable_vae_tiling`, without a last one that shows nothing new. Where four of them meet, each has the
    product of its fadings in height and width here.

    Args:
        z: at most a tile large, they are decoded at once.
        tile: latents a side; 64 are the 512 pixels that Stable Diffusion was trained at.
        overlap: how many latents neighbours share.

    Raises:
        ValueError: no overlap between 0 and half a tile, or latents of other channels.
    """
    if not 0 <= 2 * overlap <= tile or tile < 1:
        raise ValueError(f"An overlap is at least 0 and at most half a tile; got overlap={overlap} and tile={tile}.")
    faded = overlap * vae.config.factor  # pixels

    def decode_row(top: int) -> Tensor:
        row = z[..., top : top + tile, :]
        return _joined(
            [vae.decode(row[..., left : left + tile]) for left in _starts(z.shape[-1], tile, overlap)], faded
        )

    rows = [decode_row(top).mT for top in _starts(z.shape[-2], tile, overlap)]
    return _joined(rows, faded).mT


def _starts(size: int, tile: int, overlap: int) -> range:
    """Where tiles begin, so that the last one reaches the end and shows more than the one before it."""
    return range(0, max(1, size - overlap), tile - overlap)


def _joined(pieces: Sequence[Tensor], faded: int) -> Tensor:
    """Pieces (..., W_i) side by side, the last `faded` columns of each under the first of the next."""
    return reduce(lambda left, right: _faded(left, right, faded), pieces)


def _faded(left: Tensor, right: Tensor, faded: int) -> Tensor:
    weight = torch.arange(faded, device=left.device, dtype=left.dtype) / max(faded, 1)  # from 0, as diffusers has it
    kept, under = left.split([left.shape[-1] - faded, faded], dim=-1)
    over, rest = right.split([faded, right.shape[-1] - faded], dim=-1)
    return torch.cat([kept, torch.lerp(under, over, weight), rest], dim=-1)
