"""Canny's edge detector: where a picture changes abruptly, in lines one pixel thin (Canny 1986)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LOW, HIGH = 0.1, 0.2
# Right and down, for each direction in which a picture may change most, an eighth of a turn apart.
AHEAD = ((1, 0), (1, 1), (0, 1), (-1, 1))


def canny(images: Tensor, low: float = LOW, high: float = HIGH) -> Tensor:
    """The edges of pictures, found in the pixels alone.

    Slopes by Sobel's filter, those of the channel that changes most; of each slope only its ridge; and of the ridges
    those that are steep, with whatever less steep ones hang together with them. As in OpenCV's function of this name
    the filter's own smoothing is all; there the thresholds are 100 and 200, which is what `LOW` and `HIGH` are here.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        low, high: thresholds, as the height of a sharp step between 0 (black) and 1 (white).

    Returns:
        bool (B, H, W), True on an edge.

    Raises:
        ValueError: pictures of another shape, or not 0 <= low <= high.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"Pictures must be (B, 3, H, W); got {tuple(images.shape)}. Add a batch axis with images[None]."
        )
    if not 0 <= low <= high:
        raise ValueError(f"Thresholds are 0 <= low <= high; got {low} and {high}. 0.1 and 0.2 are usual.")
    sobel = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8  # a step from -1 to 1 has a slope of 1
    kernels = torch.stack([sobel, sobel.T])[:, None].repeat(3, 1, 1, 1)  # (6, 1, 3, 3)
    wide = F.pad(images, (1, 1, 1, 1), mode="replicate")
    across, down = F.conv2d(wide, kernels, groups=3).unflatten(1, (3, 2)).unbind(2)  # (B, 3, H, W) each
    slope, channel = torch.hypot(across, down).max(1)  # (B, H, W) each
    across, down = (part.gather(1, channel[:, None])[:, 0] for part in (across, down))
    way = (torch.atan2(down, across) * (4 / torch.pi)).round().long() % 4  # of AHEAD

    around = F.pad(slope, (1, 1, 1, 1))
    height, width = slope.shape[-2:]
    ridge = torch.zeros_like(slope, dtype=torch.bool)
    for number, (x, y) in enumerate(AHEAD):
        before, after = (around[:, 1 + d * y :, 1 + d * x :][:, :height, :width] for d in (-1, 1))
        ridge |= (way == number) & (slope > before) & (slope >= after)  # of two alike, one

    weak, edges = ridge & (slope >= low), ridge & (slope >= high)
    while True:
        grown = weak & (F.max_pool2d(edges.float(), 3, 1, 1) > 0)
        if torch.equal(grown, edges):
            return edges
        edges = grown
