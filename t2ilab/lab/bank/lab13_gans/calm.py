"""A judge kept calm: its weights lengthen no difference, whatever it learns."""

import numpy as np
import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab13_gans.draws import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

MANY = 300


def spectral_normalize(weight, u, iterations):
    """The flattened weight over its largest singular value, by power iteration (Miyato et al. 2018, algorithm 1).

    weight: (rows, ...), of a linear layer or a convolution; it is read as a matrix with a row for each output.
    u: (rows,), a first guess of the left singular vector, of length 1; iterations: at least 1.
    Returns (rows, columns). (In the shape of `weight` it is right too.)
    """
    matrix = weight.flatten(1)  # (rows, columns)
    for _ in range(iterations):
        v = F.normalize(matrix.T @ u, dim=0)  # (columns,): where u comes from
        u = F.normalize(matrix @ v, dim=0)  # (rows,): where v goes to; both turn to the longest direction
    sigma = u @ matrix @ v
    return matrix / sigma


def _inputs(generator):
    def weight(*shape):
        """A weight with one direction that is longer than all others, but not by much."""
        noise = torch.randn(shape, generator=generator).flatten(1)
        left, values, right = torch.linalg.svd(noise, full_matrices=False)
        values[0] = 1.25 * values[1]
        return (left * values @ right).reshape(shape)

    def guess(rows):
        return F.normalize(torch.randn(rows, generator=generator), dim=0)

    return {
        "weight": weight(4, 6), "u": guess(4), "iterations": 2,
        "conv_weight": weight(5, 2, 3, 3), "conv_u": guess(5),
        "tall_weight": weight(7, 3), "tall_u": guess(7),
    }  # fmt: skip


@cases
def _probe(spectral_normalize, inputs):
    weight, u = inputs["weight"], inputs["u"]

    def run(weight, u, iterations):
        result = spectral_normalize(weight, u, iterations)
        flat = torch.is_tensor(result) and result.shape == weight.shape
        return result.flatten(1) if flat else result  # both shapes are right

    yield "batch_weight", lambda: run(weight, u, inputs["iterations"])
    yield "one_iteration", lambda: run(weight, u, 1)
    yield "many_iterations", lambda: run(weight, u, MANY)
    yield "larger_weight", lambda: run(3 * weight, u, inputs["iterations"])
    yield "tall_weight", lambda: run(inputs["tall_weight"], inputs["tall_u"], 3)
    yield "conv_weight", lambda: run(inputs["conv_weight"], inputs["conv_u"], 2)
    yield "float64", lambda: run(weight.double(), u.double(), inputs["iterations"])


def _iterated(matrix, u, iterations, length=lambda x: x.norm()):
    for _ in range(iterations):
        v = matrix.T @ u
        v = v / length(v)
        u = matrix @ v
        u = u / length(u)
    return u, v


def _mistaken(sigma_of, divide=lambda matrix, sigma: matrix / sigma):
    """A normalisation with one fault: sigma_of(matrix, u, iterations), or what is done with it."""

    def spectral_normalize(weight, u, iterations):
        matrix = weight.flatten(1)
        return divide(matrix, sigma_of(matrix, u, iterations))

    return spectral_normalize


def _sigma(matrix, u, iterations):
    u, v = _iterated(matrix, u, iterations)
    return u @ matrix @ v


def _stale(matrix, u, iterations):
    first, (_, v) = u, _iterated(matrix, u, iterations)
    return first @ matrix @ v


def _without_lengths(matrix, u, iterations):
    u, v = _iterated(matrix, u, iterations, length=lambda x: x.new_ones(()))
    return u @ matrix @ v


def _not_yet(matrix, u, iterations):
    """The length before the last half of an iteration."""
    if iterations > 1:
        u, _ = _iterated(matrix, u, iterations - 1)
    return (matrix.T @ u).norm()


def _largest(arrays, case):
    return np.linalg.svd(arrays[case], compute_uv=False)[0]


def _parallel(arrays, inputs):
    """Whether the result is the weight times one number."""
    weight, result = inputs["weight"].numpy(), arrays["batch_weight"]
    share = (weight * result).sum() / (weight * weight).sum()
    return np.allclose(result, share * weight, atol=1e-5) and share > 1e-3 and abs(share - 1) > 1e-6


SPECTRAL_NORMALIZE = Exercise(
    name="spectral_normalize",
    lab=LAB,
    difficulty=3,
    minutes=12,
    points=4,
    make_inputs=_inputs,
    probe=_probe,
    reference=spectral_normalize,
    hints=(
        Text(
            "Multiply a vector again and again by a matrix and its transpose: to which direction does it turn?",
            "ベクトルに、行列とその転置を何度も掛けると、どの方向を向いていくでしょうか。",
        ),
        Text(
            "One iteration is v = matrix.T @ u, brought to length 1, then u = matrix @ v, brought to length 1. In the "
            "end u @ matrix @ v is about the largest singular value.",
            "1 回の反復は、v = matrix.T @ u を長さ 1 にし、次に u = matrix @ v を長さ 1 にすることです。"
            "最後の u @ matrix @ v が、ほぼ最大の特異値になります。",
        ),
        Text(
            "matrix = weight.flatten(1); in a loop v = F.normalize(matrix.T @ u, dim=0) and u = F.normalize(matrix @ "
            "v, dim=0); then matrix / (u @ matrix @ v).",
            "matrix = weight.flatten(1) とし、ループの中で v = F.normalize(matrix.T @ u, dim=0)、u = F.normalize("
            "matrix @ v, dim=0) を繰り返して、matrix / (u @ matrix @ v) を返します。",
        ),
    ),
    properties={
        "largest_is_one": Property(
            lambda arrays, inputs: (
                abs(_largest(arrays, "many_iterations") - 1) < 1e-3
                and abs(_largest(arrays, "one_iteration") - 1) > 1e-4
            ),
            0.3,
            Text(
                "After many iterations the largest singular value of the result must be 1; after a single one it "
                "cannot be there yet.",
                "何度も反復すれば、結果の最大の特異値は 1 になるはずです。1 回では、まだそうなりません。",
            ),
        ),
        "one_factor": Property(
            _parallel,
            0.15,
            Text(
                "The weight must be divided by one number, so that all its entries keep their proportions.",
                "重み全体をひとつの数で割るので、要素どうしの比は変わらないはずです。",
            ),
        ),
    },
    misconceptions={
        "frobenius": Misconception(
            _mistaken(lambda matrix, u, iterations: matrix.norm()),
            Text(
                "you divide by the root of the sum of all squares, which is larger: it counts all directions, not the "
                "longest.",
                "すべての要素の 2 乗和の平方根で割っています。これは最も伸びる方向だけでなく、"
                "全方向を数えるので大きくなりすぎます。",
            ),
        ),
        "exact": Misconception(
            _mistaken(lambda matrix, u, iterations: torch.linalg.svdvals(matrix)[0]),
            Text(
                "this is the exact value from a full decomposition, too dear for every training step; take the given "
                "number of iterations from u.",
                "特異値分解による正確な値ですが、学習のたびに計算するには重すぎます。u から指定の回数だけ反復してくだ"
                "さい。",
            ),
        ),
        "largest_entry": Misconception(
            _mistaken(lambda matrix, u, iterations: matrix.abs().max()),
            Text(
                "you divide by the largest entry; a matrix can lengthen more than any of its entries.",
                "最大の要素で割っています。行列は、どの要素よりも大きくベクトルを伸ばすことがあります。",
            ),
        ),
        "rows": Misconception(
            lambda weight, u, iterations: F.normalize(weight.flatten(1), dim=1),
            Text(
                "each row is brought to length 1 by itself; the matrix as a whole is divided by one number.",
                "行ごとに長さを 1 にしています。行列全体をひとつの数で割ってください。",
            ),
        ),
        "one_iteration": Misconception(
            _mistaken(lambda matrix, u, iterations: _sigma(matrix, u, 1)),
            Text(
                "it always takes one iteration, whatever the number asked for.",
                "反復の回数を指定しても、いつも 1 回だけです。",
            ),
        ),
        "one_more": Misconception(
            _mistaken(lambda matrix, u, iterations: _sigma(matrix, u, iterations + 1)),
            Text("it takes one iteration too many.", "反復が 1 回多くなっています。"),
        ),
        "half_an_iteration": Misconception(
            _mistaken(_not_yet),
            Text(
                "sigma is the length of matrix.T @ u; it lacks the last half of an iteration, matrix @ v.",
                "sigma が matrix.T @ u の長さになっています。最後の半回分、matrix @ v が足りません。",
            ),
        ),
        "first_u": Misconception(
            _mistaken(_stale),
            Text(
                "sigma is taken with the u from before the iterations; take the new one.",
                "反復する前の u で sigma を求めています。新しい u を使ってください。",
            ),
        ),
        "not_normalised": Misconception(
            _mistaken(_without_lengths),
            Text(
                "u and v are not brought to length 1 in between, so that sigma grows with each iteration.",
                "途中で u と v の長さを 1 にしていないので、反復のたびに sigma が大きくなります。",
            ),
        ),
        "squared": Misconception(
            _mistaken(lambda matrix, u, iterations: _sigma(matrix, u, iterations).square()),
            Text(
                "you divide by the square of sigma, the eigenvalue of matrix @ matrix.T; take its root.",
                "sigma の 2 乗（matrix @ matrix.T の固有値）で割っています。その平方根で割ってください。",
            ),
        ),
        "root": Misconception(
            _mistaken(lambda matrix, u, iterations: _sigma(matrix, u, iterations).sqrt()),
            Text(
                "you divide by the root of sigma; divide by sigma itself.",
                "sigma の平方根で割っています。sigma そのもので割ってください。",
            ),
        ),
        "multiplied": Misconception(
            _mistaken(_sigma, lambda matrix, sigma: matrix * sigma),
            Text("the weight is multiplied by sigma; divide it.", "sigma を掛けています。sigma で割ってください。"),
        ),
        "sigma_alone": Misconception(
            _mistaken(_sigma, lambda matrix, sigma: sigma),
            Text(
                "this is sigma itself; the weight divided by it is asked for.",
                "sigma そのものを返しています。重みを sigma で割ったものを返してください。",
            ),
        ),
        "mean_stretch": Misconception(
            _mistaken(lambda matrix, u, iterations: torch.linalg.svdvals(matrix).mean()),
            Text(
                "you divide by the mean of the singular values; it is the largest that counts.",
                "特異値の平均で割っています。最大の特異値で割ってください。",
            ),
        ),
    },
    off_limits=(
        "torch.nn.utils.spectral_norm",
        "torch.nn.utils.parametrizations.spectral_norm",
        "t2ilab.nets.gan.attention.largest_singular",
    ),
)
