"""What flow matching learns: the velocity of straight roads from picture to noise."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.draws import noise_like, pictures
from t2ilab.lab.bank.lab06_samplers.ddim import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def flow_matching_loss(net, x0, noise, t):
    """How far the network's velocity is from that of the straight road (Lipman et al. 2023; Liu et al. 2023).

    net(x_t, t) is to be noise - x0, at x_t = (1 - t) x0 + t noise; x0: (B, 3, H, W) in [-1, 1]; noise: like x0;
    t: (B,) in [0, 1]. Returns a 0-d tensor with a gradient, the mean squared error over everything.
    """
    share = t.reshape(-1, 1, 1, 1)
    x_t = (1 - share) * x0 + share * noise
    return F.mse_loss(net(x_t, t), noise - x0)


def _inputs(generator):
    # Three pictures of 3 x 3 x 3: a t that is broadcast over a wrong axis raises no error there.
    x0, other = pictures(generator, 3, 3, 3, 3), pictures(generator, 2, 3, 4, 5)
    return {
        "x0": x0, "noise": noise_like(generator, x0), "t": 0.1 + 0.8 * torch.rand(3, generator=generator),
        "other_x0": other, "other_noise": noise_like(generator, other), "other_t": torch.rand(2, generator=generator),
        "gain": 0.3 + torch.rand((), generator=generator),
    }  # fmt: skip


@cases
def _probe(flow_matching_loss, inputs):
    x0, noise, t, gain = (inputs[name] for name in ("x0", "noise", "t", "gain"))

    def net(x_t, t, gain=gain):
        return torch.tanh(gain * x_t + t.reshape(-1, 1, 1, 1)) + 0.2 * x_t.flip(-1)

    def slope():
        weight = gain.clone().requires_grad_()
        loss = flow_matching_loss(lambda x_t, t: net(x_t, t, weight), x0, noise, t)
        if not (torch.is_tensor(loss) and loss.requires_grad):
            raise Unfit("no_gradient")
        return torch.autograd.grad(loss.sum(), weight)[0]

    def time_given():
        """The times that the network is given, in the shape in which it gets them."""
        given = []

        def listening(x_t, t):
            given.append(t)
            return x_t

        flow_matching_loss(listening, x0, noise, t)
        return torch.as_tensor(given[0]) if given else torch.zeros(0)

    yield "time_given", time_given
    yield "batch", lambda: flow_matching_loss(net, x0, noise, t)
    yield "single", lambda: flow_matching_loss(net, x0[:1], noise[:1], t[:1])
    yield "knows_velocity", lambda: flow_matching_loss(lambda x_t, t: noise - x0, x0, noise, t)
    yield "zero_net", lambda: flow_matching_loss(lambda x_t, t: torch.zeros_like(x_t), x0, noise, t)
    yield "float64", lambda: flow_matching_loss(net, x0.double(), noise.double(), t.double())
    yield "gradient", slope
    yield "sizes", lambda: flow_matching_loss(net, inputs["other_x0"], inputs["other_noise"], inputs["other_t"])


def _on_the_road(x0, noise, t):
    share = t.reshape(-1, 1, 1, 1)
    return (1 - share) * x0 + share * noise


def _against(target):
    return lambda net, x0, noise, t: F.mse_loss(net(_on_the_road(x0, noise, t), t), target(x0, noise))


def _seeing(mix):
    return lambda net, x0, noise, t: F.mse_loss(net(mix(x0, noise, t), t), noise - x0)


FLOW_MATCHING_LOSS = Exercise(
    name="flow_matching_loss",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=flow_matching_loss,
    hints=(
        Text(
            "x_t moves from x0 at t = 0 to noise at t = 1 on a straight line. What is its velocity, dx_t / dt?",
            "x_t は、t = 0 の x0 から t = 1 の noise まで、まっすぐに動きます。その速度 dx_t / dt は何ですか。",
        ),
        Text(
            "Three lines: t with the shape (B, 1, 1, 1), x_t from it, and the squared error of net(x_t, t) to "
            "noise - x0.",
            "3 行で書けます。t の形状を (B, 1, 1, 1) にし、それで x_t を作り、"
            "net(x_t, t) と noise - x0 の 2 乗誤差をとります。",
        ),
        Text(
            "share = t.reshape(-1, 1, 1, 1); x_t = (1 - share) * x0 + share * noise; "
            "F.mse_loss(net(x_t, t), noise - x0).",
            "share = t.reshape(-1, 1, 1, 1)、x_t = (1 - share) * x0 + share * noise、"
            "F.mse_loss(net(x_t, t), noise - x0) です。",
        ),
    ),
    properties={
        "knows_velocity": Property(
            lambda arrays, inputs: abs(arrays["knows_velocity"]) < 1e-6 and arrays["zero_net"] > 1e-3,
            0.25,
            Text(
                "A network that says noise - x0 must have a loss of 0.",
                "noise - x0 と答えるネットワークの損失は 0 になるはずです。",
            ),
        ),
        "zero_net": Property(
            lambda arrays, inputs: (
                abs(arrays["zero_net"] - ((inputs["noise"] - inputs["x0"]) ** 2).mean().item()) < 1e-4
            ),
            0.25,
            Text(
                "A network that always says 0 must have the loss mean((noise - x0) ** 2): the mean over everything.",
                "常に 0 と答えるネットワークの損失は mean((noise - x0) ** 2) になるはずです。"
                "全要素の平均をとってください。",
            ),
        ),
    },
    misconceptions={
        "velocity_reversed": Misconception(
            _against(lambda x0, noise: x0 - noise),
            Text(
                "the sign is wrong: t grows towards noise, so the velocity is noise - x0.",
                "符号が逆です。t はノイズへ向かって増えるので、速度は noise - x0 です。",
            ),
        ),
        "target_noise": Misconception(
            _against(lambda x0, noise: noise),
            Text(
                "the target is the noise; flow matching asks for the velocity, noise - x0.",
                "目標がノイズになっています。フローマッチングで求めるのは速度 noise - x0 です。",
            ),
        ),
        "target_x0": Misconception(
            _against(lambda x0, noise: x0),
            Text(
                "the target is the picture; flow matching asks for the velocity, noise - x0.",
                "目標が画像になっています。フローマッチングで求めるのは速度 noise - x0 です。",
            ),
        ),
        "road_reversed": Misconception(
            _seeing(lambda x0, noise, t: _on_the_road(noise, x0, t)),
            Text(
                "picture and noise are exchanged: at t = 0 lies the picture, at t = 1 the noise.",
                "画像とノイズが逆です。t = 0 が画像、t = 1 がノイズです。",
            ),
        ),
        "curved": Misconception(
            _seeing(
                lambda x0, noise, t: (1 - t).sqrt().reshape(-1, 1, 1, 1) * x0 + t.sqrt().reshape(-1, 1, 1, 1) * noise
            ),
            Text(
                "with square roots the road is curved, as DDPM's; here it is straight, (1 - t) x0 + t noise.",
                "平方根を付けると、DDPM のような曲がった道になります。ここでは (1 - t) x0 + t noise とまっすぐです。",
            ),
        ),
        "sees_x0": Misconception(
            _seeing(lambda x0, noise, t: x0),
            Text(
                "the network sees the clean picture; give it x_t.",
                "ネットワークにきれいな画像を見せています。x_t を渡してください。",
            ),
        ),
        "plain_sum": Misconception(
            _seeing(lambda x0, noise, t: x0 + t.reshape(-1, 1, 1, 1) * noise),
            Text(
                "the picture does not fade in your x_t; its factor is 1 - t.",
                "x_t の画像が薄くなっていません。画像の係数は 1 - t です。",
            ),
        ),
        "wrong_axis": Misconception(
            lambda net, x0, noise, t: F.mse_loss(net((1 - t) * x0 + t * noise, t), noise - x0),
            Text(
                "t has the shape (B,), and broadcasting lines it up with the width: reshape it to (B, 1, 1, 1).",
                "t の形状は (B,) なので、幅の軸に合わせてブロードキャストされます。(B, 1, 1, 1) に変形してください。",
            ),
        ),
        "time_forgotten": Misconception(
            lambda net, x0, noise, t: F.mse_loss(net(_on_the_road(x0, noise, t), t * 0), noise - x0),
            Text(
                "the network is always told t = 0; tell it the t of its picture.",
                "ネットワークに渡す t が常に 0 です。画像の t を渡してください。",
            ),
        ),
        "time_reshaped": Misconception(
            lambda net, x0, noise, t: F.mse_loss(net(_on_the_road(x0, noise, t), t.reshape(-1, 1, 1, 1)), noise - x0),
            Text(
                "the network is given t as (B, 1, 1, 1); it is to have t as it came, (B,). Give the other shape "
                "another name.",
                "ネットワークに (B, 1, 1, 1) の t を渡しています。渡すのは元の (B,) の t です。"
                "形を変えたものには別の名前を付けてください。",
            ),
        ),
        "sum": Misconception(
            lambda net, x0, noise, t: F.mse_loss(net(_on_the_road(x0, noise, t), t), noise - x0, reduction="sum"),
            Text(
                "you sum where you should average: the loss would grow with the batch and the picture.",
                "平均ではなく合計になっています。これではバッチや画像が大きいほど損失も大きくなります。",
            ),
        ),
        "absolute": Misconception(
            lambda net, x0, noise, t: F.l1_loss(net(_on_the_road(x0, noise, t), t), noise - x0),
            Text(
                "this is the mean absolute error; square the differences.",
                "これは絶対値の平均です。差を 2 乗してください。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.flow.flow_matching_loss",),
)
