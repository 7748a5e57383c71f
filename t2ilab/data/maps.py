"""What is where in a drawing, as a ControlNet takes it: classes, scribbles and poses, of the very same pixels.

Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models" (2023), condition on such segmentations,
scribbles and OpenPose skeletons; here they come with the drawing and need no detector.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from t2ilab.data.geometry import disc, line
from t2ilab.data.render import Drawing
from t2ilab.data.scenes import Scene
from t2ilab.data.words import SURROUNDINGS, THINGS

CLASSES = (*SURROUNDINGS, *THINGS)  # a class's number in a semantic map is its place here
JOINT_NAMES = (
    "head",
    "neck",
    "right shoulder",  # the figure's own right, which is on our left
    "right hand",
    "left shoulder",
    "left hand",
    "waist",
    "right foot",
    "left foot",
)
Point = tuple[float, float]


def _figure(head: Point, neck: Point, shoulder: Point, hand: Point, waist: Point, foot: Point | None) -> list[Point]:
    """The joints of a figure that is the same on both sides, from those of its left; x to the right, y down."""
    nowhere = (math.nan, math.nan)
    sides = [[(-p[0], p[1]), p] if p else [nowhere, nowhere] for p in (shoulder, hand, foot)]
    return [head, neck, sides[0][0], sides[1][0], sides[0][1], sides[1][1], waist, *sides[2]]


# Where the joints are in a thing's own units, as things/people.py draws it in the circle of radius 1.
JOINTS = {
    "robot": _figure((0, -0.50), (0, -0.14), (0.46, -0.02), (0.72, 0.42), (0, 0.54), (0.25, 0.92)),
    "astronaut": _figure((0, -0.46), (0, -0.02), (0.34, 0.02), (0.70, 0.42), (0, 0.46), (0.30, 0.88)),
    "chef": _figure((0, -0.30), (0, 0.10), (0.34, 0.25), (0.72, 0.56), (0, 0.84), None),
    "jizo": _figure((0, -0.48), (0, -0.06), (0.34, 0.18), (0.10, 0.58), (0, 0.82), None),
    "snowman": _figure((0, -0.34), (0, -0.02), (0.38, 0.26), (0.86, -0.07), (0, 0.44), None),
}
# The joints that a limb joins, each limb in a colour of its own, in OpenPose's manner.
LIMBS = {
    "neck-head": (1, 0),
    "right shoulder": (1, 2),
    "right arm": (2, 3),
    "left shoulder": (1, 4),
    "left arm": (4, 5),
    "back": (1, 6),
    "right leg": (6, 7),
    "left leg": (6, 8),
}


def semantic_map(drawing: Drawing, scenes: Sequence[Scene]) -> Tensor:
    """What each pixel shows most of: the class of a thing, or else that of the surroundings.

    Args:
        drawing: of B scenes.
        scenes: the same B scenes.

    Returns:
        int64 (B, H, W), numbers of `CLASSES`. A thing has a pixel that it shares half and half with the surroundings.

    Raises:
        ValueError: another number of scenes.
    """
    _require_same(drawing, scenes)
    masks = drawing.masks
    rest = 1 - masks.sum(1, keepdim=True)
    most = torch.cat([masks, rest], dim=1).argmax(1)  # (B, H, W)
    numbers = torch.zeros(len(scenes), masks.shape[1] + 1, dtype=torch.int64, device=masks.device)
    for i, scene in enumerate(scenes):
        for j, one in enumerate(scene.chain()):
            numbers[i, j] = CLASSES.index(str(one.thing))
        numbers[i, -1] = CLASSES.index(str(scene.background))
    return numbers.gather(1, most.flatten(1)).view_as(most)


def scribble(drawing: Drawing) -> Tensor:
    """The edges of the things and of their parts as thin white lines on black: (B, 1, H, W) in [-1, 1]."""
    return drawing.edges[:, None] * 2 - 1


def poses(drawing: Drawing, scenes: Sequence[Scene]) -> Tensor:
    """Where the joints of the figures are that can be seen.

    Args:
        drawing: of B scenes.
        scenes: the same B scenes.

    Returns:
        (B, 3, J, 2): x and y of the joints `JOINT_NAMES` of the things of each scene, in its order. The picture
        spans [-1, 1], y down. nan where a thing has no such joint, where it is hidden, and outside the picture.

    Raises:
        ValueError: another number of scenes.
    """
    _require_same(drawing, scenes)
    masks = drawing.masks
    own = torch.full((*masks.shape[:2], len(JOINT_NAMES), 2), torch.nan)
    for i, scene in enumerate(scenes):
        for j, one in enumerate(scene.chain()):
            if one.thing in JOINTS:
                own[i, j] = torch.tensor(JOINTS[one.thing])
    own = own.to(masks.device)
    x, y, radius, angle = drawing.placed.to(masks.device)[..., None].unbind(2)  # (B, 3, 1) each
    cos, sin = angle.cos(), angle.sin()
    across = x + radius * (cos * own[..., 0] - sin * own[..., 1])
    down = y + radius * (sin * own[..., 0] + cos * own[..., 1])
    joints = torch.stack([across, down], dim=-1)  # (B, 3, J, 2)
    size = masks.shape[-1]
    pixel = ((joints + 1) * (size / 2)).floor()
    inside = ((pixel >= 0) & (pixel < size)).all(-1)  # false for nan
    column, row = pixel.nan_to_num().clamp(0, size - 1).long().unbind(-1)  # (B, 3, J) each
    shown = masks.flatten(2).gather(2, row * size + column)
    return torch.where((inside & (shown > 0.3))[..., None], joints, torch.nan)


def pose_picture(joints: Tensor, size: int) -> Tensor:
    """Draws poses as limbs and joints, each in its own colour, on black.

    Args:
        joints: (B, 3, J, 2), as `poses` gives them.
        size: height and width in pixels.

    Returns:
        (B, 3, size, size) in [-1, 1].

    Raises:
        ValueError: joints of another shape, or a size below 16.
    """
    if joints.ndim != 4 or joints.shape[2:] != (len(JOINT_NAMES), 2):
        raise ValueError(f"Poses must be (B, things, {len(JOINT_NAMES)}, 2); got {tuple(joints.shape)}. See poses().")
    if size < 16:
        raise ValueError(f"A picture needs at least 16 pixels a side to show a pose; got {size}.")
    axis = (torch.arange(size, device=joints.device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], dim=-1)
    thick = max(0.022, 1.2 / size)  # half of a limb's thickness
    limbs = list(LIMBS.values())
    pictures = joints.new_zeros(len(joints), size, size, 3)
    for picture, things in zip(pictures, joints.tolist(), strict=True):
        for thing in things:
            there = [not math.isnan(across) for across, _ in thing]
            for k, (a, b) in enumerate(limbs):
                if there[a] and there[b]:
                    _paint(picture, line(points, [thing[a], thing[b]], thick), _hue(k, len(limbs), 0.65))
            for k, joint in enumerate(thing):
                if there[k]:
                    _paint(picture, disc(points, 1.5 * thick, joint), _hue(k, len(thing), 1.0))
    return pictures.permute(0, 3, 1, 2) * 2 - 1


def colored(semantic: Tensor) -> Tensor:
    """A semantic map (B, H, W) for people to look at, a colour for each class: (B, 3, H, W) in [-1, 1]."""
    return (torch.tensor(PALETTE, device=semantic.device)[semantic].float() / 127.5 - 1).permute(0, 3, 1, 2)


# Each map as a picture (B, 3, H, W) in [-1, 1] for people to look at.
MAPS: dict[str, Callable[[Drawing, Sequence[Scene]], Tensor]] = {
    "semantic": lambda drawing, scenes: colored(semantic_map(drawing, scenes)),
    "scribble": lambda drawing, scenes: scribble(drawing).expand(-1, 3, -1, -1),
    "pose": lambda drawing, scenes: pose_picture(poses(drawing, scenes), drawing.image.shape[-1]),
}


def _palette() -> list[tuple[int, int, int]]:
    """Red, green, blue of each class in 0 to 255: dull for surroundings, for things hues a golden section apart."""
    colors = []
    for k, name in enumerate(CLASSES):
        hue, saturation = 0.618034 * k % 1, (0.35, 0.95, 0.65)[k % 3]
        pale = name in SURROUNDINGS
        r, g, b = (
            colorsys.hsv_to_rgb(hue, 0.25, 0.45 + 0.07 * k) if pale else colorsys.hsv_to_rgb(hue, saturation, 0.95)
        )
        colors.append((round(255 * r), round(255 * g), round(255 * b)))
    return colors


PALETTE = _palette()


def _hue(k: int, count: int, value: float) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(k / count, 1.0, value)


def _paint(picture: Tensor, distance: Tensor, color: tuple[float, float, float]) -> None:
    """Lays a form of one colour over a picture (H, W, 3) in [0, 1]."""
    cover = (0.5 - distance * len(picture) / 2).clamp(0, 1)[..., None]
    picture += cover * (picture.new_tensor(color) - picture)


def _require_same(drawing: Drawing, scenes: Sequence[Scene]) -> None:
    if len(drawing.image) != len(scenes):
        raise ValueError(f"A drawing goes with its scenes; got {len(drawing.image)} pictures and {len(scenes)} scenes.")
