"""`clip-emoji`: a two-tower CLIP of emoji and their English names, trained from nothing on one CPU core."""

from __future__ import annotations

from torch import Tensor

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.emoji_pairs import EmojiPairs
from t2ilab.device import DeviceManager
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.recipes.recognition import name_scores
from t2ilab.recipes.towers import TwoTowers
from t2ilab.training.loop import Plan

NAME = "clip-emoji"
STEPS = 2500
BATCH = 128
LEARNING_RATE = 5e-3  # in a trial with 64 emoji 2e-3 took 140 steps for what this took 80
WARMUP = 50
CONTEXT_LENGTH = 32
VISION = VisionConfig(image_size=32, patch_size=4, width=96, layers=3, heads=3)
TEXT_WIDTH = 64
EMBED_DIM = 128

DATA = (
    "Some 1,550 emoji of a colour emoji font, drawn anew at every step in other sizes, places, colours and on other "
    "backgrounds, with English names, alone and in sentences; the emoji package's names."
)
LIMITS = (
    "Emoji of one font, brought to 32x32, and English words of their names. One emoji in ten (no flag), some aliases "
    "and some sentences were kept from training; of a picture that it never saw it finds some names, not most."
)


class Recipe(TwoTowers):
    """Data, model and loss; the runner does the rest.

    Raises:
        FileNotFoundError: there is no colour emoji font, with the command that installs one.
    """

    def __init__(self, device: DeviceManager, seed: int = 0):
        device.seed(seed)
        self.pairs = EmojiPairs(seed)
        tokenizer = CLIPTokenizer.train(self.pairs.vocabulary("en"), CONTEXT_LENGTH)
        text = TextConfig(len(tokenizer.vocab), CONTEXT_LENGTH, TEXT_WIDTH, layers=2, heads=4)
        super().__init__(NAME, device, seed, tokenizer, CLIPConfig(text, VISION, EMBED_DIM))

    def plan(self, steps: int | None = None) -> Plan:
        steps = steps or STEPS
        return Plan(steps, LEARNING_RATE, WARMUP, decay=0.99, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        batch = self.pairs.batch(step, min(BATCH, len(self.pairs.shown)))
        return self.contrast(batch["image"].to(self.device.device), batch["caption"])

    def measure(self, model: CLIP) -> dict[str, float]:
        """How often an English name finds its picture; in Japanese, which it never read, see `clip-emoji-ja`."""
        return name_scores(self.pipeline(model), self.pairs, "en")
