"""What the recipes of unCLIP's and the cascade's stages share: pictures of one size, from words or from an embedding.

A super-resolution reads the same picture made small besides, with noise of a level that is drawn anew for each, and is
told of it (Saharia et al. 2022, section 2.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab import zoo
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.augmentation import augment_low_res, augmentation_timesteps, low_res_scalings
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.metrics import faithfulness
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.cascade import Reading
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.stage import Guidance, Stage, enlarged, predicted
from t2ilab.recipes.autoencoder import psnr
from t2ilab.recipes.text_to_image import error_weights, noised
from t2ilab.training.loop import Plan
from t2ilab.training.processes import share

DECAY = 0.995  # of the averaged weights
DROP = 0.1  # of the conditions, which teaches the unconditional half of guidance
TOGETHER = 64  # pictures drawn at a time
DRAWN = 32  # pixels a side at least; what is smaller is shrunk, as a super-resolution's small pictures are
READABLE = 64  # pixels a side, at which the reader reads what is smaller


@dataclass(frozen=True)
class Numbers:
    """All that tells one stage from another.

    Attributes:
        name: of the model.
        level: of the world.
        size: of its pictures, in pixels a side.
        unet: the network.
        told: the language model, or the CLIP, of the zoo that tells it what to draw, or a folder.
        from_size: of the small picture that it enlarges; 0 for a first stage.
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        whole: steps with full captions only, before such a share is partial.
        partial, japanese, two_colors, usual: shares of the captions and of the scenes, as in `World`.
        prediction_type: what the network gives.
        cached: so many batches are drawn when they are first met, and met again and again, in other words each time
            (12 kilobytes for a picture of 64x64); 0 draws each anew.
    """

    name: str
    level: str
    size: int
    unet: UNetConfig
    told: str
    from_size: int = 0
    steps: int = 2_000
    batch: int = 32
    learning_rate: float = 3e-3
    warmup: int = 200
    whole: int = 1_000
    partial: float = 0.2
    japanese: float = 0.25
    two_colors: float = 0.6
    usual: float = 0.35
    prediction_type: str = "sample"
    cached: int = 0


class StageRecipe:
    """Data, net and loss; a recipe adds its numbers, and the runner does the rest.

    Raises:
        ValueError: what tells it what to draw is neither in the zoo nor a folder.
    """

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        if numbers.told not in zoo.names() and not Path(numbers.told).is_dir():
            usual = "clip-storybook" if numbers.unet.image_embed_dim else f"language-{numbers.level}"
            raise ValueError(
                f"{numbers.name} is told what to draw by {numbers.told!r}, which is neither in the zoo nor a folder. "
                f"Train one by `t2ilab train {usual}`, and give its model/ folder with --told."
            )
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        self.by_image = bool(numbers.unet.image_embed_dim)
        self.reading = None if self.by_image else Reading.from_pretrained(numbers.told, device)
        self.clip = ImageText.from_pretrained(numbers.told, str(device.device)) if self.by_image else None
        colors = {"two_colors": numbers.two_colors, "usual": numbers.usual}
        self.whole, self.world = self._world(0.0, **colors), self._world(numbers.partial, **colors)
        self.schedule = NoiseSchedule.cosine()
        self.weights = error_weights(self.schedule, numbers.prediction_type).to(device.device)
        self.model = device.place(UNet(numbers.unet))
        if numbers.from_size:  # begins with the small picture as it is
            for p in self.model.conv_out.parameters():
                nn.init.zeros_(p)
        self.kept: dict[int, Tensor] = {}

    def _world(self, partial: float, **others: Any) -> World:
        n = self.numbers
        values = {"size": max(DRAWN, n.size), "seed": self.seed, "partial": partial, "japanese": n.japanese}
        return World(**(values | {"level": n.level} | others))

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved stage. Raises ValueError for one of another layout."""
        theirs = Stage.from_pretrained(start, self.device).unet
        if theirs.config != self.numbers.unet:
            raise ValueError(f"{start} has another layout than {self.numbers.name}, so it cannot be its start.")
        self.model.load_state_dict(theirs.state_dict())

    def goes_on(self, start: str) -> None:
        """A start knows its words, so captions may be partial at once."""
        self.numbers = replace(self.numbers, whole=0)

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        facts = {"recipe": n.name, "seed": self.seed, "steps": steps or n.steps}
        return Plan(steps or n.steps, n.learning_rate, n.warmup, decay=DECAY, facts=facts)

    def batch(self, step: int) -> dict[str, Any]:
        """The step-th batch, {"image": (B, 3, size, size) in [-1, 1], "caption": B strings}."""
        n = self.numbers
        world = self.whole if step < n.whole else self.world
        again, index = divmod(step, n.cached) if n.cached else (0, step)
        if index not in self.kept or not n.cached:
            image = shrunk(world.batch(index, n.batch, self.device.device)["image"], n.size)
            if not n.cached:
                return {"image": image, "caption": world.captions(index, n.batch)}
            self.kept[index] = ((image + 1) * 127.5).round().to(torch.uint8)
        return {"image": self.kept[index] / 127.5 - 1, "caption": world.captions(index, n.batch, again)}

    def tell(self, captions: Sequence[str], image: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the network is told: of captions, tokens and their mask; or of pictures, embeddings (B, D), zero where
        the caption is empty."""
        if self.reading is not None:
            return self.reading(captions)
        assert self.clip is not None
        kept = torch.tensor([bool(caption) for caption in captions], device=image.device)
        return self.clip.encode_image(image) * kept[:, None], None

    def spoilt(self, image: Tensor, step: int) -> tuple[Tensor | None, Tensor | None]:
        """The pictures made small, with noise of levels in [0, 1], and what the network is told of it (B,)."""
        if not self.numbers.from_size:
            return None, None
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + step) ^ 0x5EED)
        low_res = shrunk(image, self.numbers.from_size)
        levels = torch.rand(len(image), generator=generator)
        noise = torch.randn(low_res.shape, generator=generator).to(image.device)
        told = augmentation_timesteps(levels, self.schedule, len(image)).to(image.device) + 1
        return augment_low_res(low_res, levels, noise, self.schedule), told

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        batch = self.batch(step)
        rows = share(len(batch["image"]))
        low_res, levels = (one if one is None else one[rows] for one in self.spoilt(batch["image"], step))
        image, t, noise, captions = noised(self.seed, step, batch["image"], batch["caption"], self.schedule, DROP)
        context, mask = self.tell(captions, image)

        def net(x_t: Tensor, t: Tensor) -> Tensor:
            return predicted(self.model, self.schedule, x_t, t, context, mask, low_res, levels)

        n, weights = self.numbers, self.weights[t]
        if levels is not None:
            weights = weights / low_res_scalings(levels - 1, self.schedule)[1] ** 2
        with self.device.autocast():
            return diffusion_loss(net, image, t, noise, self.schedule, n.prediction_type, weights)

    def stage(self, model: UNet) -> Stage:
        """The network as something that draws."""
        return Stage(model, self.schedule, self.numbers.prediction_type, self.numbers.size, self.device)

    def drawn(self, model: UNet, captions: Sequence[str], image: Tensor, how: Guidance, seed: int = 10_000) -> Tensor:
        """Pictures (B, 3, size, size) in [-1, 1] of captions, or of pictures' embeddings; a super-resolution enlarges
        these pictures made small."""
        stage, drawn = self.stage(model), []
        for first in range(0, len(captions), TOGETHER):
            some, said = image[first : first + TOGETHER], captions[first : first + TOGETHER]
            told, mask = self.tell(said, some)
            untold, nothing = self.tell([""] * len(said), some)
            if mask is not None and nothing is not None and how.guidance_scale != 1:
                mask = torch.cat([nothing, mask])
            low_res = shrunk(some, self.numbers.from_size) if self.numbers.from_size else None
            noise = Noise(len(said), seed + first)
            with torch.no_grad():
                drawn.append(stage.draw(told, untold, how, noise, low_res, mask))
        return torch.cat(drawn).clamp(-1, 1)

    def measure(self, model: UNet, count: int = 256) -> dict[str, float]:
        """How often the reader reads all that was asked, in pictures enlarged to 64x64 where they are smaller: as drawn
        at two guidance scales, and in the world's own; how near CLIP finds them to what they were made of; and how near
        a super-resolution stays to what it was given (dB)."""
        batch = self._world(0.0, japanese=0.0, seed=self.seed + 1).batch(0, count, self.device.device)
        image, captions, scenes = shrunk(batch["image"], self.numbers.size), batch["caption"], batch["scene"]
        scores = {}
        for scale in (1.0, 3.0):
            drawn = self.drawn(model, captions, image, Guidance(scale))
            scores[f"guidance {scale:g}"] = faithfulness(readable(drawn), scenes).all
            if self.clip is not None:
                seen, made_of = self.clip.encode_image(drawn), self.clip.encode_image(image)
                scores[f"guidance {scale:g}, cosine of embeddings"] = (seen * made_of).sum(-1).mean().item()
            if small := self.numbers.from_size:
                kept = psnr(shrunk(drawn, small), shrunk(image, small))
                scores[f"guidance {scale:g}, made small again (dB)"] = kept.mean().item()
        return scores | {"of the world": faithfulness(readable(image), scenes).all}

    def sheet(self, model: UNet) -> Tensor:
        """Sixteen pictures of fixed prompts (16, 3, size, size) in [-1, 1], to watch while it trains."""
        batch = self._world(0.0, seed=self.seed + 1).batch(0, 16, self.device.device)
        return self.drawn(model, batch["caption"], shrunk(batch["image"], self.numbers.size), Guidance(3.0, 10))

    def save(self, model: UNet, folder: Path) -> None:
        self.stage(model).save_pretrained(folder)


def shrunk(image: Tensor, size: int) -> Tensor:
    """Pictures (B, 3, H, H) -> (B, 3, size, size), each pixel the mean of those that it covers."""
    return image if image.shape[-1] == size else F.interpolate(image, size=(size, size), mode="area")


def readable(image: Tensor) -> Tensor:
    """Pictures as the reader can read them, at least 64x64."""
    return image if image.shape[-1] >= READABLE else enlarged(image, READABLE)
