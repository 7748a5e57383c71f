"""GANs that hear labels: the conditional one of 2014 and the one with self-attention of 2018."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from t2ilab.comparison.entrant import Entrant, numbers_in
from t2ilab.comparison.families.painters import is_painter
from t2ilab.data.scenes import Scene
from t2ilab.nets.gan.attention import AttentionGenerator
from t2ilab.nets.gan.conditional import ConditionalGenerator
from t2ilab.pipelines.labels_to_image import LabelsToImage

KINDS = {ConditionalGenerator: "conditional GAN", AttentionGenerator: "GAN with attention"}
ZOO = {"gan-conditional": ("gan-conditional",), "gan-attention": ("gan-attention",)}


def recognises(folder: Path) -> bool:
    """A folder as LabelsToImage.save_pretrained writes it."""
    return is_painter(folder, *KINDS)


def enter(name: str, device: str | None, steps: int) -> Entrant:
    """A painter of the zoo or of a folder; it has no steps, and is told all five labels."""
    pipe = LabelsToImage.from_pretrained(name, device)

    def draw(prompts: Sequence[str], scenes: Sequence[Scene], seed: int) -> Tensor:
        return pipe.draw(scenes, seed).clamp(-1, 1)

    return Entrant(
        name,
        KINDS[type(pipe.painter)],
        pipe.painter.config.size,
        draw,
        hears="labels",
        level="shapes",
        parameters=numbers_in(pipe.painter),
    )
