"""Every picture beside every caption: cosines, made as large as a softmax needs them."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab01_clip.draws import LAB, cosines, features, gradient, scale
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def similarity_logits(image_features, text_features, logit_scale):
    """How well each picture fits each text, as logits: the cosine of the angle between them, times logit_scale.

    image_features: (N, D), text_features: (M, D), of any lengths; logit_scale: 0-d tensor, the multiplier itself.
    Returns (N, M): pictures in rows.
    """
    # Only directions count: a long vector must not win because it is long.
    images = F.normalize(image_features, dim=-1)
    texts = F.normalize(text_features, dim=-1)
    # Cosines lie in [-1, 1], too close together for a softmax to be sure of anything.
    return logit_scale * images @ texts.T  # (N, M)


def _inputs(generator):
    return {
        "image_features": features(generator, 4, 6), "text_features": features(generator, 4, 6),
        "logit_scale": scale(generator, 5, 20),
        "other_image_features": features(generator, 3, 5), "other_text_features": features(generator, 7, 5),
    }  # fmt: skip


@cases
def _probe(similarity_logits, inputs):
    images, texts, logit_scale = (inputs[name] for name in ("image_features", "text_features", "logit_scale"))

    def slopes():
        given = [x.clone().requires_grad_() for x in (images, texts, logit_scale)]
        return gradient(similarity_logits(*given), given)

    yield "batch", lambda: similarity_logits(images, texts, logit_scale)
    yield "itself", lambda: similarity_logits(images, images, logit_scale)
    yield "scaled", lambda: similarity_logits(3 * images, 0.2 * texts, logit_scale)
    yield "swapped", lambda: similarity_logits(texts, images, logit_scale)
    yield "single", lambda: similarity_logits(images[:1], texts[:1], logit_scale)
    yield "float64", lambda: similarity_logits(images.double(), texts.double(), logit_scale.double())
    yield "gradient", slopes
    yield "sizes", lambda: similarity_logits(inputs["other_image_features"], inputs["other_text_features"], logit_scale)


def _compared(compare):
    """A wrong answer of the right scale: compare(image_features, text_features) -> (N, M)."""
    return lambda image_features, text_features, logit_scale: logit_scale * compare(image_features, text_features)


def _scaled(rescale):
    """A wrong answer of the right cosines (N, M): rescale(cosines, logit_scale) -> (N, M)."""
    return lambda image_features, text_features, logit_scale: rescale(
        cosines(image_features, text_features), logit_scale
    )


def _equal(some, others):
    """Whether two arrays are the same but for rounding, and not the same number everywhere."""
    return abs(some - others).max() < 1e-4 * abs(others).max() and others.std() > 1e-2


SIMILARITY_LOGITS = Exercise(
    name="similarity_logits",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=similarity_logits,
    hints=(
        Text(
            "You have met cosines in Lab 00. What does logit_scale do to a cosine, and where do the pictures stand?",
            "コサインは Lab 00 で学びました。logit_scale はコサインをどう変えますか。画像は行と列のどちらですか。",
        ),
        Text(
            "Divide every feature by its own length, take the dot product of each picture with each text, and multiply "
            "the result by logit_scale.",
            "特徴ベクトルをそれぞれの長さで割り、画像とテキストのすべての組み合わせで内積をとり、"
            "結果に logit_scale を掛けます。",
        ),
        Text(
            "`F.normalize(..., dim=-1)` makes both of length 1; the matrix product of the pictures (N, D) with the "
            "transposed texts (D, M) is (N, M); the scale multiplies that.",
            "`F.normalize(..., dim=-1)` で両方の長さを 1 にします。画像 (N, D) と転置したテキスト (D, M) の行列積が "
            "(N, M) です。そこに logit_scale を掛けます。",
        ),
    ),
    properties={
        "itself": Property(
            lambda arrays, inputs: (
                abs(arrays["itself"].diagonal() - inputs["logit_scale"].item()).max() < 1e-3
                and abs(arrays["itself"]).mean() < 0.99 * inputs["logit_scale"].item()
            ),
            0.2,
            Text(
                "A vector compared with itself has the cosine 1, so that its logit must be logit_scale.",
                "同じベクトルどうしのコサインは 1 なので、ロジットは logit_scale になるはずです。",
            ),
        ),
        "scaled": Property(
            lambda arrays, inputs: _equal(arrays["scaled"], arrays["batch"]),
            0.15,
            Text(
                "Making features longer or shorter must change nothing: only their direction counts.",
                "特徴ベクトルの長さを変えても結果は変わらないはずです。大切なのは向きだけです。",
            ),
        ),
        "swapped": Property(
            lambda arrays, inputs: _equal(arrays["swapped"], arrays["batch"].T) and arrays["sizes"].shape == (3, 7),
            0.15,
            Text(
                "With pictures and texts exchanged, rows and columns must be exchanged and nothing else.",
                "画像とテキストを入れ替えたら、行と列だけが入れ替わるはずです。",
            ),
        ),
    },
    misconceptions={
        "not_normalised": Misconception(
            _compared(lambda a, b: a @ b.T),
            Text(
                "these are dot products of the features as they came, so that long vectors win.",
                "もとの特徴ベクトルのまま内積をとっているので、長いベクトルほど大きくなります。",
            ),
        ),
        "texts_not_normalised": Misconception(
            _compared(lambda a, b: F.normalize(a, dim=-1) @ b.T),
            Text(
                "only the pictures are normalised; the lengths of the texts still count.",
                "画像だけが正規化されていて、テキストの長さが結果に残っています。",
            ),
        ),
        "images_not_normalised": Misconception(
            _compared(lambda a, b: a @ F.normalize(b, dim=-1).T),
            Text(
                "only the texts are normalised; the lengths of the pictures still count.",
                "テキストだけが正規化されていて、画像の長さが結果に残っています。",
            ),
        ),
        "wrong_axis": Misconception(
            _compared(lambda a, b: F.normalize(a, dim=0) @ F.normalize(b, dim=0).T),
            Text(
                "you normalise over the batch (dim 0), which mixes different pictures.",
                "バッチの軸（dim 0）で正規化しているため、別々の画像が混ざっています。",
            ),
        ),
        "whole_matrix": Misconception(
            _compared(lambda a, b: (a / a.norm()) @ (b / b.norm()).T),
            Text(
                "`norm()` without `dim` is one length for the whole batch; each feature has its own.",
                "`dim` のない `norm()` はバッチ全体でひとつの長さです。長さは特徴ベクトルごとに違います。",
            ),
        ),
        "squared_length": Misconception(
            _compared(lambda a, b: (a / a.square().sum(-1, keepdim=True)) @ (b / b.square().sum(-1, keepdim=True)).T),
            Text(
                "you divide by the squared length: the square root is missing.",
                "長さの 2 乗で割っています。平方根が抜けています。",
            ),
        ),
        "scale_lost": Misconception(
            _scaled(lambda c, s: c),
            Text(
                "logit_scale has no effect: you leave it out, or you multiply by it before you normalise, which "
                "divides it away again.",
                "logit_scale の効果がありません。使っていないか、正規化の前に掛けたために割り算で消えています。",
            ),
        ),
        "logits_normalised": Misconception(
            lambda a, b, s: F.normalize(s * a @ b.T, dim=-1),
            Text(
                "you normalise after multiplying: each row of logits gets the length 1, the features do not.",
                "積をとったあとに正規化しています。長さが 1 になるのはロジットの行で、特徴ベクトルではありません。",
            ),
        ),
        "divided": Misconception(
            _scaled(lambda c, s: c / s),
            Text(
                "you divide by logit_scale as if it were the temperature; it is one over that.",
                "logit_scale を温度とみなして割っています。logit_scale は温度の逆数です。",
            ),
        ),
        "exponential": Misconception(
            _scaled(lambda c, s: torch.as_tensor(s).exp() * c),
            Text(
                "you take exp of logit_scale; the model's parameter is a logarithm, but this argument no longer is.",
                "logit_scale の exp をとっています。モデルのパラメータは対数ですが、"
                "この引数はすでに exp をとったあとの値です。",
            ),
        ),
        "scale_twice": Misconception(
            _scaled(lambda c, s: s * s * c),
            Text(
                "logit_scale is multiplied in twice, once with the pictures and once with the texts.",
                "画像とテキストの両方に logit_scale を掛けているので、2 回掛かっています。",
            ),
        ),
        "transposed": Misconception(
            lambda a, b, s: s * cosines(b, a),
            Text(
                "rows and columns are exchanged: your rows are the texts.",
                "行と列が逆で、テキストが行になっています。",
            ),
        ),
        "pairs_only": Misconception(
            _compared(lambda a, b: (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(-1)),
            Text(
                "you compare picture i with text i only; every picture is to be compared with every text.",
                "画像 i とテキスト i だけを比べています。すべての組み合わせを比べてください。",
            ),
        ),
        "probabilities": Misconception(
            _scaled(lambda c, s: (s * c).softmax(-1)),
            Text(
                "you have already taken the softmax; logits are what goes into it.",
                "softmax までとっています。ロジットとは、softmax に入れる前の値です。",
            ),
        ),
        "distance": Misconception(
            _compared(lambda a, b: torch.cdist(F.normalize(a, dim=-1), F.normalize(b, dim=-1))),
            Text(
                "these are distances: small where picture and text fit, large where they do not.",
                "これは距離です。合っている組ほど小さく、合わない組ほど大きくなってしまいます。",
            ),
        ),
        "scale_detached": Misconception(
            _scaled(lambda c, s: float(s) * c),
            Text(
                "no gradient comes back to logit_scale, so that it could not be learnt: use the tensor itself, "
                "without `.item()`, `float(...)` or `.detach()`.",
                "logit_scale に勾配が戻らないので、学習できません。`.item()` や `float(...)`、`.detach()` を使わず、"
                "テンソルのまま掛けてください。",
            ),
        ),
    },
    off_limits=(
        "torchmetrics.functional.pairwise.cosine.pairwise_cosine_similarity",
        "sklearn.metrics.pairwise.cosine_similarity",
    ),
)
