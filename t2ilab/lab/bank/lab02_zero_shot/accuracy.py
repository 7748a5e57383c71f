"""How often that is right: whether the true class is among the k best guesses."""

import torch

from t2ilab.lab.bank.lab02_zero_shot.weights import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def topk_accuracy(logits, labels, k):
    """The share of pictures whose true class is among the k classes with the largest logits.

    logits: (B, C), logits or probabilities; labels: int64 (B,), the true classes; k: int from 1 to C.
    Returns one number in [0, 1].
    """
    guesses = logits.topk(k, dim=-1).indices  # (B, k): the classes themselves, not their logits
    hits = (guesses == labels[:, None]).any(dim=-1)  # (B,): at most one of the k can be the true class
    return hits.float().mean()  # a share: the number of hits says nothing without that of the pictures


def _inputs(generator):
    def judged(classes):
        """Logits and labels: the true class is on place r of the guesses the more seldom, the larger r is.

        No two places are equally frequent, so that no wrong set of places has the right share.
        """
        counts = (torch.randperm(classes + 3, generator=generator)[:classes] + 1).sort(descending=True).values
        ranks = torch.arange(classes).repeat_interleave(counts)
        ranks = ranks[torch.randperm(len(ranks), generator=generator)]
        logits = torch.randn(len(ranks), classes, generator=generator)
        return logits, logits.argsort(1, descending=True)[torch.arange(len(ranks)), ranks]

    (logits, labels), (other_logits, other_labels) = judged(6), judged(4)
    return {
        "logits": logits, "labels": labels, "k": int(torch.randint(2, 4, (), generator=generator)),
        "other_logits": other_logits, "other_labels": other_labels,
    }  # fmt: skip


@cases
def _probe(topk_accuracy, inputs):
    logits, labels, k = inputs["logits"], inputs["labels"], inputs["k"]
    classes = logits.shape[1]
    # What turns a frequent mistake into an error comes later, so that the numbers before are on record.
    yield "first_guess", lambda: topk_accuracy(logits, labels, 1)
    yield "batch", lambda: topk_accuracy(logits, labels, k)
    yield "more_guesses", lambda: topk_accuracy(logits, labels, k + 1)
    yield "all_right", lambda: topk_accuracy(logits, logits.argmax(1), 1)
    yield "all_wrong", lambda: topk_accuracy(logits, logits.argmin(1), classes - 1)
    yield "single", lambda: topk_accuracy(logits[:1], logits[:1].argsort(1, descending=True)[:, k - 1], k)
    yield "probabilities", lambda: topk_accuracy(logits.softmax(1), labels, k)
    yield "float64", lambda: topk_accuracy(logits.double(), labels, k)
    yield "sizes", lambda: topk_accuracy(inputs["other_logits"], inputs["other_labels"], 2)
    yield "every_class", lambda: topk_accuracy(logits, labels, classes)


def _hits(find):
    """A wrong answer that finds other hits: find(logits, labels, k), booleans or numbers; their mean is the result."""
    return lambda logits, labels, k: find(logits, labels, k).float().mean()


def _right(logits, labels, k):
    """Which pictures are hits, booleans (B,); for wrong answers that get this right."""
    return (logits.topk(k).indices == labels[:, None]).any(1)


TOPK_ACCURACY = Exercise(
    name="topk_accuracy",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=topk_accuracy,
    hints=(
        Text(
            "For one picture: which k classes would you guess? And when are these guesses a hit?",
            "1 枚の画像について、どの k クラスを候補に挙げますか。また、どのようなとき当たりといえますか。",
        ),
        Text(
            "`logits.topk(k)` gives values and indices; the indices are classes. A picture is a hit if any of its k "
            "classes is its label. The result is the mean over the pictures.",
            "`logits.topk(k)` は値と添字を返します。添字がクラスの番号です。k 個のうちどれかがラベルと一致すれば"
            "当たりです。結果は、画像についての平均です。",
        ),
        Text(
            "Compare the indices (B, k) with the labels as a column (B, 1), reduce with `any` over the last axis, and "
            "take the mean of the booleans as floats.",
            "添字 (B, k) を、列 (B, 1) にしたラベルと比べ、最後の軸について `any` をとります。"
            "得られた真偽値を小数に直して、平均をとります。",
        ),
    ),
    properties={
        "ends": Property(
            lambda arrays, inputs: abs(arrays["all_right"] - 1) < 1e-6 and abs(arrays["all_wrong"]) < 1e-6,
            0.15,
            Text(
                "Where every first guess is right, the result must be 1; where no guess is right, 0.",
                "最初の候補がすべて正しければ 1、どの候補も正しくなければ 0 になるはずです。",
            ),
        ),
        "every_class": Property(
            lambda arrays, inputs: abs(arrays["every_class"] - 1) < 1e-6 and 0 < arrays["batch"] < 1,
            0.15,
            Text(
                "Whoever may guess all classes is always right: k = C must give 1.",
                "すべてのクラスを候補に挙げてよければ、必ず当たります。k = C では 1 になるはずです。",
            ),
        ),
        "more_guesses": Property(
            lambda arrays, inputs: 0 < arrays["first_guess"] < arrays["batch"] < arrays["more_guesses"] < 1,
            0.2,
            Text(
                "More guesses can only help: a larger k must give a larger share here, never above 1.",
                "候補が増えて不利になることはありません。ここでは k が大きいほど割合も大きく、1 を超えないはずです。",
            ),
        ),
    },
    misconceptions={
        "first_only": Misconception(
            _hits(lambda logits, labels, k: logits.argmax(1) == labels),
            Text(
                "k is not used: only the best guess counts.",
                "k が使われておらず、いちばんの候補しか見ていません。",
            ),
        ),
        "kth_only": Misconception(
            _hits(lambda logits, labels, k: logits.topk(k).indices[:, -1] == labels),
            Text(
                "you look at the k-th guess alone, not at all guesses up to it.",
                "k 番目の候補だけを見ています。1 番目から k 番目までのすべてではありません。",
            ),
        ),
        "smallest": Misconception(
            _hits(lambda logits, labels, k: (logits.topk(k, largest=False).indices == labels[:, None]).any(1)),
            Text(
                "you take the k smallest logits: sorting goes upwards unless told otherwise.",
                "小さいほうから k 個のロジットを選んでいます。指定しなければ、並べ替えは小さい順です。",
            ),
        ),
        "count": Misconception(
            lambda logits, labels, k: _right(logits, labels, k).sum(),
            Text(
                "you return how many pictures are hits, a whole number, not their share.",
                "当たりの割合ではなく、当たった画像の枚数を整数で返しています。",
            ),
        ),
        "sum": Misconception(
            lambda logits, labels, k: _right(logits, labels, k).float().sum(),
            Text(
                "you add up the hits, but do not divide by the number of pictures.",
                "当たりを合計したまま、画像の枚数で割っていません。",
            ),
        ),
        "percent": Misconception(
            lambda logits, labels, k: 100 * _right(logits, labels, k).float().mean(),
            Text("this is in percent, not a share in [0, 1].", "[0, 1] の割合ではなく、パーセントになっています。"),
        ),
        "errors": Misconception(
            _hits(lambda logits, labels, k: ~_right(logits, labels, k)),
            Text(
                "this is the share of pictures that are wrong.",
                "間違えた画像の割合になっています。",
            ),
        ),
        "divided_by_k": Misconception(
            _hits(lambda logits, labels, k: logits.topk(k).indices == labels[:, None]),
            Text(
                "you average over all k guesses of each picture; one hit among them is enough, and all there can be.",
                "k 個の候補すべてについて平均しています。候補の中で当たるのは多くても 1 つで、それで十分です。",
            ),
        ),
        "all_of_them": Misconception(
            _hits(lambda logits, labels, k: (logits.topk(k).indices == labels[:, None]).all(1)),
            Text(
                "you ask that all k guesses be the label, which two different classes cannot be.",
                "k 個の候補がすべてラベルと一致することを求めています。別々のクラスなので、それはありえません。",
            ),
        ),
        "any_picture": Misconception(
            _hits(lambda logits, labels, k: (logits.topk(k).indices == labels[:, None]).any()),
            Text(
                "`any()` without an axis is one answer for the whole batch, not one for each picture.",
                "軸を指定しない `any()` では、画像ごとではなく、バッチ全体で答えがひとつになります。",
            ),
        ),
        "guesses_of_others": Misconception(
            _hits(lambda logits, labels, k: torch.isin(labels, logits.topk(k).indices)),
            Text(
                "a label counts as a hit when it is among the guesses for any picture of the batch.",
                "バッチのどれかの画像の候補にラベルがあれば、当たりになってしまいます。",
            ),
        ),
        "over_the_batch": Misconception(
            _hits(lambda logits, labels, k: (logits.topk(k, dim=0).indices == labels[:, None]).any(1)),
            Text(
                "your top k runs over the pictures (dim 0): these indices are pictures, not classes.",
                "画像の軸（dim 0）で上位 k 個を選んでいます。その添字は画像の番号で、クラスではありません。",
            ),
        ),
        "labels_as_a_row": Misconception(
            _hits(lambda logits, labels, k: (logits.topk(k).indices == labels).any(1)),
            Text(
                "the labels (B,) line up with the k guesses, not with the pictures: they must be a column (B, 1).",
                "ラベル (B,) が、画像ではなく k 個の候補の軸に合わせられています。列 (B, 1) にする必要があります。",
            ),
        ),
        "labels_as_a_row_averaged": Misconception(
            _hits(lambda logits, labels, k: logits.topk(k).indices == labels),
            Text(
                "you compare every guess with the label of every picture: the labels must be a column (B, 1). And one "
                "hit for each picture is all there can be, so averaging over guesses would be wrong, too.",
                "どの候補も、すべての画像のラベルと比べられています。ラベルは列 (B, 1) にする必要があります。"
                "また、当たりは画像ごとに多くても 1 つなので、候補についての平均も誤りです。",
            ),
        ),
        "values": Misconception(
            _hits(lambda logits, labels, k: (logits.topk(k).values == labels[:, None]).any(1)),
            Text(
                "you compare labels with logits: `topk` gives the values first and the classes second.",
                "ラベルをロジットの値と比べています。`topk` が返すのは、1 つ目が値、2 つ目がクラスです。",
            ),
        ),
        "one_too_many": Misconception(
            _hits(lambda logits, labels, k: _right(logits, labels, k + 1)),
            Text("you allow k + 1 guesses.", "候補を k + 1 個まで許しています。"),
        ),
        "one_too_few": Misconception(
            _hits(lambda logits, labels, k: _right(logits, labels, k - 1)),
            Text("you allow only k - 1 guesses.", "候補が k - 1 個しかありません。"),
        ),
    },
    off_limits=(
        "t2ilab.clip.zeroshot.topk_accuracy",
        "torchmetrics.functional.classification.accuracy.multiclass_accuracy",
        "torchmetrics.classification.accuracy.MulticlassAccuracy",
        "sklearn.metrics.top_k_accuracy_score",
        "timm.utils.metrics.accuracy",
    ),
)
