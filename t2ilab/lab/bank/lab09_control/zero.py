"""The layer through which a ControlNet speaks: silent at first, but able to learn."""

import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.lab.bank.draws import noise_like
from t2ilab.lab.bank.lab09_control.start import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases

CHANNELS, OTHERS = 4, 6
RATE = 0.05  # of the step of plain gradient descent


class ZeroConv(nn.Module):
    """A 1x1 convolution with everything in it zero at first (Zhang et al. 2023, section 3.1).

    x: (B, channels, H, W) gives the same shape: zeros, until it has learnt something.
    """

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel_size=1)
        for parameter in self.conv.parameters():
            nn.init.zeros_(parameter)  # the weight, and the bias too

    def forward(self, x):
        return self.conv(x)


def _inputs(generator):
    x = torch.randn(3, CHANNELS, 4, 5, generator=generator)
    other = torch.randn(2, OTHERS, 3, 3, generator=generator)
    return {"x": x, "wanted": noise_like(generator, x), "other": other, "other_wanted": noise_like(generator, other)}


@cases
def _probe(ZeroConv, inputs):
    x, wanted, other = (inputs[name] for name in ("x", "wanted", "other"))
    yield "batch", lambda: _new(ZeroConv, CHANNELS)(x)
    yield "parameters", lambda: torch.tensor([_count(_new(ZeroConv, c)) for c in (CHANNELS, OTHERS)])
    yield "after_first", lambda: _taught(_new(ZeroConv, CHANNELS), x, wanted, 1)(x)
    yield "after_second", lambda: _taught(_new(ZeroConv, CHANNELS), x, wanted, 2)(x)
    yield "float64", lambda: _taught(_new(ZeroConv, CHANNELS).double(), x.double(), wanted.double(), 1)(x.double())
    yield "single", lambda: _taught(_new(ZeroConv, CHANNELS), x, wanted, 1)(x[:1, :, :2])
    yield "sizes", lambda: _taught(_new(ZeroConv, OTHERS), other, inputs["other_wanted"], 1)(other)


def _new(block, channels):
    """A new layer, its chance the same for every answer. Raises Unfit for what is no layer."""
    torch.manual_seed(3)
    layer = block(channels)
    if not isinstance(layer, nn.Module):
        raise Unfit("wrong_type", received=type(layer).__name__)
    return layer


def _count(layer):
    return sum(p.numel() for p in layer.parameters())


def _taught(layer, x, wanted, steps):
    """The layer after some steps of gradient descent on half the squared error, summed over all but the batch."""
    for _ in range(steps):
        layer.zero_grad()
        loss = (layer(x) - wanted).square().sum() / (2 * len(x))
        if not loss.requires_grad:
            raise Unfit("layer_without_gradient")
        loss.backward()
        with torch.no_grad():
            for parameter in layer.parameters():
                if parameter.grad is not None:
                    parameter -= RATE * parameter.grad
    return layer


class _Layer(nn.Module):
    """A layer of a given convolution and a forward, for the wrong answers."""

    def __init__(self, conv, forward=lambda conv, x: conv(x)):
        super().__init__()
        self.conv, self.through = conv, forward

    def forward(self, x):
        return self.through(self.conv, x)


def _mistaken(weight=torch.zeros_like, bias=torch.zeros_like, forward=lambda conv, x: conv(x), size=1, biased=True):
    """A layer with one fault: other first values, another way through it, or another convolution."""

    class ZeroConv(_Layer):
        def __init__(self, channels):
            layer = nn.Conv2d(channels, channels, size, padding=size // 2, bias=biased)
            with torch.no_grad():
                layer.weight.copy_(weight(layer.weight))
                if layer.bias is not None:
                    layer.bias.copy_(bias(layer.bias))
            super().__init__(layer, forward)

    return ZeroConv


def _same(x):
    return x


class _Depthwise(_Layer):
    """One number a channel."""

    def __init__(self, channels):
        conv = nn.Conv2d(channels, channels, 1, groups=channels)
        for parameter in conv.parameters():
            nn.init.zeros_(parameter)
        super().__init__(conv)


class _Gate(nn.Module):
    """A convolution behind one number that is zero at first."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.gate * self.conv(x)


class _Number(nn.Module):
    """One number in place of a convolution."""

    def __init__(self, channels):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.gate * x


class _Nothing(nn.Module):
    """No layer at all."""

    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return torch.zeros_like(x)


class _Frozen(_Layer):
    """Zero, and no gradient can change it."""

    def __init__(self, channels):
        conv = nn.Conv2d(channels, channels, 1)
        for parameter in conv.parameters():
            nn.init.zeros_(parameter)
        super().__init__(conv.requires_grad_(False))


def _silent(arrays, inputs):
    """Nothing at first, and something after a step, so that a layer that is dead earns nothing."""
    return abs(arrays["batch"]).max() == 0 and abs(arrays["after_first"]).max() > 1e-3


ZERO_CONV = Exercise(
    name="ZeroConv",
    lab=LAB,
    difficulty=2,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=ZeroConv,
    hints=(
        Text(
            "nn.Conv2d with a kernel of 1 is the layer; what is left is to change its first values.",
            "カーネルの大きさが 1 の nn.Conv2d を使います。あとは、はじめの値を変えるだけです。",
        ),
        Text(
            "A convolution has a weight and a bias, and both begin random; nn.init.zeros_ fills either.",
            "畳み込みには重み（weight）とバイアス（bias）があり、どちらも乱数で始まります。"
            "nn.init.zeros_ で 0 にできます。",
        ),
        Text(
            "self.conv = nn.Conv2d(channels, channels, kernel_size=1), then nn.init.zeros_(self.conv.weight) and "
            "nn.init.zeros_(self.conv.bias); forward returns self.conv(x).",
            "self.conv = nn.Conv2d(channels, channels, kernel_size=1) のあと、nn.init.zeros_(self.conv.weight) と "
            "nn.init.zeros_(self.conv.bias) を行い、forward で self.conv(x) を返します。",
        ),
    ),
    properties={
        "silent": Property(
            _silent,
            0.3,
            Text(
                "A new layer must give exactly zero, and something else after one step of training.",
                "作ったばかりの層の出力はちょうど 0 で、1 ステップ学習すると 0 でなくなるはずです。",
            ),
        ),
        "parameters": Property(
            lambda arrays, inputs: arrays["parameters"].tolist() == [c * c + c for c in (CHANNELS, OTHERS)],
            0.2,
            Text(
                "A 1x1 convolution has channels * channels weights and one bias a channel, all to be learnt.",
                "1x1 の畳み込みには、channels * channels 個の重みと、チャンネルごとのバイアスがあり、"
                "すべて学習します。",
            ),
        ),
    },
    misconceptions={
        "random_bias": Misconception(
            _mistaken(bias=_same),
            Text(
                "the weights are zero but the bias is still random: from the first moment the layer says something.",
                "重みは 0 ですが、バイアスが乱数のままです。これでは、はじめから何かを言ってしまいます。",
            ),
        ),
        "random_weight": Misconception(
            _mistaken(weight=_same),
            Text(
                "only the bias is zero; the weights are still random.",
                "0 になっているのはバイアスだけで、重みは乱数のままです。",
            ),
        ),
        "random": Misconception(
            _mistaken(weight=_same, bias=_same),
            Text(
                "weights and bias are as torch makes them, random; the U-Net would be disturbed from the first step.",
                "重みもバイアスも、torch が作った乱数のままです。U-Net の邪魔を、はじめからしてしまいます。",
            ),
        ),
        "ones": Misconception(
            _mistaken(weight=torch.ones_like),
            Text("the weights begin at one, not at zero.", "重みが 0 ではなく 1 で始まっています。"),
        ),
        "identity": Misconception(
            _mistaken(weight=lambda w: torch.eye(len(w))[:, :, None, None]),
            Text(
                "the layer begins as the identity and passes everything on.",
                "恒等写像で始まっているので、すべてそのまま通してしまいます。",
            ),
        ),
        "small": Misconception(
            _mistaken(weight=lambda w: 1e-2 * w),
            Text(
                "the weights begin small, not zero; then the first step is no longer exactly the U-Net's.",
                "重みが 0 ではなく、小さな乱数で始まっています。これでは、はじめの出力がもとの U-Net と一致しません。",
            ),
        ),
        "wide_kernel": Misconception(
            _mistaken(size=3),
            Text(
                "the kernel is 3x3; this one looks at one place at a time, 1x1.",
                "カーネルが 3x3 です。この層は 1 か所ずつ見るので、1x1 にします。",
            ),
        ),
        "no_bias": Misconception(
            _mistaken(biased=False),
            Text("the bias is missing.", "バイアスがありません。"),
        ),
        "depthwise": Misconception(
            _Depthwise,
            Text(
                "each channel sees only itself; all channels have to be mixed.",
                "チャンネルが自分自身しか見ていません。すべてのチャンネルを混ぜ合わせます。",
            ),
        ),
        "gate": Misconception(
            _Gate,
            Text(
                "a random convolution stands behind one number that is zero; everything in the layer itself is to be "
                "zero.",
                "乱数の畳み込みに、0 の数をひとつ掛けています。畳み込みの重みそのものを 0 にしてください。",
            ),
        ),
        "one_number": Misconception(
            _Number,
            Text(
                "one number for the whole map is not a convolution: it cannot tell channels apart.",
                "特徴マップ全体に数をひとつ掛けるだけでは、畳み込みではありません。チャンネルを区別できません。",
            ),
        ),
        "dead": Misconception(
            _mistaken(weight=_same, bias=_same, forward=lambda conv, x: 0 * conv(x)),
            Text(
                "no gradient gets through: the output is multiplied by zero, or an activation is flat there, or the "
                "weights are set to zero anew in every forward. This layer can never learn.",
                "勾配が通りません。出力に 0 を掛けているか、活性化関数がそこで平らになっているか、"
                "forward のたびに重みを "
                "0 にしているかです。この層は、いつまでたっても学べません。",
            ),
        ),
        "frozen": Misconception(
            _Frozen,
            Text(
                "the weights are zero and need no gradient, so they stay zero for ever.",
                "重みが 0 のうえに勾配も求めないので、いつまでも 0 のままです。",
            ),
        ),
        "no_layer": Misconception(
            _Nothing,
            Text(
                "there is nothing in it that could learn; it is to be a convolution, whose numbers are zero at first.",
                "学べるものが何も入っていません。はじめの値が 0 の畳み込みを作ってください。",
            ),
        ),
        "activated": Misconception(
            _mistaken(forward=lambda conv, x: F.silu(conv(x))),
            Text(
                "an activation follows; a correction may be negative as well as positive, so nothing comes after the "
                "convolution.",
                "畳み込みのあとに活性化関数があります。補正は正にも負にもなるので、何も付けません。",
            ),
        ),
    },
    off_limits=("t2ilab.nets.controlnet._zero", "diffusers.models.controlnets.controlnet.zero_module"),
)
