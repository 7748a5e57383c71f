"""Prompts into pictures by a GAN that hears labels: one pass, no steps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab import zoo
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.understanding import understand
from t2ilab.data.words import SHAPES_LEVEL
from t2ilab.device import DeviceManager
from t2ilab.images import to_pil
from t2ilab.interop.gan import read_painter, write_painter
from t2ilab.nets.gan.attention import AttentionGenerator
from t2ilab.nets.gan.conditional import ConditionalGenerator
from t2ilab.pipelines.arguments import check_output_type, prompts_of
from t2ilab.pipelines.noise import whole_seed

VALUES = tuple(len(names) for names in SHAPES_LEVEL.values())  # of thing, colour, size, place and background


def labels_of(scenes: Sequence[Scene]) -> Tensor:
    """Full scenes of the `shapes` level as labels int64 (B, 5): thing, colour, size, place, background.

    Raises:
        ValueError: a scene that leaves something open, or that is not of this level.
    """
    rows = []
    for scene in scenes:
        row = [list(names).index(v) if (v := getattr(scene, a)) in names else -1 for a, names in SHAPES_LEVEL.items()]
        if -1 in row or scene.other:
            raise ValueError(f"Labels are of full scenes of the shapes level; got {scene.asked()}. Use complete().")
        rows.append(row)
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, len(SHAPES_LEVEL))


class LabelsToImage:
    """A painter that hears labels, with what makes labels of words.

    Args:
        painter: of labels of the `shapes` level.
        device: by default the best that there is.

    Raises:
        ValueError: a painter of other labels.
    """

    def __init__(self, painter: ConditionalGenerator | AttentionGenerator, device: DeviceManager | None = None):
        if getattr(painter.config, "values", None) != VALUES:
            raise ValueError(
                f"This pipeline needs a painter that hears the labels of the shapes level, {VALUES}; got one of "
                f"{getattr(painter.config, 'values', 'none at all')}."
            )
        self.device = device or DeviceManager()
        self.painter = self.device.place(painter).eval()

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str | None = None) -> LabelsToImage:
        """Opens a painter of the zoo, such as "gan-conditional", or one in a folder.

        Raises:
            ValueError: a painter of other labels.
            OSError: a file that is missing or damaged, or a painter that hears no labels.
        """
        folder = zoo.folder(str(name)) if str(name) in zoo.names() else Path(name)
        return cls(read_painter(folder, ConditionalGenerator, AttentionGenerator), DeviceManager(device))

    def __call__(self, prompt: str | Sequence[str], seed: int = 0, output_type: str = "pil") -> Any:
        """Draws one picture a prompt; what a prompt leaves open is filled by chance.

        Args:
            prompt: one caption or several, in English or Japanese, of the `shapes` level.
            seed: of the noise, and of what is left open.
            output_type: "pil", or "pt" for a tensor (B, 3, H, W) in [0, 1].

        Raises:
            ValueError: an empty prompt, one that this level does not hold, a seed that is no whole number from 0 on, or
                another output_type.
        """
        check_output_type(output_type)
        rng = random.Random(f"labels {whole_seed(seed)}")
        scenes = [complete(understand(text, "shapes")[0], rng) for text in prompts_of(prompt)]
        images = self.draw(scenes, seed)
        return to_pil(images) if output_type == "pil" else images / 2 + 0.5

    @torch.no_grad()
    def draw(self, scenes: Sequence[Scene], seed: int = 0, together: int = 256) -> Tensor:
        """Pictures (B, 3, size, size) in [-1, 1] of full scenes of the `shapes` level, on the CPU.

        Raises:
            ValueError: a scene that leaves something open, or that is not of this level; a seed as above.
        """
        labels = labels_of(scenes)
        generator = torch.Generator().manual_seed(whole_seed(seed))
        z = torch.randn(len(labels), self.painter.config.latent_dim, generator=generator)
        parts = zip(z.split(together), labels.split(together), strict=True)
        where = self.device.device
        return torch.cat([self.painter(noise.to(where), part.to(where)).cpu() for noise, part in parts])

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes a folder that `from_pretrained` opens. Raises OSError where it cannot."""
        write_painter(Path(folder), self.painter)
