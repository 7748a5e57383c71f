"""How a style enters a picture: what was there in scale and shift is taken out, and the style's own is put in."""

import numpy as np
import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab13_gans.draws import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

EPS = 1e-5


def adain(content, style_scale, style_bias):
    """Adaptive instance normalisation (Huang & Belongie 2017, eq. 8; Karras et al. 2019, eq. 1).

    content: (B, C, H, W); style_scale, style_bias: (B, C). Returns (B, C, H, W): each map of each picture is
    brought to mean 0 and variance 1 (eps 1e-5 under the root, the biased variance), then multiplied by its
    scale and shifted by its bias.
    """
    mean = content.mean((2, 3), keepdim=True)  # (B, C, 1, 1): of each map by itself
    variance = content.var((2, 3), unbiased=False, keepdim=True)
    normed = (content - mean) / (variance + 1e-5).sqrt()
    return style_scale[:, :, None, None] * normed + style_bias[:, :, None, None]


def _inputs(generator):
    def maps(*shape):
        spread = 0.5 + 2 * torch.rand(*shape[:2], 1, 1, generator=generator)
        shift = 2 * torch.randn(*shape[:2], 1, 1, generator=generator)
        return spread * torch.randn(shape, generator=generator) + shift

    def style(*shape):
        return 0.4 + torch.rand(shape, generator=generator), 0.3 + torch.randn(shape, generator=generator)

    scale, bias = style(3, 3)  # as many pictures as channels, so that a wrong axis raises no error
    other_scale, other_bias = style(2, 4)
    return {
        "content": maps(3, 3, 3, 4), "style_scale": scale, "style_bias": bias,
        "other_content": maps(2, 4, 2, 5), "other_scale": other_scale, "other_bias": other_bias,
    }  # fmt: skip


@cases
def _probe(adain, inputs):
    content, scale, bias = (inputs[name] for name in ("content", "style_scale", "style_bias"))
    yield "batch", lambda: adain(content, scale, bias)
    yield "other_contrast", lambda: adain(2.5 * content - 1.3, scale, bias)
    yield "plain_style", lambda: adain(content, torch.ones_like(scale), torch.zeros_like(bias))
    yield "faint", lambda: adain(0.002 * content, scale, bias)
    yield "flat", lambda: adain(torch.full_like(content, 0.5), scale, bias)
    yield "single", lambda: adain(content[:1], scale[:1], bias[:1])
    yield "float64", lambda: adain(content.double(), scale.double(), bias.double())
    yield "sizes", lambda: adain(inputs["other_content"], inputs["other_scale"], inputs["other_bias"])


def _mistaken(over=(2, 3), center=True, unbiased=False, divide=lambda variance: (variance + EPS).sqrt(), style=None):
    """A normalisation with one fault: the axes, the mean, what it divides by, or how the style comes in."""

    def adain(content, style_scale, style_bias):
        variance = content.var(over, unbiased=unbiased, keepdim=True)
        normed = (content - content.mean(over, keepdim=True) if center else content) / divide(variance)
        scale, bias = style_scale[:, :, None, None], style_bias[:, :, None, None]
        return style(normed, scale, bias) if style else scale * normed + bias

    return adain


def _style_first(content, style_scale, style_bias):
    return F.instance_norm(content * style_scale[:, :, None, None] + style_bias[:, :, None, None])


def _style_of_the_first(content, style_scale, style_bias):
    return adain(content, style_scale[:1].expand_as(style_scale), style_bias[:1].expand_as(style_bias))


def _figure(arrays, inputs, figure, wanted):
    """Whether a figure of each map of the batch is that of the style; not of an answer that is constant."""
    maps = arrays["batch"].reshape(3, 3, -1)
    return np.allclose(figure(maps), inputs[wanted].numpy(), atol=1e-3) and maps.std(-1).min() > 1e-3


ADAIN = Exercise(
    name="adain",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=adain,
    hints=(
        Text(
            "A style is to say how bright and how strong each map is. What has to be taken out of the map first?",
            "スタイルは、特徴マップそれぞれの明るさと強さを決めます。その前に、マップから何を取り除きますか。",
        ),
        Text(
            "Mean and variance over height and width only, for each picture and each channel; with keepdim=True they "
            "fit the content. (B, C) becomes (B, C, 1, 1) by [:, :, None, None].",
            "平均と分散は、画像ごと、チャンネルごとに、高さと幅についてだけ求めます。keepdim=True にすると content と"
            "そのまま計算できます。(B, C) は [:, :, None, None] で (B, C, 1, 1) になります。",
        ),
        Text(
            "(content - mean) / (variance + 1e-5).sqrt() with content.var((2, 3), unbiased=False, keepdim=True), then "
            "times style_scale[:, :, None, None] plus style_bias[:, :, None, None].",
            "content.var((2, 3), unbiased=False, keepdim=True) を使って (content - mean) / (variance + 1e-5).sqrt() "
            "を求め、style_scale[:, :, None, None] を掛けて style_bias[:, :, None, None] を足します。",
        ),
    ),
    properties={
        "means": Property(
            lambda arrays, inputs: _figure(arrays, inputs, lambda maps: maps.mean(-1), "style_bias"),
            0.25,
            Text(
                "The mean of each map must be its style_bias.",
                "各特徴マップの平均は style_bias になるはずです。",
            ),
        ),
        "spreads": Property(
            lambda arrays, inputs: _figure(arrays, inputs, lambda maps: maps.std(-1), "style_scale"),
            0.25,
            Text(
                "The standard deviation of each map must be its style_scale.",
                "各特徴マップの標準偏差は style_scale になるはずです。",
            ),
        ),
    },
    misconceptions={
        "over_the_batch": Misconception(
            _mistaken(over=(0, 2, 3)),
            Text(
                "mean and variance are taken over the batch too, as in batch norm; each picture has its own.",
                "バッチ正規化のように、バッチについても平均と分散をとっています。画像ごとに別々に求めてください。",
            ),
        ),
        "over_the_channels": Misconception(
            _mistaken(over=(1, 2, 3)),
            Text(
                "mean and variance are taken over all channels together; each map has its own.",
                "すべてのチャンネルをまとめて平均と分散をとっています。特徴マップごとに求めてください。",
            ),
        ),
        "pixel_by_pixel": Misconception(
            _mistaken(over=(1,)),
            Text(
                "each pixel is normalised over its channels; here each map is, over its pixels.",
                "画素ごとに、チャンネルについて正規化しています。ここでは、マップごとに画素について正規化します。",
            ),
        ),
        "unbiased": Misconception(
            _mistaken(unbiased=True),
            Text(
                "the variance is the unbiased one, divided by one less than the number of pixels; pass unbiased=False.",
                "画素数より 1 少ない数で割る、不偏分散になっています。unbiased=False を指定してください。",
            ),
        ),
        "variance": Misconception(
            _mistaken(divide=lambda variance: variance + EPS),
            Text(
                "you divide by the variance; divide by its root, the standard deviation.",
                "分散で割っています。その平方根（標準偏差）で割ってください。",
            ),
        ),
        "not_centred": Misconception(
            _mistaken(center=False),
            Text(
                "the mean is not taken away, so the content's brightness stays beside the style's.",
                "平均を引いていないので、もとの明るさがスタイルの明るさと混ざります。",
            ),
        ),
        "eps_outside": Misconception(
            _mistaken(divide=lambda variance: variance.sqrt() + EPS),
            Text(
                "eps is added after the root; it belongs under it, beside the variance.",
                "eps を平方根のあとで足しています。平方根の中で、分散に足してください。",
            ),
        ),
        "no_eps": Misconception(
            _mistaken(divide=lambda variance: variance.sqrt()),
            Text(
                "eps is missing: a map without any variance is divided by 0.",
                "eps が抜けています。分散が 0 の特徴マップで、0 で割ることになります。",
            ),
        ),
        "one_plus_scale": Misconception(
            _mistaken(style=lambda normed, scale, bias: (1 + scale) * normed + bias),
            Text(
                "1 is added to the scale, as some networks do; here style_scale is the factor itself.",
                "一部のネットワークのように scale に 1 を足しています。ここでは style_scale そのものを掛けます。",
            ),
        ),
        "scale_and_bias_exchanged": Misconception(
            _mistaken(style=lambda normed, scale, bias: bias * normed + scale),
            Text("scale and bias are exchanged.", "style_scale と style_bias が入れ替わっています。"),
        ),
        "no_bias": Misconception(
            _mistaken(style=lambda normed, scale, bias: scale * normed),
            Text("style_bias is left out.", "style_bias が抜けています。"),
        ),
        "no_scale": Misconception(
            _mistaken(style=lambda normed, scale, bias: normed + bias),
            Text("style_scale is left out.", "style_scale が抜けています。"),
        ),
        "bias_scaled": Misconception(
            _mistaken(style=lambda normed, scale, bias: scale * (normed + bias)),
            Text(
                "the bias is added before the scale is applied, so that it is scaled too.",
                "scale を掛ける前に bias を足しているので、bias にも scale が掛かっています。",
            ),
        ),
        "style_first": Misconception(
            _style_first,
            Text(
                "the style comes before the normalisation, which takes it out again.",
                "正規化の前にスタイルを入れています。これでは、正規化でまた取り除かれてしまいます。",
            ),
        ),
        "transposed": Misconception(
            lambda content, style_scale, style_bias: (
                adain(content, style_scale.T, style_bias.T)
                if style_scale.shape[0] == style_scale.shape[1]
                else adain(content, style_scale, style_bias)
            ),
            Text(
                "the axes of the style are exchanged: pictures are its rows, channels its columns.",
                "スタイルの軸が入れ替わっています。行が画像、列がチャンネルです。",
            ),
        ),
        "one_style_for_all": Misconception(
            _style_of_the_first,
            Text(
                "all pictures get the style of the first one.",
                "どの画像も、最初の画像のスタイルになっています。",
            ),
        ),
    },
    off_limits=("t2ilab.nets.gan.style.adain",),
)
