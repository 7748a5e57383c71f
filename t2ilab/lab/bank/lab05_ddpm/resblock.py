"""The residual block that a U-Net repeats: two convolutions that correct their input, knowing the time."""

import torch.nn.functional as F
from torch import nn

from t2ilab.lab.bank.lab05_ddpm.draws import LAB
from t2ilab.lab.bank.lab05_ddpm.resblock_probe import (
    BLOCK_LAYERS,
    block_inputs,
    block_probe,
    with_forward,
    with_layers,
)
from t2ilab.lab.definition import Exercise, Misconception, Property, Tolerance
from t2ilab.lab.messages import Text


class ResBlock(nn.Module):
    """The residual block of a U-Net: two convolutions that correct x, told what time it is (DDPM, appendix B).

    x: (B, in_channels, H, W) and temb: (B, time_dim) give (B, out_channels, H, W). Channels are multiples of 8.
    With the same weights it equals diffusers' ResnetBlock2D.
    """

    def __init__(self, in_channels, out_channels, time_dim):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, in_channels, eps=1e-5)
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        self.time_proj = nn.Linear(time_dim, out_channels)
        self.norm2 = nn.GroupNorm(8, out_channels, eps=1e-5)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1)
        # x itself is added at the end; where the channels differ, a 1x1 convolution makes it fit.
        same = in_channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x, temb):
        h = self.conv1(F.silu(self.norm1(x)))  # (B, out_channels, H, W)
        # One number for each channel, the same at every pixel: the time shifts whole channels up or down.
        h = h + self.time_proj(F.silu(temb))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return self.skip(x) + h


def _forward(time=F.silu, first=F.silu, second=F.silu, before=False, late=False, unnormed=False, timed=True, skip=True):
    """A forward with one fault: other activations, before the norms; time added late or not; no norm2; no skip."""

    def forward(self, x, temb):
        shift = self.time_proj(time(temb))[:, :, None, None] * timed
        h = self.conv1(self.norm1(first(x)) if before else first(self.norm1(x)))
        h = h if late else h + shift
        if not unnormed:
            h = self.norm2(second(h)) if before else self.norm2(h)
        h = h + shift if late else h
        h = self.conv2(h if before else second(h))
        return self.skip(x) + h if skip else h

    return with_forward(ResBlock, forward)


def _same(x):
    return x


RES_BLOCK = Exercise(
    name="ResBlock",
    lab=LAB,
    difficulty=4,
    minutes=15,
    points=5,
    make_inputs=block_inputs,
    probe=block_probe,
    reference=ResBlock,
    # Pictures of little contrast cost float32 some digits in the norms; float64 shows everything else.
    tolerance=Tolerance(float32=(1e-3, 1e-3)),
    hints=(
        Text(
            f"The layers in the order of their use: {', '.join(BLOCK_LAYERS)}. "
            f"Twice norm, SiLU, convolution; the time comes "
            "in between.",
            f"層は使う順に {', '.join(BLOCK_LAYERS)} です。「正規化、SiLU、"
            f"畳み込み」を 2 回行い、その間に時刻を入れます。",
        ),
        Text(
            "The time: SiLU on temb, then time_proj gives (B, out_channels); "
            "`[:, :, None, None]` lets it broadcast over pixels. "
            "It is added after conv1, before norm2.",
            "時刻の扱い：temb に SiLU をかけ、time_proj で (B, out_channels) にします。"
            "`[:, :, None, None]` で画素全体に広げ、conv1 のあと、norm2 の前に足します。",
        ),
        Text(
            "GroupNorm(8, channels, eps=1e-5), 3x3 convolutions with padding=1, and "
            "at the end skip(x) + h, where skip is a 1x1 "
            "convolution if the channels differ and nn.Identity() if not.",
            "GroupNorm(8, channels, eps=1e-5) と padding=1 の 3x3 畳み込みを使い、最後に skip(x) + h を返します。"
            "skip はチャンネル数が違えば 1x1 畳み込み、同じなら nn.Identity() です。",
        ),
    ),
    properties={
        "skip": Property(
            lambda arrays, inputs: abs(arrays["zero_conv2"] - arrays["zero_conv2_skip"]).max() < 1e-4,
            0.2,
            Text(
                "When conv2's weights are all zero, only skip(x) must be left: the "
                "block corrects x, it does not replace it.",
                "conv2 の重みがすべて 0 なら、skip(x) だけが残るはずです。"
                "ブロックは x を置き換えるのではなく、補正します。",
            ),
        ),
        "time": Property(
            lambda arrays, inputs: abs(arrays["batch"] - arrays["later"]).max() > 1e-3,
            0.1,
            Text(
                "Another temb must give another result: the block has to use the time.",
                "temb が変われば結果も変わるはずです。ブロックの中で時刻を使ってください。",
            ),
        ),
        "parameters": Property(
            lambda arrays, inputs: arrays["parameters"].tolist() == inputs["parameters"],
            0.1,
            Text(
                "The number of parameters differs: are all convolutions and norms as "
                "asked, and is skip free where channels are equal?",
                "パラメータの数が違います。畳み込みと正規化の層は指定どおりですか？ "
                "チャンネル数が同じとき、skip にパラメータはありません。",
            ),
        ),
    },
    misconceptions={
        "no_skip": Misconception(
            _forward(skip=False),
            Text(
                "x is not added at the end: a residual block returns skip(x) + h.",
                "最後に x を足していません。残差ブロックは skip(x) + h を返します。",
            ),
        ),
        "no_silu_on_time": Misconception(
            _forward(time=_same),
            Text("temb goes into time_proj without its SiLU.", "temb に SiLU をかけずに time_proj へ渡しています。"),
        ),
        "silu_after_time_proj": Misconception(
            with_forward(
                ResBlock,
                lambda self, x, temb: (
                    self.skip(x)
                    + self.conv2(
                        F.silu(
                            self.norm2(
                                self.conv1(F.silu(self.norm1(x))) + F.silu(self.time_proj(temb))[:, :, None, None]
                            )
                        )
                    )
                ),
            ),
            Text(
                "SiLU comes before time_proj, on temb, not after it.",
                "SiLU は time_proj のあとではなく、その前に temb にかけます。",
            ),
        ),
        "time_ignored": Misconception(
            _forward(timed=False),
            Text("the time is never added.", "時刻がどこにも足されていません。"),
        ),
        "time_after_norm2": Misconception(
            _forward(late=True),
            Text(
                "the time is added after norm2; it belongs before it, right after conv1.",
                "時刻を norm2 のあとで足しています。conv1 の直後、norm2 の前に足してください。",
            ),
        ),
        "silu_before_norm": Misconception(
            _forward(before=True),
            Text(
                "SiLU comes before the norms; the order is norm, SiLU, convolution.",
                "SiLU が正規化より先になっています。順序は「正規化、SiLU、畳み込み」です。",
            ),
        ),
        "first_silu_missing": Misconception(
            _forward(first=_same),
            Text("the SiLU between norm1 and conv1 is missing.", "norm1 と conv1 の間の SiLU が抜けています。"),
        ),
        "second_silu_missing": Misconception(
            _forward(second=_same),
            Text("the SiLU between norm2 and conv2 is missing.", "norm2 と conv2 の間の SiLU が抜けています。"),
        ),
        "relu": Misconception(
            _forward(first=F.relu, second=F.relu),
            Text(
                "you use ReLU between norm and convolution; this block uses SiLU.",
                "ReLU を使っています。このブロックでは SiLU を使います。",
            ),
        ),
        "norm2_missing": Misconception(
            _forward(unnormed=True),
            Text("norm2 is made, but never used.", "norm2 が使われていません。"),
        ),
        "eps": Misconception(
            with_layers(ResBlock, lambda channels: nn.GroupNorm(8, channels, eps=1e-6)),
            Text(
                "your norms have eps=1e-6; it is 1e-5 here. In flat parts of a picture the difference shows.",
                "正規化の eps が 1e-6 になっています。ここでは 1e-5 です。画像の平らな部分で差が出ます。",
            ),
        ),
        "one_group": Misconception(
            with_layers(ResBlock, lambda channels: nn.GroupNorm(1, channels, eps=1e-5)),
            Text(
                "your norms have one group for all channels; use 8.",
                "正規化のグループが 1 つだけです。8 グループにしてください。",
            ),
        ),
        "four_groups": Misconception(
            with_layers(ResBlock, lambda channels: nn.GroupNorm(4, channels, eps=1e-5)),
            Text(
                "your norms have 4 groups; the first argument of GroupNorm is the number of groups, 8.",
                "正規化のグループが 4 つです。GroupNorm の最初の引数がグループ数で、8 にします。",
            ),
        ),
        "skip_always_convolves": Misconception(
            with_layers(ResBlock, None, always_convolve=True),
            Text(
                "skip is a convolution even where the channels are equal; there "
                "it passes x on as it is (nn.Identity()).",
                "チャンネル数が同じときも skip が畳み込みになっています。"
                "その場合は nn.Identity() で x をそのまま通します。",
            ),
        ),
    },
    off_limits=("t2ilab.nets.layers.ResBlock", "diffusers.models.resnet.ResnetBlock2D"),
)
