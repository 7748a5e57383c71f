"""`upscaler`: 16x16 pictures of the storybook into 64x64, in latents, as Stable Diffusion's 4x upscaler does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.augmentation import LowResNoise
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.interop.stable_diffusion import UPSCALING_FACTOR
from t2ilab.metrics import faithfulness
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.pipelines.upscaling import reading_small_picture, upscale
from t2ilab.recipes.autoencoder import open_vae, psnr
from t2ilab.recipes.reader import told
from t2ilab.recipes.stages import shrunk
from t2ilab.recipes.text_to_image import error_weights, noised
from t2ilab.training.loop import Plan
from t2ilab.training.processes import share

NAME, STEPS = "upscaler", 3_000
DATA = (
    "32,000 scenes of the storybook as latents of vae-upscaler, beside the same shrunk to 16x16 with noise of every "
    "level up to the highest, in new words each time they are met; half of the captions empty."
)
LIMITS = "16x16 pictures of this world into 64x64; of others it makes what this world would have there."
SIZE = 64  # pixels a side that it draws
TOGETHER = 64  # pictures drawn at a time
LEVELS = (0, 20, 60)  # of noise, at which it is measured

UNET = UNetConfig(
    in_channels=7,
    out_channels=4,
    block_out_channels=(32, 64),
    attention=(False, True),
    cross_attention_dim=96,
    text_pooling_heads=4,
    scale_shift=True,
    num_class_embeds=101,
)


@dataclass(frozen=True)
class Numbers:
    """All that tells one upscaler from another.

    Attributes:
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        level: of the world.
        words: the model of the zoo, or the folder, whose text encoder it reads with.
        vae: in whose latents it works.
        unet: the network; it is told of as many levels of noise as it has classes.
        drop, partial, japanese: shares of the captions: left empty, since the small picture says most, and as in
            `World`.
        cached: so many batches are drawn and encoded when they are first met, and met again and again (3 kilobytes for
            a picture).
    """

    steps: int = STEPS
    batch: int = 32
    learning_rate: float = 3e-3
    warmup: int = 200
    level: str = "storybook"
    words: str = "storybook"
    vae: str = "vae-upscaler"
    unet: UNetConfig = UNET
    drop: float = 0.5
    partial: float = 0.2
    japanese: float = 0.25
    cached: int = 1_000


NUMBERS = Numbers()


class Recipe:
    """Data, net and loss, and how much better it enlarges than a formula does."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        self.words = TextToImage.from_pretrained(numbers.words, str(device.device))
        self.words.text_encoder.requires_grad_(False)
        # Three channels are the small picture's, the others x_t's.
        vae = open_vae(numbers.vae, device, numbers.unet.in_channels - 3)
        self.vae = vae.scaled_to(UPSCALING_FACTOR).requires_grad_(False)
        self.world = self._world(seed, numbers.partial, numbers.japanese)
        self.schedule = NoiseSchedule.cosine()
        self.low_res_noise = LowResNoise(NoiseSchedule.cosine(), numbers.unet.num_class_embeds - 1)
        self.weights = error_weights(self.schedule, "v_prediction").to(device.device)
        self.model = device.place(UNet(numbers.unet))
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}

    def _world(self, seed: int, partial: float = 0.0, japanese: float = 0.0) -> World:
        return World(size=SIZE, seed=seed, level=self.numbers.level, partial=partial, japanese=japanese)

    def start_from(self, start: str) -> None:
        """Takes over the U-Net of a saved upscaler. Raises ValueError for one of other widths."""
        theirs = TextToImage.from_pretrained(start, str(self.device.device)).unet
        if theirs.config != self.model.config:
            raise ValueError(f"{start} has other widths than {NAME}, so it cannot be its start.")
        self.model.load_state_dict(theirs.state_dict())

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        facts = {"recipe": NAME, "seed": self.seed, "steps": steps or n.steps, "vae": n.vae, "words": n.words}
        return Plan(steps or n.steps, n.learning_rate, n.warmup, facts=facts)

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """The latents of the index-th batch (B, 4, 16, 16), index below `cached`, and its small pictures in [-1, 1]."""
        if index not in self.kept:
            image = self.world.batch(index, self.numbers.batch, self.device.device)["image"]
            with torch.no_grad(), self.device.autocast():
                mean = self.vae.encode(image)[0].float() * self.vae.config.scaling_factor
            self.kept[index] = mean.half(), self._small(image).half()
        x0, small = self.kept[index]
        return x0.float(), small.float()

    def _small(self, image: Tensor) -> Tensor:
        """Pictures (B, 3, 64, 64) of the size of their latents."""
        return shrunk(image, SIZE // self.vae.config.factor)

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        again, index = divmod(step, self.numbers.cached)
        x0, small = self.batch(index)
        captions = self.world.captions(index, self.numbers.batch, again)
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + step) ^ 0x5EED)
        levels = torch.randint(self.low_res_noise.max_noise_level + 1, (len(x0),), generator=generator).to(x0.device)
        fresh = torch.randn(small.shape, generator=generator).to(small)
        small = self.low_res_noise.schedule.add_noise(small, fresh, levels)
        rows = share(len(x0))
        x0, t, noise, captions = noised(self.seed, step, x0, captions, self.schedule, self.numbers.drop)
        with self.device.autocast():
            context = self.words.encode(captions)
            net = reading_small_picture(self.model, small[rows], levels[rows])
            return diffusion_loss(
                lambda x_t, t: net(x_t, t, context), x0, t, noise, self.schedule, "v_prediction", self.weights[t]
            )

    def pipeline(self, model: UNet) -> TextToImage:
        """The trained U-Net with the words and the autoencoder that it works with."""
        return TextToImage(
            model,
            self.words.text_encoder,
            self.words.tokenizer,
            self.schedule,
            "v_prediction",
            SIZE,
            self.device,
            self.numbers.level,
            self.vae,
            guidance_scale=1.0,
            low_res_noise=self.low_res_noise,
        )

    def measure(self, model: UNet, count: int = 256) -> dict[str, float]:
        """On scenes of held-out pairs: decibels of the enlarged pictures at several levels of noise, without a word and
        with all of them; of bicubic enlargement, and of the pictures as they come back from the autoencoder, which is
        as much as can be reached; and how often the reader reads them right."""
        world = World(size=SIZE, seed=self.seed + 1, held_out=True, level=self.numbers.level)
        batch = world.batch(0, count, self.device.device)
        image, scenes = batch["image"], [told(scene) for scene in batch["scene"]]
        small, pipe = self._small(image), self.pipeline(model)
        with torch.no_grad():
            came_back = torch.cat([self.vae(some)[0] for some in image.split(TOGETHER)]).float().clamp(-1, 1)
        found = {"bicubic": bicubic(small, SIZE), "autoencoder": came_back}
        for level in LEVELS:
            found[f"level {level}"] = self._drawn(pipe, small, [""] * count, level)
        found[f"level {LEVELS[0]}, told"] = self._drawn(pipe, small, batch["caption"], LEVELS[0])
        scores = {f"{name} (dB)": psnr(images, image).mean().item() for name, images in found.items()}
        return scores | {f"{name}, read": faithfulness(images, scenes).all for name, images in found.items()}

    def _drawn(self, pipe: TextToImage, small: Tensor, captions: list[str], level: int) -> Tensor:
        drawn = [
            upscale(
                pipe,
                (small[first : first + TOGETHER] / 2 + 0.5).clamp(0, 1),
                captions[first : first + TOGETHER],
                level,
                seed=10_000 + first,
                output_type="pt",
            )
            for first in range(0, len(small), TOGETHER)
        ]
        return torch.cat(drawn) * 2 - 1

    def sheet(self, model: UNet) -> Tensor:
        """Eight pictures as a formula enlarges them, then as the model does (16, 3, 64, 64), to watch as it trains."""
        image = self._world(self.seed + 1).batch(0, 8, self.device.device)["image"]
        small = self._small(image)
        return torch.cat([bicubic(small, SIZE), self._drawn(self.pipeline(model), small, [""] * 8, LEVELS[0])])

    def save(self, model: UNet, folder: Path) -> None:
        """Writes a folder that diffusers' StableDiffusionUpscalePipeline opens."""
        self.pipeline(model).save_pretrained(folder)


def bicubic(image: Tensor, size: int) -> Tensor:
    """Pictures (B, 3, h, w) in [-1, 1] -> (B, 3, size, size), by bicubic interpolation."""
    return F.interpolate(image, size=(size, size), mode="bicubic").clamp(-1, 1)
