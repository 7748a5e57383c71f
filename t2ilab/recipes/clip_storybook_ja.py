"""`clip-storybook-ja`: Japanese words in the space of `clip-storybook`, learnt from translations without a picture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from t2ilab.clip.loss import alignment_loss
from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.interop.clip import save_words
from t2ilab.nets.text import TextEncoder
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


class Words(nn.Module):
    """A CLIP's tower of words alone, and the way into the common space."""

    def __init__(self, config: CLIPConfig):
        super().__init__()
        self.text_model = TextEncoder(config.text)
        self.text_projection = nn.Linear(config.text.width, config.embed_dim, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, L) -> (B, embed_dim)."""
        return self.text_projection(self.text_model.pooled(ids))


class Recipe:
    """Data, model and loss; the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int = 0, teacher: str | Path = TEACHER):
        device.seed(seed)
        self.device, self.seed = device, seed
        self.world = World(seed=seed, partial=PARTIAL, level="storybook")
        self.teacher = ImageText.from_pretrained(teacher, str(device.device))
        self.tokenizer = self.teacher.tokenizer  # its words are those of both languages
        self.teacher.model.requires_grad_(False)
        self.model = device.place(Words(self.teacher.model.config))

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
            student = self.model(ids)
        return alignment_loss(student.float(), teacher)

    def pipeline(self, model: Words) -> ImageText:
        """The student's words beside the teacher's pictures."""
        clip = CLIP(self.teacher.model.config)
        clip.text_model, clip.text_projection = model.text_model, model.text_projection
        clip.vision_model = self.teacher.model.vision_model
        clip.visual_projection = self.teacher.model.visual_projection
        clip.logit_scale = self.teacher.model.logit_scale
        return ImageText(clip, self.tokenizer, device=self.device)

    def measure(self, model: Words, count: int = 1000) -> dict[str, float]:
        """What `clip-storybook` is measured by, in Japanese, and retrieval by its own words, which know none."""
        clip = self.pipeline(model)
        scores = zero_shot_scores(clip, "ja", count, self.seed) | retrieval_scores(clip, "ja", count, self.seed)
        before = retrieval_scores(self.teacher, "ja", count, self.seed)
        return scores | {f"before: {name}": score for name, score in before.items()}

    def sheet(self, model: Words) -> Tensor | None:
        return None

    def save(self, model: Words, folder: Path) -> None:
        save_words(folder, self.pipeline(model).model, self.tokenizer, torch.float16)
