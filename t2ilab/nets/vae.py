"""The autoencoder of latent diffusion: pictures into small maps of numbers, and back (Rombach et al. 2022, sec. 3.1).

The class holds Stable Diffusion's VAE, 83,653,863 parameters, or one that a laptop trains in minutes, by configuration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.layers import Attention, ResBlock, Upsample

EPS = 1e-6  # of every norm


@dataclass(frozen=True)
class VAEConfig(Config):
    """What an autoencoder looks like.

    Args:
        in_channels, out_channels: of the pictures.
        latent_channels: of the latents.
        block_out_channels: one width a level; each level but the last halves the size.
        layers_per_block: residual blocks a level on the way in; one more on the way out.
        norm_num_groups: of every GroupNorm.
        scaling_factor: what latents are multiplied by before diffusion, which brings them to unit variance.

    Raises:
        ValueError: no level at all, a width that the groups do not divide, or a scaling factor that is not positive.
    """

    what: ClassVar[str] = "An autoencoder"

    in_channels: int = 3
    out_channels: int = 3
    latent_channels: int = 4
    block_out_channels: tuple[int, ...] = (32, 64)
    layers_per_block: int = 1
    norm_num_groups: int = 8
    scaling_factor: float = 1.0

    def __post_init__(self) -> None:
        self.check_numbers()
        if not self.block_out_channels:
            raise ValueError("An autoencoder needs at least one level; got block_out_channels=().")
        for width in self.block_out_channels:
            if width % self.norm_num_groups:
                raise ValueError(
                    f"Each width must be a multiple of norm_num_groups={self.norm_num_groups}; got {width}."
                )
        if not self.scaling_factor > 0:
            raise ValueError(
                f"A scaling factor is positive, one over the latents' deviation; got {self.scaling_factor}."
            )

    @classmethod
    def stable_diffusion(cls) -> VAEConfig:
        """The VAE of Stable Diffusion 1 and 2: 512x512 pictures, 64x64 latents of 4 channels."""
        return cls(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, norm_num_groups=32, scaling_factor=0.18215
        )

    @property
    def factor(self) -> int:
        """How many pixels a side one latent stands for."""
        return 2 ** (len(self.block_out_channels) - 1)


class MapAttention(Attention):
    """Every pixel of a map looks at every other: one head, with biases, added to the map."""

    def __init__(self, channels: int, groups: int):
        super().__init__(channels, heads=1, bias=True)
        self.group_norm = nn.GroupNorm(groups, channels, EPS)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)  # (B, h * w, C)
        return x + super().forward(tokens, context, mask).transpose(1, 2).unflatten(2, x.shape[-2:])


class Shrink(nn.Module):
    """Half the height and width; the border is added at the right and below only."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H // 2, W // 2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Level(nn.Module):
    """Residual blocks of one size, and perhaps a resize after them; in the middle, attention between them."""

    def __init__(self, resnets: Sequence[nn.Module]):
        super().__init__()
        self.resnets = nn.ModuleList(resnets)
        self.attentions = nn.ModuleList()
        self.downsamplers = nn.ModuleList()
        self.upsamplers = nn.ModuleList()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C', h', w')."""
        x = self.resnets[0](x)  # (B, C', h, w)
        for attend in self.attentions:
            x = attend(x)
        for resnet in list(self.resnets)[1:]:
            x = resnet(x)
        for shrink in self.downsamplers:
            x = shrink(x)  # (B, C', h / 2, w / 2)
        for grow in self.upsamplers:
            x = grow(x, (2 * x.shape[-2], 2 * x.shape[-1]))  # (B, C', 2h, 2w)
        return x


def _resnets(count: int, c_in: int, c_out: int, groups: int) -> list[nn.Module]:
    return [ResBlock(c_in if i == 0 else c_out, c_out, None, groups, eps=EPS) for i in range(count)]


def _middle(width: int, groups: int) -> Level:
    middle = Level(_resnets(2, width, width, groups))
    middle.attentions.append(MapAttention(width, groups))
    return middle


class Encoder(nn.Module):
    """A picture -> mean and log variance of its latents, in one map of twice the latent channels."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        widths, groups = config.block_out_channels, config.norm_num_groups
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList()
        for i, width in enumerate(widths):
            level = Level(_resnets(config.layers_per_block, widths[max(0, i - 1)], width, groups))
            if i < len(widths) - 1:
                level.downsamplers.append(Shrink(width))
            self.down_blocks.append(level)
        self.mid_block = _middle(widths[-1], groups)
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, 2 * latent_channels, H / factor, W / factor)."""
        x = self.conv_in(x)  # (B, C0, H, W)
        for level in self.down_blocks:
            x = level(x)  # (B, C, H / 2^i, W / 2^i)
        x = self.mid_block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Decoder(nn.Module):
    """Latents -> the picture."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        widths, groups = config.block_out_channels[::-1], config.norm_num_groups
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid_block = _middle(widths[0], groups)
        self.up_blocks = nn.ModuleList()
        for i, width in enumerate(widths):
            level = Level(_resnets(config.layers_per_block + 1, widths[max(0, i - 1)], width, groups))
            if i < len(widths) - 1:
                level.upsamplers.append(Upsample(width))
            self.up_blocks.append(level)
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], config.out_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, latent_channels, h, w) -> (B, out_channels, factor * h, factor * w)."""
        x = self.mid_block(self.conv_in(z))  # (B, C0, h, w)
        for level in self.up_blocks:
            x = level(x)  # (B, C, 2^i h, 2^i w)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class VAE(nn.Module):
    """Encoder and decoder of a variational autoencoder (Kingma & Welling 2014).

    Latents here are as the encoder gives them; diffusion works on `config.scaling_factor` times as much.
    """

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.latent_channels, 2 * config.latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """A new autoencoder passes a small copy of the picture through its latents, with little noise.

        From the usual initialisation a small one learns light and dark at once and colours very late, because the way
        there leads through two networks that are both still silent about them. Here residual blocks begin as nothing,
        and what stands between them keeps, beside a fifth of its usual weights, each channel that both its sides have.
        """
        for name, layer in self.named_modules():
            if isinstance(layer, ResBlock):
                for parameter in layer.conv2.parameters():
                    parameter.zero_()
            elif isinstance(layer, nn.Conv2d) and not name.endswith(("conv1", "conv2")):
                weight, middle = layer.weight, layer.kernel_size[0] // 2
                same = torch.eye(*weight.shape[:2], device=weight.device, dtype=weight.dtype)
                weight.mul_(0.2)
                if layer.stride[0] == 2:
                    weight.add_(same[:, :, None, None] / 9)  # the mean of its nine pixels
                else:
                    weight[:, :, middle, middle] += same
        spread = slice(self.config.latent_channels, None)  # of the two halves, that of the log variance
        own = dict(self.named_parameters())
        for name, value in (("encoder.conv_out.weight", 0), ("quant_conv.weight", 0), ("quant_conv.bias", -6)):
            own[name][spread] = value

    @torch.no_grad()
    def scaled_to(self, scaling_factor: float) -> VAE:
        """The same autoencoder with latents of another size, so that this factor brings them to unit variance.

        What comes back from them is the same: the last layer before the latents and the first after them take the
        difference. Needed where a library knows one factor only.
        """
        times = self.config.scaling_factor / scaling_factor
        other = VAE(replace(self.config, scaling_factor=scaling_factor)).to(next(self.parameters()))
        other.load_state_dict(self.state_dict())
        means = slice(self.config.latent_channels)
        weight, bias = (dict(other.quant_conv.named_parameters())[name] for name in ("weight", "bias"))
        weight[means] *= times
        bias[means] *= times
        bias[self.config.latent_channels :] += 2 * math.log(times)  # of the log variance
        other.post_quant_conv.weight /= times
        return other.train(self.training)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, in_channels, H, W) in [-1, 1] -> mean and log variance, (B, latent_channels, h, w) each.

        The log variance is kept within [-30, 20]. Raises ValueError for other channels or a size below the factor.
        """
        channels, factor = self.config.in_channels, self.config.factor
        if x.ndim != 4 or x.shape[1] != channels or min(x.shape[-2:]) < factor:
            raise ValueError(
                f"This autoencoder reads pictures (B, {channels}, H, W) of at least {factor} pixels a side; got "
                f"{tuple(x.shape)}."
            )
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z: Tensor) -> Tensor:
        """Latents (B, latent_channels, h, w) -> pictures (B, out_channels, factor * h, factor * w), near [-1, 1].

        Raises ValueError for other channels.
        """
        if z.ndim != 4 or z.shape[1] != self.config.latent_channels:
            raise ValueError(
                f"This autoencoder decodes latents (B, {self.config.latent_channels}, h, w); got {tuple(z.shape)}."
            )
        return self.decoder(self.post_quant_conv(z))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures -> (what comes back, mean, log variance); `noise` is like the mean, None decodes the mean itself."""
        mean, logvar = self.encode(x)
        z = mean if noise is None else mean + torch.exp(0.5 * logvar) * noise
        return self.decode(z), mean, logvar
