"""`gan-conditional`: labels to 32x32 pictures of the `shapes` level in one pass, a GAN as of 2014 to 2016."""

from __future__ import annotations

from torch import Tensor

from t2ilab.device import DeviceManager
from t2ilab.nets.gan.conditional import ConditionalConfig, ConditionalDiscriminator, ConditionalGenerator
from t2ilab.recipes.adversarial import Numbers
from t2ilab.recipes.labelled import LabelledRecipe
from t2ilab.training.adversarial import Rivals
from t2ilab.training.adversarial_losses import discriminator_loss, generator_loss

NUMBERS = Numbers(
    name="gan-conditional", steps=6_000, batch=32, learning_rate=1e-3, betas=(0.5, 0.99), penalty=1.0,
)  # fmt: skip
CONFIG = ConditionalConfig(width=24)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Scenes of the shapes level with all their labels, drawn as it trains."
LIMITS = "One shape a picture, 32x32 pixels; it hears labels, not sentences, and needs all five of them."


class Recipe(LabelledRecipe):
    """The networks and the losses."""

    def __init__(
        self,
        device: DeviceManager,
        seed: int = 0,
        numbers: Numbers = NUMBERS,
        config: ConditionalConfig = CONFIG,
    ):
        self.config = config
        super().__init__(device, seed, numbers, config.size)

    def make(self) -> Rivals:
        return Rivals(ConditionalGenerator(self.config), ConditionalDiscriminator(self.config))

    def judge_loss(self, step: int) -> Tensor:
        """Real pictures against painted ones, and against themselves with one label wrong, which teaches the judge to
        listen (Reed et al. 2016, algorithm 1)."""
        images, labels, judge = self.batch(step)["image"], self.labels(step), self.model.judge
        real = judge(images, labels)
        loss = discriminator_loss(real, judge(self.painted(step, 0), labels)) / 2
        loss = loss + discriminator_loss(real, judge(images, self.wrong_labels(step))) / 2
        return loss + self.penalty(step, lambda x: judge(x, labels), images)

    def painter_loss(self, step: int) -> Tensor:
        """The non-saturating loss."""
        return generator_loss(self.model.judge(self.painted(step, 1), self.labels(step)))
