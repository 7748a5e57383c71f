"""Scenes to pictures of any size, in batches, with smooth edges, and the masks of their things."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.geometry import join, line
from t2ilab.data.layout import Placed, layout
from t2ilab.data.scenes import MOST_THINGS, Scene
from t2ilab.data.surroundings import backdrop
from t2ilab.data.things import DRAWN, SHAPES, Paint
from t2ilab.data.words import COLORS, PLAIN, SHAPES_LEVEL, USUAL

# Red, green, blue in [0, 1]. Neighbouring hues differ in lightness too, for eyes that tell them apart by nothing else.
PAINT = {
    "red": (0.86, 0.12, 0.14),
    "orange": (1.00, 0.55, 0.10),
    "yellow": (0.98, 0.83, 0.08),
    "green": (0.10, 0.56, 0.22),
    "light blue": (0.38, 0.80, 0.95),
    "blue": (0.20, 0.42, 0.96),
    "purple": (0.50, 0.17, 0.70),
    "pink": (0.99, 0.55, 0.76),
    "grey": (0.55, 0.56, 0.58),
    "brown": (0.40, 0.22, 0.12),
    "white": (0.97, 0.97, 0.97),
}
FIXED = {
    Paint.INK: (0.12, 0.10, 0.14),
    Paint.WHITE: (0.97, 0.97, 0.97),
    Paint.SKIN: (0.96, 0.78, 0.62),
    Paint.WOOD: (0.48, 0.28, 0.14),
    Paint.GREY: (0.55, 0.56, 0.58),
    Paint.GOLD: (0.98, 0.75, 0.15),
    Paint.GREEN: (0.15, 0.60, 0.25),
    Paint.ROSE: (0.95, 0.45, 0.50),
    Paint.GLASS: (0.70, 0.90, 1.00),
}
OUTLINE = 0.07  # of a thing's radius: a drawn thing has a dark line around it, so that it stands out anywhere
FAR = 9.0  # a distance that no edge is near to
LARGEST_BAKED = 64  # pixels a side; larger pictures ask every distance function at every pixel
REACH = 1.25  # how far a thing goes from its middle, to either side and with its outline, in its radius
STREAKS = 2.1  # the same where it leaves streaks behind
GRID = 128  # samples a side of a baked thing


@dataclass(frozen=True)
class Drawing:
    """A batch of pictures and what is where in them, which agree pixel by pixel.

    Attributes:
        image: (B, 3, H, W) in [-1, 1].
        masks: (B, 3, H, W) in [0, 1]: how much of each pixel shows the first, second and third thing of the scene.
        edges: (B, H, W) in [0, 1]: how much of each pixel lies on a thin line along the edge of a part, once for each
            edge: max(1.25, H / 96) pixels wide.
        placed: (B, 3, 4): x, y, radius and angle (clockwise, radians) of each thing, nan where there is none. The
            picture spans [-1, 1], y down.
    """

    image: Tensor
    masks: Tensor
    edges: Tensor
    placed: Tensor


def render(
    scenes: Sequence[Scene],
    size: int = 32,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draws full scenes.

    Args:
        scenes: B scenes with every attribute given, as `complete` makes them.
        size: height and width in pixels, at least 16.
        generator: draws the small differences between two pictures of one scene (place, size, turn, shade); None
            draws each scene in its plainest form. A CPU generator, so that a seed means the same on every device.
        device: where to draw.

    Returns:
        float (B, 3, size, size) in [-1, 1].

    Raises:
        ValueError: no scene, a scene with something left open, or a size below 16.
    """
    return render_placed(scenes, size, generator, device)[0]


def render_placed(
    scenes: Sequence[Scene],
    size: int = 32,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """As `render`, and where the things are: (B, 3, 4), as `Drawing.placed` has it, on the CPU."""
    picture, placed, _ = _draw(scenes, size, generator, torch.device(device))
    return _finished(picture), placed


def draw(
    scenes: Sequence[Scene],
    size: int = 32,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Drawing:
    """As `render`, with the masks and the edges of the same pictures."""
    picture, placed, objects = _draw(scenes, size, generator, torch.device(device))
    masks = picture.new_zeros(len(scenes), MOST_THINGS, size * size)
    edges = picture.new_zeros(len(scenes), size * size)
    half = max(1.25, size / 96) / 2
    for row, slot, at, pixels in objects:  # from back to front
        cover = (0.5 - pixels).clamp(0, 1)
        # What a part shows is its cover, where nothing later covers it.
        hidden = (1 - cover).flip(-1).cumprod(-1).flip(-1)[:, 1:]
        left = torch.cat([hidden, torch.ones_like(cover[:, :1])], dim=-1)
        whole = (cover * left).sum(-1)
        masks[row, :, at] *= 1 - whole
        masks[row, slot, at] = whole
        lines = (half + 0.5 - pixels.abs()).clamp(0, 1) * left
        lines[:, 1] = 0  # the outline runs along the edges of the parts that it surrounds
        edges[row, at] = torch.maximum(edges[row, at] * (1 - whole), lines.amax(-1))
    masks, edges = masks.unflatten(-1, (size, size)), edges.unflatten(-1, (size, size))
    return Drawing(_finished(picture), masks, edges, placed)


def _finished(picture: Tensor) -> Tensor:
    return picture.clamp(0, 1).permute(0, 3, 1, 2) * 2 - 1


def _draw(
    scenes: Sequence[Scene], size: int, generator: torch.Generator | None, device: torch.device
) -> tuple[Tensor, Tensor, Iterator[tuple[int, int, Tensor, Tensor]]]:
    """The pictures (B, H, W, 3) in [0, 1]; where their things are (B, 3, 4); and for each thing, from back to front:
    the row of its picture, its place in the scene's chain, which pixels it may touch (P,), counted row by row, and how
    far from each of them the edge of each of its parts is, in pixels (P, L)."""
    if size < 16:
        raise ValueError(f"A picture needs at least 16 pixels a side to show its shape; got {size}.")
    if not scenes:
        raise ValueError("render needs at least one scene; got none.")
    for scene in scenes:
        _require_full(scene)
    plans = [layout(scene) for scene in scenes]
    # All things, those in the back of each picture first.
    where = [(i, plan[depth]) for depth in range(MOST_THINGS) for i, plan in enumerate(plans) if len(plan) > depth]
    rows, things = [i for i, _ in where], [one for _, one in where]
    # One row of numbers a thing: made on the CPU, so that every device draws the same pictures.
    jitter = torch.zeros(len(things), 8)
    if generator is not None:
        jitter = torch.rand(len(things), 8, generator=generator) * 2 - 1
    ground = torch.stack([backdrop(str(s.background), size, device) for s in scenes])  # (B, H, W, 3)
    picture = ground + 0.03 * jitter[: len(scenes), None, None, 5:8].to(device)
    geometry = torch.tensor([(one.x, one.y, one.radius, one.angle) for one in things])
    # A little elsewhere, larger or smaller, and turned by up to 8 degrees: a square never becomes a diamond.
    geometry[:, :2] += 0.05 * jitter[:, :2]
    geometry[:, 2] *= 1 + 0.08 * jitter[:, 2]
    geometry[:, 3] += 0.14 * jitter[:, 3]
    plain = [scenes[i].background in PLAIN for i in rows]
    thing, pixels, at = _distances(things, plain, geometry.to(device), size)  # (P,), (P, L), (P,)
    paints = _colors(things, 1 + 0.06 * jitter[:, 4], pixels.shape[-1]).to(device).unbind(1)  # L times (N, 3)
    counts = torch.bincount(thing, minlength=len(things)).tolist()
    canvas = picture.view(-1, 3)
    done = first = 0
    for depth in range(MOST_THINGS):
        here = sum(len(plan) > depth for plan in plans)
        last = first + sum(counts[done : done + here])
        one, done = thing[first:last], done + here
        spots = torch.tensor(rows, device=device)[one] * size**2 + at[first:last]
        colors = canvas[spots]  # (P', 3)
        for paint, cover in zip(paints, (0.5 - pixels[first:last]).clamp_(0, 1).split(1, dim=-1), strict=True):
            colors.lerp_(F.embedding(one, paint), cover)
        canvas[spots] = colors
        first = last
    chains = [[one.thing for one in scene.chain()] for scene in scenes]
    slots = [chains[i].index(one.scene.thing) for i, one in where]
    placed = torch.full((len(scenes), MOST_THINGS, 4), torch.nan)
    placed[rows, slots] = geometry
    return picture, placed, zip(rows, slots, at.split(counts), pixels.split(counts), strict=True)


def _require_full(scene: Scene) -> None:
    for i, one in enumerate(scene.chain()):
        needed = [a for a in SHAPES_LEVEL if (a != "background" or i == 0) and (a != "place" or scene.other is None)]
        needed += ["accent"] if one.thing in USUAL else []
        if missing := [a for a in needed if getattr(one, a) is None]:
            raise ValueError(f"A scene must be full to be drawn; {', '.join(missing)} left open. See complete().")


def _distances(things: list[Placed], plain: list[bool], geometry: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """How far the pixels that a thing may touch are from each of its parts: whose pixel it is (P,), thing after thing;
    signed distances in pixels (P, L), streaks, outline, parts from back to front; and which pixel it is (P,)."""
    names = [str(one.scene.thing) for one in things]
    x, y, radius, angle = geometry.unbind(1)  # (N,) each
    reach = geometry.new_tensor([STREAKS if one.heading is not None else REACH for one in things]) * radius + 2.5 / size
    axis = (torch.arange(size, device=geometry.device) + 0.5) * (2 / size) - 1
    across, down = axis - x[:, None], axis - y[:, None]  # (N, W) and (N, H)
    near = (down.abs() < reach[:, None])[:, :, None] & (across.abs() < reach[:, None])[:, None]
    thing, v, u = near.nonzero(as_tuple=True)  # (P,) each
    across, down = across[thing, u] / radius[thing], down[thing, v] / radius[thing]
    cos, sin = angle.cos()[thing], angle.sin()[thing]
    points = torch.stack([cos * across + sin * down, cos * down - sin * across], dim=-1)  # (P, 2)
    layers = max(len(paints_of(name)) for name in names)
    distance = points.new_full((len(points), layers), FAR)
    if size <= LARGEST_BAKED and any(name in DRAWN for name in names):
        kinds = torch.tensor([_ORDER.get(name, -1) for name in names], device=points.device)[thing]
        drawn = (kinds >= 0).nonzero()[:, 0]
        distance[drawn, 1:] = _sampled(points[drawn], kinds[drawn])[:, : layers - 1]
    for name in {name for name in names if name in SHAPES or size > LARGEST_BAKED}:
        same = torch.tensor([other == name for other in names], device=points.device)[thing]
        parts = distances_of(name, points[same])
        distance[same, 1 : 1 + parts.shape[-1]] = parts
    ends = torch.bincount(thing, minlength=len(things)).cumsum(0).tolist()
    for i, (start, end, one) in enumerate(zip([0, *ends], ends, things, strict=False)):
        mine = slice(start, end)
        if one.heading is not None:
            distance[mine, 0] = _streaks(points[mine], one.heading - one.angle)
        if one.scene.thing in SHAPES and plain[i] and one.scene.color in COLORS:
            distance[mine, 1] = FAR  # the `shapes` level has no outlines; a white shape on a light ground needs one
        if one.rim is not None:
            hidden = (axis[v[mine]] - one.rim) / one.radius
            distance[mine] = torch.maximum(distance[mine], hidden[:, None])
    return thing, distance * (radius[thing, None] * (size / 2)), v * size + u


def distances_of(name: str, points: Tensor) -> Tensor:
    """Distances (..., L) of a thing's parts from back to front, its outline first."""
    if name in SHAPES:
        whole = SHAPES[name](points)
        return torch.stack([whole - OUTLINE, whole], dim=-1)
    figure = DRAWN[name](points)
    outline = join(*[distance for paint, distance in figure if paint != Paint.INK]) - OUTLINE
    return torch.stack([outline, *[distance for _, distance in figure]], dim=-1)


@cache
def paints_of(name: str) -> list[Paint]:
    """The paint of each layer of a thing: streaks, outline, parts from back to front."""
    parts = [Paint.MAIN] if name in SHAPES else [paint for paint, _ in DRAWN[name](torch.zeros(1, 2))]
    return [Paint.GREY, Paint.INK, *parts]


@cache
def _baked(device: torch.device) -> Tensor:
    """Every drawn thing's distances on a grid, (things * GRID * GRID, L), to be read between its points."""
    axis = torch.linspace(-REACH, REACH, GRID, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], dim=-1)
    most = max(len(paints_of(name)) for name in DRAWN) - 1
    table = points.new_full((len(DRAWN), GRID, GRID, most), FAR)
    for i, name in enumerate(DRAWN):
        layers = distances_of(name, points)
        table[i, ..., : layers.shape[-1]] = layers
    return table.flatten(0, 2)


def _sampled(points: Tensor, kinds: Tensor) -> Tensor:
    """Distances (P, L) at points (P, 2) of things of these kinds (P,), between the four nearest samples."""
    table = _baked(points.device)
    spot = (points / (2 * REACH) + 0.5).mul(GRID - 1).clamp(0, GRID - 1.001)
    corner = spot.long()
    u, v = (spot - corner).unsqueeze(-1).unbind(-2)  # (P, 1) each
    at = (kinds * GRID + corner[..., 1]) * GRID + corner[..., 0]  # (P,)
    above = torch.lerp(F.embedding(at, table), F.embedding(at + 1, table), u)
    below = torch.lerp(F.embedding(at + GRID, table), F.embedding(at + GRID + 1, table), u)
    inside = (points.abs() < REACH).all(-1, keepdim=True)
    return torch.where(inside, torch.lerp(above, below, v), FAR)


def _streaks(points: Tensor, heading: float) -> Tensor:
    """Three lines behind a thing that moves, `heading` clockwise from the right in its own turn."""
    cos, sin = math.cos(heading), math.sin(heading)
    along = cos * points[..., 0] + sin * points[..., 1]
    aside = cos * points[..., 1] - sin * points[..., 0]
    p = torch.stack([along, aside], dim=-1)
    return join(*[line(p, [(-1.75 + 0.2 * (y == 0), y), (-1.15 - 0.1 * (y == 0), y)], 0.07) for y in (-0.5, 0.0, 0.5)])


def _colors(things: list[Placed], shade: Tensor, layers: int) -> Tensor:
    """The colours (N, layers, 3) of the layers of each thing, all of one thing a little lighter or darker."""
    rows = []
    for one in things:
        main, accent = _SHELF[one.scene.color], _SHELF[one.scene.accent or one.scene.color]
        own = {Paint.MAIN: main, Paint.DARK: main + 1, Paint.PALE: main + 2, Paint.ACCENT: accent}
        row = [own.get(paint, _SHELF.get(paint, 0)) for paint in paints_of(str(one.scene.thing))]
        rows.append(row + [0] * (layers - len(row)))
    return _TUBES[torch.tensor(rows)] * shade[:, None, None]


def _tubes() -> tuple[dict[object, int], Tensor]:
    """Where each colour and each fixed paint begins in a table of colours; a colour's shade and tint come after it."""
    shelf: dict[object, int] = {}
    tubes: list[tuple[float, ...]] = []
    for key, color in (*PAINT.items(), *FIXED.items()):
        shelf[key] = len(tubes)
        tubes += [color, tuple(0.68 * c for c in color), tuple(0.5 * (c + 1) for c in color)]
    return shelf, torch.tensor(tubes)


_SHELF, _TUBES = _tubes()
_ORDER = {name: i for i, name in enumerate(DRAWN)}
