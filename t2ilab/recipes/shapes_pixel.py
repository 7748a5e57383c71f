"""`shapes-pixel`: text to 32x32 pictures of the `shapes` level, trained from nothing on two CPU cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.render import World
from t2ilab.data.scenes import vocabulary
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.metrics import faithfulness
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.training.loop import Plan

NAME = "shapes-pixel"
STEPS = 4_800
BATCH = 32
LEARNING_RATE = 3e-3
WARMUP = 200
PREDICTION = "sample"  # the picture itself: of few kinds, so easier for a small network than noise of every kind
MAX_WEIGHT = 5.0
DROP = 0.1  # captions left empty, which teaches the unconditional half of guidance
WHOLE = 2_000  # steps with full captions only: the shapes are learnt much sooner while nothing is left unsaid
PARTIAL = 0.2  # after that, captions that leave something unsaid
JAPANESE = 0.25  # captions in Japanese; every word of each language has to be learnt
CONTEXT_LENGTH = 24
UNET = UNetConfig(
    block_out_channels=(32, 32, 64),
    attention=(False, False, True),
    cross_attention_dim=64,
    patch_size=2,
    ff_multiple=2,
    pooled_context=True,
    positions=True,
    scale_shift=True,
)
DATA = (
    "Scenes of the shapes level, drawn as it trains; a quarter of captions Japanese, from step 2,000 a fifth partial."
)
LIMITS = "One shape a picture, 32x32 pixels, and only the words of this world; eight pairs of thing and colour unseen."


class Model(nn.Module):
    """The two networks that learn together."""

    def __init__(self, unet: UNet, text_encoder: TextEncoder):
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder


class Recipe:
    """Data, net, loss and numbers; the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int = 0, unet: UNetConfig = UNET):
        device.seed(seed)
        self.device, self.seed = device, seed
        self.whole = World(size=32, seed=seed, partial=0.0, japanese=JAPANESE)
        self.world = World(size=32, seed=seed, partial=PARTIAL, japanese=JAPANESE)
        # Half of the linear schedule's timesteps show next to nothing of the picture; the cosine's spend more where the
        # shape is decided (Nichol & Dhariwal 2021, section 3.2).
        self.schedule = NoiseSchedule.cosine()
        # The error of the velocity is snr + 1 times that of the picture; capped, or the last bit of noise would be all.
        self.weights = (self.schedule.snr + 1).clamp(max=MAX_WEIGHT).to(device.device)
        self.tokenizer = CLIPTokenizer.train(vocabulary(), CONTEXT_LENGTH)
        text = TextConfig(len(self.tokenizer.vocab), CONTEXT_LENGTH, unet.cross_attention_dim)
        self.model = Model(UNet(unet), TextEncoder(text))
        device.place(self.model)

    def plan(self, steps: int = STEPS) -> Plan:
        return Plan(steps, LEARNING_RATE, WARMUP, facts={"recipe": NAME, "seed": self.seed, "steps": steps})

    def batch(self, step: int) -> dict[str, Any]:
        """The step-th batch of the world, with full captions in the first WHOLE steps."""
        return (self.whole if step < WHOLE else self.world).batch(step, BATCH, self.device.device)

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        device, batch = self.device.device, self.batch(step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        # One timestep in each of BATCH equal parts, so that every batch sees every noise level.
        u = (torch.arange(BATCH) + torch.rand(BATCH, generator=generator)) / BATCH
        t = (u * self.schedule.num_train_timesteps).long().to(device)
        noise = torch.randn(batch["image"].shape, generator=generator).to(device)
        dropped = (torch.rand(BATCH, generator=generator) < DROP).tolist()
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
        return TextToImage(model.unet, model.text_encoder, self.tokenizer, self.schedule, PREDICTION, 32, self.device)

    def measure(self, model: Model, count: int = 512) -> dict[str, float]:
        """Faithfulness on full captions: English, Japanese, and pairs of thing and colour never seen in training."""
        pipe = self.pipeline(model)
        scores = {}
        for name, language, held_out in (("en", "en", False), ("ja", "ja", False), ("held out", "en", True)):
            prompts, scenes = World(seed=self.seed, held_out=held_out).prompts(count, language)
            images = pipe(prompts, seed=10_000, output_type="pt") * 2 - 1
            result = faithfulness(images, scenes)
            scores[name] = result.all
            scores |= {f"{name} {a}": share for a, share in result.attributes.items()}
        return scores

    def sheet(self, model: Model) -> Tensor:
        """Sixteen pictures of fixed prompts (16, 3, 32, 32) in [-1, 1], to watch while it trains."""
        prompts, _ = World(seed=self.seed).prompts(16)
        return self.pipeline(model)(prompts, seed=0, num_inference_steps=10, output_type="pt") * 2 - 1

    def save(self, model: Model, folder: Path) -> None:
        self.pipeline(model).save_pretrained(folder)
