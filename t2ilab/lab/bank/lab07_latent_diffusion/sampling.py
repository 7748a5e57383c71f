"""The reparameterisation trick: a sample of a cloud, through which gradients pass."""

import torch

from t2ilab.lab.bank.draws import noise_like
from t2ilab.lab.bank.lab07_latent_diffusion.draws import LAB, clouds, slopes
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def reparameterize(mean, logvar, noise):
    """A sample of the normal distribution of each latent, made of given noise (Kingma & Welling 2014, section 2.4).

    mean, logvar: (B, C, h, w), the mean and the logarithm of the variance; noise: like them, standard normal.
    Returns the sample, like mean, with gradients to mean and logvar.
    """
    deviation = torch.exp(0.5 * logvar)  # half a logarithm is the logarithm of the root
    return mean + deviation * noise


def _inputs(generator):
    mean, logvar = clouds(generator, 3, 2, 3, 4)
    other_mean, other_logvar = clouds(generator, 2, 4, 2, 5)
    return {
        "mean": mean, "logvar": logvar, "noise": noise_like(generator, mean),
        "other_mean": other_mean, "other_logvar": other_logvar, "other_noise": noise_like(generator, other_mean),
    }  # fmt: skip


@cases
def _probe(reparameterize, inputs):
    mean, logvar, noise = (inputs[name] for name in ("mean", "logvar", "noise"))

    def sample(mean, logvar, noise):
        torch.manual_seed(0)  # whoever draws noise of his own draws the same again
        return reparameterize(mean, logvar, noise)

    def gradient():
        m, v = mean.clone().requires_grad_(), logvar.clone().requires_grad_()
        return slopes(sample(m, v, noise), mean=m, logvar=v)

    yield "batch", lambda: sample(mean, logvar, noise)
    yield "zero_noise", lambda: sample(mean, logvar, torch.zeros_like(noise))
    yield "wider", lambda: sample(mean, logvar + torch.tensor(4.0).log(), noise)
    yield "standard", lambda: sample(torch.zeros_like(mean), torch.zeros_like(logvar), noise)
    yield "single", lambda: sample(mean[:1], logvar[:1], noise[:1])
    yield "sizes", lambda: sample(inputs["other_mean"], inputs["other_logvar"], inputs["other_noise"])
    yield "float64", lambda: sample(mean.double(), logvar.double(), noise.double())
    yield "gradient", gradient


def _twice_as_wide(arrays, inputs):
    mean = inputs["mean"].numpy()
    narrow, wide = arrays["batch"] - mean, arrays["wider"] - mean
    return abs(wide - 2 * narrow).max() < 1e-3 and abs(narrow).max() > 1e-2


REPARAMETERIZE = Exercise(
    name="reparameterize",
    lab=LAB,
    difficulty=1,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=reparameterize,
    hints=(
        Text(
            "Standard normal noise has mean 0 and deviation 1. What makes it twice as wide, and what moves it?",
            "標準正規分布のノイズは、平均 0、標準偏差 1 です。幅を 2 倍にするには何をすればよいですか。"
            "場所を動かすにはどうですか。",
        ),
        Text(
            "z = mean + deviation * noise. The deviation is the root of the variance, and logvar is the variance's "
            "logarithm.",
            "z = mean + 標準偏差 * noise です。標準偏差は分散の平方根、logvar は分散の対数です。",
        ),
        Text(
            "The root of exp(logvar) is exp(0.5 * logvar); so mean + torch.exp(0.5 * logvar) * noise.",
            "exp(logvar) の平方根は exp(0.5 * logvar) なので、mean + torch.exp(0.5 * logvar) * noise とします。",
        ),
    ),
    properties={
        "zero_noise": Property(
            lambda arrays, inputs: (
                abs(arrays["zero_noise"] - inputs["mean"].numpy()).max() < 1e-5
                and abs(arrays["batch"] - inputs["mean"].numpy()).max() > 1e-2
            ),
            0.2,
            Text(
                "Without noise the sample must be the mean, and with noise it must not.",
                "ノイズが 0 なら平均そのものに、そうでなければ別の値になるはずです。",
            ),
        ),
        "wider": Property(
            _twice_as_wide,
            0.3,
            Text(
                "Four times the variance must bring each sample twice as far from its mean.",
                "分散を 4 倍にすると、平均からの距離は 2 倍になるはずです。",
            ),
        ),
    },
    misconceptions={
        "logvar_for_deviation": Misconception(
            lambda mean, logvar, noise: mean + logvar * noise,
            Text(
                "the noise is multiplied by logvar itself, which is a logarithm and may be negative; make a standard "
                "deviation of it first.",
                "ノイズに logvar をそのまま掛けています。これは対数なので、負にもなります。"
                "先に標準偏差に直してください。",
            ),
        ),
        "logvar_for_variance": Misconception(
            lambda mean, logvar, noise: mean + logvar.sqrt() * noise,
            Text(
                "you take the root of logvar as if it were the variance; where it is negative that is not even a "
                "number. It is the logarithm of the variance.",
                "logvar を分散とみなして平方根をとっています。負のところでは数にもなりません。"
                "logvar は分散の対数です。",
            ),
        ),
        "variance_for_deviation": Misconception(
            lambda mean, logvar, noise: mean + logvar.exp() * noise,
            Text(
                "exp(logvar) is the variance; what multiplies the noise is its root, the standard deviation.",
                "exp(logvar) は分散です。ノイズに掛けるのは、その平方根である標準偏差です。",
            ),
        ),
        "half_in_the_wrong_place": Misconception(
            lambda mean, logvar, noise: mean + 0.5 * logvar.exp() * noise,
            Text(
                "half of the variance is not its root: the half belongs into the exponent.",
                "分散の半分は、分散の平方根ではありません。1/2 は指数の中に入れてください。",
            ),
        ),
        "precision": Misconception(
            lambda mean, logvar, noise: mean + torch.exp(-0.5 * logvar) * noise,
            Text(
                "the sign in the exponent is wrong: the narrow clouds have become the wide ones.",
                "指数の符号が逆です。狭い雲が広い雲になっています。",
            ),
        ),
        "noise_not_scaled": Misconception(
            lambda mean, logvar, noise: mean + noise,
            Text(
                "logvar is not used: every cloud is equally wide.",
                "logvar を使っていません。どの雲も同じ幅になっています。",
            ),
        ),
        "no_noise": Misconception(
            lambda mean, logvar, noise: mean + 0 * logvar,
            Text(
                "this is always the mean; the noise is missing, and then it is a plain autoencoder.",
                "常に平均を返しています。ノイズがないと、ただのオートエンコーダになってしまいます。",
            ),
        ),
        "mean_left_out": Misconception(
            lambda mean, logvar, noise: torch.exp(0.5 * logvar) * noise + 0 * mean,
            Text(
                "the mean is missing: all clouds lie around 0, whatever the picture.",
                "平均が抜けています。どの画像でも、雲が 0 のまわりに来てしまいます。",
            ),
        ),
        "mean_scaled_too": Misconception(
            lambda mean, logvar, noise: torch.exp(0.5 * logvar) * (mean + noise),
            Text(
                "the mean is multiplied by the deviation, too; only the noise is.",
                "平均にまで標準偏差を掛けています。掛けるのはノイズだけです。",
            ),
        ),
        "subtracted": Misconception(
            lambda mean, logvar, noise: mean - torch.exp(0.5 * logvar) * noise,
            Text(
                "the noise is taken away. As a distribution that is the same; with the noise that you were given it "
                "is another sample: add it.",
                "ノイズを引いています。分布としては同じですが、渡されたノイズに対しては別のサンプルになります。"
                "足してください。",
            ),
        ),
        "draws_anew": Misconception(
            lambda mean, logvar, noise: mean + torch.exp(0.5 * logvar) * torch.randn_like(mean),
            Text(
                "you draw noise of your own; use the one that you are given, so that a seed decides the sample.",
                "自分でノイズを作っています。シードで結果が決まるように、渡されたノイズを使ってください。",
            ),
        ),
        "samples": Misconception(
            lambda mean, logvar, noise: torch.normal(mean, torch.exp(0.5 * logvar)),
            Text(
                "torch.normal draws a sample that no gradient passes; make it of the noise that you are given.",
                "torch.normal で取り出したサンプルには、勾配が通りません。渡されたノイズから作ってください。",
            ),
        ),
        "deviation_detached": Misconception(
            lambda mean, logvar, noise: mean + torch.exp(0.5 * logvar).detach() * noise,
            Text(
                "the deviation is cut off from its gradient, so that the encoder never learns how wide a cloud may be.",
                "標準偏差が勾配から切り離されています。これでは、エンコーダは雲の幅を学べません。",
            ),
        ),
        "mean_detached": Misconception(
            lambda mean, logvar, noise: mean.detach() + torch.exp(0.5 * logvar) * noise,
            Text(
                "the gradient to `mean` is 0: something cuts it off, so that the encoder never learns where a cloud "
                "belongs.",
                "`mean` への勾配が 0 です。どこかで切り離されています。これでは、エンコーダは雲の場所を学べません。",
            ),
        ),
        "detached": Misconception(
            lambda mean, logvar, noise: (mean + torch.exp(0.5 * logvar) * noise).detach(),
            Text(
                "the sample is cut off from its gradients: the encoder would learn nothing from the decoder.",
                "サンプルが勾配から切り離されています。これでは、エンコーダはデコーダから何も学べません。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.nets.vae.VAE.forward",
        "torch.distributions.normal.Normal.rsample",
        "diffusers.models.autoencoders.vae.DiagonalGaussianDistribution.sample",
    ),
)
