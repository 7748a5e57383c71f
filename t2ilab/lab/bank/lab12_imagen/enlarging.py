"""What a super-resolution network reads: the noisy large picture, and the small one blown up beside it."""

import numpy as np
import torch
import torch.nn.functional as F

from t2ilab.lab.bank.draws import pictures
from t2ilab.lab.bank.lab12_imagen.augmenting import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def super_resolution_input(x_t, low_res):
    """x_t with the small picture, enlarged to its size, as further channels (Ho et al. 2022, section 2).

    x_t: (B, 3, H, W), the noisy large picture; low_res: (B, 3, h, w), the small one. It is enlarged by
    bilinear interpolation, as F.interpolate has it with align_corners=False. Returns (B, 6, H, W), x_t first.
    """
    enlarged = F.interpolate(low_res, size=x_t.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([x_t, enlarged], dim=1)


def _inputs(generator):
    return {
        "x_t": torch.randn(2, 3, 9, 12, generator=generator),
        "low_res": pictures(generator, 2, 3, 3, 4),
        "already_large": pictures(generator, 2, 3, 9, 12),
        "flat": pictures(generator, 2, 3, 1, 1),
        "other_x_t": torch.randn(3, 3, 8, 5, generator=generator),
        "other_low_res": pictures(generator, 3, 3, 4, 3),
    }


@cases
def _probe(super_resolution_input, inputs):
    x_t, low_res, flat = inputs["x_t"], inputs["low_res"], inputs["flat"]
    # First what no enlarging is needed for: who forgets it gets at least here.
    yield "already_large", lambda: super_resolution_input(x_t, inputs["already_large"])
    yield "batch", lambda: super_resolution_input(x_t, low_res)
    yield "flat", lambda: super_resolution_input(x_t, flat.expand(-1, -1, 3, 4).contiguous())
    yield "single", lambda: super_resolution_input(x_t[:1], low_res[:1])
    yield "float64", lambda: super_resolution_input(x_t.double(), low_res.double())
    yield "sizes", lambda: super_resolution_input(inputs["other_x_t"], inputs["other_low_res"])


def _enlarged(x_t, low_res, mode="bilinear", align_corners=False):
    return F.interpolate(low_res, size=x_t.shape[-2:], mode=mode, align_corners=align_corners)


def _mistaken(enlarge=_enlarged, join=lambda x_t, large: torch.cat([x_t, large], 1)):
    """An input with one fault: in how the small picture is enlarged, or in how the two are put together."""
    return lambda x_t, low_res: join(x_t, enlarge(x_t, low_res))


def _interleaved(x_t, large):
    return torch.stack([x_t, large], 2).flatten(1, 2)


def _shrunk(x_t, low_res):
    small = F.interpolate(x_t, size=low_res.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([small, low_res], dim=1)


def _corner(x_t, low_res):
    """The small picture in a corner, and zeros around it."""
    large = torch.zeros_like(x_t)
    large[..., : low_res.shape[-2], : low_res.shape[-1]] = low_res
    return large


def _first_is_x_t(arrays, inputs):
    """x_t comes first, unchanged, and something else follows."""
    batch, x_t = arrays["batch"], inputs["x_t"].numpy()
    return batch.shape == (2, 6, 9, 12) and np.array_equal(batch[:, :3], x_t) and abs(batch[:, 3:] - x_t).max() > 0.1


def _flat_stays_flat(arrays, inputs):
    """A small picture of one colour is a large one of that colour, and the colours of others are met."""
    wanted = np.broadcast_to(inputs["flat"].numpy(), (2, 3, 9, 12))
    large, mean = arrays["batch"][:, 3:], inputs["low_res"].mean((2, 3)).numpy()
    met = abs(large.mean((2, 3)) - mean).max() < 0.25 and large.std() > 0.05
    return met and np.allclose(arrays["flat"][:, 3:], wanted, atol=1e-5)


SUPER_RESOLUTION_INPUT = Exercise(
    name="super_resolution_input",
    lab=LAB,
    difficulty=1,
    minutes=5,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=super_resolution_input,
    hints=(
        Text(
            "A convolution reads all channels at one place. What has to lie at the same place as a pixel of x_t?",
            "畳み込みは、同じ場所にあるすべてのチャンネルを読みます。x_t の画素と同じ場所に、"
            "何があればよいでしょうか。",
        ),
        Text(
            "F.interpolate(low_res, size=..., mode='bilinear') to the height and width of x_t, then torch.cat along "
            "the "
            "channels.",
            "F.interpolate(low_res, size=..., mode='bilinear') で x_t の高さと幅に合わせ、チャンネルの方向に "
            "torch.cat します。",
        ),
        Text(
            "The size is x_t.shape[-2:], and torch.cat([x_t, enlarged], dim=1) puts x_t first.",
            "大きさは x_t.shape[-2:] です。torch.cat([x_t, enlarged], dim=1) で x_t が先に来ます。",
        ),
    ),
    properties={
        "first_is_x_t": Property(
            _first_is_x_t,
            0.25,
            Text(
                "The first three channels of six must be x_t as it is.",
                "6 チャンネルのうち、はじめの 3 つは x_t そのものになるはずです。",
            ),
        ),
        "flat_stays_flat": Property(
            _flat_stays_flat,
            0.2,
            Text(
                "The last three channels must be the small picture made large: one of a single colour keeps that "
                "colour.",
                "あとの 3 チャンネルは小さな画像を拡大したものです。一色の画像なら、同じ色のままになるはずです。",
            ),
        ),
    },
    misconceptions={
        "not_enlarged": Misconception(
            lambda x_t, low_res: torch.cat([x_t, low_res], dim=1),
            Text(
                "the small picture is put beside x_t as it is; bring it to the same height and width first.",
                "小さな画像をそのまま並べています。先に高さと幅をそろえてください。",
            ),
        ),
        "swapped": Misconception(
            _mistaken(join=lambda x_t, large: torch.cat([large, x_t], 1)),
            Text("the order is exchanged: x_t comes first.", "順番が逆です。x_t を先にしてください。"),
        ),
        "nearest": Misconception(
            _mistaken(lambda x_t, low_res: F.interpolate(low_res, size=x_t.shape[-2:])),
            Text(
                "pixels are repeated, which is what F.interpolate does where no mode is named.",
                "画素を繰り返しています。F.interpolate は、mode を指定しないとそうなります。",
            ),
        ),
        "bicubic": Misconception(
            _mistaken(lambda x_t, low_res: _enlarged(x_t, low_res, mode="bicubic")),
            Text(
                "the enlargement is bicubic, which may leave [-1, 1]; bilinear is asked for.",
                "双 3 次補間で拡大しています。[-1, 1] を外れることもあります。双線形補間を使ってください。",
            ),
        ),
        "corners": Misconception(
            _mistaken(lambda x_t, low_res: _enlarged(x_t, low_res, align_corners=True)),
            Text(
                "align_corners=True shifts everything towards the borders by part of a pixel; leave it False.",
                "align_corners=True では、全体が端に向かって画素の何分の一かずれます。False のままにしてください。",
            ),
        ),
        "added": Misconception(
            _mistaken(join=lambda x_t, large: x_t + large),
            Text(
                "the two are added, so that the network could not tell them apart; put them beside one another.",
                "2 つを足しています。これでは区別がつきません。チャンネルとして並べてください。",
            ),
        ),
        "batch_axis": Misconception(
            _mistaken(join=lambda x_t, large: torch.cat([x_t, large])),
            Text(
                "they are joined along the batch: twice as many pictures, each with three channels.",
                "バッチの方向に連結しています。3 チャンネルの画像が 2 倍の枚数になっています。",
            ),
        ),
        "side_by_side": Misconception(
            _mistaken(join=lambda x_t, large: torch.cat([x_t, large], -1)),
            Text(
                "they stand side by side as one wide picture; channels are axis 1.",
                "横に並べて、幅の広い 1 枚にしています。チャンネルの軸は 1 です。",
            ),
        ),
        "interleaved": Misconception(
            _mistaken(join=_interleaved),
            Text(
                "the channels alternate; all of x_t comes first, then all of the small picture.",
                "チャンネルが交互に並んでいます。x_t をすべて並べたあとに、小さな画像を続けてください。",
            ),
        ),
        "only_enlarged": Misconception(
            _mistaken(join=lambda x_t, large: large),
            Text("x_t is left out.", "x_t が抜けています。"),
        ),
        "only_x_t": Misconception(
            lambda x_t, low_res: x_t.clone(),
            Text("the small picture is left out.", "小さな画像が抜けています。"),
        ),
        "shrunk": Misconception(
            _shrunk,
            Text(
                "x_t is made small; it is the small picture that has to grow.",
                "x_t のほうを縮小しています。小さな画像のほうを拡大してください。",
            ),
        ),
        "corner": Misconception(
            _mistaken(_corner),
            Text(
                "the small picture lies in a corner with zeros around it; stretch it over the whole.",
                "小さな画像を隅に置いて、まわりを 0 で埋めています。全体に引き伸ばしてください。",
            ),
        ),
    },
)
