"""Picture to picture: a picture is drowned in noise up to some level, and drawn from there on as the words have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from t2ilab.diffusion.samplers import Callback
from t2ilab.pipelines.arguments import (
    Pictures,
    check_count,
    check_output_type,
    check_strength,
    pictures_of,
    prompts_of,
)
from t2ilab.pipelines.text_to_image import Sampler, TextToImage


@torch.no_grad()
def image_to_image(
    pipe: TextToImage,
    prompt: str | Sequence[str],
    image: Pictures,
    strength: float = 0.8,
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
    """Draws pictures over, so that they show the prompt (SDEdit, Meng et al. 2022, algorithm 1).

    The walk from noise to picture is not begun at its start: the given picture takes its place in the middle, with the
    noise that belongs there. What that noise hides is drawn anew, coarse shapes last.

    Args:
        pipe: a model of pixels or of latents.
        prompt: one caption or several.
        image: PIL, one for all prompts or one each; or a tensor (B, 3, H, W) in [0, 1], as a pipeline's "pt" gives it.
            Height and width are multiples of the VAE's factor, and the result has them.
        strength: in [0, 1], the share of the steps that are taken, rounded down to whole ones. 0 gives the picture
            back, through the VAE where there is one; 1 is text-to-image and does not see the picture. (In diffusers 1
            leaves it the little that the noisiest timestep leaves.)
        num_inference_steps: of the whole walk; int(num_inference_steps * strength) are taken.
        latents: the noise itself, standard normal, like the picture or its latents.
        negative_prompt, guidance_scale, seed, generator, sampler, spacing, output_type, callback: as in `TextToImage`.

    Returns:
        A list of PIL pictures, or a tensor (B, 3, H, W) in [0, 1].

    Raises:
        ValueError: a strength outside [0, 1], a picture that is no picture or whose size does not fit, or what
            `TextToImage` does not draw.
    """
    check_output_type(output_type)
    check_strength(strength)
    prompts = prompts_of(prompt)
    x0, noise = picture_and_noise(pipe, prompts, pictures_of(image), seed, generator, latents)
    denoise = pipe.denoiser(pipe.encode(prompts), negative_prompt, guidance_scale)
    x, timesteps = partly_drowned(pipe, x0, noise, strength, num_inference_steps, sampler, spacing)
    if len(timesteps):
        x = pipe.walk(
            denoise, x, timesteps, sampler=sampler, spacing=spacing, seed=seed, generator=generator, callback=callback
        )
    return pipe.pictures(x, output_type)


def variations(pipe: TextToImage, prompt: str, image: Pictures, n: int = 4, strength: float = 0.6, **how: Any) -> Any:
    """Draws one picture over n times, each time from other noise: `image_to_image` with n seeds.

    Args:
        prompt: what the picture shows, one caption.
        image: one picture, PIL or (1, 3, H, W) in [0, 1].
        n: how many variations, at least 1.
        strength: in [0, 1]; the more, the farther they are from the picture and from one another.
        how: what else `image_to_image` takes. With a seed, variation i is that of seed + i alone.

    Returns:
        A list of n PIL pictures, or a tensor (n, 3, H, W) in [0, 1].

    Raises:
        ValueError: fewer than 1, several prompts or pictures, or what `image_to_image` does not draw.
    """
    if n < 1:
        raise ValueError(f"Ask for at least 1 variation; got n={n}.")
    if len(pictures_of(image)) != 1 or not isinstance(prompt, str):
        raise ValueError(
            f"Variations are of one picture with one prompt; got {len(pictures_of(image))} pictures and {prompt!r}."
        )
    return image_to_image(pipe, [prompt] * n, image, strength, **how)


# ---- the parts of an edit, for those who put them together in another way --------------------------------------------


def picture_and_noise(
    pipe: TextToImage,
    prompts: Sequence[str],
    images: Tensor,
    seed: int | None = None,
    generator: torch.Generator | None = None,
    latents: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Pictures (1 or B, 3, H, W) in [-1, 1], for B prompts -> x0 and the noise to drown it in, both (B, C, h, w).

    Raises ValueError for another number of pictures, and for a size or latents that do not fit.
    """
    check_count(images, len(prompts))
    height, width = images.shape[-2:]
    noise = pipe.noise(len(prompts), height, width, seed=seed, generator=generator, latents=latents)
    x0 = to_latents(pipe, images).expand(len(prompts), -1, -1, -1)  # (B, C, h, w)
    if noise.shape != x0.shape:
        raise ValueError(f"latents must be like the picture's, {tuple(x0.shape)}; got {tuple(noise.shape)}.")
    return x0, noise


def partly_drowned(
    pipe: TextToImage,
    x0: Tensor,
    noise: Tensor,
    strength: float,
    num_inference_steps: int,
    sampler: str | Sampler | None = None,
    spacing: str | None = None,
) -> tuple[Tensor, Tensor]:
    """x_t (B, C, h, w) from which a walk of that strength starts, and the timesteps that are left of it.

    Those are the last int(num_inference_steps * strength); x_t is x0 where none is left, and at a strength of 1 noise.
    """
    timesteps = pipe.timesteps(num_inference_steps, sampler, spacing)
    timesteps = timesteps[num_inference_steps - int(num_inference_steps * strength) :]
    if strength == 1:
        return pipe.start(noise, timesteps, sampler, spacing), timesteps
    return (pipe.schedule.add_noise(x0, noise, int(timesteps[0])) if len(timesteps) else x0), timesteps


def to_latents(pipe: TextToImage, images: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in [-1, 1] -> what the U-Net works on (B, C, h, w): the mean of the VAE's latents, scaled.

    diffusers draws from the latents' distribution instead, which in a trained VAE is as good as its mean.
    """
    weights = next(pipe.unet.parameters())
    images = images.to(weights.device, weights.dtype)
    if pipe.vae is None:
        return images
    with torch.no_grad(), pipe.device.autocast():
        return pipe.vae.encode(images)[0].to(weights.dtype) * pipe.vae.config.scaling_factor
