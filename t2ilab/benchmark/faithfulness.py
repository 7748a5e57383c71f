"""What so many minutes of training buy: this course's recipe beside the usual loop with diffusers' parts."""

from __future__ import annotations

import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.benchmark.row import Row
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.metrics import faithfulness
from t2ilab.recipes import shapes_pixel
from t2ilab.training.loop import train


class Usual(nn.Module):
    """What one would write with diffusers: its conditional U-Net at full resolution, and the recipe's text encoder."""

    def __init__(self, text_encoder: nn.Module):
        super().__init__()
        from diffusers import UNet2DConditionModel

        self.text_encoder = text_encoder
        self.unet: Any = UNet2DConditionModel(
            sample_size=32,
            in_channels=3,
            out_channels=3,
            layers_per_block=1,
            block_out_channels=(32, 64, 96),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=64,
            norm_num_groups=8,
        )


def row(minutes: float, prompts: int = 512) -> Row:
    """The shares of prompts right after so many minutes each, and the pictures a second that were met."""
    theirs, their_rate = usual(minutes, prompts)
    ours, our_rate = recipe(minutes, prompts)
    return Row(
        "faithfulness",
        "Prompts with all attributes right after as many minutes of training from nothing: the recipe shapes-pixel "
        f"({our_rate:.0f} pictures a second) beside the usual loop, diffusers' UNet2DConditionModel and DDPMScheduler, "
        f"noise prediction, AdamW ({their_rate:.0f}); same data, captions, text encoder and reader.",
        f"{minutes:g} minutes each, {prompts} prompts",
        "%",
        100 * ours,
        100 * theirs,
        ours / theirs if theirs else None,
    )


def recipe(minutes: float, prompts: int) -> tuple[float, float]:
    """The share right, and the pictures a second; as many steps as fit, by timing a few of another run."""
    device = DeviceManager()
    trial = shapes_pixel.Recipe(device)
    seconds = sorted(step.seconds for step in list(train(trial.model, trial.loss, trial.plan(12)))[2:])[5]
    ours = shapes_pixel.Recipe(device)
    steps, began = max(1, int(60 * minutes / seconds)), time.perf_counter()
    *_, last = train(ours.model, ours.loss, ours.plan(steps))
    rate = steps * ours.numbers.batch / (time.perf_counter() - began)
    return ours.measure(last.average, prompts)["en"], rate  # type: ignore[arg-type]


def usual(minutes: float, prompts: int) -> tuple[float, float]:
    """The same of the usual loop, which is stopped when its time is up."""
    from diffusers import DDIMScheduler, DDPMScheduler

    data = shapes_pixel.Recipe(DeviceManager())
    device = data.device.device
    model = Usual(data.model.text_encoder).to(device)
    scheduler: Any = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    began, step = time.perf_counter(), 0
    while time.perf_counter() - began < 60 * minutes:
        batch = data.batch(step)
        x0, noise = batch["x0"], torch.randn_like(batch["x0"])
        t = torch.randint(0, 1000, (len(x0),), device=device)
        context = model.text_encoder(data.tokenizer(batch["caption"]).to(device))
        loss = F.mse_loss(model.unet(scheduler.add_noise(x0, noise, t), t, context).sample, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    rate = step * data.numbers.batch / (time.perf_counter() - began)
    captions, scenes = World().prompts(prompts)
    sampler: Any = DDIMScheduler(num_train_timesteps=1000)
    sampler.set_timesteps(20)
    x = torch.randn(len(captions), 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.inference_mode():
        context = model.text_encoder(data.tokenizer(captions).to(device))
        for t in sampler.timesteps:
            x = sampler.step(model.unet(x, t, context).sample, t, x).prev_sample
    return faithfulness(x, scenes).all, rate
