"""CycleGAN: pictures of one domain into another, learnt from two heaps in which no two belong together.

Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", its appendix on
the networks, which come from Johnson et al. 2016 (the painter) and Isola et al. 2017 (the judge of patches).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config

SLOPE = 0.2  # of the judge's leaky ReLUs


@dataclass(frozen=True)
class CycleConfig(Config):
    """What a CycleGAN looks like.

    Args:
        width: channels at full size; twice as many at each half of it. The paper's is 64.
        downs: how often a painter halves the size before it changes anything.
        blocks: residual blocks of a painter; the paper has 6 to 9.
        judge_downs: how often a judge halves the size: the more, the larger the patches that it sees.
        blends: whether a painter also says where it paints, and leaves the given picture elsewhere (Mejjati et al.
            2018). Without it nothing but the way back asks for the colours of things, and any swap of them that is
            undone on the way back will do.

    Raises:
        ValueError: counts below 1.
    """

    what: ClassVar[str] = "A CycleGAN"

    width: int = 24
    downs: int = 1
    blocks: int = 4
    judge_downs: int = 2
    blends: bool = False

    def __post_init__(self) -> None:
        self.check_numbers()


class CycleBlock(nn.Module):
    """Two convolutions with instance norms, added to what came in; borders are mirrored."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.norm = nn.InstanceNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        h = F.relu(self.norm(self.conv1(x)))
        return x + self.norm(self.conv2(h))


class CycleGenerator(nn.Module):
    """A picture of one domain into one of the other."""

    configuration: ClassVar[type[CycleConfig]] = CycleConfig

    def __init__(self, config: CycleConfig):
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.downs + 1)]
        self.conv_in = nn.Conv2d(3, widths[0], 7, padding=3, padding_mode="reflect")
        self.downs = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(widths)
        )
        self.blocks = nn.ModuleList(CycleBlock(widths[-1]) for _ in range(config.blocks))
        self.ups = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect")
            for before, after in zip(widths[::-1], widths[-2::-1], strict=False)
        )
        self.conv_out = nn.Conv2d(widths[0], 3 + config.blends, 7, padding=3, padding_mode="reflect")

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1], H and W multiples of 2^downs -> (B, 3, H, W) in [-1, 1].

        Raises:
            ValueError: pictures of another shape or size.
        """
        multiple = 2**self.config.downs
        if images.ndim != 4 or images.shape[1] != 3 or any(side % multiple for side in images.shape[2:]):
            raise ValueError(f"Pictures are (B, 3, H, W), sides multiples of {multiple}; got {tuple(images.shape)}.")
        # Instance norms without scale or shift: whatever a picture's contrast, its maps have the same.
        h = F.relu(F.instance_norm(self.conv_in(images)))
        for down in self.downs:
            h = F.relu(F.instance_norm(down(h)))  # (B, 2C, H/2, W/2)
        for block in self.blocks:
            h = block(h)
        for up in self.ups:
            h = F.interpolate(h, scale_factor=2, mode="nearest")  # (B, C, 2H, 2W)
            h = F.relu(F.instance_norm(up(h)))  # (B, C/2, 2H, 2W)
        h = self.conv_out(h)
        painted = h[:, :3].tanh()
        return torch.lerp(images, painted, h[:, 3:].sigmoid()) if self.config.blends else painted


class PatchDiscriminator(nn.Module):
    """A picture into a map of logits, each of which judges the patch that it sees."""

    def __init__(self, config: CycleConfig):
        super().__init__()
        widths = [config.width * 2**level for level in range(config.judge_downs)]
        self.downs = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1)
            for before, after in zip([3, *widths], widths, strict=False)
        )
        self.conv = nn.Conv2d(widths[-1], 2 * widths[-1], 3, padding=1)
        self.logit = nn.Conv2d(2 * widths[-1], 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, H / 2^judge_downs, W / 2^judge_downs), high for real."""
        h = F.leaky_relu(self.downs[0](images), SLOPE)  # no norm on the first, as in the paper
        for down in self.downs[1:]:
            h = F.leaky_relu(F.instance_norm(down(h)), SLOPE)  # (B, 2C, H/2, W/2)
        h = F.leaky_relu(F.instance_norm(self.conv(h)), SLOPE)
        return self.logit(h)[:, 0]  # (B, H', W')
