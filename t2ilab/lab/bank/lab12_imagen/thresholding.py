"""Large guidance without glare: each estimate is brought back into the range of pictures, by its own measure."""

import torch

from t2ilab.lab.bank.draws import pictures
from t2ilab.lab.bank.lab12_imagen.augmenting import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def dynamic_threshold(x0_hat, percentile):
    """Each picture back into [-1, 1] by a threshold of its own (Saharia et al. 2022, section 2.3).

    x0_hat: (B, 3, H, W), estimates that guidance may have pushed far out of [-1, 1]; percentile: in (0, 1].
    For each picture s is that quantile of its |x0_hat|, but at least 1; it is clipped to [-s, s] and
    divided by s. Returns (B, 3, H, W) in [-1, 1].
    """
    s = x0_hat.abs().flatten(1).quantile(percentile, dim=1)  # (B,)
    s = s.clamp(min=1).reshape(-1, 1, 1, 1)  # below 1 there is nothing to repair, so nothing is stretched
    return x0_hat.clamp(-s, s) / s


def _inputs(generator):
    loudness = torch.tensor([0.5, 2.0, 4.0])[torch.randperm(3, generator=generator)]
    shape = (3, 3, 4, 6)
    return {
        "x0_hat": loudness[:, None, None, None] * torch.randn(shape, generator=generator) + 0.3,
        "percentile": 0.8 + 0.1 * torch.rand((), generator=generator).item(),
        "within": 0.95 * pictures(generator, *shape),
        "other": 3 * torch.randn(2, 3, 5, 2, generator=generator) - 0.5,
    }


@cases
def _probe(dynamic_threshold, inputs):
    x0_hat, percentile = inputs["x0_hat"], inputs["percentile"]
    yield "batch", lambda: dynamic_threshold(x0_hat, percentile)
    yield "alone", lambda: torch.cat([dynamic_threshold(one, percentile) for one in x0_hat.split(1)])
    yield "within", lambda: dynamic_threshold(inputs["within"], percentile)
    yield "percentile_one", lambda: dynamic_threshold(x0_hat, 1.0)
    yield "percentile_low", lambda: dynamic_threshold(2 * x0_hat, 0.37)
    yield "float64", lambda: dynamic_threshold(x0_hat.double(), percentile)
    yield "single", lambda: dynamic_threshold(x0_hat[:1], percentile)
    yield "sizes", lambda: dynamic_threshold(inputs["other"], 0.9)


def _quantile(x, percentile):
    """(B, 1, 1, 1), for wrong answers that get this right."""
    return x.abs().flatten(1).quantile(percentile, dim=1).reshape(-1, 1, 1, 1)


def _at_least_one(s):
    return s.clamp(min=1)


def _clipped_and_divided(x, s):
    return torch.maximum(torch.minimum(x, s), -s) / s


def _mistaken(measure=_quantile, least=_at_least_one, apply=_clipped_and_divided):
    """A threshold with one fault: in what s is of, in how it is bounded, or in what is done with it."""
    return lambda x0_hat, percentile: apply(x0_hat, least(measure(x0_hat, percentile)))


def _of_each_channel(x, percentile):
    return x.abs().flatten(2).quantile(percentile, dim=2)[..., None, None]


def _spread(x, percentile):
    return x.flatten(1).std(1).reshape(-1, 1, 1, 1)


def _in_range(arrays, inputs):
    """All of it in [-1, 1], with the louder pictures still there."""
    louder = abs(arrays["batch"]).max((1, 2, 3))
    return louder.max() <= 1 + 1e-6 and (louder > 0.5).sum() >= 2 and arrays["batch"].std() > 0.1


def _within_stays(arrays, inputs):
    """What lies in range stays, in an answer that changes what does not."""
    moved = abs(arrays["batch"] - inputs["x0_hat"].numpy()).max() > 0.1
    return moved and abs(arrays["within"] - inputs["within"].numpy()).max() < 1e-6


DYNAMIC_THRESHOLD = Exercise(
    name="dynamic_threshold",
    lab=LAB,
    difficulty=3,
    minutes=10,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=dynamic_threshold,
    hints=(
        Text(
            "Clipping at 1 makes everything beyond it equally white or black. What if the whole picture were made "
            "smaller until most of it fits?",
            "1 でクリップすると、それを超えたところはどこも同じ白か黒になります。"
            "大部分が収まるまで画像全体を小さくしたら、どうでしょうか。",
        ),
        Text(
            "x0_hat.abs().flatten(1).quantile(percentile, dim=1) gives one s a picture; clamp(min=1) keeps quiet ones "
            "as they are; reshape(-1, 1, 1, 1) lets it meet the pictures.",
            "x0_hat.abs().flatten(1).quantile(percentile, dim=1) で、画像ごとに s がひとつ得られます。clamp(min=1) "
            "なら範囲内の画像は変わりません。reshape(-1, 1, 1, 1) で画像の形状に合わせます。",
        ),
        Text("x0_hat.clamp(-s, s) / s.", "x0_hat.clamp(-s, s) / s を返します。"),
    ),
    properties={
        "in_range": Property(
            _in_range,
            0.2,
            Text("What comes out must lie in [-1, 1].", "結果は [-1, 1] に収まるはずです。"),
        ),
        "within_stays": Property(
            _within_stays,
            0.25,
            Text(
                "A picture that lies in [-1, 1] must stay as it is.",
                "[-1, 1] に収まっている画像は、そのまま残るはずです。",
            ),
        ),
    },
    misconceptions={
        "static": Misconception(
            lambda x0_hat, percentile: x0_hat.clamp(-1, 1),
            Text(
                "you clip at 1 only; that is static thresholding, and leaves everything glaring.",
                "1 でクリップしているだけです。これは静的なしきい値処理で、色が飽和したままになります。",
            ),
        ),
        "over_batch": Misconception(
            _mistaken(lambda x, p: x.abs().flatten().quantile(p).reshape(1, 1, 1, 1)),
            Text(
                "one quantile is taken over the whole batch; each picture has its own.",
                "バッチ全体でひとつの分位数をとっています。画像ごとに求めてください。",
            ),
        ),
        "stretched": Misconception(
            _mistaken(least=lambda s: s),
            Text(
                "s may fall below 1, and then the picture is clipped and stretched though it was in range.",
                "s が 1 より小さくなることがあります。範囲内だった画像まで、クリップされて引き伸ばされます。",
            ),
        ),
        "at_most_one": Misconception(
            _mistaken(least=lambda s: s.clamp(max=1)),
            Text(
                "s is kept at most 1; it has to be at least 1.",
                "s を 1 以下にしています。1 以上にしてください。",
            ),
        ),
        "not_divided": Misconception(
            _mistaken(apply=lambda x, s: torch.maximum(torch.minimum(x, s), -s)),
            Text(
                "it is clipped to [-s, s] and not divided by s, so that it does not lie in [-1, 1].",
                "[-s, s] にクリップしたあと、s で割っていません。[-1, 1] に収まらないままです。",
            ),
        ),
        "not_clipped": Misconception(
            _mistaken(apply=lambda x, s: x / s),
            Text(
                "it is divided by s and not clipped: what lies beyond the quantile leaves [-1, 1].",
                "s で割っただけで、クリップしていません。分位数を超えたところが [-1, 1] からはみ出します。",
            ),
        ),
        "clipped_at_one_first": Misconception(
            _mistaken(apply=lambda x, s: x.clamp(-1, 1) / s),
            Text(
                "it is clipped at 1 and then divided by s, which only makes the picture grey.",
                "1 でクリップしてから s で割っています。これでは画像が灰色になるだけです。",
            ),
        ),
        "signed": Misconception(
            _mistaken(lambda x, p: x.flatten(1).quantile(p, dim=1).reshape(-1, 1, 1, 1)),
            Text(
                "the quantile is that of x0_hat with its signs; take that of its absolute values.",
                "符号の付いたままの x0_hat の分位数です。絶対値の分位数を求めてください。",
            ),
        ),
        "largest": Misconception(
            _mistaken(lambda x, p: x.abs().amax((1, 2, 3), keepdim=True)),
            Text(
                "s is the largest value and percentile is not used: one wild pixel would make all the others grey.",
                "s が最大値になっていて、percentile を使っていません。1 つの極端な画素のせいで、全体が灰色になります。",
            ),
        ),
        "each_channel": Misconception(
            _mistaken(_of_each_channel),
            Text(
                "each channel has an s of its own, which shifts the colours; take one for a picture.",
                "チャンネルごとに s を求めているので、色がずれます。画像ごとに 1 つにしてください。",
            ),
        ),
        "other_end": Misconception(
            _mistaken(lambda x, p: _quantile(x, 1 - p)),
            Text(
                "the quantile is counted from the other end, 1 - percentile.",
                "分位数を反対側から数えています（1 - percentile）。",
            ),
        ),
        "average": Misconception(
            _mistaken(lambda x, p: x.abs().mean((1, 2, 3), keepdim=True)),
            Text(
                "s is the mean of |x0_hat|, which cuts off nearly half of the picture; it is to be the quantile.",
                "s が |x0_hat| の平均になっていて、半分近くがクリップされてしまいます。分位数を使ってください。",
            ),
        ),
        "deviation": Misconception(
            _mistaken(_spread),
            Text(
                "s is the standard deviation; it is to be the quantile.",
                "s が標準偏差になっています。分位数を使ってください。",
            ),
        ),
        "tanh": Misconception(
            lambda x0_hat, percentile: x0_hat.tanh(),
            Text(
                "tanh bends all values, also those that are in range.",
                "tanh では、範囲内の値まで曲がってしまいます。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.thresholding.dynamic_threshold",),
)
