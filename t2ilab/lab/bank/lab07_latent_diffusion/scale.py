"""The factor that brings latents to the size that a noise schedule expects."""

import torch

from t2ilab.lab.bank.lab07_latent_diffusion.draws import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property, Tolerance
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def latent_scale(latents):
    """The factor that brings latents to unit variance: 1 / their standard deviation (Rombach et al. 2022, app. G).

    latents: (B, C, h, w), as the encoder gives them. Returns one number, for all channels and places.
    """
    return 1 / latents.std()


def _drawn(generator, *shape):
    """Latents whose channels differ in mean and spread, and whose pictures differ, too."""
    channels, pictures = (shape[1], 1, 1), (shape[0], 1, 1, 1)
    spread = 1.2 + 2.5 * torch.rand(channels, generator=generator)
    middle = 2 + 2 * torch.randn(channels, generator=generator)
    return middle + spread * (torch.randn(shape, generator=generator) + torch.randn(pictures, generator=generator))


def _inputs(generator):
    return {"latents": _drawn(generator, 4, 3, 12, 16), "other": _drawn(generator, 2, 5, 16, 14)}


@cases
def _probe(latent_scale, inputs):
    latents = inputs["latents"]
    yield "batch", lambda: latent_scale(latents)
    yield "moved", lambda: latent_scale(latents + 3)
    yield "doubled", lambda: latent_scale(2 * latents)
    yield "single", lambda: latent_scale(inputs["other"][:1])
    yield "sizes", lambda: latent_scale(inputs["other"])
    yield "float64", lambda: latent_scale(latents.double())


def _is_number(arrays):
    return arrays["batch"].shape == () and arrays["batch"] > 1e-3


LATENT_SCALE = Exercise(
    name="latent_scale",
    lab=LAB,
    difficulty=1,
    minutes=4,
    points=1,
    make_inputs=_inputs,
    probe=_probe,
    reference=latent_scale,
    tolerance=Tolerance(float32=(2e-3, 0), float64=(2e-3, 0)),  # dividing by n or by n - 1 is both right
    hints=(
        Text(
            "Multiplied by this factor, the latents have a standard deviation of 1. What is it before?",
            "この係数を掛けると、標準偏差が 1 になります。掛ける前はいくつですか。",
        ),
        Text(
            "One standard deviation over everything: pictures, channels and places.",
            "画像、チャンネル、場所のすべてをまとめた、ひとつの標準偏差を使います。",
        ),
        Text("1 / latents.std().", "1 / latents.std() です。"),
    ),
    properties={
        "unit": Property(
            lambda arrays, inputs: (
                _is_number(arrays) and abs(arrays["batch"] * inputs["latents"].std().item() - 1) < 2e-3
            ),
            0.3,
            Text(
                "Latents times the factor must have a standard deviation of 1.",
                "係数を掛けた潜在変数の標準偏差は 1 になるはずです。",
            ),
        ),
        "moved": Property(
            lambda arrays, inputs: _is_number(arrays) and abs(arrays["moved"] / arrays["batch"] - 1) < 1e-3,
            0.2,
            Text(
                "Adding a constant to all latents must not change the factor: a spread is measured from the mean.",
                "すべての潜在変数に同じ数を足しても、係数は変わらないはずです。広がりは平均から測ります。",
            ),
        ),
        "doubled": Property(
            lambda arrays, inputs: _is_number(arrays) and abs(2 * arrays["doubled"] / arrays["batch"] - 1) < 1e-3,
            0.2,
            Text(
                "Latents of twice the size must have half the factor.",
                "潜在変数が 2 倍になれば、係数は半分になるはずです。",
            ),
        ),
    },
    misconceptions={
        "inverted": Misconception(
            lambda latents: latents.std(),
            Text(
                "this is the deviation itself; the factor is one over it, as latents are to be multiplied by it.",
                "これは標準偏差そのものです。潜在変数に掛ける数なので、その逆数にしてください。",
            ),
        ),
        "variance": Misconception(
            lambda latents: 1 / latents.var(),
            Text(
                "you divide by the variance; divide by its root, the standard deviation.",
                "分散で割っています。その平方根である標準偏差で割ってください。",
            ),
        ),
        "root_of_deviation": Misconception(
            lambda latents: 1 / latents.std().sqrt(),
            Text(
                "you take one root too many: latents.std() is the root of the variance already.",
                "平方根が 1 回余分です。latents.std() は、すでに分散の平方根です。",
            ),
        ),
        "mean_square": Misconception(
            lambda latents: 1 / latents.square().mean().sqrt(),
            Text(
                "you measure from 0; a standard deviation is measured from the mean.",
                "0 からの大きさを測っています。標準偏差は平均から測ります。",
            ),
        ),
        "absolute": Misconception(
            lambda latents: 1 / latents.abs().mean(),
            Text(
                "this is one over the mean size; take one over the standard deviation.",
                "これは絶対値の平均の逆数です。標準偏差の逆数にしてください。",
            ),
        ),
        "largest": Misconception(
            lambda latents: 1 / latents.abs().max(),
            Text(
                "you bring the largest latent to 1, and it depends on a single number; divide by the standard "
                "deviation.",
                "いちばん大きい値を 1 にしています。これでは、たったひとつの数で決まってしまいます。"
                "標準偏差で割ってください。",
            ),
        ),
        "each_channel": Misconception(
            lambda latents: 1 / latents.std(dim=(0, 2, 3)),
            Text(
                "you give each channel a factor of its own; one number for all is asked for.",
                "チャンネルごとに別の係数になっています。全体でひとつの数にしてください。",
            ),
        ),
        "mean_of_channels": Misconception(
            lambda latents: 1 / latents.std(dim=(0, 2, 3)).mean(),
            Text(
                "you average the channels' deviations, which leaves out how far apart their means lie; take one "
                "deviation over everything.",
                "チャンネルごとの標準偏差を平均しています。これでは、チャンネルの平均どうしの違いが抜けます。"
                "すべてをまとめて、ひとつの標準偏差を求めてください。",
            ),
        ),
        "mean_of_pictures": Misconception(
            lambda latents: 1 / latents.flatten(1).std(dim=1).mean(),
            Text(
                "you average the pictures' deviations; take one deviation over all pictures.",
                "画像ごとの標準偏差を平均しています。すべての画像をまとめて、ひとつの標準偏差を求めてください。",
            ),
        ),
        "over_the_batch": Misconception(
            lambda latents: 1 / latents.std(dim=0).mean(),
            Text(
                "you take the deviation over the batch, place by place; take it over everything.",
                "バッチの軸だけで、場所ごとに標準偏差を求めています。すべてをまとめて求めてください。",
            ),
        ),
        "first_picture": Misconception(
            lambda latents: 1 / latents[0].std(),
            Text(
                "you look at the first picture only; take all of them.",
                "最初の画像しか見ていません。すべての画像を使ってください。",
            ),
        ),
        "stable_diffusions": Misconception(
            lambda latents: torch.tensor(0.18215),
            Text(
                "0.18215 belongs to Stable Diffusion's autoencoder; measure the latents that you are given.",
                "0.18215 は Stable Diffusion のオートエンコーダの値です。渡された潜在変数を測ってください。",
            ),
        ),
        "scaled_latents": Misconception(
            lambda latents: latents / latents.std(),
            Text(
                "these are the scaled latents; return the factor alone.",
                "これは係数を掛けたあとの潜在変数です。係数だけを返してください。",
            ),
        ),
    },
)
