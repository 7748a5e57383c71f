"""Many pictures of one text, sorted by a third party: CLIP looks at what was drawn and puts the best first."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab03_image_text_data.draws import cosines, features
from t2ilab.lab.bank.lab11_dalle2.loss import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def rerank(image_features, text_feature, k):
    """The k pictures that fit a text best, as DALL-E's samples were chosen (Ramesh et al. 2021, section 2.6).

    image_features: (N, D), of N pictures; text_feature: (D,); both of any lengths, normalised inside.
    Returns k indices, int64 (k,), of the pictures with the largest cosine, best first.
    """
    similarity = F.normalize(image_features, dim=-1) @ F.normalize(text_feature, dim=-1)  # (N,)
    return similarity.topk(k).indices  # sorted: the best comes first


def _inputs(generator):
    def drawn(n, d, k):
        """Features without ties, where no other rule gives the same list."""
        while True:
            images, text = features(generator, n, d), features(generator, 1, d)[0]
            similarity = cosines(images, text[None])[:, 0]
            clear = similarity.sort().values.diff().min() > 0.01 and similarity.min() < -0.1
            rules = (
                images @ text,
                -(images - text).norm(dim=-1),
                similarity.abs(),
                F.normalize(images, dim=0) @ text,
                -torch.arange(n, dtype=torch.float32),
            )
            mine = similarity.topk(k).indices
            inverse = similarity.argsort(descending=True).argsort()[:k]
            others = [rule.topk(k).indices for rule in rules] + [mine.sort().values, inverse]
            if clear and all((other != mine).any() for other in others):
                return images, text

    (images, text), (other, other_text) = drawn(7, 5, 3), drawn(6, 4, 2)
    return {"image_features": images, "text_feature": text, "k": 3, "other": other, "other_text": other_text}


@cases
def _probe(rerank, inputs):
    images, text, k = inputs["image_features"], inputs["text_feature"], inputs["k"]
    yield "batch", lambda: rerank(images, text, k)
    yield "k_one", lambda: rerank(images, text, 1)
    yield "k_all", lambda: rerank(images, text, len(images))
    yield "scaled", lambda: rerank(images * torch.arange(1, len(images) + 1)[:, None], 0.2 * text, k)
    yield "float64", lambda: rerank(images.double(), text.double(), k)
    yield "sizes", lambda: rerank(inputs["other"], inputs["other_text"], 2)
    yield "single", lambda: rerank(images[:1], text, 1)


def _similarity(images, text):
    return cosines(images, text[None])[:, 0]


def _by(compare, largest=True):
    """A wrong answer that ranks by compare(images, text) (N,)."""
    return lambda image_features, text_feature, k: (
        compare(image_features, text_feature).topk(k, largest=largest).indices
    )


def _places(image_features, text_feature, k):
    """The place of each of the first k pictures, where the pictures at the first k places are wanted."""
    return _similarity(image_features, text_feature).argsort(descending=True).argsort()[:k]


def _best_first(arrays, inputs):
    best = _similarity(inputs["image_features"], inputs["text_feature"]).argmax().item()
    return arrays["k_one"].reshape(-1)[0] == arrays["batch"][0] == best and len(set(arrays["batch"].tolist())) > 1


def _everyone(arrays, inputs):
    """With k = N each picture comes once, and the order is not that in which they were given."""
    everyone, n = arrays["k_all"].tolist(), len(inputs["image_features"])
    return sorted(everyone) == list(range(n)) and everyone != list(range(n)) and arrays["k_all"].dtype.kind == "i"


RERANK = Exercise(
    name="rerank",
    lab=LAB,
    difficulty=2,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=rerank,
    hints=(
        Text(
            "It is a search in which the index is what you have just drawn, and there is one query.",
            "今描いたばかりの画像を索引とする検索で、クエリは 1 つだけです。",
        ),
        Text(
            "The cosine of each picture with the text is one matrix-vector product of normalised features.",
            "各画像とテキストのコサイン類似度は、正規化した特徴ベクトルの行列とベクトルの積ひとつで求まります。",
        ),
        Text(
            "similarity.topk(k).indices gives the places of the k largest, the largest first.",
            "similarity.topk(k).indices が、大きいほうから k 個の番号を、最大のものから順に返します。",
        ),
    ),
    properties={
        "best_first": Property(
            _best_first,
            0.25,
            Text("The picture with the largest cosine must come first.", "コサインが最大の画像が最初に来るはずです。"),
        ),
        "everyone": Property(
            _everyone,
            0.2,
            Text(
                "With k = N every picture must be named exactly once.",
                "k = N なら、どの画像の番号もちょうど 1 回ずつ現れるはずです。",
            ),
        ),
    },
    misconceptions={
        "worst": Misconception(
            _by(_similarity, largest=False),
            Text("the worst k are kept.", "合わないほうから k 枚を選んでいます。"),
        ),
        "dot_product": Misconception(
            _by(lambda images, text: images @ text),
            Text(
                "the features are not normalised, so that long vectors win.",
                "特徴ベクトルを正規化していないので、長いベクトルが上に来てしまいます。",
            ),
        ),
        "distance": Misconception(
            _by(lambda images, text: -(images - text).norm(dim=-1)),
            Text(
                "you rank by distance, in which lengths count; rank by the cosine.",
                "距離で並べているので、長さが影響します。コサインで並べてください。",
            ),
        ),
        "absolute": Misconception(
            _by(lambda images, text: _similarity(images, text).abs()),
            Text(
                "signs are dropped, so that the opposite of the text counts as much as the text.",
                "符号を無視しています。テキストの正反対のものまで、よく合うことになってしまいます。",
            ),
        ),
        "wrong_axis": Misconception(
            _by(lambda images, text: F.normalize(images, dim=0) @ text),
            Text(
                "you normalise over the pictures; each vector lies along the last axis.",
                "画像の方向に正規化しています。ベクトルは最後の軸に並んでいます。",
            ),
        ),
        "ascending": Misconception(
            lambda image_features, text_feature, k: _similarity(image_features, text_feature).argsort()[-k:],
            Text(
                "the right ones, but the best comes last.",
                "選んだ画像は正しいのですが、最もよいものが最後に来ています。",
            ),
        ),
        "in_given_order": Misconception(
            lambda image_features, text_feature, k: rerank(image_features, text_feature, k).sort().values,
            Text(
                "the right ones, but in the order in which they were given; the best comes first.",
                "選んだ画像は正しいのですが、与えられた順のままです。最もよいものを最初にしてください。",
            ),
        ),
        "places": Misconception(
            _places,
            Text(
                "these are the ranks of the first k pictures, and not the pictures of the first k ranks.",
                "最初の k 枚が何位かを返しています。返すのは 1 位から k 位までの画像の番号です。",
            ),
        ),
        "scores": Misconception(
            lambda image_features, text_feature, k: _similarity(image_features, text_feature).topk(k).values,
            Text("these are the cosines; return the indices.", "これはコサインの値です。番号を返してください。"),
        ),
        "all_of_them": Misconception(
            lambda image_features, text_feature, k: rerank(image_features, text_feature, len(image_features)),
            Text(
                "all pictures come back; keep the first k.",
                "すべての画像が返っています。最初の k 個だけにしてください。",
            ),
        ),
        "kth_only": Misconception(
            lambda image_features, text_feature, k: rerank(image_features, text_feature, k)[-1:],
            Text(
                "only the k-th is returned; return all up to it.",
                "k 番目しか返していません。そこまでの全部を返してください。",
            ),
        ),
        "first_k": Misconception(
            lambda image_features, text_feature, k: torch.arange(k),
            Text(
                "these are the first k as they came; nothing was ranked.",
                "与えられた順の最初の k 個です。並べ替えていません。",
            ),
        ),
        "repeated": Misconception(
            lambda image_features, text_feature, k: rerank(image_features, text_feature, 1).repeat(k),
            Text("the best one is named k times.", "最もよい画像の番号を k 回返しています。"),
        ),
        "pictures": Misconception(
            lambda image_features, text_feature, k: image_features[rerank(image_features, text_feature, k)],
            Text(
                "these are the features of the best; return their indices.",
                "これは最もよい画像の特徴ベクトルです。番号を返してください。",
            ),
        ),
    },
    off_limits=("t2ilab.clip.retrieval.search",),
)
