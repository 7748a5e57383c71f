"""Samplers against diffusers run as its pipelines run it, against closed forms, and against each other."""

import inspect
import warnings
from itertools import pairwise

import pytest
import torch

from t2ilab.diffusion.denoisers import IdealDenoiser, NetworkDenoiser
from t2ilab.diffusion.samplers import (
    sample_ddim,
    sample_ddpm,
    sample_dpmpp_2m,
    sample_euler,
    sample_euler_ancestral,
    sample_heun,
)
from t2ilab.diffusion.schedule import PREDICTION_TYPES, NoiseSchedule

SAMPLERS = [sample_ddpm, sample_ddim, sample_euler, sample_euler_ancestral, sample_heun, sample_dpmpp_2m]
NOISY = [sample_ddpm, sample_euler_ancestral]  # these draw noise of their own; DDIM does with eta
# numpy's warning, of how diffusers hands it tensors
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
DEVICES = ["meta"] + (["cuda"] if torch.cuda.is_available() else [])


@pytest.fixture(scope="module")
def schedulers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import (
            DDIMScheduler,
            DDPMScheduler,
            DPMSolverMultistepScheduler,
            EulerAncestralDiscreteScheduler,
            EulerDiscreteScheduler,
            HeunDiscreteScheduler,
        )
    return {
        "ddpm": DDPMScheduler,
        "ddim": DDIMScheduler,
        "euler": EulerDiscreteScheduler,
        "euler_ancestral": EulerAncestralDiscreteScheduler,
        "heun": HeunDiscreteScheduler,
        "dpmpp_2m": DPMSolverMultistepScheduler,
    }


@pytest.fixture
def schedule():
    return NoiseSchedule.linear()


def start(dtype=torch.float64, batch=2):
    return torch.randn(batch, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def net(x_t, t):
    """Nonlinear, mixes pixels and channels, and depends on the timestep."""
    t = torch.as_tensor(t, dtype=x_t.dtype).reshape(-1, 1, 1, 1)
    return torch.tanh(1.3 * x_t + 0.4 * x_t.roll(1, -1) - 0.3 * x_t.roll(1, 1)) + 0.2 * torch.cos(t / 90)


def as_its_pipeline_does(scheduler, x, num_inference_steps, **step):
    scheduler.set_timesteps(num_inference_steps)
    if hasattr(scheduler, "sigmas"):  # in float64, so that only the formulas are compared
        scheduler.sigmas = scheduler.sigmas.double()
    x = x * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        output = net(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(output, t, x, **step).prev_sample
    return x


def assert_equal_samples(ours, theirs, tolerance=2e-5):
    assert ours.dtype == theirs.dtype == torch.float64
    assert ((ours - theirs).abs().max() / theirs.abs().max()).item() < tolerance


def give_exact_levels(scheduler, schedule):
    """Take diffusers' float32 rounding out of the comparison: its formulas then work on our levels in float64."""
    scheduler.alphas_cumprod = schedule.alphas_cumprod.double()
    scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    if scheduler.config.get("set_alpha_to_one") is False:
        scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]


LINEAR = {}
SD = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}
COSINE = {"beta_schedule": "squaredcos_cap_v2"}
ZERO = {**LINEAR, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("config", [LINEAR, SD, COSINE], ids=["default", "sd", "cosine"])
@pytest.mark.parametrize("exact", [False, True], ids=["as it is", "exact levels"])
@pytest.mark.parametrize("steps", [20, 37])
def test_ddpm_is_diffusers(schedulers, config, spacing, prediction_type, steps, exact):
    theirs = schedulers["ddpm"](
        **config,
        prediction_type=prediction_type,
        timestep_spacing=spacing,
        clip_sample=False,
        variance_type="fixed_small",
    )
    schedule = NoiseSchedule.from_dict(dict(theirs.config))
    if exact:
        give_exact_levels(theirs, schedule)
    ours = sample_ddpm(
        NetworkDenoiser(net, schedule, prediction_type),
        start(),
        schedule,
        schedule.timesteps(steps, spacing, config.get("steps_offset", 0)),
        generator=torch.Generator().manual_seed(3),
    )
    assert_equal_samples(ours, as_its_pipeline_does(theirs, start(), steps, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])  # on linspace DDIM there leaves its own grid
@pytest.mark.parametrize(
    ("config", "set_alpha_to_one", "exact"),
    [
        pytest.param(LINEAR, True, False, id="default"),
        pytest.param(SD, True, False, id="sd"),
        pytest.param(SD, False, False, id="sd, as its folder says"),
        pytest.param(LINEAR, True, True, id="default, exact levels"),
        pytest.param(SD, False, True, id="sd, exact levels"),
        # only so: diffusers' float32 products are off by 4e-4 of 1 - ac where the cosine starts, 1e-5 of ac at its end
        pytest.param(COSINE, True, True, id="cosine, exact levels"),
    ],
)
def test_ddim_is_diffusers(schedulers, config, set_alpha_to_one, exact, spacing, eta, prediction_type):
    theirs = schedulers["ddim"](
        **config,
        prediction_type=prediction_type,
        timestep_spacing=spacing,
        set_alpha_to_one=set_alpha_to_one,
        clip_sample=False,
    )
    schedule = NoiseSchedule.from_dict(dict(theirs.config))
    if exact:
        give_exact_levels(theirs, schedule)
    ours = sample_ddim(
        NetworkDenoiser(net, schedule, prediction_type),
        start(),
        schedule,
        schedule.timesteps(25, spacing, config.get("steps_offset", 0)),
        eta=eta,
        final_alpha_cumprod=1.0 if set_alpha_to_one else schedule.alphas_cumprod[0],
        generator=torch.Generator().manual_seed(3),
    )
    reference = as_its_pipeline_does(theirs, start(), 25, eta=eta, generator=torch.Generator().manual_seed(3))
    assert_equal_samples(ours, reference, 1e-9 if exact else 2e-5)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("prediction_type", ["sample", "v_prediction"])
def test_ddim_from_pure_noise_is_diffusers(schedulers, prediction_type, eta):
    theirs = schedulers["ddim"](**ZERO, prediction_type=prediction_type, clip_sample=False)
    schedule = NoiseSchedule.from_dict(dict(theirs.config))
    denoise = NetworkDenoiser(net, schedule, prediction_type)
    timesteps = schedule.timesteps(20, "trailing")
    ours = sample_ddim(denoise, start(), schedule, timesteps, eta=eta, generator=torch.Generator().manual_seed(3))
    reference = as_its_pipeline_does(theirs, start(), 20, eta=eta, generator=torch.Generator().manual_seed(3))
    assert_equal_samples(ours, reference)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])  # on linspace diffusers takes fractions of timesteps
@pytest.mark.parametrize("config", [LINEAR, SD], ids=["default", "sd"])
@pytest.mark.parametrize("name", ["euler", "euler_ancestral", "heun"])
def test_samplers_in_sigmas_are_diffusers(schedulers, name, config, spacing, prediction_type):
    theirs = schedulers[name](**{"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02, **config},
                              prediction_type=prediction_type, timestep_spacing=spacing)  # fmt: skip
    schedule = NoiseSchedule.from_dict(dict(theirs.config))
    steps, draws = 20, {"generator": torch.Generator().manual_seed(3)} if name == "euler_ancestral" else {}
    grid = schedule.timesteps(steps, spacing, config.get("steps_offset", 0))
    sigma = schedule.sigmas[grid[0]].double()
    x = start() if spacing == "leading" else start() * sigma / (sigma**2 + 1).sqrt()  # where diffusers begins
    sample = {"euler": sample_euler, "euler_ancestral": sample_euler_ancestral, "heun": sample_heun}[name]
    ours = sample(
        NetworkDenoiser(net, schedule, prediction_type), x, schedule, grid, generator=torch.Generator().manual_seed(3)
    )
    assert_equal_samples(ours, as_its_pipeline_does(theirs, start(), steps, **draws))


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("config", [LINEAR, SD], ids=["default", "sd"])
@pytest.mark.parametrize(("steps", "final"), [(20, "zero"), (8, "zero"), (20, "sigma_min")])
def test_dpmpp_2m_is_diffusers(schedulers, config, spacing, prediction_type, steps, final):
    theirs = schedulers["dpmpp_2m"](**config, prediction_type=prediction_type, timestep_spacing=spacing,
                                    final_sigmas_type=final)  # fmt: skip
    schedule = NoiseSchedule.from_dict(dict(theirs.config))
    reference = as_its_pipeline_does(theirs, start(), steps)
    ours = sample_dpmpp_2m(
        NetworkDenoiser(net, schedule, prediction_type),
        start(),
        schedule,
        theirs.timesteps,  # a grid of n + 1 without its last
        final_alpha_cumprod=1.0 if final == "zero" else schedule.alphas_cumprod[0],
    )
    assert_equal_samples(ours, reference)


# ---- closed forms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLERS)
def test_one_picture_in_the_world_is_what_comes_out(schedule, sample):
    picture = torch.linspace(-1, 1, 48, dtype=torch.float64).reshape(1, 3, 4, 4)
    x0 = sample(IdealDenoiser(picture, schedule), start(), schedule, schedule.timesteps(10))
    torch.testing.assert_close(x0, picture.expand(2, -1, -1, -1))


class Gaussian:
    """x0 ~ N(0, 0.3^2): the flow keeps x_t / std(x_t), so the end of each path is known."""

    x = torch.linspace(-2, 2, 9, dtype=torch.float64)

    def __init__(self, ac):
        self.ac = ac

    def denoise(self, x, t):
        return self.ac[t].sqrt() * 0.09 / (0.09 * self.ac[t] + 1 - self.ac[t]) * x

    def exact(self, first, last):
        first, last = (0.09 * self.ac[t] + 1 - self.ac[t] for t in (first, last))
        return self.x * (last / first).sqrt()


class Mixture:
    """x0 is -0.6 or 0.6 with a deviation of 0.25: in one dimension the flow keeps the quantile of every point."""

    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    means, deviation = torch.tensor([-0.6, 0.6], dtype=torch.float64), 0.25

    def __init__(self, ac):
        self.ac = ac

    def noisy(self, t):
        return self.ac[t].sqrt() * self.means, (self.ac[t] * self.deviation**2 + 1 - self.ac[t]).sqrt()

    def denoise(self, x, t):
        means, deviation = self.noisy(t)
        share = (-((x[:, None] - means) ** 2) / (2 * deviation**2)).softmax(1)
        gain = self.ac[t].sqrt() * self.deviation**2 / deviation**2
        return (share * (self.means + gain * (x[:, None] - means))).sum(1)

    def quantile(self, x, t):
        means, deviation = self.noisy(t)
        return torch.special.ndtr((x[:, None] - means) / deviation).mean(1)

    def exact(self, first, last):
        asked, low, high = self.quantile(self.x, first), torch.full_like(self.x, -9), torch.full_like(self.x, 9)
        for _ in range(80):  # halving
            middle = (low + high) / 2
            below = self.quantile(middle, last) < asked
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return low


@pytest.mark.parametrize("world", [Gaussian, Mixture])
@pytest.mark.parametrize(
    ("sample", "order"), [(sample_ddim, 1), (sample_euler, 1), (sample_heun, 2), (sample_dpmpp_2m, 2)]
)
def test_orders_of_convergence(sample, order, world):
    # A fine schedule, so that long grids still have timesteps to visit. Without the first fifth of the road, where
    # there is nothing but noise, and before the last jump, which is of first order for all.
    T, last = 50_000, 2_000
    schedule = NoiseSchedule.linear(T, 0.1 / T, 20 / T)
    world = world(schedule.alphas_cumprod.double())

    def error(steps):
        stride = (T - 10_000 - last) // steps
        grid = torch.arange(last, last + stride * steps + 1, stride).flip(0)
        seen = []
        sample(world.denoise, world.x, schedule, grid, callback=lambda step, t, x, x0_hat: seen.append(x))
        return (seen[-1] - world.exact(grid[0], grid[-1])).abs().max().log2().item()

    measured = error(200) - error(400)
    assert measured == pytest.approx(order, abs=0.1)


def test_ddpm_keeps_the_variance_that_its_equations_say(schedule):
    # a linear denoiser makes every step x -> k x + sqrt(v) z, whose variance is known exactly
    grid = schedule.timesteps(10, "trailing")
    ac = [*schedule.alphas_cumprod.double()[grid].tolist(), 1.0]
    variance = 1.0
    for now, before in pairwise(ac):
        beta = 1 - now / before
        k = (before**0.5 * beta * 0.6 + (1 - beta) ** 0.5 * (1 - before)) / (1 - now)
        variance = k**2 * variance + beta * (1 - before) / (1 - now)
    x = torch.randn(400_000, generator=torch.Generator().manual_seed(0))
    x0 = sample_ddpm(lambda x, t: 0.6 * x, x, schedule, grid, generator=torch.Generator().manual_seed(1))
    assert x0.var().item() == pytest.approx(variance, rel=0.01)  # four standard errors


@pytest.mark.parametrize("final", [1.0, 0.99995])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_ddim_with_all_its_noise_is_ddpm(schedule, final, spacing):
    denoise, grid = NetworkDenoiser(net, schedule), schedule.timesteps(15, spacing)
    shared = {"final_alpha_cumprod": final}
    ddpm = sample_ddpm(denoise, start(), schedule, grid, generator=torch.Generator().manual_seed(1), **shared)
    ddim = sample_ddim(denoise, start(), schedule, grid, eta=1.0, generator=torch.Generator().manual_seed(1), **shared)
    torch.testing.assert_close(ddim, ddpm, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "karras"])
def test_euler_is_ddim_and_its_ancestral_form_is_ddpm(schedule, spacing):
    denoise, grid = NetworkDenoiser(net, schedule), schedule.timesteps(15, spacing)
    arguments = (denoise, start(), schedule, grid)
    torch.testing.assert_close(sample_euler(*arguments), sample_ddim(*arguments), rtol=1e-9, atol=1e-9)
    ancestral = sample_euler_ancestral(*arguments, generator=torch.Generator().manual_seed(1))
    ddpm = sample_ddpm(*arguments, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ancestral, ddpm, rtol=1e-9, atol=1e-9)


def test_dpmpp_2m_begins_at_pure_noise_with_ddims_step():
    schedule = NoiseSchedule.linear().rescale_zero_terminal_snr()
    denoise = NetworkDenoiser(net, schedule, "v_prediction")
    seen = {}
    for sample in (sample_ddim, sample_dpmpp_2m):
        seen[sample] = []
        sample(denoise, start(), schedule, schedule.timesteps(10, "trailing"),
               callback=lambda step, t, x, x0_hat, into=seen[sample]: into.append(x))  # fmt: skip
    torch.testing.assert_close(*(states[1] for states in seen.values()), rtol=1e-9, atol=1e-9)
    assert seen[sample_dpmpp_2m][-1].isfinite().all()


@pytest.mark.parametrize("sample", [sample_euler, sample_euler_ancestral, sample_heun])
def test_samplers_in_sigmas_say_why_pure_noise_is_not_for_them(sample):
    schedule = NoiseSchedule.linear().rescale_zero_terminal_snr()
    with pytest.raises(ValueError, match="zero terminal SNR, whose first sigma is infinite; use sample_ddim"):
        sample(lambda x, t: x, start(), schedule, [999, 500])


def test_ddim_with_all_its_noise_survives_rounding_from_pure_noise():
    # there sigma_t^2 is 1 - ac_prev, and a rounding error more of it would be the root of a negative number
    schedule = NoiseSchedule.linear(300).rescale_zero_terminal_snr()
    for t in range(299):
        assert sample_ddim(lambda x, t: x, start(), schedule, [299, t], eta=1.0).isfinite().all()


# ---- how they are called -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLERS)
def test_callback_sees_each_step_before_its_update(schedule, sample):
    seen, grid = [], schedule.timesteps(5, "trailing")
    denoise = NetworkDenoiser(net, schedule, "sample")
    x = start()
    x0 = sample(
        denoise,
        x,
        schedule,
        grid,
        generator=torch.Generator().manual_seed(1),
        callback=lambda step, t, x_t, x0_hat: seen.append((step, t, x_t, x0_hat)),
    )
    assert [step for step, *_ in seen] == [0, 1, 2, 3, 4]
    assert [t for _, t, *_ in seen] == grid.tolist()
    assert seen[0][2] is x
    assert torch.equal(x, start())
    for _, t, x_t, x0_hat in seen:
        assert torch.equal(denoise(x_t, t), x0_hat)
    torch.testing.assert_close(x0, seen[-1][3])  # the last step, onto the clean picture


@pytest.mark.parametrize("sample", SAMPLERS)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_noise_comes_from_the_generator_and_lies_with_x(schedule, sample, device, dtype, monkeypatch):
    randn, drawn_on = torch.randn, []

    def remembering(*args, **kwargs):
        drawn_on.append(torch.device(kwargs["device"]).type)
        return randn(*args, **kwargs)

    x = start(dtype).to(device)
    monkeypatch.setattr(torch, "randn", remembering)
    extra = {"eta": 1.0} if sample is sample_ddim else {}
    x0 = sample(
        lambda x, t: 0.5 * x, x, schedule, schedule.timesteps(4), generator=torch.Generator().manual_seed(1), **extra
    )
    assert (x0.device, x0.dtype, x0.shape) == (x.device, dtype, x.shape)
    draws = sample in [*NOISY, sample_ddim]
    assert set(drawn_on) == ({"cpu"} if draws else set())  # where the generator is: torch refuses one from elsewhere


@pytest.mark.parametrize("sample", SAMPLERS)
def test_the_seed_decides(schedule, sample):
    extra = {"eta": 1.0} if sample is sample_ddim else {}

    def run(seed):
        generator = torch.Generator().manual_seed(seed)
        return sample(lambda x, t: x, start(), schedule, schedule.timesteps(4), generator=generator, **extra)

    assert torch.equal(run(1), run(1))
    assert torch.equal(run(1), run(2)) == (sample not in [*NOISY, sample_ddim])


@pytest.mark.parametrize("sample", [s for s in SAMPLERS if s not in NOISY])
def test_deterministic_samplers_draw_nothing(schedule, sample):
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    sample(lambda x, t: x, start(), schedule, schedule.timesteps(4), generator=generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("sample", SAMPLERS)
def test_timesteps_may_be_a_list_and_one_step_is_enough(schedule, sample):
    x0 = sample(lambda x, t: 0.5 * x, start(), schedule, [999])
    torch.testing.assert_close(x0, 0.5 * start())


@pytest.mark.parametrize("sample", SAMPLERS)
def test_timesteps_of_any_kind_of_whole_number(schedule, sample):
    grid = torch.tensor([200, 100, 0])
    want = sample(lambda x, t: 0.5 * x, start(), schedule, grid, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.uint8, torch.int32):
        x0 = sample(lambda x, t: 0.5 * x, start(), schedule, grid.to(dtype), generator=torch.Generator().manual_seed(0))
        assert torch.equal(x0, want)


@pytest.mark.parametrize("sample", [sample_ddpm, sample_ddim, sample_dpmpp_2m])
def test_a_walk_that_would_end_in_pure_noise_is_refused(sample):
    zero = NoiseSchedule.linear().rescale_zero_terminal_snr()
    with pytest.raises(ValueError, match=r"final_alpha_cumprod must lie from .* 0, to 1, and above 0, got 0;"):
        sample(lambda x, t: 0.5 * x, start(), zero, [999], final_alpha_cumprod=0.0)


@pytest.mark.parametrize("sample", SAMPLERS)
def test_no_gradients_are_kept(schedule, sample):
    assert not sample(lambda x, t: 0.5 * x, start().requires_grad_(), schedule, [999, 500]).requires_grad


@pytest.mark.parametrize("sample", SAMPLERS)
def test_each_is_one_function_of_at_most_35_lines(sample):
    assert len(inspect.getsource(sample).splitlines()) <= 35


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLERS)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"timesteps": [1, 2, 3]}, "timesteps must descend strictly.* got 1 before 2"),
        ({"timesteps": [5, 5, 3]}, "timesteps must descend strictly.* got 5 before 5"),
        ({"timesteps": []}, "at least one integer in a row"),
        ({"timesteps": torch.tensor(5)}, "at least one integer in a row"),
        ({"timesteps": torch.tensor([[5, 3]])}, r"at least one integer in a row, got torch.int64 of shape \(1, 2\)"),
        ({"timesteps": [5.5, 3.0]}, "at least one integer in a row, got torch.float32"),
        ({"timesteps": [1000, 5]}, "timesteps must lie in 0 to 999, got 1000 to 5"),
        ({"timesteps": [5, -1]}, "timesteps must lie in 0 to 999, got 5 to -1"),
        ({"final_alpha_cumprod": 1.1}, "final_alpha_cumprod must lie from .* to 1, and above 0, got 1.1"),
        ({"final_alpha_cumprod": 0.5}, "final_alpha_cumprod must lie from .* to 1, and above 0, got 0.5"),
        ({"final_alpha_cumprod": float("nan")}, "final_alpha_cumprod must lie from .* to 1, and above 0, got nan"),
        ({"x": torch.zeros(2, 3, 4, 4, dtype=torch.int64)}, "x must be floats, standard normal noise, got torch.int64"),
    ],
)
def test_refuses(schedule, sample, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        sample(**{"denoise": lambda x, t: x, "x": start(), "schedule": schedule, "timesteps": [500, 10], **change})


@pytest.mark.parametrize("eta", [-0.1, 1.5, float("nan")])
def test_ddim_refuses_an_eta_outside_its_range(schedule, eta):
    with pytest.raises(ValueError, match=rf"eta must lie in \[0, 1\], got {eta}"):
        sample_ddim(lambda x, t: x, start(), schedule, [500], eta=eta)


@pytest.mark.parametrize("sample", SAMPLERS)
def test_a_network_that_breaks_on_the_way_is_named_with_its_timestep(schedule, sample):
    def breaks(x_t, t):
        return x_t / (t - 500).reshape(-1, 1, 1, 1)

    with pytest.raises(ValueError, match="got NaN or infinity at timestep 500"):
        sample(NetworkDenoiser(breaks, schedule, "sample"), start(), schedule, [900, 500, 100])
