"""Noise on purpose: a stage that has only seen spoilt small pictures is not upset by a base's mistakes."""

import torch

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab.bank.draws import noise_like, pictures
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

LAB = "12_imagen"
T = 20  # of a schedule whose betas are large, so that neighbouring timesteps cannot be mistaken


def augment_low_res(low_res, level, noise, schedule):
    """The small picture with noise of a chosen level (Saharia et al. 2022, section 2.4; Ho et al. 2022).

    low_res: (B, 3, h, w) in [-1, 1]; level: a number in [0, 1]; noise: like low_res, standard normal;
    schedule: a NoiseSchedule, with its alphas_cumprod (T,). The noise is that of timestep
    round(level * T) - 1; below timestep 0 nothing changes. Returns (B, 3, h, w).
    """
    t = round(float(level) * len(schedule.alphas_cumprod)) - 1
    if t < 0:
        return low_res
    ac_t = schedule.alphas_cumprod[t]
    return ac_t.sqrt() * low_res + (1 - ac_t).sqrt() * noise


def _inputs(generator):
    low_res, other = pictures(generator, 2, 3, 4, 5), pictures(generator, 3, 3, 2, 3)
    # 5 to 9 of 20 timesteps, and a third of one more or less; never the half of the schedule.
    whole = 5 + int(torch.randint(5, (), generator=generator))
    return {
        "betas": 0.03 + 0.1 * torch.rand(T, generator=generator),
        "low_res": low_res,
        "noise": noise_like(generator, low_res),
        "level": whole / T,
        "above": (whole - 0.3) / T,
        "below": (whole + 0.3) / T,
        "other": other,
        "other_noise": noise_like(generator, other),
        "other_betas": 0.05 + 0.1 * torch.rand(15, generator=generator),
    }


@cases
def _probe(augment_low_res, inputs):
    schedule = NoiseSchedule(inputs["betas"])
    low_res, noise, level = inputs["low_res"], inputs["noise"], inputs["level"]
    yield "batch", lambda: augment_low_res(low_res, level, noise, schedule)
    yield "level_one", lambda: augment_low_res(low_res, 1.0, noise, schedule)
    yield "level_zero", lambda: augment_low_res(low_res, 0.0, noise, schedule)
    yield "level_tiny", lambda: augment_low_res(low_res, 0.4 / T, noise, schedule)
    yield "level_first", lambda: augment_low_res(low_res, 1 / T, noise, schedule)
    yield "level_up", lambda: augment_low_res(low_res, inputs["above"], noise, schedule)
    yield "level_down", lambda: augment_low_res(low_res, inputs["below"], noise, schedule)
    yield "float64", lambda: augment_low_res(low_res.double(), level, noise.double(), schedule)
    yield "single", lambda: augment_low_res(low_res[:1], level, noise[:1], schedule)
    other = NoiseSchedule(inputs["other_betas"])
    yield "sizes", lambda: augment_low_res(inputs["other"], 0.4, inputs["other_noise"], other)


def _timestep(level, count):
    return round(float(level) * count) - 1


def _mistaken(timestep=_timestep, factors=lambda ac_t: (ac_t.sqrt(), (1 - ac_t).sqrt()), first=0):
    """An augmentation with one fault: another timestep, other factors, or another one where it begins."""

    def augment(low_res, level, noise, schedule):
        t = timestep(level, len(schedule.alphas_cumprod))
        if t < first:
            return low_res
        signal, spread = factors(schedule.alphas_cumprod[t])
        return signal * low_res + spread * noise

    return augment


def _beta(low_res, level, noise, schedule):
    t = _timestep(level, len(schedule.alphas_cumprod))
    if t < 0:
        return low_res
    return (1 - schedule.betas[t]).sqrt() * low_res + schedule.betas[t].sqrt() * noise


def _draws_anew(low_res, level, noise, schedule):
    return augment_low_res(low_res, level, torch.randn_like(noise), schedule)


def _level_zero(arrays, inputs):
    """Level 0 changes nothing, in an answer that changes something elsewhere."""
    given = inputs["low_res"].numpy()
    return abs(arrays["level_zero"] - given).max() == 0 and abs(arrays["batch"] - given).max() > 1e-2


def _level_one(arrays, inputs):
    """Level 1 is the last timestep, with nearly all noise."""
    ac = (1 - inputs["betas"].double()).prod().float()
    wanted = ac.sqrt() * inputs["low_res"] + (1 - ac).sqrt() * inputs["noise"]
    return abs(arrays["level_one"] - wanted.numpy()).max() < 1e-4


AUGMENT_LOW_RES = Exercise(
    name="augment_low_res",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=augment_low_res,
    hints=(
        Text(
            "Which timestep belongs to a level of 0, of 1, and of one half? Timesteps count from 0.",
            "level が 0、1、そして半分のとき、それぞれどの時刻にあたるでしょうか。時刻は 0 から数えます。",
        ),
        Text(
            "t = round(level * T) - 1, and at t = -1 the picture stays as it is: an index of -1 would be the last one. "
            "Else it is the forward process.",
            "t = round(level * T) - 1 です。t が -1 なら画像はそのままにします（添字の -1 "
            "は最後の要素を指してしまいます）。"
            "それ以外は拡散過程と同じです。",
        ),
        Text(
            "`if t < 0: return low_res`, then ac_t = schedule.alphas_cumprod[t] and "
            "ac_t.sqrt() * low_res + (1 - ac_t).sqrt() * noise.",
            "`if t < 0: return low_res` のあと、ac_t = schedule.alphas_cumprod[t] として "
            "ac_t.sqrt() * low_res + (1 - ac_t).sqrt() * noise を返します。",
        ),
    ),
    properties={
        "level_zero": Property(
            _level_zero,
            0.2,
            Text("At level 0 the picture must stay as it is.", "level が 0 なら、画像はそのまま残るはずです。"),
        ),
        "level_one": Property(
            _level_one,
            0.25,
            Text(
                "At level 1 the noise must be that of the last timestep.",
                "level が 1 なら、最後の時刻のノイズになるはずです。",
            ),
        ),
    },
    misconceptions={
        "wraps_round": Misconception(
            _mistaken(first=-T),
            Text(
                "at level 0 your index is -1, which is the last timestep: nearly all noise where there should be none.",
                "level が 0 のとき添字が -1 になり、最後の時刻を指しています。ノイズがないはずのところで、"
                "ほとんどノイズになります。",
            ),
        ),
        "begins_at_zero": Misconception(
            _mistaken(timestep=lambda level, count: max(0, _timestep(level, count))),
            Text(
                "level 0 gets the noise of timestep 0; it is to change nothing at all.",
                "level が 0 でも時刻 0 のノイズが入っています。まったく変えないはずです。",
            ),
        ),
        "one_later": Misconception(
            _mistaken(timestep=lambda level, count: min(_timestep(level, count) + 1, count - 1)),
            Text(
                "that is one timestep too far: they count from 0, so that level 1 is T - 1.",
                "時刻が 1 つ先です。0 から数えるので、level が 1 のとき T - 1 になります。",
            ),
        ),
        "stretched": Misconception(
            _mistaken(timestep=lambda level, count: round(float(level) * (count - 1))),
            Text(
                "level * (T - 1) leaves no level without noise; one timestep lies below the first.",
                "level * (T - 1) では、ノイズのない level がなくなります。最初の時刻の下に、もう 1 段あります。",
            ),
        ),
        "rounded_down": Misconception(
            _mistaken(timestep=lambda level, count: int(float(level) * count + 1e-6) - 1),
            Text(
                "level * T is cut off; round it to the nearest whole number.",
                "level * T を切り捨てています。最も近い整数に丸めてください。",
            ),
        ),
        "backwards": Misconception(
            _mistaken(timestep=lambda level, count: _timestep(1 - float(level), count)),
            Text(
                "the levels run backwards: 0 is no noise, 1 is the most.",
                "level の向きが逆です。0 がノイズなし、1 が最大です。",
            ),
        ),
        "no_roots": Misconception(
            _mistaken(factors=lambda ac_t: (ac_t, 1 - ac_t)),
            Text(
                "alphas_cumprod is a share of variance; picture and noise are multiplied by roots.",
                "alphas_cumprod は分散の割合です。画像とノイズに掛けるのは、その平方根です。",
            ),
        ),
        "swapped": Misconception(
            _mistaken(factors=lambda ac_t: ((1 - ac_t).sqrt(), ac_t.sqrt())),
            Text(
                "picture and noise have each other's factors.",
                "画像とノイズの係数が入れ替わっています。",
            ),
        ),
        "not_dimmed": Misconception(
            _mistaken(factors=lambda ac_t: (1, (1 - ac_t).sqrt())),
            Text(
                "noise is added to the whole picture, whose share shrinks at the same time, by sqrt(ac_t).",
                "画像をそのままにして、ノイズを足しています。画像のほうも sqrt(ac_t) 倍に小さくなります。",
            ),
        ),
        "no_noise": Misconception(
            _mistaken(factors=lambda ac_t: (ac_t.sqrt(), 0)),
            Text("the picture is faded but has no noise in it.", "画像を薄めただけで、ノイズが入っていません。"),
        ),
        "level_as_deviation": Misconception(
            lambda low_res, level, noise, schedule: low_res + level * noise,
            Text(
                "the level is used as the noise's deviation; it says which timestep of the schedule.",
                "level をノイズの標準偏差として使っています。level は、スケジュールのどの時刻かを表します。",
            ),
        ),
        "line": Misconception(
            lambda low_res, level, noise, schedule: (1 - level) * low_res + level * noise,
            Text(
                "picture and noise are mixed in a straight line; the factors are those of the schedule.",
                "画像とノイズを直線的に混ぜています。係数はスケジュールのものを使ってください。",
            ),
        ),
        "level_as_variance": Misconception(
            lambda low_res, level, noise, schedule: (1 - level) ** 0.5 * low_res + level**0.5 * noise,
            Text(
                "the level is used as the noise's variance; it says which timestep of the schedule.",
                "level をノイズの分散として使っています。level は、スケジュールのどの時刻かを表します。",
            ),
        ),
        "beta": Misconception(
            _beta,
            Text(
                "that is the noise of a single step, by betas[t]; all steps up to t together are alphas_cumprod[t].",
                "betas[t] を使っているので、1 ステップ分のノイズしか入りません。t までのすべてをまとめたものが "
                "alphas_cumprod[t] です。",
            ),
        ),
        "draws_anew": Misconception(
            _draws_anew,
            Text(
                "you draw noise of your own; use the one that you are given.",
                "自分でノイズを作っています。渡されたノイズを使ってください。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.augmentation.augment_low_res",),
)
