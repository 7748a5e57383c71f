"""Where words, noise and pixels meet: a prompt goes in, pictures come out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.words import LEVELS
from t2ilab.device import DeviceManager
from t2ilab.diffusion.augmentation import LowResNoise
from t2ilab.diffusion.denoisers import Denoiser, NetworkDenoiser
from t2ilab.diffusion.samplers import (
    Callback,
    sample_ddim,
    sample_ddpm,
    sample_dpmpp_2m,
    sample_euler,
    sample_euler_ancestral,
    sample_heun,
)
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.images import to_pil
from t2ilab.interop.schedulers import Sampling
from t2ilab.interop.stable_diffusion import Parts
from t2ilab.nets.text import TextEncoder
from t2ilab.nets.unet import UNet
from t2ilab.nets.vae import VAE
from t2ilab.pipelines.arguments import check_length, check_output_type, prompts_of
from t2ilab.pipelines.folder import open_parts, save_parts
from t2ilab.pipelines.noise import Noise, fresh_stream

Sampler = Callable[..., Tensor]
SAMPLERS: dict[str, Sampler] = {
    "ddim": sample_ddim,
    "ddpm": sample_ddpm,
    "euler": sample_euler,
    "euler_ancestral": sample_euler_ancestral,
    "heun": sample_heun,
    "dpmpp_2m": sample_dpmpp_2m,
}
ADD_NOISE = {"ddpm", "euler_ancestral"}  # those that draw fresh noise on their way


class TextToImage:
    """A text-to-image model: tokenizer, text encoder, U-Net, noise schedule, and, where it works on latents, a VAE.

    Args:
        unet, text_encoder, tokenizer, schedule: the parts, trained together.
        prediction_type: what the U-Net was trained to give: "epsilon", "sample" or "v_prediction".
        image_size: pixels a side that it was trained at.
        device: a DeviceManager; by default the machine's best.
        world: the level of the world whose words it knows, "shapes" or "storybook"; None for a model of any words.
        vae: between pictures and latents; None for a U-Net that works on pixels.
        sampling: how it is drawn with where its caller does not say.
        guidance_scale: likewise.
        low_res_noise: for a U-Net that enlarges small pictures: the noise that it knows in them.
    """

    def __init__(
        self,
        unet: UNet,
        text_encoder: TextEncoder,
        tokenizer: CLIPTokenizer,
        schedule: NoiseSchedule,
        prediction_type: str = "v_prediction",
        image_size: int = 32,
        device: DeviceManager | None = None,
        world: str | None = None,
        vae: VAE | None = None,
        sampling: Sampling | None = None,
        guidance_scale: float = 3.0,
        low_res_noise: LowResNoise | None = None,
    ):
        if text_encoder.config.width != unet.config.cross_attention_dim:
            raise ValueError(
                f"The text encoder's width must be the U-Net's cross_attention_dim; got {text_encoder.config.width} "
                f"and {unet.config.cross_attention_dim}. These two were not trained together."
            )
        if vae is not None and vae.config.latent_channels != unet.config.x_channels:
            raise ValueError(
                "The U-Net's in_channels must be the channels C of the VAE's latents, 2 C + 1 for inpainting, or C + 3 "
                "for upscaling; got "
                f"{unet.config.in_channels} and {vae.config.latent_channels}."
            )
        if (low_res_noise is not None) != unet.config.reads_small_picture:
            raise ValueError(
                "A U-Net that reads a small picture, and no other, comes with the noise that it knows in it; got "
                f"low_res_noise={low_res_noise} for {unet.config.in_channels} channels."
            )
        if world is not None and world not in LEVELS:
            raise ValueError(f"world must be one of {', '.join(LEVELS)}, or None for any words; got {world!r}.")
        self.device = device or DeviceManager()
        self.unet, self.text_encoder, self.vae = unet, text_encoder, vae
        for part in (unet, text_encoder, vae):
            if part is not None:
                self.device.place(part)
        self.sampling, self.guidance_scale = sampling or Sampling(), guidance_scale
        self.tokenizer, self.schedule, self.low_res_noise = tokenizer, schedule, low_res_noise
        self.prediction_type, self.image_size, self.world = prediction_type, image_size, world
        self.vae_decode: Callable[[VAE, Tensor], Tensor] = VAE.decode  # or one of `decoding`, for little memory

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path = "storybook",
        device: str | None = None,
        *,
        revision: str | None = None,
        variant: str | None = None,
    ) -> TextToImage:
        """Opens a model of the zoo, a folder, or a model of the Hugging Face hub.

        Folders are those that `save_pretrained` writes, and those of diffusers' StableDiffusionPipeline and its
        relatives for inpainting and upscaling. A name of the zoo goes first; a folder of the same name opens as ./name.
        Where a card lies in it, its hashes are checked. What is drawn in another way than by diffusers is said in a
        warning.

        Args:
            name: such as "storybook", "runs/mine", "stable-diffusion-v1-5/stable-diffusion-v1-5".
            device: "cpu", "cuda", ...; by default the machine's best.
            revision: of a hub's model: a branch, tag or commit.
            variant: of published weights, such as "fp16"; it computes in the device's own precision all the same.

        Raises:
            ValueError: neither a name of the zoo nor a folder nor on the hub, or a model of another kind.
            OSError: a file that is missing, cut short, changed or a pickle; or the hub is out of reach.
        """
        manager = DeviceManager(device)
        parts = open_parts(name, revision, variant)
        for remark in parts.remarks:
            warnings.warn(remark, stacklevel=2)
        named = {name: part for name, part in vars(parts).items() if name != "remarks"}
        return cls(**named, device=manager)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes the model, weights in half precision.

        A model of latents becomes a folder that diffusers' StableDiffusionPipeline (for inpainting or upscaling, its
        relative) opens and draws the same with. A model of pixels, or one whose U-Net has what
        diffusers has no class for (folded patches, pooled words), keeps this course's layout; its index says why.

        Raises:
            OSError: the folder cannot be written.
        """
        names = {part.name for part in fields(Parts)} - {"remarks"}
        parts = Parts(**{name: getattr(self, name) for name in names})
        save_parts(Path(folder), parts)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        *,
        prompt_embeds: Tensor | None = None,
        negative_prompt: str | Sequence[str] | None = None,
        height: int | None = None,
        width: int | None = None,
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
        """Draws one picture a prompt.

        Args:
            prompt: one caption or several, in English or Japanese.
            prompt_embeds: or what the U-Net reads of them, (B, L, D), as `encode` gives it.
            negative_prompt: what to steer away from; needs a guidance_scale above 1.
            height, width: pixels, multiples of the VAE's factor; by default the size that the model was trained at.
                Where latents are given, theirs.
            num_inference_steps: 1 to the number of training steps; more is slower and finer.
            guidance_scale: 1 is off; larger follows the words more closely (Ho & Salimans 2022). By default the
                model's own, 3, or 7.5 for a published one.
            seed: picture i starts from the noise of seed + i, whatever else is in the batch. Noise that the sampler
                adds on its way (`ADD_NOISE`) comes from one stream for the whole batch.
            generator: draws the noise instead, from one stream for the whole batch.
            latents: or the noise itself, standard normal (B, C, h, w), as the U-Net takes it.
            sampler: the name of one of `SAMPLERS`, or a function with their arguments; by default the model's own.
            spacing: of the timesteps, as `NoiseSchedule.timesteps` has them; by default the model's own, "trailing" for
                those of the zoo, and "karras" for Heun, whose second slope leads astray where sigma falls to a tiny
                part of itself in one step.
            output_type: "pil", or "pt" for a tensor (B, 3, H, W) in [0, 1].
            callback: called as callback(step, t, x_t, x0_hat) before each step; `decode` makes pictures of latents.

        Returns:
            A list of PIL pictures, or the tensor.

        Raises:
            ValueError: an empty prompt, a number out of range, or parts that do not fit one another.
        """
        check_output_type(output_type)
        if (prompt is None) == (prompt_embeds is None):
            raise ValueError(f"Give prompt or prompt_embeds, one of them; got {'none' if prompt is None else 'both'}.")
        tokens = self.encode(prompts_of(prompt)) if prompt_embeds is None else self._placed(prompt_embeds)  # (B, L, D)
        denoise = self.denoiser(tokens, negative_prompt, guidance_scale)
        timesteps = self.timesteps(num_inference_steps, sampler, spacing)
        noise = self.noise(len(tokens), height, width, seed=seed, generator=generator, latents=latents)
        x = self.start(noise, timesteps, sampler, spacing)
        x0 = self.walk(
            denoise, x, timesteps, sampler=sampler, spacing=spacing, seed=seed, generator=generator, callback=callback
        )
        return self.pictures(x0, output_type)

    # ---- the parts of a call, for those who put them together in another way -------------------------------------

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Captions, or the empty one -> tokens (B, L, D) that the U-Net attends to. Warns where one is too long."""
        check_length(prompts, self.tokenizer)
        return self.text_encoder(self.tokenizer(prompts).to(self.device.device))

    def denoiser(
        self,
        tokens: Tensor,
        negative_prompt: str | Sequence[str] | None = None,
        guidance_scale: float | None = None,
        net: Callable[..., Tensor] | None = None,
    ) -> NetworkDenoiser:
        """The U-Net, told of tokens (B, L, D) and guided, as a denoiser of x_t (B, C, h, w).

        `net` is called in its place as net(x_t, t, context), twice the batch where there is guidance.
        """
        if net is None and self.unet.config.reads_mask:
            raise ValueError(
                f"This model fills masked pictures, with a U-Net that reads {self.unet.config.in_channels} channels; "
                "got no mask. Call inpaint(pipe, prompt, image, mask), of t2ilab.pipelines.inpainting."
            )
        if net is None and self.unet.config.reads_small_picture:
            raise ValueError(
                "This model enlarges pictures, with a U-Net that reads a small one; got none. Call upscale(pipe, "
                "image), of t2ilab.pipelines.upscaling."
            )
        length, width = self.tokenizer.context_length, self.unet.config.cross_attention_dim
        if tokens.shape[1:] != (length, width):
            raise ValueError(f"Tokens are (B, {length}, {width}), as `encode` gives them; got {tuple(tokens.shape)}.")
        guidance_scale = self.guidance_scale if guidance_scale is None else guidance_scale
        if not math.isfinite(guidance_scale):
            raise ValueError(f"guidance_scale must be a finite number; got {guidance_scale}. 1 is off, 3 is usual.")
        without = [negative_prompt or ""] if isinstance(negative_prompt, str | None) else list(negative_prompt)
        if negative_prompt is not None and guidance_scale <= 1:
            raise ValueError(f"A negative prompt has no effect without guidance above 1; got {guidance_scale}.")
        if len(without) not in (1, len(tokens)):
            raise ValueError(
                f"Give one negative prompt for all or one a prompt; got {len(without)} for {len(tokens)} prompts."
            )
        if guidance_scale != 1:
            tokens = torch.cat([self.encode(without).expand_as(tokens), tokens])  # (2B, L, D)
        return NetworkDenoiser(
            partial(self._guided, net=net or self.unet, context=tokens, guidance_scale=guidance_scale),
            self.schedule,
            self.prediction_type,
            clip=1.0 if self.vae is None else None,
        )

    def timesteps(
        self, num_inference_steps: int, sampler: str | Sampler | None = None, spacing: str | None = None
    ) -> Tensor:
        """The grid (num_inference_steps,), descending."""
        if not hasattr(num_inference_steps, "__index__") or not (
            1 <= num_inference_steps <= self.schedule.num_train_timesteps
        ):
            raise ValueError(
                f"num_inference_steps lies in 1 to {self.schedule.num_train_timesteps}; got {num_inference_steps!r}. "
                "20 is plenty."
            )
        return self._sampling(sampler, spacing).timesteps(self.schedule, num_inference_steps)

    def noise(
        self,
        count: int,
        height: int | None = None,
        width: int | None = None,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        latents: Tensor | None = None,
    ) -> Tensor:
        """Standard normal noise (count, C, h, w), as given or drawn, on the U-Net's device and in its dtype."""
        size = self._fold(*(self.image_size if side is None else side for side in (height, width)))
        shape = (count, self.unet.config.x_channels, *size)
        chance = Noise(count, seed, generator)  # which refuses a wrong one, where latents are given too
        if latents is not None:
            if latents.ndim != 4 or latents.shape[:2] != shape[:2]:
                raise ValueError(f"latents must be (B, C, H, W) = {shape}; got {tuple(latents.shape)}.")
            if not latents.isfinite().all():
                raise ValueError(
                    "latents must be finite numbers; got NaN or infinity. Look at the step that made them."
                )
            x = latents
        else:
            x = chance(*shape[1:])
        return self._placed(x)

    def start(
        self, noise: Tensor, timesteps: Tensor, sampler: str | Sampler | None = None, spacing: str | None = None
    ) -> Tensor:
        """x_t at the first timestep of a whole walk: the noise, or as much of it as published samplers take."""
        return noise * self._sampling(sampler, spacing).start_scale(self.schedule, timesteps)

    def walk(
        self,
        denoise: Denoiser,
        x: Tensor,
        timesteps: Tensor,
        *,
        sampler: str | Sampler | None = None,
        spacing: str | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        callback: Callback | None = None,
    ) -> Tensor:
        """From x_t at the first of these timesteps to x0, both (B, C, h, w)."""
        sampling = self._sampling(sampler, spacing)
        fresh = generator or (None if seed is None else fresh_stream(seed))
        # A sampler of a student's own need not know where published ones end.
        end = {} if not sampling.to_first else {"final_alpha_cumprod": sampling.final(self.schedule)}
        draw = sampler_of(sampler or self.sampling.sampler)
        return draw(denoise, x, self.schedule, timesteps, generator=fresh, callback=callback, **end)

    def decode(self, x0: Tensor) -> Tensor:
        """What the U-Net works on (B, C, h, w) -> pictures (B, 3, H, W) near [-1, 1]; pixels are pictures already."""
        if self.vae is None:
            return x0
        with torch.no_grad(), self.device.autocast():
            return self.vae_decode(self.vae, x0 / self.vae.config.scaling_factor).to(x0.dtype)

    def pictures(self, x0: Tensor, output_type: str = "pil") -> Any:
        """What the U-Net works on (B, C, h, w) -> PIL pictures, or with "pt" a tensor (B, 3, H, W) in [0, 1]."""
        images = self.decode(x0)
        return to_pil(images) if output_type == "pil" else (images.float() / 2 + 0.5).clamp(0, 1)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _placed(self, x: Tensor) -> Tensor:
        """On the U-Net's device and in its dtype."""
        return x.to(self.device.device, next(self.unet.parameters()).dtype)

    def _guided(
        self, x: Tensor, t: Tensor, net: Callable[..., Tensor], context: Tensor, guidance_scale: float
    ) -> Tensor:
        """The network's output (B, C, H, W) with guidance: both guesses in one call of twice the batch."""
        with self.device.autocast():
            if guidance_scale == 1:
                return net(x, t, context).to(x.dtype)
            uncond, cond = net(torch.cat([x, x]), torch.cat([t, t]), context).to(x.dtype).chunk(2)
        return uncond + guidance_scale * (cond - uncond)

    def _sampling(self, sampler: str | Sampler | None, spacing: str | None) -> Sampling:
        """The model's own way of drawing; where a caller asks for another sampler or grid, that from plain noise."""
        own = self.sampling
        sampler = sampler or own.sampler
        spacing = spacing or (
            "karras" if sampler_of(sampler) is sample_heun and sampler != own.sampler else own.spacing
        )
        if (sampler, spacing) == (own.sampler, own.spacing):
            return own
        return Sampling(spacing=spacing, steps_offset=own.steps_offset)

    def _fold(self, height: int, width: int) -> tuple[int, int]:
        """The size of what the U-Net works on."""
        factor = 1 if self.vae is None else self.vae.config.factor
        if not all(hasattr(side, "__index__") for side in (height, width)) or min(height, width) < 1:
            raise ValueError(f"height and width are positive whole numbers of pixels; got {height} and {width}.")
        if height % factor or width % factor:
            raise ValueError(f"This model draws in multiples of {factor} pixels; got {height} and {width}.")
        return height // factor, width // factor


def sampler_of(sampler: str | Sampler) -> Sampler:
    """The function of that name. Raises ValueError, with the nearest, for a name that is none."""
    if callable(sampler):
        return sampler
    if not isinstance(sampler, str):
        raise ValueError(f"A sampler is a function, or one of {', '.join(SAMPLERS)}; got {sampler!r}.")
    if sampler not in SAMPLERS:
        near = get_close_matches(sampler, SAMPLERS, 1, 0.4) or SAMPLERS
        raise ValueError(f"There is no sampler {sampler!r}; the nearest: {', '.join(near)}.")
    return SAMPLERS[sampler]
