"""How clip_loss goes wrong: in the direction, the scale, the normalising, the labels, or what is done to the logits."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab01_clip.draws import cosines
from t2ilab.lab.definition import Misconception
from t2ilab.lab.messages import Text


def _own(logits):
    """The right labels."""
    return torch.arange(len(logits))


def _both(logits, labels=_own, **how):
    """The right loss of any logits (B, B), with labels(logits) in either direction."""
    return (F.cross_entropy(logits, labels(logits), **how) + F.cross_entropy(logits.T, labels(logits.T), **how)) / 2


def _judged(loss):
    """A wrong answer of the right logits: loss(logits) -> scalar."""
    return lambda image_features, text_features, logit_scale: loss(logit_scale * cosines(image_features, text_features))


def _of(logits):
    """A wrong answer of the right loss: logits(image_features, text_features, logit_scale) -> (B, B)."""
    return lambda image_features, text_features, logit_scale: _both(logits(image_features, text_features, logit_scale))


def _each(loss):
    """A wrong answer that treats both directions alike: loss(logits) -> scalar, of rows."""
    return _judged(lambda logits: (loss(logits) + loss(logits.T)) / 2)


def _by_exp(logits):
    """-log(exp(right) / sum of exp), as the formula stands."""
    return -(logits.exp().diagonal() / logits.exp().sum(1)).log().mean()


MISTAKES = {
    "images_only": Misconception(
        _judged(lambda logits: F.cross_entropy(logits, _own(logits))),
        Text(
            "only one direction counts: pictures choose among texts, texts never among pictures.",
            "片方の向きだけです。画像がテキストを選んでいますが、テキストは画像を選んでいません。",
        ),
    ),
    "texts_only": Misconception(
        _judged(lambda logits: F.cross_entropy(logits.T, _own(logits))),
        Text(
            "only one direction counts: texts choose among pictures, pictures never among texts.",
            "片方の向きだけです。テキストが画像を選んでいますが、画像はテキストを選んでいません。",
        ),
    ),
    "not_halved": Misconception(
        _judged(lambda logits: 2 * _both(logits)),
        Text(
            "both directions are there, but added up and not averaged.",
            "両方の向きがありますが、平均ではなく和になっています。",
        ),
    ),
    "sum": Misconception(
        _judged(lambda logits: _both(logits, reduction="sum")),
        Text(
            "you sum over the batch where you should average, so that the loss grows with it.",
            "バッチについて、平均ではなく合計しています。これではバッチが大きいほど損失も大きくなります。",
        ),
    ),
    "divided": Misconception(
        _of(lambda a, b, s: cosines(a, b) / s),
        Text(
            "you divide by logit_scale as if it were the temperature; it is one over that.",
            "logit_scale を温度とみなして割っています。logit_scale は温度の逆数です。",
        ),
    ),
    "scale_lost": Misconception(
        _of(lambda a, b, s: cosines(a, b)),
        Text(
            "logit_scale has no effect: you leave it out, or you multiply by it before you normalise, which divides "
            "it away again.",
            "logit_scale の効果がありません。使っていないか、正規化の前に掛けたために割り算で消えています。",
        ),
    ),
    "exponential": Misconception(
        _of(lambda a, b, s: torch.as_tensor(s).exp() * cosines(a, b)),
        Text(
            "you take exp of logit_scale; the model's parameter is a logarithm, but this argument no longer is.",
            "logit_scale の exp をとっています。モデルのパラメータは対数ですが、"
            "この引数はすでに exp をとったあとの値です。",
        ),
    ),
    "scale_on_the_loss": Misconception(
        lambda a, b, s: s * _both(cosines(a, b)),
        Text(
            "you multiply the loss by logit_scale, not the cosines.",
            "logit_scale を、コサインではなく損失に掛けています。",
        ),
    ),
    "not_normalised": Misconception(
        _of(lambda a, b, s: s * a @ b.T),
        Text(
            "the features are not normalised, so that the loss can be lowered by making them longer.",
            "特徴ベクトルが正規化されていません。これでは、ベクトルを長くするだけで損失が下がってしまいます。",
        ),
    ),
    "images_not_normalised": Misconception(
        _of(lambda a, b, s: s * a @ F.normalize(b, dim=-1).T),
        Text("the texts are normalised, the pictures are not.", "テキストは正規化されていますが、画像がまだです。"),
    ),
    "texts_not_normalised": Misconception(
        _of(lambda a, b, s: s * F.normalize(a, dim=-1) @ b.T),
        Text("the pictures are normalised, the texts are not.", "画像は正規化されていますが、テキストがまだです。"),
    ),
    "wrong_axis": Misconception(
        _of(lambda a, b, s: s * F.normalize(a, dim=0) @ F.normalize(b, dim=0).T),
        Text(
            "you normalise over the batch (dim 0), which mixes different pictures.",
            "バッチの軸（dim 0）で正規化しているため、別々の画像が混ざっています。",
        ),
    ),
    "logits_normalised": Misconception(
        _of(lambda a, b, s: F.normalize(s * a @ b.T, dim=-1)),
        Text(
            "you normalise after multiplying: each row of logits gets the length 1, the features do not.",
            "積をとったあとに正規化しています。長さが 1 になるのはロジットの行で、特徴ベクトルではありません。",
        ),
    ),
    "no_negatives": Misconception(
        _judged(lambda logits: -logits.diagonal().mean()),
        Text(
            "only the right pairs count: if all pictures and texts were the same vector, this would be perfect.",
            "正しい組だけを見ています。これでは、すべての画像とテキストが同じベクトルになれば満点です。",
        ),
    ),
    "softmax_twice": Misconception(
        _each(lambda logits: F.cross_entropy(logits.softmax(-1), _own(logits))),
        Text(
            "you take a softmax, and `F.cross_entropy` takes another one of it.",
            "softmax をとったものを `F.cross_entropy` に渡しています。その中でもう一度 softmax がとられます。",
        ),
    ),
    "no_logarithm": Misconception(
        _each(lambda logits: -logits.softmax(-1).diagonal().mean()),
        Text(
            "this is minus the mean probability of the right partner; the logarithm is missing.",
            "正しい相手の確率の平均に負号を付けたものです。対数が抜けています。",
        ),
    ),
    "sign": Misconception(
        _judged(lambda logits: -_both(logits)),
        Text(
            "the sign is wrong: your loss is largest, at 0, where every choice is right.",
            "符号が逆です。すべて正しく選べたときに、損失が最大の 0 になってしまいます。",
        ),
    ),
    "labels_of_zeros": Misconception(
        _judged(lambda logits: _both(logits, lambda x: torch.zeros(len(x), dtype=torch.long))),
        Text(
            "every label is 0: all pictures are to choose the first text.",
            "ラベルがすべて 0 なので、どの画像にも最初のテキストを選ばせています。",
        ),
    ),
    "labels_shifted": Misconception(
        _judged(lambda logits: _both(logits, lambda x: (torch.arange(len(x)) + 1) % len(x))),
        Text(
            "the labels are off by one: picture i is to choose text i + 1.",
            "ラベルが 1 つずれていて、画像 i にテキスト i + 1 を選ばせています。",
        ),
    ),
    "labels_of_the_best": Misconception(
        _judged(lambda logits: _both(logits, lambda x: x.argmax(1))),
        Text(
            "your labels are what each picture likes best already, so that nothing is learnt.",
            "それぞれの画像がすでにいちばん近いテキストを正解にしています。これでは何も学習しません。",
        ),
    ),
    "pairs_one_by_one": Misconception(
        _judged(lambda logits: F.binary_cross_entropy_with_logits(logits, torch.eye(len(logits), dtype=logits.dtype))),
        Text(
            "you judge every pair by itself with a sigmoid, as SigLIP does; here all texts compete for a picture.",
            "SigLIP のように、組を 1 つずつシグモイドで判定しています。ここでは、1 枚の画像をめぐって"
            "すべてのテキストが競います。",
        ),
    ),
    "one_hot_squares": Misconception(
        _judged(lambda logits: F.mse_loss(logits, torch.eye(len(logits), dtype=logits.dtype))),
        Text(
            "you compare the logits with the identity matrix by squares; the loss is a cross-entropy.",
            "ロジットと単位行列の二乗誤差になっています。求めるのは交差エントロピーです。",
        ),
    ),
    "all_pairs": Misconception(
        _each(lambda logits: -logits.log_softmax(-1).mean()),
        Text(
            "you average over all pairs of a picture with a text, right and wrong ones alike.",
            "正しい組もそうでない組も区別せず、すべての組について平均しています。",
        ),
    ),
    "exp_by_hand": Misconception(
        _each(_by_exp),
        Text(
            "right for small scales, but exp(100) is infinite in float32, and infinity over infinity is NaN. Trained "
            "models reach a scale of 100.",
            "logit_scale が小さければ正解ですが、float32 では exp(100) が無限大になり、無限大どうしの割り算は "
            "NaN になります。学習の進んだモデルの logit_scale は 100 に達します。",
        ),
    ),
    "log_of_softmax": Misconception(
        _each(lambda logits: -logits.softmax(-1).diagonal().log().mean()),
        Text(
            "right for small scales, but at 100 an exp leaves the range of float32: a probability becomes 0, or a sum "
            "infinite, and so does the logarithm. Stay in logarithms all the way.",
            "logit_scale が小さければ正解ですが、100 になると exp が float32 の範囲を超えます。確率が 0 に、"
            "あるいは和が無限大になり、対数も無限大になります。最初から最後まで対数のまま計算してください。",
        ),
    ),
    "scale_detached": Misconception(
        _of(lambda a, b, s: float(s) * cosines(a, b)),
        Text(
            "no gradient comes back to logit_scale, so that it could not be learnt: use the tensor itself, without "
            "`.item()`, `float(...)` or `.detach()`.",
            "logit_scale に勾配が戻らないので、学習できません。`.item()` や `float(...)`、`.detach()` を使わず、"
            "テンソルのまま掛けてください。",
        ),
    ),
}
