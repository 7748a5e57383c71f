"""What the recipes of the CLIPs share: two towers that learn from pairs, and words of a second language aligned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.clip.loss import alignment_loss, clip_loss, gathered
from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.device import DeviceManager
from t2ilab.interop.clip import save_words
from t2ilab.nets.text import TextEncoder
from t2ilab.pipelines.image_text import ImageText
from t2ilab.training.processes import parts, share

MAX_SCALE = 100.0  # Radford et al. 2021, section 2.5


class TwoTowers:
    """A CLIP that learns from nothing; a recipe adds its pairs, its plan and how it is measured.

    Args:
        name: of the model.
        device: already seeded.
        seed: of the run.
        tokenizer: of its words.
        config: its layout.
    """

    def __init__(self, name: str, device: DeviceManager, seed: int, tokenizer: CLIPTokenizer, config: CLIPConfig):
        self.name, self.device, self.seed, self.tokenizer = name, device, seed, tokenizer
        self.model = device.place(CLIP(config))

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved CLIP. Raises ValueError for one of other words or widths."""
        theirs = ImageText.from_pretrained(start, str(self.device.device))
        if (theirs.tokenizer.vocab, theirs.model.config) != (self.tokenizer.vocab, self.model.config):
            raise ValueError(f"{start} has other words or widths than {self.name}, so it cannot be its start.")
        self.model.load_state_dict(theirs.model.state_dict())

    def contrast(self, pictures: Tensor, captions: list[str], row: int | None = None) -> Tensor:
        """The loss of pictures (B, 3, size, size) in [-1, 1], on the device, and their B captions.

        Each picture is compared with all captions, or where a `row` is given with those of its own row alone: a batch
        is cut into rows of so many pairs, the last of which may be shorter, and a pair counts the same in each.
        Of several processes each encodes its rows, and compares those of all. Raises ValueError where the batch is met
        in parts: pictures would be compared with the texts of their own part alone, which is another loss."""
        if parts() > 1:
            raise ValueError(
                f"A contrastive loss compares a whole batch and is not met in parts; got {parts()}. Leave --accumulate "
                "out; several --processes compare what all of them hold."
            )
        rows = share(len(captions))
        pictures, ids = pictures[rows], self.tokenizer(captions[rows]).to(self.device.device)
        with self.device.autocast():
            images, texts = self.model.encode_image(pictures), self.model.encode_text(ids)
        scale = self.model.logit_scale.exp().clamp(max=MAX_SCALE)
        images, texts = (gathered(x.float()).split(row or len(captions)) for x in (images, texts))
        losses = [len(some) * clip_loss(some, their, scale) for some, their in zip(images, texts, strict=True)]
        return torch.stack(losses).sum() / len(captions)

    def pipeline(self, model: CLIP) -> ImageText:
        """The trained parts as something that takes pictures and texts."""
        return ImageText(model, self.tokenizer, device=self.device)

    def sheet(self, model: CLIP) -> Tensor | None:
        return None

    def save(self, model: CLIP, folder: Path) -> None:
        self.pipeline(model).save_pretrained(folder, torch.float16)


class Words(nn.Module):
    """A CLIP's tower of words alone, and the way into the common space."""

    def __init__(self, config: CLIPConfig):
        super().__init__()
        self.text_model = TextEncoder(config.text)
        self.text_projection = nn.Linear(config.text.width, config.embed_dim, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, L) -> (B, embed_dim)."""
        return self.text_projection(self.text_model.pooled(ids))


class AlignedWords:
    """A tower of words that learns from texts alone what another one, which stays as it is, says of their translation.

    Args:
        device: already seeded.
        seed: of the run.
        teacher: the CLIP whose space it learns.
        tokenizer: of the student's words; by default the teacher's.
    """

    def __init__(self, device: DeviceManager, seed: int, teacher: ImageText, tokenizer: CLIPTokenizer | None = None):
        self.device, self.seed, self.teacher = device, seed, teacher
        self.tokenizer = tokenizer or teacher.tokenizer
        self.teacher.model.requires_grad_(False)
        theirs = teacher.model.config
        words: dict[str, Any] = {
            "vocab_size": len(self.tokenizer.vocab),
            "context_length": self.tokenizer.context_length,
        }
        self.model = device.place(Words(replace(theirs, text=replace(theirs.text, **words))))

    def start_from(self, start: str) -> None:
        """Takes over a tower of words. Raises ValueError for one of another width."""
        theirs = self.teacher.with_words(start).model
        self.model.text_model.load_state_dict(theirs.text_model.state_dict())
        self.model.text_projection.load_state_dict(theirs.text_projection.state_dict())

    def align(self, texts: list[str], teacher: Tensor) -> Tensor:
        """The loss of B texts whose translations are (B, D) to the teacher, or of this process's share of them."""
        rows = share(len(texts))
        ids, teacher = self.tokenizer(texts[rows]).to(self.device.device), teacher[rows]
        with self.device.autocast():
            student = self.model(ids)
        return alignment_loss(student.float(), teacher)

    def pipeline(self, model: Words) -> ImageText:
        """The student's words beside the teacher's pictures."""
        theirs = self.teacher.model
        clip = CLIP(replace(theirs.config, text=model.text_model.config))
        clip.text_model, clip.text_projection = model.text_model, model.text_projection
        clip.vision_model, clip.visual_projection = theirs.vision_model, theirs.visual_projection
        clip.logit_scale = theirs.logit_scale
        return ImageText(clip, self.tokenizer, device=self.device)

    def sheet(self, model: Words) -> Tensor | None:
        return None

    def save(self, model: Words, folder: Path) -> None:
        save_words(folder, self.pipeline(model).model, self.tokenizer, torch.float16)
