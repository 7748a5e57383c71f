"""Drawing with a U-Net that reads a picture beside x_t: the other way to show it one, as latent diffusion did.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022), section 4.3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.diffusion.samplers import Callback
from t2ilab.nets.unet import UNet
from t2ilab.pipelines.arguments import Pictures, check_count, check_output_type, pictures_of, prompts_of
from t2ilab.pipelines.text_to_image import Sampler, TextToImage


def beside_channels(pipe: TextToImage) -> int:
    """How many channels a U-Net of this model reads beside x_t, where it is shown a picture in colour."""
    return 3 * _factor(pipe) ** 2


def beside(pipe: TextToImage, unet: UNet, pictures: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The U-Net with pictures beside x_t, as `TextToImage.denoiser` takes it.

    Each patch of a picture that one latent stands for is folded into channels, so that nothing of it is lost.

    Args:
        pipe: the model whose latents and words the U-Net knows.
        unet: reads x_t and `beside_channels` more.
        pictures: (B, 3, H, W) in [-1, 1], of the size of what is drawn.

    Returns:
        A callable (x_t, t, context) -> output; x_t (B, C, h, w) or several such batches in one, as guidance has them.

    Raises:
        ValueError: a U-Net that reads another number of channels, or pictures of another size.
    """
    channels = pipe.unet.config.x_channels + beside_channels(pipe)
    if unet.config.in_channels != channels:
        raise ValueError(
            f"Beside this model's x_t a picture has {beside_channels(pipe)} channels, so that the U-Net reads "
            f"{channels}; got one that reads {unet.config.in_channels}. See nets.widening."
        )
    weights = next(unet.parameters())
    folded = F.pixel_unshuffle(pictures.to(weights), _factor(pipe))  # (B, 3 * factor^2, h, w)

    def net(x_t: Tensor, t: Tensor, context: Tensor) -> Tensor:
        if x_t.shape[-2:] != folded.shape[-2:]:
            side, own = (tuple(x.shape[-2:]) for x in (x_t, folded))
            raise ValueError(f"A picture beside x_t of {side} is {_factor(pipe)} times as large; got one for {own}.")
        return unet(torch.cat([x_t, folded.repeat(len(x_t) // len(folded), 1, 1, 1)], dim=1), t, context)

    return net


@torch.no_grad()
def concatenation_to_image(
    pipe: TextToImage,
    unet: UNet,
    prompt: str | Sequence[str],
    image: Pictures,
    *,
    negative_prompt: str | Sequence[str] | None = None,
    num_inference_steps: int = 20,
    guidance_scale: float | None = None,
    seed: int | None = None,
    generator: torch.Generator | None = None,
    latents: Tensor | None = None,
    sampler: str | Sampler | None = None,
    spacing: str | None = None,
    output_type: str = "pil",
    callback: Callback | None = None,
) -> Any:
    """Draws one picture a prompt, of the size of the picture that the U-Net reads beside x_t.

    Args:
        pipe: the model that the U-Net was widened from.
        unet: a U-Net of the same latents and words, such as the recipe `semantic-concat` trains.
        prompt: one caption or several.
        image: what it reads: PIL, one for all prompts or one each; or a tensor (B, 3, H, W) in [0, 1].
        negative_prompt, num_inference_steps, guidance_scale, seed, generator, latents: as in `TextToImage`.
        sampler, spacing, output_type, callback: as in `TextToImage`.

    Returns:
        A list of PIL pictures, or a tensor (B, 3, H, W) in [0, 1].

    Raises:
        ValueError: a U-Net of other channels, a picture that is no picture, or what `TextToImage` does not draw.
    """
    check_output_type(output_type)
    prompts, pictures = prompts_of(prompt), pictures_of(image)
    check_count(pictures, len(prompts))
    timesteps = pipe.timesteps(num_inference_steps, sampler, spacing)
    height, width = pictures.shape[-2:]
    noise = pipe.noise(len(prompts), height, width, seed=seed, generator=generator, latents=latents)
    net = beside(pipe, unet, pictures)
    denoise = pipe.denoiser(pipe.encode(prompts), negative_prompt, guidance_scale, net)
    x = pipe.start(noise, timesteps, sampler, spacing)
    x0 = pipe.walk(
        denoise, x, timesteps, sampler=sampler, spacing=spacing, seed=seed, generator=generator, callback=callback
    )
    return pipe.pictures(x0, output_type)


def _factor(pipe: TextToImage) -> int:
    """How many pixels a side one number of x_t stands for."""
    return 1 if pipe.vae is None else pipe.vae.config.factor
