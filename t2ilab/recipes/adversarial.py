"""What the recipes of the GANs share: their numbers, their data, their chance, and how heaps of pictures compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab import zoo
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.interop.gan import read_painter, write_painter
from t2ilab.metrics import features, read
from t2ilab.metrics.heaps import alike, pair_coverage, pairs
from t2ilab.training.adversarial import AdversarialPlan, AdversarialStep, Rivals, train_adversarially
from t2ilab.training.adversarial_losses import gradient_penalty

PENALTY_EVERY = 8  # steps; as seldom as it comes, so much larger it is (lazy regularisation, Karras et al. 2020)
PAIRS = pairs("shapes")


@dataclass(frozen=True)
class Numbers:
    """All that the training of one GAN is told from another by; the networks have configurations of their own.

    Attributes:
        name: of the model.
        steps, batch, learning_rate, judge_rate, betas, decay: as in `AdversarialPlan`.
        penalty: weight of the judge's gradient penalty (R1); 0 for none.
    """

    name: str
    steps: int
    batch: int
    learning_rate: float
    judge_rate: float = 1.0
    betas: tuple[float, float] = (0.0, 0.99)
    decay: float = 0.995
    penalty: float = 0.0


class AdversarialRecipe:
    """Painter, judge and their chance; a recipe adds two losses and how it is measured, and the runner does the rest.

    Args:
        device, seed: as for all recipes.
        numbers: of the training.
        size: of the pictures, in pixels a side.
    """

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers, size: int = 32):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        self.model: Rivals = device.place(self.make())
        self.world = World(size=size, seed=seed)
        self.steps = numbers.steps
        self._kept: tuple[int, dict[str, Any]] = (-1, {})

    def make(self) -> Rivals:
        """The two networks, laid out once the seed is set."""
        raise NotImplementedError

    def judge_loss(self, step: int) -> Tensor:
        """The judge's loss of the step-th batch; all its chance comes from the seed and the step."""
        raise NotImplementedError

    def painter_loss(self, step: int) -> Tensor:
        """The painter's, likewise."""
        raise NotImplementedError

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved painter; the judge begins anew. Raises ValueError for other widths."""
        folder = zoo.folder(start) if start in zoo.names() else Path(start)
        theirs = read_painter(folder, type(self.model.painter))
        if theirs.config != self.model.painter.config:
            raise ValueError(f"{start} has other widths than {self.numbers.name}, so it cannot be its start.")
        self.model.painter.load_state_dict(theirs.state_dict())

    def plan(self, steps: int | None = None) -> AdversarialPlan:
        n, self.steps = self.numbers, steps or self.numbers.steps
        facts = {"recipe": n.name, "seed": self.seed, "steps": self.steps}
        return AdversarialPlan(self.steps, n.learning_rate, n.judge_rate, n.betas, n.decay, facts)

    def training(self, plan: AdversarialPlan, checkpoint: Path | None = None) -> Iterator[AdversarialStep]:
        """The loop of this recipe, in place of that of a single loss."""
        return train_adversarially(self.model, self.judge_loss, self.painter_loss, plan, checkpoint)

    def batch(self, step: int) -> dict[str, Any]:
        """The step-th batch of the world, kept until the next, since both losses look at it."""
        if self._kept[0] != step:
            self._kept = step, self.world.batch(step, self.numbers.batch, self.device.device)
        return self._kept[1]

    def chance(self, step: int, turn: int) -> torch.Generator:
        """A generator on the CPU for one turn of a step."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + step) * 4 + turn)

    def noise(self, step: int, turn: int, count: int | None = None) -> Tensor:
        """The painter's noise (B, latent_dim), standard normal."""
        width = self.model.painter.config.latent_dim  # type: ignore[union-attr]
        shape = (count or self.numbers.batch, int(width))  # type: ignore[arg-type]
        return torch.randn(shape, generator=self.chance(step, turn)).to(self.device.device)

    def penalty(self, step: int, judge: Any, images: Tensor) -> Tensor:
        """R1 where it is due (Mescheder et al. 2018, eq. 9), else 0: a judge that is not too steep at real pictures."""
        if not self.numbers.penalty or step % PENALTY_EVERY:
            return images.new_zeros(())
        return self.numbers.penalty / 2 * PENALTY_EVERY * gradient_penalty(judge, images)

    def save(self, model: nn.Module, folder: Path) -> None:
        """Writes the painter alone."""
        write_painter(folder, model)  # type: ignore[arg-type]


def compared(real: Tensor, fake: Tensor) -> dict[str, float]:
    """How a heap of painted pictures compares with one of real ones, by the features of the zoo's reader.

    Args:
        real, fake: (N, 3, H, W), (M, 3, H, W) in [-1, 1]; painted ones are clipped to it.

    Returns:
        FID and KID, lower is better, and precision and recall in [0, 1].
    """
    found = alike(features(real), features(fake.clamp(-1, 1)))
    return {f"{name} (reader)" if name in ("FID", "KID") else name: value for name, value in found.items()}


def pairs_covered(images: Tensor) -> float:
    """The share of the pairs of shape and colour that training shows which some picture is read as."""
    return pair_coverage(read(images.clamp(-1, 1)))
