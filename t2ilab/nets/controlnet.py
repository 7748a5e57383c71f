"""A ControlNet: a copy of the way down that looks at a second picture and whispers to the U-Net (Zhang et al. 2023).

The U-Net stays frozen. What the copy has to say passes through 1x1 convolutions that begin at zero, so that training
starts from a network that draws exactly as before (section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.unet import UNet, UNetEncoder
from t2ilab.nets.unet_config import UNetConfig


@dataclass(frozen=True)
class ControlNetConfig(Config):
    """What a ControlNet looks like.

    Args:
        unet: the layout of the U-Net that it helps.
        condition_channels: of the pictures that it looks at.
        condition_widths: of the convolutions that bring such a picture to the size of the first map, each after the
            first at half the size of the one before.

    Raises:
        ValueError: a count that is none, or no width at all.
    """

    what: ClassVar[str] = "A ControlNet"

    unet: UNetConfig
    condition_channels: int = 3
    condition_widths: tuple[int, ...] = (16, 32, 96, 256)

    def __post_init__(self) -> None:
        self.check_numbers()
        if not self.condition_widths:
            raise ValueError("A ControlNet needs at least one convolution for its pictures; got condition_widths=().")

    @classmethod
    def stable_diffusion_1(cls) -> ControlNetConfig:
        """For Stable Diffusion 1: pictures of 512x512 beside latents of 64x64."""
        return cls(UNetConfig.stable_diffusion_1())

    @property
    def factor(self) -> int:
        """How many pixels a side of the condition one place of the U-Net's first map stands for."""
        return 2 ** (len(self.condition_widths) - 1)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Raises ValueError for a key that no ControlNet, or no U-Net, has."""
        return super().from_dict(values | {"unet": UNetConfig.from_dict(values["unet"])})


class ConditionEmbedding(nn.Module):
    """Convolutions from the condition's pixels to the first map of the U-Net; the last begins at zero."""

    def __init__(self, channels: int, widths: tuple[int, ...], out_channels: int):
        super().__init__()
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for narrow, wide in pairwise(widths):
            self.blocks.append(nn.Conv2d(narrow, narrow, 3, padding=1))
            self.blocks.append(nn.Conv2d(narrow, wide, 3, stride=2, padding=1))
        self.conv_out = _zero(nn.Conv2d(widths[-1], out_channels, 3, padding=1))

    def forward(self, condition: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, out_channels, H / factor, W / factor)."""
        x = F.silu(self.conv_in(condition))  # (B, widths[0], H, W)
        for conv in self.blocks:
            x = F.silu(conv(x))  # (B, C, H / 2^i, W / 2^i)
        return self.conv_out(x)


class ControlNet(UNetEncoder):
    """(x_t, t, context, condition) -> what to add to each map of the U-Net's way down, and to its middle.

    Args:
        config: its layout.
    """

    def __init__(self, config: ControlNetConfig):
        super().__init__(config.unet)
        self.control_config = config
        first = config.unet.block_out_channels[0]
        self.controlnet_cond_embedding = ConditionEmbedding(config.condition_channels, config.condition_widths, first)
        self.controlnet_down_blocks = nn.ModuleList([_zero(nn.Conv2d(w, w, 1)) for w in self.skip_widths])
        last = config.unet.block_out_channels[-1]
        self.controlnet_mid_block = _zero(nn.Conv2d(last, last, 1))

    @classmethod
    def from_unet(
        cls, unet: UNet, condition_channels: int = 3, condition_widths: tuple[int, ...] = (16, 32, 96, 256)
    ) -> ControlNet:
        """A ControlNet that begins as a copy of a U-Net's way down and middle."""
        net = cls(ControlNetConfig(unet.config, condition_channels, condition_widths)).to(next(unet.parameters()))
        own = net.state_dict()
        net.load_state_dict(own | {name: tensor for name, tensor in unet.state_dict().items() if name in own})
        return net

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        context: Tensor,
        condition: Tensor,
        *,
        mask: Tensor | None = None,
        class_labels: Tensor | None = None,
        scale: float = 1.0,
    ) -> tuple[list[Tensor], Tensor]:
        """What the U-Net takes as `residuals`.

        Args:
            x, t, context, mask, class_labels: as the U-Net takes them.
            condition: pictures (B, condition_channels, H, W) in [0, 1], `factor` times the size of the U-Net's first
                map.
            scale: how loud; 0 is silent.

        Returns:
            One tensor for each map of the way down, in its order, and one for the middle.

        Raises:
            ValueError: a condition of another size or number of channels, and as the U-Net does.
        """
        self._check(x, t, context, mask, class_labels)
        p, factor = self.config.patch_size, self.control_config.factor
        expected = (len(x), self.control_config.condition_channels, *(side // p * factor for side in x.shape[-2:]))
        if condition.shape != expected:
            raise ValueError(
                f"Beside {tuple(x.shape)} this ControlNet looks at conditions {expected}; got {tuple(condition.shape)}."
            )
        temb = self.tell(x, t, context, class_labels)
        context = self.read(context)  # (B, L, cross_attention_dim)
        x = F.pixel_unshuffle(x, p) if p > 1 else x
        x = self.conv_in(x) + self.controlnet_cond_embedding(condition)  # (B, C0, h, w)
        middle, skips = self.descend(x, temb, context, mask)
        downs = [scale * zero(skip) for zero, skip in zip(self.controlnet_down_blocks, skips, strict=True)]
        return downs, scale * self.controlnet_mid_block(middle)


def _zero(conv: nn.Conv2d) -> nn.Conv2d:
    """The convolution, beginning at zero."""
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
