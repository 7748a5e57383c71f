"""The loss against the squared error written out, and min-SNR weights against what they say about x0."""

import pytest
import torch
from torch import nn

from t2ilab.diffusion.losses import diffusion_loss, min_snr_weights
from t2ilab.diffusion.schedule import PREDICTION_TYPES, NoiseSchedule


@pytest.fixture
def schedule():
    return NoiseSchedule.linear()


def batch(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x0, noise = (torch.randn(4, 3, 5, 4, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))
    return x0, torch.tensor([0, 30, 400, 999]), noise


def net(x_t, t):
    return torch.tanh(x_t) + 0.001 * t.reshape(-1, 1, 1, 1)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.0, 0.5])])
def test_it_is_the_squared_error_written_out(schedule, prediction_type, weights):
    x0, t, noise = batch()
    total = 0.0
    for i in range(4):
        ac = schedule.alphas_cumprod.double()[t[i]]
        x_t = ac.sqrt() * x0[i : i + 1] + (1 - ac).sqrt() * noise[i : i + 1]
        velocity = ac.sqrt() * noise[i] - (1 - ac).sqrt() * x0[i]
        target = {"epsilon": noise[i], "sample": x0[i], "v_prediction": velocity}[prediction_type]
        error = (net(x_t, t[i : i + 1])[0] - target).square().mean()
        total += error * (1.0 if weights is None else weights[i])
    loss = diffusion_loss(net, x0, t, noise, schedule, prediction_type, weights)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(float(total / 4), rel=1e-10)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_a_perfect_network_has_no_loss(schedule, prediction_type):
    x0, t, noise = batch()
    answers = {"epsilon": noise, "sample": x0, "v_prediction": schedule.velocity(x0, noise, t)}
    assert diffusion_loss(lambda x_t, t: answers[prediction_type], x0, t, noise, schedule, prediction_type) == 0


def test_a_network_that_says_nothing_has_the_loss_of_the_noise(schedule):
    x0, t, noise = batch()
    loss = diffusion_loss(lambda x_t, t: torch.zeros_like(x_t), x0, t, noise, schedule)
    assert loss.item() == pytest.approx(noise.square().mean().item())


def test_gradients_reach_the_network(schedule):
    x0, t, noise = batch(torch.float32)
    layer = nn.Conv2d(3, 3, 1)
    diffusion_loss(lambda x_t, t: layer(x_t), x0, t, noise, schedule).backward()
    assert layer.weight.grad.abs().min() > 0


def test_half_precision_outputs_are_compared_in_float32(schedule):
    x0, t, noise = batch(torch.float32)
    loss = diffusion_loss(lambda x_t, t: net(x_t, t).bfloat16(), x0, t, noise, schedule)
    assert loss.dtype == torch.float32
    half = diffusion_loss(lambda x_t, t: net(x_t, t).half(), x0.half(), t, noise.half(), schedule)
    assert half.dtype == torch.float32


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_min_snr_weights_are_one_weight_on_the_error_of_x0(schedule, prediction_type):
    # whatever the network predicts, weight * its error must be min(snr, gamma) * the error of x0
    x0, t, noise = batch()
    x_t = schedule.add_noise(x0, noise, t)
    output = net(x_t, t)
    answers = {"epsilon": noise, "sample": x0, "v_prediction": schedule.velocity(x0, noise, t)}
    error = (output - answers[prediction_type]).square().flatten(1).mean(1)
    error_x0 = (schedule.to_x0(output, x_t, t, prediction_type) - x0).square().flatten(1).mean(1)
    weighted = min_snr_weights(schedule, t, prediction_type) * error
    torch.testing.assert_close(weighted, schedule.snr[t].clamp(max=5.0) * error_x0, rtol=1e-5, atol=0)


def test_min_snr_weights_where_there_is_no_signal(schedule):
    rescaled = schedule.rescale_zero_terminal_snr()
    found = [min_snr_weights(rescaled, 999, kind).item() for kind in ("epsilon", "sample", "v_prediction")]
    assert found == [1.0, 0.0, 0.0]
    assert min_snr_weights(schedule, torch.tensor([0]), "sample", gamma=2.0).item() == 2.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prediction_type": "x0"}, "prediction_type must be one of .* got 'x0'"),
        ({"noise": torch.zeros(4, 3, 5, 1)}, r"noise must have the shape of x0, \(4, 3, 5, 4\), got \(4, 3, 5, 1\)"),
        ({"t": torch.tensor([5])}, r"one timestep for each picture, \(4,\), got shape \(1,\)"),
        ({"t": torch.tensor([0, 1, 2, 1000])}, "t must lie in 0 to 999, got 0 to 1000"),
        ({"weights": torch.ones(4, 1, 1, 1)}, r"weights must hold one for each picture, \(4,\), got shape"),
        ({"net": lambda x_t, t: x_t[:, :1]}, r"return the shape of x0, \(4, 3, 5, 4\), got \(4, 1, 5, 4\)"),
        ({"schedule": NoiseSchedule.linear().rescale_zero_terminal_snr()}, "epsilon cannot be trained with zero"),
    ],
)
def test_refuses(schedule, change, sentence):
    x0, t, noise = batch()
    with pytest.raises(ValueError, match=sentence):
        diffusion_loss(**{"net": net, "x0": x0, "t": t, "noise": noise, "schedule": schedule, **change})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((5, "eps"), "prediction_type must be one of"),
        ((5, "sample", 0.0), "gamma must be positive, got 0.0"),
        ((-1, "sample"), "t must lie in 0 to 999, got -1"),
    ],
)
def test_min_snr_weights_refuse(schedule, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        min_snr_weights(schedule, *arguments)
