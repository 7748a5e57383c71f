"""What the recipes of the diffusion priors share: a frozen CLIP's text embeddings into its image embeddings.

Ramesh et al. 2022, section 2.2: the network gives the embedding itself, under a plain squared error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.nets.prior import Prior, PriorConfig
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.prior import PriorSettings, draw_embedding, open_prior, read_texts, save_prior
from t2ilab.recipes.text_to_image import noised
from t2ilab.training.loop import Plan

DROP = 0.1
MEASURED = 8  # batches, for the mean and the deviation of embeddings


@dataclass(frozen=True)
class Numbers:
    """All that tells one prior from another.

    Attributes:
        name: of the model.
        level: of the world.
        clip: of the zoo, or a folder, whose space it learns.
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        width, layers, heads: of its transformer.
        partial: share of the captions, as in `World`.
        cached: so many batches are drawn and embedded when they are first met, and met again and again, in other words
            each time (256 bytes for a picture).
    """

    name: str
    level: str
    clip: str = "clip-storybook"
    steps: int = 2_000
    batch: int = 64
    learning_rate: float = 2e-3
    warmup: int = 100
    width: int = 128
    layers: int = 3
    heads: int = 4
    partial: float = 0.2
    cached: int = 400


class PriorRecipe:
    """Data, net and loss; a recipe adds its numbers, and the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        self.clip = ImageText.from_pretrained(numbers.clip, str(device.device))
        self.clip.model.requires_grad_(False)
        config = self.clip.model.config
        self.world = World(
            size=config.vision.image_size, seed=seed, partial=numbers.partial, japanese=0.0, level=numbers.level
        )
        self.schedule = NoiseSchedule.cosine()
        layout = PriorConfig(config.embed_dim, config.text.context_length, numbers.width, numbers.layers, numbers.heads)
        self.model = device.place(Prior(layout))
        self.kept: dict[int, Tensor] = {}
        known = torch.cat([self.embeddings(i) for i in range(min(MEASURED, numbers.cached))])
        self.model.clip_mean.copy_(known.mean(0, keepdim=True))
        self.model.clip_std.copy_(known.std(0, keepdim=True))

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved prior. Raises ValueError for one of other widths."""
        theirs, _ = open_prior(start)
        if theirs.config != self.model.config:
            raise ValueError(f"{start} has other widths than {self.numbers.name}, so it cannot be its start.")
        self.model.load_state_dict(theirs.state_dict())

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        facts = {"recipe": n.name, "seed": self.seed, "steps": steps or n.steps, "clip": n.clip}
        return Plan(steps or n.steps, n.learning_rate, n.warmup, facts=facts)

    def embeddings(self, index: int) -> Tensor:
        """The image embeddings of the index-th batch (B, D), index below `cached`."""
        if index not in self.kept:
            image = self.world.batch(index, self.numbers.batch, self.device.device)["image"]
            self.kept[index] = self.clip.encode_image(image).half()
        return self.kept[index].float()

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        again, index = divmod(step, self.numbers.cached)
        x0 = self.model.normalise(self.embeddings(index))
        captions = self.world.captions(index, self.numbers.batch, again)
        x0, t, noise, captions = noised(self.seed, step, x0, captions, self.schedule, DROP)
        text, tokens, mask = read_texts(self.clip, captions)
        with self.device.autocast():
            return diffusion_loss(
                lambda x_t, t: self.model(x_t, t, text, tokens, mask), x0, t, noise, self.schedule, "sample"
            )

    def measure(self, model: Prior, count: int = 512) -> dict[str, float]:
        """On captions that training never shows: the cosine of the drawn embedding with the picture's own, with one
        candidate and the best of two, and that of the text's embedding with it; and how often the picture's own is the
        nearest among `count`, from either."""
        world = replace(self.world, seed=self.seed + 1, partial=0.0)
        batch = world.batch(0, count, self.device.device)
        own = self.clip.encode_image(batch["image"])
        text = read_texts(self.clip, batch["caption"])[0]
        found = {"text": text}
        for name, candidates in (("prior", 1), ("best of two", 2)):
            how = PriorSettings(candidates, 1.0)
            found[name] = draw_embedding(self.clip, model, self.schedule, batch["caption"], how, Noise(count, 10_000))
        scores = {f"{name}, cosine": (e * own).sum(-1).mean().item() for name, e in found.items()}
        right = torch.arange(count, device=own.device)
        return scores | {
            f"{name}, nearest": ((e @ own.T).argmax(1) == right).float().mean().item() for name, e in found.items()
        }

    def sheet(self, model: Prior) -> Tensor | None:
        return None

    def save(self, model: Prior, folder: Path) -> None:
        """Writes a folder that diffusers' PriorTransformer opens."""
        save_prior(folder, model, self.schedule)
