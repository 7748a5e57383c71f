"""What the judge is asked for: to tell real pictures from painted ones."""

import math

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab13_gans.draws import LAB, logits, slopes
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def discriminator_loss(real_logits, fake_logits):
    """How badly the judge tells real from painted, in nats (Goodfellow et al. 2014, eq. 1, as a loss).

    real_logits: any shape, what it says of real pictures; fake_logits: of painted ones, perhaps of another
    shape. Above 0 means "real": the probability is sigmoid(logit).
    Returns a 0-d tensor with a gradient: the mean over the real ones plus the mean over the painted ones.
    """
    # -log D(x) and -log(1 - D(G(z))), straight from the logits: a probability that is rounded to 0
    # would have no logarithm.
    of_real = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    of_fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return of_real + of_fake


def _inputs(generator):
    return {
        "real_logits": logits(generator, 6),
        "fake_logits": -0.8 * logits(generator, 4) - 0.3,  # another number, so that one mean over both is none of two
        "sure": 130 + 40 * torch.rand(3, generator=generator),
        "patches": logits(generator, 2, 3, 4),
        "fake_patches": logits(generator, 3, 3, 4),
    }


@cases
def _probe(discriminator_loss, inputs):
    real, fake = inputs["real_logits"], inputs["fake_logits"]
    yield "batch", lambda: discriminator_loss(real, fake)
    yield "undecided", lambda: discriminator_loss(0 * real, 0 * fake)
    yield "better_judge", lambda: discriminator_loss(real + 1, fake - 1)
    yield "gradient", lambda: slopes(discriminator_loss, real, fake)
    yield "single", lambda: discriminator_loss(real[:1], fake[:1])
    yield "patches", lambda: discriminator_loss(inputs["patches"], inputs["fake_patches"])
    yield "sure_and_right", lambda: discriminator_loss(inputs["sure"], -inputs["sure"])
    yield "sure_and_wrong", lambda: discriminator_loss(-inputs["sure"], inputs["sure"])
    yield "float64", lambda: discriminator_loss(real.double(), fake.double())


def _mistaken(of_real, of_fake, join=lambda real, fake: real + fake):
    """A loss with one fault: in either part, or in how the two are put together."""
    return lambda real_logits, fake_logits: join(of_real(real_logits), of_fake(fake_logits))


def _real(logits):
    return F.softplus(-logits).mean()


def _fake(logits):
    return F.softplus(logits).mean()


def _one_mean(real_logits, fake_logits):
    return torch.cat([F.softplus(-real_logits).flatten(), F.softplus(fake_logits).flatten()]).mean()


DISCRIMINATOR_LOSS = Exercise(
    name="discriminator_loss",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=discriminator_loss,
    hints=(
        Text(
            "Two classifications with a known answer each. What should the judge say of a real picture, and what of a "
            "painted one?",
            "答えの分かっている分類が 2 つあります。"
            "識別器は、本物の画像と描かれた画像を、それぞれ何と答えるべきですか。",
        ),
        Text(
            "The cross-entropy of the real ones with the label 1, and that of the painted ones with the label 0. There "
            "is a function that takes logits as they are.",
            "本物にはラベル 1、描かれたものにはラベル 0 を使い、交差エントロピーを求めます。"
            "ロジットをそのまま受け取る関数があります。",
        ),
        Text(
            "F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits)), and the same of "
            "fake_logits with torch.zeros_like; their sum.",
            "F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits)) と、fake_logits について "
            "torch.zeros_like を使った同じものを足します。",
        ),
    ),
    properties={
        "undecided": Property(
            lambda arrays, inputs: (
                arrays["batch"].shape == ()
                and abs(arrays["undecided"] - 2 * math.log(2)) < 1e-4
                and abs(arrays["batch"] - arrays["better_judge"]) > 1e-3
            ),
            0.25,
            Text(
                "A judge that cannot tell at all, with logits of 0, must have the loss 2 ln 2.",
                "まったく見分けられず、ロジットがすべて 0 なら、損失は 2 ln 2 になるはずです。",
            ),
        ),
        "better_judge": Property(
            lambda arrays, inputs: arrays["batch"].shape == () and 0 < arrays["better_judge"] < arrays["batch"] - 1e-3,
            0.25,
            Text(
                "Higher logits for real pictures and lower ones for painted ones must make the loss smaller.",
                "本物のロジットを上げ、描かれたもののロジットを下げると、損失は小さくなるはずです。",
            ),
        ),
    },
    misconceptions={
        "labels_swapped": Misconception(
            _mistaken(_fake, _real),
            Text(
                "the labels are exchanged: the judge is rewarded for calling painted pictures real.",
                "ラベルが逆です。描かれた画像を本物と答えるほど、損失が小さくなってしまいます。",
            ),
        ),
        "sigmoid_twice": Misconception(
            _mistaken(lambda x: _real(x.sigmoid()), lambda x: _fake(x.sigmoid())),
            Text(
                "the sigmoid is taken twice: binary_cross_entropy_with_logits has its own, so give it the logits.",
                "シグモイドを 2 回かけています。binary_cross_entropy_with_logits の中にもシグモイドがあるので、"
                "ロジットをそのまま渡してください。",
            ),
        ),
        "all_real": Misconception(
            _mistaken(_real, _real),
            Text(
                "both parts have the label 1: painted pictures are to be recognised as painted.",
                "両方のラベルが 1 になっています。描かれた画像は、描かれたものと見抜くべきです。",
            ),
        ),
        "all_fake": Misconception(
            _mistaken(_fake, _fake),
            Text(
                "both parts have the label 0: real pictures are to be recognised as real.",
                "両方のラベルが 0 になっています。本物の画像は、本物と答えるべきです。",
            ),
        ),
        "halved": Misconception(
            _mistaken(_real, _fake, lambda real, fake: (real + fake) / 2),
            Text(
                "the mean of both parts is taken; here it is their sum.",
                "2 つの平均になっています。ここでは和をとります。",
            ),
        ),
        "one_mean": Misconception(
            _one_mean,
            Text(
                "one mean is taken over all logits together; each part has a mean of its own.",
                "すべてのロジットをまとめて平均しています。本物と描かれたものを、別々に平均してください。",
            ),
        ),
        "sum": Misconception(
            _mistaken(lambda x: F.softplus(-x).sum(), lambda x: F.softplus(x).sum()),
            Text(
                "you sum over the pictures where you should average: the loss would grow with the batch.",
                "画像について平均ではなく合計をとっています。これではバッチが大きいほど損失も大きくなります。",
            ),
        ),
        "only_real": Misconception(
            _mistaken(_real, lambda x: 0 * x.sum()),
            Text(
                "the painted pictures are left out: a judge that calls everything real would be perfect.",
                "描かれた画像が抜けています。これでは、何でも本物と答える識別器が最良になってしまいます。",
            ),
        ),
        "only_fake": Misconception(
            _mistaken(lambda x: 0 * x.sum(), _fake),
            Text(
                "the real pictures are left out: a judge that calls nothing real would be perfect.",
                "本物の画像が抜けています。これでは、何も本物と答えない識別器が最良になってしまいます。",
            ),
        ),
        "negative": Misconception(
            _mistaken(_real, _fake, lambda real, fake: -real - fake),
            Text(
                "this is what the judge maximises, as the paper has it; an optimizer minimises, so turn the sign.",
                "これは論文のとおり、識別器が最大化する量です。オプティマイザは最小化するので、符号を変えてください。",
            ),
        ),
        "difference": Misconception(
            _mistaken(_real, _fake, lambda real, fake: real - fake),
            Text(
                "the part of the painted pictures is taken away; both are to become small.",
                "描かれた画像の項を引いています。どちらも小さくしたいので、足してください。",
            ),
        ),
        "no_logarithm": Misconception(
            _mistaken(lambda x: (1 - x.sigmoid()).mean(), lambda x: x.sigmoid().mean()),
            Text(
                "these are probabilities of being wrong; the loss is the negative logarithm of being right.",
                "間違える確率そのものになっています。損失は、正しく答える確率の対数に負号を付けたものです。",
            ),
        ),
        "rounded_probability": Misconception(
            _mistaken(lambda x: -x.sigmoid().log().mean(), lambda x: -(1 - x.sigmoid()).log().mean()),
            Text(
                "the logarithm is taken of a probability that may have been rounded to 0, and is infinite then; go "
                "from the logits straight to the loss.",
                "丸められて 0 になった確率の対数をとると、無限大になります。ロジットから直接、損失を求めてください。",
            ),
        ),
        "hinge": Misconception(
            _mistaken(lambda x: F.relu(1 - x).mean(), lambda x: F.relu(1 + x).mean()),
            Text(
                "this is the hinge loss of 2018; here it is the cross-entropy of 2014.",
                "これは 2018 年のヒンジ損失です。ここでは 2014 年の交差エントロピーを使います。",
            ),
        ),
        "least_squares": Misconception(
            _mistaken(lambda x: (x - 1).square().mean(), lambda x: x.square().mean()),
            Text(
                "these are squares of distances to 1 and 0, as CycleGAN takes them; here it is the cross-entropy.",
                "CycleGAN が使う、1 や 0 との差の 2 乗になっています。ここでは交差エントロピーです。",
            ),
        ),
        "no_gradient_of_fake": Misconception(
            _mistaken(_real, lambda x: _fake(x.detach())),
            Text(
                "fake_logits are detached: they are counted, but the judge learns nothing from painted pictures.",
                "fake_logits が detach されています。数えられるだけで、識別器は描かれた画像から何も学べません。",
            ),
        ),
    },
    off_limits=("t2ilab.training.adversarial_losses.discriminator_loss",),
)
