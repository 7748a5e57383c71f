"""`clip-storybook-ja`: Japanese words in the space of `clip-storybook`, learnt from translations without a picture."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.pipelines.image_text import ImageText
from t2ilab.recipes.recognition import PICTURES, SCENES, retrieval_scores, zero_shot_scores
from t2ilab.recipes.towers import AlignedWords, Words
from t2ilab.training.loop import Plan

NAME = "clip-storybook-ja"
TEACHER = "clip-storybook"
STEPS = 2000
BATCH = 128
LEARNING_RATE = 2e-3
WARMUP = 50
PARTIAL = 0.5  # of the captions, so that it reads single words too

DATA = "Captions of the storybook in English and in Japanese that say the same, half of them partial; no pictures."
LIMITS = "Japanese words of this world. It is as good as its teacher at best."


class Recipe(AlignedWords):
    """Data, model and loss; the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int = 0, teacher: str | Path = TEACHER):
        device.seed(seed)
        self.world = World(seed=seed, partial=PARTIAL, level="storybook")
        # Its words are those of both languages, so the student reads with its tokenizer.
        super().__init__(device, seed, ImageText.from_pretrained(teacher, str(device.device)))

    def plan(self, steps: int | None = None) -> Plan:
        steps = steps or STEPS
        return Plan(steps, LEARNING_RATE, WARMUP, decay=0.99, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        captions = self.world.translations(step, BATCH)
        return self.align(captions["ja"], self.teacher.encode_text(captions["en"]))

    def measure(self, model: Words, count: int = PICTURES, scenes: int = SCENES) -> dict[str, float]:
        """What `clip-storybook` is measured by, in Japanese, and retrieval by its own words, which know none."""
        clip = self.pipeline(model)
        scores = zero_shot_scores(clip, "ja", count, self.seed) | retrieval_scores(clip, "ja", scenes, self.seed)
        before = retrieval_scores(self.teacher, "ja", scenes, self.seed)
        return scores | {f"before: {name}": score for name, score in before.items()}
