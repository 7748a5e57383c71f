"""Which pictures say nothing new: near-duplicates, of which the first is kept."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab03_image_text_data.draws import LAB, cosines, on_axes, uniform
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def near_duplicates(features, threshold):
    """Which pictures to drop: those at least as alike as the threshold to an earlier picture that was kept.

    features: (N, D), of any lengths; threshold: a cosine. Returns (N,) booleans: True drops the picture.
    """
    features = F.normalize(features, dim=-1)
    drop = torch.zeros(len(features), dtype=torch.bool, device=features.device)
    for i in range(len(features)):
        # Only the earlier ones, or every picture would be its own duplicate; and of those only the kept
        # ones: a picture that is like a dropped one, but like none that stays, still shows something new.
        kept = features[:i][~drop[:i]]  # (K, D)
        similarity = kept @ features[i]  # (K,)
        drop[i] = (similarity >= threshold).any()  # any of none is False, so the first picture stays
    return drop


# Pictures lie in planes at right angles to one another, at these degrees. The threshold is the cosine of 21 to 25
# degrees: one step (13 to 17) is alike, two steps (28 and more) are not.
_CHAIN = [0, 15, 30, 45]  # one after the other: kept, dropped, kept, dropped
_STAR = [15, 0, 30]  # the middle one comes first, and is like both of the others
_COPIES = [0, 5]
_OPPOSITE = [0, 180]


def _at(generator, planes, d, order):
    """(N, D): planes is a list of lists of degrees; order holds each plane's number as often as it has pictures."""
    basis = torch.linalg.qr(torch.randn(d, d, generator=generator)).Q  # (D, D), rows at right angles
    taken, rows = [0] * len(planes), []
    for plane in order:
        angle = torch.deg2rad(planes[plane][taken[plane]] + uniform(generator, -1, 1))
        rows.append(angle.cos() * basis[2 * plane] + angle.sin() * basis[2 * plane + 1])
        taken[plane] += 1
    return torch.stack(rows)


def _inputs(generator):
    planes = [_CHAIN, _STAR, _COPIES, _OPPOSITE]
    # The first of every plane, then the others in any order, so that the like are seldom neighbours.
    firsts = torch.randperm(4, generator=generator).tolist()
    others = [plane for plane, angles in enumerate(planes) for _ in angles[1:]]
    others = [others[i] for i in torch.randperm(len(others), generator=generator)]
    batch = _at(generator, planes, 9, firsts + others)
    # Copies short enough for a dot product to miss them, and all others of any length.
    lengths = torch.tensor([[0.3] if plane == 2 else [3.0] for plane in firsts + others])
    return {
        "features": batch * lengths * uniform(generator, 0.7, 1.4, len(batch), 1),
        "threshold": uniform(generator, 21, 25).deg2rad().cos().item(),
        # Five pictures of 5 numbers: what mixes up the two axes has the right shape there.
        "other_features": _at(generator, [_STAR, _COPIES], 5, [0, 1, 1, 0, 0]) * uniform(generator, 0.3, 4, 5, 1),
        "chain": _at(generator, [_CHAIN], 5, [0, 0, 0]) * uniform(generator, 0.3, 4, 3, 1),
        "axes": on_axes([(0, 2), (1, 4), (0, -4), (2, 1), (0, 8)]),
        "lengths": uniform(generator, -2, 2, len(batch), 1).exp(),
    }  # fmt: skip


@cases
def _probe(near_duplicates, inputs):
    features, threshold = inputs["features"], inputs["threshold"]
    yield "batch", lambda: near_duplicates(features, threshold)
    yield "sizes", lambda: near_duplicates(inputs["other_features"], threshold)
    yield "single", lambda: near_duplicates(features[:1], threshold)
    yield "chain", lambda: near_duplicates(inputs["chain"], threshold)
    yield "copies", lambda: near_duplicates(features[1] * inputs["lengths"][:4], threshold)
    yield "scaled", lambda: near_duplicates(features * inputs["lengths"], threshold)
    yield "float64", lambda: near_duplicates(features.double(), threshold)
    yield "at_threshold", lambda: near_duplicates(inputs["axes"], 0.0)


def _one_by_one(is_duplicate, prepare=lambda features: F.normalize(features, dim=-1)):
    """A wrong answer that walks as it should, from is_duplicate(kept (K, D), own (D,), threshold); K is at least 1."""

    def wrong(features, threshold):
        rows = prepare(features)
        drop = torch.zeros(len(rows), dtype=torch.bool)
        for i in range(1, len(rows)):
            drop[i] = is_duplicate(rows[:i][~drop[:i]], rows[i], threshold)
        return drop

    return wrong


def _of_all(decide):
    """A wrong answer from decide(alike (N, N)), where alike[i, j] says that i and j are; nothing is looked at again."""
    return lambda features, threshold: decide(cosines(features, features) >= threshold)


def _of_masked(mask):
    """A wrong answer that sets a part of the cosines to 0 and compares all: at a threshold of 0 these zeros count."""
    return lambda features, threshold: (mask(cosines(features, features)) >= threshold).any(1)


def _neighbours(alike):
    drop = torch.zeros(len(alike), dtype=torch.bool)
    drop[1:] = alike.diagonal(1)
    return drop


def _keeps_the_last(features, threshold):
    return near_duplicates(features.flip(0), threshold).flip(0)


def _first_met_again(features, threshold):
    drop = near_duplicates(features, threshold)
    drop[0] = True
    return drop


def _kept_rows(features, threshold):
    return (~near_duplicates(features, threshold)).nonzero().squeeze(-1)


def _known(arrays, inputs):
    """What the properties look at: who is dropped (N,), and who is like whom (N, N), nobody being like itself."""
    drop = torch.from_numpy(arrays["batch"])
    alike = (cosines(inputs["features"], inputs["features"]) >= inputs["threshold"]).fill_diagonal_(False)
    if drop.shape != alike.shape[:1] or drop.dtype != torch.bool:
        raise ValueError("not a mask of this batch")
    return drop, alike


def _first_stays(arrays, inputs):
    drop, _ = _known(arrays, inputs)
    return not drop[0] and drop.any() and arrays["single"].tolist() == [False]


def _kept_differ(arrays, inputs):
    drop, alike = _known(arrays, inputs)
    return (~drop).any() and not alike[~drop][:, ~drop].any()


def _one_stays(arrays, inputs):
    drop, alike = _known(arrays, inputs)
    return drop.any() and alike[drop][:, ~drop].any(1).all()


NEAR_DUPLICATES = Exercise(
    name="near_duplicates",
    lab=LAB,
    difficulty=3,
    minutes=15,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=near_duplicates,
    hints=(
        Text(
            "Go through the pictures in their order, as a collector would. What do you compare the next one with: all "
            "that you have seen, or those that you have taken?",
            "収集家になったつもりで、画像を順番に見ていきましょう。次の 1 枚を比べる相手は、"
            "これまでに見たすべての画像ですか、それとも手元に残した画像ですか。",
        ),
        Text(
            "Normalise the rows. For each i: the earlier rows that are not dropped, their dot products with row i, and "
            "whether any of them reaches the threshold.",
            "行を正規化します。各 i について、i より前で落とされていない行を選び、i 行目との内積を求め、"
            "どれかがしきい値以上になるかを調べます。",
        ),
        Text(
            "Fill `drop`, all False at first, row by row. The earlier rows are `[:i]`; which of them stay is "
            "`~drop[:i]`, a mask to choose rows with. `.any()` of no numbers is False, so the first row stays.",
            "はじめは全部 False の `drop` を、1 行ずつ埋めていきます。前の行は `[:i]` で、そのうち残っているものは、"
            "マスク `~drop[:i]` で選べます。空のテンソルの `.any()` は False なので、"
            "最初の行を特別に扱う必要はありません。",
        ),
    ),
    properties={
        "first_stays": Property(
            _first_stays,
            0.1,
            Text(
                "The first picture has nothing before it and must stay (False); later ones like it must go.",
                "最初の画像の前には何もないので、必ず残ります（False）。それに似た後の画像は落ちるはずです。",
            ),
        ),
        "kept_differ": Property(
            _kept_differ,
            0.2,
            Text(
                "No two of the pictures that stay may be as alike as the threshold.",
                "残った画像の中に、類似度がしきい値以上の 2 枚があってはいけません。",
            ),
        ),
        "one_stays": Property(
            _one_stays,
            0.2,
            Text(
                "A picture may only go if one that is like it stays.",
                "画像を落としてよいのは、それに似た画像が 1 枚は残るときだけです。",
            ),
        ),
    },
    misconceptions={
        "keeps_marked": Misconception(
            lambda features, threshold: ~near_duplicates(features, threshold),
            Text(
                "your mask says what is kept; asked for is what is dropped.",
                "残す画像が True になっています。True にするのは、落とす画像です。",
            ),
        ),
        "own_duplicate": Misconception(
            _of_all(lambda alike: alike.any(1)),
            Text(
                "you compare every picture with itself as well, and each is its own duplicate: all are dropped.",
                "どの画像も自分自身と比べているので、すべてが「自分の重複」として落ちてしまいます。",
            ),
        ),
        "first_met_again": Misconception(
            _first_met_again,
            Text(
                "you keep the first picture, then go through all of them, and drop it as a duplicate of itself.",
                "最初の画像を残してから全部の画像を順に見ているため、それが自分自身の重複として落ちています。",
            ),
        ),
        "both_dropped": Misconception(
            _of_all(lambda alike: alike.clone().fill_diagonal_(False).any(1)),
            Text(
                "you drop both pictures of a pair, so that what they show is lost. One of them is to stay.",
                "似た 2 枚を両方とも落としているため、その内容が失われてしまいます。片方は残してください。",
            ),
        ),
        "compared_with_dropped": Misconception(
            _of_all(lambda alike: alike.tril(-1).any(1)),
            Text(
                "you also compare with pictures that you have dropped. Where a is like b and b like c, but a is not "
                "like c, yours loses c.",
                "すでに落とした画像とも比べています。a と b、b と c が似ていて、a と c が似ていないとき、"
                "c まで落ちてしまいます。",
            ),
        ),
        "masked_and_compared_with_dropped": Misconception(
            _of_masked(lambda cosines: cosines.tril(-1)),
            Text(
                "you also compare with pictures that you have dropped; what is like only those should stay. At a "
                "threshold of 0, the zeros of `tril` count as well.",
                "すでに落とした画像とも比べています。落とした画像だけに似ているものは、残すはずです。"
                "なお、しきい値が 0 だと、`tril` の 0 も似ていることになります。",
            ),
        ),
        "masked_and_compared_with_later": Misconception(
            _of_masked(lambda cosines: cosines.triu(1)),
            Text(
                "you look at later pictures: a row of `triu` holds what comes after its picture, not before it.",
                "後に出てくる画像と比べています。`triu` の各行に残るのは、その画像より前ではなく、後の画像です。",
            ),
        ),
        "keeps_the_last": Misconception(
            _keeps_the_last,
            Text(
                "you go through the pictures from the end, so that the last of the like ones stays.",
                "後ろから順に見ているため、似た画像のうち最後のものが残っています。",
            ),
        ),
        "compared_with_later": Misconception(
            _of_all(lambda alike: alike.triu(1).any(1)),
            Text(
                "you look at later pictures, so that of two like ones the earlier goes; only earlier ones count.",
                "後に出てくる画像と比べているため、似た 2 枚のうち前のほうが落ちています。"
                "比べる相手は、前にある画像だけです。",
            ),
        ),
        "neighbours": Misconception(
            _of_all(_neighbours),
            Text(
                "you compare each picture only with the one right before it; duplicates are seldom neighbours.",
                "すぐ前の 1 枚としか比べていません。重複する画像が隣どうしに並ぶとは限りません。",
            ),
        ),
        "last_kept": Misconception(
            _one_by_one(lambda kept, own, threshold: kept[-1] @ own >= threshold),
            Text(
                "you compare only with the picture that was kept last, not with all that were kept.",
                "最後に残した 1 枚としか比べていません。残した画像はほかにもあります。",
            ),
        ),
        "first_kept": Misconception(
            _one_by_one(lambda kept, own, threshold: kept[0] @ own >= threshold),
            Text(
                "you compare all pictures with the very first one only.",
                "どの画像も、いちばん最初の 1 枚としか比べていません。",
            ),
        ),
        "like_all": Misconception(
            _one_by_one(lambda kept, own, threshold: (kept @ own >= threshold).all()),
            Text(
                "you drop a picture only if it is like all that were kept; one is enough.",
                "残した画像のすべてに似ているときだけ落としています。1 枚でも似ていれば重複です。",
            ),
        ),
        "mean_of_kept": Misconception(
            _one_by_one(lambda kept, own, threshold: (kept @ own).mean() >= threshold),
            Text(
                "you look at the mean of the cosines, in which the one duplicate among many others is lost.",
                "コサインの平均を見ています。平均すると、たくさんの画像の中の 1 枚の重複が埋もれてしまいます。",
            ),
        ),
        "drops_the_new": Misconception(
            _one_by_one(lambda kept, own, threshold: (kept @ own < threshold).any()),
            Text(
                "your comparison is the wrong way round: you drop pictures for not being like one that was kept.",
                "不等号の向きが逆です。残した画像に似ていないものを落としています。",
            ),
        ),
        "distance": Misconception(
            _one_by_one(lambda kept, own, threshold: (1 - kept @ own >= threshold).any()),
            Text(
                "you compare a distance with the threshold: 1 - cosine is large where pictures differ.",
                "しきい値と距離を比べています。1 - コサインは、画像が違うほど大きくなります。",
            ),
        ),
        "euclidean": Misconception(
            _one_by_one(lambda kept, own, threshold: ((kept - own).norm(dim=-1) <= threshold).any()),
            Text(
                "you ask for a distance of at most the threshold. The threshold is a cosine, so compute cosines.",
                "距離がしきい値以下かどうかを調べています。しきい値はコサインなので、コサインと比べてください。",
            ),
        ),
        "strict": Misconception(
            _one_by_one(lambda kept, own, threshold: (kept @ own > threshold).any()),
            Text(
                "almost: a picture exactly at the threshold counts as a duplicate, and `>` lets it stay.",
                "あと少しです。ちょうどしきい値に等しい画像も重複ですが、`>` では残ってしまいます。",
            ),
        ),
        "not_normalised": Misconception(
            _one_by_one(lambda kept, own, threshold: (kept @ own >= threshold).any(), lambda features: features),
            Text(
                "you compare dot products, which depend on lengths: normalise the rows first.",
                "内積はベクトルの長さによって変わります。先に各行を正規化してください。",
            ),
        ),
        "batch_axis": Misconception(
            _one_by_one(
                lambda kept, own, threshold: (kept @ own >= threshold).any(),
                lambda features: F.normalize(features, dim=0),
            ),
            Text(
                "you normalise over the batch (dim 0), which mixes different pictures. Each picture is a row: dim=-1.",
                "バッチの軸（dim 0）で正規化しているため、別々の画像が混ざっています。"
                "画像は行なので、dim=-1 を使ってください。",
            ),
        ),
        "absolute": Misconception(
            _one_by_one(lambda kept, own, threshold: ((kept @ own).abs() >= threshold).any()),
            Text(
                "without its sign, a cosine of -1 counts as a duplicate; it says the opposite.",
                "絶対値をとると、コサインが -1 の画像まで重複になってしまいます。実際は正反対です。",
            ),
        ),
        "rows_returned": Misconception(
            _kept_rows,
            Text(
                "you return the numbers of the pictures that stay; asked for is True or False for every picture.",
                "残す画像の番号を返しています。求めるのは、すべての画像についての True か False です。",
            ),
        ),
    },
    off_limits=("t2ilab.clip.retrieval.near_duplicates",),
)
