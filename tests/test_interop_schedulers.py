"""Every way of drawing that a model may carry: diffusers draws the same with what is written, or it is said."""

import re
import warnings
from dataclasses import replace
from itertools import product

import pytest
import torch
from published import diffusers_class

from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.interop.schedulers import Sampling, read_scheduler, write_scheduler
from t2ilab.pipelines.text_to_image import SAMPLERS

# numpy's warning, of how diffusers hands it tensors
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
NAMES = ("sampler", "spacing", "steps_offset", "one_more", "to_first", "from_sigma")
EVERY = [
    Sampling(**dict(zip(NAMES, values, strict=True)))
    for values in product(SAMPLERS, ("leading", "trailing", "linspace"), (0, 1), *[(False, True)] * 3)
]


def net(x, t):
    """Nonlinear, mixes pixels, and depends on the timestep."""
    return torch.tanh(1.3 * x + 0.4 * x.roll(1, -1)) + 0.2 * torch.cos(torch.as_tensor(t, dtype=x.dtype) / 90)


def start():
    return torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def ours_of(sampling, schedule, steps):
    timesteps = sampling.timesteps(schedule, steps)
    x = start() * sampling.start_scale(schedule, timesteps)
    draw, end = SAMPLERS[sampling.sampler], sampling.final(schedule)
    denoise, generator = NetworkDenoiser(lambda x, t: net(x, t[0]), schedule), torch.Generator().manual_seed(3)
    return draw(denoise, x, schedule, timesteps, final_alpha_cumprod=end, generator=generator)


def theirs_of(config, steps):
    """diffusers as its pipeline runs it, which takes a steps_offset of 1 whatever is written."""
    kind = diffusers_class(config["_class_name"])
    scheduler = kind.from_config({k: v for k, v in config.items() if k != "_diffusers_version"} | {"steps_offset": 1})
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "sigmas"):  # in float64, so that only the formulas are compared
        scheduler.sigmas = scheduler.sigmas.double()
    x, generator = start() * scheduler.init_noise_sigma, torch.Generator().manual_seed(3)
    noisy = {"generator": generator} if "generator" in scheduler.step.__code__.co_varnames else {}
    for t in scheduler.timesteps:
        x = scheduler.step(net(scheduler.scale_model_input(x, t), t), t, x, **noisy).prev_sample
    return x


# What diffusers has under the same name and walks otherwise, and what is said.
OTHERWISE = {
    ("ddim", "linspace", False): "DDIM steps by another stride",
    ("ddim", "linspace", True): "DDIM steps by another stride",
    ("euler", "leading", True): "leaves the first level unscaled",
    ("euler", "trailing", True): "leaves the first level unscaled",
    ("euler", "linspace", False): "stops at whole timesteps here",
    ("euler", "linspace", True): "stops at whole timesteps here",
    ("euler_ancestral", "linspace", False): "stops at whole timesteps here",
    ("heun", "linspace", False): "stops at whole timesteps here",
}
ALIKE = {(sampler, spacing, False) for sampler in SAMPLERS for spacing in ("leading", "trailing")}
ALIKE |= {(sampler, "linspace", False) for sampler in ("ddpm", "dpmpp_2m")}
ALIKE |= {("ddim", "leading", True), ("ddim", "trailing", True)}
ALIKE |= {("dpmpp_2m", spacing, True) for spacing in ("leading", "trailing", "linspace")}


@pytest.mark.parametrize("steps", [5, 20])  # below 15, diffusers has rules of its own
def test_diffusers_draws_the_same_with_what_is_written_or_that_is_said_or_it_is_refused(steps):
    schedule, drawn = NoiseSchedule.scaled_linear(), set()
    for sampling in EVERY:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                config = write_scheduler(schedule, "epsilon", sampling)
            except ValueError:
                continue
        way = (sampling.sampler, sampling.spacing, sampling.to_first)
        drawn.add(way)
        difference = (ours_of(sampling, schedule, steps) - theirs_of(config, steps)).abs().max()
        if way in OTHERWISE:
            remarks = " ".join(str(warning.message) for warning in said)
            assert OTHERWISE[way] in remarks
            assert 1e-4 < difference < (0.1 if "a little" in remarks else 10), sampling
        else:
            assert not said
            assert difference < 1e-4, sampling
        offset = sampling.steps_offset if sampling.spacing == "leading" else 0
        assert read_scheduler(config)[2] == replace(sampling, steps_offset=offset)
    assert drawn == ALIKE | OTHERWISE.keys()  # nothing is refused that diffusers has


@pytest.mark.parametrize(
    ("sampling", "sentence"),
    [
        (Sampling("euler", "trailing"), "EulerDiscreteScheduler with from_sigma=True; got from_sigma=False: give"),
        (Sampling("ddim", "leading"), "draws on leading by its DDIMScheduler with steps_offset=1; got steps_offset=0"),
        (Sampling("ddpm", "trailing", one_more=True, to_first=True), "one_more=False, to_first=False; got one_more"),
        (Sampling("dpmpp_2m", "linspace"), "with one_more=True; got one_more=False"),
        (Sampling("dpmpp_2m", "karras"), "does not draw on whole timesteps with dpmpp_2m and karras spacing; give the"),
    ],
)
def test_what_diffusers_cannot_draw_is_refused_in_a_sentence(sampling, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        write_scheduler(NoiseSchedule.linear(), "epsilon", sampling)


def test_a_network_of_samples_is_not_written_for_a_scheduler_that_knows_none():
    for sampler in SAMPLERS:
        sampling = Sampling(sampler, from_sigma=sampler in ("euler", "euler_ancestral", "heun"))
        if sampler == "euler_ancestral":
            with pytest.raises(ValueError, match="knows no network that predicts the sample"):
                write_scheduler(NoiseSchedule.linear(), "sample", sampling)
        else:
            theirs_of(write_scheduler(NoiseSchedule.linear(), "sample", sampling), 2)


@pytest.mark.parametrize(
    ("values", "steps", "when"),
    [
        ({}, 5, "below 15 steps"),
        ({}, 14, "below 15 steps"),
        ({}, 15, "below 15 steps"),
        ({"lower_order_final": False}, 5, None),
        ({"lower_order_final": False, "euler_at_final": True}, 20, "always"),
    ],
)
def test_the_last_step_before_the_first_level_is_of_second_order_here_as_in_the_paper(values, steps, when):
    schedule, way = NoiseSchedule.scaled_linear(), Sampling("dpmpp_2m", "linspace", one_more=True, to_first=True)
    config = {
        "_class_name": "DPMSolverMultistepScheduler",
        **schedule.to_dict(),
        "final_sigmas_type": "sigma_min",
    } | values
    *_, read, said = read_scheduler(config)
    assert read == way
    assert [when in remark for remark in said] == ([True] if when else [])
    difference = (ours_of(way, schedule, steps) - theirs_of(config, steps)).abs().max()
    assert (difference > 1e-3) == (when == "always" or (when is not None and steps < 15))


def test_onto_the_clean_picture_the_last_step_is_of_first_order_there_too():
    schedule, way = NoiseSchedule.scaled_linear(), Sampling("dpmpp_2m", "linspace", one_more=True)
    for lower_order_final in (True, False):
        config = write_scheduler(schedule, "epsilon", way) | {"lower_order_final": lower_order_final}
        assert read_scheduler(config)[2:] == (way, [])
        assert (ours_of(way, schedule, 5) - theirs_of(config, 5)).abs().max() < 1e-4
