"""Beginning the walk in the middle, with a picture in place of pure noise."""

import numpy as np
import torch

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab.bank.draws import noise_like, pictures
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases

LAB = "09_control"
T = 20  # of a schedule whose betas are large, so that neighbouring timesteps cannot be mistaken
WHOLE = 1000  # timesteps of the one that is begun half-way, as everywhere in the labs


def sdedit_start(x0, noise, strength, schedule, timesteps):
    """Where to begin when a picture is to be drawn over (SDEdit, Meng et al. 2022, with DDPM's noise).

    x0: (B, 3, H, W), the picture; noise: like x0, standard normal; strength: in [0, 1], the share of
    the walk that is taken, rounded to the nearest whole number of steps; schedule: a NoiseSchedule, with
    its alphas_cumprod (T,); timesteps: int64, descending. Returns the noised picture and the timesteps
    that remain, the least noisy ones; with strength 0 they are x0 itself and no timesteps.
    """
    taken = round(strength * len(timesteps))
    remaining = timesteps[len(timesteps) - taken :]
    if taken == 0:
        return x0, remaining
    ac_t = schedule.alphas_cumprod[remaining[0]]
    return ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise, remaining


def _inputs(generator):
    x0 = pictures(generator, 2, 3, 4, 5)
    other = pictures(generator, 3, 3, 2, 2)
    # Never two closer than 40.
    grid = 40 * torch.randperm(WHOLE // 40, generator=generator)[:8].sort(descending=True).values + 7
    return {
        "betas": 1e-4 + 0.01 * torch.rand(WHOLE, generator=generator),
        "x0": x0, "noise": noise_like(generator, x0), "timesteps": grid,
        "other_x0": other, "other_noise": noise_like(generator, other),
        # 3 of the 8 timesteps, never half of them: the first ones are others than the last ones.
        "strength": 0.375 + 0.04 * torch.rand((), generator=generator).item(),
    }  # fmt: skip


@cases
def _probe(sdedit_start, inputs):
    schedule = NoiseSchedule(inputs["betas"])
    x0, noise, timesteps, strength = (inputs[name] for name in ("x0", "noise", "timesteps", "strength"))
    asked = {
        "batch": (x0, noise, strength, timesteps),
        "one_step": (x0, noise, 0.125, timesteps),
        "whole_walk": (x0, noise, 1.0, timesteps),
        "no_walk": (x0, noise, 0.0, timesteps),
        "float64": (x0.double(), noise.double(), strength, timesteps),
        "single": (x0[:1], noise[:1], 0.75, timesteps),
        "sizes": (inputs["other_x0"], inputs["other_noise"], 0.6, timesteps[:5]),
        "rounded": (x0, noise, 0.95, timesteps[:5]),
    }
    for name, (picture, its_noise, share, grid) in asked.items():
        yield name, lambda: _two(sdedit_start(picture, its_noise, share, schedule, grid))[0]  # noqa: B023
        yield f"{name}_timesteps", lambda: _two(sdedit_start(picture, its_noise, share, schedule, grid))[1]  # noqa: B023


def _two(answer):
    """The two parts of an answer, the timesteps as a tensor. Raises Unfit for one that has not two."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Unfit("not_two_things", received=type(answer).__name__, parts="`x_t, timesteps`")
    picture, timesteps = answer
    if isinstance(timesteps, list | tuple | range):
        timesteps = torch.tensor([int(t) for t in timesteps], dtype=torch.int64)
    return picture, timesteps


def _mistaken(first=False, rest=None, level=lambda ac_t: (ac_t.sqrt(), (1 - ac_t).sqrt()), time=0):
    """A start with one fault: the first timesteps; another number of them; other factors; the noise of another."""

    def start(x0, noise, strength, schedule, timesteps):
        taken = round(strength * len(timesteps)) if rest is None else rest(strength, len(timesteps))
        remaining = timesteps[:taken] if first else timesteps[len(timesteps) - taken :]
        if taken == 0:
            return x0, remaining
        factor, spread = level(schedule.alphas_cumprod[remaining[time]])
        return factor * x0 + spread * noise, remaining

    return start


def _first_of_all(x0, noise, strength, schedule, timesteps):
    remaining = timesteps[len(timesteps) - round(strength * len(timesteps)) :]
    if len(remaining) == 0:
        return x0, remaining
    ac_t = schedule.alphas_cumprod[timesteps[0]]
    return ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise, remaining


def _all_timesteps(x0, noise, strength, schedule, timesteps):
    return sdedit_start(x0, noise, strength, schedule, timesteps)[0], timesteps


def _share_of_schedule(x0, noise, strength, schedule, timesteps):
    """Noised to strength * T, whatever timesteps there are."""
    remaining = timesteps[len(timesteps) - round(strength * len(timesteps)) :]
    if len(remaining) == 0:
        return x0, remaining
    ac_t = schedule.alphas_cumprod[round(strength * schedule.num_train_timesteps) - 1]
    return ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise, remaining


def _noised_by_strength(x0, noise, strength, schedule, timesteps):
    remaining = timesteps[len(timesteps) - round(strength * len(timesteps)) :]
    return (1 - strength) * x0 + strength * noise, remaining


def _whole_is_noise(x0, noise, strength, schedule, timesteps):
    x_t, remaining = sdedit_start(x0, noise, strength, schedule, timesteps)
    return (noise, remaining) if strength == 1 else (x_t, remaining)


SDEDIT_START = Exercise(
    name="sdedit_start",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=sdedit_start,
    hints=(
        Text(
            "Timesteps descend: the noisiest come first. Which of them are left when only the end of the "
            "walk is taken?",
            "時刻は大きい順（ノイズの多い順）に並んでいます。道の終わりだけを歩くとき、残るのはどれですか。",
        ),
        Text(
            "taken = round(strength * len(timesteps)), and the last `taken` of them remain; beware of "
            "`[-0:]`, which is "
            "everything. The picture gets the noise of the first that remains; schedule.alphas_cumprod says how much.",
            "taken = round(strength * len(timesteps)) として、最後の taken 個を残します。"
            "`[-0:]` は全部になるので注意してください。画像には、残った最初の時刻のノイズを加えます。"
            "どれだけ加えるかは schedule.alphas_cumprod でわかります。",
        ),
        Text(
            "timesteps[len(timesteps) - taken :] remain. If there are none, return x0 and them; else "
            "ac_t = schedule.alphas_cumprod[remaining[0]], and x_t = ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise.",
            "残るのは timesteps[len(timesteps) - taken :] です。空なら x0 とそれを返します。そうでなければ "
            "ac_t = schedule.alphas_cumprod[remaining[0]] として、x_t = ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise "
            "とします。",
        ),
    ),
    properties={
        "timesteps": Property(
            lambda arrays, inputs: np.array_equal(arrays["batch_timesteps"], inputs["timesteps"][-3:].numpy()),
            0.3,
            Text(
                "The timesteps that remain must be the last ones, as many as strength says.",
                "残る時刻は、strength の割合だけの、最後のものになるはずです。",
            ),
        ),
        "no_walk": Property(
            lambda arrays, inputs: (
                np.array_equal(arrays["no_walk"], inputs["x0"].numpy())
                and arrays["no_walk_timesteps"].size == 0
                and abs(arrays["batch"] - inputs["x0"].numpy()).max() > 1e-2
            ),
            0.2,
            Text(
                "With strength 0 the picture must come back untouched, with no timesteps left.",
                "strength が 0 なら、画像はそのまま返り、時刻は残らないはずです。",
            ),
        ),
    },
    misconceptions={
        "first_timesteps": Misconception(
            _mistaken(first=True),
            Text(
                "you keep the first timesteps, the noisiest; the walk has to end at the picture, so the last ones "
                "remain.",
                "はじめのほうの、ノイズの多い時刻を残しています。道は画像で終わるので、残すのは最後の時刻です。",
            ),
        ),
        "strength_inverted": Misconception(
            _mistaken(rest=lambda strength, count: round((1 - strength) * count)),
            Text(
                "strength is turned round: 1 is the whole walk, in which nothing of the picture is left.",
                "strength が逆です。1 なら道をすべて歩き、もとの画像は何も残りません。",
            ),
        ),
        "all_timesteps": Misconception(
            _all_timesteps,
            Text(
                "the picture starts in the middle, but all timesteps are still to be walked; the first ones are "
                "for more noise than there is.",
                "画像は途中から始まるのに、時刻がすべて残っています。はじめの時刻は、もっとノイズの多い画像のためのものです。",
            ),
        ),
        "last_level": Misconception(
            _mistaken(time=-1),
            Text(
                "the picture gets the noise of the last timestep that remains, next to none; the walk begins at "
                "the first.",
                "残った最後の時刻の、ほとんどないに等しいノイズを加えています。歩き始めるのは、残った最初の時刻です。",
            ),
        ),
        "rounded_down": Misconception(
            _mistaken(rest=lambda strength, count: int(strength * count + 1e-9)),
            Text(
                "the number of steps is rounded down; here it is rounded to the nearest.",
                "歩数を切り捨てています。ここでは、いちばん近い整数に丸めます。",
            ),
        ),
        "one_more": Misconception(
            _mistaken(rest=lambda strength, count: min(round(strength * count) + 1, count)),
            Text(
                "one timestep too many remains, also where none should.",
                "時刻がひとつ多く残っています。残らないはずのときにも残ります。",
            ),
        ),
        "share_of_schedule": Misconception(
            _share_of_schedule,
            Text(
                "the noise is that of strength * T, which need not be one of the timesteps; take the first that "
                "remains.",
                "ノイズの量を strength * T の時刻から決めています。それが timesteps にあるとは限りません。"
                "残った最初の時刻を使ってください。",
            ),
        ),
        "mixed_by_strength": Misconception(
            _noised_by_strength,
            Text(
                "picture and noise are mixed by strength itself; how much of each there is at a timestep, the "
                "schedule says.",
                "画像とノイズを strength そのもので混ぜています。それぞれの時刻での割合は、schedule が決めます。",
            ),
        ),
        "no_roots": Misconception(
            _mistaken(level=lambda ac_t: (ac_t, 1 - ac_t)),
            Text(
                "alphas_cumprod is a share of variance; the picture and the noise are multiplied by roots.",
                "alphas_cumprod は分散の割合です。画像とノイズに掛けるのは、その平方根です。",
            ),
        ),
        "no_noise": Misconception(
            _mistaken(level=lambda ac_t: (ac_t.sqrt(), 0 * ac_t)),
            Text(
                "the picture is faded but gets no noise, so that there is nothing to take away and nothing to invent.",
                "画像を薄めただけで、ノイズを加えていません。これでは、取り除くものも、新しく描くものもありません。",
            ),
        ),
        "swapped": Misconception(
            _mistaken(level=lambda ac_t: ((1 - ac_t).sqrt(), ac_t.sqrt())),
            Text(
                "picture and noise have each other's factors.",
                "画像とノイズの係数が入れ替わっています。",
            ),
        ),
        "not_noised": Misconception(
            _mistaken(level=lambda ac_t: (1, 0)),
            Text(
                "the picture got no noise; at the first timestep that remains, the model expects a noisy one.",
                "画像にノイズを加えていません。残った最初の時刻では、モデルはノイズの入った画像を待っています。",
            ),
        ),
        "first_of_all": Misconception(
            _first_of_all,
            Text(
                "the picture gets the noise of timesteps[0], where the whole walk begins; this one begins at the first "
                "that remains.",
                "timesteps[0] の、道全体の始まりのノイズを加えています。歩き始めるのは、残った最初の時刻です。",
            ),
        ),
        "draws_anew": Misconception(
            lambda x0, noise, strength, schedule, timesteps: sdedit_start(
                x0, torch.randn_like(x0), strength, schedule, timesteps
            ),
            Text(
                "you draw noise of your own; use the one that you are given, so that a seed decides the picture.",
                "自分でノイズを作っています。シードで結果が決まるように、渡されたノイズを使ってください。",
            ),
        ),
        "other_order": Misconception(
            lambda *given: sdedit_start(*given)[::-1],
            Text(
                "the two come back in the other order; the noised picture is the first.",
                "返す順序が逆です。ノイズを加えた画像が先です。",
            ),
        ),
        "added": Misconception(
            _mistaken(level=lambda ac_t: (1, (1 - ac_t).sqrt())),
            Text(
                "noise is added to the whole picture; in this schedule the picture's share shrinks at "
                "the same time, by sqrt(ac_t).",
                "画像をそのままにして、ノイズを足しています。画像のほうも sqrt(ac_t) 倍に小さくなります。",
            ),
        ),
        "whole_is_noise": Misconception(
            _whole_is_noise,
            Text(
                "at strength 1 you start from the noise alone; the first timestep still holds a little of the picture.",
                "strength が 1 のとき、ノイズだけから始めています。最初の時刻にも、画像がわずかに残っています。",
            ),
        ),
    },
    off_limits=(
        "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img.StableDiffusionImg2ImgPipeline.get_timesteps",
    ),
)
