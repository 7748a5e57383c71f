"""The U-Net that predicts noise (or velocity, or the picture) from a noisy picture, its timestep and the words.

Ho et al. 2020 (appendix B) brought it to diffusion, Rombach et al. 2022 (section 3.3) gave it the cross-attention to
text. This class is both: two hundred thousand parameters or a billion, by configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.image_context import ImageTokens, ImageToTime
from t2ilab.nets.layers import Downsample, ResBlock, SpatialTransformer, TimeEmbedding, Upsample, timestep_embedding
from t2ilab.nets.pooling import TextPooling
from t2ilab.nets.unet_config import UNetConfig

__all__ = ["UNet", "UNetConfig", "UNetEncoder"]


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

    def layer(self, i: int, x: Tensor, temb: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """The i-th residual block and its transformer: x (B, C, h, w) -> (B, C', h, w)."""
        x = self.resnets[i](x, temb)
        return self.attentions[i](x, context, mask) if len(self.attentions) > i else x


class UNetEncoder(nn.Module):
    """The way down and the middle of the U, which a ControlNet has too.

    Args:
        config: the layout of the whole U.
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
        self.config, self.embed_time, self._res_block = config, embed_time, res_block
        widths, depth = config.block_out_channels, config.layers_per_block
        time_dim = 4 * widths[0]

        self.time_embedding = TimeEmbedding(widths[0], time_dim)
        self.add_embedding: nn.Module | None = None
        if config.pooled_context:
            self.add_embedding = nn.Linear(config.cross_attention_dim, time_dim)
        elif config.text_pooling_heads:
            self.add_embedding = TextPooling(config.cross_attention_dim, time_dim, config.text_pooling_heads)
        if config.image_embed_dim:
            self.encoder_hid_proj = ImageTokens(config.image_embed_dim, config.cross_attention_dim, config.image_tokens)
            self.add_embedding = ImageToTime(config.image_embed_dim, time_dim)
        if config.num_class_embeds:
            self.class_embedding: nn.Module = nn.Embedding(config.num_class_embeds, time_dim)
        elif config.reads_class:
            self.class_embedding = TimeEmbedding(config.class_vector_dim or widths[0], time_dim)
        self.conv_in = nn.Conv2d(config.in_channels * config.patch_size**2, widths[0], 3, padding=1)

        down_blocks: list[Block] = []
        width = widths[0]
        for level, (w, attend) in enumerate(zip(widths, config.attention, strict=True)):
            resnets = [self._resnet(width if i == 0 else w, w) for i in range(depth)]
            block = Block(resnets, [self._transformer(level) for _ in resnets] if attend else [])
            if level < len(widths) - 1:
                block.downsamplers.append(Downsample(w))
            down_blocks.append(block)
            width = w
        self.down_blocks: Iterable[Block] = nn.ModuleList(down_blocks)  # type: ignore[assignment]

        # The middle is small enough for its pixels to look at each other, whatever the levels do.
        middle = self._transformer(len(widths) - 1, only_cross=False)
        self.mid_block = Block([self._resnet(width, width), self._resnet(width, width)], [middle])

    @property
    def skip_widths(self) -> list[int]:
        """The channels of each map that the way down lays out, in its order; the way up takes them from the end."""
        widths, depth = self.config.block_out_channels, self.config.layers_per_block
        levels = [[w] * (depth + (i < len(widths) - 1)) for i, w in enumerate(widths)]
        return [widths[0], *(w for level in levels for w in level)]

    def _resnet(self, in_channels: int, out_channels: int) -> nn.Module:
        # A block of a student's own need not know these two, where they are as usual.
        groups = self.config.norm_num_groups
        options: dict[str, Any] = {} if groups == 8 else {"groups": groups}
        if self.config.scale_shift:
            options["scale_shift"] = True
        return self._res_block(in_channels, out_channels, 4 * self.config.block_out_channels[0], **options)

    def _transformer(self, level: int, only_cross: bool | None = None) -> SpatialTransformer:
        config = self.config
        crosses = config.only_cross_attention or (False,) * len(config.block_out_channels)
        return SpatialTransformer(
            config.block_out_channels[level],
            config.heads_of_levels[level],
            config.cross_attention_dim,
            config.norm_num_groups,
            config.ff_multiple,
            config.positions,
            config.linear_projection,
            crosses[level] if only_cross is None else only_cross,
        )

    def tell(self, x: Tensor, t: Tensor, context: Tensor, class_labels: Tensor | None = None) -> Tensor:
        """What every residual block is told: the timestep, perhaps the pooled words, the picture and a class.

        Returns (B, time_dim).
        """
        t = torch.as_tensor(t, device=x.device).expand(x.shape[0])
        temb = self.time_embedding(self.embed_time(t, self.config.block_out_channels[0]).to(x.dtype))  # (B, time_dim)
        if self.add_embedding is not None:
            if self.config.pooled_context:
                context = context.sum(dim=1) / context.shape[1] ** 0.5  # (B, cross_attention_dim)
            temb = temb + self.add_embedding(context)
        if class_labels is not None:
            told = class_labels
            if self.config.class_timesteps:
                told = self.embed_time(class_labels, self.config.block_out_channels[0]).to(x.dtype)
            temb = temb + self.class_embedding(told).to(x.dtype)
        return temb

    def read(self, context: Tensor) -> Tensor:
        """What pixels look at: the words as they are, or an image embedding as tokens (B, L, cross_attention_dim)."""
        return self.encoder_hid_proj(context) if self.config.image_embed_dim else context

    def descend(
        self, x: Tensor, temb: Tensor, context: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """From the first convolution's map (B, C0, h, w) to the middle's, and every map on the way."""
        skips = [x]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, x, temb, context, mask)  # (B, C, h, w)
                skips.append(x)
            for shrink in block.downsamplers:
                x = shrink(x)  # (B, C, h / 2, w / 2)
                skips.append(x)
        x = self.mid_block.layer(0, x, temb, context, mask)
        return self.mid_block.resnets[1](x, temb), skips

    def _check(self, x: Tensor, t: Tensor, context: Tensor, mask: Tensor | None, class_labels: Tensor | None) -> None:
        p = self.config.patch_size
        if x.ndim != 4 or x.shape[1] != self.config.in_channels:
            raise ValueError(
                f"This network reads pictures (B, {self.config.in_channels}, H, W); got {tuple(x.shape)}. "
                "Add a batch axis with x[None], or look at in_channels."
            )
        if x.shape[-1] % p or x.shape[-2] % p:
            raise ValueError(f"Height and width must be multiples of {p}; got {tuple(x.shape[-2:])}.")
        if (dim := self.config.image_embed_dim) and context.shape != (x.shape[0], dim):
            raise ValueError(
                f"This network reads one image embedding a picture, {(x.shape[0], dim)}; got {tuple(context.shape)}. "
                "Use the CLIP that it was trained with."
            )
        if not dim and context.shape[-1] != self.config.cross_attention_dim:
            raise ValueError(
                f"This network reads text tokens {self.config.cross_attention_dim} wide; got {context.shape[-1]}. "
                "Use the text encoder that it was trained with."
            )
        if not dim and (context.ndim != 3 or len(context) not in (1, len(x))):
            raise ValueError(
                f"A text is (B, L, {self.config.cross_attention_dim}) for B={len(x)} pictures, or one for all; got "
                f"{tuple(context.shape)}."
            )
        if (times := torch.as_tensor(t)).shape not in ((), (1,), (len(x),)):
            raise ValueError(
                f"t is one timestep for each of the {len(x)} pictures, or one for all; got {tuple(times.shape)}."
            )
        length = self.config.image_tokens if dim else context.shape[1]
        if mask is not None and mask.shape != (context.shape[0], length):
            raise ValueError(
                f"A mask has one entry for each token, {(context.shape[0], length)}; got {tuple(mask.shape)}."
            )
        if (class_labels is None) == self.config.reads_class:
            rule = "needs class_labels" if self.config.reads_class else "knows no classes"
            raise ValueError(
                f"A network with num_class_embeds={self.config.num_class_embeds} {rule}; got {class_labels}. "
                "An upscaler's are the levels of noise in its small pictures."
            )
        wide = self.config.class_vector_dim
        if not wide and class_labels is not None and class_labels.shape not in ((), (1,), (len(x),)):
            raise ValueError(
                f"class_labels are one for each of the {len(x)} pictures, or one for all; got "
                f"{tuple(class_labels.shape)}."
            )
        if wide and class_labels is not None and class_labels.shape != (x.shape[0], wide):
            raise ValueError(
                f"class_labels are vectors {(x.shape[0], wide)} here; got {tuple(class_labels.shape)}. Use the image "
                "encoder that the network was trained with."
            )


class UNet(UNetEncoder):
    """A network (x_t, t, context) -> output of the picture's shape."""

    def __init__(
        self,
        config: UNetConfig,
        res_block: Callable[..., nn.Module] = ResBlock,
        embed_time: Callable[[Tensor, int], Tensor] = timestep_embedding,
    ):
        super().__init__(config, res_block, embed_time)
        widths, depth = config.block_out_channels, config.layers_per_block

        skips = self.skip_widths
        up_blocks: list[Block] = []
        width = widths[-1]
        for level, (w, attend) in reversed(list(enumerate(zip(widths, config.attention, strict=True)))):
            resnets = []
            for _ in range(depth + 1):
                resnets.append(self._resnet(width + skips.pop(), w))
                width = w
            block = Block(resnets, [self._transformer(level) for _ in resnets] if attend else [])
            if level > 0:
                block.upsamplers.append(Upsample(w))
            up_blocks.append(block)
        self.up_blocks: Iterable[Block] = nn.ModuleList(up_blocks)  # type: ignore[assignment]

        self.conv_norm_out = nn.GroupNorm(config.norm_num_groups, widths[0])
        self.conv_out = nn.Conv2d(widths[0], config.out_channels * config.patch_size**2, 3, padding=1)
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
        if isinstance(self.add_embedding, nn.Linear):
            nn.init.normal_(self.add_embedding.weight, std=3 * self.add_embedding.in_features**-0.5)
            nn.init.zeros_(self.add_embedding.bias)
        elif isinstance(self.add_embedding, TextPooling):
            self.add_embedding.norm2.weight.fill_(3)
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Linear) and name.endswith(("attn2.to_v", "attn2.to_out.0")):
                layer.weight.mul_(3)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        context: Tensor,
        *,
        mask: Tensor | None = None,
        class_labels: Tensor | None = None,
        residuals: tuple[Sequence[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """One guess.

        Args:
            x: noisy pictures or latents (B, in_channels, H, W).
            t: timesteps (B,), or one for all.
            context: the text's tokens (B, L, cross_attention_dim); or, for a network with image_embed_dim, image
                embeddings (B, image_embed_dim).
            mask: (B, L), False for tokens that no pixel may look at; None for all, as Stable Diffusion has it. Words
                that are pooled (pooled_context, text_pooling_heads) are pooled over all tokens all the same.
            class_labels: int64 (B,) for a network with num_class_embeds; timesteps (B,) with class_timesteps; vectors
                (B, class_vector_dim).
            residuals: what a ControlNet adds to each map of the way down, and to the middle.

        Returns:
            (B, out_channels, H, W).

        Raises:
            ValueError: other channels, a size that patch_size does not divide, timesteps, a context, a mask or
                class_labels of another shape, or class_labels where none are known.
        """
        self._check(x, t, context, mask, class_labels)
        p = self.config.patch_size
        temb = self.tell(x, t, context, class_labels)
        context = self.read(context)  # (B, L, cross_attention_dim)

        x = F.pixel_unshuffle(x, p) if p > 1 else x  # (B, in_channels * p * p, H / p, W / p)
        x, skips = self.descend(self.conv_in(x), temb, context, mask)  # (B, C, h, w)
        if residuals is not None:
            skips = [skip + extra for skip, extra in zip(skips, residuals[0], strict=True)]
            x = x + residuals[1]

        return self.ascend(x, skips, temb, context, mask)  # (B, out_channels, H, W)

    def ascend(
        self, x: Tensor, skips: Sequence[Tensor], temb: Tensor, context: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """From the middle's map and those of the way down, in its order, to the output (B, out_channels, H, W)."""
        skips = list(skips)
        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, torch.cat([x, skips.pop()], dim=1), temb, context, mask)  # (B, C, h, w)
            for grow in block.upsamplers:
                x = grow(x, skips[-1].shape[-2:])  # (B, C, 2h, 2w), or as odd as the way down was

        x = self.conv_out(F.silu(self.conv_norm_out(x)))  # (B, out_channels * p * p, h, w)
        return F.pixel_shuffle(x, self.config.patch_size) if self.config.patch_size > 1 else x
