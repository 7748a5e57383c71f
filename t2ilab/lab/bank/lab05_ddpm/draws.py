"""What Lab 05's exercises have in common: small pictures, a short schedule, and the faults of per-picture timesteps."""

import torch

from t2ilab.lab.bank.draws import noise_like, pictures
from t2ilab.lab.messages import Text

LAB = "05_ddpm"
STEPS = 10  # T; the betas are large for it, so that float32 leaves no doubt which formula was used


def random_betas(generator):
    """(STEPS,) betas in [0.05, 0.3], in no order: no formula may rely on one."""
    return 0.05 + 0.25 * torch.rand(STEPS, generator=generator)


def random_ac(generator):
    """(STEPS,) alphas_cumprod of random betas."""
    return (1 - random_betas(generator)).cumprod(0)


def middle_timesteps(generator, count):
    """(count,) different timesteps, none of them the first or the last."""
    return torch.randperm(STEPS - 2, generator=generator)[:count] + 1


def noising_inputs(generator):
    """x0, noise, t, ac, and a second batch with other sizes.

    The first batch is 3 pictures of 3 x 3 x 3: factors that are broadcast over a wrong axis raise no error there,
    but give wrong numbers, by which the mistake is recognised.
    """
    x0, other = pictures(generator, 3, 3, 3, 3), pictures(generator, 2, 3, 4, 5)
    return {
        "x0": x0,
        "noise": noise_like(generator, x0),
        "t": middle_timesteps(generator, 3),
        "other_x0": other,
        "other_noise": noise_like(generator, other),
        "other_t": middle_timesteps(generator, 2),
        "ac": random_ac(generator),
    }


def at(values, t):
    """values[t] with the shape (B, 1, 1, 1), or (1, 1, 1, 1) for one t; for the wrong answers that get this right."""
    return values[t].reshape(-1, 1, 1, 1)


def beta_at(ac, t):
    """The beta of one step, read back from ac: a step's alpha is ac_t / ac_{t-1}."""
    return at(1 - ac / torch.cat([ac.new_ones(1), ac[:-1]]), t)


def per_picture_cases(run, inputs, batch, other_batch, parts):
    """The cases of an answer that treats each picture at its own t; run(first, second, t, ac) calls it.

    parts: more cases. What turns a frequent mistake into an error comes last, so that the numbers before are on record.
    """
    (first, second), t, ac = batch, inputs["t"], inputs["ac"]
    yield "batch", lambda: run(first, second, t, ac)
    yield "single", lambda: run(first[:1], second[:1], t[:1], ac)
    yield "alone", lambda: torch.cat([run(first[i : i + 1], second[i : i + 1], t[i : i + 1], ac) for i in range(3)])
    yield "float64", lambda: run(first.double(), second.double(), t, ac.double())
    yield from parts.items()
    yield "ends", lambda: run(first[:2], second[:2], torch.tensor([0, STEPS - 1]), ac)
    yield "sizes", lambda: run(*other_batch, inputs["other_t"], ac)
    yield "one_t", lambda: run(first, second, int(t[0]), ac)


def own_time(arrays, inputs):
    """Every picture of a batch comes out as it does alone, each at its own timestep."""
    given = inputs["x_t"] if "x_t" in inputs else inputs["x0"]
    moved = abs(arrays["batch"] - given.numpy()).max() > 1e-3 and arrays["batch"].std() > 1e-3
    return moved and abs(arrays["batch"] - arrays["alone"]).max() < 1e-4


OWN_TIME = Text(
    "Each picture of a batch has its own t: reshape ac[t] to (B, 1, 1, 1), so that it broadcasts over the pictures.",
    "バッチの画像はそれぞれ自分の t を持ちます。ac[t] を (B, 1, 1, 1) "
    "に変形して、画像ごとにブロードキャストしてください。",
)
WRONG_AXIS = Text(
    "ac[t] has the shape (B,), and broadcasting lines it up with the last axis, the width: reshape it to (B, 1, 1, 1).",
    "ac[t] の形状は (B,) なので、最後の軸（幅）に合わせてブロードキャストされます。(B, 1, 1, 1) に変形してください。",
)
WRONG_AXIS_CHANNELS = Text(
    "(B, 1, 1) lines up with the channels, not with the pictures: one more axis, (B, 1, 1, 1).",
    "(B, 1, 1) は画像ではなくチャンネルの軸に合ってしまいます。軸をもうひとつ増やして (B, 1, 1, 1) にしてください。",
)
EARLY = Text(
    "you look up ac at t - 1. Timesteps count from 0 here, so that t is the index itself.",
    "ac を t - 1 の位置で参照しています。ここでは時刻を 0 から数えるので、t がそのまま添字です。",
)
LATE = Text(
    "you look up ac at t + 1. Timesteps count from 0 here, so that t is the index itself.",
    "ac を t + 1 の位置で参照しています。ここでは時刻を 0 から数えるので、t がそのまま添字です。",
)
