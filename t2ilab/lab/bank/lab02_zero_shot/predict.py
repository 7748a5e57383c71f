"""What a picture is: the probabilities of all classes, from how near its vector is to each class's words."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab01_clip.draws import features, scale
from t2ilab.lab.bank.lab02_zero_shot.weights import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def zero_shot_predict(image_features, weights, logit_scale):
    """How probable each class is for each picture (Radford et al. 2021, section 3.1.2).

    image_features: (B, D), of any lengths; weights: (C, D), rows of length 1, one for each class; logit_scale: 0-d
    tensor, the multiplier itself. Returns (B, C): each picture's probabilities add up to 1.
    """
    images = F.normalize(image_features, dim=-1)
    # The logits that CLIP was trained with, texts now being classes.
    logits = logit_scale * images @ weights.T  # (B, C)
    return logits.softmax(dim=-1)  # the classes compete for a picture, not the pictures for a class


def _inputs(generator):
    # The first weights are nearly a picture's own, so that exp(100) leaves the range of float32.
    images = features(generator, 4, 6)
    weights = features(generator, 5, 6)
    weights[0] = F.normalize(images[0], dim=-1) + 0.1 * F.normalize(weights[0], dim=-1)
    return {
        "image_features": images, "weights": F.normalize(weights, dim=-1), "logit_scale": scale(generator, 4, 9),
        "other_image_features": features(generator, 7, 4),
        "other_weights": F.normalize(features(generator, 3, 4), dim=-1),
    }  # fmt: skip


@cases
def _probe(zero_shot_predict, inputs):
    images, weights, logit_scale = (inputs[name] for name in ("image_features", "weights", "logit_scale"))
    precise = F.normalize(weights.double(), dim=-1)  # of length 1 in float64 too
    yield "batch", lambda: zero_shot_predict(images, weights, logit_scale)
    yield "alone", lambda: torch.cat([zero_shot_predict(image[None], weights, logit_scale) for image in images])
    yield "scaled", lambda: zero_shot_predict(0.2 * images, weights, logit_scale)
    yield "single", lambda: zero_shot_predict(images[:1], weights, logit_scale)
    yield "float64", lambda: zero_shot_predict(images.double(), precise, logit_scale.double())
    yield "sizes", lambda: zero_shot_predict(inputs["other_image_features"], inputs["other_weights"], logit_scale)
    yield "large_scale", lambda: zero_shot_predict(images, weights, torch.tensor(100.0))


def _logits(image_features, weights, logit_scale):
    return logit_scale * F.normalize(image_features, dim=-1) @ weights.T


def _softmax_of(logits):
    """A wrong answer that ends right: logits(image_features, weights, logit_scale) -> (B, C)."""
    return lambda image_features, weights, logit_scale: logits(image_features, weights, logit_scale).softmax(-1)


def _ending(end):
    """A wrong answer of the right logits (B, C): end(logits) gives its result."""
    return lambda image_features, weights, logit_scale: end(_logits(image_features, weights, logit_scale))


def _are_probabilities(arrays):
    batch = arrays["batch"]
    return batch.shape == (4, 5) and batch.min() >= 0 and abs(batch.sum(1) - 1).max() < 1e-4


def _as_the_cosine_says(arrays, inputs):
    """The nearest class is the most probable, and none is impossible."""
    best = _logits(inputs["image_features"], inputs["weights"], 1).argmax(1).numpy()
    return _are_probabilities(arrays) and (arrays["batch"].argmax(1) == best).all() and arrays["batch"].min() > 0


ZERO_SHOT_PREDICT = Exercise(
    name="zero_shot_predict",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=zero_shot_predict,
    hints=(
        Text(
            "These are the logits of Lab 01, with class weights in place of captions. Who competes for what now?",
            "Lab 01 のロジットで、キャプションがクラスの重みに代わっただけです。今度は、何が何をめぐって競いますか。",
        ),
        Text(
            "Normalise the pictures (the weights have the length 1 already), take the cosine with every class, "
            "multiply by logit_scale, and let a softmax share out the probability 1 among the classes.",
            "画像を正規化し（重みの長さはすでに 1 です）、各クラスとのコサインを求め、logit_scale を掛けます。"
            "最後に softmax で、確率 1 をクラスの間で分け合います。",
        ),
        Text(
            "The logits are (B, C): logit_scale times the product of the normalised pictures and the transposed "
            "weights. The softmax runs over the last axis.",
            "ロジットは (B, C) で、正規化した画像と転置した重みの積に logit_scale を掛けたものです。"
            "softmax は最後の軸についてとります。",
        ),
    ),
    properties={
        "sums": Property(
            lambda arrays, inputs: _are_probabilities(arrays) and arrays["batch"].std() > 1e-3,
            0.1,
            Text(
                "The probabilities of all classes must add up to 1 for each picture.",
                "どの画像でも、全クラスの確率の和は 1 になるはずです。",
            ),
        ),
        "alone": Property(
            lambda arrays, inputs: (
                abs(arrays["alone"] - arrays["batch"]).max() < 1e-4
                and arrays["batch"].shape == (4, 5)
                and arrays["batch"].std() > 1e-3
            ),
            0.1,
            Text(
                "What a picture is must not depend on the other pictures of the batch.",
                "画像が何であるかは、バッチのほかの画像によらないはずです。",
            ),
        ),
        "nearest": Property(
            _as_the_cosine_says,
            0.2,
            Text(
                "The class with the largest cosine must be the most probable, and no class impossible.",
                "コサインがいちばん大きいクラスの確率が最大になり、どのクラスの確率も 0 にはならないはずです。",
            ),
        ),
        "scaled": Property(
            lambda arrays, inputs: (
                abs(arrays["scaled"] - arrays["batch"]).max() < 1e-4
                and arrays["batch"].shape == (4, 5)
                and arrays["batch"].std() > 1e-3
            ),
            0.1,
            Text(
                "Making a picture's features longer or shorter must change nothing: only their direction counts.",
                "画像の特徴ベクトルの長さを変えても、確率は変わらないはずです。大切なのは向きだけです。",
            ),
        ),
    },
    misconceptions={
        "over_pictures": Misconception(
            _ending(lambda logits: logits.softmax(0)),
            Text(
                "your softmax runs over the pictures (dim 0): each class adds up to 1, each picture does not.",
                "softmax が画像の軸（dim 0）にかかっています。和が 1 になるのはクラスごとで、画像ごとではありません。",
            ),
        ),
        "over_everything": Misconception(
            _ending(lambda logits: logits.flatten().softmax(0).reshape(logits.shape)),
            Text(
                "your softmax runs over all pictures and classes at once, so that the whole batch shares the 1.",
                "softmax がすべての画像とクラスに一度にかかっていて、確率 1 をバッチ全体で分け合っています。",
            ),
        ),
        "scale_lost": Misconception(
            _softmax_of(lambda x, w, s: _logits(x, w, 1)),
            Text(
                "logit_scale has no effect, so that all classes are nearly equally probable: you leave it out, or you "
                "multiply by it before you normalise.",
                "logit_scale の効果がなく、どのクラスもほぼ同じ確率です。使っていないか、"
                "正規化の前に掛けたために消えています。",
            ),
        ),
        "divided": Misconception(
            _softmax_of(lambda x, w, s: _logits(x, w, 1 / s)),
            Text(
                "you divide by logit_scale as if it were the temperature; it is one over that.",
                "logit_scale を温度とみなして割っています。logit_scale は温度の逆数です。",
            ),
        ),
        "exponential": Misconception(
            _softmax_of(lambda x, w, s: _logits(x, w, torch.as_tensor(s).exp())),
            Text(
                "you take exp of logit_scale; the model's parameter is a logarithm, but this argument no longer is.",
                "logit_scale の exp をとっています。モデルのパラメータは対数ですが、"
                "この引数はすでに exp をとったあとの値です。",
            ),
        ),
        "scale_after": Misconception(
            lambda x, w, s: s * _logits(x, w, 1).softmax(-1),
            Text(
                "you multiply the probabilities by logit_scale, so that they no longer add up to 1.",
                "logit_scale を確率のほうに掛けているので、和が 1 になりません。",
            ),
        ),
        "not_normalised": Misconception(
            _softmax_of(lambda x, w, s: s * x @ w.T),
            Text(
                "the pictures' features are not normalised: a long vector makes any answer look certain.",
                "画像の特徴ベクトルが正規化されていません。ベクトルが長いだけで、自信のある答えに見えてしまいます。",
            ),
        ),
        "over_the_batch": Misconception(
            _softmax_of(lambda x, w, s: s * F.normalize(x, dim=0) @ w.T),
            Text(
                "you normalise the pictures over the batch (dim 0), which mixes them.",
                "画像をバッチの軸（dim 0）で正規化しているため、別々の画像が混ざっています。",
            ),
        ),
        "logits": Misconception(
            _ending(lambda logits: logits),
            Text(
                "these are logits, some of them negative; the softmax is missing.",
                "これはロジットで、負の値もあります。softmax が抜けています。",
            ),
        ),
        "logarithms": Misconception(
            _ending(lambda logits: logits.log_softmax(-1)),
            Text(
                "these are logarithms of probabilities, none above 0.",
                "確率の対数になっているので、どの値も 0 以下です。",
            ),
        ),
        "sigmoid": Misconception(
            _ending(lambda logits: logits.sigmoid()),
            Text(
                "you judge every class by itself with a sigmoid, so that they do not compete.",
                "シグモイドでクラスを 1 つずつ判定しているので、クラスどうしが競っていません。",
            ),
        ),
        "certain": Misconception(
            _ending(lambda logits: F.one_hot(logits.argmax(-1), logits.shape[1]).to(logits.dtype)),
            Text(
                "you give the best class 1 and all others 0: how sure the model is, is lost.",
                "最良のクラスを 1、ほかをすべて 0 にしています。モデルの確信の度合いが失われています。",
            ),
        ),
        "best_class": Misconception(
            _ending(lambda logits: logits.argmax(-1)),
            Text(
                "you return the number of the best class, (B,), not the probabilities of all.",
                "最良のクラスの番号 (B,) を返しています。全クラスの確率ではありません。",
            ),
        ),
        "best_probability": Misconception(
            _ending(lambda logits: logits.softmax(-1).amax(-1)),
            Text(
                "you return only the largest probability of each picture, (B,).",
                "画像ごとに最大の確率だけ、(B,) を返しています。",
            ),
        ),
        "softmax_twice": Misconception(
            _ending(lambda logits: logits.softmax(-1).softmax(-1)),
            Text(
                "you take the softmax twice, which makes all classes nearly equally probable.",
                "softmax を 2 回とっているので、どのクラスもほぼ同じ確率になっています。",
            ),
        ),
        "shares": Misconception(
            _ending(lambda logits: logits / logits.sum(-1, keepdim=True)),
            Text(
                "you divide the logits by their sum: a negative logit then gives a negative probability.",
                "ロジットをその和で割っています。これでは、負のロジットから負の確率が出てしまいます。",
            ),
        ),
        "transposed": Misconception(
            _ending(lambda logits: logits.softmax(-1).T),
            Text(
                "rows and columns are exchanged: your rows are the classes.",
                "行と列が逆で、クラスが行になっています。",
            ),
        ),
        "exp_by_hand": Misconception(
            _ending(lambda logits: logits.exp() / logits.exp().sum(-1, keepdim=True)),
            Text(
                "right for small scales, but exp(100) is infinite in float32, and infinity over infinity is NaN: "
                "softmax subtracts the largest logit first.",
                "logit_scale が小さければ正解ですが、float32 では exp(100) が無限大になり、無限大どうしの割り算は "
                "NaN になります。softmax なら、先に最大のロジットを引いてくれます。",
            ),
        ),
    },
    off_limits=("t2ilab.clip.zeroshot.zero_shot_predict",),
)
