"""One new word, and nothing else: what textual inversion lets through of a gradient."""

import numpy as np
import torch

from t2ilab.lab.bank.lab10_fine_tuning.lora import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

WORDS, WIDTH = 8, 5


def token_only_gradient(grad, token_id):
    """The gradient of a table of words, with nothing in it but the row of one word (Gal et al. 2022, section 4).

    grad: (V, D), one row for each word, which stays as it is; token_id: the number of the new word, an int.
    Returns (V, D): that row as it is, and zeros in all others.
    """
    kept = torch.zeros_like(grad)
    kept[token_id] = grad[token_id]
    return kept


def _inputs(generator):
    return {
        "grad": torch.randn(WORDS, WIDTH, generator=generator),
        # Neither the first nor the last word, and a column that there is too.
        "token_id": 1 + int(torch.randint(WIDTH - 2, (), generator=generator)),
        "other": torch.randn(3, 11, generator=generator),
    }


@cases
def _probe(token_only_gradient, inputs):
    grad, token_id = inputs["grad"], inputs["token_id"]
    yield "batch", lambda: token_only_gradient(grad, token_id)
    yield "first_word", lambda: token_only_gradient(grad, 0)
    yield "last_word", lambda: token_only_gradient(grad, WORDS - 1)
    yield "float64", lambda: token_only_gradient(grad.double(), token_id)
    yield "only_word", lambda: token_only_gradient(grad[:1], 0)
    yield "sizes", lambda: token_only_gradient(inputs["other"], 1)


def _mistaken(keep):
    """A gradient times a mask (V, 1) or (V, D): keep(rows (V, 1), columns (1, D), token_id) says where it is kept."""

    def token_only_gradient(grad, token_id):
        rows, columns = torch.arange(len(grad))[:, None], torch.arange(grad.shape[1])[None]
        return grad * keep(rows, columns, token_id)

    return token_only_gradient


def _moved(change):
    """That row alone, changed, and zeros elsewhere."""

    def token_only_gradient(grad, token_id):
        kept = torch.zeros_like(grad)
        kept[token_id] = change(grad, token_id)
        return kept

    return token_only_gradient


def _others(arrays, inputs):
    """Zeros in all other rows; not in all of them, so that an answer of zeros earns nothing."""
    row, others = _rows(arrays, inputs)
    return abs(others).max() == 0 and abs(row).max() > 0


def _row(arrays, inputs):
    """That row as it was; not the whole gradient, so that handing it back earns nothing."""
    row, others = _rows(arrays, inputs)
    wanted = inputs["grad"][inputs["token_id"]].numpy()
    return np.allclose(row, wanted, atol=1e-6) and abs(others).max() < 1e-6


def _rows(arrays, inputs):
    return arrays["batch"][inputs["token_id"]], np.delete(arrays["batch"], inputs["token_id"], axis=0)


TOKEN_ONLY_GRADIENT = Exercise(
    name="token_only_gradient",
    lab=LAB,
    difficulty=1,
    minutes=5,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=token_only_gradient,
    hints=(
        Text(
            "An optimizer moves what has a gradient. Which rows of the table may move?",
            "オプティマイザは、勾配のあるものを動かします。表のどの行が動いてよいのでしょうか。",
        ),
        Text(
            "Begin with zeros of the same shape, and put one row in; grad itself is not to be changed.",
            "同じ形状の 0 から始めて、1 行だけ入れます。grad そのものは変えません。",
        ),
        Text(
            "kept = torch.zeros_like(grad), then kept[token_id] = grad[token_id].",
            "kept = torch.zeros_like(grad) のあと、kept[token_id] = grad[token_id] とします。",
        ),
    ),
    properties={
        "others": Property(
            _others,
            0.25,
            Text(
                "All rows but that of the new word must be zero.",
                "新しい単語の行のほかは、すべて 0 になるはずです。",
            ),
        ),
        "row": Property(
            _row,
            0.25,
            Text(
                "The row of the new word must be as it was, and it alone must be left.",
                "新しい単語の行だけが、もとのまま残るはずです。",
            ),
        ),
    },
    misconceptions={
        "all_kept": Misconception(
            lambda grad, token_id: grad.clone(),
            Text(
                "all rows are kept, so that every word would move.",
                "すべての行が残っています。これでは、どの単語も動いてしまいます。",
            ),
        ),
        "inverted": Misconception(
            _mistaken(lambda rows, columns, token_id: rows != token_id),
            Text(
                "it is the other way round: the new word is the only one that does not move.",
                "逆です。新しい単語だけが動かなくなっています。",
            ),
        ),
        "column": Misconception(
            _mistaken(lambda rows, columns, token_id: columns == token_id),
            Text(
                "a column is kept; words stand in rows.",
                "列を残しています。単語は行に並んでいます。",
            ),
        ),
        "row_alone": Misconception(
            lambda grad, token_id: grad[token_id].clone(),
            Text(
                "only the row itself comes back, (D,); the gradient has to have the shape of the table, (V, D).",
                "その行だけ (D,) が返っています。勾配は表と同じ形状 (V, D) にしてください。",
            ),
        ),
        "row_of_one": Misconception(
            lambda grad, token_id: grad[token_id : token_id + 1].clone(),
            Text(
                "a table of one row comes back; the other rows have to be there too, as zeros.",
                "1 行だけの表が返っています。ほかの行も、0 として必要です。",
            ),
        ),
        "everywhere": Misconception(
            lambda grad, token_id: grad[token_id].expand_as(grad).clone(),
            Text(
                "every row is that of the new word, so that all words would move with it.",
                "どの行も新しい単語の行になっています。これでは、すべての単語が一緒に動きます。",
            ),
        ),
        "next_row": Misconception(
            _mistaken(lambda rows, columns, token_id: rows == token_id - 1),
            Text(
                "the row before is kept: words are counted from 0.",
                "1 つ前の行が残っています。単語の番号は 0 から数えます。",
            ),
        ),
        "up_to": Misconception(
            _mistaken(lambda rows, columns, token_id: rows <= token_id),
            Text(
                "all rows up to that of the new word are kept; only that one is to stay.",
                "新しい単語までの行がすべて残っています。残すのはその 1 行だけです。",
            ),
        ),
        "from_there": Misconception(
            _mistaken(lambda rows, columns, token_id: rows >= token_id),
            Text(
                "all rows from that of the new word on are kept; only that one is to stay.",
                "新しい単語からあとの行がすべて残っています。残すのはその 1 行だけです。",
            ),
        ),
        "mask": Misconception(
            lambda grad, token_id: (
                (torch.arange(len(grad))[:, None] == token_id).to(grad.dtype).expand_as(grad).clone()
            ),
            Text(
                "this is the mask itself, ones and zeros; multiply the gradient by it.",
                "これは 1 と 0 のマスクそのものです。勾配にマスクを掛けてください。",
            ),
        ),
        "all_together": Misconception(
            _moved(lambda grad, token_id: grad.sum(0)),
            Text(
                "the gradients of all words are added up in that row; it has its own.",
                "すべての単語の勾配を、その行に足し込んでいます。その行自身の勾配だけを残してください。",
            ),
        ),
        "averaged": Misconception(
            _moved(lambda grad, token_id: grad[token_id] / len(grad)),
            Text("the row is divided by the number of words.", "行を単語の数で割っています。"),
        ),
    },
)
