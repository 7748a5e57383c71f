"""A GAN with self-attention and spectral normalisation, whose judge asks in the end how well picture and labels agree.

Zhang et al. 2019 (2018 as a preprint), "Self-Attention Generative Adversarial Networks"; the normalisation is that of
Miyato et al. 2018, the judge's last step that of Miyato & Koyama 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.gan.labels import LabelEmbedding

# Of the judge's leaky ReLUs. The paper's are plain; here, where few steps are large, all of those died at once.
SLOPE = 0.2


@dataclass(frozen=True)
class AttentionConfig(Config):
    """What a GAN with self-attention looks like.

    Args:
        values: how many values each label of a picture has; by default those of the `shapes` level.
        latent_dim: width of the noise.
        width: channels of every map, a multiple of 8.
        size: of the pictures, in pixels a side: 16, 32 or 64.
        attention_size: the side of the maps whose places look at each other, from 8 to half of the size.

    Raises:
        ValueError: counts below 1, no label, a width or a size that does not fit.
    """

    what: ClassVar[str] = "A GAN with self-attention"

    values: tuple[int, ...] = (8, 8, 2, 9, 2)
    latent_dim: int = 32
    width: int = 64
    size: int = 32
    attention_size: int = 16

    def __post_init__(self) -> None:
        self.check_numbers()
        if self.size not in (16, 32, 64) or self.width % 8 or not self.values:
            raise ValueError(
                "A GAN with self-attention needs labels, a size of 16, 32 or 64 and a width that is a multiple of 8; "
                f"got {self.values}, {self.size} and {self.width}."
            )
        if self.attention_size not in self.sizes[1:-1]:
            raise ValueError(f"attention_size must be one of {self.sizes[1:-1]}; got {self.attention_size}.")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sides of the maps, from 4 pixels to the picture's own."""
        return tuple(4 * 2**level for level in range(self.size.bit_length() - 2))


def largest_singular(weight: Tensor, u: Tensor, iterations: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """The largest singular value of a weight by power iteration (Miyato et al. 2018, algorithm 1).

    Args:
        weight: (rows, ...), read as a matrix with a row for each output; its gradient passes through sigma alone.
        u: (rows,), a guess of the left singular vector.
        iterations: at least 1.

    Returns:
        sigma, and better guesses of the left and of the right singular vector.
    """
    matrix = weight.flatten(1)  # (rows, columns)
    with torch.no_grad():
        for _ in range(iterations):
            v = F.normalize(matrix.mT @ u, dim=0)  # (columns,)
            u = F.normalize(matrix @ v, dim=0)  # (rows,)
    return u @ (matrix @ v), u, v


class Spectral(nn.Module):
    """A layer whose weight is divided by its largest singular value, so that it lengthens no difference.

    Each pass in training makes the guess of the singular vector better by one iteration, as the weight changes slowly.

    Args:
        layer: a linear layer, a convolution or an embedding.
    """

    u: Tensor

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer
        rows = len(self.raw)
        self.register_buffer("u", F.normalize(torch.randn(rows), dim=0))

    @property
    def raw(self) -> Tensor:
        """The weight as it is trained, before it is divided."""
        weight = self.layer.weight
        assert isinstance(weight, Tensor)
        return weight

    def weight(self) -> Tensor:
        """The weight divided by its largest singular value."""
        sigma, u, _ = largest_singular(self.raw, self.u)
        if self.training:
            self.u.copy_(u)
        return self.raw / sigma

    def forward(self, x: Tensor) -> Tensor:
        """As the layer would, with the divided weight."""
        return torch.func.functional_call(self.layer, {"weight": self.weight()}, (x,))


def conv(in_channels: int, out_channels: int, size: int = 3) -> Spectral:
    """A convolution that keeps height and width, spectrally normalised."""
    return Spectral(nn.Conv2d(in_channels, out_channels, size, padding=size // 2))


class SelfAttention(nn.Module):
    """Each place of a map looks at all others (Zhang et al. 2019, on self-attention); at first it adds nothing.

    Args:
        channels: of the map, a multiple of 8.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.to_q = conv(channels, channels // 8, 1)
        self.to_k = conv(channels, channels // 8, 1)
        self.to_v = conv(channels, channels // 2, 1)
        self.to_out = conv(channels // 2, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        q, k, v = (to(x).flatten(2).mT for to in (self.to_q, self.to_k, self.to_v))  # (B, H * W, C/8 or C/2)
        seen = (q @ k.mT).softmax(-1)  # (B, H * W, H * W): how much each place takes from each
        o = (seen @ v).mT.unflatten(2, x.shape[2:])  # (B, C/2, H, W)
        return x + self.gamma * self.to_out(o)


class LabelledNorm(nn.Module):
    """A batch norm whose scale and shift the labels choose."""

    def __init__(self, channels: int, values: tuple[int, ...]):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.told = LabelEmbedding(values, 2 * channels)
        nn.init.normal_(self.told.table.weight, std=0.1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(B, C, H, W) and labels (B, L) -> (B, C, H, W)."""
        scale, shift = self.told(labels)[:, :, None, None].chunk(2, dim=1)  # (B, C, 1, 1) each
        return self.norm(x) * (1 + scale) + shift


class UpBlock(nn.Module):
    """Norm, ReLU, twice the size, conv; once more without the size; plus what came in."""

    def __init__(self, channels: int, values: tuple[int, ...]):
        super().__init__()
        self.norm1, self.norm2 = LabelledNorm(channels, values), LabelledNorm(channels, values)
        self.conv1, self.conv2 = conv(channels, channels), conv(channels, channels)
        self.skip = conv(channels, channels, 1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(B, C, H, W) and labels (B, L) -> (B, C, 2H, 2W)."""
        h = F.interpolate(F.relu(self.norm1(x, labels)), scale_factor=2, mode="nearest")  # (B, C, 2H, 2W)
        h = self.conv2(F.relu(self.norm2(self.conv1(h), labels)))
        return h + F.interpolate(self.skip(x), scale_factor=2, mode="nearest")


class DownBlock(nn.Module):
    """Leaky ReLU, conv, leaky ReLU, conv, half the size; plus what came in."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1, self.conv2 = conv(in_channels, out_channels), conv(out_channels, out_channels)
        self.skip = conv(in_channels, out_channels, 1)
        self.first = in_channels == 3  # the picture itself: what is dark is not to be made faint

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/2, W/2)."""
        h = self.conv1(x if self.first else F.leaky_relu(x, SLOPE))
        h = F.avg_pool2d(self.conv2(F.leaky_relu(h, SLOPE)), 2)  # (B, C', H/2, W/2)
        return h + self.skip(F.avg_pool2d(x, 2))


class AttentionGenerator(nn.Module):
    """Noise and labels into a picture, with a look over the whole map on the way."""

    configuration: ClassVar[type[AttentionConfig]] = AttentionConfig

    def __init__(self, config: AttentionConfig):
        super().__init__()
        self.config = config
        self.linear = Spectral(nn.Linear(config.latent_dim, 16 * config.width))
        self.blocks = nn.ModuleList(UpBlock(config.width, config.values) for _ in config.sizes[1:])
        self.attention = SelfAttention(config.width)
        self.norm_out = nn.BatchNorm2d(config.width)
        self.conv_out = conv(config.width, 3)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z (B, latent_dim), standard normal, and labels int64 (B, L) -> pictures (B, 3, size, size) in [-1, 1]."""
        h = self.linear(z).unflatten(1, (-1, 4, 4))  # (B, C, 4, 4)
        for block in self.blocks:
            h = block(h, labels)  # (B, C, 2H, 2W)
            if h.shape[-1] == self.config.attention_size:
                h = self.attention(h)
        return self.conv_out(F.relu(self.norm_out(h))).tanh()


class AttentionDiscriminator(nn.Module):
    """A picture and labels into one number: how real the picture is, plus how well it agrees with each label."""

    def __init__(self, config: AttentionConfig):
        super().__init__()
        self.config = config
        blocks = len(config.sizes) - 1
        self.blocks = nn.ModuleList(DownBlock(config.width if i else 3, config.width) for i in range(blocks))
        self.attention = SelfAttention(config.width)
        self.real = Spectral(nn.Linear(config.width, 1))
        self.agree = LabelEmbedding(config.values, config.width)
        # As torch draws it, this one table drowns all else at first, and the judge learns to say nothing.
        nn.init.normal_(self.agree.table.weight, std=0.02)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Pictures (B, 3, size, size) in [-1, 1] and labels int64 (B, L) -> (B,), above 0 for real."""
        h = images
        for block in self.blocks:
            h = block(h)  # (B, C, H/2, W/2)
            if h.shape[-1] == self.config.attention_size:
                h = self.attention(h)
        features = F.leaky_relu(h, SLOPE).sum((2, 3))  # (B, C)
        return self.real(features)[:, 0] + (self.agree(labels) * features).sum(1)
