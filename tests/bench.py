"""Speed and what it buys, as ratios within one run: `make bench`, or `make bench ARGS="--minutes 10"`.

It prints the machine's convolution peak, the share of it that training reaches, the share of a step that drawing the
data takes, what samplers cost beside the network, how fast a CLIP embeds and a shelf is searched, what the published
networks cost at their full size as ours and as the reference's, and, for as many minutes each, this course's recipe
beside the usual loop: diffusers' UNet2DConditionModel and DDPMScheduler, noise prediction, AdamW, the same data,
captions and text encoder, measured by the same reader.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.metrics import faithfulness
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.text_to_image import SAMPLERS, TextToImage
from t2ilab.recipes import shapes_pixel
from t2ilab.training.loop import train
from tests.full_size import CASES

BATCH = shapes_pixel.NUMBERS.batch


def median_seconds(call: Callable[[], object], count: int = 10) -> float:
    """The median of `count` calls after two to warm up."""
    times = []
    for _ in range(count + 2):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return sorted(times[2:])[count // 2]


def convolution_peak() -> float:
    """The best float32 GFLOP/s of a 3x3 convolution here, over a few widths."""
    best = 0.0
    for width in (64, 128, 256):
        x = torch.randn(64, width, 16, 16).to(memory_format=torch.channels_last)
        weight = torch.randn(width, width, 3, 3).to(memory_format=torch.channels_last)
        seconds = median_seconds(lambda x=x, weight=weight: F.conv2d(x, weight, padding=1), 5)
        best = max(best, 2 * 64 * 16 * 16 * 9 * width**2 / seconds / 1e9)
    return best


def training_share(recipe: shapes_pixel.Recipe) -> None:
    """Prints what share of the peak a training step reaches, and what share of it the data take."""
    peak = convolution_peak()
    with FlopCounterMode(display=False) as counter:
        recipe.loss(0).backward()
    step = median_seconds(lambda: recipe.loss(0).backward())
    data = median_seconds(lambda: recipe.batch(0))
    reached = counter.get_total_flops() / step / 1e9
    print(f"convolution peak {peak:.0f} GFLOP/s; a training step {reached:.0f} GFLOP/s, {reached / peak:.0%} of it")
    print(f"{BATCH / step:.0f} pictures a second; drawing the data takes {data / step:.1%} of a step")


def sampler_overhead(steps: int = 50, batch: int = 4) -> None:
    """Prints what a step of each sampler costs beside the network, timed with a denoiser that does nothing."""
    pipe = TextToImage.from_pretrained("shapes-pixel")
    x = torch.randn(batch, 3, pipe.image_size, pipe.image_size)
    context, t = pipe.encode(["a big red star"] * batch), torch.full((batch,), 500)
    with torch.inference_mode():
        network = median_seconds(lambda: pipe.unet(x, t, context))
    grid = pipe.schedule.timesteps(steps, "karras")
    shares = {}
    for name, sampler in SAMPLERS.items():
        calls = 2 * steps - 1 if name == "heun" else steps
        alone = median_seconds(lambda sampler=sampler: sampler(lambda x_t, t: x_t, x, pipe.schedule, grid))
        shares[name] = alone / calls / (network + alone / calls)
    said = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    print(
        f"of a step with {batch} pictures of shapes-pixel ({1000 * network:.1f} ms a call), the sampler takes: {said}"
    )


def matmul_peak() -> float:
    """The best float32 GFLOP/s of a matrix product here, over a few sizes."""
    best = 0.0
    for side in (512, 1024, 2048):
        a, b = torch.randn(side, side), torch.randn(side, side)
        best = max(best, 2 * side**3 / median_seconds(lambda a=a, b=b: a @ b, 5) / 1e9)
    return best


def recognition(count: int = 512, shelf: int = 100_000, queries: int = 64) -> None:
    """Prints how fast clip-storybook embeds and a shelf of its pictures is searched, as shares of the matmul peak."""
    peak = matmul_peak()
    clip = ImageText.from_pretrained("clip-storybook", "cpu")
    batch = World(seed=1, japanese=0.0, level="storybook").batch(0, count)
    features = F.normalize(torch.randn(shelf, clip.model.config.embed_dim), dim=-1)
    asked = F.normalize(torch.randn(queries, features.shape[1]), dim=-1)
    calls = {
        "pictures": (count, lambda: clip.encode_image(batch["image"])),
        "captions": (count, lambda: clip.encode_text(batch["caption"])),
        f"searches of {shelf:,}": (queries, lambda: (asked @ features.T).topk(9)),
    }
    for name, (rows, call) in calls.items():
        with FlopCounterMode(display=False) as counter:
            call()
        seconds = median_seconds(call, 5)
        share = counter.get_total_flops() / seconds / 1e9 / peak
        print(f"{rows / seconds:,.0f} {name} a second, {share:.0%} of the matmul peak ({peak:.0f} GFLOP/s)")


def full_size() -> None:
    """Prints seconds and memory of each published network's forward pass, ours over the reference's, by turns."""
    for case in CASES:
        found: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
        for side in ("theirs", "ours", "ours", "theirs"):
            answer = subprocess.run(
                [sys.executable, "-m", "tests.full_size", case, side], stdout=subprocess.PIPE, check=True, text=True
            )
            found[side].append(json.loads(answer.stdout.splitlines()[-1]))
        best = {side: {key: min(f[key] for f in all_) for key in all_[0]} for side, all_ in found.items()}
        seconds, memory = (
            max(best["ours"][k], low) / max(best["theirs"][k], low) for k, low in (("seconds", 0.0), ("beyond", 1.0))
        )
        print(
            f"{case} of Stable Diffusion 1, 64x64 latents: {best['ours']['seconds']:.2f} s, {seconds:.2f} times the "
            f"reference's; {best['ours']['beyond']:,.0f} MB beyond the weights, {memory:.2f} times"
        )


class Usual(nn.Module):
    """What one would write with diffusers: its conditional U-Net at full resolution, and the recipe's text encoder."""

    def __init__(self, text_encoder: nn.Module):
        super().__init__()
        from diffusers import UNet2DConditionModel

        self.text_encoder = text_encoder
        self.unet = UNet2DConditionModel(
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


def usual(minutes: float) -> float:
    """The share of 512 prompts right after so many minutes of the usual loop."""
    from diffusers import DDIMScheduler, DDPMScheduler

    recipe = shapes_pixel.Recipe(DeviceManager())
    device = recipe.device.device
    model = Usual(recipe.model.text_encoder).to(device)
    scheduler = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    began, step = time.perf_counter(), 0
    while time.perf_counter() - began < 60 * minutes:
        batch = recipe.batch(step)
        x0, noise = batch["x0"], torch.randn_like(batch["x0"])
        t = torch.randint(0, 1000, (len(x0),), device=device)
        context = model.text_encoder(recipe.tokenizer(batch["caption"]).to(device))
        loss = F.mse_loss(model.unet(scheduler.add_noise(x0, noise, t), t, context).sample, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    print(f"usual loop: {step} steps in {minutes:g} minutes, {step * BATCH / 60 / minutes:.0f} pictures/s")
    prompts, scenes = World().prompts(512)
    sampler = DDIMScheduler(num_train_timesteps=1000)
    sampler.set_timesteps(20)
    x = torch.randn(len(prompts), 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.inference_mode():
        context = model.text_encoder(recipe.tokenizer(prompts).to(device))
        for t in sampler.timesteps:
            x = sampler.step(model.unet(x, t, context).sample, t, x).prev_sample
    return faithfulness(x, scenes).all


def ours(minutes: float) -> float:
    """The share of 512 prompts right after so many minutes of the recipe."""
    device = DeviceManager()
    trial = shapes_pixel.Recipe(device)
    seconds = sorted(step.seconds for step in list(train(trial.model, trial.loss, trial.plan(12)))[2:])[5]
    recipe = shapes_pixel.Recipe(device)
    steps = int(60 * minutes / seconds)
    began = time.perf_counter()
    last = list(train(recipe.model, recipe.loss, recipe.plan(steps)))[-1]
    spent = (time.perf_counter() - began) / 60
    print(f"the recipe: {steps} steps in {spent:.1f} minutes, {steps * BATCH / 60 / spent:.0f} pictures/s")
    return recipe.measure(last.average)["en"]


def main() -> None:
    """Runs what the arguments ask for and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.0, help="of training for each side; 0 leaves that out")
    minutes = parser.parse_args().minutes
    torch.manual_seed(0)
    training_share(shapes_pixel.Recipe(DeviceManager()))
    sampler_overhead()
    recognition()
    full_size()
    if minutes:
        mine, theirs = ours(minutes), usual(minutes)
        print(f"all attributes right after {minutes:g} minutes: the recipe {mine:.1%}, the usual loop {theirs:.1%}")


if __name__ == "__main__":
    main()
