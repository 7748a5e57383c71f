"""`clip-storybook`: a two-tower CLIP of the whole storybook, trained from nothing on two CPU cores."""

from __future__ import annotations

import random

from torch import Tensor

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.recipes.recognition import PICTURES, SCENES, retrieval_scores, zero_shot_scores
from t2ilab.recipes.towers import TwoTowers
from t2ilab.training.loop import Plan

NAME = "clip-storybook"
STEPS = 2550
BATCH = 128
LEARNING_RATE = 2e-3
WARMUP = 50
CONTEXT_LENGTH = 32
PARTIAL = 0.2  # the share of scenes' captions that leave something unsaid
USUAL = 0.2  # the share of drawn things in their usual colours: few, or a colour would tell what a thing is
SIBLINGS = 2  # a scene, and one that differs from it in one thing or one colour
NAMINGS = (1.0, 0.4)  # the share of batches whose captions are mere names, in the first step and in the last
VISION = VisionConfig(image_size=32, patch_size=8, width=192, layers=4, heads=4)
EMBED_DIM = 128

DATA = (
    "Pictures of one thing, drawn as it trains, with English captions that name no more than the thing, its colour, "
    "both, or where it is; and more and more of whole scenes, in twos that differ in one thing or one colour, with "
    "captions of which four in five say all."
)
LIMITS = "Pictures of this world, brought to 32x32, and English words of it; some pairs of thing and colour unseen."


class Recipe(TwoTowers):
    """Data, model and loss; the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int = 0):
        device.seed(seed)
        # Place, background and colours tell nearly all of 128 chance scenes apart, so nobody would have to learn what a
        # thing is; siblings that differ in nothing else ask for it. But in a whole caption one word of a dozen names
        # the thing, and each tower waits for the other. Where the caption is that word, they learn it at once.
        self.world = World(32, seed, partial=PARTIAL, japanese=0.0, level="storybook", usual=USUAL, siblings=SIBLINGS)
        tokenizer = CLIPTokenizer.train(vocabulary("storybook"), CONTEXT_LENGTH)
        text = TextConfig(len(tokenizer.vocab), CONTEXT_LENGTH, width=128, layers=2, heads=4)
        super().__init__(NAME, device, seed, tokenizer, CLIPConfig(text, VISION, EMBED_DIM))
        self.steps = STEPS

    def plan(self, steps: int | None = None) -> Plan:
        steps = self.steps = steps or STEPS
        return Plan(steps, LEARNING_RATE, WARMUP, decay=0.99, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        first, last = NAMINGS
        if random.Random(f"{NAME} {self.seed} {step}").random() < first + (last - first) * step / self.steps:
            batch = self.world.namings(step, BATCH, self.device.device)
        else:
            batch = self.world.batch(step, BATCH, self.device.device)
        return self.contrast(batch["image"], batch["caption"], batch.get("row"))

    def measure(self, model: CLIP, count: int = PICTURES, scenes: int = SCENES) -> dict[str, float]:
        """Zero-shot accuracy over things, colours and both on `count` pictures, and on as many of pairs kept from
        training; and retrieval among `scenes` distinct scenes with full captions, both directions."""
        clip = self.pipeline(model)
        return zero_shot_scores(clip, "en", count, self.seed) | retrieval_scores(clip, "en", scenes, self.seed)
