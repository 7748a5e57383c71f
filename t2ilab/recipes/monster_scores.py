"""What a monster's picture shows: its two colours, read from the pixels, and whether it is the pet."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.monsters import PET, Monster, Pose, draw, monsters
from t2ilab.data.monsters.creature import COLORS
from t2ilab.data.monsters.drawing import PAPER_WHITE
from t2ilab.data.monsters.ink import INK, PAPER
from t2ilab.data.render import PAINT
from t2ilab.data.words import SURROUNDINGS
from t2ilab.data.world import World
from t2ilab.metrics import filled
from t2ilab.pipelines.image_text import ImageText

CLIP_NAME = "clip-storybook"
TOGETHER = 16  # pictures looked at at a time: each pixel meets 49 colours
SOFT = 2.0  # of CIELAB's distance, in which about 2 can just be seen: how sharply a pixel decides for one colour
UNLIKE = 0.1  # so far from the paper in one channel, between 0 and 1, is ink or paint
RIDGE = 0.01
IS_THE_PET = 0.6  # above the middle of 0 and 1: what is not the pet is more various, and spreads further


def palette() -> Tensor:
    """The colours that pixels of a drawing have, (49, 3) in [0, 1]: each paint, twice darkened by ink, once faded into
    the paper, and five mixtures of paper and ink."""
    paints, ink, paper = (torch.tensor(c) for c in ([PAINT[name] for name in COLORS], INK, PAPER))
    mixed = [torch.lerp(paints, ink, share) for share in (0.0, 0.35, 0.65)]
    greys = [torch.lerp(paper, ink, share)[None] for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return torch.cat([*mixed, torch.lerp(paints, paper, 0.4), *greys])


def shares(images: Tensor, everywhere: bool = False) -> Tensor:
    """How much of what is on the paper has each colour of the palette, pictures (B, 3, H, W) in [-1, 1] -> (B, 49).

    With `everywhere` the paper, or whatever is there in its place, counts too.
    """
    colors = palette().to(images.device)
    found = []
    for some in images.float().split(TOGETHER):
        rgb = (some / 2 + 0.5).clamp(0, 1)
        inside = filled((rgb - rgb.new_tensor(PAPER)[:, None, None]).abs().amax(1) > UNLIKE)  # (B, H, W)
        inside = (inside | everywhere).flatten(1)  # (B, H W)
        away = torch.cdist(cielab(rgb.flatten(2).mT), cielab(colors)[None])  # (B, H W, 49)
        weights = (-away / SOFT).softmax(-1) * inside[..., None]
        found.append(weights.sum(1) / inside.sum(1, keepdim=True).clamp(min=1))
    return torch.cat(found)


def cielab(rgb: Tensor) -> Tensor:
    """Colours (..., 3) of sRGB in [0, 1] -> CIELAB (CIE 15), where distances are about as large as they look."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = rgb.new_tensor([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / rgb.new_tensor([0.9505, 1.0, 1.089])  # of white, under daylight
    x, y, z = torch.where(xyz > 0.008856, xyz.clamp(min=1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116).unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


class ColorReader:
    """Reads the two colours of monsters: least squares, from the shares of 49 colours to which two they are.

    Eyes are white, an outline that blurs is grey, and shaded orange is brown; how much of that goes with which colours
    is what is learnt. No network is needed.

    Args:
        images: monsters (N, 3, H, W) in [-1, 1]. What is to be read later, such as pictures that an autoencoder has
            blurred, should be among them.
        shown: the N monsters.

    Raises:
        ValueError: not as many monsters as pictures.
    """

    def __init__(self, images: Tensor, shown: Sequence[Monster]):
        if len(images) != len(shown):
            raise ValueError(f"Each picture needs its monster; got {len(images)} pictures and {len(shown)} monsters.")
        x, wanted = self._seen(images), asked_colors(shown).to(images.device)
        target = torch.zeros(len(x), len(COLORS), dtype=x.dtype, device=x.device).scatter(1, wanted, 1.0)
        self.weights = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1]).to(x), x.T @ target)

    def __call__(self, images: Tensor) -> list[set[str]]:
        """The two colours of each picture (B, 3, H, W) in [-1, 1]; of which is more, nothing is said."""
        best = (self._seen(images) @ self.weights).topk(2, dim=1).indices.tolist()
        return [{COLORS[i] for i in row} for row in best]

    def right(self, images: Tensor, asked: Sequence[Monster]) -> float:
        """The share of pictures that have just the two colours that were asked for."""
        read = self(images)
        return sum(colors == {m.color, m.accent} for colors, m in zip(read, asked, strict=True)) / len(read)

    @staticmethod
    def _seen(images: Tensor) -> Tensor:
        x = shares(images).double().sqrt()  # roots, or a few spots would count for nothing beside a large body
        return torch.cat([x, torch.ones_like(x[:, :1])], dim=1)


def asked_colors(asked: Sequence[Monster]) -> Tensor:
    """The numbers of their two colours, int64 (N, 2)."""
    return torch.tensor([[COLORS.index(m.color), COLORS.index(m.accent)] for m in asked])


def features(images: Tensor, clip: ImageText | None = None) -> Tensor:
    """What a CLIP of the zoo sees in pictures (B, 3, H, W) in [-1, 1]: (B, D), of length sqrt(D), as
    `distances.kid` takes them, so that its x . y / D is their cosine."""
    clip = clip or ImageText.from_pretrained(CLIP_NAME)
    seen = clip.encode_image(images.clamp(-1, 1))
    return seen.cpu() * seen.shape[1] ** 0.5


class PetReader:
    """Says whether a picture shows the pet: least squares, from what CLIP sees in it and from its colours.

    It is learnt from the pet, drawn anew in many poses and surroundings, beside as many others that stand as it does:
    monsters of its two colours, monsters of any, and scenes of the storybook.

    Args:
        clip: by default the zoo's.
        through: what else the pictures are seen through, such as an autoencoder; pictures to pictures.
        count: of each of the two kinds.
        size: of the pictures, in pixels a side.
    """

    def __init__(
        self,
        clip: ImageText | None = None,
        through: Callable[[Tensor], Tensor] | None = None,
        count: int = 256,
        size: int = 64,
    ):
        self.clip = clip or ImageText.from_pretrained(CLIP_NAME)
        pet, others = pet_pictures(count, size), other_pictures(count, size)
        kinds = [(pet, 1.0), (others, 0.0)]
        if through is not None:
            kinds += [(torch.cat([through(some) for some in x.split(TOGETHER)]).cpu(), y) for x, y in kinds]
        x = torch.cat([self._seen(images) for images, _ in kinds])
        wanted = torch.cat([torch.full((len(images),), is_it, dtype=x.dtype) for images, is_it in kinds])
        self.weights = torch.linalg.solve(x.T @ x + 0.3 * torch.eye(x.shape[1]).to(x), x.T @ wanted)

    def __call__(self, images: Tensor) -> list[bool]:
        """One answer a picture (B, 3, H, W) in [-1, 1]."""
        return (self._seen(images.cpu()) @ self.weights > IS_THE_PET).tolist()

    def share(self, images: Tensor) -> float:
        """The share of pictures that show the pet."""
        return sum(self(images)) / len(images)

    def _seen(self, images: Tensor) -> Tensor:
        clip = F.normalize(features(images, self.clip), dim=1)
        seen = torch.cat([clip, shares(images, everywhere=True).sqrt(), torch.ones(len(images), 1)], dim=1)
        return seen.double()


def pet_pictures(count: int, size: int = 64, seed: int = 0) -> Tensor:
    """The pet in so many other poses than its five, every second on paper, float (count, 3, size, size)."""
    return draw([PET] * count, size, _poses(count, seed))


def other_pictures(count: int, size: int = 64, seed: int = 0) -> Tensor:
    """What is not the pet, float (count, 3, size, size): of four pictures two are of monsters in its colours, one of
    any monster and one of the storybook."""
    own, world = monsters(count, seed=seed + 1), count // 4
    colors = [(PET.color, PET.accent), (PET.accent, PET.color)]
    alike = [replace(m, color=a, accent=b) for m, (a, b) in zip(own, colors * count, strict=False)]
    chosen = [any_ if i % 3 == 2 else same for i, (any_, same) in enumerate(zip(own, alike, strict=True))][world:]
    drawn = draw(chosen, size, _poses(len(chosen), seed + 1))
    return torch.cat([drawn, World(size=size, seed=seed, level="storybook").batch(0, world)["image"]])


def _poses(count: int, seed: int) -> list[Pose]:
    rng, around = random.Random(f"poses {seed}"), list(SURROUNDINGS)
    return [
        Pose(
            (rng.uniform(-0.28, 0.28), rng.uniform(-0.2, 0.22)),
            rng.uniform(1.1, 1.85),
            rng.uniform(-14, 14),
            (rng.uniform(-0.8, 0.8), rng.uniform(-0.6, 0.6)),
            (rng.uniform(-50, 55), rng.uniform(-50, 55)),
            PAPER_WHITE if i % 2 else rng.choice(around),
        )
        for i in range(count)
    ]
