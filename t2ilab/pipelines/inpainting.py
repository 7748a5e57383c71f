"""Inpainting: what a mask covers is drawn anew as the words have it, and the rest of the picture stays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.diffusion.inpainting import InpaintingDenoiser, inpaint_blend, reading_mask
from t2ilab.diffusion.samplers import Callback
from t2ilab.images import pil_pictures, to_pil
from t2ilab.pipelines.arguments import Pictures, check_output_type, check_strength, pictures_of, prompts_of
from t2ilab.pipelines.editing import partly_drowned, picture_and_noise, to_latents
from t2ilab.pipelines.text_to_image import Sampler, TextToImage

THRESHOLD = 0.5  # from this value on, a mask's pixel is filled


@torch.no_grad()
def inpaint(
    pipe: TextToImage,
    prompt: str | Sequence[str],
    image: Pictures,
    mask: Pictures,
    strength: float = 1.0,
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
    """Draws a part of each picture anew, so that the whole shows the prompt; the rest stays as it is, pixel by pixel.

    A model of any kind does it: what is known of the picture is put into each of its guesses (`InpaintingDenoiser`). A
    model whose U-Net reads the mask and the masked picture, as Stable Diffusion's inpainting, is shown them instead.

    Args:
        pipe: a model of pixels or of latents, made for inpainting or not.
        prompt: one caption or several, of the whole picture and not of its new part alone.
        image: PIL, one for all prompts or one each; or a tensor (B, 3, H, W) in [0, 1], as a pipeline's "pt" gives it.
            Height and width are multiples of the VAE's factor, and the result has them.
        mask: white or 1 where the picture is to be filled, black or 0 where it stays: PIL of the picture's size, one or
            one each, or a tensor (B, 1, H, W). Between latents a walk fills each one that has a pixel of the mask.
        strength: in [0, 1], the share of the steps that are taken. At 1 nothing is seen of what the mask covers;
            below, the new starts from what was there.
        num_inference_steps: of the whole walk; int(num_inference_steps * strength) are taken.
        latents: the noise itself, standard normal, like the picture or its latents.
        negative_prompt, guidance_scale, seed, generator, sampler, spacing, output_type, callback: as in `TextToImage`.

    Returns:
        A list of PIL pictures, or a tensor (B, 3, H, W) in [0, 1].

    Raises:
        ValueError: a mask of another size than the picture, one that covers nothing, or everything; a strength outside
            [0, 1], a picture that is no picture or whose size does not fit, or what `TextToImage` does not draw.
    """
    check_output_type(output_type)
    check_strength(strength)
    prompts, images = prompts_of(prompt), pictures_of(image)  # (1 or B, 3, H, W)
    holes = _holes(mask, images, len(prompts), pipe)  # (1 or B, 1, H, W)
    x0, noise = picture_and_noise(pipe, prompts, images, seed, generator, latents)
    x, timesteps = partly_drowned(pipe, x0, noise, strength, num_inference_steps, sampler, spacing)
    tokens, holes = pipe.encode(prompts), holes.to(x0)

    if pipe.unet.config.reads_mask:
        # The pixel in the corner of each latent stands for it, as where Stable Diffusion learnt to read masks.
        small = F.interpolate(holes, x0.shape[-2:])
        grey = to_latents(pipe, images.to(holes) * (1 - holes)).expand_as(x0)
        denoise: Any = pipe.denoiser(tokens, negative_prompt, guidance_scale, reading_mask(pipe.unet, small, grey))
    else:
        small = F.adaptive_max_pool2d(holes, x0.shape[-2:])
        denoise = InpaintingDenoiser(pipe.denoiser(tokens, negative_prompt, guidance_scale), x0, small)
        if len(timesteps):
            x = inpaint_blend(x, x0, small, noise, int(timesteps[0]), pipe.schedule)
    if len(timesteps):
        x = pipe.walk(
            denoise, x, timesteps, sampler=sampler, spacing=spacing, seed=seed, generator=generator, callback=callback
        )
    if not pipe.unet.config.reads_mask:
        x = torch.where(small > 0, x, x0)  # where a walk ends a little above the clean picture
    drawn = pipe.decode(x).float()
    pasted = torch.where(holes > 0, drawn, images.to(drawn))  # a VAE does not give its pictures back exactly
    return to_pil(pasted) if output_type == "pil" else (pasted / 2 + 0.5).clamp(0, 1)


def _holes(mask: Pictures, images: Tensor, count: int, pipe: TextToImage) -> Tensor:
    """A checked mask for pictures (1 or B, 3, H, W): (1 or B, 1, H, W), 1.0 where they are filled and 0.0 elsewhere."""
    values = _values(mask)
    if values.shape[-2:] != images.shape[-2:]:
        (h, w), (height, width) = values.shape[-2:], images.shape[-2:]
        raise ValueError(
            f"A mask has the size of its picture, {width}x{height} pixels; got {w}x{h}. Resize one of them."
        )
    if len(values) not in (1, count):
        raise ValueError(f"Give one mask for all prompts or one a prompt; got {len(values)} for {count} prompts.")
    if between := int(((values > 0) & (values < 1)).sum()):
        warnings.warn(
            f"A mask is 1 where the picture is filled and 0 where it stays; {between} of its {values.numel()} values "
            f"lie between, and are taken for 1 from {THRESHOLD} on.",
            stacklevel=3,
        )
    holes = values >= THRESHOLD
    if not holes.flatten(1).any(dim=1).all():
        raise ValueError(
            f"A mask needs a pixel to fill; got none of at least {THRESHOLD}. White or 1 is what is drawn anew."
        )
    if holes.flatten(1).all(dim=1).any():
        said = "The mask covers the whole picture, so that nothing of it is kept: that is text-to-image"
        if not pipe.unet.config.reads_mask:
            raise ValueError(f"{said}; call the pipeline with the prompt alone, or invert the mask.")
        warnings.warn(f"{said}, drawn by a model for inpainting.", stacklevel=3)
    return holes.float()


def _values(mask: Pictures) -> Tensor:
    """PIL masks, or a tensor -> (B, 1, H, W) in [0, 1]."""
    if isinstance(mask, Tensor):
        if mask.ndim != 4 or mask.shape[1] != 1 or not len(mask):
            raise ValueError(f"A mask is PIL, or a tensor (B, 1, H, W); got {tuple(mask.shape)}.")
        values = mask.float()
        if not ((values >= 0) & (values <= 1)).all():  # NaN too
            low, high = (float(end) for end in values.aminmax())
            raise ValueError(f"A mask's values are 0 and 1; got {low:.4g} to {high:.4g}. Bytes become so by x / 255.")
        return values
    pils = pil_pictures(mask)
    if not pils:
        raise ValueError("Inpainting needs a mask; got an empty list.")
    if len(sizes := {pil.size for pil in pils}) != 1:
        raise ValueError(f"Masks have one size, that of their pictures; got {sorted(sizes)}.")
    return torch.from_numpy(np.stack([np.array(pil.convert("L")) for pil in pils]))[:, None].float() / 255
