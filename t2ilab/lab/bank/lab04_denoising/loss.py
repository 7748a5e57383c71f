"""How a network learns the best guess without ever seeing it: by the squared error to the picture that it came from."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.draws import at_level, level, noise_like, pictures
from t2ilab.lab.bank.lab04_denoising.best_guess import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def denoising_loss(denoise, x0, noise, ac_t):
    """How far a denoiser's guesses are from the pictures, at one noise level: the mean squared error.

    denoise(x_t, ac_t) gives a guess like x_t; x0: (B, 3, H, W) in [-1, 1]; noise: like x0; ac_t: 0-d tensor in (0, 1).
    Returns a 0-d tensor with a gradient.
    """
    x_t = ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise  # the noisy pictures
    return F.mse_loss(denoise(x_t, ac_t), x0)


def _inputs(generator):
    x0, other = pictures(generator, 3, 3, 3, 3), pictures(generator, 2, 3, 4, 5)
    return {
        "x0": x0, "noise": noise_like(generator, x0), "ac_t": level(generator, 0.2, 0.8),
        "other_x0": other, "other_noise": noise_like(generator, other),
        "gain": 0.3 + torch.rand((), generator=generator),
    }  # fmt: skip


@cases
def _probe(denoising_loss, inputs):
    x0, noise, ac_t, gain = (inputs[name] for name in ("x0", "noise", "ac_t", "gain"))

    def denoise(x_t, ac_t, gain=gain):
        return torch.tanh(gain * x_t + 0.2) * ac_t + 0.1 * x_t.flip(-1)

    def slope():
        weight = gain.clone().requires_grad_()
        loss = denoising_loss(lambda x_t, ac_t: denoise(x_t, ac_t, weight), x0, noise, ac_t)
        if not (torch.is_tensor(loss) and loss.requires_grad):
            raise Unfit("no_gradient")
        return torch.autograd.grad(loss.sum(), weight)[0]

    yield "batch", lambda: denoising_loss(denoise, x0, noise, ac_t)
    yield "single", lambda: denoising_loss(denoise, x0[:1], noise[:1], ac_t)
    yield "knows_picture", lambda: denoising_loss(lambda x_t, ac_t: x0, x0, noise, ac_t)
    yield "says_zero", lambda: denoising_loss(lambda x_t, ac_t: torch.zeros_like(x_t), x0, noise, ac_t)
    yield "sizes", lambda: denoising_loss(denoise, inputs["other_x0"], inputs["other_noise"], ac_t)
    yield "float64", lambda: denoising_loss(denoise, x0.double(), noise.double(), ac_t.double())
    yield "gradient", slope


DENOISING_LOSS = Exercise(
    name="denoising_loss",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=denoising_loss,
    hints=(
        Text(
            "What does the denoiser see, and what should it have said? It sees x_t; the truth is x0.",
            "デノイザーは何を見て、何と答えるべきだったのでしょうか。見るのは x_t、正しい答えは x0 です。",
        ),
        Text(
            "Three steps: mix picture and noise into x_t, ask `denoise(x_t, ac_t)`, compare with x0.",
            "手順は 3 つです。画像とノイズを混ぜて x_t を作り、`denoise(x_t, ac_t)` を求め、x0 と比べます。",
        ),
        Text(
            "x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise; then `F.mse_loss(guess, x0)`, the mean over everything.",
            "x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise とし、`F.mse_loss(guess, x0)` で全要素の平均をとります。",
        ),
    ),
    properties={
        "knows_picture": Property(
            lambda arrays, inputs: abs(arrays["knows_picture"]) < 1e-6 and arrays["says_zero"] > 1e-3,
            0.25,
            Text(
                "A denoiser that names the picture exactly must have a loss of 0: the target is x0.",
                "画像を正確に当てるデノイザーの損失は 0 になるはずです。目標は x0 です。",
            ),
        ),
        "says_zero": Property(
            lambda arrays, inputs: abs(arrays["says_zero"] - (inputs["x0"] ** 2).mean().item()) < 1e-4,
            0.25,
            Text(
                "A denoiser that always says 0 must have the loss mean(x0 ** 2): the mean over everything.",
                "常に 0 と答えるデノイザーの損失は mean(x0 ** 2) になるはずです。全要素の平均をとってください。",
            ),
        ),
    },
    misconceptions={
        "target_noise": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(at_level(x0, noise, ac_t), ac_t), noise),
            Text(
                "the guess is compared with the noise; a denoiser of this lab guesses the picture, x0.",
                "推定値をノイズと比べています。このラボのデノイザーが当てるのは画像 x0 です。",
            ),
        ),
        "target_x_t": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(
                denoise(at_level(x0, noise, ac_t), ac_t), at_level(x0, noise, ac_t)
            ),
            Text(
                "the guess is compared with its own input, so that doing nothing would be best; compare with x0.",
                "推定値を入力の x_t 自身と比べています。これでは、何もしないのが最善になります。x0 と比べてください。",
            ),
        ),
        "sees_x0": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(x0, ac_t), x0),
            Text(
                "the denoiser sees the clean picture and has only to repeat it; give it x_t.",
                "デノイザーにきれいな画像を見せています。これでは写すだけです。x_t を渡してください。",
            ),
        ),
        "plain_sum": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(x0 + noise, ac_t), x0),
            Text(
                "x0 + noise is not x_t: the picture fades to sqrt(ac_t), the noise has sqrt(1 - ac_t).",
                "x0 + noise は x_t ではありません。画像は sqrt(ac_t) 倍、ノイズは sqrt(1 - ac_t) 倍します。",
            ),
        ),
        "no_roots": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(ac_t * x0 + (1 - ac_t) * noise, ac_t), x0),
            Text(
                "your x_t is made without the square roots of ac_t and 1 - ac_t.",
                "x_t を作るとき、ac_t と 1 - ac_t の平方根が抜けています。",
            ),
        ),
        "no_root_of_signal": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(ac_t * x0 + (1 - ac_t).sqrt() * noise, ac_t), x0),
            Text(
                "the picture's factor is sqrt(ac_t); its root is missing.",
                "画像の係数は sqrt(ac_t) です。平方根が抜けています。",
            ),
        ),
        "no_root_of_noise": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(ac_t.sqrt() * x0 + (1 - ac_t) * noise, ac_t), x0),
            Text(
                "1 - ac_t is the variance of the noise; multiply the noise by its root, the standard deviation.",
                "1 - ac_t はノイズの分散です。ノイズには、その平方根である標準偏差を掛けてください。",
            ),
        ),
        "swapped": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(at_level(noise, x0, ac_t), ac_t), x0),
            Text(
                "the two factors are exchanged: sqrt(ac_t) belongs to the picture.",
                "2 つの係数が逆です。sqrt(ac_t) は画像の係数です。",
            ),
        ),
        "level_forgotten": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(at_level(x0, noise, ac_t), torch.ones_like(ac_t)), x0),
            Text(
                "the denoiser is told that there is no noise (1); tell it ac_t.",
                "デノイザーにノイズがないこと（1）を伝えています。ac_t を渡してください。",
            ),
        ),
        "sum": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(at_level(x0, noise, ac_t), ac_t), x0, reduction="sum"),
            Text(
                "you sum where you should average: the loss would grow with the batch and the picture.",
                "平均ではなく合計になっています。これではバッチや画像が大きいほど損失も大きくなります。",
            ),
        ),
        "absolute": Misconception(
            lambda denoise, x0, noise, ac_t: F.l1_loss(denoise(at_level(x0, noise, ac_t), ac_t), x0),
            Text(
                "this is the mean absolute error, whose best guess is the median; square the differences.",
                "これは絶対値の平均で、最善の推定は中央値になってしまいます。差を 2 乗してください。",
            ),
        ),
        "root": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(denoise(at_level(x0, noise, ac_t), ac_t), x0).sqrt(),
            Text(
                "a square root is left over; the loss is the mean square itself.",
                "平方根が余分です。損失は 2 乗の平均そのものです。",
            ),
        ),
        "half": Misconception(
            lambda denoise, x0, noise, ac_t: 0.5 * F.mse_loss(denoise(at_level(x0, noise, ac_t), ac_t), x0),
            Text("there is a factor of one half too many.", "余分な 1/2 が掛かっています。"),
        ),
        "root_of_the_wrong_thing": Misconception(
            lambda denoise, x0, noise, ac_t: F.mse_loss(
                denoise(ac_t.sqrt() * x0 + (1 - ac_t.sqrt()) * noise, ac_t), x0
            ),
            Text(
                "the noise's factor is the root of 1 - ac_t; yours is 1 minus the root of ac_t.",
                "ノイズの係数は 1 - ac_t の平方根です。1 から ac_t の平方根を引いたものになっています。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.losses.diffusion_loss",),
)
