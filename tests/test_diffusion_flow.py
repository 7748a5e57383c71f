"""Flow matching: its straight road, its loss, and Euler's walk against diffusers and a closed form."""

import warnings

import pytest
import torch

from t2ilab.diffusion.flow import FlowMatching, flow_matching_loss, sample_flow_euler
from t2ilab.diffusion.schedule import NoiseSchedule

PICTURE = torch.linspace(-1, 1, 24, dtype=torch.float64).reshape(1, 2, 3, 4)


def noise(batch=2):
    return torch.randn(batch, 2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def net(x, t):
    t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1, 1, 1)
    return torch.tanh(1.2 * x + 0.3 * x.roll(1, -1)) + torch.cos(3 * t)


def test_the_road_is_straight():
    road, x0, z = FlowMatching(), PICTURE, noise(1)
    assert torch.equal(road.add_noise(x0, z, 0.0), x0)
    assert torch.equal(road.add_noise(x0, z, 1.0), z)
    later, sooner = road.add_noise(x0, z, 0.7), road.add_noise(x0, z, 0.4)
    torch.testing.assert_close((later - sooner) / 0.3, road.velocity(x0, z))
    torch.testing.assert_close(road.to_x0(road.velocity(x0, z), later, 0.7), x0)


def test_each_picture_may_have_its_own_time():
    road, t = FlowMatching(), torch.tensor([0.2, 0.9])
    both = road.add_noise(PICTURE.expand(2, -1, -1, -1), noise(), t)
    alone = [road.add_noise(PICTURE, noise()[i : i + 1], t[i].item()) for i in range(2)]
    torch.testing.assert_close(both, torch.cat(alone), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shift", [1.0, 3.0, 0.5])
def test_times_and_their_shift(shift):
    times = FlowMatching(shift).times(4)
    assert times[0] == 1
    assert times[-1] == 0
    even = torch.tensor([1, 0.75, 0.5, 0.25, 0], dtype=torch.float64)
    torch.testing.assert_close(times, shift * even / (1 + (shift - 1) * even))


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_eulers_walk_is_diffusers(shift):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import FlowMatchEulerDiscreteScheduler
    theirs = FlowMatchEulerDiscreteScheduler(shift=shift)
    theirs.set_timesteps(12)
    times = theirs.sigmas.double()
    theirs.sigmas = times
    x = noise()
    for t, time in zip(theirs.timesteps, times, strict=False):
        x = theirs.step(net(x, time), t, x).prev_sample
    ours = sample_flow_euler(net, noise(), times)
    assert (ours - x).abs().max() < 2e-5 * x.abs().max()


def test_one_picture_in_the_world_is_reached_in_one_step_or_many():
    def velocity(x, t):  # the road from the picture through x
        return (x - PICTURE) / t.reshape(-1, 1, 1, 1)

    for steps in (1, 7):
        x0 = sample_flow_euler(velocity, noise(), FlowMatching().times(steps))
        torch.testing.assert_close(x0, PICTURE.expand(2, -1, -1, -1))


def test_it_is_the_flow_of_a_schedule_in_other_units():
    # x_t of flow matching, divided by the sum of its factors' squares' root, is a schedule's: one flow, two clocks.
    schedule = NoiseSchedule.linear()
    sigma = schedule.sigmas[400].double()
    t = sigma / (1 + sigma)
    ac = schedule.alphas_cumprod[400].double()
    ours = FlowMatching().add_noise(PICTURE, noise(1), t.item())
    torch.testing.assert_close(
        ours * ac.sqrt() / (1 - t), schedule.add_noise(PICTURE, noise(1), 400), rtol=1e-6, atol=1e-6
    )


def test_half_precision_knows_times_near_the_noise():
    x0, z = torch.full((1, 4), 100.0, dtype=torch.bfloat16), torch.zeros(1, 4, dtype=torch.bfloat16)
    t = torch.tensor([0.999])  # bfloat16 would call it 1, and nothing would be left of the picture
    x_t = FlowMatching().add_noise(x0, z, t)
    assert x_t.dtype == torch.bfloat16
    torch.testing.assert_close(x_t.float(), torch.full((1, 4), 0.1), rtol=0.01, atol=0)
    back = FlowMatching().to_x0(-x0, x_t, t)
    assert back.dtype == torch.bfloat16
    torch.testing.assert_close(back.float(), torch.full((1, 4), 100.0), rtol=0.01, atol=0)
    told = []
    sample_flow_euler(lambda x, t: (told.append(t), x)[1], x0, [0.999, 0.5])
    assert told[0].item() == pytest.approx(0.999)


def test_the_loss_is_the_velocitys_mean_squared_error():
    x0, z, t = PICTURE.expand(2, -1, -1, -1), noise(), torch.tensor([0.2, 0.9], dtype=torch.float64)
    x_t = torch.stack([(1 - t[i]) * x0[i] + t[i] * z[i] for i in range(2)])
    expected = ((net(x_t, t) - (z - x0)) ** 2).mean()
    torch.testing.assert_close(flow_matching_loss(net, x0, z, t), expected)
    assert flow_matching_loss(lambda x, t: z - x0, x0, z, t) == 0


def test_the_callback_sees_the_estimate_before_each_step():
    seen, times = [], FlowMatching().times(3)
    sample_flow_euler(net, noise(), times, callback=lambda *state: seen.append(state))
    assert [(step, t) for step, t, *_ in seen] == list(enumerate(times[:-1].tolist()))
    for _, t, x_t, x0_hat in seen:
        torch.testing.assert_close(x0_hat, x_t - t * net(x_t, t))


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (lambda: FlowMatching(0.0), "shift must be positive, got 0.0"),
        (lambda: FlowMatching().times(0), "num_inference_steps must be at least 1, got 0"),
        (lambda: FlowMatching().add_noise(PICTURE, PICTURE, 1.5), r"times must lie in \[0, 1\], got 1.5"),
        (lambda: FlowMatching().add_noise(PICTURE, PICTURE, torch.zeros(3)), "one for each of the 1 pictures"),
        (lambda: FlowMatching().add_noise(PICTURE.byte(), PICTURE, 0.5), "pictures must be floats .* got torch.uint8"),
        (lambda: FlowMatching().to_x0(PICTURE, PICTURE.long(), 0.5), "pictures must be floats .* got torch.int64"),
        (lambda: sample_flow_euler(net, noise().long(), [1.0, 0.0]), "x must be floats, .* got torch.int64"),
        (lambda: sample_flow_euler(net, noise(), [1.0]), "at least two that fall strictly"),
        (lambda: sample_flow_euler(net, noise(), [0.0, 1.0]), "at least two that fall strictly"),
        (lambda: sample_flow_euler(net, noise(), [1.5, 0.0]), "from at most 1 to at least 0"),
        (lambda: sample_flow_euler(lambda x, t: x[:1], noise(), [1.0, 0.0]), r"at time 1; got shape \(1, 2, 3, 4\)"),
        (lambda: sample_flow_euler(lambda x, t: x / (t - 0.5).reshape(-1, 1, 1, 1), noise(), [1.0, 0.5, 0.0]),
         "at time 0.5; got shape .* with NaN or infinity"),
        (lambda: flow_matching_loss(net, noise(), PICTURE, torch.zeros(2)), "noise must have the shape of x0"),
        (lambda: flow_matching_loss(net, noise(), noise(), torch.zeros(1)), "t must hold one time for each picture"),
        (lambda: flow_matching_loss(lambda x, t: x[:1], noise(), noise(), torch.zeros(2)), "must return the shape"),
    ],
)  # fmt: skip
def test_refuses(run, sentence):
    with pytest.raises(ValueError, match=sentence):
        run()
