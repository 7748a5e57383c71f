"""DDIM's step: where the guess and the noise that it implies lie at a lower noise level."""

import torch

from t2ilab.lab.bank.draws import level, noise_like, pictures
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

LAB = "06_samplers"


def ddim_step(x0_hat, x_t, ac_t, ac_prev):
    """From noise level ac_t down to ac_prev, without fresh noise (Song, Meng & Ermon 2021, equation 12, sigma = 0).

    x0_hat, x_t: (B, 3, H, W); ac_t < ac_prev: 0-d tensors in (0, 1], alphas_cumprod here and at the next level.
    Returns the picture at the next level, like x_t.
    """
    eps = (x_t - ac_t.sqrt() * x0_hat) / (1 - ac_t).sqrt()  # the noise that goes with this guess
    return ac_prev.sqrt() * x0_hat + (1 - ac_prev).sqrt() * eps


def two_pictures(generator, *shape):
    """A guess and a noisy picture of one shape; any will do."""
    x0_hat = pictures(generator, *shape)
    return x0_hat, noise_like(generator, x0_hat)


def _inputs(generator):
    x0_hat, x_t = two_pictures(generator, 3, 3, 4, 4)
    other_x0_hat, other_x_t = two_pictures(generator, 2, 3, 3, 5)
    return {
        "x0_hat": x0_hat, "x_t": x_t, "ac_t": level(generator, 0.2, 0.45), "ac_prev": level(generator, 0.55, 0.8),
        "other_x0_hat": other_x0_hat, "other_x_t": other_x_t,
    }  # fmt: skip


@cases
def _probe(ddim_step, inputs):
    x0_hat, x_t, ac_t, ac_prev = (inputs[name] for name in ("x0_hat", "x_t", "ac_t", "ac_prev"))
    yield "batch", lambda: ddim_step(x0_hat, x_t, ac_t, ac_prev)
    yield "single", lambda: ddim_step(x0_hat[:1], x_t[:1], ac_t, ac_prev)
    yield "loud", lambda: ddim_step(3 * x0_hat, x_t, ac_t, ac_prev)
    yield "no_step", lambda: ddim_step(x0_hat, x_t, ac_t, ac_t)
    yield "to_clean", lambda: ddim_step(x0_hat, x_t, ac_t, torch.tensor(1.0))
    yield "sizes", lambda: ddim_step(inputs["other_x0_hat"], inputs["other_x_t"], ac_t, ac_prev)
    yield "float64", lambda: ddim_step(x0_hat.double(), x_t.double(), ac_t.double(), ac_prev.double())


def _eps(x0_hat, x_t, ac_t):
    return (x_t - ac_t.sqrt() * x0_hat) / (1 - ac_t).sqrt()


def _posterior_mean(x0_hat, x_t, ac_t, ac_prev):
    alpha = ac_t / ac_prev
    return (ac_prev.sqrt() * (1 - alpha) * x0_hat + alpha.sqrt() * (1 - ac_prev) * x_t) / (1 - ac_t)


DDIM_STEP = Exercise(
    name="ddim_step",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=ddim_step,
    hints=(
        Text(
            "If x0_hat were the picture, which noise would x_t hold? Solve x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) eps.",
            "x0_hat が本当の画像だとすると、x_t に入っているノイズは何ですか。"
            "x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) eps を解いてください。",
        ),
        Text(
            "Keep the guess and that noise, and mix them again for the next level, ac_prev.",
            "推定値とそのノイズはそのままにして、次の段階 ac_prev の割合で混ぜ直します。",
        ),
        Text(
            "eps = (x_t - sqrt(ac_t) x0_hat) / sqrt(1 - ac_t); then sqrt(ac_prev) x0_hat + sqrt(1 - ac_prev) eps.",
            "eps = (x_t - sqrt(ac_t) x0_hat) / sqrt(1 - ac_t) を求め、"
            "sqrt(ac_prev) x0_hat + sqrt(1 - ac_prev) eps とします。",
        ),
    ),
    properties={
        "no_step": Property(
            lambda arrays, inputs: (
                abs(arrays["no_step"] - inputs["x_t"].numpy()).max() < 1e-4
                and abs(arrays["batch"] - inputs["x_t"].numpy()).max() > 1e-2
            ),
            0.2,
            Text(
                "A step to the same noise level must change nothing: guess and noise make x_t again.",
                "同じノイズの段階へ進むなら、何も変わらないはずです。推定値とノイズから、もとの x_t に戻ります。",
            ),
        ),
        "to_clean": Property(
            lambda arrays, inputs: (
                abs(arrays["to_clean"] - inputs["x0_hat"].numpy()).max() < 1e-4
                and abs(arrays["batch"] - inputs["x0_hat"].numpy()).max() > 1e-2
            ),
            0.2,
            Text(
                "A step to ac_prev = 1, where there is no noise, must give the guess itself.",
                "ノイズのない ac_prev = 1 へ進むなら、推定値そのものになるはずです。",
            ),
        ),
    },
    misconceptions={
        "no_noise": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: ac_prev.sqrt() * x0_hat,
            Text(
                "the noise is gone: at the next level x_t still holds sqrt(1 - ac_prev) of it.",
                "ノイズがなくなっています。次の段階の x_t にも、sqrt(1 - ac_prev) 倍のノイズが残っています。",
            ),
        ),
        "noise_of_the_next_level": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: (
                ac_prev.sqrt() * x0_hat + (1 - ac_prev).sqrt() * _eps(x0_hat, x_t, ac_prev)
            ),
            Text(
                "the noise is worked out with ac_prev; x_t is a picture of level ac_t.",
                "ノイズを ac_prev で求めていますが、x_t は ac_t の段階の画像です。",
            ),
        ),
        "guess_not_faded": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: x0_hat + (1 - ac_prev).sqrt() * _eps(x0_hat, x_t, ac_t),
            Text(
                "at the next level the guess has faded to sqrt(ac_prev) of itself.",
                "次の段階では、推定値は sqrt(ac_prev) 倍に薄まっています。",
            ),
        ),
        "no_roots": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: ac_prev * x0_hat + (1 - ac_prev) * (x_t - ac_t * x0_hat) / (1 - ac_t),
            Text("the square roots are missing throughout.", "平方根がすべて抜けています。"),
        ),
        "noise_without_root": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: ac_prev.sqrt() * x0_hat + (1 - ac_prev) * _eps(x0_hat, x_t, ac_t),
            Text(
                "1 - ac_prev is the variance of the noise that is left; multiply by its root.",
                "1 - ac_prev は残るノイズの分散です。その平方根を掛けてください。",
            ),
        ),
        "eps_not_divided": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: (
                ac_prev.sqrt() * x0_hat + (1 - ac_prev).sqrt() * (x_t - ac_t.sqrt() * x0_hat)
            ),
            Text(
                "what is left of x_t without the guess is sqrt(1 - ac_t) eps; divide it by that root to get eps.",
                "x_t から推定値を除いた残りは sqrt(1 - ac_t) eps です。eps にするには、その平方根で割ってください。",
            ),
        ),
        "guess_not_faded_in_the_noise": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: (
                ac_prev.sqrt() * x0_hat + (1 - ac_prev).sqrt() * (x_t - x0_hat) / (1 - ac_t).sqrt()
            ),
            Text(
                "in x_t the guess has faded to sqrt(ac_t) of itself; take that much of it away to find the noise.",
                "x_t の中では、推定値は sqrt(ac_t) 倍に薄まっています。その分だけを引いてノイズを求めてください。",
            ),
        ),
        "noise_found_without_roots": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: (
                ac_prev.sqrt() * x0_hat + (1 - ac_prev).sqrt() * (x_t - ac_t * x0_hat) / (1 - ac_t)
            ),
            Text(
                "the square roots are missing where you find the noise.",
                "ノイズを求める式で、平方根が抜けています。",
            ),
        ),
        "mixed_without_roots": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: ac_prev * x0_hat + (1 - ac_prev) * _eps(x0_hat, x_t, ac_t),
            Text(
                "the square roots are missing where you mix guess and noise for the next level.",
                "次の段階のために推定値とノイズを混ぜる式で、平方根が抜けています。",
            ),
        ),
        "clamped": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: ddim_step(x0_hat.clamp(-1, 1), x_t, ac_t, ac_prev),
            Text(
                "the guess is clamped in the step; that is for the denoiser to do, the step takes it as it is.",
                "推定値を 1 歩の中でクリップ（clamp）しています。それはデノイザーの役目です。そのまま使ってください。",
            ),
        ),
        "levels_exchanged": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: ddim_step(x0_hat, x_t, ac_prev, ac_t),
            Text(
                "ac_t and ac_prev are exchanged: x_t is at ac_t, the way leads to ac_prev.",
                "ac_t と ac_prev が逆です。x_t は ac_t にあり、進む先は ac_prev です。",
            ),
        ),
        "noise_of_this_level": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: ac_prev.sqrt() * x0_hat + (1 - ac_t).sqrt() * _eps(x0_hat, x_t, ac_t),
            Text(
                "you keep as much noise as there was; at the next level there is only sqrt(1 - ac_prev) of it.",
                "ノイズの量が元のままです。次の段階では sqrt(1 - ac_prev) 倍になります。",
            ),
        ),
        "posterior_mean": Misconception(
            _posterior_mean,
            Text(
                "this is the mean of DDPM's posterior, to which DDPM adds fresh noise; DDIM keeps the noise it has.",
                "これは DDPM の事後分布の平均です。DDPM はそこに新しいノイズを加えますが、"
                "DDIM は今あるノイズを使い続けます。",
            ),
        ),
        "jumps": Misconception(
            lambda x0_hat, x_t, ac_t, ac_prev: x0_hat,
            Text(
                "this jumps to the guess at once; go only as far as the next noise level.",
                "これでは推定値へ一気に飛んでしまいます。次のノイズの段階までだけ進んでください。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.samplers.sample_ddim",
        "diffusers.schedulers.scheduling_ddim.DDIMScheduler.step",
    ),
)
