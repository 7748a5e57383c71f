"""What the recipes of the pixel models share: text to 32x32 pictures of one level of the world, on two CPU cores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.training.loop import Plan

PREDICTION = "sample"  # the picture itself: of few kinds, so easier for a small network than noise of every kind
MAX_WEIGHT = 5.0
DROP = 0.1  # captions left empty, which teaches the unconditional half of guidance


@dataclass(frozen=True)
class Numbers:
    """All that tells one pixel model from another.

    Attributes:
        name: of the model.
        level: of the world.
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        whole: steps with full captions only: much is learnt sooner while nothing is left unsaid.
        partial: after that, the share of captions that leave something unsaid.
        japanese: the share of captions in Japanese; every word of each language has to be learnt.
        context_length: tokens of the longest caption.
        unet: the network.
        text_layers: of the text encoder.
        two_colors: the share of things in two colours, as in `World`; rarer, and no model learns to heed them.
    """

    name: str
    level: str
    steps: int
    batch: int
    learning_rate: float
    warmup: int
    whole: int
    partial: float
    japanese: float
    context_length: int
    unet: UNetConfig
    text_layers: int = 2
    two_colors: float = 0.6


class Model(nn.Module):
    """The two networks that learn together."""

    def __init__(self, unet: UNet, text_encoder: TextEncoder):
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder


class PixelRecipe:
    """Data, net and loss; a recipe adds its numbers and how it is measured, and the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        language = {"level": numbers.level, "japanese": numbers.japanese, "two_colors": numbers.two_colors}
        self.whole = World(size=32, seed=seed, partial=0.0, **language)  # type: ignore[arg-type]
        self.world = World(size=32, seed=seed, partial=numbers.partial, **language)  # type: ignore[arg-type]
        # Half of the linear schedule's timesteps show next to nothing of the picture; the cosine's spend more where the
        # shape is decided (Nichol & Dhariwal 2021, section 3.2).
        self.schedule = NoiseSchedule.cosine()
        # The error of the velocity is snr + 1 times that of the picture; capped, or the last bit of noise would be all.
        self.weights = (self.schedule.snr + 1).clamp(max=MAX_WEIGHT).to(device.device)
        self.tokenizer = CLIPTokenizer.train(vocabulary(numbers.level), numbers.context_length)
        text = TextConfig(
            len(self.tokenizer.vocab), numbers.context_length, numbers.unet.cross_attention_dim, numbers.text_layers
        )
        self.model = Model(UNet(numbers.unet), TextEncoder(text))
        device.place(self.model)

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved model. Raises ValueError for one of other words or widths."""
        pipe = TextToImage.from_pretrained(start, str(self.device.device))
        theirs = pipe.tokenizer.vocab, pipe.text_encoder.config, pipe.unet.config
        if theirs != (self.tokenizer.vocab, self.model.text_encoder.config, self.numbers.unet):
            raise ValueError(f"{start} has other words or widths than {self.numbers.name}, so it cannot be its start.")
        self.model.unet.load_state_dict(pipe.unet.state_dict())
        self.model.text_encoder.load_state_dict(pipe.text_encoder.state_dict())
        self.numbers = replace(self.numbers, whole=0)  # it knows its words, so captions may be partial at once

    def plan(self, steps: int | None = None) -> Plan:
        steps = steps or self.numbers.steps
        facts = {"recipe": self.numbers.name, "seed": self.seed, "steps": steps}
        return Plan(steps, self.numbers.learning_rate, self.numbers.warmup, facts=facts)

    def batch(self, step: int) -> dict[str, Any]:
        """The step-th batch of the world, with full captions in the first steps."""
        world = self.whole if step < self.numbers.whole else self.world
        return world.batch(step, self.numbers.batch, self.device.device)

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        device, batch, count = self.device.device, self.batch(step), self.numbers.batch
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        # One timestep in each of so many equal parts, so that every batch sees every noise level.
        u = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        t = (u * self.schedule.num_train_timesteps).long().to(device)
        noise = torch.randn(batch["image"].shape, generator=generator).to(device)
        dropped = (torch.rand(count, generator=generator) < DROP).tolist()
        captions = ["" if d else caption for d, caption in zip(dropped, batch["caption"], strict=True)]
        with self.device.autocast():
            context = self.model.text_encoder(self.tokenizer(captions).to(device))
            return diffusion_loss(
                lambda x_t, t: self.model.unet(x_t, t, context),
                batch["image"],
                t,
                noise,
                self.schedule,
                PREDICTION,
                self.weights[t],
            )

    def pipeline(self, model: Model) -> TextToImage:
        """The trained parts as something that takes prompts."""
        return TextToImage(
            model.unet,
            model.text_encoder,
            self.tokenizer,
            self.schedule,
            PREDICTION,
            self.world.size,
            self.device,
            self.numbers.level,
        )

    def sheet(self, model: Model) -> Tensor:
        """Sixteen pictures of fixed prompts (16, 3, 32, 32) in [-1, 1], to watch while it trains."""
        prompts, _ = World(seed=self.seed, level=self.numbers.level).prompts(16)
        return self.pipeline(model)(prompts, seed=0, num_inference_steps=10, output_type="pt") * 2 - 1

    def save(self, model: Model, folder: Path) -> None:
        self.pipeline(model).save_pretrained(folder)
