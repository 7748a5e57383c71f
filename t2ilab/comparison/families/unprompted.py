"""GANs that take no prompt: the growing one of 2017 and the style-based one of 2018."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from t2ilab import zoo
from t2ilab.comparison.entrant import Entrant, numbers_in
from t2ilab.comparison.families.painters import is_painter
from t2ilab.data.scenes import Scene
from t2ilab.device import DeviceManager
from t2ilab.interop.gan import read_painter
from t2ilab.nets.gan.progressive import ProgressiveGenerator
from t2ilab.nets.gan.style import StyleGenerator

KINDS = {ProgressiveGenerator: "growing GAN", StyleGenerator: "style-based GAN"}
ZOO = {"gan-progressive": ("gan-progressive",), "gan-style": ("gan-style",)}


def recognises(folder: Path) -> bool:
    """A folder as `interop.gan.write_painter` writes it."""
    return is_painter(folder, *KINDS)


def enter(name: str, device: str | None, steps: int) -> Entrant:
    """A painter of the zoo or of a folder; it has no steps. A style-based one is not truncated."""
    folder = zoo.folder(name) if name in zoo.names() else Path(name)
    manager = DeviceManager(device)
    painter = manager.place(read_painter(folder, *KINDS))
    styled = isinstance(painter, StyleGenerator)

    @torch.no_grad()
    def draw(prompts: Sequence[str], scenes: Sequence[Scene], seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(len(prompts), painter.config.latent_dim, generator=generator).to(manager.device)
        return (painter(painter.styles(z), generator) if styled else painter(z)).clamp(-1, 1)

    return Entrant(
        name,
        KINDS[type(painter)],
        painter.config.size if styled else painter.config.sizes[-1],
        draw,
        hears="nothing",
        level="shapes" if name in ZOO else None,
        parameters=numbers_in(painter),
    )
