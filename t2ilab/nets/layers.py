"""The parts that a U-Net is made of: time embedding, residual block, attention, transformer block.

Names of parameters are those of the published checkpoints, but for a residual block's `time_proj` and `skip`, which
Stable Diffusion's files call `time_emb_proj` and `conv_shortcut`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def timestep_embedding(t: Tensor, dim: int, max_period: float = 10_000.0) -> Tensor:
    """Writes each timestep as cosines and sines of falling frequency (Vaswani et al. 2017, section 3.5).

    Args:
        t: timesteps (B,), integer or float.
        dim: width of the embedding, even.

    Returns:
        float32 (B, dim): the cosines first, then the sines; frequencies max_period^(-i / (dim / 2)).

    Raises:
        ValueError: an odd width.
    """
    if dim % 2:
        raise ValueError(f"A timestep embedding holds as many sines as cosines, so dim must be even; got {dim}.")
    half = dim // 2
    # Multiplied first and divided after, as in the published networks: at t = 999 float32 shows the order.
    exponents = -math.log(max_period) * torch.arange(half, device=t.device, dtype=torch.float32) / half
    frequencies = exponents.exp()
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class TimeEmbedding(nn.Module):
    """Two linear layers over the sinusoids."""

    def __init__(self, dim: int, time_dim: int):
        super().__init__()
        self.linear_1 = nn.Linear(dim, time_dim)
        self.linear_2 = nn.Linear(time_dim, time_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, dim) -> (B, time_dim)."""
        return self.linear_2(F.silu(self.linear_1(x)))


def position_embedding(height: int, width: int, dim: int, device: torch.device | str = "cpu") -> Tensor:
    """Writes each place of a map as cosines and sines of its height, then of its width.

    As DiT does (Peebles & Xie 2023, section 3.2), but for places counted from -1 to 1 and frequencies k * pi / 2, so
    that the middle of a picture is the same place at every resolution.

    Args:
        height, width: of the map.
        dim: width of the embedding, a multiple of 4.

    Returns:
        float32 (height * width, dim), the map read in rows.

    Raises:
        ValueError: a width that is no multiple of 4.
    """
    if dim % 4:
        raise ValueError(
            f"A place is written as sines and cosines of two axes: dim must be a multiple of 4; got {dim}."
        )
    frequencies = torch.arange(1, dim // 4 + 1, device=device) * (math.pi / 2)

    def axis(count: int) -> Tensor:
        places = (torch.arange(count, device=device) + 0.5) * (2 / count) - 1
        angles = places[:, None] * frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=-1)  # (count, dim / 2)

    y = axis(height)[:, None].expand(height, width, -1)
    x = axis(width)[None].expand(height, width, -1)
    return torch.cat([y, x], dim=-1).flatten(0, 1)


class ResBlock(nn.Module):
    """A residual block that knows the time: norm, SiLU, conv; plus the time; norm, SiLU, conv; plus the input.

    Args:
        in_channels, out_channels: where they differ, the input is brought over by a 1x1 convolution.
        time_dim: width of the time embedding; None for a block that knows of no time, as in a VAE.
        groups, eps: of the two GroupNorms.
        scale_shift: whether the time also scales each channel after the second norm, and not only shifts it before
            (Dhariwal & Nichol 2021, section 3.1: adaptive group normalization).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        time_dim: int | None,
        groups: int = 8,
        scale_shift: bool = False,
        eps: float = 1e-5,
    ):
        super().__init__()
        self.scale_shift = scale_shift
        self.norm1 = nn.GroupNorm(groups, in_channels, eps)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        if time_dim is not None:
            self.time_proj = nn.Linear(time_dim, 2 * out_channels if scale_shift else out_channels)
        self.norm2 = nn.GroupNorm(groups, out_channels, eps)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, temb: Tensor | None = None) -> Tensor:
        """x (B, in_channels, H, W) and the time embedding (B, time_dim) -> (B, out_channels, H, W)."""
        # Each line lets the map before it go: at a picture's full size these maps are most of the memory.
        h = self.conv1(F.silu(self.norm1(x)))  # (B, out_channels, H, W)
        if temb is None:
            h = self.norm2(h)
        else:
            told = self.time_proj(F.silu(temb))[:, :, None, None]  # (B, out_channels, 1, 1), or twice the channels
            if self.scale_shift:
                scale, shift = told.chunk(2, dim=1)
                h = self.norm2(h) * (1 + scale) + shift
            else:
                h = self.norm2(h + told)
        h = F.silu(h)
        h = self.conv2(h)
        return self.skip(x) + h


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, eq. 1), from the tokens to themselves or to a context.

    Args:
        dim: width of the tokens. heads: dim must be a multiple of it.
        context_dim: width of what is attended to; None for the tokens themselves.
        bias: whether queries, keys and values have one.

    Raises:
        ValueError: a width that is no multiple of heads.
    """

    def __init__(self, dim: int, heads: int, context_dim: int | None = None, bias: bool = False):
        super().__init__()
        if dim % heads:
            raise ValueError(f"Each head takes an equal part, so dim must be a multiple of heads={heads}; got {dim}.")
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias)
        self.to_k = nn.Linear(context_dim or dim, dim, bias)
        self.to_v = nn.Linear(context_dim or dim, dim, bias)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim)])

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """x (B, N, dim), context (B, L, context_dim), mask (B, L) or (B, N, L), False for what is not looked at.

        Returns (B, N, dim).
        """
        context = x if context is None else context
        seen = None if mask is None else mask.bool().reshape(len(mask), 1, -1, mask.shape[-1])  # (B, 1, 1 or N, L)
        q, k, v = (
            split.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, N or L, dim / heads)
            for split in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        attended = F.scaled_dot_product_attention(q, k, v, seen)  # (B, heads, N, dim / heads)
        return self.to_out[0](attended.transpose(1, 2).flatten(2))  # (B, N, dim)


class GEGLU(nn.Module):
    """A linear layer gated by another (Shazeer 2020, eq. 6): the value first, the gate second, exact GELU."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.proj = nn.Linear(dim, 2 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, dim) -> (B, N, hidden)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """Four times wider and back, with a GEGLU. `net[1]` is where the published layout keeps its dropout."""

    def __init__(self, dim: int, multiple: int = 4):
        super().__init__()
        self.net = nn.ModuleList([GEGLU(dim, multiple * dim), nn.Identity(), nn.Linear(multiple * dim, dim)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, dim) -> (B, N, dim)."""
        for layer in self.net:
            x = layer(x)
        return x


class TransformerBlock(nn.Module):
    """Pixels look at each other, then at the words, then think: self-attention, cross-attention, feed-forward.

    With `only_cross` they look at the words both times.
    """

    def __init__(self, dim: int, heads: int, context_dim: int, ff_multiple: int = 4, only_cross: bool = False):
        super().__init__()
        self.only_cross = only_cross
        self.norm1 = nn.LayerNorm(dim)
        self.attn1 = Attention(dim, heads, context_dim if only_cross else None)
        self.norm2 = nn.LayerNorm(dim)
        self.attn2 = Attention(dim, heads, context_dim)
        self.norm3 = nn.LayerNorm(dim)
        self.ff = FeedForward(dim, ff_multiple)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, N, dim), context (B, L, context_dim), mask (B, L) of the context -> (B, N, dim)."""
        x = x + (self.attn1(self.norm1(x), context, mask) if self.only_cross else self.attn1(self.norm1(x)))
        x = x + self.attn2(self.norm2(x), context, mask)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """A transformer over the pixels of a feature map, as in latent diffusion (Rombach et al. 2022, section 3.3).

    Args:
        channels: of the map and of the tokens. heads, context_dim, ff_multiple: of the transformer's block.
        groups: of the GroupNorm before it.
        positions: whether each token is told where it stands.
        linear: whether the layers before and after are linear layers over the tokens, as in Stable Diffusion 2, or 1x1
            convolutions over the map, which compute the same and are stored in another shape.
        only_cross: whether pixels look at the words only, and not at each other.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        context_dim: int,
        groups: int = 8,
        ff_multiple: int = 4,
        positions: bool = False,
        linear: bool = False,
        only_cross: bool = False,
    ):
        super().__init__()
        self.positions, self.linear = positions, linear
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)
        block = TransformerBlock(channels, heads, context_dim, ff_multiple, only_cross)
        self.transformer_blocks = nn.ModuleList([block])
        self.proj_out = nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, C, H, W), context (B, L, context_dim), mask (B, L) of the context -> (B, C, H, W)."""
        h = self.norm(x) if self.linear else self.proj_in(self.norm(x))
        tokens = h.flatten(2).transpose(1, 2)  # (B, H * W, C)
        tokens = self.proj_in(tokens) if self.linear else tokens
        if self.positions:
            height, width = x.shape[-2:]
            tokens = tokens + position_embedding(height, width, x.shape[1], x.device).to(tokens.dtype)
        for block in self.transformer_blocks:
            tokens = block(tokens, context, mask)
        tokens = self.proj_out(tokens) if self.linear else tokens
        h = tokens.transpose(1, 2).unflatten(2, x.shape[-2:])  # (B, C, H, W)
        return x + (h if self.linear else self.proj_out(h))


class Downsample(nn.Module):
    """Half the height and width, by a convolution of stride 2."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, ceil(H / 2), ceil(W / 2))."""
        return self.conv(x)


class Upsample(nn.Module):
    """A larger map by repeating pixels, then a convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, C, h, w) -> (B, C, *size)."""
        return self.conv(F.interpolate(x, size=size, mode="nearest"))
