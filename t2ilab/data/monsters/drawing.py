"""Monsters to pictures of any size."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from t2ilab.data.geometry import Point
from t2ilab.data.monsters.bodies import FORMS
from t2ilab.data.monsters.creature import Monster
from t2ilab.data.monsters.faces import face, pattern
from t2ilab.data.monsters.ink import PAPER, Part, cutout, ground, ink, sheet
from t2ilab.data.monsters.limbs import arms, crown, legs, tail
from t2ilab.data.surroundings import backdrop
from t2ilab.data.words import SURROUNDINGS

PAPER_WHITE = "paper"
Box = tuple[float, float, float, float]
REACH = 0.09  # that ink and colour may go beyond a part's edge, in the monster's units
_COARSE = sheet(44) * 1.65  # where to look for how far a part reaches
_CELL = 2 * 1.65 / 44


@dataclass(frozen=True)
class Pose:
    """How and where a monster is drawn, where it is not as it likes.

    Attributes:
        at: where its middle is, in a picture that spans [-1, 1], y down.
        size: its longer side, where 2 fills the picture.
        lean: degrees clockwise.
        gaze: where it looks, within the circle of radius 1; None for where it likes.
        lifts: degrees above the level of its left and its right arm; None for as it likes.
        background: "paper", or a name of the storybook's `SURROUNDINGS`.

    Raises:
        ValueError: another background, or a size that is not above 0.
    """

    at: Point = (0.0, 0.0)
    size: float = 1.8
    lean: float = 0.0
    gaze: Point | None = None
    lifts: tuple[float, float] | None = None
    background: str = PAPER_WHITE

    def __post_init__(self) -> None:
        if self.background not in (known := (PAPER_WHITE, *SURROUNDINGS)):
            raise ValueError(f"A pose's background is {', '.join(known)}; got {self.background!r}.")
        if not self.size > 0:
            raise ValueError(f"A pose's size is above 0; got {self.size}.")


def draw(
    chosen: Sequence[Monster],
    size: int = 64,
    poses: Sequence[Pose] | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draws monsters in ink and flat colour; the same ones are the same pictures for everybody.

    Args:
        chosen: N monsters.
        size: height and width in pixels, at least 16.
        poses: of each; None draws each as it likes to stand, on paper.
        device: where to draw.

    Returns:
        float (N, 3, size, size) in [-1, 1].

    Raises:
        ValueError: no monster, a size below 16, or another number of poses.
    """
    if size < 16:
        raise ValueError(f"A picture needs at least 16 pixels a side to show its monster; got {size}.")
    if not chosen:
        raise ValueError("draw needs at least one monster; got none.")
    poses = [own_pose(monster) for monster in chosen] if poses is None else poses
    if len(poses) != len(chosen):
        raise ValueError(f"Each monster needs one pose, or poses=None; got {len(poses)} for {len(chosen)}.")
    pictures = [_drawn(monster, pose, size, torch.device(device)) for monster, pose in zip(chosen, poses, strict=True)]
    return torch.stack(pictures).clamp(0, 1).permute(0, 3, 1, 2) * 2 - 1


def own_pose(monster: Monster) -> Pose:
    """How a monster likes to stand: in the middle and nearly upright, as large as fits."""
    rng = random.Random(f"pose {monster.chance}")
    return Pose((rng.uniform(-0.04, 0.04), rng.uniform(-0.02, 0.02)), rng.uniform(1.86, 2.0), rng.uniform(-6, 6))


def _parts(monster: Monster, pose: Pose) -> list[Part]:
    """All parts of a monster, from back to front."""
    # Each kind of part has a chance of its own: another crown leaves the body and the face as they were.
    chance = {kind: random.Random(f"{kind} {monster.chance}") for kind in ("body", "arms", "legs", "crown", "pattern")}
    body = FORMS[monster.body](chance["body"])
    spots = pattern(monster, body, chance["pattern"])
    return [
        *tail(monster, body, random.Random(f"tail {monster.chance}")),
        *arms(monster, body, chance["arms"], pose.lifts),
        *legs(monster, body, chance["legs"]),
        *crown(monster, body, chance["crown"]),
        Part(body.form, monster.color, shaded=True, pattern=(spots, monster.accent)),
        *face(monster, body, random.Random(f"face {monster.chance}"), pose.gaze),
    ]


def _drawn(monster: Monster, pose: Pose, size: int, device: torch.device) -> Tensor:
    """One picture (size, size, 3) in [0, 1]."""
    parts = _parts(monster, pose)
    boxes = [_extent(part) for part in parts]
    left, top = (min(box[i] for box in boxes) for i in (0, 1))
    right, bottom = (max(box[i] for box in boxes) for i in (2, 3))
    scale = pose.size / max(right - left, bottom - top)  # of the picture's units, for one of the monster's
    middle, turn = ((left + right) / 2, (top + bottom) / 2), math.radians(pose.lean)

    def window(box: Box) -> tuple[slice, slice]:
        """The rows and columns of the picture that a part may touch."""
        corners = [_turned(x - middle[0], y - middle[1], turn) for x in box[::2] for y in box[1::2]]
        across, down = ([(scale * c[i] + pose.at[i] + 1) / 2 * size for c in corners] for i in (0, 1))
        rows, columns = (slice(max(0, math.floor(min(a)) - 1), max(0, math.ceil(max(a)) + 1)) for a in (down, across))
        return rows, columns

    upright = (sheet(size, device) - torch.tensor(pose.at, device=device)) / scale
    points = torch.stack(_turned(upright[..., 0], upright[..., 1], -turn), dim=-1)
    upright, points = (p + p.new_tensor(middle) for p in (upright, points))
    rng, pixel = random.Random(f"hand {monster.chance} {pose}"), 2 / size / scale
    if pose.background == PAPER_WHITE:
        picture = torch.tensor(PAPER, device=device).expand(size, size, 3)
    else:  # cut out and put there, so that its ink is seen at night too
        picture = cutout(backdrop(pose.background, size, device), points, pixel, parts)
    picture = ground(picture, upright, pixel, (left, right, bottom - 0.12), rng)
    return ink(picture, points, pixel, [(part, window(box)) for part, box in zip(parts, boxes, strict=True)], rng)


def _turned(x: Any, y: Any, angle: float) -> tuple[Any, Any]:
    """A place turned clockwise around (0, 0) by an angle in radians."""
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def _extent(part: Part) -> Box:
    """How far a part with all its ink may reach to the left, to the top, to the right and to the bottom."""
    y, x = (part.form(_COARSE) < REACH + 0.71 * _CELL).nonzero(as_tuple=True)
    axis = _COARSE[0, :, 0]
    low, high = axis - _CELL / 2, axis + _CELL / 2
    return float(low[x.min()]), float(low[y.min()]), float(high[x.max()]), float(high[y.max()])
