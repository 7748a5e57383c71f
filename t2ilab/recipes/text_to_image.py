"""What the recipes of the text-to-image models share: words to pictures of one level of the world, on two CPU cores.

In pixels or in the latents of an autoencoder, it is the same loss of the same class of network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import BEHIND, vocabulary
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.autoencoder import open_vae
from t2ilab.recipes.latents import Latents
from t2ilab.training.loop import Plan
from t2ilab.training.processes import share

MAX_WEIGHT = 5.0
DROP = 0.1  # captions left empty, which teaches the unconditional half of guidance


@dataclass(frozen=True)
class Numbers:
    """All that tells one model from another.

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
        usual: the share of drawn things in their usual colours, as in `World`.
        behind: the share of captions that say two colours after their thing, as in `World`.
        brief: of the partial captions of one thing, the share that say no more than people type, as in `World`.
        size: of the pictures, in pixels a side.
        prediction_type: what the network is to give. "sample" suits pixels: of pictures there are few kinds, so they
            are easier for a small network than noise of every kind.
        vae: the zoo's autoencoder, or a folder with one, in whose latents it works; None for pixels.
        cached: so many batches of latents are made once and met again and again, in other words each time; 0 makes each
            anew, and pixels always are.
        guidance_scale: that it is drawn with where its caller does not say.
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
    usual: float = 0.35
    behind: float = BEHIND
    brief: float = 0.0
    size: int = 32
    prediction_type: str = "sample"
    vae: str | None = None
    cached: int = 0
    guidance_scale: float = 3.0


class Model(nn.Module):
    """The two networks that learn together."""

    def __init__(self, unet: UNet, text_encoder: TextEncoder):
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder


class TextToImageRecipe:
    """Data, net and loss; a recipe adds its numbers and how it is measured, and the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        shares = ("japanese", "two_colors", "usual", "behind", "brief")
        language = {name: getattr(numbers, name) for name in ("level", *shares)}
        self.whole = World(size=numbers.size, seed=seed, partial=0.0, **language)
        self.world = World(size=numbers.size, seed=seed, partial=numbers.partial, **language)
        # Half of the linear schedule's timesteps show next to nothing of the picture; the cosine's spend more where the
        # shape is decided (Nichol & Dhariwal 2021, section 3.2).
        self.schedule = NoiseSchedule.cosine()
        self.weights = error_weights(self.schedule, numbers.prediction_type).to(device.device)
        self.tokenizer = CLIPTokenizer.train(vocabulary(numbers.level), numbers.context_length)
        text = TextConfig(
            len(self.tokenizer.vocab), numbers.context_length, numbers.unet.cross_attention_dim, numbers.text_layers
        )
        self.model = Model(UNet(numbers.unet), TextEncoder(text))
        device.place(self.model)
        self.vae = open_vae(numbers.vae, device, numbers.unet.in_channels) if numbers.vae is not None else None
        self.latents = Latents(self.whole, self.vae, numbers.batch, numbers.cached, device) if self.vae else None

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved model. Raises ValueError for one of other words or widths."""
        pipe = TextToImage.from_pretrained(start, str(self.device.device))
        theirs = pipe.tokenizer.vocab, pipe.text_encoder.config, pipe.unet.config
        if theirs != (self.tokenizer.vocab, self.model.text_encoder.config, self.numbers.unet):
            raise ValueError(f"{start} has other words or widths than {self.numbers.name}, so it cannot be its start.")
        self.model.unet.load_state_dict(pipe.unet.state_dict())
        self.model.text_encoder.load_state_dict(pipe.text_encoder.state_dict())

    def goes_on(self, start: str) -> None:
        """A start knows its words, so captions may be partial at once."""
        self.numbers = replace(self.numbers, whole=0)

    def plan(self, steps: int | None = None) -> Plan:
        steps = steps or self.numbers.steps
        facts = {"recipe": self.numbers.name, "seed": self.seed, "steps": steps}
        return Plan(steps, self.numbers.learning_rate, self.numbers.warmup, facts=facts)

    def batch(self, step: int) -> dict[str, Any]:
        """The step-th batch, {"x0": (B, C, h, w), "caption": B strings}, with full captions in the first steps."""
        world = self.whole if step < self.numbers.whole else self.world
        if self.latents is None:
            batch = world.batch(step, self.numbers.batch, self.device.device)
            return {"x0": batch["image"], "caption": batch["caption"]}
        index, again = divmod(step, self.numbers.cached)[::-1] if self.numbers.cached else (step, 0)
        return {"x0": self.latents(index), "caption": world.captions(index, self.numbers.batch, again)}

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch, or of this process's share; its chance comes from the seed and the step."""
        device, batch = self.device.device, self.batch(step)
        x0, t, noise, captions = noised(self.seed, step, batch["x0"], batch["caption"], self.schedule, DROP)
        with self.device.autocast():
            context = self.model.text_encoder(self.tokenizer(captions).to(device))
            return diffusion_loss(
                lambda x_t, t: self.model.unet(x_t, t, context),
                x0,
                t,
                noise,
                self.schedule,
                self.numbers.prediction_type,
                self.weights[t],
            )

    def pipeline(self, model: Model) -> TextToImage:
        """The trained parts as something that takes prompts."""
        return TextToImage(
            model.unet,
            model.text_encoder,
            self.tokenizer,
            self.schedule,
            self.numbers.prediction_type,
            self.world.size,
            self.device,
            self.numbers.level,
            self.vae,
            guidance_scale=self.numbers.guidance_scale,
        )

    def sheet(self, model: Model) -> Tensor:
        """Sixteen pictures of fixed prompts (16, 3, size, size) in [-1, 1], to watch while it trains."""
        prompts, _ = World(seed=self.seed, level=self.numbers.level).prompts(16)
        return self.pipeline(model)(prompts, seed=0, num_inference_steps=10, output_type="pt") * 2 - 1

    def save(self, model: Model, folder: Path) -> None:
        self.pipeline(model).save_pretrained(folder)


def noised(
    seed: int, step: int, x0: Tensor, captions: list[str], schedule: NoiseSchedule, drop: float
) -> tuple[Tensor, Tensor, Tensor, list[str]]:
    """What a step's loss is of, all chance from the seed and the step: x0 (B, ...), timesteps (B,), noise like x0, and
    captions, of which such a share is left empty. Of several processes each gets its rows of the same batch."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    t = timesteps(len(x0), schedule, generator).to(x0.device)
    noise = torch.randn(x0.shape, generator=generator).to(x0.device)
    dropped = (torch.rand(len(x0), generator=generator) < drop).tolist()
    captions = ["" if d else caption for d, caption in zip(dropped, captions, strict=True)]
    rows = share(len(x0))
    return x0[rows], t[rows], noise[rows], captions[rows]


def timesteps(count: int, schedule: NoiseSchedule, generator: torch.Generator) -> Tensor:
    """Timesteps (count,), one in each of so many equal parts, so that every batch sees every noise level."""
    u = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    # In float32 the last of u may be rounded up to 1.
    return (u * schedule.num_train_timesteps).long().clamp(max=schedule.num_train_timesteps - 1)


def error_weights(schedule: NoiseSchedule, prediction_type: str) -> Tensor:
    """Weights (T,) that count an error of the picture snr + 1 times, as an unweighted error of the velocity would.

    Capped, or the last bit of noise would be all that is learnt. The errors of velocity and noise are snr + 1 and snr
    times that of the picture, so for them the weight is divided by as much (Hang et al. 2023, section 3.4).
    """
    wanted, snr = (schedule.snr + 1).clamp(max=MAX_WEIGHT), schedule.snr
    return {"sample": wanted, "v_prediction": wanted / (snr + 1), "epsilon": wanted / snr}[prediction_type]
