"""Which pairs of a picture and a text are worth keeping: LAION's filter."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab03_image_text_data.draws import LAB, cosines, on_axes, pairs, uniform
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def clip_filter(image_features, text_features, threshold):
    """Which pairs to keep: those whose picture and text are at least as alike as the threshold.

    image_features: (N, D) and text_features: (N, D), of any lengths; row i of both is one pair. threshold: a cosine.
    Returns (N,) booleans: True keeps the pair.
    """
    # With every row of length 1, a dot product is a cosine.
    images = F.normalize(image_features, dim=-1)
    texts = F.normalize(text_features, dim=-1)
    # Row by row, not `images @ texts.T`: each picture is compared with its own text only.
    similarity = (images * texts).sum(-1)  # (N,)
    return similarity >= threshold


# What one pair is: its cosine, its picture's length, its text's. The threshold is near 0.3, and near 0.7 where it is
# higher. For whichever of the lengths an answer lets count, a pair falls on the wrong side.
_KINDS = torch.tensor(
    [
        [0.60, 3.0, 0.1],
        [0.55, 0.1, 3.0],
        [0.50, 0.3, 6.0],
        [0.85, 2.5, 2.0],
        [0.97, 1.5, 1.5],
        [0.12, 5.0, 5.0],
        [0.14, 0.2, 6.0],
        [0.10, 6.0, 0.2],
        [-0.60, 2.0, 1.5],
        [-0.15, 0.5, 4.0],
    ]
)


def _inputs(generator):
    def drawn(kinds, d):
        kinds = kinds[torch.randperm(len(kinds), generator=generator)]
        image_features, text_features = pairs(generator, kinds[:, 0] + uniform(generator, -0.02, 0.02, len(kinds)), d)
        lengths = kinds[:, 1:] * uniform(generator, 0.9, 1.1, len(kinds), 2)
        return image_features * lengths[:, :1], text_features * lengths[:, 1:]

    image_features, text_features = drawn(_KINDS, 12)
    # Five pairs of 5 numbers: a sum over the wrong axis has the right shape there.
    other_image_features, other_text_features = drawn(_KINDS[[0, 2, 4, 5, 8]], 5)
    one_image_feature, one_text_feature = drawn(_KINDS[3:4], 12)
    return {
        "image_features": image_features, "text_features": text_features,
        "threshold": uniform(generator, 0.27, 0.33).item(), "higher": uniform(generator, 0.68, 0.72).item(),
        "other_image_features": other_image_features, "other_text_features": other_text_features,
        "one_image_feature": one_image_feature, "one_text_feature": one_text_feature,
        "axis_images": on_axes([(0, 2), (1, 4), (2, 1), (3, 2), (0, 8)]),
        "axis_texts": on_axes([(1, 4), (1, 2), (2, -2), (0, -1), (0, 4)]),
    }  # fmt: skip


@cases
def _probe(clip_filter, inputs):
    images, texts, threshold = (inputs[name] for name in ("image_features", "text_features", "threshold"))
    yield "batch", lambda: clip_filter(images, texts, threshold)
    yield "sizes", lambda: clip_filter(inputs["other_image_features"], inputs["other_text_features"], threshold)
    yield "single", lambda: clip_filter(inputs["one_image_feature"], inputs["one_text_feature"], threshold)
    yield "scaled", lambda: clip_filter(4 * images, 0.25 / images.norm(dim=-1, keepdim=True) * texts, threshold)
    yield "higher", lambda: clip_filter(images, texts, inputs["higher"])
    yield "float64", lambda: clip_filter(images.double(), texts.double(), threshold)
    yield "at_threshold", lambda: clip_filter(inputs["axis_images"], inputs["axis_texts"], 0.0)


def _own(a, b):
    return F.cosine_similarity(a, b, dim=-1)


def _unit(x):
    return F.normalize(x, dim=-1)


def _best_and_worst(arrays, inputs):
    """The pair that fits best is kept, the one that fits worst is not."""
    similarity = _own(inputs["image_features"], inputs["text_features"])
    kept = arrays["batch"]
    return (
        kept.shape == similarity.shape and kept.dtype == bool and kept[similarity.argmax()] > kept[similarity.argmin()]
    )


CLIP_FILTER = Exercise(
    name="clip_filter",
    lab=LAB,
    difficulty=1,
    minutes=8,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=clip_filter,
    hints=(
        Text(
            "One number for each pair says how well its text fits its picture. Which one does not depend on how long "
            "the two vectors are?",
            "テキストが画像にどれだけ合うかを、組ごとに 1 つの数で表します。ベクトルの長さによらない数は何でしょうか。",
        ),
        Text(
            "Divide every row by its length (`F.normalize`), multiply the rows of each pair number by number and sum "
            "over the last axis: (N,). Compare that with the threshold.",
            "各行をその長さで割り（`F.normalize`）、組ごとに要素どうしを掛けて最後の軸で合計すると、"
            "形状は (N,) になります。それをしきい値と比べます。",
        ),
        Text(
            "With both normalised along dim=-1, `(images * texts).sum(-1)` holds the cosines; at least the threshold "
            "is `>=`.",
            "両方を dim=-1 で正規化すれば、`(images * texts).sum(-1)` がコサイン類似度です。"
            "「しきい値以上」は `>=` で書けます。",
        ),
    ),
    properties={
        "best_and_worst": Property(
            _best_and_worst,
            0.2,
            Text(
                "The pair whose text fits best must be kept (True), and the one whose text fits worst must not.",
                "テキストがいちばん合う組は残り（True）、いちばん合わない組は残らないはずです。",
            ),
        ),
        "scaled": Property(
            lambda arrays, inputs: (
                arrays["scaled"].dtype == bool
                and (arrays["scaled"] == arrays["batch"]).all()
                and 0 < arrays["batch"].sum() < len(arrays["batch"])
            ),
            0.2,
            Text(
                "Making vectors longer or shorter must change nothing: only their directions count.",
                "ベクトルを長くしても短くしても、結果は変わらないはずです。大切なのは向きだけです。",
            ),
        ),
        "higher": Property(
            lambda arrays, inputs: (
                (arrays["higher"] <= arrays["batch"]).all() and 0 < arrays["higher"].sum() < arrays["batch"].sum()
            ),
            0.1,
            Text(
                "A higher threshold must keep fewer pairs, and none that a lower one drops.",
                "しきい値を上げると、残る組は減るはずです。低いしきい値で落ちた組が残ることもありません。",
            ),
        ),
    },
    misconceptions={
        "keeps_the_worst": Misconception(
            lambda images, texts, threshold: _own(images, texts) < threshold,
            Text(
                "you keep the pairs below the threshold, whose texts fit worst; True is to mean: keep it.",
                "しきい値より小さい組、つまりテキストが合わない組を残しています。True は「残す」という意味です。",
            ),
        ),
        "at_most": Misconception(
            lambda images, texts, threshold: _own(images, texts) <= threshold,
            Text(
                "your comparison is the wrong way round: with `<=` the badly fitting pairs stay.",
                "不等号の向きが逆です。`<=` では、合わない組のほうが残ってしまいます。",
            ),
        ),
        "strict": Misconception(
            lambda images, texts, threshold: _own(images, texts) > threshold,
            Text(
                "almost: a pair that lies exactly at the threshold is dropped by `>`, and it is to stay.",
                "あと少しです。`>` では、ちょうどしきい値に等しい組が落ちてしまいます。その組も残します。",
            ),
        ),
        "distance": Misconception(
            lambda images, texts, threshold: 1 - _own(images, texts) >= threshold,
            Text(
                "you compare a distance with the threshold: 1 - cosine is large where a text does not fit.",
                "しきい値と距離を比べています。1 - コサインは、テキストが合わないほど大きくなります。",
            ),
        ),
        "euclidean": Misconception(
            lambda images, texts, threshold: (_unit(images) - _unit(texts)).norm(dim=-1) <= threshold,
            Text(
                "you ask for a distance of at most the threshold. The threshold is a cosine, so compute a cosine.",
                "距離がしきい値以下かどうかを調べています。しきい値はコサインなので、コサインと比べてください。",
            ),
        ),
        "not_normalised": Misconception(
            lambda images, texts, threshold: (images * texts).sum(-1) >= threshold,
            Text(
                "this is the dot product, so that long vectors are kept whatever they say. Normalise both first.",
                "これは内積なので、向きに関係なく長いベクトルほど残ります。先に両方を正規化してください。",
            ),
        ),
        "only_images_normalised": Misconception(
            lambda images, texts, threshold: (_unit(images) * texts).sum(-1) >= threshold,
            Text(
                "only the pictures are normalised; the lengths of the texts still count.",
                "画像だけが正規化されていて、テキストの長さが結果に残っています。",
            ),
        ),
        "only_texts_normalised": Misconception(
            lambda images, texts, threshold: (images * _unit(texts)).sum(-1) >= threshold,
            Text(
                "only the texts are normalised; the lengths of the pictures still count.",
                "テキストだけが正規化されていて、画像の長さが結果に残っています。",
            ),
        ),
        "batch_axis": Misconception(
            lambda images, texts, threshold: (
                (F.normalize(images, dim=0) * F.normalize(texts, dim=0)).sum(-1) >= threshold
            ),
            Text(
                "you normalise over the batch (dim 0), which mixes different pairs. Each vector is a row: dim=-1.",
                "バッチの軸（dim 0）で正規化しているため、別々の組が混ざっています。"
                "ベクトルは行なので、dim=-1 を使ってください。",
            ),
        ),
        "whole_matrix": Misconception(
            lambda images, texts, threshold: (images / images.norm() * texts / texts.norm()).sum(-1) >= threshold,
            Text(
                "`norm()` without `dim` is one length for all rows together; every row has a length of its own.",
                "`dim` のない `norm()` は全部の行をまとめたひとつの長さです。長さは行ごとに違います。",
            ),
        ),
        "all_pairs": Misconception(
            lambda images, texts, threshold: cosines(images, texts) >= threshold,
            Text(
                "you compare every picture with every text, which gives (N, N); asked for is each with its own, (N,).",
                "すべての画像とすべてのテキストを比べているので (N, N) になっています。"
                "求めるのは自分の組どうしの (N,) です。",
            ),
        ),
        "any_text": Misconception(
            lambda images, texts, threshold: (cosines(images, texts) >= threshold).any(1),
            Text(
                "you keep a picture when any text of the batch fits it, not only its own.",
                "自分のテキストだけでなく、バッチのどれかのテキストが合えば画像を残しています。",
            ),
        ),
        "mean_for_sum": Misconception(
            lambda images, texts, threshold: (_unit(images) * _unit(texts)).mean(-1) >= threshold,
            Text(
                "you average the products where a dot product sums them: your numbers are D times too small.",
                "内積は積の合計ですが、平均をとっています。値が D 分の 1 になっています。",
            ),
        ),
        "sum_over_pairs": Misconception(
            lambda images, texts, threshold: (_unit(images) * _unit(texts)).sum(0) >= threshold,
            Text(
                "you sum over the pairs (dim 0), one number for each feature; sum over the features of each pair.",
                "組の軸（dim 0）で合計しているため、特徴ごとの数になっています。組ごとに特徴の軸で合計してください。",
            ),
        ),
        "absolute": Misconception(
            lambda images, texts, threshold: _own(images, texts).abs() >= threshold,
            Text(
                "without its sign, a cosine of -0.6 counts as a good fit; it says the opposite.",
                "絶対値をとると、コサインが -0.6 の組もよく合うことになってしまいます。実際はその逆です。",
            ),
        ),
        "share": Misconception(
            lambda images, texts, threshold: _own(images, texts) >= _own(images, texts).quantile(threshold),
            Text(
                "you drop a fixed share of the pairs, however well they fit; the threshold is a cosine.",
                "合い具合に関係なく、一定の割合の組を落としています。しきい値は割合ではなくコサインの値です。",
            ),
        ),
        "cosines_returned": Misconception(
            lambda images, texts, threshold: _own(images, texts),
            Text(
                "you return the cosines themselves; the decision is missing.",
                "コサイン類似度そのものを返しています。残すかどうかの判定がありません。",
            ),
        ),
        "places": Misconception(
            lambda images, texts, threshold: (_own(images, texts) >= threshold).nonzero().squeeze(-1),
            Text(
                "you return the numbers of the kept rows; asked for is True or False for every row.",
                "残す行の番号を返しています。求めるのは、すべての行についての True か False です。",
            ),
        ),
    },
    off_limits=("t2ilab.clip.retrieval.clip_filter",),
)
