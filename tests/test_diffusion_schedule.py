"""The noise schedule against diffusers, against Gaussian algebra, and against bad input."""

import copy
import json
import math
import pickle
import warnings

import numpy as np
import pytest
import torch

from t2ilab.diffusion.schedule import PREDICTION_TYPES, NoiseSchedule

KINDS = {
    "linear": NoiseSchedule.linear,
    "scaled_linear": NoiseSchedule.scaled_linear,
    "cosine": NoiseSchedule.cosine,
    "zero terminal SNR": lambda *args: NoiseSchedule.scaled_linear(*args).rescale_zero_terminal_snr(),
    "numbers": lambda T=1000: NoiseSchedule(torch.linspace(0.001, 0.01, T, dtype=torch.float64)),
}
DEVICES = ["meta"] + (["cuda"] if torch.cuda.is_available() else [])


@pytest.fixture(scope="module")
def schedulers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler
    return {"ddpm": DDPMScheduler, "ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}


@pytest.fixture(params=KINDS)
def schedule(request):
    return KINDS[request.param]()


def pictures(dtype=torch.float64, batch=4):
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(batch, 3, 5, 4, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))


def levels(schedule, t, dtype=torch.float64):
    return schedule.alphas_cumprod.to(dtype)[t].reshape(-1, 1, 1, 1)


# ---- its numbers ---------------------------------------------------------------------------------------------------


def test_published_end_values():
    assert NoiseSchedule.linear().alphas_cumprod[-1].item() == pytest.approx(4.036e-5, rel=1e-4)
    assert NoiseSchedule.scaled_linear().alphas_cumprod[-1].item() == pytest.approx(0.00466, abs=5e-6)
    assert NoiseSchedule.linear().betas[[0, -1]].tolist() == pytest.approx([1e-4, 0.02], rel=1e-6)
    assert NoiseSchedule.scaled_linear().betas[[0, -1]].tolist() == pytest.approx([0.00085, 0.012], rel=1e-6)
    assert NoiseSchedule.cosine().betas[-1].item() == pytest.approx(0.999)


@pytest.mark.parametrize("num_train_timesteps", [1000, 37])
@pytest.mark.parametrize("kind", KINDS)
def test_betas_and_products_are_diffusers(kind, num_train_timesteps, schedulers):
    ours = KINDS[kind](num_train_timesteps)
    theirs = schedulers["ddim"](**ours.to_dict())
    assert ours.num_train_timesteps == num_train_timesteps
    # atol: diffusers works in float32, and multiplies a thousand factors there
    torch.testing.assert_close(ours.betas, theirs.betas, rtol=1e-4, atol=3e-7)
    torch.testing.assert_close(ours.alphas_cumprod, theirs.alphas_cumprod, rtol=2e-5, atol=2e-6)


def test_products_are_built_in_float64(schedule):
    product, kept = 1.0, []
    for beta in schedule.to_dict().get("trained_betas") or schedule._betas.tolist():
        product *= 1 - beta
        kept.append(product)
    np.testing.assert_allclose(schedule.alphas_cumprod.numpy(), np.float32(kept), rtol=1e-6)
    for tensor in (schedule.betas, schedule.alphas_cumprod, schedule.sigmas, schedule.snr):
        assert tensor.dtype == torch.float32
        assert tensor.shape == (1000,)


def test_sigmas_and_snr_follow_from_the_products(schedule):
    ac = schedule.alphas_cumprod.double()
    torch.testing.assert_close(schedule.sigmas.double(), ((1 - ac) / ac).sqrt(), rtol=1e-6, atol=0)
    torch.testing.assert_close(schedule.snr.double(), ac / (1 - ac), rtol=1e-6, atol=0)
    assert (schedule.sigmas.diff() >= 0).all()


def test_zero_terminal_snr_keeps_the_first_level_and_ends_in_noise():
    plain = NoiseSchedule.scaled_linear()
    rescaled = plain.rescale_zero_terminal_snr()
    assert rescaled.alphas_cumprod[-1] == 0
    assert rescaled.snr[-1] == 0
    assert rescaled.sigmas[-1] == torch.inf
    assert rescaled.betas[-1] == 1
    assert rescaled.alphas_cumprod[0] == plain.alphas_cumprod[0]
    assert rescaled.has_zero_terminal_snr
    assert not plain.has_zero_terminal_snr
    assert rescaled.rescale_zero_terminal_snr() is rescaled


def test_it_never_changes():
    schedule = NoiseSchedule.linear(10)
    for name in ("betas", "alphas_cumprod", "sigmas", "snr"):
        before = getattr(schedule, name)
        getattr(schedule, name)[0] = 7.0
        assert torch.equal(getattr(schedule, name), before)
        with pytest.raises(AttributeError, match="never changes"):
            setattr(schedule, name, before)
    betas = torch.full((5,), 0.1, dtype=torch.float64)
    schedule = NoiseSchedule(betas)
    betas[:] = 0.9
    assert schedule.betas[0] == pytest.approx(0.1)
    schedule.to_dict()["trained_betas"][0] = 0.9
    assert schedule.to_dict()["trained_betas"][0] == 0.1


# ---- saved and loaded ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", ["json", "pickle", "deepcopy"])
def test_saved_and_loaded_to_the_bit(schedule, through):
    again = {
        "json": lambda s: NoiseSchedule.from_dict(json.loads(json.dumps(s.to_dict()))),
        "pickle": lambda s: pickle.loads(pickle.dumps(s)),
        "deepcopy": copy.deepcopy,
    }[through](schedule)
    assert torch.equal(again.betas, schedule.betas)
    assert torch.equal(again.alphas_cumprod, schedule.alphas_cumprod)
    assert again.to_dict() == schedule.to_dict()
    assert repr(again) == repr(schedule)


def test_rescaled_numbers_are_saved_with_their_rescaling():
    rescaled = NoiseSchedule([0.1, 0.2, 0.3]).rescale_zero_terminal_snr()
    saved = rescaled.to_dict()
    assert saved["trained_betas"] == [0.1, 0.2, 0.3]
    assert saved["rescale_betas_zero_snr"] is True
    assert torch.equal(NoiseSchedule.from_dict(saved).alphas_cumprod, rescaled.alphas_cumprod)


def test_reads_a_whole_scheduler_config_of_diffusers(schedulers):
    config = dict(schedulers["ddim"](beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012).config)
    assert torch.equal(NoiseSchedule.from_dict(config).betas, NoiseSchedule.scaled_linear().betas)
    assert torch.equal(NoiseSchedule.from_dict({}).betas, NoiseSchedule.linear().betas)


# ---- timesteps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_timesteps_are_diffusers_for_every_number_of_steps(spacing, schedulers):
    ours, theirs = NoiseSchedule.linear(), schedulers["ddpm"](timestep_spacing=spacing)
    for n in range(1 if spacing != "linspace" else 2, 1001):
        theirs.set_timesteps(n)
        grid = ours.timesteps(n, spacing)
        assert grid.dtype == torch.int64
        # where T / n is no binary fraction diffusers' "trailing" may run one step too far, to timestep -1
        assert theirs.timesteps[n:].tolist() in ([], [-1])
        assert torch.equal(grid, theirs.timesteps[:n]), n


def test_timesteps_of_a_few_steps():
    schedule = NoiseSchedule.linear()
    assert schedule.timesteps(4).tolist() == [750, 500, 250, 0]
    assert schedule.timesteps(4, steps_offset=1).tolist() == [751, 501, 251, 1]
    assert schedule.timesteps(4, "trailing").tolist() == [999, 749, 499, 249]
    assert schedule.timesteps(4, "linspace").tolist() == [999, 666, 333, 0]
    assert schedule.timesteps(1, "linspace").tolist() == [999]
    assert NoiseSchedule.linear(1).timesteps(1).tolist() == [0]


@pytest.mark.parametrize("kind", ["linear", "scaled_linear"])
def test_karras_spacing_is_the_nearest_timestep_to_each_sigma_of_diffusers(kind, schedulers):
    schedule = getattr(NoiseSchedule, kind)()
    sigmas = schedule.sigmas.double()
    theirs = schedulers["euler"](use_karras_sigmas=True)
    theirs.sigmas = sigmas.numpy()
    asked = theirs._convert_to_karras(sigmas.flip(0), 12)
    nearest = [(sigmas.log() - math.log(s)).abs().argmin().item() for s in asked.tolist()]
    assert schedule.timesteps(12, "karras").tolist() == nearest


@pytest.mark.parametrize("n", [1, 2, 100, 999, 1000])
def test_karras_spacing_never_visits_a_timestep_twice(n):
    grid = NoiseSchedule.linear().timesteps(n, "karras")
    assert len(grid) == n
    assert (grid.diff() < 0).all()
    assert grid[0] == 999
    assert n == 1 or grid[-1] == 0


def test_karras_spacing_does_not_climb_to_sigmas_where_all_is_noise():
    schedule = NoiseSchedule.cosine()
    sigmas = schedule.sigmas[schedule.timesteps(10, "karras")]
    assert schedule.sigmas[-1] > 10_000
    assert 100 < sigmas[0] < 200
    ratios = sigmas[:-1] / sigmas[1:]
    assert ratios[0] == ratios[:5].min()  # the steps grow in proportion, as eq. 5 has it, towards the picture


# ---- between x0, noise, velocity and x_t -----------------------------------------------------------------------------


def test_add_noise_and_velocity_are_diffusers(schedulers):
    schedule, theirs = NoiseSchedule.linear(), schedulers["ddpm"]()
    x0, noise = pictures()
    t = torch.tensor([0, 10, 500, 999])
    torch.testing.assert_close(schedule.add_noise(x0, noise, t), theirs.add_noise(x0, noise, t), rtol=0, atol=1e-5)
    torch.testing.assert_close(schedule.velocity(x0, noise, t), theirs.get_velocity(x0, noise, t), rtol=0, atol=1e-5)


def test_add_noise_is_the_sum_of_its_small_steps():
    # q(x_t | x_{t-1}) applied again and again to mean and variance (DDPM, eq. 2) must give eq. 4
    schedule = NoiseSchedule([0.5, 0.25, 0.125])
    mean, variance = 1.0, 0.0
    for t, beta in enumerate([0.5, 0.25, 0.125]):
        mean, variance = (1 - beta) ** 0.5 * mean, (1 - beta) * variance + beta
        one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        assert schedule.add_noise(one, zero, t).item() == pytest.approx(mean, rel=1e-12)
        assert schedule.add_noise(zero, one, t).item() == pytest.approx(variance**0.5, rel=1e-12)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_round_trips(schedule, prediction_type):
    x0, noise = pictures()
    t = torch.tensor([0, 3, 600, 998])
    x_t = schedule.add_noise(x0, noise, t)
    output = {"epsilon": noise, "sample": x0, "v_prediction": schedule.velocity(x0, noise, t)}[prediction_type]
    torch.testing.assert_close(schedule.to_x0(output, x_t, t, prediction_type), x0, rtol=0, atol=1e-9)
    torch.testing.assert_close(schedule.to_eps(output, x_t, t, prediction_type), noise, rtol=0, atol=1e-9)


@pytest.mark.parametrize("prediction_type", ["sample", "v_prediction"])
def test_pure_noise_still_gives_x0_from_sample_and_velocity(prediction_type):
    schedule = NoiseSchedule.linear().rescale_zero_terminal_snr()
    x0, noise = pictures()
    x_t = schedule.add_noise(x0, noise, 999)
    assert torch.equal(x_t, noise)
    output = {"sample": x0, "v_prediction": schedule.velocity(x0, noise, 999)}[prediction_type]
    assert torch.equal(schedule.to_x0(output, x_t, 999, prediction_type), x0)
    assert torch.equal(schedule.to_eps(output, x_t, 999, prediction_type), noise)


def test_posterior_is_gaussian_conditioning(schedule):
    x0, x_t = pictures()
    for t in (1, 2, 500, 999):
        mean, variance = schedule.posterior(x0, x_t, t)
        before, now = schedule.alphas_cumprod.double()[[t - 1, t]].tolist()
        alpha = now / before
        # (x_{t-1}, x_t) given x0 is one Gaussian: its mean, its covariance, and the rule for conditioning
        mean_before, mean_now = before**0.5 * x0, (alpha * before) ** 0.5 * x0
        var_before, covariance = 1 - before, alpha**0.5 * (1 - before)
        var_now = alpha * (1 - before) + (1 - alpha)
        torch.testing.assert_close(mean, mean_before + covariance / var_now * (x_t - mean_now), rtol=1e-10, atol=1e-10)
        assert variance.shape == (1, 1, 1, 1)
        assert variance.item() == pytest.approx(var_before - covariance**2 / var_now, rel=1e-8, abs=1e-12)


def test_posterior_is_ddpm_equations_6_and_7_in_betas():
    betas = [0.5, 0.25, 0.125, 0.75]
    schedule = NoiseSchedule(betas)
    x0, x_t = pictures()
    mean, variance = schedule.posterior(x0, x_t, torch.tensor([3, 2, 1, 0]))
    for i, t in enumerate([3, 2, 1, 0]):
        before, now = np.prod([1 - b for b in betas[:t]]), np.prod([1 - b for b in betas[: t + 1]])
        expected = (
            before**0.5 * betas[t] / (1 - now) * x0[i] + (1 - betas[t]) ** 0.5 * (1 - before) / (1 - now) * x_t[i]
        )
        torch.testing.assert_close(mean[i], expected, rtol=1e-6, atol=1e-6)
        assert variance[i].item() == pytest.approx((1 - before) / (1 - now) * betas[t], rel=1e-6)


def test_before_the_first_timestep_lies_the_picture(schedule):
    x0, x_t = pictures(torch.float32)
    mean, variance = schedule.posterior(x0, x_t, 0)
    torch.testing.assert_close(mean, x0, rtol=1e-6, atol=0)
    assert variance.item() == 0


def test_posterior_keeps_its_digits_in_float32(schedule):
    x0, x_t = pictures()
    t = torch.tensor([1, 2, 500, 998])
    mean, variance = schedule.posterior(x0, x_t, t)
    mean32, variance32 = schedule.posterior(x0.float(), x_t.float(), t)
    torch.testing.assert_close(mean32.double(), mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(variance32.double(), variance, rtol=1e-5, atol=0)


# ---- shapes, dtypes and devices ------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [700, np.int64(700), torch.tensor(700), torch.tensor([700]), torch.tensor([700] * 4)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_every_kind_of_t_and_dtype(t, dtype):
    schedule = NoiseSchedule.linear()
    x0, noise = pictures(dtype)
    x_t = schedule.add_noise(x0, noise, t)
    exact = levels(schedule, [700]).sqrt() * x0.double() + (1 - levels(schedule, [700])).sqrt() * noise.double()
    assert x_t.dtype == dtype
    # rounded once, at the end: half of the last digit, however coarse the dtype
    tolerance = {torch.float64: 1e-14, torch.float32: 3e-7}.get(dtype, torch.finfo(dtype).eps / 2 * 1.01)
    torch.testing.assert_close(x_t.double(), exact, rtol=tolerance, atol=tolerance * 0.05)
    for result in (schedule.to_x0(noise, x_t, t, "epsilon"), schedule.posterior(x0, x_t, t)[0]):
        assert result.dtype == dtype
        assert result.shape == x0.shape


def test_each_picture_has_its_own_timestep():
    schedule = NoiseSchedule.linear()
    x0, noise = pictures(batch=5)  # channels, height and width differ from the batch
    t = torch.tensor([1, 999, 30, 2, 500])
    for method in (schedule.add_noise, schedule.velocity):
        together = method(x0, noise, t)
        for i in range(5):
            torch.testing.assert_close(together[i : i + 1], method(x0[i : i + 1], noise[i : i + 1], int(t[i])))
    one_picture_at_many = schedule.add_noise(x0[:1], noise[:1], t)
    torch.testing.assert_close(one_picture_at_many[3:4], schedule.add_noise(x0[:1], noise[:1], 2))


@pytest.mark.parametrize("device", DEVICES)
def test_pictures_may_lie_elsewhere(device):
    schedule = NoiseSchedule.linear()
    x0, noise = (x.to(device) for x in pictures(torch.float32))
    for t in (5, torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 3, 4], device=device)):
        assert schedule.add_noise(x0, noise, t).device.type == device
        assert schedule.posterior(x0, noise, t)[1].device.type == device
    if device != "meta":
        on_cpu = schedule.add_noise(x0.cpu(), noise.cpu(), 5)
        torch.testing.assert_close(schedule.add_noise(x0, noise, 5).cpu(), on_cpu)


def test_first_use_under_inference_mode_does_not_stop_later_gradients():
    with torch.inference_mode():
        schedule = NoiseSchedule.linear()
        x0, noise = pictures()
        schedule.add_noise(x0, noise, 5)
    x0, noise = pictures()
    schedule.add_noise(x0.requires_grad_(), noise, 5).sum().backward()
    torch.testing.assert_close(x0.grad, levels(schedule, [5]).sqrt().expand_as(x0))


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("betas", [[0.1, 0.0], [0.1, -0.2], [0.1, 1.5], [0.1, float("nan")]])
def test_refuses_betas_outside_their_range(betas):
    with pytest.raises(ValueError, match=r"betas must lie in \(0, 1\], got .* at timestep 1"):
        NoiseSchedule(betas)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: NoiseSchedule([]), r"list of numbers \(T,\) with T >= 1, got shape \(0,\)"),
        (lambda: NoiseSchedule(torch.full((2, 2), 0.1)), r"list of numbers .* got shape \(2, 2\)"),
        (lambda: NoiseSchedule([1e-9, 0.1]), "large enough to matter in float32, got 1e-09"),
        (lambda: NoiseSchedule([0.1, 1.0, 0.1]), "none from timestep 1 of 3"),
        (lambda: NoiseSchedule.linear(0), "num_train_timesteps must be at least 1, got 0"),
        (lambda: NoiseSchedule.linear(10.5), "whole number of at least 1, got 10.5"),
        (lambda: NoiseSchedule.linear(beta_end=2.0), r"betas must lie in \(0, 1\]"),
        (lambda: NoiseSchedule.scaled_linear(beta_start=-0.1), r"must lie in \(0, 1\], got -0.1 and 0.012"),
        (lambda: NoiseSchedule([0.5]).rescale_zero_terminal_snr(), "at least 2 timesteps"),
        (lambda: NoiseSchedule.from_dict({"beta_schedule": "sigmoid"}), "beta_schedule must be one of .* 'sigmoid'"),
    ],
)
def test_refuses_what_is_no_schedule(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0,), "num_inference_steps must be at least 1, got 0"),
        ((1001,), "at most the 1000 timesteps of the schedule, got 1001"),
        ((2.5,), "num_inference_steps must be a whole number of at least 1, got 2.5"),
        ((10, "even"), "spacing must be one of 'leading', 'trailing', 'linspace', 'karras', got 'even'"),
        ((1000, "leading", 1), "timesteps must lie in 0 to 999, got 1 to 1000; steps_offset 1 is too far"),
        ((10, "leading", -1), "timesteps must lie in 0 to 999, got -1 to 899"),
    ],
)
def test_refuses_grids_that_leave_the_schedule(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        NoiseSchedule.linear().timesteps(*arguments)


@pytest.mark.parametrize(
    ("t", "sentence"),
    [
        (-1, "t must lie in 0 to 999, got -1 to -1"),
        (torch.tensor([0, 1, 2, 1000]), "t must lie in 0 to 999, got 0 to 1000"),
        (3.0, "t must be an integer"),
        (torch.tensor([0.5] * 4), "t must be an integer"),
        (torch.zeros(4, 1, dtype=torch.int64), "t must be an integer"),
        (torch.tensor([True] * 4), "t must be an integer"),
        (torch.tensor([1, 2, 3]), "one for each picture, got 3 for shape"),
    ],
)
def test_refuses_timesteps_outside_the_schedule(t, sentence):
    x0, noise = pictures()
    with pytest.raises(ValueError, match=sentence):
        NoiseSchedule.linear().add_noise(x0, noise, t)


def test_refuses_pictures_that_do_not_fit():
    schedule = NoiseSchedule.linear()
    x0, noise = pictures()
    with pytest.raises(ValueError, match=r"one shape, got \(4, 3, 5, 4\) and \(4, 3, 5, 3\)"):
        schedule.add_noise(x0, noise[..., :3], 5)
    with pytest.raises(ValueError, match=r"pictures must be floats, got torch\.uint8"):
        schedule.add_noise(x0.to(torch.uint8), noise, 5)


@pytest.mark.parametrize("method", ["to_x0", "to_eps"])
def test_refuses_an_unknown_prediction_type(method):
    x0, noise = pictures()
    with pytest.raises(ValueError, match="must be one of 'epsilon', 'sample', 'v_prediction', got 'eps'"):
        getattr(NoiseSchedule.linear(), method)(noise, x0, 5, "eps")


def test_explains_why_epsilon_cannot_start_from_pure_noise():
    schedule = NoiseSchedule.linear().rescale_zero_terminal_snr()
    x0, noise = pictures()
    with pytest.raises(ValueError, match=r"epsilon cannot give x0 at timestep 999.*0 / 0; train with prediction_type"):
        schedule.to_x0(noise, x0, torch.tensor([0, 1, 2, 999]), "epsilon")
    assert schedule.to_x0(noise, x0, 998, "epsilon").isfinite().all()
