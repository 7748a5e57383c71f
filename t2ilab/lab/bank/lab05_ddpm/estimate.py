"""The way back when the noise is known: what the clean picture must have been."""

import torch

from t2ilab.lab.bank.lab05_ddpm.draws import (
    EARLY,
    LAB,
    LATE,
    OWN_TIME,
    WRONG_AXIS,
    WRONG_AXIS_CHANNELS,
    at,
    beta_at,
    noising_inputs,
    own_time,
    per_picture_cases,
)
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def eps_to_x0(eps, x_t, t, ac):
    """The clean picture that goes with x_t if its noise is eps: equation 4 solved for x0 (DDPM, equation 15).

    eps, x_t: (B, 3, H, W); t: int64 (B,) or one int; ac: (T,). Returns the estimate of x0, like x_t.
    """
    ac_t = ac[t].reshape(-1, 1, 1, 1)  # (B, 1, 1, 1), or (1, 1, 1, 1) for one int
    # Take the noise away, then undo the fading of the picture.
    return (x_t - (1 - ac_t).sqrt() * eps) / ac_t.sqrt()


def _eps_to_x0_inputs(generator):
    # Any pictures will do as x_t, and any noise as eps.
    names = {"x0": "x_t", "noise": "eps", "other_x0": "other_x_t", "other_noise": "other_eps"}
    return {names.get(name, name): value for name, value in noising_inputs(generator).items()}


@cases
def _eps_to_x0_probe(eps_to_x0, inputs):
    eps, x_t = inputs["eps"], inputs["x_t"]
    part = {"no_noise": lambda: eps_to_x0(torch.zeros_like(eps), x_t, inputs["t"], inputs["ac"])}
    yield from per_picture_cases(eps_to_x0, inputs, (eps, x_t), (inputs["other_eps"], inputs["other_x_t"]), part)


def _unfades(arrays, inputs):
    return abs(arrays["no_noise"] * at(inputs["ac"], inputs["t"]).sqrt().numpy() - inputs["x_t"].numpy()).max() < 1e-4


EPS_TO_X0 = Exercise(
    name="eps_to_x0",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=2,
    make_inputs=_eps_to_x0_inputs,
    probe=_eps_to_x0_probe,
    reference=eps_to_x0,
    hints=(
        Text(
            "Write down x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) eps, and solve for x0 on paper.",
            "x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) eps を紙に書いて、x0 について解いてみましょう。",
        ),
        Text(
            "Two moves: take the noise away, then undo what x0 was multiplied by.",
            "手順は 2 つです。ノイズの分を引き、次に x0 に掛かっていた係数を取り除きます。",
        ),
        Text(
            "Subtract sqrt(1 - ac_t) * eps from x_t, and divide the whole by sqrt(ac_t).",
            "x_t から sqrt(1 - ac_t) * eps を引き、全体を sqrt(ac_t) で割ります。",
        ),
    ),
    properties={
        "own_time": Property(own_time, 0.2, OWN_TIME),
        "unfades": Property(
            _unfades,
            0.3,
            Text(
                "Where eps is 0, x_t is only the faded picture: the answer must be x_t / sqrt(ac_t).",
                "eps が 0 のとき、x_t は薄められた画像そのものです。答えは x_t / sqrt(ac_t) になるはずです。",
            ),
        ),
    },
    misconceptions={
        "not_divided": Misconception(
            lambda eps, x_t, t, ac: x_t - (1 - at(ac, t)).sqrt() * eps,
            Text(
                "the noise is gone, but the picture is still faded: divide by sqrt(ac_t).",
                "ノイズは消えましたが、画像が薄いままです。sqrt(ac_t) で割ってください。",
            ),
        ),
        "multiplied": Misconception(
            lambda eps, x_t, t, ac: (x_t - (1 - at(ac, t)).sqrt() * eps) * at(ac, t).sqrt(),
            Text(
                "you multiply by sqrt(ac_t), which fades the picture a second time; divide by it.",
                "sqrt(ac_t) を掛けているので、画像がさらに薄くなります。割ってください。",
            ),
        ),
        "divided_first": Misconception(
            lambda eps, x_t, t, ac: x_t / at(ac, t).sqrt() - (1 - at(ac, t)).sqrt() * eps,
            Text(
                "only x_t is divided; brackets are missing: the whole difference is divided by sqrt(ac_t).",
                "x_t だけが割られています。括弧が抜けています。差の全体を sqrt(ac_t) で割ってください。",
            ),
        ),
        "plus": Misconception(
            lambda eps, x_t, t, ac: (x_t + (1 - at(ac, t)).sqrt() * eps) / at(ac, t).sqrt(),
            Text("the noise is added once more; subtract it.", "ノイズをもう一度足しています。引いてください。"),
        ),
        "swapped": Misconception(
            lambda eps, x_t, t, ac: (x_t - at(ac, t).sqrt() * eps) / (1 - at(ac, t)).sqrt(),
            Text(
                "the two roots are exchanged: sqrt(1 - ac_t) belongs to the noise, sqrt(ac_t) to the picture.",
                "2 つの平方根が逆です。sqrt(1 - ac_t) はノイズ、sqrt(ac_t) は画像の係数です。",
            ),
        ),
        "no_roots": Misconception(
            lambda eps, x_t, t, ac: (x_t - (1 - at(ac, t)) * eps) / at(ac, t),
            Text("both square roots are missing.", "平方根が両方とも抜けています。"),
        ),
        "no_root_of_signal": Misconception(
            lambda eps, x_t, t, ac: (x_t - (1 - at(ac, t)).sqrt() * eps) / at(ac, t),
            Text(
                "you divide by ac_t; its square root is missing.", "ac_t で割っています。その平方根で割ってください。"
            ),
        ),
        "no_root_of_noise": Misconception(
            lambda eps, x_t, t, ac: (x_t - (1 - at(ac, t)) * eps) / at(ac, t).sqrt(),
            Text(
                "eps is multiplied by 1 - ac_t; its square root is missing.",
                "eps に 1 - ac_t を掛けています。その平方根を掛けてください。",
            ),
        ),
        "beta": Misconception(
            lambda eps, x_t, t, ac: (x_t - beta_at(ac, t).sqrt() * eps) / (1 - beta_at(ac, t)).sqrt(),
            Text(
                "this undoes one step with beta_t; to come back to x0 you need ac_t, the product of all steps.",
                "これは beta_t で 1 ステップ戻る式です。x0 まで戻るには、全ステップの積である ac_t を使います。",
            ),
        ),
        "early": Misconception(
            lambda eps, x_t, t, ac: (x_t - (1 - at(ac, t - 1)).sqrt() * eps) / at(ac, t - 1).sqrt(), EARLY
        ),
        "late": Misconception(
            lambda eps, x_t, t, ac: (x_t - (1 - at(ac, t + 1)).sqrt() * eps) / at(ac, t + 1).sqrt(), LATE
        ),
        "wrong_axis": Misconception(
            lambda eps, x_t, t, ac: (x_t - (1 - ac[t]).sqrt() * eps) / ac[t].sqrt(), WRONG_AXIS
        ),
        "wrong_axis_channels": Misconception(
            lambda eps, x_t, t, ac: (
                (x_t - (1 - ac[t]).sqrt()[:, None, None] * eps) / ac[t].sqrt()[:, None, None]
                if torch.is_tensor(t)
                else eps_to_x0(eps, x_t, t, ac)
            ),
            WRONG_AXIS_CHANNELS,
        ),
    },
    off_limits=(
        "t2ilab.diffusion.schedule.NoiseSchedule.to_x0",
        "diffusers.schedulers.scheduling_ddpm.DDPMScheduler.step",
        "diffusers.schedulers.scheduling_ddim.DDIMScheduler.step",
    ),
)
