"""`gan-progressive`: pictures of the `shapes` level without a prompt, by a GAN that grows from 8 to 32 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.nets.gan.progressive import (
    ProgressiveConfig,
    ProgressiveDiscriminator,
    ProgressiveGenerator,
)
from t2ilab.recipes.adversarial import Numbers, compared, pairs_covered
from t2ilab.recipes.growing import GrowingRecipe, at
from t2ilab.training.adversarial import Rivals
from t2ilab.training.adversarial_losses import discriminator_loss, generator_loss

# The paper's loss is that of Gulrajani et al. 2017; this one, with R1, is what its authors took a year later.
# Ten times the papers' rate: equalised weights move by so many thousandths a step, and here there are few steps.
NUMBERS = Numbers(name="gan-progressive", steps=5_000, batch=16, learning_rate=1e-2, penalty=1.0)
CONFIG = ProgressiveConfig(widths=(64, 48, 24))
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Scenes of the shapes level, drawn as it trains; no labels."
LIMITS = "One shape a picture, 32x32 pixels, and nobody can say which."


class Recipe(GrowingRecipe):
    """The networks and the losses."""

    def __init__(
        self,
        device: DeviceManager,
        seed: int = 0,
        numbers: Numbers = NUMBERS,
        config: ProgressiveConfig = CONFIG,
    ):
        self.config = config
        super().__init__(device, seed, numbers, config.sizes)

    def make(self) -> Rivals:
        return Rivals(ProgressiveGenerator(self.config), ProgressiveDiscriminator(self.config))

    def judge_loss(self, step: int) -> Tensor:
        """Real against painted pictures of the stage's size."""
        where, judge, images = self.stage(step), self.model.judge, self.real(step)
        painted = self.model.painter(self.noise(step, 0), *where)
        loss = discriminator_loss(judge(images, *where), judge(painted, *where))
        return loss + self.penalty(step, lambda x: judge(x, *where), images)

    def painter_loss(self, step: int) -> Tensor:
        """The non-saturating loss."""
        where = self.stage(step)
        return generator_loss(self.model.judge(self.model.painter(self.noise(step, 1), *where), *where))

    @torch.no_grad()
    def measure(self, model: nn.Module, count: int = 1024) -> dict[str, float]:
        """How the pictures of each stage compare with the world's of that size, and how many pairs are drawn."""
        real = World(size=self.config.sizes[-1], seed=self.seed + 1).batch(0, count, self.device.device)["image"]
        scores: dict[str, float] = {}
        for stage, size in enumerate(self.config.sizes):
            noise = torch.cat([self.noise(i, 2) for i in range(-(-count // self.numbers.batch))])[:count]
            images = torch.cat([model(z, stage) for z in noise.split(128)])
            found = compared(at(real, size), images)
            scores |= {f"{size}x{size} {name}": value for name, value in found.items()}
        return scores | {"pairs covered": pairs_covered(images)}

    @torch.no_grad()
    def sheet(self, model: nn.Module) -> Tensor:
        """Sixteen pictures (16, 3, size, size) in [-1, 1] of the last stage, to watch while it trains."""
        return model(self.noise(0, 2, 16)).clamp(-1, 1)
