"""Cross-attention: each place of a picture takes a weighted mean of what the words offer."""

import math

import numpy as np
import torch

from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases

LAB = "08_text_to_image"


def cross_attention(q, k, v, mask=None):
    """Each query's mean of the values, weighted by how well its key fits (Vaswani et al. 2017, eq. 1).

    q: (B, heads, Lq, D), from the places of a picture; k, v: (B, heads, Lk, D), from the words;
    mask: bool, broadcasts to (B, heads, Lq, Lk), True where a query may look; None: everywhere.
    Returns (B, heads, Lq, D).
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, heads, Lq, Lk)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)  # before the softmax: the others still add up to 1
    weights = scores.softmax(dim=-1)  # over the words: the attention of one place adds up to 1
    return weights @ v


def _draw(generator, *shape):
    return torch.randn(shape, generator=generator)


def _some(generator, *shape):
    """A mask with one True in each row at least, and one False."""
    chosen = torch.rand(shape, generator=generator)
    mask = chosen > 0.4
    first, last = chosen.argmax(-1, keepdim=True), chosen.argmin(-1, keepdim=True)
    return mask.scatter(-1, first, True).scatter(-1, last, False)


def _inputs(generator):
    # As many places as words as channels: whatever is exchanged raises no error there, and is known by its numbers.
    q, k, v = (1.5 * _draw(generator, 2, 3, 4, 4) for _ in range(3))
    return {
        "q": q, "k": k, "v": v,
        "words": _some(generator, 2, 1, 1, 4),
        "each": _some(generator, 2, 3, 4, 4),
        "other_q": _draw(generator, 1, 2, 5, 6), "other_k": _draw(generator, 1, 2, 7, 6),
        "other_v": _draw(generator, 1, 2, 7, 6), "square": _some(generator, 5, 7),
        "noise": _draw(generator, 2, 3, 4, 4),
    }  # fmt: skip


@cases
def _probe(cross_attention, inputs):
    q, k, v, words = (inputs[name] for name in ("q", "k", "v", "words"))
    others = [inputs[f"other_{name}"] for name in "qkv"]
    hidden = torch.where(words.transpose(-2, -1), 0.0, inputs["noise"])  # at words that nobody may look at
    yield "batch", lambda: cross_attention(q, k, v)
    yield "float64", lambda: cross_attention(q.double(), k.double(), v.double())
    yield "equal_keys", lambda: cross_attention(q, k[:, :, :1].expand_as(k), v)
    yield "single", lambda: cross_attention(q[:1], k[:1], v[:1])
    yield "masked", lambda: cross_attention(q, k, v, words)
    yield "masked_changed", lambda: cross_attention(q, k + hidden, v + hidden, words)
    yield "masked_each", lambda: cross_attention(q, k, v, inputs["each"])
    yield "gradient", lambda: _gradient(cross_attention, q, k, v)
    yield "sizes", lambda: cross_attention(*others)
    yield "masked_square", lambda: cross_attention(*others, inputs["square"])
    yield "one_word", lambda: cross_attention(q, k[:, :, :1], v[:, :, :1])


def _gradient(cross_attention, q, k, v):
    """By the queries, for a loss that is not linear in the answer. Raises Unfit for an answer without a gradient.

    In double precision: large numbers cancel here, so that two right answers would differ in single."""
    q = q.double().clone().requires_grad_()
    answer = cross_attention(q, k.double(), v.double())
    if not (isinstance(answer, torch.Tensor) and answer.requires_grad):
        raise Unfit("no_gradient_of_answer")
    return torch.autograd.grad(answer.square().sum(), q)[0]


def _attend(
    scores_of=None, softmax=lambda scores: scores.softmax(-1), hide=None, values=lambda weights, k, v: weights @ v
):
    """A wrong answer from how scores are made and hidden, the softmax, and what is made of the weights."""

    def wrong(q, k, v, mask=None):
        scores = scores_of(q, k) if scores_of else q @ k.mT / q.shape[-1] ** 0.5
        if mask is not None:
            scores = hide(scores, mask) if hide else scores.masked_fill(~mask, -torch.inf)
        return values(softmax(scores), k, v)

    return wrong


def _mask_after_softmax(q, k, v, mask=None):
    weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
    return (weights if mask is None else weights * mask) @ v


CROSS_ATTENTION = Exercise(
    name="cross_attention",
    lab=LAB,
    difficulty=3,
    minutes=15,
    points=4,
    make_inputs=_inputs,
    probe=_probe,
    reference=cross_attention,
    hints=(
        Text(
            "Three steps: how well does each query fit each key; which share of its attention does each word get; what "
            "is the mean of the values with these shares?",
            "3 段階で考えます。それぞれのクエリとキーはどれくらい合うか。"
            "そこから、各単語は何割のアテンションを受け取るか。"
            "その割合でバリューを平均すると、どうなるか。",
        ),
        Text(
            "`q @ k.transpose(-2, -1)` has a row for each place and a column for each word. Divide it by the root of "
            "D, put minus infinity where the mask is False, and take the softmax over the words.",
            "`q @ k.transpose(-2, -1)` は、行が場所、列が単語です。それを D の平方根で割り、"
            "マスクが False のところを負の無限大にして、単語の方向にソフトマックスをとります。",
        ),
        Text(
            "scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]); scores.masked_fill(~mask, -torch.inf) if there "
            "is a mask; scores.softmax(dim=-1) @ v.",
            "scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) とし、マスクがあれば "
            "scores.masked_fill(~mask, -torch.inf)、最後に scores.softmax(dim=-1) @ v です。",
        ),
    ),
    properties={
        "equal_keys": Property(
            lambda arrays, inputs: np.allclose(
                arrays["equal_keys"], inputs["v"].mean(2, keepdim=True).expand_as(inputs["q"]), atol=1e-4
            ),
            0.2,
            Text(
                "Where all keys are equal, every place must get the plain mean of the values.",
                "キーがすべて同じなら、どの場所の結果も、バリューの単純な平均になるはずです。",
            ),
        ),
        "one_word": Property(
            lambda arrays, inputs: np.allclose(
                arrays["one_word"], inputs["v"][:, :, :1].expand_as(inputs["q"]), atol=1e-4
            ),
            0.2,
            Text(
                "Where there is one word only, every place must get that word's value, whatever it asks.",
                "単語がひとつしかなければ、クエリが何であっても、結果はその単語のバリューになるはずです。",
            ),
        ),
        "hidden": Property(
            lambda arrays, inputs: (
                abs(arrays["masked"] - arrays["masked_changed"]).max() < 1e-4
                and abs(arrays["masked"] - arrays["batch"]).max() > 1e-3
            ),
            0.2,
            Text(
                "What stands at a hidden word (mask False) must not matter.",
                "隠した単語（マスクが False）に何が書いてあっても、結果は変わらないはずです。",
            ),
        ),
    },
    misconceptions={
        "softmax_over_queries": Misconception(
            _attend(softmax=lambda scores: scores.softmax(-2)),
            Text(
                "the softmax runs over the places; each place shares its own attention among the words (dim=-1).",
                "ソフトマックスを場所の方向にとっています。それぞれの場所が、"
                "自分のアテンションを単語に分けるのです（dim=-1）。",
            ),
        ),
        "softmax_over_heads": Misconception(
            _attend(softmax=lambda scores: scores.softmax(1)),
            Text(
                "the softmax runs over the heads; take it over the words, in each head by itself.",
                "ソフトマックスをヘッドの方向にとっています。ヘッドごとに、単語の方向でとってください。",
            ),
        ),
        "not_scaled": Misconception(
            _attend(lambda q, k: q @ k.mT),
            Text(
                "the scores are not divided by the root of D, so the softmax is too sure of itself.",
                "スコアを D の平方根で割っていないので、ソフトマックスが一点に偏りすぎます。",
            ),
        ),
        "scaled_without_root": Misconception(
            _attend(lambda q, k: q @ k.mT / q.shape[-1]),
            Text("you divide by D; divide by its root.", "D で割っています。D の平方根で割ってください。"),
        ),
        "scaled_by_words": Misconception(
            _attend(lambda q, k: q @ k.mT / k.shape[-2] ** 0.5),
            Text(
                "you divide by the root of the number of words; it is the width of a key, D, that counts.",
                "単語の数の平方根で割っています。使うのはキーの幅 D です。",
            ),
        ),
        "scaled_by_all_heads": Misconception(
            _attend(lambda q, k: q @ k.mT / (q.shape[1] * q.shape[-1]) ** 0.5),
            Text(
                "you divide by the root of the width of all heads together; D is that of one head.",
                "全ヘッドを合わせた幅の平方根で割っています。D はヘッドひとつの幅です。",
            ),
        ),
        "scaled_after_softmax": Misconception(
            _attend(
                lambda q, k: q @ k.mT,
                lambda scores: scores.softmax(-1),
                None,
                lambda weights, k, v: weights @ v / v.shape[-1] ** 0.5,
            ),
            Text(
                "the division comes after the softmax; it belongs to the scores, before it.",
                "割り算がソフトマックスの後になっています。その前に、スコアを割ってください。",
            ),
        ),
        "mask_after_softmax": Misconception(
            _mask_after_softmax,
            Text(
                "the mask is applied after the softmax, so what is left no longer adds up to 1; hide the scores.",
                "マスクをソフトマックスの後に掛けているので、残りの合計が 1 になりません。"
                "スコアの段階で隠してください。",
            ),
        ),
        "hidden_as_zero": Misconception(
            _attend(hide=lambda scores, mask: scores.masked_fill(~mask, 0.0)),
            Text(
                "hidden scores are set to 0, which is a score like any other; minus infinity leaves no attention.",
                "隠すところのスコアを 0 にしていますが、0 もふつうのスコアです。"
                "負の無限大にすれば、アテンションは 0 になります。",
            ),
        ),
        "mask_inverted": Misconception(
            _attend(hide=lambda scores, mask: scores.masked_fill(mask, -torch.inf)),
            Text(
                "the mask is the wrong way round: True means that a place may look.",
                "マスクの意味が逆です。True は「見てよい」という意味です。",
            ),
        ),
        "mask_added": Misconception(
            _attend(hide=lambda scores, mask: scores + mask),
            Text(
                "you add the mask to the scores as 0 and 1, which hides nothing.",
                "マスクを 0 と 1 としてスコアに足していますが、それでは何も隠れません。",
            ),
        ),
        "mask_forgotten": Misconception(
            _attend(hide=lambda scores, mask: scores),
            Text("the mask is not used.", "マスクが使われていません。"),
        ),
        "no_softmax": Misconception(
            _attend(softmax=lambda scores: scores, hide=lambda scores, mask: scores.masked_fill(~mask, 0.0)),
            Text(
                "there is no softmax: the weights of a place must be positive and add up to 1.",
                "ソフトマックスがありません。ひとつの場所の重みは正で、合計が 1 になるはずです。",
            ),
        ),
        "exchanged": Misconception(
            _attend(lambda q, k: k @ q.mT / q.shape[-1] ** 0.5),
            Text(
                "queries and keys are exchanged: a row of scores belongs to a place, a column to a word.",
                "クエリとキーが逆です。スコアの行が場所、列が単語になります。",
            ),
        ),
        "mean_of_keys": Misconception(
            _attend(values=lambda weights, k, v: weights @ k),
            Text(
                "you take the mean of the keys; they only say how well a word fits, the values are what it gives.",
                "キーを平均しています。キーは合い具合を決めるだけで、単語が渡すのはバリューです。",
            ),
        ),
        "only_weights": Misconception(
            _attend(values=lambda weights, k, v: weights),
            Text(
                "these are the weights; take the mean of the values with them.",
                "これは重みです。その重みで、バリューの平均をとってください。",
            ),
        ),
    },
    off_limits=(
        "torch.nn.functional.scaled_dot_product_attention",
        "torch.nn.functional.multi_head_attention_forward",
        "torch.nn.MultiheadAttention",
        "torch.nn.attention.flex_attention.flex_attention",
        "t2ilab.nets.layers.Attention",
        "t2ilab.nets.layers.Attention.forward",
        "t2ilab.nets.transformer.SelfAttention",
        "t2ilab.nets.transformer.SelfAttention.forward",
        "t2ilab.pipelines.attention_maps.attention_probabilities",
        "diffusers.models.attention_processor.Attention",
        "diffusers.models.attention_processor.Attention.get_attention_scores",
    ),
)
