"""There and back again: what holds two painters together whose pictures have no partners."""

import torch

from t2ilab.lab.bank.draws import pictures
from t2ilab.lab.bank.lab13_gans.draws import LAB, slopes
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def cycle_loss(x, y, g, f):
    """How far from home one is after going there and back again (Zhu et al. 2017, eq. 2, with means).

    x: (B, 3, H, W), pictures of one domain; y: (B', 3, H, W), of the other, no partners of x; g: a function
    from x's domain to y's; f: from y's to x's.
    Returns a 0-d tensor with a gradient: the mean of |f(g(x)) - x| plus the mean of |g(f(y)) - y|.
    """
    of_x = (f(g(x)) - x).abs().mean()  # to y's domain and back to x's
    of_y = (g(f(y)) - y).abs().mean()  # and the other way round
    return of_x + of_y


def _inputs(generator):
    def painter(gain, shift):
        """A gain and a shift for each channel, a little above those given."""
        gain, shift = (low + 0.3 * torch.rand(3, generator=generator) for low in (gain, shift))
        return {"gain": gain, "shift": shift}

    return {
        "x": pictures(generator, 2, 3, 4, 5),
        "y": 0.6 * pictures(generator, 2, 3, 4, 5),
        "g": painter(0.5, 0.3),
        "f": painter(1.1, -1.5),  # ever too dark, so that signs matter
        "more_y": pictures(generator, 3, 3, 2, 3),
    }


def _painter(gain, shift):
    return lambda images: (images * gain[:, None, None] + shift[:, None, None]).tanh()


@cases
def _probe(cycle_loss, inputs):
    x, y = inputs["x"], inputs["y"]
    numbers = [inputs[who][what] for who in ("g", "f") for what in ("gain", "shift")]
    g, f = _painter(*numbers[:2]), _painter(*numbers[2:])

    def of_numbers(*numbers):
        return cycle_loss(x, y, _painter(*numbers[:2]), _painter(*numbers[2:]))

    yield "batch", lambda: cycle_loss(x, y, g, f)
    yield "inverse", lambda: cycle_loss(x, y, lambda images: 2 * images, lambda images: images / 2)
    yield "shifted_home", lambda: cycle_loss(x, y, lambda images: images, lambda images: images + 0.4)
    yield "exchanged_domains", lambda: cycle_loss(y, x, f, g)
    yield "gradient", lambda: slopes(of_numbers, *numbers)
    yield "single", lambda: cycle_loss(x[:1], y[:1], g, f)
    in_double = [_painter(*(n.double() for n in pair)) for pair in (numbers[:2], numbers[2:])]
    yield "float64", lambda: cycle_loss(x.double(), y.double(), *in_double)
    yield "sizes", lambda: cycle_loss(x, inputs["more_y"], g, f)


def _mistaken(error=lambda a, b: (a - b).abs().mean(), join=lambda of_x, of_y: of_x + of_y):
    """A loss with one fault: in how far two pictures are apart, or in how the two directions are put together."""
    return lambda x, y, g, f: join(error(f(g(x)), x), error(g(f(y)), y))


CYCLE_LOSS = Exercise(
    name="cycle_loss",
    lab=LAB,
    difficulty=2,
    minutes=7,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=cycle_loss,
    hints=(
        Text(
            "No picture has a partner to be compared with. With what can f(g(x)) be compared?",
            "どの画像にも、比べる相手がありません。では、f(g(x)) は何と比べられるでしょうか。",
        ),
        Text(
            "x goes by g to the other domain and by f back; y goes by f first. Each is compared with where it started, "
            "by the mean absolute difference.",
            "x は g で相手の領域へ行き、f で戻ります。y は先に f です。"
            "それぞれ、もとの画像との差の絶対値の平均をとります。",
        ),
        Text(
            "(f(g(x)) - x).abs().mean() + (g(f(y)) - y).abs().mean().",
            "(f(g(x)) - x).abs().mean() + (g(f(y)) - y).abs().mean() とします。",
        ),
    ),
    properties={
        "inverse": Property(
            lambda arrays, inputs: (
                arrays["batch"].shape == () and abs(arrays["inverse"]) < 1e-6 and arrays["batch"] > 1e-3
            ),
            0.25,
            Text(
                "Where f undoes what g does, the loss must be 0.",
                "f が g をちょうど元に戻すなら、損失は 0 になるはずです。",
            ),
        ),
        "shifted_home": Property(
            lambda arrays, inputs: (
                arrays["batch"].shape == ()
                and abs(arrays["shifted_home"] - 0.8) < 1e-4
                and abs(arrays["inverse"] - 0.8) > 1e-2
            ),
            0.25,
            Text(
                "Where every way back ends 0.4 too bright, the loss must be 0.8: 0.4 for each direction.",
                "どちらの往復でも 0.4 だけ明るくなるなら、損失は 0.8 になるはずです。それぞれの向きで 0.4 です。",
            ),
        ),
    },
    misconceptions={
        "squared": Misconception(
            _mistaken(error=lambda a, b: (a - b).square().mean()),
            Text(
                "you square the differences; CycleGAN takes their absolute values, which blur less.",
                "差を 2 乗しています。CycleGAN では、ぼけにくい絶対値を使います。",
            ),
        ),
        "sum": Misconception(
            _mistaken(error=lambda a, b: (a - b).abs().sum()),
            Text(
                "you sum over the pixels where you should average.",
                "画素について、平均ではなく合計をとっています。",
            ),
        ),
        "sum_over_pixels": Misconception(
            _mistaken(error=lambda a, b: (a - b).abs().flatten(1).sum(1).mean()),
            Text(
                "you average over the batch, but sum over the pixels; average over everything.",
                "バッチについては平均ですが、画素については合計になっています。すべての要素で平均してください。",
            ),
        ),
        "no_absolute": Misconception(
            _mistaken(error=lambda a, b: (a - b).mean()),
            Text(
                "without absolute values, what is too bright makes up for what is too dark.",
                "絶対値をとらないと、明るすぎるところと暗すぎるところが打ち消し合ってしまいます。",
            ),
        ),
        "absolute_of_mean": Misconception(
            _mistaken(error=lambda a, b: (a - b).mean().abs()),
            Text(
                "the absolute value is taken of the mean; take it at each pixel, before averaging.",
                "平均の絶対値になっています。平均の前に、画素ごとに絶対値をとってください。",
            ),
        ),
        "halved": Misconception(
            _mistaken(join=lambda of_x, of_y: (of_x + of_y) / 2),
            Text(
                "the mean of both directions is taken; here it is their sum.",
                "2 つの向きの平均になっています。ここでは和をとります。",
            ),
        ),
        "only_x": Misconception(
            _mistaken(join=lambda of_x, of_y: of_x + 0 * of_y),
            Text(
                "only x goes there and back; y has to, too, or g may throw away what it likes.",
                "x だけが往復しています。y も往復させないと、片方の生成器が情報を捨ててしまえます。",
            ),
        ),
        "only_y": Misconception(
            _mistaken(join=lambda of_x, of_y: 0 * of_x + of_y),
            Text(
                "only y goes there and back; x has to, too.",
                "y だけが往復しています。x も往復させてください。",
            ),
        ),
        "difference": Misconception(
            _mistaken(join=lambda of_x, of_y: of_x - of_y),
            Text(
                "one direction is taken away from the other; both are to become small.",
                "片方からもう片方を引いています。どちらも小さくしたいので、足してください。",
            ),
        ),
        "wrong_order": Misconception(
            lambda x, y, g, f: (g(f(x)) - x).abs().mean() + (f(g(y)) - y).abs().mean(),
            Text(
                "x goes through f first, which knows only y's domain: it is g that takes an x.",
                "x を先に f に渡しています。f が知っているのは y の領域だけです。x を受け取るのは g です。",
            ),
        ),
        "same_twice": Misconception(
            lambda x, y, g, f: (g(g(x)) - x).abs().mean() + (f(f(y)) - y).abs().mean(),
            Text(
                "the same function is used there and back; the other one leads back.",
                "行きも帰りも同じ関数です。帰りはもう一方の関数を使います。",
            ),
        ),
        "one_way": Misconception(
            lambda x, y, g, f: (g(x) - x).abs().mean() + (f(y) - y).abs().mean(),
            Text(
                "it goes there, but not back: g(x) is meant to differ from x.",
                "行ったまま戻っていません。g(x) は x と違っていてよいのです。",
            ),
        ),
        "identity": Misconception(
            lambda x, y, g, f: (g(y) - y).abs().mean() + (f(x) - x).abs().mean(),
            Text(
                "this is the identity loss, which keeps colours; here one goes there and back.",
                "これは色を保つための恒等損失です。ここでは往復させます。",
            ),
        ),
        "other_domain": Misconception(
            lambda x, y, g, f: (f(g(x)) - y).abs().mean() + (g(f(y)) - x).abs().mean(),
            Text(
                "what comes back is compared with the other heap; x and y have nothing to do with each other.",
                "戻ってきた画像を、もう一方の領域の画像と比べています。x と y は対応していません。",
            ),
        ),
        "way_there_detached": Misconception(
            lambda x, y, g, f: (f(g(x).detach()) - x).abs().mean() + (g(f(y).detach()) - y).abs().mean(),
            Text(
                "the way there is detached: whoever goes first never learns what got lost.",
                "行きの結果が detach されています。先に進むほうは、何が失われたかを学べません。",
            ),
        ),
    },
    off_limits=("t2ilab.training.adversarial_losses.cycle_loss",),
)
