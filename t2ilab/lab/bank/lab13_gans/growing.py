"""A network that has just grown: its new, larger pictures take over little by little."""

import numpy as np
import torch
import torch.nn.functional as F

from t2ilab.lab.bank.draws import pictures
from t2ilab.lab.bank.lab13_gans.draws import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def fade_in(low, high, alpha):
    """From the small picture to the large one (Karras et al. 2018, figure 2).

    low: (B, 3, H, W), what the network drew before it grew; high: (B, 3, 2H, 2W), what it draws now; alpha:
    one number in [0, 1]. Returns (B, 3, 2H, 2W): all of `low` at 0, each pixel of it now four equal ones; all
    of `high` at 1.
    """
    enlarged = F.interpolate(low, scale_factor=2, mode="nearest")
    return (1 - alpha) * enlarged + alpha * high


def _inputs(generator):
    return {
        "low": pictures(generator, 2, 3, 4, 4),  # square, so that a wrong axis raises no error
        "high": pictures(generator, 2, 3, 8, 8),
        "alpha": 0.15 + 0.2 * torch.rand((), generator=generator).item(),
        "other_low": pictures(generator, 3, 3, 2, 5),
        "other_high": pictures(generator, 3, 3, 4, 10),
    }


@cases
def _probe(fade_in, inputs):
    low, high, alpha = inputs["low"], inputs["high"], inputs["alpha"]
    yield "batch", lambda: fade_in(low, high, alpha)
    yield "not_yet", lambda: fade_in(low, high, 0.0)
    yield "grown", lambda: fade_in(low, high, 1.0)
    yield "late", lambda: fade_in(low, high, 0.9)
    yield "single", lambda: fade_in(low[:1], high[:1], alpha)
    yield "float64", lambda: fade_in(low.double(), high.double(), alpha)
    yield "sizes", lambda: fade_in(inputs["other_low"], inputs["other_high"], alpha)


def _nearest(low):
    return low.repeat_interleave(2, -1).repeat_interleave(2, -2)


def _mistaken(mix=lambda a, b, alpha: (1 - alpha) * a + alpha * b, enlarge=_nearest):
    """A fade with one fault: in how the two are mixed, or in how the small picture is enlarged."""
    return lambda low, high, alpha: mix(enlarge(low), high, alpha)


def _with_gaps(low):
    wide = torch.zeros(*low.shape[:2], 2 * low.shape[2], 2 * low.shape[3]).to(low)
    wide[:, :, ::2, ::2] = low
    return wide


def _both_small(low, high, alpha):
    return _nearest((1 - alpha) * low + alpha * F.avg_pool2d(high, 2))


def _end(arrays, inputs, case, other):
    """Whether an end of the fade is one of the two pictures; not of an answer that is the same everywhere."""
    pictures = {"not_yet": _nearest(inputs["low"]).numpy(), "grown": inputs["high"].numpy()}
    return np.allclose(arrays[case], pictures[case], atol=1e-5) and not np.allclose(arrays[other], arrays[case])


FADE_IN = Exercise(
    name="fade_in",
    lab=LAB,
    difficulty=1,
    minutes=5,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=fade_in,
    hints=(
        Text(
            "The two pictures have different sizes. Which one has to change, and how, so that nothing new comes in?",
            "2 つの画像は大きさが違います。新しいものを加えずに、どちらの大きさをどう変えますか。",
        ),
        Text(
            "Enlarge `low` so that each pixel becomes four equal ones: F.interpolate with mode nearest. Then two "
            "shares that add up to 1.",
            "low の各画素を、同じ値の 4 画素に広げます。F.interpolate を mode nearest で使います。"
            "あとは、合計が 1 になる 2 つの割合です。",
        ),
        Text(
            'enlarged = F.interpolate(low, scale_factor=2, mode="nearest"), then (1 - alpha) * enlarged + alpha * '
            "high.",
            'enlarged = F.interpolate(low, scale_factor=2, mode="nearest") のあと、(1 - alpha) * enlarged + alpha * '
            "high とします。",
        ),
    ),
    properties={
        "not_yet": Property(
            lambda arrays, inputs: _end(arrays, inputs, "not_yet", "grown"),
            0.25,
            Text(
                "At alpha = 0 the small picture must be there alone, each pixel as four equal ones.",
                "alpha = 0 では小さい画像だけが、1 画素を同じ 4 画素に広げた形で見えるはずです。",
            ),
        ),
        "grown": Property(
            lambda arrays, inputs: _end(arrays, inputs, "grown", "not_yet"),
            0.25,
            Text(
                "At alpha = 1 the large picture must be there alone.",
                "alpha = 1 では大きい画像だけになるはずです。",
            ),
        ),
    },
    misconceptions={
        "reversed": Misconception(
            _mistaken(lambda a, b, alpha: alpha * a + (1 - alpha) * b),
            Text(
                "alpha is the wrong way round: it is the share of the large picture.",
                "alpha が逆です。alpha は大きい画像の割合です。",
            ),
        ),
        "bilinear": Misconception(
            _mistaken(enlarge=lambda low: F.interpolate(low, scale_factor=2, mode="bilinear")),
            Text(
                "the small picture is enlarged smoothly; here each pixel becomes four equal ones.",
                "小さい画像をなめらかに拡大しています。ここでは 1 画素を同じ 4 画素にします。",
            ),
        ),
        "corners": Misconception(
            _mistaken(enlarge=lambda low: F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=True)),
            Text(
                "the small picture is enlarged smoothly, from corner to corner; here each pixel becomes four equal "
                "ones.",
                "小さい画像を角から角までなめらかに拡大しています。ここでは 1 画素を同じ 4 画素にします。",
            ),
        ),
        "tiled": Misconception(
            _mistaken(enlarge=lambda low: low.repeat(1, 1, 2, 2)),
            Text(
                "the small picture is laid side by side four times; each pixel has to become four, where it is.",
                "小さい画像が 4 枚並んでいます。画素それぞれを、その場で 4 画素に広げてください。",
            ),
        ),
        "turned": Misconception(
            _mistaken(enlarge=lambda low: _nearest(low.mT) if low.shape[-1] == low.shape[-2] else _nearest(low)),
            Text(
                "height and width of the small picture are exchanged.",
                "小さい画像の高さと幅が入れ替わっています。",
            ),
        ),
        "with_gaps": Misconception(
            _mistaken(enlarge=_with_gaps),
            Text(
                "three of four pixels are left at 0; all four take the value of the small one.",
                "4 画素のうち 3 画素が 0 のままです。4 画素とも、もとの画素の値にしてください。",
            ),
        ),
        "quartered": Misconception(
            _mistaken(enlarge=lambda low: _nearest(low) / 4),
            Text(
                "each pixel is shared out among four; its brightness stays, it is not divided.",
                "1 画素の値を 4 つに分けています。明るさは割らずに、そのまま使ってください。",
            ),
        ),
        "added": Misconception(
            _mistaken(lambda a, b, alpha: a + alpha * b),
            Text(
                "the small picture is not faded out: it needs the share 1 - alpha.",
                "小さい画像が薄くなっていません。1 - alpha を掛けてください。",
            ),
        ),
        "residual": Misconception(
            _mistaken(lambda a, b, alpha: (1 - alpha) * a + b),
            Text(
                "the large picture is there in full from the beginning; it needs the share alpha.",
                "大きい画像が最初からすべて入っています。alpha を掛けてください。",
            ),
        ),
        "halves": Misconception(
            _mistaken(lambda a, b, alpha: (a + b) / 2),
            Text("half of each is taken, whatever alpha is.", "alpha を使わず、半分ずつ混ぜています。"),
        ),
        "switched": Misconception(
            _mistaken(lambda a, b, alpha: b.clone() if alpha >= 0.5 else a),
            Text(
                "it switches over at once; the pictures are to be mixed.",
                "途中で一度に切り替わっています。2 つの画像を混ぜてください。",
            ),
        ),
        "only_high": Misconception(
            _mistaken(lambda a, b, alpha: b.clone()),
            Text("the small picture is left out.", "小さい画像が抜けています。"),
        ),
        "only_low": Misconception(
            _mistaken(lambda a, b, alpha: a),
            Text("the large picture is left out.", "大きい画像が抜けています。"),
        ),
        "both_small": Misconception(
            _both_small,
            Text(
                "the large picture is made small first, and all that is new in it is lost.",
                "先に大きい画像を小さくしているので、新しく描かれた細部が失われます。",
            ),
        ),
        "small_result": Misconception(
            lambda low, high, alpha: (1 - alpha) * low + alpha * F.avg_pool2d(high, 2),
            Text(
                "the result is as small as `low`; it is to be as large as `high`.",
                "結果が low と同じ大きさです。high と同じ大きさにしてください。",
            ),
        ),
        "squared": Misconception(
            _mistaken(lambda a, b, alpha: (1 - alpha**2) * a + alpha**2 * b),
            Text("alpha is squared.", "alpha を 2 乗しています。"),
        ),
    },
    off_limits=("t2ilab.nets.gan.progressive.fade_in",),
)
