"""What recipes share that train from shards: a U-Net from nothing, on latents and embeddings that are there already.

`t2ilab data shards --model NAME` made them with that model's autoencoder and text encoder, which stay as they are; so
nothing but the U-Net computes, and a step reads where it would encode.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.shard_stream import ShardStream
from t2ilab.pipelines.sharding import PairEncoder
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.drawn import LECTURE, shapes_scores, storybook_scores
from t2ilab.recipes.text_to_image import DROP, error_weights, timesteps
from t2ilab.training.loop import Plan
from t2ilab.training.processes import share

SCORES = {"shapes": shapes_scores, "storybook": storybook_scores}  # of a model that knows the words of a level


@dataclass(frozen=True)
class Numbers:
    """All that tells one model from another; whoever runs it may change them (`t2ilab train ... --data FOLDER`).

    Attributes:
        name: of the recipe.
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        unet: the network; None for that of a small model, which fits whatever the shards hold.
        data: the folder of shards.
        lanes: as in `ShardStream`: so many shards are mixed, and in the memory of all processes together.
        skip_missing: train without shards that are missing.
        decay: of the averaged weights.
    """

    name: str
    steps: int
    batch: int
    learning_rate: float
    warmup: int
    unet: UNetConfig | None = None
    data: str | None = None
    lanes: int = 8
    skip_missing: bool = False
    decay: float = 0.999


class ShardedRecipe:
    """Shards, the model that they were made with, and a new U-Net for it; schedule and prediction are that model's."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        if numbers.data is None:
            raise ValueError(
                f"{numbers.name} trains from shards and got none. Make some by `t2ilab data shards --model storybook "
                "--folder FOLDER`, and give --data FOLDER."
            )
        self.shards = ShardStream(numbers.data, numbers.batch, seed, numbers.lanes, numbers.skip_missing)
        known = self.shards.manifest["model"]
        encoder = PairEncoder(known["name"], str(device.device))
        if encoder.describe() != known:
            raise ValueError(
                f"{known['name']} is not what it was when {numbers.data} was made: its weights give another SHA-256. "
                "Make the shards anew, or bring that model back."
            )
        self.encoder, self.size = encoder, self.shards.manifest["source"]["size"]
        one, self.nothing = encoder(torch.zeros(1, 3, self.size, self.size), [""])  # the empty caption's (1, L, D)
        channels, width = one.shape[1], self.nothing.shape[-1]
        layout = numbers.unet or small(channels, width)
        if (layout.in_channels, layout.cross_attention_dim) != (channels, width):
            raise ValueError(
                f"{numbers.name} reads latents of {layout.in_channels} channels and words {layout.cross_attention_dim} "
                f"wide; those of {numbers.data}, by {known['name']}, have {channels} and {width}. Make shards with "
                "another --model, such as a folder of Stable Diffusion 1.5."
            )
        self.model = UNet(layout)
        device.place(self.model)
        self.weights = None
        if encoder.pipe.world is not None:  # as our models are trained; published ones were trained without
            self.weights = error_weights(encoder.pipe.schedule, encoder.pipe.prediction_type).to(device.device)

    def start_from(self, start: str) -> None:
        """Takes over the U-Net of a saved model. Raises ValueError for one of another layout."""
        theirs = TextToImage.from_pretrained(start, str(self.device.device)).unet
        if theirs.config != self.model.config:
            raise ValueError(
                f"The U-Net of {start} has another layout than {self.numbers.name}; it cannot be its start."
            )
        self.model.load_state_dict(theirs.state_dict())

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        facts = {"recipe": n.name, "seed": self.seed, "steps": steps or n.steps, "shards": self.shards.sha256}
        return Plan(steps or n.steps, n.learning_rate, n.warmup, decay=n.decay, facts=facts)

    def loss(self, step: int) -> Tensor:
        """The loss of this process's rows of the step-th batch; all chance comes from the seed and the step, and each
        row's noise from its number beside them, so that nothing is drawn for the rows of others."""
        n, device, pipe = self.numbers, self.device.device, self.encoder.pipe
        rows = share(n.batch)
        x0, context = self.shards.batch(step, rows)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        t = timesteps(n.batch, pipe.schedule, generator)[rows].to(device)
        dropped = (torch.rand(n.batch, generator=generator) < DROP)[rows]
        context = torch.where(dropped[:, None, None], self.nothing.float(), context).to(device)
        first = (self.seed * 1_000_003 + step) * n.batch + rows.start
        noise = Noise(len(x0), first)(*x0.shape[1:]).to(device)
        weights = None if self.weights is None else self.weights[t]
        with self.device.autocast():
            return diffusion_loss(
                lambda x_t, t: self.model(x_t, t, context),
                x0.to(device),
                t,
                noise,
                pipe.schedule,
                pipe.prediction_type,
                weights,
            )

    def pipeline(self, model: UNet) -> TextToImage:
        """The new U-Net with the parts that were there, as something that takes prompts."""
        pipe = copy.copy(self.encoder.pipe)
        pipe.unet, pipe.device, pipe.image_size = model, self.device, self.size
        return pipe

    def sheet(self, model: UNet) -> Tensor:
        """Pictures of fixed prompts (B, 3, size, size) in [-1, 1], to watch while it trains."""
        pipe = self.pipeline(model)
        prompts = World(seed=self.seed, level=pipe.world).prompts(16)[0] if pipe.world else LECTURE
        return pipe(prompts, seed=0, num_inference_steps=10, output_type="pt") * 2 - 1

    def measure(self, model: UNet, count: int = 512) -> dict[str, float]:
        """As the world's models are measured, where it knows the world's words; of another, nothing."""
        pipe = self.pipeline(model)
        return SCORES[pipe.world](pipe, count, self.seed) if pipe.world else {}

    def save(self, model: UNet, folder: Path) -> None:
        self.pipeline(model).save_pretrained(folder)


def small(channels: int, width: int) -> UNetConfig:
    """The U-Net of `storybook`, for latents of so many channels and words so wide."""
    return UNetConfig(
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(64, 96),
        attention=(True, False),
        cross_attention_dim=width,
        text_pooling_heads=4,
        scale_shift=True,
    )
