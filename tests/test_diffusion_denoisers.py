"""Denoisers against Bayes' rule done slowly and against the gradient of the exact log density."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from t2ilab.diffusion import denoisers
from t2ilab.diffusion.denoisers import IdealDenoiser, NetworkDenoiser
from t2ilab.diffusion.schedule import PREDICTION_TYPES, NoiseSchedule


@pytest.fixture
def schedule():
    return NoiseSchedule.linear()


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# ---- NetworkDenoiser -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@pytest.mark.parametrize("t", [700, torch.tensor(700), torch.tensor([700, 3, 40])])
def test_a_perfect_network_gives_the_picture(schedule, prediction_type, t):
    x0, noise = draw(3, 3, 4, 4), draw(3, 3, 4, 4, seed=1)
    seen = []

    def net(x_t, t):
        seen.append(t)
        return {"epsilon": noise, "sample": x0, "v_prediction": schedule.velocity(x0, noise, t)}[prediction_type]

    denoise = NetworkDenoiser(net, schedule, prediction_type)
    torch.testing.assert_close(denoise(schedule.add_noise(x0, noise, t), t), x0, rtol=0, atol=1e-10)
    assert seen[0].shape == (3,)
    assert seen[0].dtype == torch.int64


def test_clip_clamps_the_estimate_and_nothing_else(schedule):
    x_t = draw(2, 3, 4, 4)
    free = NetworkDenoiser(lambda x, t: 3 * x, schedule, "sample")(x_t, 5)
    clipped = NetworkDenoiser(lambda x, t: 3 * x, schedule, "sample", clip=0.5)(x_t, 5)
    assert free.abs().max() > 1
    assert torch.equal(clipped, free.clamp(-0.5, 0.5))


def test_gradients_pass_through_a_network(schedule):
    x_t = draw(2, 3, 4, 4).requires_grad_()
    NetworkDenoiser(lambda x, t: torch.tanh(x), schedule)(x_t, 5).sum().backward()
    assert x_t.grad.abs().min() > 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_names_the_timestep_of_an_output_that_is_not_finite(schedule, value):
    def net(x_t, t):
        return torch.where((t == 40).reshape(-1, 1, 1, 1), value, x_t)

    denoise = NetworkDenoiser(net, schedule)
    with pytest.raises(ValueError, match=r"finite, got NaN or infinity at timestep 40;"):
        denoise(draw(3, 3, 4, 4), torch.tensor([700, 40, 3]))
    assert denoise(draw(3, 3, 4, 4), 41).isfinite().all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda s: NetworkDenoiser(torch.tanh, s, "noise"), "prediction_type must be one of .* got 'noise'"),
        (lambda s: NetworkDenoiser(torch.tanh, s, clip=0.0), "clip must be a positive half-range or None, got 0.0"),
        (lambda s: NetworkDenoiser(torch.tanh, s, clip=float("nan")), "clip must be .* got nan"),
        (
            lambda s: NetworkDenoiser(lambda x, t: x.repeat(1, 2, 1, 1), s)(draw(2, 3, 4, 4), 5),
            r"shape of x_t, \(2, 3, 4, 4\), got \(2, 6, 4, 4\)",
        ),
        (lambda s: NetworkDenoiser(lambda x, t: x, s)(draw(2, 3, 4, 4), torch.tensor([1, 2, 3])), "each of the 2"),
        (lambda s: NetworkDenoiser(lambda x, t: x, s)(draw(2, 3, 4, 4), 5.5), "t must be one integer timestep"),
        (lambda s: NetworkDenoiser(lambda x, t: x, s)(draw(2, 3, 4, 4), -1), "t must lie in 0 to 999, got -1"),
    ],
)
def test_network_denoiser_refuses(schedule, make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(schedule)


def test_epsilon_on_a_schedule_that_ends_in_noise_is_explained(schedule):
    denoise = NetworkDenoiser(lambda x, t: x, schedule.rescale_zero_terminal_snr())
    with pytest.raises(ValueError, match="epsilon cannot give x0 at timestep 999"):
        denoise(draw(2, 3, 4, 4), 999)


# ---- IdealDenoiser -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0, 1, 50, 400, 999])
def test_it_is_tweedies_formula_on_the_exact_log_density(schedule, t):
    data, noise = draw(40, 2, 3), draw(6, 2, 3, seed=1)
    x_t = schedule.add_noise(data[:6], noise, t).requires_grad_()
    ac = schedule.alphas_cumprod.double()[t]
    squares = (x_t.flatten(1)[:, None] - ac.sqrt() * data.flatten(1)[None]).square().sum(2)
    log_density = torch.logsumexp(-squares / (2 * (1 - ac)), dim=1)
    (score,) = torch.autograd.grad(log_density.sum(), x_t)
    x0_hat = IdealDenoiser(data, schedule)(x_t.detach(), t)
    torch.testing.assert_close((ac.sqrt() * x0_hat - x_t.detach()) / (1 - ac), score, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(x0_hat, (x_t.detach() + (1 - ac) * score) / ac.sqrt(), rtol=1e-10, atol=1e-10)


def test_one_data_point_gives_itself(schedule):
    point = draw(1, 3, 4, 4)
    for t in (0, 500, 999):
        torch.testing.assert_close(
            IdealDenoiser(point, schedule)(draw(5, 3, 4, 4, seed=1), t), point.expand(5, -1, -1, -1)
        )


def test_much_noise_gives_the_mean_and_little_gives_the_row(schedule):
    data = draw(20, 12)
    pure = IdealDenoiser(data, schedule.rescale_zero_terminal_snr())(draw(3, 12, seed=1), 999)
    torch.testing.assert_close(pure, data.mean(0).expand(3, -1))
    torch.testing.assert_close(IdealDenoiser(data, schedule)(schedule.add_noise(data, data * 0, 0), 0), data)


def test_chunks_change_nothing(schedule, monkeypatch):
    data, x_t, t = draw(101, 5), draw(7, 5, seed=1), torch.tensor([0, 100, 200, 100, 900, 999, 5])
    whole = IdealDenoiser(data, schedule)(x_t, t)
    for elements in (1, 7 * 10, 7 * 100):  # chunks of 1, 10 and 100 rows
        monkeypatch.setattr(denoisers, "CHUNK_ELEMENTS", elements)
        torch.testing.assert_close(IdealDenoiser(data, schedule)(x_t, t), whole, rtol=1e-12, atol=1e-12)
        # the order of the rows is the order in which the running maximum is found
        torch.testing.assert_close(IdealDenoiser(data.flip(0), schedule)(x_t, t), whole, rtol=1e-12, atol=1e-12)


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation made anew."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        known = {a.untyped_storage().data_ptr() for a in args if isinstance(a, torch.Tensor)}
        for made in out if isinstance(out, tuple | list) else [out]:
            if isinstance(made, torch.Tensor) and made.untyped_storage().data_ptr() not in known:
                self.numel = max(self.numel, made.numel())
        return out


@pytest.mark.parametrize("shape", [(2000, 64, 3), (2000, 2, 300)])  # wide rows, and many queries
def test_memory_is_bounded_by_the_chunk(schedule, monkeypatch, shape):
    rows, width, queries = shape
    monkeypatch.setattr(denoisers, "CHUNK_ELEMENTS", 6400)
    denoise = IdealDenoiser(draw(rows, width), schedule)
    with Largest() as largest:
        denoise(draw(queries, width, seed=1), 300)
    assert 3000 <= largest.numel <= 6400


def test_each_picture_may_have_its_own_timestep(schedule):
    denoise, x_t, t = IdealDenoiser(draw(30, 4), schedule), draw(4, 4, seed=1), torch.tensor([0, 900, 30, 900])
    together = denoise(x_t, t)
    for i in range(4):
        torch.testing.assert_close(together[i : i + 1], denoise(x_t[i : i + 1], int(t[i])))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_noise_on_large_pictures_is_exact_in_single_precision(schedule, dtype):
    # two pictures that differ a little: only a distance without cancellation tells their weights
    data = draw(1, 3, 32, 32).repeat(2, 1, 1, 1).float()
    data[1, 0, 0, 0] += 0.01
    x_t = data[:1].double() + 0.01 * draw(1, 3, 32, 32, seed=1)
    if dtype == torch.float32:
        x_t = x_t.float()
        expected = IdealDenoiser(data.double(), schedule)(x_t.double(), 0)
        torch.testing.assert_close(IdealDenoiser(data, schedule)(x_t, 0).double(), expected, rtol=0, atol=1e-5)
    assert IdealDenoiser(data.to(dtype), schedule)(x_t.to(dtype), 0).dtype == dtype


def test_gradients_pass_through_it(schedule):
    data, x_t = draw(10, 3), draw(2, 3, seed=1)
    denoise = IdealDenoiser(data, schedule)
    assert torch.autograd.gradcheck(lambda x: denoise(x, 300), (x_t.requires_grad_(),))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda s: IdealDenoiser(torch.zeros(0, 3), s), r"at least one row, got torch.float32 of shape \(0, 3\)"),
        (lambda s: IdealDenoiser(torch.zeros(3), s), r"data must be floats \(N, ...\).* of shape \(3,\)"),
        (lambda s: IdealDenoiser(torch.zeros(3, 2, dtype=torch.uint8), s), "data must be floats .* torch.uint8"),
        (lambda s: IdealDenoiser(torch.tensor([[0.0, float("nan")]]), s), "data must be finite"),
        (lambda s: IdealDenoiser(draw(5, 3), s)(draw(2, 4), 3), r"x_t must be floats .*\(3,\), got .* \(2, 4\)"),
        (lambda s: IdealDenoiser(draw(5, 3), s)(draw(2, 3), 1000), "t must lie in 0 to 999, got 1000"),
        (lambda s: IdealDenoiser(draw(5, 3), s)(draw(2, 3), -1), "t must lie in 0 to 999, got -1"),
        (lambda s: IdealDenoiser(draw(5, 3), s)(draw(2, 3), torch.tensor([1, 2, 3])), "each of the 2 pictures"),
    ],
)
def test_ideal_denoiser_refuses(schedule, make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(schedule)
