"""Drawing with ControlNets: pictures beside the words that say where things are to be (Zhang et al. 2023)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab import zoo
from t2ilab.device import DeviceManager
from t2ilab.diffusion.samplers import Callback
from t2ilab.files import read_config, write_json
from t2ilab.interop.stable_diffusion import BESIDE, STEM, read_controlnet, write_controlnet
from t2ilab.nets.controlnet import ControlNet
from t2ilab.pipelines.arguments import Pictures, check_count, check_output_type, pictures_of, prompts_of
from t2ilab.pipelines.folder import find
from t2ilab.pipelines.text_to_image import Sampler, TextToImage

ControlNets = ControlNet | Sequence[ControlNet]
EachNet = float | Sequence[float]
BASE = "base.json"  # names the model beside which a ControlNet was written
UNET = f"unet/{STEM}.safetensors"
# What a ControlNet has in common with the U-Net that it helps, or its maps could not be added to that one's.
SHARED = (
    "in_channels",
    "patch_size",
    "block_out_channels",
    "layers_per_block",
    "cross_attention_dim",
    "num_class_embeds",
)


def open_controlnet(
    name: str | Path,
    device: str | None = None,
    *,
    revision: str | None = None,
    variant: str | None = None,
    any_base: bool = False,
) -> ControlNet:
    """Opens a ControlNet of the zoo, a folder in diffusers' layout, or a ControlNet of the Hugging Face hub.

    Args:
        name: such as "runs/control-semantic/model" or "lllyasviel/sd-controlnet-canny".
        device, revision, variant: as in `TextToImage.from_pretrained`.
        any_base: whether one that was trained beside an earlier model of the zoo, and has its own layers only, is put
            beside the one of that name that the zoo has now, with a warning. It has to be trained on there.

    Raises:
        ValueError: neither a name of the zoo nor a folder nor on the hub, or no ControlNet.
        OSError: a file that is missing, cut short, changed or a pickle; or the hub is out of reach.
    """
    manager = DeviceManager(device)
    folder = find(str(name), {"": STEM}, revision, variant)
    if (folder / "model_index.json").exists():
        raise ValueError(f"{folder} holds a whole model, which TextToImage opens; this call opens one ControlNet.")
    base = _base(folder, any_base) if (folder / BASE).exists() else None
    return manager.place(read_controlnet(folder, variant, base))


def save_controlnet(folder: Path, net: ControlNet, base: TextToImage, name: str) -> None:
    """Writes a ControlNet in half precision: without what it has from a base of the zoo, else whole, as diffusers
    opens it. `write_controlnet` of `t2ilab.interop.stable_diffusion` writes any whole.

    Args:
        folder, net: where, and what.
        base, name: the model that it helps, and where that came from: `open_controlnet` looks for it there.
    """
    known = name in zoo.names()
    write_controlnet(folder, net, base.unet if known else None)
    for older in (BASE, f"{STEM if known else BESIDE}.safetensors"):  # of a net written the other way, or another base
        (folder / older).unlink(missing_ok=True)
    if known:
        write_json(folder / BASE, {"name": name, "sha256": zoo.card(name).sha256[UNET]})


def _base(folder: Path, any_base: bool) -> Path:
    """The folder of the U-Net beside which a ControlNet was written, or is put."""
    said = read_config(folder / BASE)
    name = str(said.get("name"))
    base = zoo.folder(name) / "unet"
    if zoo.card(name).sha256[UNET] != said.get("sha256"):
        another = f"{folder} was trained beside another {name} than the zoo has now, whose U-Net has another SHA-256."
        if not any_base:
            raise OSError(f"{another} Train it again, or bring that model back.")
        warnings.warn(f"{another} It is put beside the new one, and has to be trained on there.", stacklevel=3)
    return base


@torch.no_grad()
def control_to_image(
    pipe: TextToImage,
    controlnet: ControlNets,
    prompt: str | Sequence[str],
    image: Pictures | Sequence[Pictures],
    *,
    controlnet_conditioning_scale: EachNet = 1.0,
    control_guidance_start: EachNet = 0.0,
    control_guidance_end: EachNet = 1.0,
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
    """Draws one picture a prompt, led by one picture or several that each go to a ControlNet.

    Args:
        pipe: the base that the ControlNets were made for.
        controlnet: one or several. What they say is summed.
        prompt: one caption or several. An empty one leaves it to the picture to say what is asked for: so is half of a
            ControlNet's training (Zhang et al. 2023, section 3.3).
        image: what the ControlNet looks at: PIL, one for all prompts or one each; or a tensor (B, 3, H, W) in [0, 1].
            For several ControlNets, such a thing for each of them. One of another size than what is drawn is resized,
            with a warning.
        controlnet_conditioning_scale: how loud; 0 is silent. Here and below, one number for all nets or one each.
        control_guidance_start, control_guidance_end: from which share of the steps on, and up to which, 0 to 1.
        height, width: of what is drawn, as in `TextToImage`: by default the size that the model was trained at.
            (diffusers takes that of the first control picture.)
        negative_prompt, num_inference_steps, guidance_scale, seed, generator, latents: as in `TextToImage`.
        sampler, spacing, output_type, callback: as in `TextToImage`.

    Returns:
        A list of PIL pictures, or a tensor (B, 3, H, W) in [0, 1].

    Raises:
        ValueError: a ControlNet of another base (the sentence names what differs), not as many pictures or numbers as
            ControlNets, a picture that is no picture, or what `TextToImage` does not draw.
    """
    check_output_type(output_type)
    prompts = prompts_of(prompt, empty=True)
    timesteps = pipe.timesteps(num_inference_steps, sampler, spacing)
    noise = pipe.noise(len(prompts), height, width, seed=seed, generator=generator, latents=latents)
    net = controlled(
        pipe,
        controlnet,
        image,
        noise.shape,
        timesteps,
        controlnet_conditioning_scale=controlnet_conditioning_scale,
        control_guidance_start=control_guidance_start,
        control_guidance_end=control_guidance_end,
    )
    denoise = pipe.denoiser(pipe.encode(prompts), negative_prompt, guidance_scale, net)
    x = pipe.start(noise, timesteps, sampler, spacing)
    x0 = pipe.walk(
        denoise, x, timesteps, sampler=sampler, spacing=spacing, seed=seed, generator=generator, callback=callback
    )
    return pipe.pictures(x0, output_type)


def controlled(
    pipe: TextToImage,
    controlnet: ControlNets,
    image: Pictures | Sequence[Pictures],
    shape: Sequence[int],
    timesteps: Tensor,
    *,
    controlnet_conditioning_scale: EachNet = 1.0,
    control_guidance_start: EachNet = 0.0,
    control_guidance_end: EachNet = 1.0,
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The U-Net with what ControlNets say, as `TextToImage.denoiser` takes it, for those who put a call together in
    another way.

    Step i of n hears a net if control_guidance_start <= i / n and (i + 1) / n <= control_guidance_end, as diffusers has
    it; but Heun's two calls at one timestep, which diffusers counts as two steps, hear the same nets here.

    Args:
        pipe, controlnet, image, controlnet_conditioning_scale, control_guidance_start, control_guidance_end: as in
            `control_to_image`.
        shape: of what the U-Net works on, (B, C, h, w).
        timesteps: of the whole walk, descending.

    Raises:
        ValueError: as `control_to_image`.
    """
    several = not isinstance(controlnet, ControlNet)
    nets: list[ControlNet] = list(controlnet) if several else [controlnet]  # type: ignore[arg-type, list-item]
    if not nets:
        raise ValueError("Give at least one ControlNet; got none. TextToImage draws without.")
    images: list[Any] = [image]
    if several:
        images = list(image) if isinstance(image, Sequence) else []
        if len(images) != len(nets):
            got = len(images) if images else f"one {type(image).__name__}"
            raise ValueError(f"A list of ControlNets needs a list with pictures for each; got {got} for {len(nets)}.")
    scales = _each(controlnet_conditioning_scale, len(nets), "controlnet_conditioning_scale")
    starts = _each(control_guidance_start, len(nets), "control_guidance_start")
    ends = _each(control_guidance_end, len(nets), "control_guidance_end")
    for start, end in zip(starts, ends, strict=True):
        if not 0 <= start < end <= 1:
            raise ValueError(
                f"0 <= control_guidance_start < control_guidance_end <= 1, shares of the steps; got {start} and {end}."
            )
    conditions = [_condition(pipe, net, one, shape) for net, one in zip(nets, images, strict=True)]
    grid = timesteps.tolist()

    def residuals(x: Tensor, t: Tensor, context: Tensor) -> tuple[Sequence[Tensor], Tensor] | None:
        now, n = int(t[0]), len(grid)
        step = sum(timestep > now for timestep in grid)
        total: tuple[Sequence[Tensor], Tensor] | None = None
        for net, condition, scale, start, end in zip(nets, conditions, scales, starts, ends, strict=True):
            if scale == 0 or step / n < start or (step + 1) / n > end:
                continue
            repeated = condition.repeat(len(x) // len(condition), 1, 1, 1)  # guidance asks twice
            downs, middle = net(x, t, context, repeated, scale=scale)
            if total is not None:
                downs, middle = [a + b for a, b in zip(total[0], downs, strict=True)], total[1] + middle
            total = downs, middle
        return total

    def heard(x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        return pipe.unet(x, t, context, residuals=residuals(x, t, context))

    return heard


def check_fit(pipe: TextToImage, net: ControlNet) -> None:
    """Raises ValueError, naming the first thing that differs, for a ControlNet that was made for another base."""
    theirs, own = net.config, pipe.unet.config
    for name in SHARED:
        if getattr(theirs, name) != getattr(own, name):
            raise ValueError(
                f"A ControlNet draws with the base that it was made for; its {name} is {getattr(theirs, name)}, and "
                f"that of this model's U-Net {getattr(own, name)}."
            )
    factor = own.patch_size * (1 if pipe.vae is None else pipe.vae.config.factor)
    if net.control_config.factor != factor:
        raise ValueError(
            f"This model's U-Net works on maps {factor} times smaller than its pictures, so its ControlNets have "
            f"{factor.bit_length()} condition_widths; got {net.control_config.condition_widths}."
        )


def _each(value: EachNet, count: int, name: str) -> list[float]:
    """One number for each ControlNet."""
    values = [float(one) for one in value] if isinstance(value, Sequence) else [float(value)] * count
    if len(values) != count or not all(map(math.isfinite, values)):
        raise ValueError(f"{name} is one finite number, or one for each of the {count} ControlNets; got {value}.")
    return values


def _condition(pipe: TextToImage, net: ControlNet, image: Pictures, shape: Sequence[int]) -> Tensor:
    """What the net looks at (1 or B, C, H, W) in [0, 1], of the size of what is drawn."""
    check_fit(pipe, net)
    pictures = pictures_of(image, net.control_config.condition_channels)
    check_count(pictures, shape[0])
    factor = 1 if pipe.vae is None else pipe.vae.config.factor
    size, given = (shape[2] * factor, shape[3] * factor), tuple(pictures.shape[2:])
    if given != size:
        warnings.warn(
            f"A control picture of {given[0]}x{given[1]} (height x width) is resized to the {size[0]}x{size[1]} that "
            "are drawn; give height and width to draw at another size.",
            stacklevel=3,
        )
        pictures = F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)
    weights = next(net.parameters())
    return (pictures / 2 + 0.5).clamp(0, 1).to(weights.device, weights.dtype)
