"""Where words, noise and pixels meet: a prompt goes in, pictures come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab import __version__, zoo
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.words import LEVELS
from t2ilab.device import DeviceManager
from t2ilab.diffusion.denoisers import NetworkDenoiser
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
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig

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


class _OtherKind(ValueError):
    """A folder that is whole, but holds something else."""


class TextToImage:
    """A text-to-image model: tokenizer, text encoder, U-Net and noise schedule.

    Args:
        unet, text_encoder, tokenizer, schedule: the parts, trained together.
        prediction_type: what the U-Net was trained to give: "epsilon", "sample" or "v_prediction".
        image_size: pixels a side that it was trained at.
        world: the level of the world whose words it knows, "shapes" or "storybook"; None for a model of any words.
        device: a DeviceManager; by default the machine's best.
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
    ):
        if text_encoder.config.width != unet.config.cross_attention_dim:
            raise ValueError(
                f"The text encoder's width must be the U-Net's cross_attention_dim; got {text_encoder.config.width} "
                f"and {unet.config.cross_attention_dim}. These two were not trained together."
            )
        if world is not None and world not in LEVELS:
            raise ValueError(f"world must be one of {', '.join(LEVELS)}, or None for any words; got {world!r}.")
        self.device = device or DeviceManager()
        self.unet, self.text_encoder = unet, text_encoder
        for part in (unet, text_encoder):
            self.device.place(part)
        self.tokenizer, self.schedule = tokenizer, schedule
        self.prediction_type, self.image_size, self.world = prediction_type, image_size, world

    @classmethod
    def from_pretrained(cls, name: str | Path = "storybook-pixel", device: str | None = None) -> TextToImage:
        """Opens a model of the zoo by its name, or a folder that `save_pretrained` wrote.

        A name of the zoo goes first; a folder of the same name opens as ./name. Where a card lies in the folder, its
        hashes are checked.

        Raises:
            ValueError: neither a name of the zoo nor a folder, or a model of another kind.
            OSError: a file that is missing, cut short or changed.
        """
        manager = DeviceManager(device)
        if name in zoo.names() or not Path(name).is_dir():
            folder = zoo.folder(str(name))
        else:
            folder = Path(name)
            if (folder / "card.json").exists():
                zoo.verify(folder, zoo.card_of(folder))
        if (folder / "config.json").exists() and not (folder / "model_index.json").exists():
            raise ValueError(
                f"{folder} holds one network; this call opens a {cls.__name__}, such as 'storybook-pixel'."
            )
        index = zoo.read_json(folder / "model_index.json")
        try:
            if (kind := index.get("_class_name")) != cls.__name__:
                raise _OtherKind(
                    f"{folder} holds a {kind}; this call opens a {cls.__name__}, such as 'storybook-pixel'."
                )
            unet = UNet(UNetConfig.from_dict(zoo.read_json(folder / "unet" / "config.json")))
            text_encoder = TextEncoder(TextConfig.from_dict(zoo.read_json(folder / "text_encoder" / "config.json")))
            zoo.read_weights(folder / "unet" / "diffusion_pytorch_model.safetensors", unet)
            zoo.read_weights(folder / "text_encoder" / "model.safetensors", text_encoder)
            scheduler = zoo.read_json(folder / "scheduler" / "scheduler_config.json")
            return cls(
                unet.eval(),
                text_encoder.eval(),
                CLIPTokenizer.from_pretrained(folder / "tokenizer"),
                NoiseSchedule.from_dict(scheduler),
                scheduler["prediction_type"],
                index["image_size"],
                manager,
                index.get("world"),
            )
        except _OtherKind:
            raise
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
            raise OSError(f"{folder} is not a whole {cls.__name__}: {reason}. Copy it again.") from error

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes the model: diffusers' folders and names, half precision.

        A pixel model whose U-Net folds patches (patch_size above 1) is no model that diffusers has a class for, so its
        model_index.json names this class and says so.
        """
        folder = Path(folder)
        zoo.write_json(folder / "unet" / "config.json", self.unet.config.to_dict())
        zoo.write_weights(folder / "unet" / "diffusion_pytorch_model.safetensors", self.unet)
        zoo.write_json(folder / "text_encoder" / "config.json", self.text_encoder.config.to_dict())
        zoo.write_weights(folder / "text_encoder" / "model.safetensors", self.text_encoder)
        self.tokenizer.save_pretrained(folder / "tokenizer")
        scheduler = self.schedule.to_dict() | {"prediction_type": self.prediction_type}
        zoo.write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
        index = {
            "_class_name": type(self).__name__,
            "_t2ilab_version": __version__,
            "_why_not_diffusers": "Its U-Net works on folded pixels without a VAE; diffusers has no class for that.",
            "image_size": self.image_size,
            "world": self.world,
        }
        zoo.write_json(folder / "model_index.json", index)

    @torch.inference_mode()
    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        negative_prompt: str | Sequence[str] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = 20,
        guidance_scale: float = 3.0,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        latents: Tensor | None = None,
        sampler: str | Sampler = "ddim",
        spacing: str | None = None,
        output_type: str = "pil",
        callback: Callback | None = None,
    ) -> Any:
        """Draws one picture a prompt.

        Args:
            prompt: one caption or several, in English or Japanese.
            negative_prompt: what to steer away from; needs a guidance_scale above 1.
            height, width: pixels; by default the size that the model was trained at.
            num_inference_steps: 1 to the number of training steps; more is slower and finer.
            guidance_scale: 1 is off; larger follows the words more closely (Ho & Salimans 2022).
            seed: picture i starts from the noise of seed + i, whatever else is in the batch. Noise that the sampler
                adds on its way (`ADD_NOISE`) comes from one stream for the whole batch.
            generator: draws the noise instead, from one stream for the whole batch.
            latents: or the noise itself, standard normal (B, 3, H, W).
            sampler: the name of one of `SAMPLERS`, or a function with their arguments.
            spacing: of the timesteps, as `NoiseSchedule.timesteps` has them; by default "trailing", and "karras" for
                Heun, whose second slope leads astray where sigma falls to a tiny part of itself in one step.
            output_type: "pil", or "pt" for a tensor (B, 3, H, W) in [0, 1].
            callback: called as callback(step, t, x_t, x0_hat) before each step.

        Returns:
            A list of PIL pictures, or the tensor.

        Raises:
            ValueError: an empty prompt, a number out of range, or parts that do not fit one another.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        draw = _sampler(sampler)
        self._check(prompts, num_inference_steps, guidance_scale, output_type)
        without = [negative_prompt or ""] if isinstance(negative_prompt, str | None) else list(negative_prompt)
        if negative_prompt is not None and guidance_scale <= 1:
            raise ValueError(f"A negative prompt has no effect without guidance above 1; got {guidance_scale}.")
        if len(without) not in (1, len(prompts)):
            raise ValueError(
                f"Give one negative prompt for all or one a prompt; got {len(without)} for {len(prompts)} prompts."
            )
        context = self.encode(prompts)
        if guidance_scale != 1:
            context = torch.cat([self.encode(without).expand_as(context), context])  # (2B, L, D)

        height = self.image_size if height is None else height
        width = self.image_size if width is None else width
        x = self._start((len(prompts), self.unet.config.in_channels, height, width), seed, generator, latents)
        spacing = spacing or ("karras" if draw is sample_heun else "trailing")
        timesteps = self.schedule.timesteps(num_inference_steps, spacing=spacing)  # type: ignore[arg-type]
        denoise = NetworkDenoiser(
            partial(self._guided, context=context, guidance_scale=guidance_scale),
            self.schedule,
            self.prediction_type,
            clip=1.0,
        )
        # Not the seed itself: its stream begins with the very noise that the first picture started from.
        fresh = generator or (None if seed is None else torch.Generator().manual_seed(seed ^ 0x5EED))
        x0 = draw(denoise, x, self.schedule, timesteps, generator=fresh, callback=callback)
        return to_pil(x0) if output_type == "pil" else (x0.float() / 2 + 0.5).clamp(0, 1)

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Captions -> tokens (B, L, D) that the U-Net attends to."""
        return self.text_encoder(self.tokenizer(prompts).to(self.device.device))

    def _guided(self, x: Tensor, t: Tensor, context: Tensor, guidance_scale: float) -> Tensor:
        """The U-Net's output (B, C, H, W) with guidance: both guesses in one call of twice the batch."""
        with self.device.autocast():
            if guidance_scale == 1:
                return self.unet(x, t, context).to(x.dtype)
            uncond, cond = self.unet(torch.cat([x, x]), torch.cat([t, t]), context).to(x.dtype).chunk(2)
        return uncond + guidance_scale * (cond - uncond)

    def _start(
        self, shape: tuple[int, ...], seed: int | None, generator: torch.Generator | None, latents: Tensor | None
    ) -> Tensor:
        """Where the sampler starts: noise (B, C, H, W), as given or drawn, on the U-Net's device and in its dtype."""
        if min(shape) < 1:
            raise ValueError(f"height and width are positive numbers of pixels; got {shape[2]} and {shape[3]}.")
        if latents is not None:
            if latents.ndim != 4 or latents.shape[:2] != shape[:2]:
                raise ValueError(f"latents must be (B, C, H, W) = {shape}; got {tuple(latents.shape)}.")
            x = latents
        elif generator is not None:
            x = torch.randn(shape, generator=generator, device=generator.device)
        elif seed is None:
            x = torch.randn(shape)
        elif not 0 <= seed < 2**63 - shape[0]:
            raise ValueError(f"A seed is a whole number from 0 to 2^63; got {seed}.")
        else:
            streams = [torch.Generator().manual_seed(seed + i) for i in range(shape[0])]
            x = torch.stack([torch.randn(shape[1:], generator=stream) for stream in streams])
        return x.to(self.device.device, next(self.unet.parameters()).dtype)

    def _check(self, prompts: list[str], steps: int, guidance_scale: float, output_type: str) -> None:
        if not prompts or not all(isinstance(p, str) and p.strip() for p in prompts):
            raise ValueError("A prompt needs at least one word; got an empty one. Try 'a big red star'.")
        if not 1 <= steps <= self.schedule.num_train_timesteps:
            raise ValueError(
                f"num_inference_steps lies in 1 to {self.schedule.num_train_timesteps}; got {steps}. 20 is plenty."
            )
        if not math.isfinite(guidance_scale):
            raise ValueError(f"guidance_scale must be a finite number; got {guidance_scale}. 1 is off, 3 is usual.")
        if output_type not in ("pil", "pt"):
            raise ValueError(f"output_type is 'pil' or 'pt'; got {output_type!r}.")


def _sampler(sampler: str | Sampler) -> Sampler:
    """The function of that name. Raises ValueError, with the nearest, for a name that is none."""
    if not isinstance(sampler, str):
        return sampler
    if sampler not in SAMPLERS:
        near = get_close_matches(sampler, SAMPLERS, 1, 0.4) or SAMPLERS
        raise ValueError(f"There is no sampler {sampler!r}; the nearest: {', '.join(near)}.")
    return SAMPLERS[sampler]
