"""Dropping captions while a model learns, which teaches it the other half of guidance."""

import numpy as np
import torch

from t2ilab.lab.bank.lab08_text_to_image.attention import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def drop_condition(cond, null, drop):
    """Some samples' words replaced by those of the empty caption (Ho & Salimans 2022, algorithm 1).

    cond: (B, L, D), the tokens of each sample's caption; null: (L, D), those of the empty caption;
    drop: bool (B,), True for a sample that is to learn without its words. Returns (B, L, D).
    """
    return torch.where(drop[:, None, None], null, cond)  # (B, 1, 1): a sample loses all words or none


def _inputs(generator):
    # As many samples as tokens as channels: a wrong axis raises no error there, and is known by its numbers.
    cond, null = torch.randn(4, 4, 4, generator=generator), torch.randn(4, 4, generator=generator)
    dropped = torch.randperm(4, generator=generator)[: 1 + int(torch.randint(2, (), generator=generator))]
    other = torch.randn(3, 5, 6, generator=generator)
    return {
        "cond": cond, "null": null, "drop": torch.zeros(4, dtype=torch.bool).index_fill(0, dropped, True),
        "other_cond": other, "other_null": torch.randn(5, 6, generator=generator),
        "other_drop": torch.arange(3) == torch.randint(3, (), generator=generator),
    }  # fmt: skip


@cases
def _probe(drop_condition, inputs):
    cond, null, drop = (inputs[name] for name in ("cond", "null", "drop"))
    yield "batch", lambda: drop_condition(cond, null, drop)
    yield "all_kept", lambda: drop_condition(cond, null, torch.zeros(4, dtype=torch.bool))
    yield "all_dropped", lambda: drop_condition(cond, null, torch.ones(4, dtype=torch.bool))
    yield "float64", lambda: drop_condition(cond.double(), null.double(), drop)
    yield "gradient", lambda: _gradient(drop_condition, cond, null, drop)
    yield "single", lambda: drop_condition(cond[:1], null, torch.tensor([True]))
    yield "sizes", lambda: drop_condition(inputs["other_cond"], inputs["other_null"], inputs["other_drop"])


def _gradient(drop_condition, cond, null, drop):
    """By both kinds of tokens, as the text encoder learns from both. Raises Unfit for an answer without a gradient."""
    given = [cond.clone().requires_grad_(), null.clone().requires_grad_()]
    answer = drop_condition(*given, drop)
    if not (isinstance(answer, torch.Tensor) and answer.requires_grad):
        raise Unfit("no_gradient_of_answer")
    of_cond, of_null = torch.autograd.grad(answer.square().sum(), given, allow_unused=True, materialize_grads=True)
    return torch.cat([of_cond, of_null[None]])


def _rows(arrays, inputs, kept):
    """The rows of a batch that keep their words, or that lose them, where the answer did something at all."""
    did = abs(arrays["batch"] - inputs["cond"].numpy()).max() > 1e-3
    rows = inputs["drop"].numpy() != kept
    wanted = inputs["cond"].numpy() if kept else np.broadcast_to(inputs["null"].numpy(), inputs["cond"].shape)
    return did and np.allclose(arrays["batch"][rows], wanted[rows], atol=1e-5)


def _replaced(cond, null, drop):
    return torch.where(drop[:, None, None], null, cond)


def _first_token_only(cond, null, drop):
    first = torch.arange(cond.shape[1])[:, None] == 0
    return torch.where(drop[:, None, None] & first, null, cond)


DROP_CONDITION = Exercise(
    name="drop_condition",
    lab=LAB,
    difficulty=1,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=drop_condition,
    hints=(
        Text(
            "Each sample has its own yes or no: which of the two does it take, and for how many of its tokens?",
            "サンプルごとに「はい」か「いいえ」があります。2 つのうちどちらを、いくつのトークンについて取りますか。",
        ),
        Text(
            "`torch.where(yes, a, b)` takes a where yes is True. Which shape must `drop` have, to go with (B, L, D)?",
            "`torch.where(yes, a, b)` は、yes が True のところで a を取ります。"
            "(B, L, D) に合わせるには、`drop` をどんな形状にすればよいでしょうか。",
        ),
        Text(
            "`drop[:, None, None]` has the shape (B, 1, 1), one yes or no for all tokens of a sample.",
            "`drop[:, None, None]` の形状は (B, 1, 1) で、サンプルのトークンすべてにひとつの答えになります。",
        ),
    ),
    properties={
        "kept": Property(
            lambda arrays, inputs: _rows(arrays, inputs, kept=True),
            0.25,
            Text(
                "A sample that is not dropped must keep all of its tokens.",
                "落とさないサンプルは、トークンがすべてそのまま残るはずです。",
            ),
        ),
        "dropped": Property(
            lambda arrays, inputs: _rows(arrays, inputs, kept=False),
            0.25,
            Text(
                "A sample that is dropped must get all of the empty caption's tokens.",
                "落とすサンプルは、トークンがすべて空のキャプションのものになるはずです。",
            ),
        ),
    },
    misconceptions={
        "inverted": Misconception(
            lambda cond, null, drop: _replaced(cond, null, ~drop),
            Text(
                "the wrong ones lose their words: True means drop.",
                "逆のサンプルが言葉を失っています。True は「落とす」という意味です。",
            ),
        ),
        "each_channel": Misconception(
            lambda cond, null, drop: torch.where(drop, null, cond),
            Text(
                "`drop` meets the last axis here, so single numbers of every token are replaced, in all samples alike; "
                "a sample loses the whole caption or nothing.",
                "`drop` が最後の軸に合わさり、どのサンプルでも、各トークンの数が部分的に置き換わっています。"
                "サンプルごとに、キャプション全体を落とすか、まったく落とさないかのどちらかです。",
            ),
        ),
        "each_token": Misconception(
            lambda cond, null, drop: torch.where(drop[:, None], null, cond),
            Text(
                "(B, 1) lines up with the tokens: single words are dropped, in all samples alike; one axis more, "
                "(B, 1, 1).",
                "(B, 1) はトークンの軸に合うので、どのサンプルでも同じ位置の単語が落ちます。"
                "軸をもうひとつ増やして (B, 1, 1) にしてください。",
            ),
        ),
        "zeros": Misconception(
            lambda cond, null, drop: torch.where(drop[:, None, None], 0.0, cond).to(cond.dtype),
            Text(
                "dropped words become zeros; what is asked without words later is the empty caption, so use `null`.",
                "落とした言葉が 0 になっています。あとで言葉なしでたずねるときは空のキャプションを使うので、"
                "`null` に置き換えてください。",
            ),
        ),
        "faded": Misconception(
            lambda cond, null, drop: torch.where(drop[:, None, None], (cond + null) / 2, cond),
            Text(
                "dropped captions are only mixed with the empty one, and can still be read.",
                "キャプションを空のものと混ぜているだけなので、まだ読めてしまいます。",
            ),
        ),
        "added": Misconception(
            lambda cond, null, drop: cond + drop[:, None, None] * null,
            Text(
                "the empty caption's tokens are added, and the words are still there; they take their place.",
                "空のキャプションのトークンを足しているので、言葉が残っています。足すのではなく、置き換えてください。",
            ),
        ),
        "one_null_token": Misconception(
            lambda cond, null, drop: torch.where(drop[:, None, None], null[0], cond),
            Text(
                "every token becomes the first of `null`; each place of the row has its own.",
                "どのトークンも `null` の先頭になっています。`null` は位置ごとに違います。",
            ),
        ),
        "first_token_only": Misconception(
            _first_token_only,
            Text(
                "only the first token of a dropped caption is replaced; all the others still tell.",
                "落とすキャプションの先頭のトークンしか置き換えていません。ほかのトークンから、まだ読めてしまいます。",
            ),
        ),
        "everybody": Misconception(
            lambda cond, null, drop: null.expand_as(cond) if drop.any() else cond,
            Text(
                "as soon as one sample is dropped, all are; each has its own yes or no.",
                "ひとつでも落とすサンプルがあると、全部を落としています。サンプルごとに決めてください。",
            ),
        ),
        "left_out": Misconception(
            lambda cond, null, drop: cond[~drop],
            Text(
                "dropped samples are taken out of the batch; it is their words that go, the sample stays.",
                "落とすサンプルをバッチから取り除いています。なくすのは言葉だけで、サンプルは残してください。",
            ),
        ),
        "nothing": Misconception(
            lambda cond, null, drop: cond,
            Text("nothing is dropped.", "何も落としていません。"),
        ),
    },
)
