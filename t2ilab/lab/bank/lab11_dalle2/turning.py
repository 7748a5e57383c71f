"""From one embedding to another along an arc: what lies between two pictures."""

import math

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab11_dalle2.loss import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def slerp(a, b, w):
    """From a to b along an arc (Shoemake 1985, section 3.3): a at w = 0, b at w = 1.

    a, b: (B, D), of any lengths, each row turned on its own; no row of a
    points the same or the opposite way as that row of b.
    w: a number in [0, 1]. The angle is the one between the normalised vectors; the formula is used on the
    given ones. Returns (B, D).
    """
    cosine = (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(dim=-1, keepdim=True)  # (B, 1)
    angle = cosine.clamp(-1, 1).acos()  # rounding may push a cosine beyond 1
    return (torch.sin((1 - w) * angle) * a + torch.sin(w * angle) * b) / torch.sin(angle)


def _inputs(generator):
    a, b = _ends(generator, 3, 5)
    other_a, other_b = _ends(generator, 4, 2)
    apart = torch.randn(3, 5, generator=generator)
    return {
        "a": a, "b": b, "w": 0.2 + 0.2 * torch.rand((), generator=generator).item(),
        "same_length": F.normalize(b, dim=-1) * a.norm(dim=-1, keepdim=True),
        "across": _aside(apart, a) * 1.5,
        "other_a": other_a, "other_b": other_b,
    }  # fmt: skip


def _ends(generator, n, d):
    """Two (N, D) with an angle between 0.6 and 2.4 in each row, and lengths from 0.6 to 3."""
    a, aside = torch.randn(2, n, d, generator=generator)
    angle, first, second = torch.rand(3, n, 1, generator=generator)
    direction, angle = F.normalize(a, dim=-1), 0.6 + 1.8 * angle
    b = angle.cos() * direction + angle.sin() * _aside(aside, direction)
    return (0.6 + 1.2 * first) * direction, (1.9 + 1.1 * second) * b


def _aside(x, direction):
    """The part of x at right angles to a direction, of length 1."""
    direction = F.normalize(direction, dim=-1)
    return F.normalize(x - (x * direction).sum(-1, keepdim=True) * direction, dim=-1)


@cases
def _probe(slerp, inputs):
    a, b, w = inputs["a"], inputs["b"], inputs["w"]
    yield "batch", lambda: slerp(a, b, w)
    yield "start", lambda: slerp(a, b, 0.0)
    yield "end", lambda: slerp(a, b, 1.0)
    yield "halfway", lambda: slerp(a, b, 0.5)
    yield "same_length", lambda: slerp(a, inputs["same_length"], w)
    yield "right_angle", lambda: slerp(a, inputs["across"], w)
    yield "scaled", lambda: slerp(4 * a, 0.5 * b, w)
    yield "float64", lambda: slerp(a.double(), b.double(), w)
    yield "single", lambda: slerp(a[:1], b[:1], w)
    yield "sizes", lambda: slerp(inputs["other_a"], inputs["other_b"], w)
    yield "w_tensor", lambda: slerp(a, b, torch.tensor(w))


def _angle(a, b):
    return F.cosine_similarity(a, b, dim=-1).clamp(-1, 1).acos()[:, None]


def _mistaken(angle=_angle, shares=None, ends=lambda a, b: (a, b), after=lambda arc: arc):
    """An arc with one fault: in the angle, in the shares of both ends, in the ends themselves, or in the result."""

    def slerp(a, b, w):
        turn = angle(a, b)
        first, second = (
            shares(turn, w) if shares else (((1 - w) * turn).sin() / turn.sin(), (w * turn).sin() / turn.sin())
        )
        a, b = ends(a, b)
        return after(first * a + second * b)

    return slerp


def _unit(x):
    return F.normalize(x, dim=-1)


def _plain_angle(a, b):
    return (a * b).sum(-1, keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6).acos()


def _one_angle(a, b):
    return F.cosine_similarity(a.flatten(), b.flatten(), dim=0).acos()


def _wrong_axis(a, b):
    return F.cosine_similarity(a, b, dim=0).acos()  # (D,)


def _lengths_apart(a, b, w):
    turned = slerp(_unit(a), _unit(b), w)
    return turned * torch.lerp(a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True), w)


def _ends_met(arrays, inputs):
    return (
        abs(arrays["start"] - inputs["a"].numpy()).max() < 1e-4
        and abs(arrays["end"] - inputs["b"].numpy()).max() < 1e-4
    )


def _length_kept(arrays, inputs):
    """Between ends of one length the length stays, where the answer has moved."""
    given = inputs["a"].norm(dim=-1).numpy()
    lengths = (arrays["same_length"] ** 2).sum(-1) ** 0.5
    moved = abs(arrays["same_length"] - inputs["a"].numpy()).max() > 1e-2
    return moved and abs(lengths - given).max() < 1e-3 and abs(arrays["batch"] - arrays["same_length"]).max() > 1e-3


SLERP = Exercise(
    name="slerp",
    lab=LAB,
    difficulty=3,
    minutes=10,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=slerp,
    hints=(
        Text(
            "On a sphere the straight line goes through the inside, where no embedding lies. Which angle lies between "
            "the two, and how much of it has been turned at w?",
            "球の上では、まっすぐな線は埋め込みのない内側を通ります。2 つの間の角度はいくつで、w "
            "ではそのうちどれだけ回っているでしょうか。",
        ),
        Text(
            "The angle is arccos of the dot product of the normalised vectors, one for each row. a gets the share "
            "sin((1 - w) * angle) / sin(angle).",
            "角度は、正規化したベクトルの内積の arccos で、行ごとに 1 つです。a の割合は sin((1 - w) * angle) / "
            "sin(angle) です。",
        ),
        Text(
            "(torch.sin((1 - w) * angle) * a + torch.sin(w * angle) * b) / torch.sin(angle), with angle (B, 1) and a "
            "and b as they were given.",
            "angle を (B, 1) の形状にして、もとの a と b に対して (torch.sin((1 - w) * angle) * a + torch.sin(w * "
            "angle) * b) "
            "/ torch.sin(angle) を計算します。",
        ),
    ),
    properties={
        "ends": Property(
            _ends_met,
            0.2,
            Text(
                "At w = 0 it must be a, and at w = 1 it must be b, with their lengths.",
                "w = 0 では a に、w = 1 では b に、長さも含めて一致するはずです。",
            ),
        ),
        "length": Property(
            _length_kept,
            0.25,
            Text(
                "Between two vectors of one length every point of the arc has that length.",
                "長さの等しい 2 つのベクトルの間では、弧のどの点も同じ長さになるはずです。",
            ),
        ),
    },
    misconceptions={
        "lerp": Misconception(
            lambda a, b, w: torch.lerp(a, b, w),
            Text(
                "this is the straight line, which cuts through the inside of the sphere.",
                "これは球の内側を横切る直線です。",
            ),
        ),
        "normalised_line": Misconception(
            lambda a, b, w: _unit(torch.lerp(_unit(a), _unit(b), w)),
            Text(
                "this is the straight line brought back to length 1: it turns fastest in the middle, and loses "
                "lengths.",
                "直線を長さ 1 に戻したものです。中ほどで速く回り、もとの長さも失われます。",
            ),
        ),
        "normalised_ends": Misconception(
            _mistaken(ends=lambda a, b: (_unit(a), _unit(b))),
            Text(
                "a and b are normalised in the formula too; only the angle is of the normalised ones.",
                "式の中の a と b まで正規化しています。正規化したベクトルを使うのは角度だけです。",
            ),
        ),
        "normalised_after": Misconception(
            _mistaken(after=_unit),
            Text(
                "the result is brought to length 1; at w = 0 it would not be a any more.",
                "結果の長さを 1 にしています。これでは w = 0 でも a に戻りません。",
            ),
        ),
        "plain_angle": Misconception(
            _mistaken(angle=_plain_angle),
            Text(
                "the angle is taken of vectors that are not normalised; their dot product is no cosine.",
                "正規化していないベクトルから角度を求めています。その内積はコサインではありません。",
            ),
        ),
        "swapped": Misconception(
            lambda a, b, w: slerp(a, b, 1 - w),
            Text("it runs backwards: at w = 0 it is b.", "向きが逆です。w = 0 のとき b になっています。"),
        ),
        "no_division": Misconception(
            _mistaken(shares=lambda turn, w: (((1 - w) * turn).sin(), (w * turn).sin())),
            Text(
                "the division by sin(angle) is missing; at w = 0 a must come out whole.",
                "sin(angle) で割っていません。w = 0 では a がそのまま出てくるはずです。",
            ),
        ),
        "cosine_for_angle": Misconception(
            _mistaken(angle=lambda a, b: F.cosine_similarity(a, b, dim=-1)[:, None]),
            Text(
                "the cosine itself is used as the angle; its arccos is missing.",
                "コサインをそのまま角度として使っています。arccos が抜けています。",
            ),
        ),
        "circle": Misconception(
            _mistaken(shares=lambda turn, w: ((w * turn).cos(), (w * turn).sin())),
            Text(
                "cos and sin of the turned angle lead to b only where a and b stand at right angles.",
                "回した角度の cos と sin で混ぜています。a と b が直交するときにしか b に着きません。",
            ),
        ),
        "quarter_turn": Misconception(
            _mistaken(angle=lambda a, b: torch.full_like(a[:, :1], math.pi / 2)),
            Text(
                "the turn is always a quarter of a circle; take the angle between a and b.",
                "いつも 90 度回すことになっています。a と b の間の角度を使ってください。",
            ),
        ),
        "one_angle": Misconception(
            _mistaken(angle=_one_angle),
            Text(
                "one angle is taken for the whole batch; each row has its own.",
                "バッチ全体でひとつの角度を使っています。角度は行ごとに違います。",
            ),
        ),
        "wrong_axis": Misconception(
            _mistaken(angle=_wrong_axis),
            Text(
                "the angle is taken along the batch; the vectors lie along the last axis.",
                "バッチの方向に角度を求めています。ベクトルは最後の軸に並んでいます。",
            ),
        ),
        "lengths_apart": Misconception(
            _lengths_apart,
            Text(
                "directions are turned and lengths mixed apart from each other; use the formula on a and b as they "
                "are.",
                "向きと長さを別々に補間しています。与えられた a と b に、そのまま式を使ってください。",
            ),
        ),
        "both_turned": Misconception(
            _mistaken(shares=lambda turn, w: (1 - (w * turn).sin() / turn.sin(), (w * turn).sin() / turn.sin())),
            Text(
                "the shares are made to add up to 1; those of an arc add up to more.",
                "割合の合計を 1 にしています。弧の場合、合計は 1 より大きくなります。",
            ),
        ),
    },
    off_limits=("t2ilab.pipelines.interpolation.slerp",),
)
