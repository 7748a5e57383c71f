"""What the painter is asked for, in the form that has a slope where it is needed."""

import math

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab13_gans.draws import LAB, logits, slopes
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def generator_loss(fake_logits):
    """How seldom the judge takes painted pictures for real: the non-saturating loss, in nats.

    fake_logits: any shape, what the judge says of painted pictures; above 0 means "real".
    Returns a 0-d tensor with a gradient, a mean (Goodfellow et al. 2014, the end of section 3).
    """
    # -log D(G(z)). Its slope is largest where the judge is sure that a picture is painted, which is where
    # a painter begins; that of log(1 - D(G(z))) is smallest there.
    return -F.logsigmoid(fake_logits).mean()


def _inputs(generator):
    return {
        "fake_logits": -0.5 - logits(generator, 5),
        "sure": 130 + 40 * torch.rand(3, generator=generator),
        "patches": logits(generator, 2, 3, 4),
    }


@cases
def _probe(generator_loss, inputs):
    fake = inputs["fake_logits"]
    yield "batch", lambda: generator_loss(fake)
    yield "undecided", lambda: generator_loss(0 * fake)
    yield "better_painter", lambda: generator_loss(fake + 1)
    yield "gradient", lambda: slopes(generator_loss, fake)
    yield "seen_through", lambda: slopes(generator_loss, fake[:1] * 0 - 12)
    yield "single", lambda: generator_loss(fake[:1])
    yield "patches", lambda: generator_loss(inputs["patches"])
    yield "sure_and_wrong", lambda: generator_loss(inputs["sure"])
    yield "sure_and_right", lambda: generator_loss(-inputs["sure"])
    yield "float64", lambda: generator_loss(fake.double())


GENERATOR_LOSS = Exercise(
    name="generator_loss",
    lab=LAB,
    difficulty=2,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=generator_loss,
    hints=(
        Text(
            "The painter wants the judge to be wrong about its pictures. Which label would it like them to have?",
            "生成器は、自分の画像について識別器に間違えてほしいのです。どちらのラベルを付けてほしいでしょうか。",
        ),
        Text(
            "The mean of -log D(G(z)), where D is the sigmoid of the logit: the cross-entropy with the label 1.",
            "D をロジットのシグモイドとして、-log D(G(z)) の平均です。ラベル 1 の交差エントロピーと同じです。",
        ),
        Text("-F.logsigmoid(fake_logits).mean().", "-F.logsigmoid(fake_logits).mean() とします。"),
    ),
    properties={
        "undecided": Property(
            lambda arrays, inputs: (
                arrays["batch"].shape == ()
                and abs(arrays["undecided"] - math.log(2)) < 1e-4
                and abs(arrays["batch"] - arrays["better_painter"]) > 1e-3
            ),
            0.2,
            Text(
                "Where the judge cannot tell, with logits of 0, the loss must be ln 2.",
                "識別器がまったく見分けられず、ロジットがすべて 0 なら、損失は ln 2 になるはずです。",
            ),
        ),
        "slope": Property(
            lambda arrays, inputs: abs(arrays["seen_through"] + 1).max() < 1e-3,
            0.3,
            Text(
                "Where the judge sees through a picture, at a logit of -12, the slope must be about -1: that is where "
                "the painter has most to learn.",
                "識別器に見抜かれているとき（ロジットが -12）、傾きはほぼ -1 になるはずです。"
                "生成器が最も学ばなければならないところだからです。",
            ),
        ),
    },
    misconceptions={
        "saturating": Misconception(
            lambda fake_logits: -F.softplus(fake_logits).mean(),
            Text(
                "this is log(1 - D(G(z))), which is flat where the judge is sure, so that a beginner learns nothing; "
                "take the non-saturating form.",
                "これは log(1 - D(G(z))) です。識別器に自信があるところで平らになり、始めたばかりの生成器は何も学べま"
                "せん。飽和しない形を使ってください。",
            ),
        ),
        "label_of_the_judge": Misconception(
            lambda fake_logits: F.softplus(fake_logits).mean(),
            Text(
                "this is what the judge wants, the label 0: a painter that makes it small paints worse and worse.",
                "これは識別器の望み（ラベル 0）です。これを小さくする生成器は、どんどん下手になってしまいます。",
            ),
        ),
        "negative": Misconception(
            lambda fake_logits: F.logsigmoid(fake_logits).mean(),
            Text(
                "the sign is missing: log D(G(z)) is to become large, and an optimizer makes things small.",
                "符号が抜けています。log D(G(z)) は大きくしたい量ですが、オプティマイザは小さくするものです。",
            ),
        ),
        "sigmoid_twice": Misconception(
            lambda fake_logits: -F.logsigmoid(fake_logits.sigmoid()).mean(),
            Text(
                "the sigmoid is taken twice: the loss has its own, so give it the logits.",
                "シグモイドを 2 回かけています。損失の中にもシグモイドがあるので、ロジットをそのまま渡してください。",
            ),
        ),
        "sum": Misconception(
            lambda fake_logits: -F.logsigmoid(fake_logits).sum(),
            Text(
                "you sum over the pictures where you should average.",
                "画像について、平均ではなく合計をとっています。",
            ),
        ),
        "no_logarithm": Misconception(
            lambda fake_logits: (1 - fake_logits.sigmoid()).mean(),
            Text(
                "this is the probability of being seen through; the loss is the negative logarithm of passing for "
                "real.",
                "見抜かれる確率そのものになっています。損失は、本物と思われる確率の対数に負号を付けたものです。",
            ),
        ),
        "rounded_probability": Misconception(
            lambda fake_logits: -fake_logits.sigmoid().log().mean(),
            Text(
                "the logarithm is taken of a probability that may have been rounded to 0, and is infinite then; "
                "logsigmoid goes there in one step.",
                "丸められて 0 になった確率の対数をとると、無限大になります。logsigmoid なら一度に計算できます。",
            ),
        ),
        "hinge": Misconception(
            lambda fake_logits: -fake_logits.mean(),
            Text(
                "this is the painter's part of the hinge loss, the logits themselves; here it is a logarithm.",
                "これはヒンジ損失での生成器の項で、ロジットそのものです。ここでは対数を使います。",
            ),
        ),
        "least_squares": Misconception(
            lambda fake_logits: (fake_logits - 1).square().mean(),
            Text(
                "these are squares of distances to 1, as CycleGAN takes them; here it is a logarithm.",
                "CycleGAN が使う、1 との差の 2 乗になっています。ここでは対数を使います。",
            ),
        ),
        "log_of_mean": Misconception(
            lambda fake_logits: -fake_logits.sigmoid().mean().clamp(min=1e-38).log(),
            Text(
                "the logarithm is taken of the mean; it is the mean of the logarithms.",
                "平均の対数になっています。対数の平均をとってください。",
            ),
        ),
        "halved": Misconception(
            lambda fake_logits: -F.logsigmoid(fake_logits).mean() / 2,
            Text("there is a factor of one half too many.", "余分な 1/2 が掛かっています。"),
        ),
        "clamped": Misconception(
            lambda fake_logits: -fake_logits.sigmoid().clamp(min=1e-7).log().mean(),
            Text(
                "probabilities are kept from 0 by a clamp, which has no slope: whoever is quite seen through learns "
                "nothing.",
                "clamp で確率が 0 にならないようにしていますが、そこでは傾きがなくなり、"
                "完全に見抜かれた生成器は何も学べません。",
            ),
        ),
    },
    off_limits=("t2ilab.training.adversarial_losses.generator_loss",),
)
