"""The reverse process: one step from x_t to a slightly cleaner x_{t-1}."""

import torch

from t2ilab.lab.bank.draws import noise_like, pictures
from t2ilab.lab.bank.lab05_ddpm.draws import LAB, STEPS, random_betas
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def ddpm_step(eps, x_t, t, betas, noise):
    """One step of sampling, x_t -> x_{t-1} (DDPM, algorithm 2, with the posterior variance of equation 7).

    eps: the network's guess of the noise in x_t; eps, x_t, noise: (B, 3, H, W), noise standard normal; t: one int,
    from 0; betas: (T,). Returns x_{t-1}; at t = 0, the finished picture, without fresh noise.
    """
    alphas = 1 - betas
    ac = alphas.cumprod(dim=0)
    # Take away the noise of this one step, and undo its fading (equation 11).
    mean = (x_t - betas[t] / (1 - ac[t]).sqrt() * eps) / alphas[t].sqrt()
    if t == 0:
        return mean
    # The mean is an average over all x_{t-1} that could have led here; fresh noise picks one of them
    # (equation 7).
    variance = (1 - ac[t - 1]) / (1 - ac[t]) * betas[t]
    return mean + variance.sqrt() * noise


def _ddpm_step_inputs(generator):
    x_t, small = pictures(generator, 2, 3, 4, 5), pictures(generator, 1, 3, 3, 2)
    inputs = {name: noise_like(generator, x_t) for name in ("eps", "noise", "more_noise")}
    inputs |= {f"small_{name}": noise_like(generator, small) for name in ("eps", "noise")}
    # Not t = 1, where t - 1 = 0 and some mistakes hide; it has a case of its own.
    t = int(torch.randint(2, STEPS - 1, (), generator=generator))
    return inputs | {"x_t": x_t, "small_x_t": small, "t": t, "betas": random_betas(generator)}


@cases
def _ddpm_step_probe(ddpm_step, inputs):
    eps, x_t, t, betas, noise = (inputs[name] for name in ("eps", "x_t", "t", "betas", "noise"))
    small = (inputs["small_eps"], inputs["small_x_t"])
    yield "batch", lambda: ddpm_step(eps, x_t, t, betas, noise)
    yield "more_noise", lambda: ddpm_step(eps, x_t, t, betas, inputs["more_noise"])
    yield "first", lambda: ddpm_step(eps, x_t, 0, betas, noise)
    yield "first_more_noise", lambda: ddpm_step(eps, x_t, 0, betas, inputs["more_noise"])
    yield "single", lambda: ddpm_step(*small, t, betas, inputs["small_noise"])
    yield "float64", lambda: ddpm_step(eps.double(), x_t.double(), t, betas.double(), noise.double())
    yield "second", lambda: ddpm_step(eps, x_t, 1, betas, noise)
    yield "last", lambda: ddpm_step(eps, x_t, STEPS - 1, betas, noise)


def _spread(arrays, inputs):
    """The factor of the noise in the answer: the least-squares slope of two outputs against their two noises."""
    change = (inputs["noise"] - inputs["more_noise"]).numpy()
    return ((arrays["batch"] - arrays["more_noise"]) * change).sum() / (change**2).sum()


def _right_spread(arrays, inputs):
    ac, t = (1 - inputs["betas"]).cumprod(0), inputs["t"]
    return abs(_spread(arrays, inputs) ** 2 - ((1 - ac[t - 1]) / (1 - ac[t]) * inputs["betas"][t]).item()) < 1e-4


def _right_mean(arrays, inputs):
    betas, t = inputs["betas"], inputs["t"]
    ac = (1 - betas).cumprod(0)
    mean = (inputs["x_t"] - betas[t] / (1 - ac[t]).sqrt() * inputs["eps"]) / (1 - betas[t]).sqrt()
    return abs(arrays["batch"] - _spread(arrays, inputs) * inputs["noise"].numpy() - mean.numpy()).max() < 1e-3


def _finished(arrays, inputs):
    calm = abs(arrays["first"] - arrays["first_more_noise"]).max() < 1e-6
    return calm and abs(arrays["first"] - inputs["x_t"].numpy()).max() > 1e-3


def _posterior(ac, betas, t):
    return (1 - ac[t - 1]) / (1 - ac[t]) * betas[t]


def _step(
    mean=lambda eps, x_t, t, betas, alphas, ac: (x_t - betas[t] / (1 - ac[t]).sqrt() * eps) / alphas[t].sqrt(),
    spread=lambda t, betas, ac: _posterior(ac, betas, t).sqrt(),
    noise_at_last=False,
    shift=0,
):
    """A step with one fault: another mean or spread of the noise, noise at t = 0, or t looked up off by one."""

    def ddpm_step(eps, x_t, t, betas, noise):
        alphas = 1 - betas
        ac = alphas.cumprod(0)
        result = mean(eps, x_t, t + shift, betas, alphas, ac)
        return result if t == 0 and not noise_at_last else result + spread(t + shift, betas, ac) * noise

    return ddpm_step


DDPM_STEP = Exercise(
    name="ddpm_step",
    lab=LAB,
    difficulty=3,
    minutes=12,
    points=3,
    make_inputs=_ddpm_step_inputs,
    probe=_ddpm_step_probe,
    reference=ddpm_step,
    hints=(
        Text(
            "Three numbers first: alpha_t = 1 - beta_t, ac_t = the product of "
            "all alphas up to t, and ac of the step before.",
            "まず 3 つの数を用意します。alpha_t = 1 - beta_t、t までの alpha "
            "の積である ac_t、そしてひとつ前の ac です。",
        ),
        Text(
            "The mean is (x_t - beta_t / sqrt(1 - ac_t) * eps) / sqrt(alpha_t): "
            "both beta_t and ac_t occur, each in its place.",
            "平均は (x_t - beta_t / sqrt(1 - ac_t) * eps) / sqrt(alpha_t) です。"
            "beta_t と ac_t の両方が、それぞれの場所に現れます。",
        ),
        Text(
            "The lab's formula gives sigma_t squared. It looks one step back, to ac_{t-1}: which t has no step before "
            "it, and what is added to the mean there?",
            "ラボの式が与えるのは sigma_t の 2 乗です。この式はひとつ前の ac_{t-1} を使います。"
            "ひとつ前がないのはどの t でしょうか。そのとき、平均に何を足すでしょうか。",
        ),
    ),
    properties={
        "finished": Property(
            _finished,
            0.2,
            Text(
                "At t = 0 the picture is finished: the noise must not change it.",
                "t = 0 で画像は完成です。ノイズによって結果が変わってはいけません。",
            ),
        ),
        "spread": Property(
            _right_spread,
            0.25,
            Text(
                "What multiplies the noise must be the square root of (1 - ac_{t-1}) / (1 - ac_t) * beta_t.",
                "ノイズに掛ける数は、(1 - ac_{t-1}) / (1 - ac_t) * beta_t の平方根になるはずです。",
            ),
        ),
        "mean": Property(
            _right_mean,
            0.25,
            Text(
                "Without its noise, the step must give (x_t - beta_t / sqrt(1 - ac_t) * eps) / sqrt(alpha_t).",
                "ノイズを除くと、結果は (x_t - beta_t / sqrt(1 - ac_t) * eps) / sqrt(alpha_t) になるはずです。",
            ),
        ),
    },
    misconceptions={
        "noise_at_last_step": Misconception(
            _step(
                spread=lambda t, betas, ac: betas[t].sqrt() if t == 0 else _posterior(ac, betas, t).sqrt(),
                noise_at_last=True,
            ),
            Text(
                "noise is added even at t = 0, where the picture is finished and should stay clean.",
                "t = 0 でもノイズを足しています。そこでは画像が完成しているので、ノイズは加えません。",
            ),
        ),
        "before_the_first": Misconception(
            _step(noise_at_last=True),
            Text(
                "at t = 0, `ac[t - 1]` is `ac[-1]`, the last one of all. There is no "
                "step before the first: return the mean there.",
                "t = 0 のとき `ac[t - 1]` は `ac[-1]`、つまり最後の値になります。"
                "最初より前のステップはないので、平均だけを返してください。",
            ),
        ),
        "beta_variance": Misconception(
            _step(spread=lambda t, betas, ac: betas[t].sqrt()),
            Text(
                "the noise has the variance beta_t, the paper's other choice; here "
                "it is the posterior variance (equation 7).",
                "ノイズの分散が beta_t になっています。"
                "論文のもうひとつの選択肢ですが、ここでは事後分散（式 7）を使います。",
            ),
        ),
        "beta_variance_always": Misconception(
            _step(spread=lambda t, betas, ac: betas[t].sqrt(), noise_at_last=True),
            Text(
                "the noise has the variance beta_t, and it is added even at t = 0. Use the "
                "posterior variance (equation 7), and none at 0.",
                "ノイズの分散が beta_t で、t = 0 でも加えています。事後分散（式 "
                "7）を使い、t = 0 では加えないでください。",
            ),
        ),
        "variance_for_deviation": Misconception(
            _step(spread=lambda t, betas, ac: _posterior(ac, betas, t)),
            Text(
                "the noise is multiplied by the variance; its square root, sigma, is missing.",
                "ノイズに分散をそのまま掛けています。平方根（シグマ）が抜けています。",
            ),
        ),
        "ratio_upside_down": Misconception(
            _step(spread=lambda t, betas, ac: ((1 - ac[t]) / (1 - ac[t - 1]) * betas[t]).sqrt()),
            Text(
                "the fraction in the variance is upside down: (1 - ac_{t-1}) "
                "belongs above, and makes it smaller than beta_t.",
                "分散の分数が逆です。分子が (1 - ac_{t-1}) で、分散は beta_t より小さくなります。",
            ),
        ),
        "no_noise": Misconception(
            _step(spread=lambda t, betas, ac: 0.0),
            Text(
                "no noise is added at all: the noise in x_t dies out faster than t says, and the network is shown "
                "pictures that it never trained on.",
                "ノイズがまったく加えられていません。x_t のノイズが t の示す量より速く減り、"
                "学習で見たことのない画像をネットワークに見せることになります。",
            ),
        ),
        "papers_count": Misconception(
            _step(spread=lambda t, betas, ac: 0.0 if t == 1 else _posterior(ac, betas, t).sqrt()),
            Text(
                "no noise is added at t = 1. The paper counts from 1 and stops there; "
                "here the last step is t = 0, so t = 1 still takes noise.",
                "t = 1 でノイズを加えていません。論文は 1 から数え、そこが最後です。"
                "ここでは最後が t = 0 なので、t = 1 ではまだノイズを加えます。",
            ),
        ),
        "factor_outside": Misconception(
            _step(mean=lambda eps, x_t, t, b, a, ac: x_t / a[t].sqrt() - b[t] / (1 - ac[t]).sqrt() * eps),
            Text(
                "1 / sqrt(alpha_t) multiplies the whole bracket, the noise that is taken away too.",
                "1 / sqrt(alpha_t) は括弧全体に掛かります。取り除くノイズにも掛けてください。",
            ),
        ),
        "ac_for_alpha": Misconception(
            _step(mean=lambda eps, x_t, t, b, a, ac: (x_t - b[t] / (1 - ac[t]).sqrt() * eps) / ac[t].sqrt()),
            Text(
                "you divide by sqrt(ac_t), which undoes the fading of all steps; one step is sqrt(alpha_t).",
                "sqrt(ac_t) で割ると全ステップ分が元に戻ってしまいます。1 ステップ分は sqrt(alpha_t) です。",
            ),
        ),
        "beta_for_ac": Misconception(
            _step(mean=lambda eps, x_t, t, b, a, ac: (x_t - b[t] / b[t].sqrt() * eps) / a[t].sqrt()),
            Text(
                "sqrt(beta_t) stands where sqrt(1 - ac_t) belongs: eps is all the noise in x_t, not only this step's.",
                "sqrt(1 - ac_t) のところに sqrt(beta_t) を使っています。eps "
                "はこのステップの分だけでなく、x_t に含まれるノイズ全体です。",
            ),
        ),
        "no_root_under_eps": Misconception(
            _step(mean=lambda eps, x_t, t, b, a, ac: (x_t - b[t] / (1 - ac[t]) * eps) / a[t].sqrt()),
            Text(
                "the square root under eps's factor is missing: beta_t / sqrt(1 - ac_t).",
                "eps の係数の平方根が抜けています。beta_t / sqrt(1 - ac_t) です。",
            ),
        ),
        "beta_alone": Misconception(
            _step(mean=lambda eps, x_t, t, b, a, ac: (x_t - b[t] * eps) / a[t].sqrt()),
            Text(
                "eps is multiplied by beta_t alone; it is beta_t / sqrt(1 - ac_t).",
                "eps に beta_t だけを掛けています。beta_t / sqrt(1 - ac_t) を掛けてください。",
            ),
        ),
        "not_rescaled": Misconception(
            _step(mean=lambda eps, x_t, t, b, a, ac: x_t - b[t] / (1 - ac[t]).sqrt() * eps),
            Text(
                "the fading of this step is not undone: divide by sqrt(alpha_t).",
                "このステップで薄くなった分が戻されていません。sqrt(alpha_t) で割ってください。",
            ),
        ),
        "divided_by_alpha": Misconception(
            _step(mean=lambda eps, x_t, t, b, a, ac: (x_t - b[t] / (1 - ac[t]).sqrt() * eps) / a[t]),
            Text(
                "you divide by alpha_t; its square root is missing.",
                "alpha_t で割っています。その平方根で割ってください。",
            ),
        ),
        "jump_to_x0": Misconception(
            lambda eps, x_t, t, betas, noise: (
                (x_t - (1 - (1 - betas).cumprod(0)[t]).sqrt() * eps) / (1 - betas).cumprod(0)[t].sqrt()
            ),
            Text(
                "this jumps to the estimate of x0; a step goes only from x_t to x_{t-1}.",
                "x0 の推定値まで一気に進んでいます。1 ステップで進むのは x_t から x_{t-1} までです。",
            ),
        ),
        "early": Misconception(
            _step(shift=-1),
            Text(
                "everything is looked up at t - 1. Timesteps count from 0 here, so that t is the index itself.",
                "すべて t - 1 の位置で参照しています。ここでは時刻を 0 から数えるので、t がそのまま添字です。",
            ),
        ),
        "late": Misconception(
            _step(shift=1),
            Text(
                "everything is looked up at t + 1. Timesteps count from 0 here, so that t is the index itself.",
                "すべて t + 1 の位置で参照しています。ここでは時刻を 0 から数えるので、t がそのまま添字です。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.schedule.NoiseSchedule.posterior",
        "t2ilab.diffusion.samplers.sample_ddpm",
        "diffusers.schedulers.scheduling_ddpm.DDPMScheduler.step",
    ),
)
