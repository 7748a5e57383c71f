"""Upscaling: a small picture, with a little noise in it, beside the latents of the large one.

Stable Diffusion's 4x upscaler works so (Rombach et al. 2022, section 4.4); the noise, and telling the network of it,
are those of cascades (Ho et al. 2022, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from t2ilab.diffusion.samplers import Callback
from t2ilab.nets.unet import UNet
from t2ilab.pipelines.arguments import Pictures, check_count, check_output_type, pictures_of
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.text_to_image import Sampler, TextToImage


def reading_small_picture(unet: UNet, small: Tensor, levels: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The U-Net with small pictures beside x_t, as `TextToImage.denoiser` takes it.

    Args:
        unet: reads the latents and 3 channels more, and is told of a class.
        small: pictures (B, 3, h, w) near [-1, 1], their noise in them, of the size of the latents.
        levels: of that noise, int64 (B,).

    Returns:
        A callable (x_t, t, context) -> output; x_t (B, C, h, w) or several such batches in one, as guidance has them.
    """

    def net(x_t: Tensor, t: Tensor, context: Tensor) -> Tensor:
        times = len(x_t) // len(small)
        beside = small.to(x_t).repeat(times, 1, 1, 1)
        return unet(torch.cat([x_t, beside], dim=1), t, context, class_labels=levels.to(x_t.device).repeat(times))

    return net


@torch.no_grad()
def upscale(
    pipe: TextToImage,
    image: Pictures,
    prompt: str | Sequence[str] = "",
    noise_level: int = 20,
    *,
    negative_prompt: str | Sequence[str] | None = None,
    num_inference_steps: int = 20,
    guidance_scale: float | None = None,
    seed: int | None = None,
    generator: torch.Generator | None = None,
    sampler: str | Sampler | None = None,
    spacing: str | None = None,
    output_type: str = "pil",
    callback: Callback | None = None,
) -> Any:
    """Draws each picture anew, as many times larger as the model's VAE makes latents small: 4 times, as a rule.

    Args:
        pipe: a model whose U-Net reads a small picture, such as the recipe `upscaler` trains.
        image: PIL, one for all prompts or one each; or a tensor (B, 3, h, w) in [0, 1].
        prompt: what is in the pictures, one caption for all or one each; with "" the pictures speak for themselves.
        noise_level: how much noise is put into the small picture before it is read: a timestep of
            `pipe.low_res_noise`. More lets the model invent more, and hides the faults of the small picture.
        negative_prompt, num_inference_steps, guidance_scale, seed, generator, sampler, spacing, output_type, callback:
            as in `TextToImage`. The noise of the small picture is drawn first.

    Returns:
        A list of PIL pictures, or a tensor (B, 3, 4h, 4w) in [0, 1].

    Raises:
        ValueError: a model that enlarges nothing, a level outside what it knows, a picture that is no picture, or what
            `TextToImage` does not draw.
    """
    check_output_type(output_type)
    if pipe.low_res_noise is None or pipe.vae is None:
        raise ValueError(
            f"This model reads no small picture: its U-Net has {pipe.unet.config.in_channels} channels in. Open one "
            "that does, such as what `t2ilab train upscaler` makes, or a folder of diffusers' "
            "StableDiffusionUpscalePipeline."
        )
    most = pipe.low_res_noise.max_noise_level
    if not isinstance(noise_level, Integral) or not 0 <= noise_level <= most:
        raise ValueError(f"noise_level is a whole number from 0 to {most} here; got {noise_level}. 20 is usual.")
    small = pictures_of(image)  # (B, 3, h, w)
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    count = max(len(small), len(prompts))
    if len(prompts) not in (1, count):
        raise ValueError(f"Give one prompt for all pictures or one each; got {len(prompts)} for {count} pictures.")
    prompts = prompts * (count // len(prompts))
    check_count(small, count)
    timesteps = pipe.timesteps(num_inference_steps, sampler, spacing)

    chance, (h, w) = Noise(count, seed, generator), small.shape[-2:]
    factor, levels = pipe.vae.config.factor, torch.full((count,), int(noise_level))
    latents = pipe.unet.config.x_channels, h, w
    small = small.expand(count, -1, -1, -1)
    noised = pipe.low_res_noise.schedule.add_noise(small, chance(3, h, w).to(small), levels.to(small.device))
    noise = pipe.noise(count, h * factor, w * factor, latents=chance(*latents))
    net = reading_small_picture(pipe.unet, noised.to(noise), levels)
    denoise = pipe.denoiser(pipe.encode(prompts), negative_prompt, guidance_scale, net)
    x = pipe.start(noise, timesteps, sampler, spacing)
    x0 = pipe.walk(
        denoise, x, timesteps, sampler=sampler, spacing=spacing, seed=seed, generator=generator, callback=callback
    )
    return pipe.pictures(x0, output_type)
