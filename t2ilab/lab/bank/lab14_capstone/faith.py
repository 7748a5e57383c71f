"""Whether pictures show what was asked: all of it, or it does not count."""

import torch

from t2ilab.lab.bank.lab14_capstone.distance import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

NAMES = ("thing", "color", "size", "place")
WORDS = ("cat", "red", "blue", "star")  # the same words for all, so that a value under another name is there to be met


def faithfulness(asked, read):
    """The share of pictures in which every attribute that was asked for was read.

    asked: a list of dicts, one a picture, such as {"thing": "cat", "color": "red"}; what is not named
    may be anything. read: a list of as many dicts, what a reader saw: perhaps more attributes, perhaps
    not all, {} where it saw nothing. Returns one number in [0, 1].
    """
    right = [
        all(name in seen and seen[name] == value for name, value in wanted.items())
        for wanted, seen in zip(asked, read, strict=True)
    ]
    return sum(right) / len(right)


def _inputs(generator):
    def draw(count):
        return int(torch.randint(count, (), generator=generator))

    def scene(names):
        return {name: WORDS[draw(len(WORDS))] for name in names}

    def pair(kind):
        """What was asked and what was read; of each kind there is one at least."""
        order = torch.randperm(len(NAMES), generator=generator).tolist()
        names = [NAMES[i] for i in order[:3]]
        wanted = scene(names)
        seen = dict(wanted)
        if kind == "more":
            seen |= scene([NAMES[order[3]]])
        elif kind == "first_wrong":
            seen[names[0]] = next(word for word in WORDS if word not in wanted.values())
        elif kind == "last_wrong":
            seen[names[-1]] = next(word for word in WORDS if word not in wanted.values())
        elif kind == "missing":
            del seen[names[1]]
        elif kind == "exchanged":
            wanted[names[0]], wanted[names[1]] = WORDS[0], WORDS[1]
            seen = {**wanted, names[0]: WORDS[1], names[1]: WORDS[0]}
        elif kind == "nothing":
            seen = {}
        elif kind == "unasked":
            wanted = {}
        return wanted, seen

    kinds = ["right", "more", "more", "first_wrong", "last_wrong", "missing", "exchanged", "nothing", "unasked"]
    kinds += ["right"] * (1 + draw(3)) + ["last_wrong"] * draw(3) + ["first_wrong"] * draw(2)
    order = torch.randperm(len(kinds), generator=generator).tolist()
    pairs = [pair(kinds[i]) for i in order]
    return {"asked": [wanted for wanted, _ in pairs], "read": [seen for _, seen in pairs], "other": scene(NAMES)}


@cases
def _probe(faithfulness, inputs):
    asked, read, other = inputs["asked"], inputs["read"], inputs["other"]
    yield "some_right", lambda: faithfulness(asked, read)
    yield "all_read", lambda: faithfulness(asked, asked)
    yield "nothing_read", lambda: faithfulness([other] * 3, [{}] * 3)
    yield "nothing_asked", lambda: faithfulness([{}] * 2, [other, {}])
    yield "one_wrong", lambda: faithfulness([other] * 4, [other] * 3 + [{**other, "size": "none"}])
    yield "more_read", lambda: faithfulness([{"thing": other["thing"]}] * 2, [other, {"thing": "none"}])
    yield "one_picture", lambda: faithfulness([other], [{**other, "place": "none"}])
    yield (
        "values_exchanged",
        lambda: faithfulness([{"color": "red", "place": "blue"}], [{"color": "blue", "place": "red"}]),
    )
    yield "in_another_order", lambda: faithfulness(asked[::-1], read[::-1])


def _share(right):
    """A share with one fault: right(wanted, seen) says of one picture whether, or how much, it is right."""
    return lambda asked, read: sum(float(right(w, s)) for w, s in zip(asked, read, strict=True)) / len(asked)


def _met(wanted, seen):
    return [name in seen and seen[name] == value for name, value in wanted.items()]


def _of_all_attributes(asked, read):
    met = [hit for wanted, seen in zip(asked, read, strict=True) for hit in _met(wanted, seen)]
    return sum(met) / max(1, len(met))


FAITHFULNESS = Exercise(
    name="faithfulness",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=faithfulness,
    hints=(
        Text(
            "A red cat was asked for, and a blue cat was read. Is that half right, or wrong?",
            "赤い猫を頼んで、青い猫が読み取られました。半分正解でしょうか、それとも不正解でしょうか。",
        ),
        Text(
            "For one picture: go through what was asked, and see whether each name is in what was read, with the same "
            "value. What was read besides does not matter.",
            "1 枚の画像について、頼んだ属性を順に見て、読み取ったものに同じ名前が同じ値であるかを調べます。"
            "それ以外に何が読み取られたかは関係ありません。",
        ),
        Text(
            "all(seen.get(name) == value for name, value in wanted.items()) for each pair of zip(asked, read); then "
            "the number of those that hold over the number of pictures.",
            "zip(asked, read) の組ごとに all(seen.get(name) == value for name, value in wanted.items()) を求め、"
            "成り立つものの数を画像の数で割ります。",
        ),
    ),
    properties={
        "ends": Property(
            lambda arrays, inputs: (
                abs(arrays["all_read"] - 1) < 1e-6
                and abs(arrays["nothing_read"]) < 1e-6
                and 0 < arrays["some_right"] < 1
            ),
            0.2,
            Text(
                "Where all was read as asked it must be 1, where nothing was read 0.",
                "すべて頼んだとおりなら 1、何も読み取れなければ 0 になるはずです。",
            ),
        ),
        "one_wrong": Property(
            lambda arrays, inputs: abs(arrays["one_wrong"] - 0.75) < 1e-6 and abs(arrays["one_picture"]) < 1e-6,
            0.3,
            Text(
                "One wrong attribute makes a picture wrong: of four pictures with one such, 0.75 must be left.",
                "属性がひとつ違えば、その画像は不正解です。4 枚のうち 1 枚がそうなら、0.75 になるはずです。",
            ),
        ),
    },
    misconceptions={
        "any": Misconception(
            _share(lambda wanted, seen: any(_met(wanted, seen)) or not wanted),
            Text(
                "one attribute that was met is enough here; all that were asked for have to be.",
                "ひとつでも合っていれば正解にしています。頼んだ属性がすべて合っている必要があります。",
            ),
        ),
        "share_of_each": Misconception(
            _share(lambda wanted, seen: sum(_met(wanted, seen)) / len(wanted) if wanted else 1.0),
            Text(
                "half-right pictures count half; a picture is right or wrong.",
                "半分合っている画像を半分として数えています。画像は正解か不正解かのどちらかです。",
            ),
        ),
        "share_of_attributes": Misconception(
            _of_all_attributes,
            Text(
                "this is the share of attributes; the share of pictures is asked for.",
                "属性の割合になっています。画像の割合を求めてください。",
            ),
        ),
        "exactly_as_asked": Misconception(
            _share(lambda wanted, seen: wanted == seen),
            Text(
                "what was read besides what was asked counts as wrong; it may be anything.",
                "頼んでいない属性が読み取られると不正解にしています。頼んでいないものは何でもかまいません。",
            ),
        ),
        "other_way_round": Misconception(
            _share(lambda wanted, seen: all(_met(seen, wanted))),
            Text(
                "it asks whether all that was read was asked for; the question is whether all that was asked was read.",
                "読み取られたものがすべて頼んだものかを調べています。頼んだものがすべて読み取られたかを調べてください。",
            ),
        ),
        "names_only": Misconception(
            _share(lambda wanted, seen: all(name in seen for name in wanted)),
            Text(
                "only the names are looked for; the values have to be the same, too.",
                "名前があるかどうかしか見ていません。値も同じでなければなりません。",
            ),
        ),
        "values_anywhere": Misconception(
            _share(lambda wanted, seen: all(value in seen.values() for value in wanted.values())),
            Text(
                "a value counts under any name: a blue house with a red roof passes for a red one with a blue roof.",
                "値がどの名前の下にあっても正解にしています。赤い屋根の青い家が、青い屋根の赤い家として通ってしまいます。",
            ),
        ),
        "missing_counts": Misconception(
            _share(lambda wanted, seen: all(seen.get(name, value) == value for name, value in wanted.items())),
            Text(
                "what was not read counts as right; it counts as wrong.",
                "読み取れなかった属性を正解にしています。不正解として数えてください。",
            ),
        ),
        "first_only": Misconception(
            _share(lambda wanted, seen: (_met(wanted, seen) or [True])[0]),
            Text(
                "only the first attribute is looked at: the loop ends too early.",
                "最初の属性しか見ていません。ループが早く終わっています。",
            ),
        ),
        "last_only": Misconception(
            _share(lambda wanted, seen: (_met(wanted, seen) or [True])[-1]),
            Text(
                "only the last attribute counts: each turn of the loop forgets the one before.",
                "最後の属性しか数えていません。ループのたびに、前の結果を忘れています。",
            ),
        ),
        "nothing_asked_is_wrong": Misconception(
            _share(lambda wanted, seen: bool(wanted) and all(_met(wanted, seen))),
            Text(
                "a picture of which nothing was asked counts as wrong; it shows all that was asked.",
                "何も頼んでいない画像を不正解にしています。頼んだものは、すべて描かれています。",
            ),
        ),
        "count": Misconception(
            lambda asked, read: float(sum(all(_met(w, s)) for w, s in zip(asked, read, strict=True))),
            Text(
                "this is how many are right; divide by the number of pictures.",
                "正解の枚数になっています。画像の枚数で割ってください。",
            ),
        ),
        "share_of_wrong": Misconception(
            _share(lambda wanted, seen: not all(_met(wanted, seen))),
            Text("this is the share of pictures that are wrong.", "不正解の割合になっています。"),
        ),
        "all_or_nothing": Misconception(
            lambda asked, read: float(all(all(_met(w, s)) for w, s in zip(asked, read, strict=True))),
            Text(
                "it asks whether all pictures are right; the share of right ones is asked for.",
                "すべての画像が正解かどうかを調べています。正解の割合を求めてください。",
            ),
        ),
    },
    off_limits=("t2ilab.metrics.faithfulness",),
)
