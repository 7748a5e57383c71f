"""`clip-emoji-ja`: Japanese names in the space of `clip-emoji`, learnt from translations without a picture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.clip.zeroshot import zero_shot_weights
from t2ilab.data.emoji_pairs import SENTENCES, EmojiPairs
from t2ilab.device import DeviceManager
from t2ilab.pipelines.image_text import ImageText
from t2ilab.recipes.recognition import name_scores
from t2ilab.recipes.towers import AlignedWords, Words
from t2ilab.training.loop import Plan

NAME = "clip-emoji-ja"
TEACHER = "clip-emoji"
STEPS = 2000
BATCH = 128
LEARNING_RATE = 5e-3
WARMUP = 50
CONTEXT_LENGTH = 40

DATA = (
    "Names of some 1,550 emoji in English and in Japanese, the Japanese ones alone and in sentences; no pictures. "
    "Katakana is read as hiragana, so that an emoji's name in the other of the two is no new word."
)
LIMITS = (
    "Japanese words of the names of emoji. One emoji in ten (no flag), some spellings and some sentences were kept "
    "from training. It is about as good as its teacher at best."
)


class Recipe(AlignedWords):
    """Data, model and loss; the runner does the rest.

    Raises:
        FileNotFoundError: there is no colour emoji font, which measuring needs, with the command that installs one.
    """

    def __init__(self, device: DeviceManager, seed: int = 0, teacher: str | Path = TEACHER):
        device.seed(seed)
        self.pairs = EmojiPairs(seed)
        tokenizer = CLIPTokenizer.train(self.pairs.vocabulary("ja"), CONTEXT_LENGTH, fold_kana=True)
        super().__init__(device, seed, ImageText.from_pretrained(teacher, str(device.device)), tokenizer)
        # What the teacher says of a name, whatever sentence it stands in.
        names = [emoji.names["en"] for emoji in self.pairs.shown]
        rows = zero_shot_weights(self.teacher.encode_text, names, ("{}", *SENTENCES["en"]))
        self.targets = dict(zip(names, rows, strict=True))

    def plan(self, steps: int | None = None) -> Plan:
        steps = steps or STEPS
        return Plan(steps, LEARNING_RATE, WARMUP, decay=0.99, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        batch = self.pairs.translations(step, min(BATCH, len(self.pairs.shown)))
        return self.align(batch["ja"], torch.stack([self.targets[name] for name in batch["en"]]))

    def measure(self, model: Words) -> dict[str, float]:
        """How often a Japanese name finds its picture, and before, by the words of the teacher, which know none."""
        scores = name_scores(self.pipeline(model), self.pairs, "ja")
        before = name_scores(self.teacher, self.pairs, "ja")
        return scores | {f"before: {name}": score for name, score in before.items()}
