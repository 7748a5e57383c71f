"""An image embedding as a U-Net takes it: told to every block with the time, and as tokens for its pixels to look at.

Both are in DALL-E 2's decoder (Ramesh et al. 2022, section 2.1); the layers and their names are Kandinsky 2.2's.
"""

from __future__ import annotations

from torch import Tensor, nn


class ImageTokens(nn.Module):
    """One vector for a picture -> tokens as wide as a text's.

    Args:
        dim: of the embedding. out_dim: of the tokens. count: how many.
    """

    def __init__(self, dim: int, out_dim: int, count: int):
        super().__init__()
        self.image_embeds = nn.Linear(dim, count * out_dim)
        self.norm = nn.LayerNorm(out_dim)

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, dim) -> (B, count, out_dim)."""
        return self.norm(self.image_embeds(embedding).unflatten(1, (-1, *self.norm.normalized_shape)))


class ImageToTime(nn.Module):
    """One vector for a picture -> one as wide as the time embedding, to be added to it."""

    def __init__(self, dim: int, time_dim: int):
        super().__init__()
        self.image_proj = nn.Linear(dim, time_dim)
        self.image_norm = nn.LayerNorm(time_dim)

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, dim) -> (B, time_dim)."""
        return self.image_norm(self.image_proj(embedding))
