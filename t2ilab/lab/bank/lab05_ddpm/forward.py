"""The forward process: the schedule's betas, and the noisy picture at any timestep in one jump."""

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


def linear_betas(T, start, end):
    """The variances of the noise that each step adds, from `start` to `end` in equal steps (DDPM, section 4).

    T: the number of steps; start, end: in (0, 1), both included. Returns (T,) floats.
    """
    return torch.linspace(start, end, T)


def _linear_betas_inputs(generator):
    def number(low, high):
        return low + (high - low) * torch.rand((), generator=generator).item()

    T = int(torch.randint(5, 12, (), generator=generator))
    return {"T": T, "start": number(1e-3, 5e-2), "end": number(0.2, 0.9)}


@cases
def _linear_betas_probe(linear_betas, inputs):
    yield "any", lambda: linear_betas(inputs["T"], inputs["start"], inputs["end"])
    yield "thousand", lambda: linear_betas(1000, 1e-4, 0.02)
    yield "two", lambda: linear_betas(2, inputs["start"], inputs["end"])


LINEAR_BETAS = Exercise(
    name="linear_betas",
    lab=LAB,
    difficulty=1,
    minutes=3,
    points=1,
    make_inputs=_linear_betas_inputs,
    probe=_linear_betas_probe,
    reference=linear_betas,
    hints=(
        Text(
            "T numbers in equal steps; the first is `start` and the last is `end` itself.",
            "等間隔の T 個の数です。最初が `start`、最後がちょうど `end` になります。",
        ),
        Text(
            "There are T - 1 steps between T numbers. Which function of torch makes equally spaced numbers?",
            "T 個の数の間には T - 1 個の間隔があります。等間隔の数を作る torch の関数は何でしょうか。",
        ),
        Text("`torch.linspace(first, last, how_many)`.", "`torch.linspace(最初, 最後, 個数)` です。"),
    ),
    properties={
        "ends": Property(
            lambda arrays, inputs: abs(arrays["any"][[0, -1]] - [inputs["start"], inputs["end"]]).max() < 1e-5,
            0.3,
            Text(
                "The first must be `start` and the last must be `end`.", "最初は `start`、最後は `end` になるはずです。"
            ),
        ),
        "equal_steps": Property(
            lambda arrays, inputs: (
                abs(arrays["any"][2:] - 2 * arrays["any"][1:-1] + arrays["any"][:-2]).max() < 1e-4
                and arrays["any"][-1] > arrays["any"][0]
            ),
            0.2,
            Text("The steps between neighbours must all be equal.", "隣り合う値の差は、すべて等しくなるはずです。"),
        ),
    },
    misconceptions={
        "end_excluded": Misconception(
            lambda T, start, end: start + (end - start) * torch.arange(T) / T,
            Text(
                "the last beta is not `end`: T numbers have T - 1 steps between them.",
                "最後の値が `end` になっていません。T 個の数の間隔は T - 1 個です。",
            ),
        ),
        "start_excluded": Misconception(
            lambda T, start, end: start + (end - start) * torch.arange(1, T + 1) / T,
            Text(
                "the first beta is not `start`: count from 0 to T - 1.",
                "最初の値が `start` になっていません。0 から T - 1 まで数えてください。",
            ),
        ),
        "geometric": Misconception(
            lambda T, start, end: start * (end / start) ** (torch.arange(T) / (T - 1)),
            Text(
                "your betas grow by a constant factor; here they grow by a constant amount.",
                "一定の倍率で増えています。ここでは一定の量ずつ増やします。",
            ),
        ),
        "scaled_linear": Misconception(
            lambda T, start, end: torch.linspace(start**0.5, end**0.5, T) ** 2,
            Text(
                "this is Stable Diffusion's schedule, linear in the square root "
                "of beta; DDPM's is linear in beta itself.",
                "これは Stable Diffusion のスケジュールで、"
                "ベータの平方根が直線的に増えます。DDPM ではベータそのものが直線的に増えます。",
            ),
        ),
        "reversed": Misconception(
            lambda T, start, end: torch.linspace(end, start, T),
            Text(
                "your betas fall; the first step adds the least noise.",
                "値が減っていきます。最初のステップで加えるノイズが最も小さくなるはずです。",
            ),
        ),
        "alphas": Misconception(
            lambda T, start, end: 1 - torch.linspace(start, end, T),
            Text(
                "these are the alphas, 1 - beta; return the betas.",
                "これはアルファ（1 - ベータ）です。ベータを返してください。",
            ),
        ),
        "alphas_cumprod": Misconception(
            lambda T, start, end: (1 - torch.linspace(start, end, T)).cumprod(0),
            Text(
                "this is alphas_cumprod, which the lab makes from your betas afterwards; return the betas.",
                "これは alphas_cumprod です。それはこのあとベータから作るので、ここではベータを返してください。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.schedule.NoiseSchedule.linear",
        "diffusers.schedulers.scheduling_ddpm.DDPMScheduler",
        "diffusers.schedulers.scheduling_ddim.DDIMScheduler",
    ),
)


def add_noise(x0, noise, t, ac):
    """The picture at noise level t in one jump: x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise (DDPM, equation 4).

    x0: (B, 3, H, W) in [-1, 1]; noise: like x0, standard normal; t: int64 (B,) or one int; ac: (T,).
    Returns x_t, like x0.
    """
    # One number for each picture, standing where it broadcasts over channels, rows and columns.
    ac_t = ac[t].reshape(-1, 1, 1, 1)  # (B, 1, 1, 1), or (1, 1, 1, 1) for one int
    # Variances add: ac_t of the picture and 1 - ac_t of the noise.
    # What multiplies the values is their square roots.
    return ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise


@cases
def _add_noise_probe(add_noise, inputs):
    x0, noise, t, ac = (inputs[name] for name in ("x0", "noise", "t", "ac"))
    ones, zeros = torch.ones_like(x0), torch.zeros_like(x0)
    parts = {
        "only_picture": lambda: add_noise(ones, zeros, t, ac),
        "only_noise": lambda: add_noise(zeros, ones, t, ac),
    }
    yield from per_picture_cases(add_noise, inputs, (x0, noise), (inputs["other_x0"], inputs["other_noise"]), parts)


def _variance_preserved(arrays, inputs):
    signal, noise = arrays["only_picture"], arrays["only_noise"]
    return noise.min() > 1e-3 and noise.max() < 1 and abs(signal**2 + noise**2 - 1).max() < 1e-4


ADD_NOISE = Exercise(
    name="add_noise",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=noising_inputs,
    probe=_add_noise_probe,
    reference=add_noise,
    hints=(
        Text(
            "Variances add up: ac_t of the picture and 1 - ac_t of the noise. What multiplies the values themselves?",
            "足し合わされるのは分散です。画像の分が ac_t、ノイズの分が 1 - ac_t "
            "です。では、値そのものには何を掛けるでしょうか。",
        ),
        Text(
            "ac[t] is (B,) and the pictures are (B, 3, H, W): "
            "`ac[t].reshape(-1, 1, 1, 1)` gives each picture its own number, "
            "and also works for one int.",
            "ac[t] の形状は (B,)、画像は (B, 3, H, W) です。`ac[t].reshape(-1, 1, 1, 1)` "
            "とすると画像ごとに値が割り当てられ、整数ひとつの t でも動きます。",
        ),
        Text(
            "The square root of ac_t times x0, plus the square root of (1 - ac_t) times noise.",
            "ac_t の平方根を x0 に、(1 - ac_t) の平方根を noise に掛けて足します。",
        ),
    ),
    properties={
        "own_time": Property(own_time, 0.2, OWN_TIME),
        "variance": Property(
            _variance_preserved,
            0.3,
            Text(
                "The squares of the two factors must add up to 1, so that the variance stays 1 at every t.",
                "2 つの係数の 2 乗の和は 1 になるはずです。こうすると、どの t でも分散が 1 に保たれます。",
            ),
        ),
    },
    misconceptions={
        "swapped": Misconception(
            lambda x0, noise, t, ac: (1 - at(ac, t)).sqrt() * x0 + at(ac, t).sqrt() * noise,
            Text(
                "the two factors are exchanged: ac_t starts near 1, and at the start there is nearly only picture.",
                "2 つの係数が逆です。ac_t は最初 1 に近く、そのときはほとんど画像だけのはずです。",
            ),
        ),
        "no_roots": Misconception(
            lambda x0, noise, t, ac: at(ac, t) * x0 + (1 - at(ac, t)) * noise,
            Text(
                "both square roots are missing: ac_t and 1 - ac_t are variances, "
                "and values are multiplied by their roots.",
                "平方根が両方とも抜けています。ac_t と 1 - ac_t は分散なので、値にはその平方根を掛けます。",
            ),
        ),
        "no_root_of_signal": Misconception(
            lambda x0, noise, t, ac: at(ac, t) * x0 + (1 - at(ac, t)).sqrt() * noise,
            Text("x0 is multiplied by ac_t without its square root.", "x0 に掛ける ac_t の平方根が抜けています。"),
        ),
        "no_root_of_noise": Misconception(
            lambda x0, noise, t, ac: at(ac, t).sqrt() * x0 + (1 - at(ac, t)) * noise,
            Text(
                "the noise is multiplied by its variance 1 - ac_t; the square "
                "root, its standard deviation, is missing.",
                "ノイズに分散 1 - ac_t をそのまま掛けています。平方根（標準偏差）が抜けています。",
            ),
        ),
        "one_minus_root": Misconception(
            lambda x0, noise, t, ac: at(ac, t).sqrt() * x0 + (1 - at(ac, t).sqrt()) * noise,
            Text(
                "the noise gets 1 - sqrt(ac_t); it must be sqrt(1 - ac_t): first subtract, then take the root.",
                "ノイズの係数が 1 - sqrt(ac_t) になっています。"
                "先に引いてから平方根をとり、sqrt(1 - ac_t) としてください。",
            ),
        ),
        "beta": Misconception(
            lambda x0, noise, t, ac: (1 - beta_at(ac, t)).sqrt() * x0 + beta_at(ac, t).sqrt() * noise,
            Text(
                "this is one step with beta_t (equation 2); the jump from x0 to "
                "x_t needs ac_t, the product of all steps.",
                "これは beta_t による 1 ステップ分（式 2）です。x0 から x_t "
                "へ一度に進むには、全ステップの積である ac_t が必要です。",
            ),
        ),
        "signal_kept": Misconception(
            lambda x0, noise, t, ac: x0 + (1 - at(ac, t)).sqrt() * noise,
            Text(
                "the picture is not faded: x0 needs the factor sqrt(ac_t).",
                "画像が薄められていません。x0 に sqrt(ac_t) を掛けてください。",
            ),
        ),
        "early": Misconception(
            lambda x0, noise, t, ac: at(ac, t - 1).sqrt() * x0 + (1 - at(ac, t - 1)).sqrt() * noise, EARLY
        ),
        "late": Misconception(
            lambda x0, noise, t, ac: at(ac, t + 1).sqrt() * x0 + (1 - at(ac, t + 1)).sqrt() * noise, LATE
        ),
        "wrong_axis": Misconception(
            lambda x0, noise, t, ac: ac[t].sqrt() * x0 + (1 - ac[t]).sqrt() * noise, WRONG_AXIS
        ),
        "wrong_axis_channels": Misconception(
            lambda x0, noise, t, ac: (
                ac[t].sqrt()[:, None, None] * x0 + (1 - ac[t]).sqrt()[:, None, None] * noise
                if torch.is_tensor(t)
                else at(ac, t).sqrt() * x0 + (1 - at(ac, t)).sqrt() * noise
            ),
            WRONG_AXIS_CHANNELS,
        ),
        "no_roots_wrong_axis": Misconception(
            lambda x0, noise, t, ac: ac[t] * x0 + (1 - ac[t]) * noise,
            Text(
                "two things at once. Both square roots are missing; and ac[t], of shape (B,), is lined up with the "
                "width: reshape it to (B, 1, 1, 1).",
                "2 つの間違いが重なっています。平方根が両方とも抜けています。また、形状が (B,) の ac[t] "
                "は幅に合わせてブロードキャストされるので、(B, 1, 1, 1) に変形してください。",
            ),
        ),
        "no_roots_wrong_axis_channels": Misconception(
            lambda x0, noise, t, ac: ac[t].reshape(-1, 1, 1) * x0 + (1 - ac[t].reshape(-1, 1, 1)) * noise,
            Text(
                "two things at once. Both square roots are missing; and ac[t] is lined up with the channels, not with "
                "the pictures: reshape it to (B, 1, 1, 1).",
                "2 つの間違いが重なっています。平方根が両方とも抜けています。また、ac[t] "
                "が画像ではなくチャンネルの軸に合っているので、(B, 1, 1, 1) に変形してください。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.schedule.NoiseSchedule.add_noise",
        "diffusers.schedulers.scheduling_ddpm.DDPMScheduler.add_noise",
        "diffusers.schedulers.scheduling_ddim.DDIMScheduler.add_noise",
    ),
)
