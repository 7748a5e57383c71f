"""Holes to be filled: random masks to train a model for inpainting on, and a box over a thing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from t2ilab.data.geometry import box, join, line
from t2ilab.data.render import Drawing

ALL = 0.25  # of the masks cover everything, so that the model also learns to draw from nothing
MARGIN = 0.12  # around a thing; a picture spans 2


def random_holes(count: int, size: int, generator: torch.Generator | None = None) -> Tensor:
    """Masks of several kinds: up to three boxes, thick strokes that bend, both, or everything.

    Boxes and thick polygonal chains are those of LaMa (Suvorov et al. 2022, section 2.3), larger ones the better: thin
    holes are filled from next door, and nothing is learnt. That a quarter covers everything is Stable Diffusion's.

    Args:
        count: how many.
        size: pixels a side.
        generator: of all chance.

    Returns:
        float (count, 1, size, size): 1 where there is to be filled, at least somewhere, and 0 elsewhere.

    Raises:
        ValueError: no mask, or fewer than 8 pixels a side, where a hole may miss the middle of each.
    """
    if count < 1 or size < 8:
        raise ValueError(f"Holes come in at least one mask of at least 8 pixels a side; got {count} of {size}.")
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], dim=-1)
    return torch.stack([_hole(points, generator) for _ in range(count)])[:, None]


def _hole(points: Tensor, generator: torch.Generator | None) -> Tensor:
    """One mask (H, W) for pixels whose middles are points (H, W, 2)."""
    kind = torch.rand((), generator=generator).item()
    if kind < ALL:
        return torch.ones(points.shape[:-1])
    u = torch.rand(24, generator=generator).tolist()
    forms = []
    if kind < 0.7:  # boxes
        for k in range(1 + int(3 * u[0])):
            width, height, left, top = u[1 + 4 * k : 5 + 4 * k]
            forms.append(box(points, 0.2 + 0.5 * width, 0.2 + 0.5 * height, (1.6 * left - 0.8, 1.6 * top - 0.8)))
    if kind >= 0.6:  # strokes
        at, angle = (1.6 * u[13] - 0.8, 1.6 * u[14] - 0.8), 2 * math.pi * u[15]
        stops = [at]
        for k in range(2 + int(3 * u[16])):
            angle += 2.4 * (u[17 + k] - 0.5)
            at = (at[0] + 0.6 * math.cos(angle), at[1] + 0.6 * math.sin(angle))
            stops.append(at)
        forms.append(line(points, stops, 0.12 + 0.2 * u[23]))
    return (join(*forms) <= 0).float()


def holes_over_things(drawing: Drawing) -> Tensor:
    """A box over all things of each picture, and a little more: float (B, 1, H, W), 1 inside.

    The picture's border is kept, so that some of it always is.
    """
    there = drawing.masks.sum(1) > 0.1  # (B, H, W)
    size = there.shape[-1]
    margin, border = round(MARGIN / 2 * size), max(1, size // 32)
    holes = torch.zeros(there.shape, device=there.device)
    for hole, mask in zip(holes, there, strict=True):
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        if len(rows):
            top, left = (max(border, int(at[0]) - margin) for at in (rows, columns))
            bottom, right = (min(size - border, int(at[-1]) + margin + 1) for at in (rows, columns))
            hole[top:bottom, left:right] = 1
    return holes[:, None]
