"""Filling a hole: what is known is put back at each step, with the noise that belongs there."""

import numpy as np
import torch

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab.bank.draws import noise_like, pictures
from t2ilab.lab.bank.lab09_control.start import LAB, T
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def inpaint_blend(x_t, known_x0, mask, noise, t, schedule):
    """x_t where the mask is 1, the known picture with the noise of t elsewhere (RePaint, eq. 8).

    x_t: (B, 3, H, W), what the model has drawn so far; known_x0: like it, the picture; mask:
    (B, 1, H, W), 1 where something new is to come, 0 where the picture is kept; noise: like x_t, standard
    normal; t: one int, the timestep of x_t; schedule: a NoiseSchedule, with its alphas_cumprod (T,).
    Returns (B, 3, H, W), at the same t. (The paper's mask is 1 where the picture is known.)
    """
    ac_t = schedule.alphas_cumprod[t]
    known = ac_t.sqrt() * known_x0 + (1 - ac_t).sqrt() * noise
    return mask * x_t + (1 - mask) * known


def _inputs(generator):
    known = pictures(generator, 2, 3, 4, 5)
    other = pictures(generator, 3, 3, 2, 3)
    return {
        "betas": 0.03 + 0.1 * torch.rand(T, generator=generator),
        "known_x0": known,
        "x_t": noise_like(generator, known),
        "mask": _mask(generator, 2, 4, 5),
        "noise": noise_like(generator, known),
        "t": 6 + int(torch.randint(6, (), generator=generator)),
        "other_known": other,
        "other_x_t": noise_like(generator, other),
        "other_mask": _mask(generator, 3, 2, 3),
        "other_noise": noise_like(generator, other),
    }


def _mask(generator, *shape):
    """Zeros and ones, some of each in each picture."""
    mask = (torch.rand(shape, generator=generator) < 0.5).float()
    mask[:, 0, 0], mask[:, -1, -1] = 0, 1
    return mask[:, None]


@cases
def _probe(inpaint_blend, inputs):
    schedule = NoiseSchedule(inputs["betas"])
    x_t, known, mask, noise, t = (inputs[name] for name in ("x_t", "known_x0", "mask", "noise", "t"))
    yield "batch", lambda: inpaint_blend(x_t, known, mask, noise, t, schedule)
    yield "later_t", lambda: inpaint_blend(x_t, known, mask, noise, T - 1, schedule)
    yield "first", lambda: inpaint_blend(x_t, known, mask, noise, 0, schedule)
    yield "full_mask", lambda: inpaint_blend(x_t, known, torch.ones_like(mask), noise, t, schedule)
    yield "empty_mask", lambda: inpaint_blend(x_t, known, torch.zeros_like(mask), noise, t, schedule)
    yield "float64", lambda: inpaint_blend(x_t.double(), known.double(), mask.double(), noise.double(), t, schedule)
    yield "single", lambda: inpaint_blend(x_t[:1], known[:1], mask[:1], noise[:1], t, schedule)
    others = (inputs[name] for name in ("other_x_t", "other_known", "other_mask", "other_noise"))
    yield "sizes", lambda: inpaint_blend(*others, t, schedule)


def _mistaken(level=lambda ac, t: ac[t], roots=True, inverted=False, keep=1.0):
    """A blend with one fault: the noise of another time, no roots, the mask inverted, x_t dimmed."""

    def blend(x_t, known_x0, mask, noise, t, schedule):
        ac_t = level(schedule.alphas_cumprod, t)
        signal, spread = (ac_t.sqrt(), (1 - ac_t).sqrt()) if roots else (ac_t, 1 - ac_t)
        known = signal * known_x0 + spread * noise
        mask = 1 - mask if inverted else mask
        return keep * mask * x_t + (1 - mask) * known

    return blend


def _noised_all(x_t, known_x0, mask, noise, t, schedule):
    ac_t = schedule.alphas_cumprod[t]
    return ac_t.sqrt() * (mask * x_t + (1 - mask) * known_x0) + (1 - ac_t).sqrt() * noise


def _only_known(x_t, known_x0, mask, noise, t, schedule):
    ac_t = schedule.alphas_cumprod[t]
    return ac_t.sqrt() * known_x0 + (1 - ac_t).sqrt() * noise


def _kept(arrays, inputs, value):
    """Whether the places of that mask value hold what they should in the batch: x_t, or the noised picture."""
    ac_t = (1 - inputs["betas"].double()).cumprod(0)[inputs["t"]].float()
    known = ac_t.sqrt() * inputs["known_x0"] + (1 - ac_t).sqrt() * inputs["noise"]
    places = np.broadcast_to(inputs["mask"].numpy() == value, arrays["batch"].shape)
    wanted = (inputs["x_t"] if value else known).numpy()
    other = (known if value else inputs["x_t"]).numpy()
    # An answer that is the same one everywhere has decided nothing.
    return np.allclose(arrays["batch"][places], wanted[places], atol=1e-4) and not np.allclose(
        arrays["batch"], wanted, atol=1e-4
    ) and not np.allclose(arrays["batch"], other, atol=1e-4)  # fmt: skip


INPAINT_BLEND = Exercise(
    name="inpaint_blend",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=inpaint_blend,
    hints=(
        Text(
            "The network expects a picture in which every place is equally noisy. What has to happen to the known one?",
            "ネットワークは、どこも同じだけノイズの入った画像を期待しています。既知の画像をどうすればよいでしょうか。",
        ),
        Text(
            "Bring known_x0 to the level of t first, as in the forward process; then choose by the mask. (B, 1, H, W) "
            "goes with (B, 3, H, W) by itself.",
            "まず known_x0 に、拡散過程と同じように時刻 t のノイズを加えます。それからマスクで選びます。"
            "(B, 1, H, W) は (B, 3, H, W) にそのまま広がります。",
        ),
        Text(
            "known = ac_t.sqrt() * known_x0 + (1 - ac_t).sqrt() * noise, and mask * x_t + (1 - mask) * known.",
            "known = ac_t.sqrt() * known_x0 + (1 - ac_t).sqrt() * noise として、mask * x_t + (1 - mask) "
            "* known を返します。",
        ),
    ),
    properties={
        "filled": Property(
            lambda arrays, inputs: _kept(arrays, inputs, 1),
            0.25,
            Text(
                "Where the mask is 1, x_t must stay as it is.", "マスクが 1 のところでは、x_t がそのまま残るはずです。"
            ),
        ),
        "known": Property(
            lambda arrays, inputs: _kept(arrays, inputs, 0),
            0.25,
            Text(
                "Where the mask is 0, the known picture must stand, with the noise of t.",
                "マスクが 0 のところは、時刻 t のノイズを加えた既知の画像になるはずです。",
            ),
        ),
    },
    misconceptions={
        "mask_inverted": Misconception(
            _mistaken(inverted=True),
            Text(
                "the mask is turned round: 1 is where something new is to come.",
                "マスクが逆です。1 は、新しく描くところです。",
            ),
        ),
        "clean_pixels": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: mask * x_t + (1 - mask) * known_x0,
            Text(
                "clean pixels stand in a noisy picture; the known ones need the noise of t, or the network takes them "
                "for something else.",
                "ノイズの入った画像の中に、きれいな画素が混ざっています。既知の画素にも時刻 t のノイズを加えないと、"
                "ネットワークは別のものだと思ってしまいます。",
            ),
        ),
        "no_roots": Misconception(
            _mistaken(roots=False),
            Text(
                "alphas_cumprod is a share of variance; picture and noise are multiplied by roots.",
                "alphas_cumprod は分散の割合です。画像とノイズに掛けるのは、その平方根です。",
            ),
        ),
        "step_later": Misconception(
            _mistaken(level=lambda ac, t: ac[t - 1] if t else torch.ones_like(ac[0])),
            Text(
                "the known picture has the noise of t - 1; x_t is at t, and both have to be at the same level.",
                "既知の画像のノイズが時刻 t - 1 のものです。x_t は時刻 t なので、同じ量にそろえてください。",
            ),
        ),
        "signal_and_noise_swapped": Misconception(
            _mistaken(level=lambda ac, t: 1 - ac[t]),
            Text(
                "picture and noise have each other's factors: little noise where there should be much.",
                "画像とノイズの係数が入れ替わっています。ノイズが多いはずのところで少なくなります。",
            ),
        ),
        "beta": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: (
                mask * x_t + (1 - mask) * ((1 - schedule.betas[t]).sqrt() * known_x0 + schedule.betas[t].sqrt() * noise)
            ),
            Text(
                "that is the noise of a single step, by betas[t]; all steps up to t together are alphas_cumprod[t].",
                "betas[t] を使っているので、1 ステップ分のノイズしか入りません。t までのすべてをまとめたものが "
                "alphas_cumprod[t] です。",
            ),
        ),
        "no_noise": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: (
                mask * x_t + (1 - mask) * schedule.alphas_cumprod[t].sqrt() * known_x0
            ),
            Text(
                "the known picture is faded but has no noise in it.",
                "既知の画像を薄めただけで、ノイズが入っていません。",
            ),
        ),
        "not_dimmed": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: (
                mask * x_t + (1 - mask) * (known_x0 + (1 - schedule.alphas_cumprod[t]).sqrt() * noise)
            ),
            Text(
                "noise is added to the whole known picture; its share shrinks at the same time, by sqrt(ac_t).",
                "既知の画像をそのままにして、ノイズを足しています。画像のほうも sqrt(ac_t) 倍に小さくなります。",
            ),
        ),
        "draws_anew": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: inpaint_blend(
                x_t, known_x0, mask, torch.randn_like(x_t), t, schedule
            ),
            Text(
                "you draw noise of your own; use the one that you are given.",
                "自分でノイズを作っています。渡されたノイズを使ってください。",
            ),
        ),
        "noised_twice": Misconception(
            _noised_all,
            Text(
                "the noise goes over everything, also over x_t, which already has its own.",
                "すべてにノイズを加えています。x_t にはもうノイズが入っています。",
            ),
        ),
        "added": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: (
                x_t + (1 - mask) * _only_known(x_t, known_x0, mask, noise, t, schedule)
            ),
            Text(
                "the known picture is added to x_t; it has to take its place.",
                "既知の画像を x_t に足しています。足すのではなく、置き換えてください。",
            ),
        ),
        "averaged": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: (
                mask * x_t + (1 - mask) * (x_t + _only_known(x_t, known_x0, mask, noise, t, schedule)) / 2
            ),
            Text(
                "outside of the mask the two are averaged, so that the picture is kept only by half.",
                "マスクの外で 2 つを平均しているので、画像が半分しか残りません。",
            ),
        ),
        "everywhere": Misconception(
            _only_known,
            Text(
                "the mask is not used: the known picture is put back everywhere, also where something new is to come.",
                "マスクを使っていません。新しく描くところまで、既知の画像に戻しています。",
            ),
        ),
        "nothing_put_back": Misconception(
            lambda x_t, known_x0, mask, noise, t, schedule: mask * x_t,
            Text(
                "outside of the mask nothing is left; the known picture belongs there.",
                "マスクの外が空になっています。そこには既知の画像を入れてください。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.inpainting.inpaint_blend",),
)
