"""`gan-attention`: labels to 32x32 pictures with self-attention, spectral normalisation and hinge loss, as of 2018."""

from __future__ import annotations

from torch import Tensor

from t2ilab.device import DeviceManager
from t2ilab.nets.gan.attention import AttentionConfig, AttentionDiscriminator, AttentionGenerator
from t2ilab.recipes.adversarial import Numbers
from t2ilab.recipes.labelled import LabelledRecipe
from t2ilab.training.adversarial import Rivals
from t2ilab.training.adversarial_losses import hinge_discriminator_loss, hinge_generator_loss

# Rates four and three times the paper's, painter's and judge's: here there are few steps.
NUMBERS = Numbers(name="gan-attention", steps=3_000, batch=32, learning_rate=4e-4, judge_rate=3.0, betas=(0.0, 0.9))
CONFIG = AttentionConfig(width=24)
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
        config: AttentionConfig = CONFIG,
    ):
        self.config = config
        super().__init__(device, seed, numbers, config.size)

    def make(self) -> Rivals:
        return Rivals(AttentionGenerator(self.config), AttentionDiscriminator(self.config))

    def judge_loss(self, step: int) -> Tensor:
        """The hinge loss of real and painted pictures of the same labels (Zhang et al. 2019)."""
        labels, judge = self.labels(step), self.model.judge
        return hinge_discriminator_loss(judge(self.batch(step)["image"], labels), judge(self.painted(step, 0), labels))

    def painter_loss(self, step: int) -> Tensor:
        """The painter's part of it."""
        return hinge_generator_loss(self.model.judge(self.painted(step, 1), self.labels(step)))
