"""Every sentence that the exercise engine says, in English and in Japanese, in one table.

A bank keeps its own hints and diagnoses beside the exercise they belong to, as `Text(en, ja)` pairs too.
"""

import os
from pathlib import Path
from typing import NamedTuple


class Text(NamedTuple):
    """One sentence in both languages of the course; it may hold `{names}` to be filled in."""

    en: str
    ja: str

    def say(self, language_code: str | None = None, **values: object) -> str:
        """The sentence in one language ("en", "ja", or None for the current one), with `values` filled in."""
        sentence = self.ja if (language_code or language()) == "ja" else self.en
        return sentence.format(**values) if values else sentence


def language() -> str:
    """The language of messages: T2ILAB_LANG if it is set, else "ja" inside a folder named ja, else "en".

    Raises ValueError when T2ILAB_LANG is neither "en" nor "ja".
    """
    asked = os.environ.get("T2ILAB_LANG", "").strip().lower()
    if asked:
        code = asked.replace("-", "_").split("_")[0].split(".")[0]
        if code not in ("en", "ja"):
            raise ValueError(
                f"T2ILAB_LANG must be 'en' or 'ja', but it is {asked!r}; set it to one of them or unset it."
            )
        return code
    try:
        return "ja" if Path.cwd().name == "ja" else "en"
    except OSError:  # the folder that the kernel started in was deleted meanwhile
        return "en"


def say(key: str, language_code: str | None = None, **values: object) -> str:
    """The engine's sentence of that name in the current language (or in the one asked for)."""
    return TABLE[key].say(language_code, **values)


TABLE: dict[str, Text] = {
    # The decorator
    "blank": Text(
        "{name}: not written yet, so the lab goes on with the reference solution.",
        "{name}：まだ書かれていないので、模範解答を使って先へ進みます。",
    ),
    "blank_strict": Text(
        "{name} is not written yet: replace `raise NotImplementedError` by your own lines.",
        "{name} はまだ書かれていません。`raise NotImplementedError` を自分のコードに置き換えてください。",
    ),
    "not_a_definition": Text(
        'An exercise is a function or a class, but @exercise received {received}; write it as @exercise("name") '
        "on the line above `def` or `class`.",
        "演習は関数かクラスですが、@exercise は {received} を受け取りました。"
        '`def` または `class` のすぐ上の行に @exercise("名前") と書いてください。',
    ),
    "name_mismatch": Text(
        "The exercise is called {exercise}, but your definition is called {received}; rename it to {exercise}.",
        "演習の名前は {exercise} ですが、定義の名前は {received} です。{exercise} に直してください。",
    ),
    "kind_mismatch": Text(
        "{name} is to be a {expected}, but you defined a {received}; start it with `{keyword} {name}`.",
        "{name} は{expected}として定義しますが、{received}が定義されています。`{keyword} {name}` で始めてください。",
    ),
    "method_missing": Text(
        "{name} needs a method `{method}{signature}`, but it has none; define it inside the class.",
        "{name} にはメソッド `{method}{signature}` が必要ですが、見つかりません。クラスの中に定義してください。",
    ),
    "signature": Text(
        "{name} takes ({expected}), but yours takes ({received}); keep the names and their order.",
        "{name} の引数は ({expected}) ですが、({received}) になっています。引数の名前と順序は変えないでください。",
    ),
    "function": Text("function", "関数"),
    "class": Text("class", "クラス"),
    "unknown_exercise": Text(
        "There is no exercise called {name!r}; the nearest names are {nearest}.",
        "{name!r} という演習はありません。近い名前は {nearest} です。",
    ),
    "unknown_lab": Text(
        "There is no exercise bank for a lab called {name!r}; there are banks for {nearest}.",
        "{name!r} というラボの演習はありません。演習があるのは {nearest} です。",
    ),
    "check_takes": Text(
        "check takes your function or class itself, but it received {received}; write check(name), without quotes.",
        "check には関数やクラスそのものを渡しますが、{received} を受け取りました。"
        "引用符を付けずに check(名前) と書いてください。",
    ),
    # What check says
    "status_right": Text("Right", "正解"),
    "status_wrong": Text("Not yet", "もう一歩"),
    "status_error": Text("Error", "エラー"),
    "status_blank": Text("Not attempted", "未着手"),
    "status_off_limits": Text("Write this one yourself", "自分で書いてみましょう"),
    "right": Text(
        "It agrees with the reference on {draws} fresh random inputs.",
        "新しい乱数の入力 {draws} 組すべてで模範解答と一致しました。",
    ),
    "not_attempted": Text(
        'Replace `raise NotImplementedError` by your own lines, then run the cell again; hint("{name}") helps.',
        "`raise NotImplementedError` を自分のコードに置き換えて、"
        'セルをもう一度実行してください。hint("{name}") でヒントが出ます。',
    ),
    "off_limits": Text(
        "Write this one yourself: your answer calls {called}, which is what this exercise asks you to build.",
        "これは自分で書いてみましょう。この解答は、演習で作るはずの {called} をそのまま呼び出しています。",
    ),
    "own_reference": Text(
        "Write this one yourself: this is the reference solution itself.",
        "これは自分で書いてみましょう。これは模範解答そのものです。",
    ),
    "in_place": Text(
        "Your answer changes its input {changed} in place; leave the inputs as they came and return something new "
        "(`x = x * 2` instead of `x *= 2`; a new list instead of `x[i] = ...`).",
        "入力の {changed} が書き換えられています。入力はそのまま残し、"
        "新しい値を返してください（`x *= 2` ではなく `x = x * 2`、`x[i] = ...` ではなく新しいリスト）。",
    ),
    "error": Text("{kind}: {message}", "{kind}: {message}"),
    "error_bare": Text("{kind}, without a message.", "{kind}（メッセージなし）"),
    "error_case": Text(
        "Your code stopped with an error, in the case of {case}:",
        "「{case}」の場合に、コードがエラーで止まりました。",
    ),
    "error_line": Text("in {function}, line {line}: `{source}`", "{function} の {line} 行目：`{source}`"),
    "raise_left": Text(
        "A `raise NotImplementedError` is still in your code: delete that line once yours are in place.",
        "`raise NotImplementedError` がまだ残っています。自分のコードを書いたら、その行は消してください。",
    ),
    "returned_nothing": Text(
        "Your function returned nothing (None) for {case}: does it end with `return`?",
        "「{case}」の場合、関数が何も返しませんでした（None）。最後に `return` がありますか？",
    ),
    "wrong_type": Text(
        "Your function returned a {received} for {case}; a tensor (or a "
        "number, where one number is asked) is expected.",
        "「{case}」の場合、関数が {received} を返しました。"
        "テンソル（数ひとつの場合は数でもかまいません）を返してください。",
    ),
    "layer_wanted": Text(
        "Your function returned a {received} for {case}; a layer of the kind {expected} is expected.",
        "「{case}」の場合、関数が {received} を返しました。{expected} の層を返してください。",
    ),
    "list_of_tensors": Text(
        "Your function returned a list of tensors ({count} of them) for {case}; one tensor is expected: join them, "
        "with `torch.stack` along a new axis or with `torch.cat` along one that they have.",
        "「{case}」の場合、関数がテンソル {count} 個のリストを返しました。ひとつのテンソルにまとめて返してください。"
        "新しい軸に沿って積むなら `torch.stack`、今ある軸に沿ってつなぐなら `torch.cat` を使います。",
    ),
    "not_two_things": Text(
        "Your function returned a {received} for {case}; two things are expected, in this order: {parts}.",
        "「{case}」の場合、関数が {received} を返しました。2 つのものを、{parts} の順に返してください。",
    ),
    "not_a_pair": Text(
        "Your function returned a {received} for {case}; a pair is expected: `return first, second`.",
        "「{case}」の場合、関数が {received} を返しました。`return first, second` のように、2 つの値を返してください。",
    ),
    "no_attribute": Text(
        "Your {name} has no layer called `{attribute}`; make it in `__init__` as `self.{attribute} = ...`.",
        "{name} に `{attribute}` という層がありません。`__init__` の中で `self.{attribute} = ...` と作ってください。",
    ),
    "parameter_shape": Text(
        "The weights of your `{parameter}` have shape {received}; {expected} is expected.",
        "`{parameter}` の重みの形状は {received} ですが、{expected} になるはずです。",
    ),
    "no_parameter": Text(
        "Your layer has no parameter `{parameter}`; one of shape {expected} is expected.",
        "`{parameter}` というパラメータがありません。形状が {expected} のものが必要です。",
    ),
    "number_wanted": Text(
        "Your {name} needs a plain number `{attribute}` that can be changed later: make it in `__init__` as "
        "`self.{attribute} = ...`, and use it in `forward`.",
        "{name} には、あとから変えられるただの数 `{attribute}` が必要です。`__init__` の中で "
        "`self.{attribute} = ...` と作り、`forward` で使ってください。",
    ),
    "vectors_are_rows": Text(
        "Two matrices do not fit: {message}. In code the vectors are the rows of `x`: `F.linear(x, A)`, the same as "
        "`x @ A.T`, computes A x for each of them; `A @ x` does not.",
        "行列の形が合いません：{message}。コードでは、ベクトルは `x` の行に並んでいます。`F.linear(x, A)`"
        "（`x @ A.T` と同じ）なら、それぞれについて A x を計算できます。`A @ x` では計算できません。",
    ),
    "dtype_of_base": Text(
        "Your layer is {received}, and base is {expected}; make it like base, with "
        "`dtype=base.weight.dtype, device=base.weight.device`.",
        "作った層は {received} ですが、base は {expected} です。"
        "`dtype=base.weight.dtype, device=base.weight.device` として、base に合わせてください。",
    ),
    "device_of_base": Text(
        "Where base lies on another device, such as a GPU, your layer does not: make it with "
        "`device=base.weight.device`, and let no number pass through `.cpu()`, numpy or `.item()`.",
        "base が GPU などにあっても、作った層はそこにありません。`device=base.weight.device` として作り、"
        "途中で `.cpu()` や numpy、`.item()` を通さないでください。",
    ),
    "no_gradient": Text(
        "The loss that you return has no gradient; return the tensor itself, "
        "without `.item()`, `.detach()`, `.data` or `no_grad`.",
        "返された損失には勾配がありません。`.item()` や `.detach()`、`.data`、"
        "`no_grad` を使わず、テンソルのまま返してください。",
    ),
    "no_slope": Text(
        "No gradient arrives at `{name}` from what you return; make it of tensors alone, without `.item()`, "
        "`.detach()`, `.data` or `no_grad`.",
        "返された値から `{name}` に勾配が届きません。`.item()` や `.detach()`、`.data`、`no_grad` を使わず、"
        "テンソルのまま計算してください。",
    ),
    "no_gradient_of_answer": Text(
        "What you return has no gradient, so nothing could be learnt through it; return the tensor itself, without "
        "`.detach()`, `.data`, numpy or `no_grad`.",
        "返された結果に勾配がないので、このままでは学習できません。`.detach()` や `.data`、numpy、"
        "`no_grad` を使わず、テンソルのまま返してください。",
    ),
    "layer_without_gradient": Text(
        "What comes out of your layer has no gradient for {case}, so the layer could never learn; its weights need "
        "their gradients, and `forward` no `no_grad`, `.detach()` or `.data`.",
        "「{case}」の場合、層の出力に勾配がないので、この層は学習できません。重みには勾配が必要です。"
        "`forward` で `no_grad` や `.detach()`、`.data` を使わないでください。",
    ),
    "argmax_of_bools": Text(
        "torch's argmax does not take booleans: make the mask integers first, with `.int()`.",
        "torch の argmax は真偽値を受け付けません。まず `.int()` でマスクを整数にしてください。",
    ),
    "texts_wanted": Text(
        "encode_text takes a list of strings and gives one row for each, but it received {received}; a single text "
        "goes in as [text].",
        "encode_text には文字列のリストを渡すと、1 つにつき 1 行が返りますが、{received} を受け取りました。"
        "文が 1 つのときも [text] のようにリストで渡してください。",
    ),
    "net_swapped": Text(
        "You call the network with its arguments exchanged, net(t, x_t); the picture comes first: net(x_t, t).",
        "ネットワークの引数が net(t, x_t) と逆になっています。net(x_t, t) のように、画像を先に渡してください。",
    ),
    "net_is_a_function": Text(
        "You ask for `net.{name}`, but `net` can only be called, `net(x_t, t)`: it is a plain function in the lab. "
        "What has to be done to the weights is done through the optimizer.",
        "`net.{name}` を使っていますが、このラボの `net` はただの関数で、`net(x_t, t)` と呼ぶことしかできません。"
        "重みについての操作は、オプティマイザを通して行ってください。",
    ),
    "prior_swapped": Text(
        "You call the prior with its arguments in another order; the time comes second: prior(x_t, t, text_embedding).",
        "ネットワークの引数の順番が違います。prior(x_t, t, text_embedding) のように、時刻を 2 番目に渡してください。",
    ),
    "looks_like": Text("It looks like this: {sentence}", "よくある間違いのようです。{sentence}"),
    "missing": Text("For {case}, there is no result at all.", "「{case}」の場合、結果がありません。"),
    "shape": Text(
        "For {case}, the result has shape {received}; {expected} is expected.",
        "「{case}」の場合、結果の形状は {received} ですが、{expected} になるはずです。",
    ),
    "kind": Text(
        "For {case}, the result holds {received}; {expected} are expected.",
        "「{case}」の場合、結果の中身が{received}になっています。{expected}を返してください。",
    ),
    "kind_f": Text("floating-point numbers", "浮動小数点数"),
    "kind_i": Text("integers", "整数"),
    "kind_u": Text("unsigned integers", "符号なし整数"),
    "kind_b": Text("booleans", "真偽値"),
    "kind_c": Text("complex numbers", "複素数"),
    "nan": Text(
        "For {case}, {count} of {total} values are not finite numbers; the first is {received} at {index}.",
        "「{case}」の場合、{total} 個のうち {count} 個の値が有限の数ではありません。"
        "最初は {index} の {received} です。",
    ),
    "element": Text(
        "For {case}, {count} of {total} values differ; the first is at "
        "{index}: received {received}, expected {expected}.",
        "「{case}」の場合、{total} 個のうち {count} 個の値が違います。最初は {index} "
        "で、結果は {received}、正しい値は {expected} です。",
    ),
    "scalar": Text(
        "For {case}, the result is {received}; {expected} is expected.",
        "「{case}」の場合、結果は {received} ですが、{expected} になるはずです。",
    ),
    "calls_others": Text(
        "It calls {names}. The check of that exercise does not pass yet: start there.",
        "この解答は {names} を呼び出していますが、その演習の check がまだ通りません。先にそちらを直してください。",
    ),
    "reads_notebook": Text(
        "It reads the notebook's {names}. The check calls it with other inputs: compute what you need inside, from the "
        "arguments.",
        "この解答はノートブックの {names} を読んでいます。check は別の入力で解答を呼び出すので、"
        "必要な値は解答の中で引数から計算してください。",
    ),
    "point": Text("{points} of {out_of} point", "{out_of} 点中 {points} 点"),
    "points": Text("{points} of {out_of} points", "{out_of} 点中 {points} 点"),
    "hint_offer": Text('A hint: hint("{name}")', 'ヒントは hint("{name}") で見られます。'),
    # Hints
    "hint": Text("Hint {number} of {total}: {sentence}", "ヒント {number}/{total}：{sentence}"),
    "hints_done": Text(
        "There are no more hints for {name}; its solution is in solutions/{lab}.ipynb.",
        "{name} のヒントはこれで全部です。解答は solutions/ja/{lab}.ipynb にあります。",
    ),
    # Budget
    "budget_mode": Text(
        "T2ILAB_BUDGET must be 'lesson' or 'ci', but it is {received!r}; set it to one of them or unset it.",
        "T2ILAB_BUDGET は 'lesson' か 'ci' ですが、{received!r} "
        "になっています。どちらかにするか、設定を消してください。",
    ),
    "budget_number": Text(
        "budget takes two numbers above zero, but it received {received}; write for example budget(2000, ci=20).",
        "budget には正の数を 2 つ渡しますが、{received} を受け取りました。"
        "たとえば budget(2000, ci=20) と書いてください。",
    ),
}
