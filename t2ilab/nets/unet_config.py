"""What a U-Net looks like, from two hundred thousand parameters to a billion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from t2ilab.nets.config import Config


@dataclass(frozen=True)
class UNetConfig(Config):
    """What a U-Net looks like.

    Args:
        in_channels, out_channels: of the pictures (3) or latents (4). A U-Net for inpainting reads 2 * out_channels + 1
            channels: x_t, the mask, and the masked picture or its latents.
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
        text_pooling_heads: or the heads of an attention that pools the text's tokens for the same place, as in
            DeepFloyd's IF, which diffusers knows too; 0 for none.
        positions: whether the tokens of the transformers are told where in the picture they stand, as in DiT (Peebles
            & Xie 2023). Stable Diffusion's find out from the convolutions, which see the borders; told, a small model
            learns sooner what "left" means.
        scale_shift: whether time and pooled words also scale the channels of the residual blocks, as in ADM (Dhariwal &
            Nichol 2021); Stable Diffusion only shifts them.
        ff_multiple: how many times wider a transformer's feed-forward layer is than its tokens; Stable Diffusion's
            is 4.
        linear_projection: whether transformers begin and end with linear layers, as in Stable Diffusion 2.
        num_class_embeds: how many classes, or levels of noise in a low-resolution picture, the network is told of
            besides the timestep; 0 for none.
        class_timesteps: or whether it is told of a second timestep in that place, any whole number, as the
            super-resolutions of DeepFloyd's IF are told of the noise in their small pictures.
        class_vector_dim: or the width of a vector in that place, as Stable unCLIP has the image embedding; 0 for none.
        image_embed_dim: the width of the image embedding that it reads in place of words, as an unCLIP decoder does
            (Ramesh et al. 2022, section 2.1; the layout is Kandinsky 2.2's): added to the time embedding, and as
            tokens; 0 for a network that reads words.
        image_tokens: how many tokens are made of it; the paper's are 4, Kandinsky's 32.
        only_cross_attention: for each level, whether its pixels look at the words twice and never at each other, as in
            Stable Diffusion's upscaler, whose maps are too large for that; () for none.

    Raises:
        ValueError: not one flag a level, or a width that the groups or the heads do not divide.
    """

    what: ClassVar[str] = "A U-Net"

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
    text_pooling_heads: int = 0
    positions: bool = False
    scale_shift: bool = False
    linear_projection: bool = False
    num_class_embeds: int = 0
    class_timesteps: bool = False
    class_vector_dim: int = 0
    image_embed_dim: int = 0
    image_tokens: int = 4
    only_cross_attention: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        self.check_numbers(from_zero=("num_class_embeds", "text_pooling_heads", "class_vector_dim", "image_embed_dim"))
        if not self.block_out_channels:
            raise ValueError("A U-Net needs at least one level; got block_out_channels=().")
        if len(self.attention) != len(self.block_out_channels):
            raise ValueError(
                f"A U-Net needs one attention flag a level; got {len(self.attention)} flags for "
                f"{len(self.block_out_channels)} levels of block_out_channels."
            )
        if len(self.only_cross_attention) not in (0, len(self.block_out_channels)):
            raise ValueError(
                f"only_cross_attention is () or one flag for each level; got {self.only_cross_attention} for "
                f"{len(self.block_out_channels)} levels of block_out_channels."
            )
        if len(self.heads_of_levels) != len(self.block_out_channels):
            raise ValueError(
                f"heads is one number or one for each level; got {self.heads} for "
                f"{len(self.block_out_channels)} levels of block_out_channels."
            )
        if self.text_pooling_heads and (self.pooled_context or self.cross_attention_dim % self.text_pooling_heads):
            raise ValueError(
                "text_pooling_heads must divide cross_attention_dim, and pooled_context leaves no place for it; got "
                f"{self.text_pooling_heads} for {self.cross_attention_dim}, pooled_context={self.pooled_context}."
            )
        if sum(map(bool, (self.num_class_embeds, self.class_timesteps, self.class_vector_dim))) > 1:
            raise ValueError(
                "num_class_embeds, class_timesteps and class_vector_dim share one place, so choose one; got "
                f"{self.num_class_embeds}, {self.class_timesteps} and {self.class_vector_dim}."
            )
        if self.image_embed_dim and (self.pooled_context or self.text_pooling_heads):
            raise ValueError(
                "A network that reads an image embedding pools no words: leave pooled_context and text_pooling_heads "
                f"off; got image_embed_dim={self.image_embed_dim}."
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

    @classmethod
    def upscaler(cls) -> UNetConfig:
        """The U-Net of Stable Diffusion's 4x upscaler: latents and the noisy small picture in, 7 channels in all."""
        levels, cross = (256, 512, 512, 1024), (True, True, True, False)
        return cls(
            7, 4, levels, 2, (False, True, True, True), 1024, 8, 32,
            linear_projection=True, num_class_embeds=1000, only_cross_attention=cross,
        )  # fmt: skip

    @classmethod
    def stable_unclip(cls) -> UNetConfig:
        """The U-Net of Stable unCLIP: Stable Diffusion 2's, told of an image embedding and of the noise in it."""
        return replace(cls.stable_diffusion_2(), class_vector_dim=2048)

    @property
    def reads_mask(self) -> bool:
        """Whether it is an inpainting U-Net, which reads a mask and the masked picture beside x_t."""
        return self.in_channels == 2 * self.out_channels + 1

    @property
    def reads_small_picture(self) -> bool:
        """Whether it is an upscaling U-Net, which reads a small picture in colour beside x_t, and is told its noise."""
        return bool(self.num_class_embeds) and self.in_channels == self.out_channels + 3

    @property
    def x_channels(self) -> int:
        """The channels of x_t, which an inpainting or upscaling U-Net does not read alone."""
        return self.out_channels if self.reads_mask or self.reads_small_picture else self.in_channels

    @property
    def reads_class(self) -> bool:
        """Whether it is told of class_labels besides the timestep."""
        return bool(self.num_class_embeds or self.class_timesteps or self.class_vector_dim)

    @property
    def heads_of_levels(self) -> tuple[int, ...]:
        """The heads of each level's attention."""
        return self.heads if isinstance(self.heads, tuple) else (self.heads,) * len(self.block_out_channels)
