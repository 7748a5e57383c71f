"""Euler's step in sigma space: along the slope, as far as the next noise level."""

import torch

from t2ilab.lab.bank.draws import level
from t2ilab.lab.bank.lab06_samplers.ddim import LAB, two_pictures
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def euler_step(x0_hat, x, sigma, sigma_next):
    """A straight step down the flow dx / dsigma = (x - x0_hat) / sigma (Karras et al. 2022, equations 1 and 3).

    x0_hat, x: (B, 3, H, W), with x = x0 + sigma noise; sigma > sigma_next >= 0: 0-d tensors.
    Returns x at sigma_next.
    """
    slope = (x - x0_hat) / sigma
    return x + (sigma_next - sigma) * slope


def sigma_inputs(generator):
    x0_hat, noise = two_pictures(generator, 3, 3, 4, 4)
    other_x0_hat, other_noise = two_pictures(generator, 2, 3, 3, 5)
    sigma = level(generator, 1.2, 2.5)
    return {
        "x0_hat": x0_hat, "x": x0_hat + sigma * noise, "sigma": sigma, "sigma_next": level(generator, 0.4, 0.8),
        "other_x0_hat": other_x0_hat, "other_x": other_x0_hat + sigma * other_noise,
    }  # fmt: skip


@cases
def _probe(euler_step, inputs):
    x0_hat, x, sigma, sigma_next = (inputs[name] for name in ("x0_hat", "x", "sigma", "sigma_next"))
    yield "batch", lambda: euler_step(x0_hat, x, sigma, sigma_next)
    yield "single", lambda: euler_step(x0_hat[:1], x[:1], sigma, sigma_next)
    yield "no_step", lambda: euler_step(x0_hat, x, sigma, sigma)
    yield "to_clean", lambda: euler_step(x0_hat, x, sigma, torch.tensor(0.0))
    yield "sizes", lambda: euler_step(inputs["other_x0_hat"], inputs["other_x"], sigma, sigma_next)
    yield "float64", lambda: euler_step(x0_hat.double(), x.double(), sigma.double(), sigma_next.double())


EULER_STEP = Exercise(
    name="euler_step",
    lab=LAB,
    difficulty=1,
    minutes=8,
    points=2,
    make_inputs=sigma_inputs,
    probe=_probe,
    reference=euler_step,
    hints=(
        Text(
            "Euler's method: where you are, plus the slope there, times how far you go. How far do you go, and is "
            "that positive?",
            "オイラー法は、今いる場所に、そこでの傾きと進む幅の積を足します。進む幅はいくつで、正ですか、負ですか。",
        ),
        Text(
            "The slope is (x - x0_hat) / sigma; sigma goes from sigma to sigma_next.",
            "傾きは (x - x0_hat) / sigma です。sigma は sigma から sigma_next へ変わります。",
        ),
        Text(
            "x + (sigma_next - sigma) * (x - x0_hat) / sigma.",
            "x + (sigma_next - sigma) * (x - x0_hat) / sigma とします。",
        ),
    ),
    properties={
        "no_step": Property(
            lambda arrays, inputs: (
                abs(arrays["no_step"] - inputs["x"].numpy()).max() < 1e-4
                and abs(arrays["batch"] - inputs["x"].numpy()).max() > 1e-2
            ),
            0.2,
            Text(
                "A step to the same sigma must change nothing.",
                "同じ sigma へ進むなら、何も変わらないはずです。",
            ),
        ),
        "to_clean": Property(
            lambda arrays, inputs: (
                abs(arrays["to_clean"] - inputs["x0_hat"].numpy()).max() < 1e-4
                and abs(arrays["batch"] - inputs["x0_hat"].numpy()).max() > 1e-2
            ),
            0.2,
            Text(
                "A step to sigma_next = 0, where there is no noise, must give the guess itself.",
                "ノイズのない sigma_next = 0 へ進むなら、推定値そのものになるはずです。",
            ),
        ),
    },
    misconceptions={
        "uphill": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x + (sigma - sigma_next) * (x - x0_hat) / sigma,
            Text(
                "the sign is wrong, and noise is added: the slope is (x - x0_hat) / sigma, the step is "
                "sigma_next - sigma, which is negative.",
                "符号が逆で、ノイズが増えてしまいます。傾きは (x - x0_hat) / sigma、幅は sigma_next - sigma で、"
                "この幅は負です。",
            ),
        ),
        "not_divided": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x + (sigma_next - sigma) * (x - x0_hat),
            Text(
                "the slope is (x - x0_hat) / sigma; the division is missing.",
                "傾きは (x - x0_hat) / sigma です。割り算が抜けています。",
            ),
        ),
        "divided_by_next": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x + (sigma_next - sigma) * (x - x0_hat) / sigma_next.clamp(min=1e-6),
            Text(
                "the slope is that at sigma, where x is; divide by sigma, not by sigma_next.",
                "傾きは、x のある sigma でのものです。sigma_next ではなく sigma で割ってください。",
            ),
        ),
        "squared": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x + (sigma_next - sigma) * (x - x0_hat) / sigma**2,
            Text(
                "divided by the variance it is minus the score; the slope in sigma divides by sigma once.",
                "分散で割ると、スコアの -1 倍になります。sigma についての傾きでは、sigma で一度だけ割ります。",
            ),
        ),
        "whole_way": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x - sigma * (x - x0_hat) / sigma,
            Text(
                "this goes all the way to the guess; go only from sigma to sigma_next.",
                "これでは推定値まで行ってしまいます。sigma から sigma_next までだけ進んでください。",
            ),
        ),
        "only_next": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x + sigma_next * (x - x0_hat) / sigma,
            Text(
                "the step is sigma_next - sigma; the start is missing from it.",
                "幅は sigma_next - sigma です。出発点の sigma が引かれていません。",
            ),
        ),
        "share_from_x": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x0_hat + sigma_next * (x - x0_hat),
            Text(
                "x - x0_hat is sigma times the noise; divide by sigma before you scale it to sigma_next.",
                "x - x0_hat は sigma 倍のノイズです。sigma_next 倍にする前に、sigma で割ってください。",
            ),
        ),
        "scaled_picture": Misconception(
            lambda x0_hat, x, sigma, sigma_next: x * sigma_next / sigma,
            Text(
                "this shrinks the picture along with the noise; only x - x0_hat, the noise, is scaled.",
                "これではノイズだけでなく画像まで小さくなります。縮めるのはノイズ x - x0_hat だけです。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.samplers.sample_euler",
        "diffusers.schedulers.scheduling_euler_discrete.EulerDiscreteScheduler.step",
    ),
)
