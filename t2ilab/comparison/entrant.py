"""What takes part in a comparison: anything that draws pictures, of prompts or of none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from t2ilab.data.scenes import Scene
from t2ilab.zoo import Card

HEARS = ("words", "labels", "nothing")
Draw = Callable[[Sequence[str], Sequence[Scene], int], Tensor]


@dataclass(frozen=True)
class Entrant:
    """A model, as a comparison sees it.

    Args:
        name: as it is to stand in the table.
        family: "latent diffusion", "cascade", "my own idea".
        size: of its pictures, in pixels a side.
        draw: called as draw(prompts, scenes, seed) with B of each; gives pictures (B, 3, size, size) in [-1, 1]. Scenes
            say the same as the prompts; whatever hears nothing looks at their number alone.
        hears: "words", "labels" (full scenes of the `shapes` level), or "nothing".
        level: of the world, whose words it knows; None for any.
        steps: that it was drawn with.
        parameters: how many numbers it holds.
        cards: of all checkpoints that it is made of.

    Raises:
        ValueError: a `hears` that is none of these.
    """

    name: str
    family: str
    size: int
    draw: Draw
    hears: str = "words"
    level: str | None = None
    steps: int = 1
    parameters: int = 0
    cards: tuple[Card, ...] = ()

    def __post_init__(self) -> None:
        if self.hears not in HEARS:
            raise ValueError(f"A model hears one of {', '.join(HEARS)}; got {self.hears!r}.")

    def pictures(self, prompts: Sequence[str], scenes: Sequence[Scene], seed: int) -> Tensor:
        """What it draws, on the CPU in float32.

        Raises:
            ValueError: pictures of another number, size or range than promised, or that are not finite.
        """
        images = self.draw(prompts, scenes, seed)
        wanted = (len(prompts), 3, self.size, self.size)
        if not isinstance(images, Tensor) or tuple(images.shape) != wanted:
            got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(
                f"{self.name} was to draw a tensor {wanted}, a picture a prompt; got {got}. See that draw() gives "
                "(B, 3, H, W), and that `size` is H."
            )
        images = images.detach().float().cpu()
        if not images.isfinite().all():
            raise ValueError(
                f"{self.name} drew pictures with NaN or infinity in them. Look at the step that made them."
            )
        low, high = images.min().item(), images.max().item()
        if low < -1.001 or high > 1.001:
            raise ValueError(
                f"{self.name} was to draw in [-1, 1]; got numbers from {low:.3g} to {high:.3g}. Divide bytes by 127.5 "
                "and take away 1, or end draw() with .clamp(-1, 1)."
            )
        return images.clamp(-1, 1)

    @property
    def minutes(self) -> float | None:
        """Of training, added up over its cards; None where it has none."""
        return sum(card.minutes for card in self.cards) if self.cards else None

    @property
    def went_on(self) -> bool:
        """Whether one of its cards tells of a run that began with the weights of another: then `minutes` is a part."""
        return any(" --start " in card.command for card in self.cards)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of what its checkpoints' files hash to; empty where its cards name no file."""
        hashes = [f"{card.name}/{file} {digest}" for card in self.cards for file, digest in card.sha256.items()]
        return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()[:12] if hashes else ""


def numbers_in(*networks: nn.Module | None) -> int:
    """How many parameters some networks have together."""
    return sum(p.numel() for net in networks if net is not None for p in net.parameters())


def as_pictures(shares: Tensor) -> Tensor:
    """Pictures in [0, 1], as a pipeline's output_type="pt" gives them, in [-1, 1]."""
    return torch.as_tensor(shares) * 2 - 1
