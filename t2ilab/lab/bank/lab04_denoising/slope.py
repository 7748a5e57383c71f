"""The slope of the log density of noisy pictures, read off the best guess: Miyasawa's and Tweedie's identity."""

import torch

from t2ilab.lab.bank.draws import at_level, level, noise_like, pictures
from t2ilab.lab.bank.lab04_denoising.best_guess import LAB, mmse_denoiser
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def tweedie_score(x_t, x0_hat, ac_t):
    """The gradient of log p(x_t) with respect to x_t, from the best guess at the clean picture.

    x_t: (B, 3, H, W), noisy; x0_hat: like x_t, E[x0 | x_t]; ac_t: 0-d tensor in (0, 1). Returns a gradient like x_t.
    """
    # From x_t towards where the guess would be at this noise level, per variance of the noise.
    return (ac_t.sqrt() * x0_hat - x_t) / (1 - ac_t)


def _inputs(generator):
    ac_t = level(generator, 0.35, 0.65)
    data = pictures(generator, 6, 3, 2, 2)
    x0 = data[torch.randint(6, (4,), generator=generator)]
    x_t = at_level(x0, noise_like(generator, x0), ac_t)
    other = pictures(generator, 2, 3, 4, 5)
    return {
        "x_t": x_t, "x0_hat": mmse_denoiser(x_t, data, ac_t), "ac_t": ac_t, "data": data,
        "other_x_t": noise_like(generator, other), "other_x0_hat": other,
    }  # fmt: skip


@cases
def _probe(tweedie_score, inputs):
    x_t, x0_hat, ac_t = inputs["x_t"], inputs["x0_hat"], inputs["ac_t"]
    yield "batch", lambda: tweedie_score(x_t, x0_hat, ac_t)
    yield "single", lambda: tweedie_score(x_t[:1], x0_hat[:1], ac_t)
    yield "at_the_guess", lambda: tweedie_score(ac_t.sqrt() * x0_hat, x0_hat, ac_t)
    yield "little_noise", lambda: tweedie_score(x_t, x0_hat, torch.tensor(0.99))
    yield "sizes", lambda: tweedie_score(inputs["other_x_t"], inputs["other_x0_hat"], ac_t)
    yield "float64", lambda: tweedie_score(x_t.double(), x0_hat.double(), ac_t.double())


def _is_the_gradient(arrays, inputs):
    """The answer is the gradient of the exact log density of a world of a few pictures, by autograd in float64."""
    x = inputs["x_t"].double().flatten(1).requires_grad_()
    ac_t, rows = inputs["ac_t"].double(), inputs["data"].double().flatten(1)
    squares = (x[:, None] - ac_t.sqrt() * rows).square().sum(-1)
    log_density = (-squares / (2 * (1 - ac_t))).logsumexp(1).sum()
    (gradient,) = torch.autograd.grad(log_density, x)
    return abs(arrays["batch"].reshape(len(x), -1) - gradient.numpy()).max() < 1e-3


TWEEDIE_SCORE = Exercise(
    name="tweedie_score",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=tweedie_score,
    hints=(
        Text(
            "Which way must x_t move to become more likely: towards the guess, or away from it?",
            "x_t の確率を高くするには、推定値へ近づけますか、それとも遠ざけますか。",
        ),
        Text(
            "The guess lies at sqrt(ac_t) x0_hat at this noise level. The arrow from x_t to there, divided by the "
            "variance of the noise.",
            "このノイズの段階では、推定値は sqrt(ac_t) x0_hat にあります。x_t からそこへ向かう矢印を、"
            "ノイズの分散で割ります。",
        ),
        Text(
            "Subtract x_t from sqrt(ac_t) * x0_hat, and divide by 1 - ac_t.",
            "sqrt(ac_t) * x0_hat から x_t を引き、1 - ac_t で割ります。",
        ),
    ),
    properties={
        "gradient": Property(
            _is_the_gradient,
            0.3,
            Text(
                "It must be the gradient that autograd finds of the exact log density of a world of six pictures.",
                "6 枚の画像からなる世界で、対数密度を自動微分（autograd）した勾配と一致するはずです。",
            ),
        ),
        "flat_at_the_guess": Property(
            lambda arrays, inputs: abs(arrays["at_the_guess"]).max() < 1e-4 and abs(arrays["batch"]).max() > 1e-2,
            0.2,
            Text(
                "Where x_t lies on its own guess, sqrt(ac_t) x0_hat, the slope must be 0.",
                "x_t がちょうど自分の推定値 sqrt(ac_t) x0_hat にあるとき、勾配は 0 になるはずです。",
            ),
        ),
    },
    misconceptions={
        "downhill": Misconception(
            lambda x_t, x0_hat, ac_t: (x_t - ac_t.sqrt() * x0_hat) / (1 - ac_t),
            Text(
                "the sign is wrong: yours points away from the guess, to where x_t is less likely.",
                "符号が逆です。推定値から遠ざかる、確率の低いほうを指しています。",
            ),
        ),
        "guess_not_faded": Misconception(
            lambda x_t, x0_hat, ac_t: (x0_hat - x_t) / (1 - ac_t),
            Text(
                "at this noise level the guess has faded to sqrt(ac_t) of itself; that factor is missing.",
                "このノイズの段階では推定値は sqrt(ac_t) 倍に薄まっています。その係数が抜けています。",
            ),
        ),
        "guess_without_root": Misconception(
            lambda x_t, x0_hat, ac_t: (ac_t * x0_hat - x_t) / (1 - ac_t),
            Text(
                "the guess fades to sqrt(ac_t) of itself, not to ac_t.",
                "推定値の係数は ac_t ではなく sqrt(ac_t) です。",
            ),
        ),
        "deviation": Misconception(
            lambda x_t, x0_hat, ac_t: (ac_t.sqrt() * x0_hat - x_t) / (1 - ac_t).sqrt(),
            Text(
                "you divide by the standard deviation, which gives minus the noise; the score has the variance there.",
                "標準偏差で割っているので、ノイズの -1 倍になっています。スコアでは分散で割ります。",
            ),
        ),
        "not_divided": Misconception(
            lambda x_t, x0_hat, ac_t: ac_t.sqrt() * x0_hat - x_t,
            Text(
                "the direction is right, the length is not: divide by the variance of the noise, 1 - ac_t.",
                "向きは正しいですが、長さが違います。ノイズの分散 1 - ac_t で割ってください。",
            ),
        ),
        "factor_two": Misconception(
            lambda x_t, x0_hat, ac_t: (ac_t.sqrt() * x0_hat - x_t) / (2 * (1 - ac_t)),
            Text(
                "a half too many: the 2 of the exponent goes when the square is differentiated.",
                "1/2 が余分です。指数の分母の 2 は、2 乗を微分すると消えます。",
            ),
        ),
        "divided_by_signal": Misconception(
            lambda x_t, x0_hat, ac_t: (ac_t.sqrt() * x0_hat - x_t) / ac_t,
            Text(
                "ac_t is the picture's share of the variance; divide by the noise's, 1 - ac_t.",
                "ac_t は分散のうち画像の分です。ノイズの分散 1 - ac_t で割ってください。",
            ),
        ),
        "multiplied": Misconception(
            lambda x_t, x0_hat, ac_t: (ac_t.sqrt() * x0_hat - x_t) * (1 - ac_t),
            Text(
                "you multiply by the variance: the less noise, the steeper is the density, so divide by it.",
                "分散を掛けています。ノイズが少ないほど密度の傾きは急になるので、割ってください。",
            ),
        ),
        "only_x_t_divided": Misconception(
            lambda x_t, x0_hat, ac_t: ac_t.sqrt() * x0_hat - x_t / (1 - ac_t),
            Text(
                "only x_t is divided by 1 - ac_t; put brackets around the whole difference.",
                "1 - ac_t で割られているのは x_t だけです。差全体をかっこで囲んでください。",
            ),
        ),
        "picture_of_full_size": Misconception(
            lambda x_t, x0_hat, ac_t: (x0_hat - x_t / ac_t.sqrt()) / (1 - ac_t),
            Text(
                "x_t has been brought back to full size here; the slope is asked for at x_t as it is, so "
                "sqrt(ac_t) x0_hat - x_t.",
                "x_t を元の濃さに戻しています。求めるのは x_t そのものでの勾配なので、sqrt(ac_t) x0_hat - x_t です。",
            ),
        ),
        "identity_turned_round": Misconception(
            lambda x_t, x0_hat, ac_t: (x_t + (1 - ac_t) * x0_hat) / ac_t.sqrt(),
            Text(
                "this is the identity solved for the guess; solve it for the score.",
                "これは推定値について解いた式です。スコアについて解いてください。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.score.score",),
)
