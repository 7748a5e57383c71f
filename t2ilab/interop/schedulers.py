"""diffusers' scheduler configurations: which schedule, which sampler, on which grid, and where the walk ends."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor

from t2ilab.diffusion.schedule import NoiseSchedule, check_prediction_type

_SAMPLERS = {
    "DDIMScheduler": "ddim",
    "DDPMScheduler": "ddpm",
    "PNDMScheduler": "ddim",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler_ancestral",
    "HeunDiscreteScheduler": "heun",
    "DPMSolverMultistepScheduler": "dpmpp_2m",
}
_SPACINGS = {  # the classes' own, where a configuration does not name one
    "DDIMScheduler": "leading",
    "DDPMScheduler": "leading",
    "PNDMScheduler": "leading",
}
_OURS = {  # what else shapes a walk: the value that our samplers have, and what diffusers reads as the same
    "interpolation_type": ("linear",),
    "solver_type": ("midpoint", "logrho", "bh1", "bh2"),
    "use_beta_sigmas": (False, None),
    "use_exponential_sigmas": (False, None),
    "use_lu_lambdas": (False, None),
}
_LEAVES = "On linspace diffusers' DDIM steps by another stride than the grid's, and here along it: pictures differ."
_UNSCALED = "diffusers' Euler leaves the first level unscaled, and here it is as in training: pictures differ a little."
_FIRST_ORDER = "diffusers' last step of DPM-Solver++ before the first level is of first order {}; here, of second."
_BETWEEN = "{} stops at whole timesteps here, and in diffusers between them too: pictures differ a little."
_ENDS = ("euler", "dpmpp_2m")  # with a final_sigmas_type
_FRACTIONAL = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler")


@dataclass(frozen=True)
class Sampling:
    """How a model is drawn with, unless its user says otherwise.

    Args:
        sampler: its name.
        spacing, steps_offset: of the timesteps, as `NoiseSchedule.timesteps` takes them.
        one_more: whether the grid has one step more, whose last is left out, as diffusers' DPM-Solver++ has it.
        to_first: whether the walk ends at the schedule's first level and not at the clean picture, as diffusers'
            `set_alpha_to_one=False` has it.
        from_sigma: whether x starts at noise x sigma, as diffusers' Euler has it on grids that are not "leading".
    """

    sampler: str = "ddim"
    spacing: str = "trailing"
    steps_offset: int = 0
    one_more: bool = False
    to_first: bool = False
    from_sigma: bool = False

    def timesteps(self, schedule: NoiseSchedule, num_inference_steps: int) -> Tensor:
        """The grid (num_inference_steps,), descending."""
        n = min(num_inference_steps + self.one_more, schedule.num_train_timesteps)
        grid = schedule.timesteps(n, self.spacing, self.steps_offset)  # type: ignore[arg-type]
        return grid[:num_inference_steps]

    def start_scale(self, schedule: NoiseSchedule, timesteps: Tensor) -> float:
        """What standard normal noise is multiplied by, for x to start where this sampler starts."""
        first = float(schedule.alphas_cumprod[int(timesteps[0])])
        return (1 - first) ** 0.5 if self.from_sigma else 1.0

    def final(self, schedule: NoiseSchedule) -> float:
        """The level where the walk ends: 1 is the clean picture."""
        return float(schedule.alphas_cumprod[0]) if self.to_first else 1.0


def read_scheduler(config: Mapping[str, Any]) -> tuple[NoiseSchedule, str, Sampling, list[str]]:
    """What one of diffusers' scheduler configurations asks of us.

    Returns:
        The schedule; the prediction type; how to draw; and a sentence for each thing that is drawn in another way than
        diffusers draws it.

    Raises:
        ValueError: a schedule, prediction type or thresholding that we do not have.
    """
    schedule = NoiseSchedule.from_dict(config)
    prediction_type = config.get("prediction_type", "epsilon")
    check_prediction_type(prediction_type)
    if config.get("thresholding"):
        raise ValueError("A pipeline of latents does not threshold; got a scheduler with thresholding=True.")
    kind = str(config.get("_class_name", "DDIMScheduler"))
    if kind.startswith("FlowMatch"):
        raise ValueError(f"This pipeline draws with models of noise and not of flows; got a {kind}.")
    sampler = _SAMPLERS.get(kind)
    said = []
    if sampler is None:
        sampler = "dpmpp_2m"
        said.append(f"This course has no {kind}; the model is drawn with DPM-Solver++(2M).")
    elif kind == "PNDMScheduler":
        said.append("This course has no PNDM; the model is drawn with DDIM on the same timesteps.")
    usual = config.get("algorithm_type", "dpmsolver++") == "dpmsolver++" and config.get("solver_order", 2) == 2
    if kind == "DPMSolverMultistepScheduler" and not usual:
        said.append("This course's DPM-Solver++ is its second-order form without noise; the model is drawn with that.")
    for key, ours in _OURS.items():
        if (value := config.get(key, ours[0])) not in ours:
            said.append(
                f"This course's samplers have {key}={ours[0]!r}, and this model's {value!r}: pictures differ a little."
            )
    spacing = str(config.get("timestep_spacing") or _SPACINGS.get(kind, "linspace"))
    if config.get("use_karras_sigmas"):
        spacing = "karras"
        said.append(_BETWEEN.format("Karras spacing"))
    elif spacing == "linspace" and kind in _FRACTIONAL:
        said.append(_BETWEEN.format("Linspace"))
    elif spacing == "linspace" and kind == "DDIMScheduler":
        said.append(_LEAVES)
    dpm = sampler == "dpmpp_2m"
    if sampler == "ddim":
        to_first = not config.get("set_alpha_to_one", kind != "PNDMScheduler")
    else:
        to_first = sampler in _ENDS and config.get("final_sigmas_type", "zero") != "zero"
    # Onto the clean picture both take it of first order, for there is no line to draw; the paper has no such rule.
    if dpm and to_first and (config.get("lower_order_final", True) or config.get("euler_at_final")):
        said.append(_FIRST_ORDER.format("always" if config.get("euler_at_final") else "below 15 steps"))
    if sampler == "euler" and to_first:
        said.append(_UNSCALED)
    sampling = Sampling(
        sampler,
        spacing,
        # The pipeline sets steps_offset to 1, whatever a configuration says.
        steps_offset=1 if spacing == "leading" else 0,
        one_more=dpm and spacing in ("leading", "linspace"),
        to_first=to_first,
        from_sigma=sampler in ("euler", "euler_ancestral", "heun") and spacing != "leading",
    )
    return schedule, prediction_type, sampling, said


def write_scheduler(schedule: NoiseSchedule, prediction_type: str, sampling: Sampling) -> dict[str, Any]:
    """The configuration with which diffusers' StableDiffusionPipeline draws the same.

    Warns of a grid that diffusers has under the same name and walks otherwise.

    Raises:
        ValueError: a sampler, grid, start or end that none of its schedulers has; "ddim" on "trailing" always goes.
    """
    kinds = {name: kind for kind, name in _SAMPLERS.items() if kind != "PNDMScheduler"}
    fix = "give the pipeline Sampling('ddim', 'trailing') before saving."
    if sampling.sampler not in kinds or sampling.spacing not in ("leading", "trailing", "linspace"):
        raise ValueError(
            f"diffusers does not draw on whole timesteps with {sampling.sampler} and {sampling.spacing} spacing; {fix}"
        )
    kind = kinds[sampling.sampler]
    if kind == "EulerAncestralDiscreteScheduler" and prediction_type == "sample":
        raise ValueError(f"diffusers' {kind} knows no network that predicts the sample; {fix}")
    config: dict[str, Any] = {
        "_class_name": kind,
        "_diffusers_version": "0.31.0",
        **schedule.to_dict(),
        "prediction_type": prediction_type,
        "timestep_spacing": sampling.spacing,
        "steps_offset": 1,
    }
    if sampling.sampler in ("ddim", "ddpm"):
        config |= {"clip_sample": False}
    if sampling.sampler == "ddim":
        config |= {"set_alpha_to_one": not sampling.to_first}
    if sampling.sampler in _ENDS:
        config |= {"final_sigmas_type": "sigma_min" if sampling.to_first else "zero"}
    if sampling.sampler == "dpmpp_2m":
        config |= {"lower_order_final": not sampling.to_first}
    *_, theirs, said = read_scheduler(config)
    ours = sampling if sampling.spacing == "leading" else replace(sampling, steps_offset=0)  # which only that one has
    if others := [part.name for part in fields(ours) if getattr(ours, part.name) != getattr(theirs, part.name)]:
        has, asked = (", ".join(f"{name}={getattr(one, name)}" for name in others) for one in (theirs, ours))
        raise ValueError(f"diffusers draws on {ours.spacing} by its {kind} with {has}; got {asked}: {fix}")
    for remark in said:
        warnings.warn(remark, stacklevel=2)
    return config
