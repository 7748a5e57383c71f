"""DPM-Solver++ 2M's step: a line through the guesses of this step and of the one before."""

import torch

from t2ilab.lab.bank.draws import level, noise_like, pictures
from t2ilab.lab.bank.lab06_samplers.ddim import LAB, ddim_step
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def dpmpp_2m_step(x0_hat, x0_hat_before, x_t, ac_t, ac_next, ac_before):
    """From ac_t to ac_next < 1 at second order, by the guess of the step before (Lu et al. 2022, algorithm 2).

    x0_hat, x0_hat_before, x_t: (B, 3, H, W), the guess here, the guess at ac_before, and the picture here;
    ac_before < ac_t < ac_next < 1: 0-d tensors, alphas_cumprod. Returns the picture at ac_next, like x_t.
    """

    def half_log_snr(ac):  # the papers' lambda, which rises as the noise falls
        return 0.5 * torch.log(ac / (1 - ac))

    h = half_log_snr(ac_next) - half_log_snr(ac_t)
    h_before = half_log_snr(ac_t) - half_log_snr(ac_before)
    # The line through both guesses, half a step ahead.
    ahead = x0_hat + (x0_hat - x0_hat_before) * h / (2 * h_before)
    return ((1 - ac_next) / (1 - ac_t)).sqrt() * x_t + ac_next.sqrt() * (1 - torch.exp(-h)) * ahead


def _inputs(generator):
    x0_hat, other = pictures(generator, 3, 3, 4, 4), pictures(generator, 2, 3, 3, 5)
    return {
        "x0_hat": x0_hat, "x0_hat_before": pictures(generator, 3, 3, 4, 4), "x_t": noise_like(generator, x0_hat),
        "ac_before": level(generator, 0.1, 0.2), "ac_t": level(generator, 0.3, 0.5),
        "ac_next": level(generator, 0.75, 0.9),
        "other": other, "other_before": pictures(generator, 2, 3, 3, 5), "other_x_t": noise_like(generator, other),
    }  # fmt: skip


@cases
def _probe(dpmpp_2m_step, inputs):
    x0_hat, before, x_t = (inputs[name] for name in ("x0_hat", "x0_hat_before", "x_t"))
    levels = [inputs[name] for name in ("ac_t", "ac_next", "ac_before")]
    yield "batch", lambda: dpmpp_2m_step(x0_hat, before, x_t, *levels)
    yield "single", lambda: dpmpp_2m_step(x0_hat[:1], before[:1], x_t[:1], *levels)
    yield "same_guess", lambda: dpmpp_2m_step(x0_hat, x0_hat, x_t, *levels)
    yield "sizes", lambda: dpmpp_2m_step(inputs["other"], inputs["other_before"], inputs["other_x_t"], *levels)
    yield (
        "float64",
        lambda: dpmpp_2m_step(x0_hat.double(), before.double(), x_t.double(), *[a.double() for a in levels]),
    )


def _wrong(ahead=None, half=0.5, rise=None, fade=None, signal=None):
    """A wrong answer that differs from the right one in the given parts."""

    def step(x0_hat, x0_hat_before, x_t, ac_t, ac_next, ac_before):
        lam = [half * torch.log(ac / (1 - ac)) for ac in (ac_before, ac_t, ac_next)]
        h, h_before = lam[2] - lam[1], lam[1] - lam[0]
        guess = (ahead or (lambda now, before, r: now + (now - before) * r / 2))(x0_hat, x0_hat_before, h / h_before)
        share = (rise or (lambda h: 1 - torch.exp(-h)))(h)
        left = (fade or (lambda a, b: ((1 - b) / (1 - a)).sqrt()))(ac_t, ac_next)
        return left * x_t + (signal or torch.sqrt)(ac_next) * share * guess

    return step


DPMPP_2M_STEP = Exercise(
    name="dpmpp_2m_step",
    lab=LAB,
    difficulty=4,
    minutes=20,
    points=5,
    make_inputs=_inputs,
    probe=_probe,
    reference=dpmpp_2m_step,
    hints=(
        Text(
            "First write the step with one guess D: sqrt((1 - ac_next) / (1 - ac_t)) x_t + sqrt(ac_next) (1 - exp(-h)) "
            "D, where h is how far lambda = log(ac / (1 - ac)) / 2 rises. Which D is better than x0_hat?",
            "まず、ひとつの推定値 D による 1 歩を書きます。"
            "sqrt((1 - ac_next) / (1 - ac_t)) x_t + sqrt(ac_next) (1 - exp(-h)) D です。h は "
            "lambda = log(ac / (1 - ac)) / 2 の増える量です。x0_hat よりもよい D は何でしょうか。",
        ),
        Text(
            "The guess changes along the way. Draw a line through the guess before and this one, over lambda, and take "
            "its value half a step ahead of here.",
            "推定値は途中で変わっていきます。lambda を横軸にとり、前の推定値と今の推定値を通る直線を引いて、"
            "今より半歩先での値を使います。",
        ),
        Text(
            "With h_before = lambda(ac_t) - lambda(ac_before): "
            "D = x0_hat + (x0_hat - x0_hat_before) * h / (2 * h_before).",
            "h_before = lambda(ac_t) - lambda(ac_before) とすると、"
            "D = x0_hat + (x0_hat - x0_hat_before) * h / (2 * h_before) です。",
        ),
    ),
    properties={
        "same_guess": Property(
            lambda arrays, inputs: (
                abs(
                    arrays["same_guess"]
                    - ddim_step(*(inputs[name] for name in ("x0_hat", "x_t", "ac_t", "ac_next"))).numpy()
                ).max()
                < 1e-3
            ),
            0.3,
            Text(
                "Where both guesses are alike, it must be DDIM's step.",
                "2 つの推定値が同じなら、DDIM の 1 歩と一致するはずです。",
            ),
        ),
        "heeds_before": Property(
            lambda arrays, inputs: abs(arrays["batch"] - arrays["same_guess"]).max() > 1e-2,
            0.1,
            Text(
                "The guess of the step before must matter; without it the step is of first order.",
                "前の推定値によって結果が変わるはずです。使わなければ 1 次の方法になります。",
            ),
        ),
    },
    misconceptions={
        "first_order": Misconception(
            _wrong(lambda now, before, r: now),
            Text(
                "this is the step of first order, which is DDIM's; the guess before is not used.",
                "これは 1 次の 1 歩、つまり DDIM です。前の推定値が使われていません。",
            ),
        ),
        "steps_exchanged": Misconception(
            _wrong(lambda now, before, r: now + (now - before) / (2 * r)),
            Text(
                "the step sizes are exchanged: the longer the step ahead, the more the line counts, h / (2 h_before).",
                "幅の比が逆です。これから進む幅が大きいほど直線が効くので、h / (2 h_before) です。",
            ),
        ),
        "backwards": Misconception(
            _wrong(lambda now, before, r: now - (now - before) * r / 2),
            Text(
                "the line is followed backwards, towards the guess before; go on from it.",
                "直線を逆向きに、前の推定値のほうへたどっています。先へ延ばしてください。",
            ),
        ),
        "whole_step_ahead": Misconception(
            _wrong(lambda now, before, r: now + (now - before) * r),
            Text(
                "this looks a whole step ahead; the mean over the step lies half a step ahead, so divide by 2.",
                "1 歩先の値になっています。1 歩の間の平均は半歩先にあるので、2 で割ってください。",
            ),
        ),
        "equal_steps": Misconception(
            _wrong(lambda now, before, r: now + (now - before) / 2),
            Text(
                "this is right only where both steps are equally long in lambda; multiply by h / h_before.",
                "lambda で測った 2 つの幅が等しい場合にしか正しくありません。h / h_before を掛けてください。",
            ),
        ),
        "mean": Misconception(
            _wrong(lambda now, before, r: (now + before) / 2),
            Text(
                "the mean of both guesses lies half a step behind; the line has to be carried on ahead.",
                "2 つの推定値の平均は、半歩うしろの値です。直線を先へ延ばしてください。",
            ),
        ),
        "both_steps_at_once": Misconception(
            lambda x0_hat, x0_hat_before, x_t, ac_t, ac_next, ac_before: _wrong(
                lambda now, before, r: now + (now - before) * r / (2 * (1 + r))
            )(x0_hat, x0_hat_before, x_t, ac_t, ac_next, ac_before),
            Text(
                "h_before ends here: lambda(ac_t) - lambda(ac_before). Yours goes on to ac_next.",
                "h_before は今の場所までの幅、lambda(ac_t) - lambda(ac_before) です。ac_next まで測っています。",
            ),
        ),
        "line_from_before": Misconception(
            _wrong(lambda now, before, r: before + (now - before) * r / 2),
            Text(
                "the line starts from the guess here, x0_hat, not from the guess before.",
                "直線の出発点は、前の推定値ではなく、今の推定値 x0_hat です。",
            ),
        ),
        "lambda_negated": Misconception(
            _wrong(half=-0.5),
            Text(
                "the sign of lambda is wrong: it rises as the noise falls, so it is log(ac / (1 - ac)) / 2.",
                "lambda の符号が逆です。ノイズが減ると増えるので、log(ac / (1 - ac)) / 2 です。",
            ),
        ),
        "whole_log": Misconception(
            _wrong(half=1.0),
            Text(
                "lambda is half the logarithm of ac / (1 - ac): the factor one half is missing.",
                "lambda は ac / (1 - ac) の対数の半分です。1/2 が抜けています。",
            ),
        ),
        "exp_of_plus_h": Misconception(
            _wrong(rise=lambda h: torch.exp(h) - 1),
            Text(
                "exp(h) - 1 belongs to the solver for the noise; for guesses of the picture it is 1 - exp(-h).",
                "exp(h) - 1 は、ノイズを使うソルバーのものです。画像の推定値では 1 - exp(-h) です。",
            ),
        ),
        "wrong_sign": Misconception(
            _wrong(rise=lambda h: torch.exp(-h) - 1),
            Text(
                "the sign of the guess's share is wrong: 1 - exp(-h) is positive.",
                "推定値の係数の符号が逆です。1 - exp(-h) は正です。",
            ),
        ),
        "noise_without_root": Misconception(
            _wrong(fade=lambda a, b: (1 - b) / (1 - a)),
            Text(
                "x_t is multiplied by the ratio of variances; take its root.",
                "x_t に分散の比を掛けています。その平方根を掛けてください。",
            ),
        ),
        "signal_ratio": Misconception(
            _wrong(fade=lambda a, b: (b / a).sqrt()),
            Text(
                "x_t fades with the noise, by sqrt((1 - ac_next) / (1 - ac_t)); yours grows with the picture.",
                "x_t はノイズとともに sqrt((1 - ac_next) / (1 - ac_t)) 倍に減ります。"
                "画像の割合で増やしてしまっています。",
            ),
        ),
        "guess_not_faded": Misconception(
            _wrong(signal=torch.ones_like),
            Text(
                "at the next level the guess has faded to sqrt(ac_next) of itself.",
                "次の段階では、推定値は sqrt(ac_next) 倍に薄まっています。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.samplers.sample_dpmpp_2m",
        "diffusers.schedulers.scheduling_dpmsolver_multistep.DPMSolverMultistepScheduler.step",
    ),
)
