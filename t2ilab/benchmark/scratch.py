"""A training step as many a from-scratch repository has it, written here to compare with: 32x32 pictures from words.

What is plain about it, and otherwise in the recipes: its convolutions run at the full resolution (ours fold 2x2 pixels
into channels first), attention stands at every lower level, the words reach it as one vector added to the time's, all
is float32 in torch's default layout, AdamW takes its steps one parameter after the other, and the average of the
weights is kept by a loop over them. The data are the same.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoubleConv(nn.Module):
    """Twice convolution and norm, as U-Nets of segmentation have it, told the time in between."""

    def __init__(self, c_in: int, c_out: int, time_dim: int):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(c_in, c_out, 3, padding=1), nn.GroupNorm(8, c_out)
        self.conv2, self.norm2 = nn.Conv2d(c_out, c_out, 3, padding=1), nn.GroupNorm(8, c_out)
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, c_out))

    def forward(self, x: Tensor, temb: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H, W)."""
        h = F.gelu(self.norm1(self.conv1(x))) + self.time(temb)[:, :, None, None]
        return F.gelu(self.norm2(self.conv2(h)))


class SelfAttention(nn.Module):
    """All pixels look at each other, by torch's own layer."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm, self.attend = nn.LayerNorm(channels), nn.MultiheadAttention(channels, 4, batch_first=True)
        self.think = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels), nn.GELU(),
                                   nn.Linear(channels, channels))  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        tokens = x.flatten(2).swapaxes(1, 2)
        normed = self.norm(tokens)
        tokens = tokens + self.attend(normed, normed, normed)[0]
        return (tokens + self.think(tokens)).swapaxes(1, 2).view_as(x)


class PlainUNet(nn.Module):
    """The U-Net of such a repository, for 32x32 pictures in colour."""

    def __init__(self, words: int, base: int = 56, time_dim: int = 128):
        super().__init__()
        a, b, c = base, 2 * base, 2 * base
        self.time_dim = time_dim
        self.words = nn.Embedding(words, time_dim)
        self.inside = DoubleConv(3, a, time_dim)
        self.down1, self.look1 = DoubleConv(a, b, time_dim), SelfAttention(b)
        self.down2, self.look2 = DoubleConv(b, c, time_dim), SelfAttention(c)
        self.up1, self.look3 = DoubleConv(c + b, b, time_dim), SelfAttention(b)
        self.up2 = DoubleConv(b + a, a, time_dim)
        self.out = nn.Conv2d(a, 3, 1)

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """x (B, 3, 32, 32), t (B,), ids (B, L) -> the noise (B, 3, 32, 32)."""
        rates = torch.exp(-math.log(10_000) * torch.arange(0, self.time_dim, 2) / self.time_dim).to(x.device)
        angles = t[:, None] * rates
        temb = torch.cat([angles.sin(), angles.cos()], dim=-1) + self.words(ids).mean(dim=1)
        x1 = self.inside(x, temb)
        x2 = self.look1(self.down1(F.max_pool2d(x1, 2), temb))
        x3 = self.look2(self.down2(F.max_pool2d(x2, 2), temb))
        h = F.interpolate(x3, scale_factor=2, mode="bilinear", align_corners=True)
        h = self.look3(self.up1(torch.cat([x2, h], dim=1), temb))
        h = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=True)
        return self.out(self.up2(torch.cat([x1, h], dim=1), temb))


class PlainTraining:
    """Its loop: noise of a linear schedule is to be found, by AdamW, and the weights are averaged."""

    def __init__(self, words: int, device: torch.device):
        self.device = device
        self.model = PlainUNet(words).to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-4)
        self.alpha_hat = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), dim=0).to(device)

    def step(self, x0: Tensor, ids: Tensor) -> Tensor:
        """One update on pictures (B, 3, 32, 32) and token ids (B, L); gives the loss."""
        x0, ids = x0.to(self.device), ids.to(self.device)
        t = torch.randint(0, 1000, (len(x0),), device=self.device)
        noise, kept = torch.randn_like(x0), self.alpha_hat[t][:, None, None, None]
        x_t = torch.sqrt(kept) * x0 + torch.sqrt(1 - kept) * noise
        loss = F.mse_loss(noise, self.model(x_t, t, ids))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        for mine, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mine.data = 0.995 * mine.data + 0.005 * theirs.data
        return loss.detach()
