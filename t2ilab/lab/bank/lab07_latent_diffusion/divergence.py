"""What a cloud costs: the Kullback-Leibler divergence from the standard normal distribution."""

import torch

from t2ilab.lab.bank.lab07_latent_diffusion.draws import LAB, clouds, slopes
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def kl_to_standard_normal(mean, logvar):
    """How far each picture's cloud is from the standard normal one: the KL divergence (Kingma & Welling 2014, app. B).

    mean, logvar: (B, C, h, w), the mean and the logarithm of the variance of each latent. Returns (B,), in nats, the
    sum over a picture's latents.
    """
    each = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)  # (B, C, h, w), never negative
    return each.flatten(1).sum(dim=1)  # (B,): independent latents' divergences add up


def _inputs(generator):
    mean, logvar = clouds(generator, 3, 4, 2, 5)
    other_mean, other_logvar = clouds(generator, 2, 3, 4, 2)
    return {"mean": mean, "logvar": logvar, "other_mean": other_mean, "other_logvar": other_logvar}


@cases
def _probe(kl_to_standard_normal, inputs):
    mean, logvar = inputs["mean"], inputs["logvar"]
    zeros = torch.zeros_like(mean)

    def gradient():
        m, v = mean.clone().requires_grad_(), logvar.clone().requires_grad_()
        return slopes(kl_to_standard_normal(m, v), mean=m, logvar=v)

    yield "batch", lambda: kl_to_standard_normal(mean, logvar)
    yield "standard", lambda: kl_to_standard_normal(zeros, zeros)
    yield "only_mean", lambda: kl_to_standard_normal(mean, zeros)
    yield "only_variance", lambda: kl_to_standard_normal(zeros, logvar)
    yield "single", lambda: kl_to_standard_normal(mean[:1], logvar[:1])
    yield "sizes", lambda: kl_to_standard_normal(inputs["other_mean"], inputs["other_logvar"])
    yield "float64", lambda: kl_to_standard_normal(mean.double(), logvar.double())
    yield "gradient", gradient


def _of(each):
    """A wrong answer that adds up the right latents, but of the wrong formula."""
    return lambda mean, logvar: each(mean, logvar).flatten(1).sum(dim=1)


def _each(mean, logvar):
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar)


KL_TO_STANDARD_NORMAL = Exercise(
    name="kl_to_standard_normal",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=kl_to_standard_normal,
    hints=(
        Text(
            "Write the formula for one latent first: the square of the mean, the variance, 1, and the logarithm of "
            "the variance. Which of them is logvar, and which is not given?",
            "まず、潜在変数ひとつについて式を書いてください。平均の 2 乗、分散、1、分散の対数です。"
            "logvar はそのどれですか。与えられていないのはどれですか。",
        ),
        Text(
            "The variance is exp(logvar). Then add up over everything but the batch.",
            "分散は exp(logvar) です。そのあと、バッチ以外のすべての軸で合計します。",
        ),
        Text(
            "0.5 * (mean**2 + logvar.exp() - 1 - logvar), then .flatten(1).sum(dim=1).",
            "0.5 * (mean**2 + logvar.exp() - 1 - logvar) を求め、.flatten(1).sum(dim=1) とします。",
        ),
    ),
    properties={
        "standard": Property(
            lambda arrays, inputs: (
                arrays["standard"].shape == (len(inputs["mean"]),)
                and abs(arrays["standard"]).max() < 1e-5
                and arrays["batch"].min() > 0.1
            ),
            0.2,
            Text(
                "Clouds that are standard normal must cost nothing, and all others something.",
                "標準正規分布の雲なら 0、ほかの雲なら正の値になるはずです。",
            ),
        ),
        "only_mean": Property(
            lambda arrays, inputs: (
                abs(arrays["only_mean"] - (inputs["mean"] ** 2).flatten(1).sum(1).numpy() / 2).max() < 1e-3
            ),
            0.25,
            Text(
                "With variances of 1 it must be half the sum of the squared means of each picture.",
                "分散がすべて 1 なら、画像ごとの、平均の 2 乗の合計の半分になるはずです。",
            ),
        ),
    },
    misconceptions={
        "half_forgotten": Misconception(
            _of(lambda mean, logvar: 2 * _each(mean, logvar)),
            Text("the half is missing.", "1/2 が抜けています。"),
        ),
        "logvar_for_variance": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar - 1 - logvar.log())),
            Text(
                "you use logvar as the variance and take its logarithm once more; it is the logarithm already.",
                "logvar を分散とみなして、さらに対数をとっています。logvar はすでに対数です。",
            ),
        ),
        "logarithm_of_logvar": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - 1 - logvar.log())),
            Text(
                "logvar is the logarithm already; take no log of it.",
                "logvar はすでに対数です。さらに対数をとらないでください。",
            ),
        ),
        "variance_left_a_logarithm": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar - 1 - logvar)),
            Text(
                "where the variance belongs you have its logarithm, and the two cancel: take exp(logvar).",
                "分散のところに分散の対数を書いたので、2 つが打ち消し合っています。exp(logvar) としてください。",
            ),
        ),
        "deviation_for_variance": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + torch.exp(0.5 * logvar) - 1 - logvar)),
            Text(
                "exp(0.5 * logvar) is the deviation; here the variance is asked for, exp(logvar).",
                "exp(0.5 * logvar) は標準偏差です。ここに入るのは分散 exp(logvar) です。",
            ),
        ),
        "variance_squared": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() ** 2 - 1 - logvar)),
            Text(
                "exp(logvar) is sigma^2 already; do not square it.",
                "exp(logvar) はすでに sigma^2 です。2 乗しないでください。",
            ),
        ),
        "logarithm_doubled": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - 1 - 2 * logvar)),
            Text(
                "logvar is log sigma^2 already, not log sigma; do not double it.",
                "logvar は log sigma ではなく、すでに log sigma^2 です。2 倍にしないでください。",
            ),
        ),
        "variance_for_deviation": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() ** 2 - 1 - 2 * logvar)),
            Text(
                "you take exp(logvar) for sigma; it is sigma^2, so neither square it nor double its logarithm.",
                "exp(logvar) を sigma とみなしています。これは sigma^2 なので、2 乗したり、対数を 2 倍にしたりしないで"
                "ください。",
            ),
        ),
        "logarithm_of_deviation": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - 1 - 0.5 * logvar)),
            Text(
                "0.5 * logvar is the logarithm of the deviation; within the bracket stands that of the variance.",
                "0.5 * logvar は標準偏差の対数です。かっこの中に入るのは分散の対数です。",
            ),
        ),
        "negative": Misconception(
            _of(lambda mean, logvar: -_each(mean, logvar)),
            Text(
                "the sign is wrong: the paper's formula is what gets larger, minus the divergence.",
                "符号が逆です。論文の式は、大きくしたいもの、つまりダイバージェンスの -1 倍です。",
            ),
        ),
        "mean_not_squared": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean + logvar.exp() - 1 - logvar)),
            Text(
                "the mean is not squared: a mean of -2 would be cheaper than one of 0.",
                "平均が 2 乗されていません。これでは、平均 -2 のほうが 0 よりも安くなってしまいます。",
            ),
        ),
        "mean_left_out": Misconception(
            _of(lambda mean, logvar: 0.5 * (logvar.exp() - 1 - logvar) + 0 * mean),
            Text(
                "the means cost nothing in yours: their square is missing.",
                "平均の 2 乗が抜けています。これでは、平均がどれだけ離れても 0 です。",
            ),
        ),
        "one_left_out": Misconception(
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - logvar)),
            Text(
                "the -1 is missing: a standard normal cloud would not be free.",
                "-1 が抜けています。これでは、標準正規分布でも 0 になりません。",
            ),
        ),
        "other_direction": Misconception(
            _of(lambda mean, logvar: 0.5 * ((1 + mean**2) * torch.exp(-logvar) - 1 + logvar)),
            Text(
                "this is the divergence the other way round, of the standard normal distribution from the cloud.",
                "これは逆向きで、雲から見た標準正規分布のダイバージェンスになっています。",
            ),
        ),
        "bits": Misconception(
            _of(lambda mean, logvar: _each(mean, logvar) / torch.tensor(2.0).log()),
            Text(
                "these are bits; nats are asked for, so leave out ln 2.",
                "これはビットです。ナット（nat）で求めるので、ln 2 で割らないでください。",
            ),
        ),
        "mean_detached": Misconception(
            lambda mean, logvar: kl_to_standard_normal(mean.detach(), logvar),
            Text(
                "the values are right, but the gradient to `mean` is 0: something cuts it off, such as `.detach()`.",
                "値は合っていますが、`mean` への勾配が 0 です。`.detach()` などで切り離されています。",
            ),
        ),
        "logvar_detached": Misconception(
            lambda mean, logvar: kl_to_standard_normal(mean, logvar.detach()),
            Text(
                "the values are right, but the gradient to `logvar` is 0: something cuts it off, such as `.detach()`.",
                "値は合っていますが、`logvar` への勾配が 0 です。`.detach()` などで切り離されています。",
            ),
        ),
        "mean_over_latents": Misconception(
            lambda mean, logvar: _each(mean, logvar).flatten(1).mean(dim=1),
            Text(
                "you average over a picture's latents; they are independent, so their divergences add up.",
                "潜在変数について平均しています。独立なので、ダイバージェンスは足し合わせます。",
            ),
        ),
        "one_number": Misconception(
            lambda mean, logvar: _each(mean, logvar).sum(),
            Text(
                "everything is added up to one number; each picture has its own.",
                "すべてを合計して、ひとつの数にしています。画像ごとにひとつずつ求めてください。",
            ),
        ),
        "mean_over_all": Misconception(
            lambda mean, logvar: _each(mean, logvar).mean(),
            Text(
                "this is one mean over everything; a sum for each picture is asked for.",
                "全体の平均をひとつだけ求めています。画像ごとの合計を求めてください。",
            ),
        ),
        "not_added_up": Misconception(
            _each,
            Text(
                "the formula is right for each latent; now add up over a picture's.",
                "潜在変数ごとの式は合っています。あとは、画像ごとに合計してください。",
            ),
        ),
        "channels_only": Misconception(
            lambda mean, logvar: _each(mean, logvar).sum(dim=1),
            Text(
                "you add up over the channels only; add up over height and width, too.",
                "チャンネルについてしか合計していません。高さと幅についても合計してください。",
            ),
        ),
        "places_only": Misconception(
            lambda mean, logvar: _each(mean, logvar).sum(dim=(2, 3)),
            Text(
                "you add up over height and width only; add up over the channels, too.",
                "高さと幅についてしか合計していません。チャンネルについても合計してください。",
            ),
        ),
        "over_the_batch": Misconception(
            lambda mean, logvar: _each(mean, logvar).sum(dim=0),
            Text(
                "you add up over the batch; keep the batch, and add up over all other axes.",
                "バッチについて合計しています。バッチの軸は残し、ほかの軸で合計してください。",
            ),
        ),
    },
    off_limits=(
        "torch.distributions.kl.kl_divergence",
        "diffusers.models.autoencoders.vae.DiagonalGaussianDistribution.kl",
    ),
)
