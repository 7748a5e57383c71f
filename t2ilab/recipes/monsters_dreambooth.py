"""`monsters-dreambooth`: the storybook's model, trained on with five pictures of one pet, and its own from before."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.examples import Examples
from t2ilab.recipes.finetuning import Numbers, WordRecipe, word_prompts
from t2ilab.recipes.text_to_image import DROP

PRIORS, ALIKE = 128, 32  # pictures that the base draws before; so many of them, or all, of the thing's kind


@dataclass(frozen=True)
class DreamBoothNumbers(Numbers):
    """Those of all fine-tunings, the word, and what it is to remember.

    Attributes:
        word: for the thing.
        like: what the thing is one of, so that not everything called so becomes the thing (section 3.3).
        prior: how much an error on those counts; 0 for no such pictures.
    """

    word: str = "mofu"
    like: str = "monster"
    prior: float = 1.0


NUMBERS = DreamBoothNumbers(name="monsters-dreambooth", steps=800, batch=8, rates=(1e-3, 5e-6))
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    f"Five pictures of one pet, and {PRIORS} that the base drew before, a quarter of them of 'a monster', the others "
    "of captions of its world; or a folder of one's own (--data)."
)
LIMITS = "What its base draws, as far as it was not forgotten, and one pet."


class Recipe(WordRecipe):
    """DreamBooth (Ruiz et al. 2023): all of the U-Net learns a rare word for one thing, and its own pictures of what it
    knew keep it from forgetting (eq. 2)."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: DreamBoothNumbers = NUMBERS):
        if not 0 <= numbers.prior < float("inf"):
            raise ValueError(f"prior is how much the old pictures count, from 0; got {numbers.prior}. 1 is usual.")
        super().__init__(device, seed, numbers)
        self.prior = drawn_before(self.pipe, seed, numbers.like) if numbers.prior else None

    def _learner(self) -> nn.Module:
        return self.pipe.unet.requires_grad_(True)

    def loss(self, step: int) -> Tensor:
        """The loss on pictures of the thing, plus `prior` times that on as many of what the base drew before."""
        n, rng = self.numbers, random.Random(f"{self.numbers.name} {self.seed} {step}")
        x0, captions = self.examples.batch(rng, n.batch)
        new = self._error(2 * step, x0.to(self.device.device), captions, drop=0.0)
        if self.prior is None:
            return new
        x0, captions = self.prior.batch(rng, n.batch)
        return new + n.prior * self._error(2 * step + 1, x0.to(self.device.device), captions, drop=DROP)


@torch.no_grad()
def drawn_before(pipe: TextToImage, seed: int, like: str) -> Examples:
    """What a base draws before it learns anything new: things of that kind, and what captions of its world ask for."""
    prompts = word_prompts(f"a {like}", ALIKE)
    if pipe.world:
        prompts += World(seed=seed + 1, level=pipe.world).prompts(PRIORS - ALIKE)[0]
    latents, together = [], 32 if pipe.world else 4
    for first in range(0, len(prompts), together):
        some = prompts[first : first + together]
        timesteps = pipe.timesteps(20)
        x = pipe.start(pipe.noise(len(some), seed=seed + first), timesteps)
        latents.append(pipe.walk(pipe.denoiser(pipe.encode(some)), x, timesteps, seed=seed + first).half())
    none = torch.zeros(len(prompts), 3, 1, 1, dtype=torch.uint8)
    return Examples(torch.cat(latents), tuple((prompt,) for prompt in prompts), none)
