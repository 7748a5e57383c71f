"""Scenes to pictures of any size, in batches, with smooth edges; and a world that never runs out of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from t2ilab.data import things
from t2ilab.data.scenes import ATTRIBUTES, BACKGROUNDS, COLORS, LANGUAGES, PLACES, Scene, describe, is_held_out

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
}
GROUND = {"dark": (0.11, 0.11, 0.16), "light": (0.95, 0.94, 0.90)}
RADIUS = {"big": 0.42, "small": 0.23}  # of a picture that spans [-1, 1]
CENTER = {place: (0.5 * (i % 3 - 1), 0.5 * (i // 3 - 1)) for i, place in enumerate(PLACES)}


def render(
    scenes: Sequence[Scene],
    size: int = 32,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draws full scenes.

    Args:
        scenes: B scenes with every attribute given.
        size: height and width in pixels, at least 16.
        generator: draws the small differences between two pictures of one scene (place, size, turn, shade); None
            draws each scene in its plainest form. A CPU generator, so that a seed means the same on every device.
        device: where to draw.

    Returns:
        float (B, 3, size, size) in [-1, 1].

    Raises:
        ValueError: no scene, a scene with something left open, or a size below 16.
    """
    if size < 16:
        raise ValueError(f"A picture needs at least 16 pixels a side to show its shape; got {size}.")
    if not scenes:
        raise ValueError("render needs at least one scene; got none.")
    for scene in scenes:
        if len(scene.asked()) < len(ATTRIBUTES):
            open_ones = [a for a in ATTRIBUTES if getattr(scene, a) is None]
            raise ValueError(f"A scene must be full to be drawn; {', '.join(open_ones)} left open. See complete().")
    # One row of numbers a scene: made on the CPU, so that every device draws the same pictures.
    jitter = (
        torch.zeros(len(scenes), 8) if generator is None else torch.rand(len(scenes), 8, generator=generator) * 2 - 1
    )
    center = torch.tensor([CENTER[s.place] for s in scenes]) + 0.05 * jitter[:, 0:2]  # type: ignore[index]
    radius = torch.tensor([RADIUS[s.size] for s in scenes]) * (1 + 0.08 * jitter[:, 2])  # type: ignore[index]
    angle = 0.14 * jitter[:, 3]  # radians, 8 degrees: a square never becomes a diamond
    paint = torch.tensor([PAINT[s.color] for s in scenes]) * (1 + 0.06 * jitter[:, 4:5])  # type: ignore[index]
    ground = torch.tensor([GROUND[s.background] for s in scenes]) + 0.03 * jitter[:, 5:8]  # type: ignore[index]
    center, radius, angle, paint, ground = (x.to(device) for x in (center, radius, angle, paint, ground))

    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    x = (x - center[:, 0, None, None]) / radius[:, None, None]
    y = (y - center[:, 1, None, None]) / radius[:, None, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    points = torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)  # (B, size, size, 2)

    distance = torch.empty(len(scenes), size, size, device=device)
    for name, draw in things.THINGS.items():
        rows = [i for i, scene in enumerate(scenes) if scene.thing == name]
        if rows:
            distance[rows] = draw(points[rows])
    pixels = distance * radius[:, None, None] * (size / 2)
    cover = (0.5 - pixels).clamp(0, 1)[:, None]  # (B, 1, size, size): the share of each pixel that the thing covers
    picture = torch.lerp(ground[:, :, None, None], paint[:, :, None, None], cover)
    return picture.clamp(0, 1) * 2 - 1


def complete(scene: Scene, rng: random.Random) -> Scene:
    """Fills what the scene leaves open, by chance."""
    return replace(scene, **{a: rng.choice(list(n)) for a, n in ATTRIBUTES.items() if getattr(scene, a) is None})


@dataclass(frozen=True)
class World:
    """Captioned pictures without end: `batch(i)` is a pure function of the seed and i, so that runs resume.

    Args:
        size: pixels a side.
        seed: worlds of different seeds have different pictures.
        held_out: False draws only pairs of thing and colour that training may see, True only those that it may not.
        partial: the share of captions that leave something unsaid.
        japanese: the share of captions in Japanese.
    """

    size: int = 32
    seed: int = 0
    held_out: bool = False
    partial: float = 0.3
    japanese: float = 0.4

    def batch(self, index: int, batch_size: int, device: torch.device | str = "cpu") -> dict[str, Any]:
        """The index-th batch: {"image": float (B, 3, H, W) in [-1, 1], "caption": B strings, "scene": B scenes}.

        Raises:
            ValueError: a batch_size below 1, or a world whose size is below 16.
        """
        rng = random.Random(f"world {self.seed} {self.held_out} {index}")
        scenes = [self._scene(rng) for _ in range(batch_size)]
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        captions = [self._caption(scene, rng) for scene in scenes]
        return {"image": render(scenes, self.size, generator, device), "caption": captions, "scene": scenes}

    def prompts(self, count: int, language: str = "en") -> tuple[list[str], list[Scene]]:
        """Full captions to measure a model by, and the scenes they ask for; their chance is not that of `batch`.

        Args:
            count: how many.
            language: "en" or "ja".

        Raises:
            ValueError: a language other than these two.
        """
        rng = random.Random(f"prompts {self.seed} {self.held_out} {language}")
        scenes = [self._scene(rng) for _ in range(count)]
        return [describe(scene, language, rng) for scene in scenes], scenes

    def _scene(self, rng: random.Random) -> Scene:
        while True:
            scene = complete(Scene(), rng)
            if is_held_out(scene) == self.held_out:
                return scene

    def _caption(self, scene: Scene, rng: random.Random) -> str:
        said = scene
        if rng.random() < self.partial:
            said = Scene(**{a: v for a, v in scene.asked().items() if rng.random() < 0.6})
        return describe(said, LANGUAGES[rng.random() < self.japanese], rng)


__all__ = ["BACKGROUNDS", "COLORS", "World", "complete", "render"]
