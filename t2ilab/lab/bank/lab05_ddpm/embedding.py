"""How the network is told the time: a timestep as a vector of cosines and sines."""

import math

import torch

from t2ilab.lab.bank.lab05_ddpm.draws import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property, Tolerance
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def timestep_embedding(t, dim):
    """A timestep as `dim` numbers: a clock with many hands (Vaswani et al. 2017, section 3.5, in another order).

    t: (B,), whole or fractional steps; dim: even. Returns (B, dim) floats in [-1, 1]: the cosines of t times each
    frequency 10000^(-i / (dim / 2)), i = 0, 1, ..., then the sines.
    """
    half = dim // 2
    # From 1 down towards 1/10000: the first hand turns once in 6 steps, the last hardly at all.
    frequencies = 10000 ** (-torch.arange(half, device=t.device) / half)  # (half,)
    angles = t[:, None] * frequencies  # (B, half)
    return torch.cat([angles.cos(), angles.sin()], dim=1)  # (B, dim)


def _timestep_embedding_inputs(generator):
    def steps(count):
        return torch.randint(2, 1000, (count,), generator=generator)

    return {"t": steps(5), "fractional": steps(4) * torch.rand(4, generator=generator), "one": steps(1)}


@cases
def _timestep_embedding_probe(timestep_embedding, inputs):
    yield "batch", lambda: timestep_embedding(inputs["t"], 16)
    yield "single", lambda: timestep_embedding(inputs["one"], 8)
    yield "fractional", lambda: timestep_embedding(inputs["fractional"], 32)
    yield "float64", lambda: timestep_embedding(inputs["fractional"].double(), 32)
    yield "zero_and_one", lambda: timestep_embedding(torch.tensor([0, 1]), 16)


def _on_circles(arrays, inputs):
    cosines, sines = arrays["batch"][:, :8], arrays["batch"][:, 8:]
    return cosines[:, 0].std() > 0 and abs(cosines**2 + sines**2 - 1).max() < 1e-3


def _interleaved(t, dim):
    half = dim // 2
    angles = t[:, None] * 10000 ** (-torch.arange(half) / half)
    return torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(1)


def _embedding(frequencies, order=(torch.cos, torch.sin)):
    """An embedding with other frequencies, a function of (i, half), or another order of the two halves."""

    def timestep_embedding(t, dim):
        half = dim // 2
        angles = t[:, None] * frequencies(torch.arange(half), half)
        return torch.cat([function(angles) for function in order], dim=1)

    return timestep_embedding


def _falling(i, half):
    return 10000 ** (-i / half)


TIMESTEP_EMBEDDING = Exercise(
    name="timestep_embedding",
    lab=LAB,
    difficulty=3,
    minutes=12,
    points=3,
    make_inputs=_timestep_embedding_inputs,
    probe=_timestep_embedding_probe,
    reference=timestep_embedding,
    # The angle goes up to 1000, where float32 knows it only to 1e-4; other ways of writing the power differ by as much.
    tolerance=Tolerance(float32=(1e-3, 5e-3), float64=(1e-3, 5e-3)),
    hints=(
        Text(
            "First the dim / 2 frequencies alone: i = 0 gives 1, and they fall towards 1/10000.",
            "まず dim / 2 個の周波数だけを作りましょう。i = 0 で 1、そこから 1/10000 に向かって小さくなります。",
        ),
        Text(
            "`t[:, None] * frequencies` is (B, 1) times (half,): every t with every frequency, (B, half).",
            "`t[:, None] * frequencies` は (B, 1) と (half,) の積で、すべての t "
            "と周波数の組み合わせ (B, half) になります。",
        ),
        Text(
            "`torch.cat([angles.cos(), angles.sin()], dim=1)`, with angles made "
            "of `10000 ** (-torch.arange(half) / half)`.",
            "`10000 ** (-torch.arange(half) / half)` から angles を作り、"
            "`torch.cat([angles.cos(), angles.sin()], dim=1)` とします。",
        ),
    ),
    properties={
        "start": Property(
            lambda arrays, inputs: (
                abs(arrays["zero_and_one"][0, :8] - 1).max() < 1e-6 and abs(arrays["zero_and_one"][0, 8:]).max() < 1e-6
            ),
            0.2,
            Text(
                "At t = 0 every cosine is 1 and every sine is 0: the first half must be ones, the second half zeros.",
                "t = 0 ではコサインはすべて 1、サインはすべて 0 です。前半が 1、後半が 0 になるはずです。",
            ),
        ),
        "circles": Property(
            _on_circles,
            0.2,
            Text(
                "Number i and number i + dim/2 are cosine and sine of one angle: their squares must add up to 1.",
                "i 番目と i + dim/2 番目は同じ角度のコサインとサインなので、2 乗の和が 1 になるはずです。",
            ),
        ),
        "slow_hands": Property(
            lambda arrays, inputs: (
                arrays["zero_and_one"][1, 7] > 0.99 and abs(arrays["zero_and_one"][1, 0] - math.cos(1)) < 1e-4
            ),
            0.2,
            Text(
                "Frequencies must fall from 1 towards 1/10000: from t = 0 to t = 1 the first cosine turns to 0.54, "
                "the last one hardly moves.",
                "周波数は 1 から 1/10000 に向かって小さくなります。t が 0 から 1 になると、"
                "最初のコサインは 0.54 になり、最後はほとんど変わらないはずです。",
            ),
        ),
    },
    misconceptions={
        "sines_first": Misconception(
            _embedding(_falling, (torch.sin, torch.cos)),
            Text(
                "the sines come first. This course, like Stable Diffusion, puts the cosines first.",
                "サインが先になっています。このコースでは、Stable Diffusion と同じくコサインを先に並べます。",
            ),
        ),
        "interleaved": Misconception(
            _interleaved,
            Text(
                "cosines and sines alternate; put all cosines first, then all sines.",
                "コサインとサインが交互に並んでいます。コサインをすべて並べたあとに、サインを並べてください。",
            ),
        ),
        "half_minus_one": Misconception(
            _embedding(lambda i, half: 10000 ** (-i / (half - 1))),
            Text(
                "you divide i by dim/2 - 1, so that the last frequency is "
                "exactly 1/10000 (as in DDPM's own code); here it is divided by dim/2.",
                "i を dim/2 - 1 で割っているので、最後の周波数がちょうど 1/10000 "
                "になっています（DDPM の著者のコードではそうです）。ここでは dim/2 で割ります。",
            ),
        ),
        "divided_by_dim": Misconception(
            _embedding(lambda i, half: 10000 ** (-i / (2 * half))),
            Text(
                "you divide i by dim; there are only dim/2 frequencies, so divide by dim/2.",
                "i を dim で割っています。周波数は dim/2 個なので、dim/2 で割ってください。",
            ),
        ),
        "exponent_doubled": Misconception(
            _embedding(lambda i, half: 10000 ** (-2 * i / half)),
            Text(
                "your exponent is twice too large. Vaswani's 2i/dim is i/(dim/2): the 2 is already in dim/2.",
                "指数が 2 倍になっています。Vaswani らの 2i/dim は i/(dim/2) "
                "と同じで、2 はすでに dim/2 に含まれています。",
            ),
        ),
        "from_one": Misconception(
            _embedding(lambda i, half: 10000 ** (-(i + 1) / half)),
            Text(
                "you count i from 1; the first frequency is 10000^0 = 1.",
                "i を 1 から数えています。最初の周波数は 10000 の 0 乗、つまり 1 です。",
            ),
        ),
        "growing": Misconception(
            _embedding(lambda i, half: 10000 ** (i / half)),
            Text(
                "the minus sign in the exponent is missing: your frequencies grow instead of falling.",
                "指数のマイナスが抜けていて、周波数が大きくなっていきます。",
            ),
        ),
        "only_sines": Misconception(
            _embedding(_falling, (torch.sin, torch.sin)),
            Text(
                "both halves are sines; the first half are cosines.",
                "前半も後半もサインです。前半はコサインにしてください。",
            ),
        ),
        "scaled_t": Misconception(
            lambda t, dim: timestep_embedding(t / 1000, dim),
            Text(
                "t is divided by 1000 first; the embedding takes t itself, in steps.",
                "t を 1000 で割っています。ここでは t をそのまま（ステップ数で）使います。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.nets.layers.timestep_embedding",
        "diffusers.models.embeddings.get_timestep_embedding",
        "diffusers.models.embeddings.Timesteps",
    ),
)
