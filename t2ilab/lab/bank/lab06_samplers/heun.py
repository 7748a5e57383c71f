"""Heun's step: Euler's, corrected by the slope where it arrives."""

import numpy as np
import torch

from t2ilab.lab.bank.draws import level
from t2ilab.lab.bank.lab06_samplers.ddim import LAB
from t2ilab.lab.bank.lab06_samplers.euler import sigma_inputs
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def heun_step(denoise, x, sigma, sigma_next):
    """A step with the mean of the slopes at both its ends; to sigma_next = 0 it is Euler's (Karras et al. 2022, alg 1).

    denoise(x, sigma) -> x0_hat; x: (B, 3, H, W), x0 + sigma noise; sigma > sigma_next >= 0: 0-d tensors.
    Returns x at sigma_next.
    """
    slope = (x - denoise(x, sigma)) / sigma
    there = x + (sigma_next - sigma) * slope  # where Euler's step arrives
    if sigma_next == 0:
        return there
    slope_there = (there - denoise(there, sigma_next)) / sigma_next
    return x + (sigma_next - sigma) * (slope + slope_there) / 2


def _inputs(generator):
    inputs = sigma_inputs(generator)
    return inputs | {"gain": level(generator, 0.5, 1.0), "spread": level(generator, 0.6, 1.2)}


def gaussian(x, sigma, spread):
    """E[x0 | x] for x0 normal around 0 with this standard deviation."""
    return x * spread**2 / (spread**2 + sigma**2)


@cases
def _probe(heun_step, inputs):
    x, sigma, sigma_next = inputs["x"], inputs["sigma"], inputs["sigma_next"]
    gain, spread = inputs["gain"], inputs["spread"]

    def denoise(x, sigma):
        return torch.tanh(gain * x) / (1 + 0.3 * sigma)

    def arrives(share):
        """Where a walk ends that goes that share of a way in one step, for a world whose flow is known."""
        return heun_step(lambda x, sigma: gaussian(x, sigma, spread), x, sigma, sigma * (1 - share))

    yield "batch", lambda: heun_step(denoise, x, sigma, sigma_next)
    yield "single", lambda: heun_step(denoise, x[:1], sigma, sigma_next)
    yield "coarse", lambda: arrives(0.4)
    yield "fine", lambda: arrives(0.1)
    yield "sizes", lambda: heun_step(denoise, inputs["other_x"], sigma, sigma_next)
    yield "float64", lambda: heun_step(denoise, x.double(), sigma.double(), sigma_next.double())
    yield "to_clean", lambda: heun_step(denoise, x, sigma, torch.tensor(0.0))


def _is_of_second_order(arrays, inputs):
    """A step a quarter as long has an error about 4^3 times smaller; Euler's only 4^2."""
    x, sigma, spread = (inputs[name].double().numpy() for name in ("x", "sigma", "spread"))

    def error(name, share):
        exact = x * np.sqrt((spread**2 + (sigma * (1 - share)) ** 2) / (spread**2 + sigma**2))
        return abs(arrays[name] - exact).max()

    return error("fine", 0.1) < error("coarse", 0.4) / 28


def _step(combine):
    """A wrong answer from x, both sigmas, the first slope, where Euler arrives, and the denoiser."""

    def wrong(denoise, x, sigma, sigma_next):
        slope = (x - denoise(x, sigma)) / sigma
        there = x + (sigma_next - sigma) * slope
        return there if sigma_next == 0 else combine(denoise, x, sigma, sigma_next, slope, there)

    return wrong


def _slope(denoise, x, sigma):
    return (x - denoise(x, sigma)) / sigma


def _never_euler(denoise, x, sigma, sigma_next):
    slope = _slope(denoise, x, sigma)
    there = x + (sigma_next - sigma) * slope
    return x + (sigma_next - sigma) * (slope + _slope(denoise, there, sigma_next)) / 2


HEUN_STEP = Exercise(
    name="heun_step",
    lab=LAB,
    difficulty=3,
    minutes=12,
    points=4,
    make_inputs=_inputs,
    probe=_probe,
    reference=heun_step,
    hints=(
        Text(
            "Euler uses the slope at the start for the whole way. Go there tentatively, and look at the slope there.",
            "オイラー法は、出発点の傾きだけで全部を進みます。ためしにそこまで進んで、そこでの傾きも見てみましょう。",
        ),
        Text(
            "Three parts: Euler's step to `there`; the slope at `there`, where the noise is sigma_next; then from x "
            "again, with the mean of both slopes.",
            "3 つの部分からなります。オイラー法で `there` まで進み、ノイズが sigma_next である `there` での傾きを求め、"
            "もう一度 x から、2 つの傾きの平均で進みます。",
        ),
        Text(
            "slope_there = (there - denoise(there, sigma_next)) / sigma_next, and x + (sigma_next - sigma) * (slope + "
            "slope_there) / 2; where sigma_next is 0, return `there`.",
            "slope_there = (there - denoise(there, sigma_next)) / sigma_next とし、"
            "x + (sigma_next - sigma) * (slope + slope_there) / 2 を返します。"
            "sigma_next が 0 なら `there` を返します。",
        ),
    ),
    properties={
        "second_order": Property(
            _is_of_second_order,
            0.3,
            Text(
                "In a world whose flow is known, one step a quarter as long must err about 64 times less: each step of "
                "a method of order 2 errs like the third power of its length (and a quarter as long takes four times "
                "as many). Euler's errs 16 times less.",
                "流れがわかっている世界では、1 歩の幅を 4 分の 1 にすると、1 歩の誤差が約 64 分の 1 になるはずです。"
                "2 次の方法では、1 歩の誤差が幅の 3 乗に比例するからです（そのかわり、歩数は 4 倍になります）。"
                "オイラー法では 16 分の 1 です。",
            ),
        ),
        "to_clean": Property(
            lambda arrays, inputs: bool(np.isfinite(arrays["to_clean"]).all()) and abs(arrays["to_clean"]).max() > 1e-3,
            0.1,
            Text(
                "A step to sigma_next = 0 must give finite numbers: the second slope is 0 / 0 there; take Euler's.",
                "sigma_next = 0 へのステップでも、有限の値になるはずです。そこでは 2 つ目の傾きが 0 / 0 になるので、"
                "オイラー法を使ってください。",
            ),
        ),
    },
    misconceptions={
        "euler": Misconception(
            _step(lambda denoise, x, sigma, sigma_next, slope, there: there),
            Text(
                "this is Euler's step, of first order; the correction by the slope at its end is missing.",
                "これは 1 次のオイラー法です。着いた先の傾きによる修正がありません。",
            ),
        ),
        "slope_at_the_start_again": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    x + (sigma_next - sigma) * (slope + _slope(denoise, x, sigma_next)) / 2
                )
            ),
            Text(
                "the second slope is asked for at x; ask at the place where Euler's step arrives.",
                "2 つ目の傾きを x で求めています。オイラー法で着いた場所で求めてください。",
            ),
        ),
        "sigma_of_the_start": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    x + (sigma_next - sigma) * (slope + _slope(denoise, there, sigma)) / 2
                )
            ),
            Text(
                "where Euler's step arrives the noise is sigma_next; tell the denoiser that, and divide by it.",
                "オイラー法で着いた場所のノイズは sigma_next です。それをデノイザーに渡し、それで割ってください。",
            ),
        ),
        "only_divided_by_the_start": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    x + (sigma_next - sigma) * (slope + (there - denoise(there, sigma_next)) / sigma) / 2
                )
            ),
            Text(
                "the second slope is divided by sigma; there the noise is sigma_next.",
                "2 つ目の傾きを sigma で割っています。そこでのノイズは sigma_next です。",
            ),
        ),
        "sum": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    x + (sigma_next - sigma) * (slope + _slope(denoise, there, sigma_next))
                )
            ),
            Text(
                "the slopes are added, so that the step is twice as long; take their mean.",
                "傾きを足しただけなので、2 倍進んでしまいます。平均をとってください。",
            ),
        ),
        "only_the_end": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    x + (sigma_next - sigma) * _slope(denoise, there, sigma_next)
                )
            ),
            Text(
                "only the slope at the end is used; of first order again, from the other side. Take the mean of both.",
                "終点の傾きだけを使っています。反対側から見た 1 次の方法です。両方の平均をとってください。",
            ),
        ),
        "from_there": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    there + (sigma_next - sigma) * (slope + _slope(denoise, there, sigma_next)) / 2
                )
            ),
            Text(
                "the corrected step starts from x again, not from where Euler's step arrived.",
                "修正したステップは、オイラー法で着いた場所からではなく、もう一度 x から始めます。",
            ),
        ),
        "mean_of_guesses": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    x + (sigma_next - sigma) * (x - (denoise(x, sigma) + denoise(there, sigma_next)) / 2) / sigma
                )
            ),
            Text(
                "you average the two guesses and keep the old place and sigma; average the two slopes.",
                "2 つの推定値を平均し、場所と sigma は古いままです。平均するのは 2 つの傾きです。",
            ),
        ),
        "midpoint": Misconception(
            _step(
                lambda denoise, x, sigma, sigma_next, slope, there: (
                    x + (sigma_next - sigma) * _slope(denoise, (x + there) / 2, (sigma + sigma_next) / 2)
                )
            ),
            Text(
                "this is the midpoint method, also of second order; Heun's takes the slopes at both ends.",
                "これは中点法で、やはり 2 次の方法です。ホイン法では、両端の傾きを使います。",
            ),
        ),
        "divides_by_zero": Misconception(
            _never_euler,
            Text(
                "right until the last step: at sigma_next = 0 the second slope is 0 / 0; take Euler's step there.",
                "最後のステップまでは正解です。sigma_next = 0 では 2 つ目の傾きが 0 / 0 になるので、"
                "そこではオイラー法を使ってください。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.samplers.sample_heun",
        "diffusers.schedulers.scheduling_heun_discrete.HeunDiscreteScheduler.step",
    ),
)
