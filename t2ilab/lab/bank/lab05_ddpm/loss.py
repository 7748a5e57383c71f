"""What a diffusion model is trained for: to see the noise in a noisy picture."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab05_ddpm.draws import LAB, at, noising_inputs
from t2ilab.lab.bank.lab05_ddpm.forward import add_noise
from t2ilab.lab.bank.lab05_ddpm.tiny import TinyNet, loss_gradient, tiny_weights
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def ddpm_loss(net, x0, t, noise, ac):
    """How far the network's guess of the noise is from the noise that was added (DDPM, equation 14).

    net(x_t, t) gives a guess like x_t; x0: (B, 3, H, W) in [-1, 1]; t: int64 (B,) or one int; noise: like x0;
    ac: (T,). Returns a 0-d tensor with a gradient, the mean squared error over everything.
    """
    x_t = add_noise(x0, noise, t, ac)
    return F.mse_loss(net(x_t, t), noise)


def loss_inputs(generator):
    """What noising_inputs gives, with the weights of a TinyNet."""
    return noising_inputs(generator) | {"net": tiny_weights(generator)}


@cases
def _ddpm_loss_probe(ddpm_loss, inputs):
    x0, t, noise, ac = (inputs[name] for name in ("x0", "t", "noise", "ac"))
    net = TinyNet(inputs["net"])
    yield "batch", lambda: ddpm_loss(net, x0, t, noise, ac)
    yield "sizes", lambda: ddpm_loss(net, inputs["other_x0"], inputs["other_t"], inputs["other_noise"], ac)
    yield "single", lambda: ddpm_loss(net, x0[:1], t[:1], noise[:1], ac)
    yield "perfect", lambda: ddpm_loss(lambda x_t, t: noise, x0, t, noise, ac)
    yield "zero_net", lambda: ddpm_loss(lambda x_t, t: torch.zeros_like(x_t), x0, t, noise, ac)
    yield "gradient", lambda: loss_gradient(net, ddpm_loss(net, x0, t, noise, ac))
    yield "float64", lambda: ddpm_loss(net.double(), x0.double(), t, noise.double(), ac.double())
    net.float()
    yield "one_t", lambda: ddpm_loss(net, x0, int(t[0]), noise, ac)


DDPM_LOSS = Exercise(
    name="ddpm_loss",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=loss_inputs,
    probe=_ddpm_loss_probe,
    reference=ddpm_loss,
    hints=(
        Text(
            "What does the network see, and what is it to say? It sees the noisy picture and t; it says the noise.",
            "ネットワークは何を見て、何を答えるのでしょうか。見るのはノイズの入った画像と t、答えるのはノイズです。",
        ),
        Text(
            "Three lines: make x_t with your add_noise, ask `net(x_t, t)`, compare with `noise`.",
            "3 行で書けます。自分の add_noise で x_t を作り、`net(x_t, t)` を求め、`noise` と比べます。",
        ),
        Text(
            "`F.mse_loss(guess, noise)` is the mean of the squared differences over everything.",
            "`F.mse_loss(guess, noise)` が、全要素の差の 2 乗の平均です。",
        ),
    ),
    properties={
        "perfect": Property(
            lambda arrays, inputs: abs(arrays["perfect"]) < 1e-6 and arrays["zero_net"] > 1e-3,
            0.25,
            Text(
                "A network that names the noise exactly must have a loss of 0: the target is the noise.",
                "ノイズを正確に当てるネットワークの損失は 0 になるはずです。目標はノイズです。",
            ),
        ),
        "zero_net": Property(
            lambda arrays, inputs: abs(arrays["zero_net"] - (inputs["noise"] ** 2).mean().item()) < 1e-4,
            0.25,
            Text(
                "A network that always says 0 must have the loss mean(noise ** 2), about 1: the mean over everything.",
                "常に 0 と答えるネットワークの損失は mean(noise ** 2)、つまり約 1 "
                "になるはずです。全要素の平均をとってください。",
            ),
        ),
    },
    misconceptions={
        "target_x0": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(add_noise(x0, noise, t, ac), t), x0),
            Text(
                "the network's guess is compared with the clean picture x0; this network predicts the noise.",
                "ネットワークの出力をきれいな画像 x0 と比べています。このネットワークが予測するのはノイズです。",
            ),
        ),
        "target_x_t": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(add_noise(x0, noise, t, ac), t), add_noise(x0, noise, t, ac)),
            Text(
                "the network's guess is compared with its own input x_t; the target is the noise alone.",
                "ネットワークの出力を、入力の x_t 自身と比べています。目標はノイズだけです。",
            ),
        ),
        "sees_x0": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(x0, t), noise),
            Text(
                "the network sees the clean picture, in which there is no noise to find; give it x_t.",
                "ネットワークにきれいな画像を見せています。そこにノイズはありません。x_t を渡してください。",
            ),
        ),
        "sees_noise": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(noise, t), noise),
            Text(
                "the network sees the noise itself and has only to repeat it; give it x_t.",
                "ネットワークにノイズそのものを見せています。これでは写すだけです。x_t を渡してください。",
            ),
        ),
        "plain_sum": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(x0 + noise, t), noise),
            Text(
                "x0 + noise is not x_t: use your add_noise, which weighs both by t.",
                "x0 + noise は x_t ではありません。t に応じて重みを付ける自分の add_noise を使ってください。",
            ),
        ),
        "no_roots": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(at(ac, t) * x0 + (1 - at(ac, t)) * noise, t), noise),
            Text(
                "your x_t is made without the square roots of ac_t and 1 - ac_t.",
                "x_t を作るとき、ac_t と 1 - ac_t の平方根が抜けています。",
            ),
        ),
        "time_forgotten": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(add_noise(x0, noise, t, ac), t * 0), noise),
            Text(
                "the network is always told t = 0; tell it the t at which the noise was added.",
                "ネットワークに渡す t が常に 0 です。ノイズを加えたときの t を渡してください。",
            ),
        ),
        "sum": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(add_noise(x0, noise, t, ac), t), noise, reduction="sum"),
            Text(
                "you sum where you should average: the loss would grow with the batch and the picture.",
                "平均ではなく合計になっています。これではバッチや画像が大きいほど損失も大きくなります。",
            ),
        ),
        "sum_over_pixels": Misconception(
            lambda net, x0, t, noise, ac: (
                (net(add_noise(x0, noise, t, ac), t) - noise).square().flatten(1).sum(1).mean()
            ),
            Text(
                "you average over the batch, but sum over the pixels; average over everything.",
                "バッチについては平均ですが、画素については合計になっています。すべての要素で平均してください。",
            ),
        ),
        "absolute": Misconception(
            lambda net, x0, t, noise, ac: F.l1_loss(net(add_noise(x0, noise, t, ac), t), noise),
            Text(
                "this is the mean absolute error; square the differences.",
                "これは絶対値の平均です。差を 2 乗してください。",
            ),
        ),
        "root": Misconception(
            lambda net, x0, t, noise, ac: F.mse_loss(net(add_noise(x0, noise, t, ac), t), noise).sqrt(),
            Text(
                "a square root is left over; the loss is the mean square itself.",
                "平方根が余分です。損失は 2 乗の平均そのものです。",
            ),
        ),
        "half": Misconception(
            lambda net, x0, t, noise, ac: 0.5 * F.mse_loss(net(add_noise(x0, noise, t, ac), t), noise),
            Text("there is a factor of one half too many.", "余分な 1/2 が掛かっています。"),
        ),
    },
    off_limits=("t2ilab.diffusion.losses.diffusion_loss",),
)
