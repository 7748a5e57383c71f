"""The best guess at a clean picture when every picture that there is is known: a weighted mean."""

import torch

from t2ilab.lab.bank.draws import at_level, level, noise_like, pictures
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

LAB = "04_denoising"


def mmse_denoiser(x_t, data, ac_t):
    """E[x0 | x_t], the mean of all clean pictures that x_t may come from, when every row of data is equally likely.

    x_t: (B, 3, H, W), noisy; data: (N, 3, H, W), all pictures that there are; ac_t: 0-d tensor in (0, 1).
    Returns the estimate of x0, like x_t.
    """
    rows = data.flatten(1)  # (N, D)
    # How far each x_t is from where each row would be at this noise level.
    squares = (x_t.flatten(1)[:, None] - ac_t.sqrt() * rows).square().sum(-1)  # (B, N)
    # Bayes' rule; each row adds up to 1.
    weights = torch.softmax(-squares / (2 * (1 - ac_t)), dim=1)  # (B, N)
    return (weights @ rows).reshape(x_t.shape)


def _inputs(generator):
    def noisy(batch, rows, ac_t, *shape):
        data = pictures(generator, rows, *shape)
        chosen = torch.randint(rows, (batch,), generator=generator)
        x0 = data[chosen]
        return at_level(x0, noise_like(generator, x0), ac_t), data

    ac_t = level(generator, 0.35, 0.65)
    x_t, data = noisy(4, 6, ac_t, 3, 2, 2)
    other_x_t, other_data = noisy(2, 5, ac_t, 3, 2, 3)
    # As large as the course's pictures: every likelihood underflows there, in float32 and in float64.
    large_x_t, large_data = noisy(2, 4, ac_t, 3, 32, 32)
    return {
        "x_t": x_t, "data": data, "ac_t": ac_t, "other_x_t": other_x_t, "other_data": other_data,
        "large_x_t": large_x_t, "large_data": large_data,
    }  # fmt: skip


@cases
def _probe(mmse_denoiser, inputs):
    x_t, data, ac_t = inputs["x_t"], inputs["data"], inputs["ac_t"]
    yield "batch", lambda: mmse_denoiser(x_t, data, ac_t)
    yield "single", lambda: mmse_denoiser(x_t[:1], data, ac_t)
    yield "alone", lambda: torch.cat([mmse_denoiser(x_t[i : i + 1], data, ac_t) for i in range(len(x_t))])
    yield "one_row", lambda: mmse_denoiser(x_t, data[:1], ac_t)
    yield "much_noise", lambda: mmse_denoiser(x_t, data, torch.tensor(1e-6))
    yield "sizes", lambda: mmse_denoiser(inputs["other_x_t"], inputs["other_data"], ac_t)
    yield "float64", lambda: mmse_denoiser(x_t.double(), data.double(), ac_t.double())
    yield "large", lambda: mmse_denoiser(inputs["large_x_t"], inputs["large_data"], ac_t)


def _weighed(weigh):
    """A wrong answer from squares (B, N), x (B, D), rows (N, D) and ac_t to weights (B, N)."""

    def wrong(x_t, data, ac_t):
        x, rows = x_t.flatten(1), data.flatten(1)
        squares = (x[:, None] - ac_t.sqrt() * rows).square().sum(-1)
        return (weigh(squares, x, rows, ac_t) @ rows).reshape(x_t.shape)

    return wrong


def _softmax(squares, variance, dim=1):
    return torch.softmax(-squares / (2 * variance), dim=dim)


def _underflowing(squares, x, rows, ac_t):
    likelihood = (-squares / (2 * (1 - ac_t))).exp()
    return likelihood / likelihood.sum(1, keepdim=True)


def _faded(x_t, data, ac_t):
    return ac_t.sqrt() * mmse_denoiser(x_t, data, ac_t)


def _between(arrays, inputs):
    """No estimate lies outside of what the rows span, and estimates differ from picture to picture."""
    data = inputs["data"].numpy()
    inside = (arrays["batch"] <= data.max(0) + 1e-4).all() and (arrays["batch"] >= data.min(0) - 1e-4).all()
    return inside and arrays["batch"].std(0).max() > 1e-3


MMSE_DENOISER = Exercise(
    name="mmse_denoiser",
    lab=LAB,
    difficulty=3,
    minutes=15,
    points=4,
    make_inputs=_inputs,
    probe=_probe,
    reference=mmse_denoiser,
    hints=(
        Text(
            "How likely is x_t if the clean picture was row i? It is normal around sqrt(ac_t) times that row, with "
            "variance 1 - ac_t at every pixel.",
            "元の画像が i 行目だったとき、x_t の確率密度はどうなりますか。x_t は、その行の sqrt(ac_t) 倍を平均、"
            "画素ごとに 1 - ac_t を分散とする正規分布に従います。",
        ),
        Text(
            "The weight of row i is proportional to exp(-|x_t - sqrt(ac_t) row_i|^2 / (2 (1 - ac_t))), the squares "
            "summed over all pixels. `torch.softmax` makes weights of such exponents without ever underflowing.",
            "i 行目の重みは exp(-|x_t - sqrt(ac_t) row_i|^2 / (2 (1 - ac_t))) に比例します。2 乗は全画素で合計します。"
            "指数の中身を `torch.softmax` に渡せば、アンダーフローせずに重みが求まります。",
        ),
        Text(
            "With rows = data.flatten(1) and x = x_t.flatten(1)[:, None], the squares are (B, N); softmax over dim 1; "
            "then `weights @ rows`, reshaped like x_t.",
            "rows = data.flatten(1)、x = x_t.flatten(1)[:, None] とすると、2 乗の和の形状は (B, N) です。"
            "dim 1 で softmax をとり、`weights @ rows` を x_t の形状に戻します。",
        ),
    ),
    properties={
        "one_row": Property(
            lambda arrays, inputs: (
                abs(arrays["one_row"] - inputs["data"][:1].numpy()).max() < 1e-4
                and arrays["batch"].shape == inputs["x_t"].shape
            ),
            0.15,
            Text(
                "Where there is one picture in the world, it is the answer, whatever x_t looks like.",
                "世界に画像が 1 枚しかなければ、x_t が何であっても、答えはその画像です。",
            ),
        ),
        "much_noise": Property(
            lambda arrays, inputs: (
                abs(arrays["much_noise"] - inputs["data"].mean(0).numpy()).max() < 0.02
                and abs(arrays["batch"] - arrays["much_noise"]).max() > 0.02
            ),
            0.2,
            Text(
                "Where x_t is almost pure noise, it says nothing, and the answer must be the mean of all rows.",
                "x_t がほとんどノイズだけのとき、x_t からは何もわかりません。答えはすべての行の平均になるはずです。",
            ),
        ),
        "between": Property(
            _between,
            0.15,
            Text(
                "A mean with weights that add up to 1 cannot leave the range of the rows, and it depends on x_t.",
                "和が 1 の重みによる平均は、行の値の範囲を出ません。また、x_t によって変わるはずです。",
            ),
        ),
    },
    misconceptions={
        "row_not_faded": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax((x[:, None] - rows).square().sum(-1), 1 - ac_t)),
            Text(
                "you compare x_t with the rows themselves; at this noise level they have faded to sqrt(ac_t) row.",
                "x_t を行そのものと比べています。このノイズの段階では、行は sqrt(ac_t) 倍に薄まっています。",
            ),
        ),
        "row_without_root": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax((x[:, None] - ac_t * rows).square().sum(-1), 1 - ac_t)),
            Text(
                "a row fades to sqrt(ac_t) of itself, not to ac_t.",
                "行が薄まる割合は ac_t ではなく sqrt(ac_t) です。",
            ),
        ),
        "deviation": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax(s, (1 - ac_t).sqrt())),
            Text(
                "you divide by the noise's standard deviation; a normal density has its variance there, 1 - ac_t.",
                "ノイズの標準偏差で割っています。正規分布の指数にあるのは分散 1 - ac_t です。",
            ),
        ),
        "factor_two": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax(s, 0.5 * (1 - ac_t))),
            Text(
                "the 2 of 2 (1 - ac_t) is missing, so that near rows count too much.",
                "2 (1 - ac_t) の 2 が抜けているため、近い行の重みが大きすぎます。",
            ),
        ),
        "signal_for_noise": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax(s, ac_t)),
            Text(
                "ac_t is the picture's share of the variance; the noise's is 1 - ac_t.",
                "ac_t は分散のうち画像の分です。ノイズの分散は 1 - ac_t です。",
            ),
        ),
        "distance": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax(s.sqrt(), 1 - ac_t)),
            Text(
                "the exponent has the squared distance; yours has the distance.",
                "指数に入るのは距離の 2 乗ですが、距離がそのまま入っています。",
            ),
        ),
        "mean_of_squares": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax(s / rows.shape[1], 1 - ac_t)),
            Text(
                "you average the squares over the pixels; every pixel is evidence of its own, so sum them.",
                "2 乗を画素について平均しています。画素はそれぞれ独立な手がかりなので、合計してください。",
            ),
        ),
        "far_wins": Misconception(
            _weighed(lambda s, x, rows, ac_t: torch.softmax(s / (2 * (1 - ac_t)), dim=1)),
            Text(
                "the minus sign is missing: the farthest row has the largest weight.",
                "マイナスが抜けています。これでは、いちばん遠い行の重みが最大になります。",
            ),
        ),
        "over_the_batch": Misconception(
            _weighed(lambda s, x, rows, ac_t: _softmax(s, 1 - ac_t, dim=0)),
            Text(
                "softmax runs over the batch (dim 0); for each x_t the weights of the rows must add up to 1: dim 1.",
                "softmax がバッチの軸（dim 0）にかかっています。x_t ごとに行の重みの和が 1 になるよう、"
                "dim 1 にしてください。",
            ),
        ),
        "nearest": Misconception(
            _weighed(lambda s, x, rows, ac_t: torch.nn.functional.one_hot(s.argmin(1), len(rows)).to(rows.dtype)),
            Text(
                "this is the nearest row alone; the guess of least square error is the mean over all rows, by weight.",
                "これはいちばん近い行だけです。2 乗誤差がいちばん小さい推定は、すべての行の重み付き平均です。",
            ),
        ),
        "unnormalised": Misconception(
            _weighed(lambda s, x, rows, ac_t: (-s / (2 * (1 - ac_t))).exp()),
            Text(
                "the weights do not add up to 1: divide by their sum over the rows.",
                "重みの和が 1 になっていません。行についての和で割ってください。",
            ),
        ),
        "faded": Misconception(
            _faded,
            Text(
                "you average the faded rows, sqrt(ac_t) row; asked for is the mean of the clean ones.",
                "薄まった行 sqrt(ac_t) row を平均しています。求めるのは元の行の平均です。",
            ),
        ),
        "underflow": Misconception(
            _weighed(_underflowing),
            Text(
                "right on small pictures, but on large ones every exp(...) underflows to 0, and 0 / 0 is NaN: "
                "softmax subtracts the largest exponent first.",
                "小さな画像では正解ですが、大きな画像ではどの exp(...) も 0 になり、0 / 0 が NaN になります。"
                "softmax なら、先に最大の指数を引いてくれます。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.denoisers.IdealDenoiser",),
)
