"""Where the joints of drawn figures are, read from pixels: the figure is laid over the picture until it fits.

Nothing is known of the pose that was asked for. The reader says where a figure's middle is, about; the figures of this
world do not bend, so that middle, radius and angle say where all joints are: those at which the figure's parts, in
whatever two colours suit best, explain the most of what the pixels show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.maps import JOINT_NAMES, JOINTS
from t2ilab.data.render import FIXED, REACH, distances_of, paints_of
from t2ilab.data.scenes import MOST_THINGS, Scene
from t2ilab.data.things import Paint
from t2ilab.metrics import read
from t2ilab.nets.reader import Reader

RIM = 0.6  # what of a figure lies below it is not looked at: that much hides whoever sits in a boat
WITHIN = 3 * 2 / 64  # three of 64 pixels, in a picture that spans 2
RADII = [0.24 * 1.17**k for k in range(8)]  # up to 0.72
STEPS_ASIDE = [-4 / 64, 0.0, 4 / 64]  # from where the reader sees its middle, across and down: two of 64 pixels
TURNS = [-0.3, 0.0, 0.3]  # radians
COARSE, FINE = 16, 40  # samples of a figure a side: while it is looked for, and while it is fitted
FINALISTS = 6  # of all that are tried
NOISE = 0.003  # a variance of pixels in [0, 1] that need not be explained
TOGETHER = 32  # pictures at a time
OF_MAIN = {Paint.MAIN: 1.0, Paint.DARK: 0.68, Paint.PALE: 0.5}  # how much of the main colour is in a paint


def joints(images: Tensor, asked: Sequence[Scene], reader: Reader | None = None) -> Tensor:
    """Reads where the joints of the figures are that pictures were to show, wherever that is.

    Of the joints that can be seen in the world's own 64x64 pictures, 98% are read within 3 pixels of where they are,
    and as many where these have been through vae-storybook (40 pictures each). It takes about a seventh of a second
    for each figure.

    Args:
        images: (B, 3, H, W) in [-1, 1], square.
        asked: B scenes; of each only which things it has is used.
        reader: sees which figures are there; by default the zoo's.

    Returns:
        (B, 3, J, 2), as `data.maps.poses` gives them: x and y of the joints `JOINT_NAMES` of the things of each scene,
        in its order; the picture spans [-1, 1], y down. nan where a thing has no such joint, and where the reader does
        not see it. A joint that something hides, or that lies outside the picture, is where the figure has it.

    Raises:
        ValueError: not as many scenes as pictures, or pictures of another shape.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3] or len(images) != len(asked):
        raise ValueError(
            f"joints needs square pictures (B, 3, H, W) and a scene for each; got {tuple(images.shape)} and "
            f"{len(asked)} scenes."
        )
    found = torch.full((len(images), MOST_THINGS, len(JOINT_NAMES), 2), math.nan)
    readings = read(images, reader)
    for kind in JOINTS:
        where, middles = [], []
        for i, (scene, reading) in enumerate(zip(asked, readings, strict=True)):
            seen = [one for one in reading.things if one.thing == kind] if reading else []
            slots = [j for j, one in enumerate(scene.chain()) if one.thing == kind]
            for slot, one in zip(slots, seen, strict=False):
                where.append((i, slot))
                middles.append((one.x, one.y))
        for first in range(0, len(where), TOGETHER):
            rows, slots = map(list, zip(*where[first : first + TOGETHER], strict=True))
            near = torch.tensor(middles[first : first + TOGETHER])
            found[rows, slots] = _read(images[rows].float().cpu(), kind, near)
    return found


def joints_met(asked: Tensor, read: Tensor, within: float = WITHIN) -> float:
    """The share of the asked joints that were read near to where they were asked for, in [0, 1]; nan for none.

    Args:
        asked, read: (B, 3, J, 2), as `poses` and `joints` give them; nan where there is none.
        within: in a picture that spans 2; by default 3 of 64 pixels.
    """
    there = ~asked.isnan().any(-1)
    away = (asked - read.to(asked))[there].norm(dim=-1)  # (K,), nan where nothing was read, which is not near
    return (away <= within).float().mean().item()


@torch.no_grad()
def _read(images: Tensor, kind: str, middles: Tensor) -> Tensor:
    """The joints (B, J, 2) of one kind of figure in pictures (B, 3, H, W) in [-1, 1], near to middles (B, 2)."""
    images = torch.nan_to_num(images).clamp(-1, 1) / 2 + 0.5
    half = F.avg_pool2d(images, 2)
    ways = torch.cartesian_prod(*map(torch.tensor, (STEPS_ASIDE, STEPS_ASIDE, RADII, TURNS)))  # (N, 4)
    around = ways + F.pad(middles, (0, 2))[:, None]  # (B, N, 4)
    rough, explained = _fitted(half, kind, _best(around, _explained(half, kind, around, COARSE)), COARSE, (2.0, 1.0))
    fine, explained = _fitted(images, kind, rough, FINE, (1.0, 0.5, 0.25))
    x, y, radius, angle = fine[torch.arange(len(fine)), explained.argmax(1)].unbind(-1)  # (B,) each
    own = torch.tensor(JOINTS[kind])  # (J, 2)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    across = x[:, None] + radius[:, None] * (cos * own[:, 0] - sin * own[:, 1])
    down = y[:, None] + radius[:, None] * (sin * own[:, 0] + cos * own[:, 1])
    return torch.stack([across, down], dim=-1)


def _best(candidates: Tensor, explained: Tensor) -> Tensor:
    """Of candidates (B, N, 4) that explain so much (B, N), the best (B, FINALISTS, 4) that are not all but the same."""
    chosen, rows = [], torch.arange(len(candidates))
    for _ in range(FINALISTS):
        one = candidates[rows, explained.argmax(1)][:, None]  # (B, 1, 4)
        away = (candidates[..., :2] - one[..., :2]).norm(dim=-1)
        same = (away < 0.1) & ((candidates[..., 2] / one[..., 2]).log().abs() < 0.1)
        explained = explained.masked_fill(same, -math.inf)
        chosen.append(one)
    return torch.cat(chosen, dim=1)


def _fitted(
    images: Tensor, kind: str, candidates: Tensor, samples: int, pixels: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Each candidate (B, N, 4) moved, grown and turned, by ever smaller steps in pixels, while that explains more; and
    how much it then explains (B, N)."""
    moves = torch.cat([torch.zeros(1, 4), torch.eye(4), -torch.eye(4)])  # (9, 4), the first stays
    best = candidates
    for step in pixels:
        by = moves * torch.tensor([1.0, 1.0, 0.7, 2.0]) * step * 2 / images.shape[-1]
        for _ in range(3):
            tried = best[:, :, None] + by  # (B, N, 9, 4)
            tried[..., 2].clamp_(min=RADII[0] / 1.2)
            explained, which = _explained(images, kind, tried.flatten(1, 2), samples).unflatten(1, (-1, 9)).max(2)
            best = tried.gather(2, which[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]
    return best, explained


def _explained(images: Tensor, kind: str, candidates: Tensor, samples: int) -> Tensor:
    """How much of what pictures (B, 3, H, W) in [0, 1] show a figure explains at candidates (B, N, 4).

    The share of the variance (B, N) of the pixels that it covers, at most 1, and less by what lies outside the picture.
    Both of its colours, and that of what is behind its edge, are those that explain most.
    """
    points, distances, shares = _figure(kind, samples)
    x, y, radius, angle = candidates[..., None].unbind(2)  # (B, N, 1) each
    cos, sin = radius * angle.cos(), radius * angle.sin()
    spots = torch.stack(
        [x + cos * points[:, 0] - sin * points[:, 1], y + sin * points[:, 0] + cos * points[:, 1]], dim=-1
    )  # (B, N, P, 2)
    seen = F.grid_sample(images, spots, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)  # (B, N, P, 3)
    if (radius == radius[0, 0]).all():
        radius = radius[:1, :1]
    # What a part shows is its cover, where nothing later covers it.
    cover = (0.5 - distances * (radius * images.shape[-1] / 2)[..., None]).clamp(0, 1)  # (B, N, P, L)
    left = (1 - cover).flip(-1).cumprod(-1).flip(-1)
    shown = cover * F.pad(left[..., 1:], (0, 1), value=1.0)
    behind = left[..., :1]  # (B, N, P, 1)
    colors, fixed = (shown @ shares).split([2, 3], dim=-1)
    weight = (4 - 4 * behind).clamp(max=1)
    inside = weight * (spots.abs() < 1).all(-1, keepdim=True)
    design = torch.cat([colors, behind], dim=-1) * inside  # (B, N, P, 3)
    y = inside * (seen - fixed)  # (B, N, P, 3): what is left for the three colours
    gram = design.mT @ design + 1e-4 * torch.eye(3)
    given = design.mT @ y  # (B, N, 3, 3)
    unexplained = y.square().sum((-1, -2)) - (given * torch.linalg.solve(gram, given)).sum((-1, -2))
    square = inside.square()
    total = square.sum(-2)  # (B, N, 1)
    mean = (square * seen).sum(-2) / total.clamp(min=1e-6)
    variance = (square * (seen - mean[..., None, :]).square()).sum((-1, -2))
    share = 1 - unexplained / (variance + NOISE * total[..., 0]).clamp(min=1e-6)
    return share * (inside.sum(-2) / weight.sum(-2))[..., 0]


@cache
def _figure(kind: str, samples: int) -> tuple[Tensor, Tensor, Tensor]:
    """A figure in its own units: points (P, 2), their distances (P, L) to its parts from back to front, and what each
    part's colour is made of (L, 5): so much of the main colour, of the accent, and red, green, blue of its own."""
    axis = (torch.arange(samples) + 0.5) * (2 * REACH / samples) - REACH
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], dim=-1).flatten(0, 1)
    distances = distances_of(kind, points)
    near = (distances < 0.1).any(-1) & (points[:, 1] < RIM)  # whatever lies beyond never shows
    rows = []
    for paint in paints_of(kind)[1:]:  # without the streaks
        own = (0.5,) * 3 if paint == Paint.PALE else FIXED.get(paint, (0.0,) * 3)
        rows.append((OF_MAIN.get(paint, 0.0), float(paint == Paint.ACCENT), *own))
    return points[near], distances[near], torch.tensor(rows)
