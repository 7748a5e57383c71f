"""The U-Net that predicts noise (or velocity, or the picture) from a noisy picture, its timestep and the words.

Ho et al. 2020 (appendix B) brought it to diffusion, Rombach et al. 2022 (section 3.3) gave it the cross-attention to
text. This class is both: two hundred thousand parameters or a billion, by configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.layers import Downsample, ResBlock, SpatialTransformer, Upsample, timestep_embedding


@dataclass(frozen=True)
class UNetConfig:
    """What a U-Net looks like.

    Args:
        in_channels, out_channels: of the pictures (3) or latents (4).
        block_out_channels: one width a level, each level at half the size of the one before.
        layers_per_block: residual blocks a level on the way down; one more on the way up.
        attention: for each level, whether its residual blocks are followed by a transformer.
        cross_attention_dim: width of the text's tokens.
        heads: of every attention, one number for all levels or one for each.
        norm_num_groups: of every GroupNorm.
        patch_size: the network first folds each patch of this many pixels a side into channels, and unfolds at the
            end. Stable Diffusion has its VAE for that and leaves this 1; a small model of pixels runs four times
            faster at 2.
        pooled_context: whether the sum of the text's tokens is added to the time embedding too, so that every residual
            block hears the words at once. Stable Diffusion 1 and 2 do without; SDXL adds a pooled text in this place
            (Podell et al. 2023, section 2.1). A small model learns its words many times sooner with it.
        positions: whether the tokens of the transformers are told where in the picture they stand, as in DiT (Peebles
            & Xie 2023). Stable Diffusion's find out from the convolutions, which see the borders; told, a small model
            learns sooner what "left" means.
        scale_shift: whether time and pooled words also scale the channels of the residual blocks, as in ADM (Dhariwal &
            Nichol 2021); Stable Diffusion only shifts them.
        ff_multiple: how many times wider a transformer's feed-forward layer is than its tokens; Stable Diffusion's
            is 4.
        linear_projection: whether transformers begin and end with linear layers, as in Stable Diffusion 2.

    Raises:
        ValueError: not one attention flag a level, or a width that the groups or the heads do not divide.
    """

    in_channels: int = 3
    out_channels: int = 3
    block_out_channels: tuple[int, ...] = (64, 128, 128)
    layers_per_block: int = 1
    attention: tuple[bool, ...] = (False, True, True)
    cross_attention_dim: int = 128
    heads: int | tuple[int, ...] = 4
    norm_num_groups: int = 8
    patch_size: int = 1
    ff_multiple: int = 4
    pooled_context: bool = False
    positions: bool = False
    scale_shift: bool = False
    linear_projection: bool = False

    def __post_init__(self) -> None:
        if len(self.attention) != len(self.block_out_channels):
            raise ValueError(
                f"A U-Net needs one attention flag a level; got {len(self.attention)} flags for "
                f"{len(self.block_out_channels)} levels of block_out_channels."
            )
        if len(self.heads_of_levels) != len(self.block_out_channels):
            raise ValueError(
                f"heads is one number or one for each level; got {self.heads} for "
                f"{len(self.block_out_channels)} levels of block_out_channels."
            )
        for width, heads in zip(self.block_out_channels, self.heads_of_levels, strict=True):
            if width % self.norm_num_groups or width % heads:
                raise ValueError(
                    f"Each width must be a multiple of norm_num_groups={self.norm_num_groups} and heads={heads}; "
                    f"got {width}."
                )

    @classmethod
    def stable_diffusion_1(cls, in_channels: int = 4) -> UNetConfig:
        """Stable Diffusion 1's U-Net; with in_channels=9 (latents, mask, masked latents) that of its inpainting."""
        return cls(in_channels, 4, (320, 640, 1280, 1280), 2, (True, True, True, False), 768, 8, 32)

    @classmethod
    def stable_diffusion_2(cls) -> UNetConfig:
        """The U-Net of Stable Diffusion 2 and 2.1: heads of 64 channels each, linear projections, wider words."""
        widths, heads = (320, 640, 1280, 1280), (5, 10, 20, 20)
        return cls(4, 4, widths, 2, (True, True, True, False), 1024, heads, 32, linear_projection=True)

    @property
    def heads_of_levels(self) -> tuple[int, ...]:
        """The heads of each level's attention."""
        return self.heads if isinstance(self.heads, tuple) else (self.heads,) * len(self.block_out_channels)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UNetConfig:
        """Raises ValueError for a key that no U-Net has."""
        if extra := set(values) - set(cls.__dataclass_fields__):
            raise ValueError(
                f"A U-Net's configuration has no {sorted(extra)}; it has {sorted(cls.__dataclass_fields__)}."
            )
        read: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**read)


class TimeEmbedding(nn.Module):
    """Two linear layers over the sinusoids."""

    def __init__(self, dim: int, time_dim: int):
        super().__init__()
        self.linear_1 = nn.Linear(dim, time_dim)
        self.linear_2 = nn.Linear(time_dim, time_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, dim) -> (B, time_dim)."""
        return self.linear_2(F.silu(self.linear_1(x)))


class Block(nn.Module):
    """One level on one side of the U: residual blocks, each perhaps with a transformer, and perhaps a resize.

    The published layout calls the last "downsamplers" or "upsamplers", a list of one.
    """

    def __init__(self, resnets: list[nn.Module], attentions: list[nn.Module]):
        super().__init__()
        self.resnets = nn.ModuleList(resnets)
        self.attentions = nn.ModuleList(attentions)
        self.downsamplers = nn.ModuleList()
        self.upsamplers = nn.ModuleList()

    def layer(self, i: int, x: Tensor, temb: Tensor, context: Tensor) -> Tensor:
        """The i-th residual block and its transformer: x (B, C, h, w) -> (B, C', h, w)."""
        x = self.resnets[i](x, temb)
        return self.attentions[i](x, context) if len(self.attentions) > i else x


class UNet(nn.Module):
    """A network (x_t, t, context) -> output of the picture's shape.

    Args:
        config: its layout.
        res_block, embed_time: its residual block and its timestep embedding, so that Lab 05 can put in the student's
            own.
    """

    def __init__(
        self,
        config: UNetConfig,
        res_block: Callable[..., nn.Module] = ResBlock,
        embed_time: Callable[[Tensor, int], Tensor] = timestep_embedding,
    ):
        super().__init__()
        self.config, self.embed_time = config, embed_time
        widths, depth = config.block_out_channels, config.layers_per_block
        time_dim, fold = 4 * widths[0], config.patch_size**2

        # A block of a student's own need not know these two, where they are as usual.
        options: dict[str, Any] = {} if config.norm_num_groups == 8 else {"groups": config.norm_num_groups}
        if config.scale_shift:
            options["scale_shift"] = True

        def resnet(c_in: int, c_out: int) -> nn.Module:
            return res_block(c_in, c_out, time_dim, **options)

        def transformer(level: int) -> nn.Module:
            return SpatialTransformer(
                widths[level],
                config.heads_of_levels[level],
                config.cross_attention_dim,
                config.norm_num_groups,
                config.ff_multiple,
                config.positions,
                config.linear_projection,
            )

        self.time_embedding = TimeEmbedding(widths[0], time_dim)
        if config.pooled_context:
            self.add_embedding = nn.Linear(config.cross_attention_dim, time_dim)
        self.conv_in = nn.Conv2d(config.in_channels * fold, widths[0], 3, padding=1)

        down_blocks: list[Block] = []
        skips, width = [widths[0]], widths[0]  # what the way up will find, in the order it was laid down
        for level, (w, attend) in enumerate(zip(widths, config.attention, strict=True)):
            resnets = [resnet(width if i == 0 else w, w) for i in range(depth)]
            block = Block(resnets, [transformer(level) for _ in resnets] if attend else [])
            last = level == len(widths) - 1
            if not last:
                block.downsamplers.append(Downsample(w))
            down_blocks.append(block)
            skips += [w] * (depth + (not last))
            width = w
        self.down_blocks: Iterable[Block] = nn.ModuleList(down_blocks)  # type: ignore[assignment]

        self.mid_block = Block([resnet(width, width), resnet(width, width)], [transformer(len(widths) - 1)])

        up_blocks: list[Block] = []
        for level, (w, attend) in reversed(list(enumerate(zip(widths, config.attention, strict=True)))):
            resnets = []
            for _ in range(depth + 1):
                resnets.append(resnet(width + skips.pop(), w))
                width = w
            block = Block(resnets, [transformer(level) for _ in resnets] if attend else [])
            if level > 0:
                block.upsamplers.append(Upsample(w))
            up_blocks.append(block)
        self.up_blocks: Iterable[Block] = nn.ModuleList(up_blocks)  # type: ignore[assignment]

        self.conv_norm_out = nn.GroupNorm(config.norm_num_groups, widths[0])
        self.conv_out = nn.Conv2d(widths[0], config.out_channels * fold, 3, padding=1)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """A new network draws no picture at all, and has the words out loud.

        The last layer starts at zero, as in Ho et al.'s code. Theirs starts the last layer of each residual block there
        too; over minutes instead of days that costs more than it gives, because the words cannot reach a block whose
        output is zero. The pooled words start three times as loud as the usual initialisation, and cross-attention
        nine times: a fresh one takes the mean of all tokens, in which each word is faint.
        """
        for parameter in self.conv_out.parameters():
            parameter.zero_()
        if self.config.pooled_context:
            nn.init.normal_(self.add_embedding.weight, std=3 * self.add_embedding.in_features**-0.5)
            nn.init.zeros_(self.add_embedding.bias)
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Linear) and name.endswith(("attn2.to_v", "attn2.to_out.0")):
                layer.weight.mul_(3)

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """One guess.

        Args:
            x: noisy pictures or latents (B, in_channels, H, W).
            t: timesteps (B,), or one for all.
            context: the text's tokens (B, L, cross_attention_dim).

        Returns:
            (B, out_channels, H, W).

        Raises:
            ValueError: other channels, a size that patch_size does not divide, or a context of another width.
        """
        p = self.config.patch_size
        if x.ndim != 4 or x.shape[1] != self.config.in_channels:
            raise ValueError(
                f"This U-Net reads pictures (B, {self.config.in_channels}, H, W); got {tuple(x.shape)}. "
                "Add a batch axis with x[None], or look at in_channels."
            )
        if x.shape[-1] % p or x.shape[-2] % p:
            raise ValueError(f"Height and width must be multiples of {p}; got {tuple(x.shape[-2:])}.")
        if context.shape[-1] != self.config.cross_attention_dim:
            raise ValueError(
                f"This U-Net reads text tokens {self.config.cross_attention_dim} wide; got {context.shape[-1]}. "
                "Use the text encoder that it was trained with."
            )
        t = torch.as_tensor(t, device=x.device).expand(x.shape[0])
        temb = self.time_embedding(self.embed_time(t, self.config.block_out_channels[0]).to(x.dtype))  # (B, time_dim)
        if self.config.pooled_context:
            pooled = context.sum(dim=1) / context.shape[1] ** 0.5  # (B, cross_attention_dim)
            temb = temb + self.add_embedding(pooled)

        x = F.pixel_unshuffle(x, p) if p > 1 else x  # (B, in_channels * p * p, H / p, W / p)
        x = self.conv_in(x)  # (B, C0, h, w)

        skips = [x]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, x, temb, context)  # (B, C, h, w)
                skips.append(x)
            for shrink in block.downsamplers:
                x = shrink(x)  # (B, C, h / 2, w / 2)
                skips.append(x)

        x = self.mid_block.layer(0, x, temb, context)
        x = self.mid_block.resnets[1](x, temb)

        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, torch.cat([x, skips.pop()], dim=1), temb, context)  # (B, C, h, w)
            for grow in block.upsamplers:
                x = grow(x, skips[-1].shape[-2:])  # (B, C, 2h, 2w), or as odd as the way down was

        x = self.conv_out(F.silu(self.conv_norm_out(x)))  # (B, out_channels * p * p, h, w)
        return F.pixel_shuffle(x, p) if p > 1 else x  # (B, out_channels, H, W)
