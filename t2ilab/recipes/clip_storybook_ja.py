"""`clip-storybook-ja`: Japanese words in the space of `clip-storybook`, learnt from translations without a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from t2ilab.clip.loss import alignment_loss
from t2ilab.clip.model import CLIP
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.interop.clip import save_words
from t2ilab.pipelines.image_text import ImageText
from t2ilab.recipes.recognition import retrieval_scores, zero_shot_scores
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


class Recipe:
    """Data, model and loss; the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int = 0, teacher: str | Path = TEACHER):
        device.seed(seed)
        self.device, self.seed = device, seed
        self.world = World(seed=seed, partial=PARTIAL, level="storybook")
        self.teacher = ImageText.from_pretrained(teacher, str(device.device))
        self.tokenizer = self.teacher.tokenizer  # its words are those of both languages
        # The student is a CLIP with the teacher's pictures, which stay as they are, and words of its own.
        self.model = CLIP(replace(self.teacher.model.config))
        self.model.vision_model = self.teacher.model.vision_model
        self.model.visual_projection = self.teacher.model.visual_projection
        self.model.logit_scale = self.teacher.model.logit_scale
        self.teacher.model.requires_grad_(False)
        device.place(self.model)

    def start_from(self, start: str) -> None:
        """Takes over a tower of words. Raises ValueError for one of another width."""
        theirs = self.teacher.with_words(start).model
        self.model.text_model.load_state_dict(theirs.text_model.state_dict())
        self.model.text_projection.load_state_dict(theirs.text_projection.state_dict())

    def plan(self, steps: int | None = None) -> Plan:
        steps = steps or STEPS
        return Plan(steps, LEARNING_RATE, WARMUP, decay=0.99, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        captions = self.world.translations(step, BATCH)
        teacher = self.teacher.encode_text(captions["en"]).clone()  # made without gradients
        ids = self.tokenizer(captions["ja"]).to(self.device.device)
        with self.device.autocast():
            student = self.model.encode_text(ids)
        return alignment_loss(student.float(), teacher)

    def measure(self, model: CLIP, count: int = 1000) -> dict[str, float]:
        """What `clip-storybook` is measured by, in Japanese."""
        clip = ImageText(model, self.tokenizer, device=self.device)
        return zero_shot_scores(clip, "ja", count, self.seed) | retrieval_scores(clip, "ja", count, self.seed)

    def sheet(self, model: CLIP) -> Tensor | None:
        return None

    def save(self, model: CLIP, folder: Path) -> None:
        save_words(folder, model, self.tokenizer, torch.float16)
