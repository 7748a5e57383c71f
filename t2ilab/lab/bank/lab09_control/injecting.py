"""What a ControlNet says, added to what the U-Net carries from its way down to its way up."""

import numpy as np
import torch

from t2ilab.lab.bank.lab09_control.start import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases

COUNT = 4  # maps on the way down, all of one shape: a wrong order raises no error


def inject(skips, mid, control_skips, control_mid, scale):
    """The maps of a U-Net with what a ControlNet has to say about each (Zhang et al. 2023, figure 3).

    skips: a list of the U-Net's maps on its way down, each (B, C, H, W); mid: its middle; control_skips
    and control_mid: the ControlNet's, in the same order and of the same shapes; scale: how loud it is, 0
    for silent. Returns (skips, mid), both new; the lists and tensors that came in stay as they are.
    """
    louder = [skip + scale * control for skip, control in zip(skips, control_skips, strict=True)]
    return louder, mid + scale * control_mid


def _inputs(generator):
    def maps(count, *shape):
        return [torch.randn(shape, generator=generator) for _ in range(count)]

    return {
        "skips": maps(COUNT, 2, 4, 3, 3), "mid": maps(1, 2, 4, 3, 3)[0],
        "control_skips": maps(COUNT, 2, 4, 3, 3), "control_mid": maps(1, 2, 4, 3, 3)[0],
        "scale": 0.4 + 0.3 * torch.rand((), generator=generator).item(),
        # Maps of different shapes, as a U-Net has them.
        "other_skips": [*maps(1, 1, 2, 4, 4), *maps(1, 1, 3, 2, 2)],
        "other_controls": [*maps(1, 1, 2, 4, 4), *maps(1, 1, 3, 2, 2)],
    }  # fmt: skip


@cases
def _probe(inject, inputs):
    skips, mid, scale = inputs["skips"], inputs["mid"], inputs["scale"]
    controls, control_mid = inputs["control_skips"], inputs["control_mid"]
    double = [[one.double() for one in maps] for maps in (skips, controls)]
    asked = {
        "batch": (skips, mid, controls, control_mid, scale),
        "full_scale": (skips, mid, controls, control_mid, 1.0),
        "silent": (skips, mid, controls, control_mid, 0.0),
        "float64": (double[0], mid.double(), double[1], control_mid.double(), scale),
        "sizes": (inputs["other_skips"], mid, inputs["other_controls"], control_mid, scale),
        "no_skips": ([], mid, [], control_mid, scale),
    }
    for name, arguments in asked.items():
        yield name, lambda: _joined(_two(inject(*arguments))[0])  # noqa: B023
        yield f"{name}_middle", lambda: _two(inject(*arguments))[1]  # noqa: B023


def _two(answer):
    """The two parts of an answer. Raises Unfit for one that has not two, or whose first is no list."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Unfit("not_two_things", received=type(answer).__name__, parts="`skips, mid`")
    if not isinstance(answer[0], tuple | list):
        raise Unfit("not_two_things", received=f"{type(answer[0]).__name__} as the first part", parts="`skips, mid`")
    return answer


def _joined(maps):
    """A list of maps as one tensor: (N, B, C, H, W) where they are of one shape, else all their numbers in order."""
    if not maps:
        return torch.zeros(0)
    return torch.stack(list(maps)) if len({m.shape for m in maps}) == 1 else torch.cat([m.flatten() for m in maps])


def _mistaken(base=1.0, skips_scale=None, mid_scale=None, order=list):
    """An injection with one fault: the base by another factor, other scales, another order."""

    def inject(skips, mid, control_skips, control_mid, scale):
        loud = (scale if skips_scale is None else skips_scale, scale if mid_scale is None else mid_scale)
        kept = base(scale) if callable(base) else base
        pairs = zip(skips, order(control_skips), strict=True)
        return [kept * skip + loud[0] * control for skip, control in pairs], kept * mid + loud[1] * control_mid

    return inject


def _last_only(skips, mid, control_skips, control_mid, scale):
    if not skips:
        return [], mid + scale * control_mid
    return [*skips[:-1], skips[-1] + scale * control_skips[-1]], mid + scale * control_mid


def _multiplied(skips, mid, control_skips, control_mid, scale):
    pairs = zip(skips, control_skips, strict=True)
    return [skip * (1 + scale * control) for skip, control in pairs], mid * (1 + scale * control_mid)


def _returned_reversed(skips, mid, control_skips, control_mid, scale):
    louder, middle = inject(skips, mid, control_skips, control_mid, scale)
    return louder[::-1], middle


INJECT = Exercise(
    name="inject",
    lab=LAB,
    difficulty=2,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=inject,
    hints=(
        Text(
            "Each map of the way down has its own correction, in the same place of the other list.",
            "下りの特徴マップには、それぞれの補正があります。もうひとつのリストの同じ位置にあるものです。",
        ),
        Text(
            "zip(skips, control_skips) goes through both lists together; `+` makes a new tensor, `+=` changes the old.",
            "zip(skips, control_skips) で 2 つのリストを同時にたどれます。`+` は新しいテンソルを作り、"
            "`+=` はもとのテンソルを書き換えます。",
        ),
        Text(
            "Return [skip + scale * control for skip, control in zip(skips, control_skips)] and mid + "
            "scale * control_mid.",
            "[skip + scale * control for skip, control in zip(skips, control_skips)] と mid + scale * "
            "control_mid を返します。",
        ),
    ),
    properties={
        "silent": Property(
            lambda arrays, inputs: (
                np.array_equal(arrays["silent"], np.stack([one.numpy() for one in inputs["skips"]]))
                and np.array_equal(arrays["silent_middle"], inputs["mid"].numpy())
                and abs(arrays["batch"] - arrays["silent"]).max() > 1e-3
            ),
            0.2,
            Text(
                "At scale 0 everything must be as the U-Net had it, and at another scale not.",
                "scale が 0 なら U-Net のものがそのまま残り、0 でなければ変わるはずです。",
            ),
        ),
        "middle": Property(
            lambda arrays, inputs: np.allclose(
                arrays["batch_middle"],
                (inputs["mid"] + inputs["scale"] * inputs["control_mid"]).numpy(),
                atol=1e-5,
            ),
            0.2,
            Text(
                "The middle must get the ControlNet's middle, scale times.",
                "中央には、ControlNet の中央を scale 倍したものが足されるはずです。",
            ),
        ),
    },
    misconceptions={
        "reversed": Misconception(
            _mistaken(order=lambda maps: list(maps)[::-1]),
            Text(
                "the corrections are taken in the opposite order; both lists go down, so the first "
                "belongs to the first.",
                "補正を逆の順に取り出しています。どちらのリストも下りの順なので、はじめのものどうしが対応します。",
            ),
        ),
        "returned_reversed": Misconception(
            _returned_reversed,
            Text(
                "the list comes back turned round; the way up takes its maps from the end by itself.",
                "返すリストの順序が逆です。上りのほうが、うしろから順に取り出してくれます。",
            ),
        ),
        "no_scale": Misconception(
            _mistaken(skips_scale=1, mid_scale=1),
            Text(
                "`scale` is not used: the ControlNet cannot be made quieter.",
                "`scale` を使っていないので、ControlNet の強さを変えられません。",
            ),
        ),
        "middle_unscaled": Misconception(
            _mistaken(mid_scale=1),
            Text("the middle gets its correction without `scale`.", "中央の補正に `scale` を掛けていません。"),
        ),
        "skips_unscaled": Misconception(
            _mistaken(skips_scale=1),
            Text(
                "only the middle gets `scale`; the maps of the way down need it as well.",
                "`scale` を掛けているのは中央だけです。下りの特徴マップにも掛けてください。",
            ),
        ),
        "middle_forgotten": Misconception(
            _mistaken(mid_scale=0),
            Text("the middle gets no correction.", "中央の補正を忘れています。"),
        ),
        "skips_forgotten": Misconception(
            _mistaken(skips_scale=0),
            Text(
                "only the middle gets a correction; the maps of the way down stay as they were.",
                "補正しているのは中央だけで、下りの特徴マップがもとのままです。",
            ),
        ),
        "last_map_only": Misconception(
            _last_only,
            Text(
                "only the last map of the way down is corrected; every one has its own correction.",
                "補正しているのは、下りの最後の特徴マップだけです。どの特徴マップにも補正があります。",
            ),
        ),
        "replaced": Misconception(
            _mistaken(base=0.0),
            Text(
                "the corrections take the place of the U-Net's maps; they are to be added to them.",
                "U-Net の特徴マップを、補正で置き換えています。置き換えるのではなく、足してください。",
            ),
        ),
        "blended": Misconception(
            _mistaken(base=lambda scale: 1 - scale),
            Text(
                "the two are blended, so that the U-Net gets quieter as the ControlNet gets louder; its "
                "maps stay whole.",
                "2 つを混ぜているので、ControlNet を強くすると U-Net が弱くなります。U-Net "
                "の特徴マップはそのまま残します。",
            ),
        ),
        "everything_scaled": Misconception(
            _mistaken(base=lambda scale: scale),
            Text(
                "`scale` multiplies the U-Net's own maps too; at 0 it would see nothing any more.",
                "U-Net の特徴マップにまで `scale` を掛けています。0 にすると、U-Net には何も残りません。",
            ),
        ),
        "wrong_one_scaled": Misconception(
            _mistaken(base=lambda scale: scale, skips_scale=1, mid_scale=1),
            Text(
                "`scale` multiplies the U-Net's maps; it belongs to the ControlNet's.",
                "`scale` を U-Net の特徴マップに掛けています。掛けるのは ControlNet のほうです。",
            ),
        ),
        "lists_joined": Misconception(
            lambda skips, mid, control_skips, control_mid, scale: (skips + control_skips, mid + scale * control_mid),
            Text(
                "`+` puts two lists one behind the other; their tensors have to be added one by one.",
                "リストどうしの `+` は、2 つをつなげるだけです。テンソルをひとつずつ足してください。",
            ),
        ),
        "channels_joined": Misconception(
            lambda skips, mid, control_skips, control_mid, scale: (
                [torch.cat(pair, dim=1) for pair in zip(skips, control_skips, strict=True)],
                torch.cat([mid, control_mid], dim=1),
            ),
            Text(
                "the corrections become further channels; they are to be added, so that the shapes stay.",
                "補正をチャンネルとしてつなげています。形状が変わらないように、足してください。",
            ),
        ),
        "subtracted": Misconception(
            lambda skips, mid, control_skips, control_mid, scale: inject(
                skips, mid, control_skips, control_mid, -scale
            ),
            Text("the corrections are subtracted.", "補正を引いています。足してください。"),
        ),
        "multiplied": Misconception(
            _multiplied,
            Text(
                "the corrections are factors here; a ControlNet's are added.",
                "補正を倍率として掛けています。ControlNet の補正は足すものです。",
            ),
        ),
    },
)
