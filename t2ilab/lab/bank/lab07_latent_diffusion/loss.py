"""What an autoencoder of clouds is trained for: to give pictures back, from clouds that cost little."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.draws import pictures
from t2ilab.lab.bank.lab07_latent_diffusion.divergence import kl_to_standard_normal
from t2ilab.lab.bank.lab07_latent_diffusion.draws import LAB, clouds, slopes
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def vae_loss(recon, x0, mean, logvar, kl_weight):
    """What comes back wrong, and what the clouds cost: mean squared error + kl_weight * mean KL.

    recon, x0: (B, 3, H, W), the decoder's pictures and the true ones; mean, logvar: (B, C, h, w), of the latents;
    kl_weight: a number. Returns a 0-d tensor with a gradient: the error is a mean over everything, the KL a sum over
    a picture's latents and a mean over the pictures.
    """
    error = F.mse_loss(recon, x0)
    cost = kl_to_standard_normal(mean, logvar).mean()  # nats for each picture
    return error + kl_weight * cost


def _inputs(generator):
    x0, recon = pictures(generator, 3, 3, 4, 6), pictures(generator, 3, 3, 4, 6)
    mean, logvar = clouds(generator, 3, 4, 2, 3)
    other_mean, other_logvar = clouds(generator, 2, 2, 3, 1)
    return {
        "recon": recon, "x0": x0, "mean": mean, "logvar": logvar,
        "kl_weight": 0.02 + 0.05 * torch.rand((), generator=generator).item(),
        "other_recon": pictures(generator, 2, 3, 6, 2), "other_x0": pictures(generator, 2, 3, 6, 2),
        "other_mean": other_mean, "other_logvar": other_logvar,
    }  # fmt: skip


@cases
def _probe(vae_loss, inputs):
    recon, x0, mean, logvar, weight = (inputs[name] for name in ("recon", "x0", "mean", "logvar", "kl_weight"))
    zeros = torch.zeros_like(mean)

    def gradient():
        y, m, v = (value.clone().requires_grad_() for value in (recon, mean, logvar))
        return slopes(vae_loss(y, x0, m, v, weight), recon=y, mean=m, logvar=v)

    yield "batch", lambda: vae_loss(recon, x0, mean, logvar, weight)
    yield "all_free", lambda: vae_loss(x0, x0, zeros, zeros, weight)
    yield "no_weight", lambda: vae_loss(recon, x0, mean, logvar, 0.0)
    yield "only_clouds", lambda: vae_loss(x0, x0, mean, logvar, weight)
    # So far away that a weight as small as the lab's counts, too.
    yield "far_clouds", lambda: vae_loss(recon, x0, 1000 * mean, logvar, weight)
    yield "single", lambda: vae_loss(recon[:1], x0[:1], mean[:1], logvar[:1], weight)
    others = [inputs[f"other_{name}"] for name in ("recon", "x0", "mean", "logvar")]
    yield "sizes", lambda: vae_loss(*others, weight)
    yield "float64", lambda: vae_loss(recon.double(), x0.double(), mean.double(), logvar.double(), weight)
    yield "gradient", gradient


def _kl(mean, logvar):
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).flatten(1).sum(1)


def _with(error, cost=lambda mean, logvar: _kl(mean, logvar).mean()):
    """A wrong answer of another error, or of another cost."""
    return lambda recon, x0, mean, logvar, kl_weight: error(recon, x0) + kl_weight * cost(mean, logvar)


def _error_and_clouds(arrays, inputs):
    error = ((inputs["recon"] - inputs["x0"]) ** 2).mean().item()
    return abs(arrays["no_weight"] - error) < 1e-4 and arrays["batch"] > arrays["no_weight"] + 1e-3


VAE_LOSS = Exercise(
    name="vae_loss",
    lab=LAB,
    difficulty=1,
    minutes=5,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=vae_loss,
    hints=(
        Text(
            "Two terms: how wrong are the pictures, and what do the clouds cost? You have written the second already.",
            "2 つの項があります。画像はどれだけ違っているか。雲はどれだけ高くつくか。後者は、もう書きました。",
        ),
        Text(
            "F.mse_loss(recon, x0) is the first; the mean over the batch of your kl_to_standard_normal the second.",
            "前者は F.mse_loss(recon, x0)、後者は、自分の kl_to_standard_normal のバッチについての平均です。",
        ),
        Text(
            "F.mse_loss(recon, x0) + kl_weight * kl_to_standard_normal(mean, logvar).mean().",
            "F.mse_loss(recon, x0) + kl_weight * kl_to_standard_normal(mean, logvar).mean() です。",
        ),
    ),
    properties={
        "no_weight": Property(
            _error_and_clouds,
            0.25,
            Text(
                "With kl_weight = 0 it must be the mean squared error over everything, with more it must be larger.",
                "kl_weight = 0 なら全要素の平均二乗誤差に、正ならそれより大きくなるはずです。",
            ),
        ),
        "all_free": Property(
            lambda arrays, inputs: abs(arrays["all_free"]) < 1e-6 and arrays["only_clouds"] > 1e-3,
            0.15,
            Text(
                "Perfect pictures from standard normal clouds must have a loss of 0.",
                "標準正規分布から完璧な画像が返るなら、損失は 0 になるはずです。",
            ),
        ),
    },
    misconceptions={
        "kl_left_out": Misconception(
            _with(F.mse_loss, lambda mean, logvar: 0 * _kl(mean, logvar).mean()),
            Text("the KL is missing.", "KL が抜けています。"),
        ),
        "kl_subtracted": Misconception(
            _with(F.mse_loss, lambda mean, logvar: -_kl(mean, logvar).mean()),
            Text(
                "the KL is taken away, so that clouds would run as far from the standard normal one as they can; add "
                "it.",
                "KL を引いています。これでは、雲が標準正規分布からどこまでも離れていきます。足してください。",
            ),
        ),
        "weight_left_out": Misconception(
            lambda recon, x0, mean, logvar, kl_weight: F.mse_loss(recon, x0) + _kl(mean, logvar).mean(),
            Text("kl_weight is not used.", "kl_weight を使っていません。"),
        ),
        "weight_of_its_own": Misconception(
            lambda recon, x0, mean, logvar, kl_weight: F.mse_loss(recon, x0) + 4e-9 * _kl(mean, logvar).mean(),
            Text(
                "kl_weight is not used: the lab's own weight, 4e-9, stands in its place.",
                "kl_weight を使わず、代わりにラボの重み 4e-9 を使っています。",
            ),
        ),
        "weight_on_the_error": Misconception(
            lambda recon, x0, mean, logvar, kl_weight: kl_weight * F.mse_loss(recon, x0) + _kl(mean, logvar).mean(),
            Text(
                "the weight is on the wrong term: it belongs to the KL.",
                "重みを掛ける項が違います。掛けるのは KL です。",
            ),
        ),
        "shares": Misconception(
            lambda recon, x0, mean, logvar, kl_weight: (
                (1 - kl_weight) * F.mse_loss(recon, x0) + kl_weight * _kl(mean, logvar).mean()
            ),
            Text(
                "the error has the factor 1 - kl_weight; leave it whole.",
                "誤差に 1 - kl_weight が掛かっています。誤差はそのままにしてください。",
            ),
        ),
        "kl_of_one_latent": Misconception(
            _with(F.mse_loss, lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()),
            Text(
                "you average the KL over the latents as well; it is a sum over a picture's latents, and a mean over "
                "the pictures alone.",
                "KL を潜在変数についても平均しています。潜在変数については合計し、画像についてだけ平均します。",
            ),
        ),
        "kl_summed": Misconception(
            _with(F.mse_loss, lambda mean, logvar: _kl(mean, logvar).sum()),
            Text(
                "the KL is added up over the batch; take the mean over the pictures.",
                "KL をバッチについて合計しています。画像について平均してください。",
            ),
        ),
        "kl_without_half": Misconception(
            _with(F.mse_loss, lambda mean, logvar: 2 * _kl(mean, logvar).mean()),
            Text("the KL counts twice: its half is missing.", "KL が 2 倍になっています。1/2 が抜けています。"),
        ),
        "error_summed": Misconception(
            _with(lambda recon, x0: F.mse_loss(recon, x0, reduction="sum")),
            Text(
                "the squared errors are added up; take their mean over everything.",
                "2 乗誤差を合計しています。全要素で平均してください。",
            ),
        ),
        "error_summed_over_pixels": Misconception(
            _with(lambda recon, x0: (recon - x0).square().flatten(1).sum(1).mean()),
            Text(
                "you average the error over the pictures and add it up over the pixels, as the papers do; here it is a "
                "mean over everything.",
                "誤差を、画像については平均し、画素については合計しています。論文ではそうしますが、"
                "ここでは全要素で平均してください。",
            ),
        ),
        "error_half": Misconception(
            _with(lambda recon, x0: 0.5 * F.mse_loss(recon, x0)),
            Text(
                "the error has a half, as in a Gaussian likelihood; here it has none.",
                "ガウス分布の尤度のように、誤差に 1/2 が掛かっています。ここでは掛けません。",
            ),
        ),
        "error_absolute": Misconception(
            _with(F.l1_loss),
            Text(
                "this is the mean absolute error; square the differences.",
                "これは絶対値の平均です。差を 2 乗してください。",
            ),
        ),
        "error_root": Misconception(
            # The smallest number under the root: the gradient of a root at 0 is not finite.
            _with(lambda recon, x0: F.mse_loss(recon, x0).clamp(min=1e-20).sqrt()),
            Text(
                "a square root is left over; take the mean square itself.",
                "平方根が余分です。2 乗の平均をそのまま使ってください。",
            ),
        ),
        "error_detached": Misconception(
            _with(lambda recon, x0: F.mse_loss(recon.detach(), x0)),
            Text(
                "the gradient to `recon` is 0: something cuts it off, and the decoder learns nothing.",
                "`recon` への勾配が 0 です。どこかで切り離されています。これでは、デコーダは何も学べません。",
            ),
        ),
        "kl_detached": Misconception(
            _with(F.mse_loss, lambda mean, logvar: _kl(mean, logvar).mean().detach()),
            Text(
                "the KL is cut off from its gradient: it is counted, but nobody learns from it.",
                "KL が勾配から切り離されています。損失には入りますが、だれもそこから学べません。",
            ),
        ),
    },
    off_limits=(
        "diffusers.models.autoencoders.vae.DiagonalGaussianDistribution.kl",
        "torch.distributions.kl.kl_divergence",
    ),
)
