"""One diffusion model of a chain: a U-Net of pixels, told of something, that may read a small picture beside x_t."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.device import DeviceManager
from t2ilab.diffusion.augmentation import augment_low_res, augmentation_timesteps, low_res_scalings
from t2ilab.diffusion.denoisers import Denoiser, NetworkDenoiser
from t2ilab.diffusion.samplers import Callback, sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.diffusion.thresholding import ThresholdedDenoiser
from t2ilab.files import read_config
from t2ilab.interop.weights import read_weights, write_weights
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.folder import find
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.text_to_image import Sampler, sampler_of

THRESHOLDINGS = ("dynamic", "static", "none")
KIND, STEM = "Stage", "diffusion_pytorch_model"


@dataclass(frozen=True)
class Guidance:
    """How a stage is drawn with.

    Args:
        guidance_scale: 1 is off.
        num_inference_steps: 1 to the number of training steps.
        thresholding: what brings estimates back into [-1, 1]: "dynamic", "static" or "none".
        percentile: of dynamic thresholding, in (0, 1].
        augmentation_level: in [0, 1], the noise that is put into the small picture; a first stage has none. It hides
            what is wrong in it, and what is right: the more a base errs in detail, the more is worth trying.
        sampler: a name of `text_to_image.SAMPLERS`, or a function with the arguments of `sample_ddim`.

    Raises:
        ValueError: one of these out of its range.
    """

    guidance_scale: float = 3.0
    num_inference_steps: int = 20
    thresholding: str = "dynamic"
    percentile: float = 0.995
    augmentation_level: float = 0.0
    sampler: str | Sampler = sample_ddim

    def __post_init__(self) -> None:
        if not math.isfinite(self.guidance_scale):
            raise ValueError(f"guidance_scale must be a finite number; got {self.guidance_scale}. 1 is off.")
        if self.thresholding not in THRESHOLDINGS:
            raise ValueError(f"thresholding is one of {', '.join(THRESHOLDINGS)}; got {self.thresholding!r}.")
        if not 0 < self.percentile <= 1:
            raise ValueError(f"percentile must lie in (0, 1], got {self.percentile}; the paper's is 0.995.")
        if not 0 <= self.augmentation_level <= 1:
            raise ValueError(
                f"An augmentation level lies in [0, 1], 0 for no noise; got {self.augmentation_level}. 0.1 is usual."
            )
        sampler_of(self.sampler)


def changed(how: Guidance | None, changes: Mapping[str, Any]) -> Guidance:
    """The settings with some of them changed. Raises ValueError for a setting that no stage has."""
    if unknown := sorted(changes.keys() - Guidance.__dataclass_fields__.keys()):
        raise ValueError(
            f"A stage has the settings {', '.join(Guidance.__dataclass_fields__)}; got {', '.join(unknown)}."
        )
    return replace(how or Guidance(), **changes)


class Stage:
    """A U-Net with its schedule.

    One that reads twice as many channels as it gives is a super-resolution: beside x_t it reads a small picture,
    brought to the size of x_t, with noise in it, and is told how much (Saharia et al. 2022, section 2.4). Its output is
    what the small picture leaves open, and is added to it (`predicted`).

    Args:
        unet: it may read words or an image embedding; a super-resolution is told of a second timestep besides.
        schedule, prediction_type: that it was trained with.
        image_size: pixels a side that it draws.
        device: a DeviceManager; by default the machine's best.

    Raises:
        ValueError: a U-Net that reads neither x_t alone nor a small picture beside it, or is not told of its noise; a
            super-resolution that predicts anything but the picture.
    """

    def __init__(
        self,
        unet: UNet,
        schedule: NoiseSchedule,
        prediction_type: str = "v_prediction",
        image_size: int = 32,
        device: DeviceManager | None = None,
    ):
        reads, gives = unet.config.in_channels, unet.config.out_channels
        if reads not in (gives, 2 * gives):
            raise ValueError(
                f"A stage reads x_t, or x_t and a small picture: {gives} or {2 * gives} channels; got {reads}."
            )
        if (reads == 2 * gives) != unet.config.class_timesteps:
            raise ValueError(
                "A super-resolution, and no other stage, is told of the noise in its small picture: class_timesteps="
                f"{reads == 2 * gives} for {reads} channels; got {unet.config.class_timesteps}."
            )
        if reads == 2 * gives and prediction_type != "sample":
            raise ValueError(
                "A super-resolution adds to its small picture, so its prediction_type is 'sample'; got "
                f"{prediction_type!r}."
            )
        self.device = device or DeviceManager()
        self.unet, self.schedule = self.device.place(unet), schedule
        self.prediction_type, self.image_size = prediction_type, image_size

    @property
    def enlarges(self) -> bool:
        """Whether it reads a small picture."""
        return self.unet.config.class_timesteps

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str | DeviceManager | None = None) -> Stage:
        """Opens a stage of the zoo, or of a folder that `save_pretrained` wrote.

        Args:
            device: its name, or a DeviceManager, which several stages can share; by default the machine's best.

        Raises:
            ValueError: neither a name of the zoo nor a folder, or another kind of model.
            OSError: a file that is missing, cut short or changed.
        """
        folder = find(str(name), {"": STEM}, None, None)
        given = read_config(folder / "config.json")
        if (kind := given.get("_class_name")) != KIND:
            raise ValueError(f"{folder} holds a {kind}; this call opens one {KIND} of a chain, such as a decoder.")
        try:
            unet = UNet(UNetConfig.from_dict(given["unet"])).eval()
            parts = NoiseSchedule.from_dict(given["schedule"]), given["prediction_type"], given["image_size"]
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise OSError(f"{folder / 'config.json'} lays out no {KIND}: {str(error).rstrip('.')}.") from error
        read_weights(folder / f"{STEM}.safetensors", unet)
        return cls(unet, *parts, device if isinstance(device, DeviceManager) else DeviceManager(device))

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes its configuration and its weights, in half precision. Raises OSError where that cannot be."""
        folder = Path(folder)
        config: dict[str, Any] = {
            "_class_name": KIND,
            "unet": self.unet.config.to_dict(),
            "schedule": self.schedule.to_dict(),
        }
        config |= {"prediction_type": self.prediction_type, "image_size": self.image_size}
        write_weights(folder / f"{STEM}.safetensors", self.unet, config=config)

    def denoiser(
        self,
        told: Tensor,
        untold: Tensor,
        how: Guidance,
        low_res: Tensor | None = None,
        levels: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Denoiser:
        """The U-Net, guided and thresholded, as a denoiser of x_t (B, C, image_size, image_size).

        Args:
            told, untold: what it is told with and without the condition, both as the U-Net takes it.
            low_res: small pictures (B, C, h, w) with their noise in them; levels: its timesteps plus one, (B,).
            mask: (2B, L) or (B, L), False for padding: of untold, then of told where there is guidance.
        """
        if how.guidance_scale != 1:
            told = torch.cat([untold.expand_as(told), told])  # (2B, ...)
        net = partial(self._guided, told=told, scale=how.guidance_scale, low_res=low_res, levels=levels, mask=mask)
        plain = NetworkDenoiser(net, self.schedule, self.prediction_type)
        if how.thresholding == "none":
            return plain
        return ThresholdedDenoiser(plain, how.percentile if how.thresholding == "dynamic" else None)

    def draw(
        self,
        told: Tensor,
        untold: Tensor,
        how: Guidance,
        noise: Noise,
        low_res: Tensor | None = None,
        mask: Tensor | None = None,
        callback: Callback | None = None,
    ) -> Tensor:
        """Pictures (B, C, image_size, image_size); without thresholding they may leave [-1, 1].

        Args:
            told, untold, how, mask: as in `denoiser`.
            noise: where chance comes from; a super-resolution takes the small picture's first.
            low_res: small pictures (B, C, h, w) in [-1, 1].

        Raises:
            ValueError: a small picture for a stage that reads none, or none for one that does, or one that is larger.
        """
        if not 1 <= how.num_inference_steps <= self.schedule.num_train_timesteps:
            raise ValueError(
                f"num_inference_steps lies in 1 to {self.schedule.num_train_timesteps}; got {how.num_inference_steps}."
            )
        levels = None
        if (low_res is None) == self.enlarges:
            needs = "reads a small picture beside x_t" if self.enlarges else "begins with noise alone"
            raise ValueError(f"This stage {needs}; got {'none' if low_res is None else tuple(low_res.shape)}.")
        if low_res is not None:
            if max(low_res.shape[-2:]) > self.image_size:
                raise ValueError(
                    f"This stage enlarges to {self.image_size} pixels a side; got {tuple(low_res.shape[-2:])}. Shrink "
                    "it first."
                )
            low_res = self._placed(low_res)
            fresh = self._placed(noise(*low_res.shape[1:]))
            levels = augmentation_timesteps(how.augmentation_level, self.schedule, len(low_res)) + 1
            low_res = augment_low_res(low_res, how.augmentation_level, fresh, self.schedule)
        denoise = self.denoiser(self._placed(told), self._placed(untold), how, low_res, levels, mask)
        x = self._placed(noise(self.unet.config.out_channels, self.image_size, self.image_size))
        timesteps = self.schedule.timesteps(how.num_inference_steps, "trailing")
        draw = sampler_of(how.sampler)
        return draw(denoise, x, self.schedule, timesteps, generator=noise.fresh, callback=callback)

    def _placed(self, x: Tensor) -> Tensor:
        return x.to(self.device.device, next(self.unet.parameters()).dtype)

    def _guided(
        self,
        x: Tensor,
        t: Tensor,
        told: Tensor,
        scale: float,
        low_res: Tensor | None,
        levels: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        """The network's output (B, C, H, W): both guesses in one call of twice the batch."""
        times = len(told) // len(x)
        again = None if low_res is None else low_res.repeat(times, 1, 1, 1)
        labels = None if levels is None else levels.to(x.device).repeat(times)
        x, t = x.repeat(times, 1, 1, 1), t.repeat(times)
        with self.device.autocast():
            output = predicted(self.unet, self.schedule, x, t, told, mask, again, labels).to(x.dtype)
        if times == 1:
            return output
        uncond, cond = output.chunk(2)
        return uncond + scale * (cond - uncond)


def predicted(
    unet: UNet,
    schedule: NoiseSchedule,
    x_t: Tensor,
    t: Tensor,
    told: Tensor,
    mask: Tensor | None = None,
    low_res: Tensor | None = None,
    levels: Tensor | None = None,
) -> Tensor:
    """What a stage's U-Net predicts of x_t (B, C, H, W), (B, C, H, W): that of a super-resolution reads the small
    picture beside x_t, and what it gives is added to the small picture (`low_res_scalings`).

    Args:
        told, mask: as the U-Net takes them.
        low_res: small pictures (B, C, h, w) with their noise in them; levels: its timesteps plus one, (B,).
    """
    if low_res is None or levels is None:
        return unet(x_t, t, told, mask=mask)
    low_res = enlarged(low_res, x_t.shape[-1])
    output = unet(torch.cat([x_t, low_res], dim=1), t, told, mask=mask, class_labels=levels)
    kept, missing = (one.to(x_t.dtype)[:, None, None, None] for one in low_res_scalings(levels - 1, schedule))
    return kept * low_res + missing * output


def enlarged(low_res: Tensor, size: int) -> Tensor:
    """Small pictures (B, C, h, w) -> (B, C, size, size), bilinear."""
    return F.interpolate(low_res, size=(size, size), mode="bilinear", align_corners=False)


def check_follow(stages: list[Stage]) -> None:
    """Raises ValueError unless the first begins with noise alone and each other enlarges what the one before drew."""
    sizes = [stage.image_size for stage in stages]
    if not stages or stages[0].enlarges or not all(stage.enlarges for stage in stages[1:]):
        raise ValueError(
            "A chain is a first stage that begins with noise, then super-resolutions; got "
            f"{['super-resolution' if stage.enlarges else 'first' for stage in stages] or 'none'}."
        )
    for small, large in pairwise(sizes):
        if large <= small or large % small:
            raise ValueError(
                "Each stage draws a whole number of times larger than the one before; got "
                f"{' -> '.join(map(str, sizes))}."
            )
