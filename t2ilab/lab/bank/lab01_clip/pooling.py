"""A caption in one vector: what the text encoder knows at the first end token."""

import torch

from t2ilab.lab.bank.lab01_clip.draws import LAB, gradient
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def pool_text(hidden, token_ids, eos_id):
    """The vector of each caption: the text encoder's output at the caption's first end token.

    hidden: (B, L, D), the encoder's outputs; token_ids: int64 (B, L), at least one end token in each row; eos_id: int.
    Returns (B, D).
    """
    # argmax gives the first of equal places: whatever follows the end, even more end tokens, is padding.
    ends = (token_ids == eos_id).int().argmax(dim=1)  # (B,)
    rows = torch.arange(len(hidden), device=hidden.device)
    return hidden[rows, ends]  # (B, D): one place of its own for each row


def _inputs(generator):
    length, eos_id = 8, int(torch.randint(8, 12, (), generator=generator))
    padding = int(torch.randint(1, 5, (), generator=generator))

    def captions(count, length):
        """Captions that end at different places, none of them at the first two or at the last, then one padding id."""
        ids = torch.randint(12, 20, (count, length), generator=generator)  # all of them larger than the end token
        small = torch.rand(count, length, generator=generator) < 0.4
        ids = torch.where(small, torch.randint(5, 8, (count, length), generator=generator), ids)
        ends = torch.randperm(length - 3, generator=generator)[:count] + 2
        for row, end in zip(ids, ends.tolist(), strict=True):
            row[int(torch.randint(end, (), generator=generator))] = 20  # the largest id stands before the end
            row[end], row[end + 1 :] = eos_id, padding
        return ids

    token_ids = captions(4, length)
    # The same captions, padded with more end tokens; and a caption that fills the text encoder's length.
    padded = torch.where(token_ids == padding, eos_id, token_ids)
    full = token_ids.clone()
    full[0] = torch.cat([torch.randint(12, 20, (length - 1,), generator=generator), torch.tensor([eos_id])])
    return {
        "hidden": torch.randn(4, length, 5, generator=generator), "token_ids": token_ids, "eos_id": eos_id,
        "padded_ids": padded, "full_ids": full,
        "other_hidden": torch.randn(3, 6, 2, generator=generator), "other_ids": captions(3, 6),
    }  # fmt: skip


@cases
def _probe(answer, inputs):
    hidden, ids, eos_id = inputs["hidden"], inputs["token_ids"], inputs["eos_id"]

    def pool_text(*given):
        try:
            return answer(*given)
        except RuntimeError as error:
            if "support bool" in str(error):  # torch's own words for an argmax of a mask
                raise Unfit("argmax_of_bools") from error
            raise

    def slope():
        given = hidden.clone().requires_grad_()
        return gradient(pool_text(given, ids, eos_id), [given])

    yield "batch", lambda: pool_text(hidden, ids, eos_id)
    yield "padded", lambda: pool_text(hidden, inputs["padded_ids"], eos_id)
    yield "single", lambda: pool_text(hidden[:1], ids[:1], eos_id)
    yield "float64", lambda: pool_text(hidden.double(), ids, eos_id)
    yield "gradient", slope
    yield "sizes", lambda: pool_text(inputs["other_hidden"], inputs["other_ids"], eos_id)
    yield "full_caption", lambda: pool_text(hidden, inputs["full_ids"], eos_id)


def _first_end(token_ids, eos_id):
    return (token_ids == eos_id).int().argmax(1)


def _at(place):
    """A wrong answer that takes the output at other places: place(token_ids, eos_id) -> (B,)."""
    return lambda hidden, token_ids, eos_id: hidden[torch.arange(len(hidden)), place(token_ids, eos_id)]


def _weighed(weigh):
    """A wrong answer that mixes the outputs: weigh(token_ids, eos_id) -> (B, L)."""
    return lambda hidden, token_ids, eos_id: (hidden * weigh(token_ids, eos_id)[..., None].to(hidden.dtype)).sum(1)


def _up_to_the_end(token_ids, eos_id):
    kept = (torch.arange(token_ids.shape[1]) <= _first_end(token_ids, eos_id)[:, None]).float()
    return kept / kept.sum(1, keepdim=True)


def _mean_of_ends(token_ids, eos_id):
    ends = (token_ids == eos_id).float()
    return ends / ends.sum(1, keepdim=True)


def _own_row(arrays, inputs):
    """Every vector is one of its own caption's outputs, and captions that end elsewhere have it elsewhere."""
    distances = abs(arrays["batch"][:, None] - inputs["hidden"].numpy()).max(-1)  # (B, L)
    return distances.min(1).max() < 1e-6 and len(set(distances.argmin(1))) == len(distances)


POOL_TEXT = Exercise(
    name="pool_text",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=pool_text,
    hints=(
        Text(
            "Which places of `token_ids` hold the end token? And how do you find the first of them in each row?",
            "`token_ids` のどの位置に終端トークンがありますか。また、各行で最初のものは、どう見つけますか。",
        ),
        Text(
            "`token_ids == eos_id` is a mask (B, L). argmax refuses booleans: make the mask integers first, `.int()`, "
            "and it gives the first place in each row where it is 1. Then take one place from each row, not the same "
            "places from all rows.",
            "`token_ids == eos_id` は (B, L) のマスクです。argmax は真偽値を受け付けません。"
            "まず `.int()` で整数にすると、各行で最初に 1 になる位置がわかります。"
            "そのあと、各行からその行の位置を 1 つずつ取り出します。",
        ),
        Text(
            "Index `hidden` with two lists of equal length: the rows 0, 1, ..., B - 1, from `torch.arange`, and the "
            "place of the first end token in each.",
            "`hidden` を、同じ長さの 2 つの添字で参照します。`torch.arange` で作った行番号 0, 1, ..., B - 1 と、"
            "各行の最初の終端トークンの位置です。",
        ),
    ),
    properties={
        "own_row": Property(
            _own_row,
            0.1,
            Text(
                "Each vector must be one of the caption's own outputs, and captions of different lengths end at "
                "different places.",
                "どのベクトルも、そのキャプション自身の出力の 1 つになるはずです。長さの違うキャプションでは、"
                "終わる位置も違います。",
            ),
        ),
        "padding": Property(
            lambda arrays, inputs: abs(arrays["padded"] - arrays["batch"]).max() < 1e-6 and _own_row(arrays, inputs),
            0.15,
            Text(
                "Whatever a caption is padded with after its first end token, its vector must stay the same.",
                "最初の終端トークンのあとが何で埋められていても、キャプションのベクトルは変わらないはずです。",
            ),
        ),
    },
    misconceptions={
        "last_position": Misconception(
            lambda hidden, token_ids, eos_id: hidden[:, -1],
            Text(
                "you take the last place of each row, which is padding in all but the longest captions.",
                "各行の最後の位置を取り出しています。いちばん長いキャプション以外では、そこはパディングです。",
            ),
        ),
        "first_position": Misconception(
            lambda hidden, token_ids, eos_id: hidden[:, 0],
            Text(
                "you take the first place, as BERT does; under CLIP's causal mask it has seen no other token.",
                "BERT のように先頭の位置を取り出しています。CLIP の因果マスクでは、先頭からほかの語は見えません。",
            ),
        ),
        "largest_id": Misconception(
            _at(lambda token_ids, eos_id: token_ids.argmax(1)),
            Text(
                "you look for the largest id. That finds the end only where a vocabulary has the end token last; "
                "`eos_id` is not used.",
                "いちばん大きな番号を探していて、`eos_id` を使っていません。それで終わりが見つかるのは、"
                "終端トークンが語彙の最後にある場合だけです。",
            ),
        ),
        "mean": Misconception(
            lambda hidden, token_ids, eos_id: hidden.mean(1),
            Text(
                "you average over all places, padding included.",
                "パディングも含めて、すべての位置を平均しています。",
            ),
        ),
        "mean_to_the_end": Misconception(
            _weighed(_up_to_the_end),
            Text(
                "you average over the whole caption, up to its end; CLIP does not average.",
                "キャプションの先頭から終わりまでを平均しています。CLIP では平均をとりません。",
            ),
        ),
        "maximum": Misconception(
            lambda hidden, token_ids, eos_id: hidden.amax(1),
            Text(
                "you take the largest value of each feature over all places, which belongs to no single token.",
                "特徴ごとに全位置の最大値をとっています。これはどのトークンの出力でもありません。",
            ),
        ),
        "last_end": Misconception(
            _at(lambda token_ids, eos_id: token_ids.shape[1] - 1 - _first_end(token_ids.flip(1), eos_id)),
            Text(
                "you take the last end token of each row; some tokenizers pad with end tokens.",
                "各行の最後の終端トークンを取り出しています。終端トークンでパディングするトークナイザもあります。",
            ),
        ),
        "sum_of_ends": Misconception(
            _weighed(lambda token_ids, eos_id: token_ids == eos_id),
            Text(
                "you sum over all end tokens of a row; with one it is right, but some captions are padded with more.",
                "行の中の終端トークンをすべて足しています。1 つなら正解ですが、"
                "終端トークンでパディングされたキャプションもあります。",
            ),
        ),
        "mean_of_ends": Misconception(
            _weighed(_mean_of_ends),
            Text(
                "you average over all end tokens of a row, those of the padding too.",
                "パディングの分も含めて、行の中の終端トークンをすべて平均しています。",
            ),
        ),
        "mask_alone": Misconception(
            lambda hidden, token_ids, eos_id: hidden[token_ids == eos_id],
            Text(
                "indexing with the mask gives a row for every end token, not one for every caption.",
                "マスクで参照すると、キャプションごとに 1 つではなく、終端トークンの数だけ行ができます。",
            ),
        ),
        "every_end_token": Misconception(
            lambda hidden, token_ids, eos_id: hidden[
                torch.arange(len(hidden)), (token_ids == eos_id).nonzero(as_tuple=True)[1]
            ],
            Text(
                "you list the places of all end tokens, as `nonzero` and `where` do. Where captions are padded with "
                "end tokens, that is more than one in a row: you need the first of each row.",
                "`nonzero` や `where` のように、終端トークンの位置をすべて並べています。終端トークンでパディングした"
                "キャプションでは、1 行に 2 つ以上あります。必要なのは、各行の最初の位置です。",
            ),
        ),
        "before": Misconception(
            _at(lambda token_ids, eos_id: _first_end(token_ids, eos_id) - 1),
            Text(
                "you take the place before the end token, the last word.",
                "終端トークンの 1 つ前、最後の単語の位置を取り出しています。",
            ),
        ),
        "after": Misconception(
            _at(lambda token_ids, eos_id: _first_end(token_ids, eos_id) + 1),
            Text(
                "you take the place after the end token; a caption that fills the row has none there.",
                "終端トークンの 1 つ後の位置を取り出しています。行いっぱいのキャプションでは、その位置がありません。",
            ),
        ),
        "place_of_the_first_row": Misconception(
            lambda hidden, token_ids, eos_id: hidden[:, _first_end(token_ids[:1], eos_id)[0]],
            Text(
                "you take the place where the first caption ends from all captions.",
                "最初のキャプションが終わる位置を、すべてのキャプションに使っています。",
            ),
        ),
        "every_pair": Misconception(
            lambda hidden, token_ids, eos_id: hidden[:, _first_end(token_ids, eos_id)],
            Text(
                "a `:` in front of the places takes every place from every row, (B, B, D).",
                "位置の前が `:` なので、すべての行からすべての位置を取り出して (B, B, D) になっています。",
            ),
        ),
        "squeezed": Misconception(
            lambda hidden, token_ids, eos_id: pool_text(hidden, token_ids, eos_id).squeeze(),
            Text(
                "`squeeze()` without an axis also removes the axis of the batch when it holds one caption.",
                "軸を指定しない `squeeze()` では、キャプションが 1 つのとき、バッチの軸まで消えてしまいます。",
            ),
        ),
        "detached": Misconception(
            lambda hidden, token_ids, eos_id: pool_text(hidden.detach(), token_ids, eos_id),
            Text(
                "no gradient comes back to `hidden`, so that the text encoder could not learn: avoid `.detach()`, "
                "`.data`, `.tolist()` and `no_grad`.",
                "`hidden` に勾配が戻らないので、テキストエンコーダが学習できません。"
                "`.detach()`、`.data`、`.tolist()`、`no_grad` は使わないでください。",
            ),
        ),
    },
    off_limits=("open_clip.transformer.text_global_pool",),
)
