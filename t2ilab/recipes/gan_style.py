"""`gan-style`: pictures of the `shapes` level without a prompt, by a style-based generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.nets.gan.progressive import ProgressiveConfig, ProgressiveDiscriminator
from t2ilab.nets.gan.style import StyleConfig, StyleGenerator
from t2ilab.recipes.adversarial import Numbers, compared, pairs_covered
from t2ilab.recipes.growing import GrowingRecipe, at
from t2ilab.training.adversarial import Rivals
from t2ilab.training.adversarial_losses import discriminator_loss, generator_loss

# Ten times the papers' rate: equalised weights move by so many thousandths a step, and here there are few steps.
NUMBERS = Numbers(name="gan-style", steps=5_000, batch=16, learning_rate=1e-2, penalty=1.0)
CONFIG = StyleConfig(widths=(64, 64, 48, 24))
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Scenes of the shapes level, drawn as it trains; no labels."
LIMITS = "One shape a picture, 32x32 pixels, and nobody can say which."
MIXED = 0.5  # share of the batches in which two styles meet, so that layers learn to stand by themselves
PSI = 0.7  # of the truncated pictures that are measured too


class Recipe(GrowingRecipe):
    """The networks and the losses."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS, config: StyleConfig = CONFIG):
        self.config = config
        super().__init__(device, seed, numbers, config.sizes)

    def make(self) -> Rivals:
        judge = ProgressiveConfig(self.config.latent_dim, self.config.widths[1:])
        return Rivals(StyleGenerator(self.config), ProgressiveDiscriminator(judge))

    def painted(self, step: int, turn: int) -> Tensor:
        """The painter's pictures, in half of the batches of two styles (Karras et al. 2019, section 3.1)."""
        painter, generator = self.model.painter, self.chance(step, turn)
        assert isinstance(painter, StyleGenerator)
        shape = (self.numbers.batch, self.config.latent_dim)
        z, other = (torch.randn(shape, generator=generator).to(self.device.device) for _ in range(2))
        styles = painter.styles(z)
        stage, alpha = self.stage(step)
        if torch.rand((), generator=generator) < MIXED:
            crossover = int(torch.randint(1, 2 * stage + 4, (), generator=generator))
            styles = painter.mix(styles, painter.styles(other), crossover)
        return painter(styles, generator, stage, alpha)

    def judge_loss(self, step: int) -> Tensor:
        """Real against painted."""
        where, judge, images = self.stage(step), self.model.judge, self.real(step)
        loss = discriminator_loss(judge(images, *where), judge(self.painted(step, 0), *where))
        return loss + self.penalty(step, lambda x: judge(x, *where), images)

    def painter_loss(self, step: int) -> Tensor:
        """The non-saturating loss."""
        return generator_loss(self.model.judge(self.painted(step, 1), *self.stage(step)))

    @torch.no_grad()
    def measure(self, model: nn.Module, count: int = 1024) -> dict[str, float]:
        """How pictures of each stage compare with the world's, the last truncated too, and how many pairs occur."""
        assert isinstance(model, StyleGenerator)
        real = World(size=self.config.size, seed=self.seed + 1).batch(0, count, self.device.device)["image"]
        noise = torch.cat([self.noise(i, 2) for i in range(-(-count // self.numbers.batch))])[:count]
        styles = [model.styles(z) for z in noise.split(128)]
        scores: dict[str, float] = {}
        for stage, size in enumerate(self.sizes[:-1]):
            generator = torch.Generator().manual_seed(self.seed)
            images = torch.cat([model(part, generator, stage) for part in styles])
            scores |= {f"{size}x{size} {figure}": value for figure, value in compared(at(real, size), images).items()}
        for name, psi in (("", 1.0), (f", truncated to {PSI}", PSI)):
            generator = torch.Generator().manual_seed(self.seed)
            images = torch.cat([model(model.truncate(part, psi), generator) for part in styles])
            found = {"pairs covered": pairs_covered(images)} | compared(real, images)
            scores |= {_named(figure, name): value for figure, value in found.items()}
        return scores

    @torch.no_grad()
    def sheet(self, model: nn.Module) -> Tensor:
        """Sixteen pictures (16, 3, size, size) in [-1, 1]: places and shapes of one style a row, finer layers of one a
        column, to watch while it trains."""
        assert isinstance(model, StyleGenerator)
        w = model.styles(self.noise(0, 2, 8))
        coarse, fine = w[:4].repeat_interleave(4, 0), w[4:].repeat(4, 1)
        mixed = model.mix(coarse, fine, self.config.layers // 2)
        return model(mixed, torch.Generator().manual_seed(0)).clamp(-1, 1)


def _named(figure: str, suffix: str) -> str:
    """The name of a score; what stands in brackets stays last."""
    name, bracket, rest = figure.partition(" (")
    return name + suffix + bracket + rest
