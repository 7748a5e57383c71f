"""A style-based generator: noise becomes a style, and the style says at every size how to paint.

Karras et al. 2019 (2018 as a preprint), "A Style-Based Generator Architecture for Generative Adversarial Networks". It
grows as the growing GAN does, whose judge is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.gan.progressive import SLOPE, EqualisedConv2d, EqualisedLinear, check_stage, fade_in, pixel_norm

KEEP = 0.995  # share of the old mean style that each training pass keeps


@dataclass(frozen=True)
class StyleConfig(Config):
    """What a style-based generator looks like.

    Args:
        latent_dim: width of noise and style.
        mapping_layers: from one to the other.
        widths: channels at 4x4, at 8x8 and so on; two layers each. The first stage draws 8x8 pixels.

    Raises:
        ValueError: counts below 1, or fewer than two widths.
    """

    what: ClassVar[str] = "A style-based generator"

    latent_dim: int = 64
    mapping_layers: int = 4
    widths: tuple[int, ...] = (64, 64, 64, 32)

    def __post_init__(self) -> None:
        self.check_numbers()
        if len(self.widths) < 2:
            raise ValueError(f"A style-based generator has at least two sizes, 4x4 and 8x8; got widths={self.widths}.")

    @property
    def layers(self) -> int:
        """How many layers take a style."""
        return 2 * len(self.widths)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The side of each stage's pictures, in pixels."""
        return tuple(8 * 2**stage for stage in range(len(self.widths) - 1))

    @property
    def size(self) -> int:
        """Of the last stage's pictures."""
        return self.sizes[-1]


def adain(content: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """Adaptive instance normalisation (eq. 1): each map to mean 0 and variance 1, then the style's scale and shift.

    Args:
        content: (B, C, H, W).
        scale, shift: (B, C).
    """
    return F.instance_norm(content, eps=eps) * scale[:, :, None, None] + shift[:, :, None, None]


class StyleLayer(nn.Module):
    """A convolution, noise for what is left to chance, and a style.

    Args:
        in_channels, out_channels: of the maps.
        style_dim: width of the style.
        up: whether the map is doubled first.
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int, up: bool):
        super().__init__()
        self.up = up
        self.conv = EqualisedConv2d(in_channels, out_channels)
        self.noise_scale = nn.Parameter(torch.zeros(out_channels))
        self.style = EqualisedLinear(style_dim, 2 * out_channels, gain=1.0)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """x (B, C, H, W), style (B, style_dim) and noise (B, 1, H', W') -> (B, C', H', W')."""
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, C, 2H, 2W)
        h = self.conv(x) + self.noise_scale[:, None, None] * noise
        scale, shift = self.style(style).chunk(2, dim=1)  # (B, C') each
        return adain(F.leaky_relu(h, SLOPE), 1 + scale, shift)


class StyleGenerator(nn.Module):
    """Noise into styles, and styles into a picture that begins as a constant."""

    configuration: ClassVar[type[StyleConfig]] = StyleConfig
    mean_style: Tensor

    def __init__(self, config: StyleConfig):
        super().__init__()
        self.config = config
        width = config.latent_dim
        # A hundredth of the learning rate, as in the paper: all of the picture hangs on these layers.
        self.mapping = nn.ModuleList(EqualisedLinear(width, width, rate=0.01) for _ in range(config.mapping_layers))
        self.start = nn.Parameter(torch.ones(config.widths[0], 4, 4))
        self.layers = nn.ModuleList()
        for i, (before, after) in enumerate(zip((config.widths[0], *config.widths), config.widths, strict=False)):
            self.layers += [StyleLayer(before, after, width, up=i > 0), StyleLayer(after, after, width, up=False)]
        self.to_rgb = nn.ModuleList(EqualisedConv2d(after, 3, 1, gain=1.0) for after in config.widths[1:])
        self.register_buffer("mean_style", torch.zeros(width))

    def styles(self, z: Tensor) -> Tensor:
        """Noise z (B, latent_dim), standard normal -> styles (B, latent_dim). In training it moves the mean style."""
        w = pixel_norm(z)
        for layer in self.mapping:
            w = F.leaky_relu(layer(w), SLOPE)
        if self.training:
            self.mean_style.lerp_(w.detach().mean(0).to(self.mean_style.dtype), 1 - KEEP)
        return w

    def truncate(self, styles: Tensor, psi: float) -> Tensor:
        """Styles (..., latent_dim) nearer to the mean style: 1 changes nothing, 0 leaves the mean (appendix B)."""
        return self.mean_style + psi * (styles - self.mean_style)

    def mix(self, coarse: Tensor, fine: Tensor, crossover: int) -> Tensor:
        """The styles of each layer: of the first so many those of one, of the others those of another (section 3.1).

        Args:
            coarse, fine: (B, latent_dim).
            crossover: from 0, all fine, to the number of layers, all coarse.

        Returns:
            (B, layers, latent_dim).

        Raises:
            ValueError: a crossover that there is not.
        """
        layers = self.config.layers
        if not 0 <= crossover <= layers:
            raise ValueError(f"The styles change over after 0 to {layers} layers; got {crossover}.")
        first = torch.arange(layers, device=coarse.device) < crossover  # (layers,)
        return torch.where(first[:, None], coarse[:, None], fine[:, None])

    def forward(
        self, styles: Tensor, generator: torch.Generator | None = None, stage: int = -1, alpha: float = 1.0
    ) -> Tensor:
        """Styles into pictures, not clipped; noise is drawn anew each time.

        Args:
            styles: (B, latent_dim), or (B, layers, latent_dim) with one for each layer.
            generator: on the CPU, for the noise; None takes torch's own.
            stage, alpha: as the growing generator has them.

        Returns:
            (B, 3, size, size) of the stage's size, about in [-1, 1].

        Raises:
            ValueError: a stage that there is not, or a share outside of [0, 1].
        """
        stage = check_stage(len(self.to_rgb), stage, alpha)
        if styles.ndim == 2:
            styles = styles[:, None].expand(-1, self.config.layers, -1)  # (B, layers, latent_dim)
        before = h = self.start.expand(len(styles), -1, -1, -1)  # (B, C, 4, 4)
        for i, layer in enumerate(self.layers[: 2 * stage + 4]):
            if layer.up:
                before = h  # (B, C, side / 2, side / 2)
            side = 4 * 2 ** (i // 2)
            noise = torch.randn(len(h), 1, side, side, generator=generator).to(h)
            h = layer(h, styles[:, i], noise)  # (B, C', side, side)
        picture = self.to_rgb[stage](h)
        if stage and alpha < 1:
            picture = fade_in(self.to_rgb[stage - 1](before), picture, alpha)
        return picture
