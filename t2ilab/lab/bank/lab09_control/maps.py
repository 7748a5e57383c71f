"""A map of class numbers as pictures that a network can read: one channel a class."""

import numpy as np
import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab09_control.start import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

CLASSES = 5


def one_hot_map(semantic_map, classes):
    """One channel for each class, 1 where it is and 0 elsewhere.

    semantic_map: int64 (B, H, W), the number of the class at each pixel, 0 to classes - 1; classes: one
    int. Returns float32 (B, classes, H, W).
    """
    return F.one_hot(semantic_map, classes).permute(0, 3, 1, 2).float()


def _inputs(generator):
    # As high and as wide as there are classes, so that a wrong axis raises no error; not every class is in every map.
    size = (3, CLASSES, CLASSES)
    return {
        "semantic_map": torch.randint(0, CLASSES - 1, size, generator=generator),
        "other": torch.randint(0, 3, (2, 4, 6), generator=generator),
    }


@cases
def _probe(one_hot_map, inputs):
    given, other = inputs["semantic_map"], inputs["other"]
    yield "batch", lambda: one_hot_map(given, CLASSES)
    yield "single", lambda: one_hot_map(given[:1], CLASSES)
    yield "sizes", lambda: one_hot_map(other, 7)
    yield "one_class", lambda: one_hot_map(torch.zeros_like(other), 1)
    yield "last_class", lambda: one_hot_map(torch.full_like(other, 2), 3)
    yield "single_precision", lambda: float(one_hot_map(given, CLASSES).dtype == torch.float32)


def _compared(numbers):
    """Maps that compare with other numbers than 0 to classes - 1."""

    def answer(semantic_map, classes):
        return (semantic_map[:, None] == numbers(classes).reshape(1, -1, 1, 1)).float()

    return answer


def _present_only(semantic_map, classes):
    present = semantic_map.unique()
    return (semantic_map[:, None] == present.reshape(1, -1, 1, 1)).float()


ONE_HOT_MAP = Exercise(
    name="one_hot_map",
    lab=LAB,
    difficulty=1,
    minutes=5,
    points=1,
    make_inputs=_inputs,
    probe=_probe,
    reference=one_hot_map,
    hints=(
        Text(
            "For one class: where does the map hold its number? And where must the axis of the classes stand?",
            "クラスをひとつ決めると、その番号はマップのどこにありますか。また、クラスの軸はどこに置きますか。",
        ),
        Text(
            "`F.one_hot(semantic_map, classes)` has the classes last, (B, H, W, classes), and is int64; or compare "
            "`semantic_map[:, None]` with `torch.arange(classes)`.",
            "`F.one_hot(semantic_map, classes)` は (B, H, W, classes) で、クラスの軸が最後にあり、整数です。"
            "`semantic_map[:, None]` と `torch.arange(classes)` を比べてもできます。",
        ),
        Text(
            "F.one_hot(semantic_map, classes).permute(0, 3, 1, 2).float().",
            "F.one_hot(semantic_map, classes).permute(0, 3, 1, 2).float() とします。",
        ),
    ),
    properties={
        "one_a_pixel": Property(
            lambda arrays, inputs: (
                arrays["batch"].shape == (3, CLASSES, CLASSES, CLASSES)
                and np.allclose(arrays["batch"].sum(1), 1)
                and np.isin(arrays["batch"], (0, 1)).all()
            ),
            0.25,
            Text(
                "At each pixel exactly one of the channels must be 1 and all others 0.",
                "どの画素でも、チャンネルのうちちょうどひとつが 1 で、ほかは 0 のはずです。",
            ),
        ),
    },
    misconceptions={
        "channels_last": Misconception(
            lambda semantic_map, classes: F.one_hot(semantic_map, classes).float(),
            Text(
                "the classes are on the last axis; a network wants channels right after the batch: permute.",
                "クラスの軸が最後にあります。ネットワークには、バッチのすぐ次にチャンネルが必要です。"
                "permute してください。",
            ),
        ),
        "reshaped": Misconception(
            lambda semantic_map, classes: (
                F.one_hot(semantic_map, classes).reshape(len(semantic_map), classes, *semantic_map.shape[1:]).float()
            ),
            Text(
                "reshape keeps the order in memory and mixes pixels with classes; permute moves the axis.",
                "reshape はメモリの並びを変えないので、画素とクラスが混ざります。軸を動かすのは permute です。",
            ),
        ),
        "turned": Misconception(
            lambda semantic_map, classes: F.one_hot(semantic_map, classes).permute(0, 3, 2, 1).float(),
            Text(
                "the map is turned on its side: height and width are exchanged.",
                "高さと幅が入れ替わり、マップが横倒しになっています。",
            ),
        ),
        "counted_from_one": Misconception(
            _compared(lambda classes: torch.arange(1, classes + 1)),
            Text("classes are counted from 0, not from 1.", "クラスの番号は 1 からではなく、0 から始まります。"),
        ),
        "present_only": Misconception(
            _present_only,
            Text(
                "there are channels only for the classes of this very map; a network needs the same ones "
                "for every map.",
                "このマップに出てくるクラスの分しかチャンネルがありません。どのマップでも同じチャンネルが必要です。",
            ),
        ),
        "integers": Misconception(
            lambda semantic_map, classes: F.one_hot(semantic_map, classes).permute(0, 3, 1, 2),
            Text(
                "the numbers are still integers; a convolution takes floats.",
                "整数のままです。畳み込みには浮動小数点数を渡します。",
            ),
        ),
        "booleans": Misconception(
            lambda semantic_map, classes: semantic_map[:, None] == torch.arange(classes).reshape(1, -1, 1, 1),
            Text(
                "these are True and False; a convolution takes floats.",
                "True と False のままです。畳み込みには浮動小数点数を渡します。",
            ),
        ),
        "double": Misconception(
            lambda semantic_map, classes: one_hot_map(semantic_map, classes).double(),
            Text(
                "the numbers are float64; the network's weights are float32, and it takes nothing else.",
                "float64 になっています。ネットワークの重みは float32 なので、float32 にしてください。",
            ),
        ),
        "inverted": Misconception(
            lambda semantic_map, classes: (semantic_map[:, None] != torch.arange(classes).reshape(1, -1, 1, 1)).float(),
            Text("ones and zeros are exchanged.", "0 と 1 が逆です。"),
        ),
        "one_channel": Misconception(
            lambda semantic_map, classes: semantic_map[:, None].float(),
            Text(
                "the class numbers themselves are one channel, as if class 4 were twice as much as class 2.",
                "クラスの番号をそのままひとつのチャンネルにしています。"
                "これでは、クラス 4 がクラス 2 の 2 倍だということになってしまいます。",
            ),
        ),
        "greys": Misconception(
            lambda semantic_map, classes: semantic_map[:, None].float() / max(1, classes - 1),
            Text(
                "the classes are shades of grey here, so that some lie between others; give each its own channel.",
                "クラスを灰色の濃さで表しているので、あるクラスが別のクラスの中間になってしまいます。"
                "クラスごとにチャンネルを分けてください。",
            ),
        ),
        "model_range": Misconception(
            lambda semantic_map, classes: F.one_hot(semantic_map, classes).permute(0, 3, 1, 2).float() * 2 - 1,
            Text(
                "the map is brought to -1 and 1 as pictures are; here 0 means that the class is not there.",
                "画像のように -1 と 1 にしています。ここでは、そのクラスがないところは 0 です。",
            ),
        ),
        "cumulative": Misconception(
            lambda semantic_map, classes: (semantic_map[:, None] >= torch.arange(classes).reshape(1, -1, 1, 1)).float(),
            Text(
                "a class switches on all channels below its own too.",
                "自分のチャンネルより前のチャンネルまで、すべて 1 になっています。",
            ),
        ),
    },
)
