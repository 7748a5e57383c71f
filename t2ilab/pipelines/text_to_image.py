"""Where words, noise and pixels meet: a prompt goes in, pictures come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab import __version__, zoo
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.device import DeviceManager
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.samplers import Callback, sample_ddim, sample_ddpm
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.images import to_pil
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig

Sampler = Callable[..., Tensor]
SAMPLERS: dict[str, Sampler] = {"ddim": sample_ddim, "ddpm": sample_ddpm}


class TextToImage:
    """A text-to-image model: tokenizer, text encoder, U-Net and noise schedule.

    Args:
        unet, text_encoder, tokenizer, schedule: the parts, trained together.
        prediction_type: what the U-Net was trained to give: "epsilon", "sample" or "v_prediction".
        image_size: pixels a side that it was trained at.
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
    ):
        if text_encoder.config.width != unet.config.cross_attention_dim:
            raise ValueError(
                f"The text encoder's width must be the U-Net's cross_attention_dim; got {text_encoder.config.width} "
                f"and {unet.config.cross_attention_dim}. These two were not trained together."
            )
        self.device = device or DeviceManager()
        self.unet, self.text_encoder = unet, text_encoder
        for part in (unet, text_encoder):
            self.device.place(part)
        self.tokenizer, self.schedule = tokenizer, schedule
        self.prediction_type, self.image_size = prediction_type, image_size

    @classmethod
    def from_pretrained(cls, name: str | Path = "shapes-pixel", device: str | None = None) -> TextToImage:
        """Opens a model of the zoo by its name, or a folder that `save_pretrained` wrote.

        Raises:
            ValueError: neither a name of the zoo nor a folder.
            OSError: a file that is missing, cut short or changed.
        """
        folder = Path(name) if Path(name).is_dir() else zoo.folder(str(name))
        index = zoo.read_json(folder / "model_index.json")
        if index.get("_class_name") != cls.__name__:
            raise ValueError(f"{folder} holds a {index.get('_class_name')}; this call opens a {cls.__name__}.")
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
            DeviceManager(device),
        )

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
            seed: picture i starts from the noise of seed + i, whatever else is in the batch.
            generator: draws the noise instead, from one stream for the whole batch.
            latents: or the noise itself, standard normal (B, 3, H, W).
            sampler: "ddim", "ddpm", or a function with their arguments.
            output_type: "pil", or "pt" for a tensor (B, 3, H, W) in [0, 1].
            callback: called as callback(step, t, x_t, x0_hat) before each step.

        Returns:
            A list of PIL pictures, or the tensor.

        Raises:
            ValueError: an empty prompt, or a number out of range.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        self._check(prompts, num_inference_steps, guidance_scale, output_type)
        if negative_prompt is not None and guidance_scale <= 1:
            raise ValueError(f"A negative prompt has no effect without guidance above 1; got {guidance_scale}.")
        context = self.encode(prompts)
        if guidance_scale != 1:
            without = [negative_prompt or ""] if isinstance(negative_prompt, str | None) else list(negative_prompt)
            context = torch.cat([self.encode(without).expand_as(context), context])  # (2B, L, D)

        shape = (len(prompts), self.unet.config.in_channels, height or self.image_size, width or self.image_size)
        x = self._noise(shape, seed, generator) if latents is None else latents
        timesteps = self.schedule.timesteps(num_inference_steps, spacing="trailing")
        denoise = NetworkDenoiser(
            partial(self._guided, context=context, guidance_scale=guidance_scale),
            self.schedule,
            self.prediction_type,
            clip=1.0,
        )
        draw = SAMPLERS[sampler] if isinstance(sampler, str) else sampler
        fresh = generator or torch.Generator().manual_seed(0 if seed is None else seed)
        x0 = draw(denoise, x.to(self.device.device), self.schedule, timesteps, generator=fresh, callback=callback)
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

    def _noise(self, shape: tuple[int, ...], seed: int | None, generator: torch.Generator | None) -> Tensor:
        if seed is None:
            return torch.randn(shape, generator=generator)
        streams = [torch.Generator().manual_seed(seed + i) for i in range(shape[0])]
        return torch.stack([torch.randn(shape[1:], generator=stream) for stream in streams])

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
