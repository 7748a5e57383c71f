"""How far two heaps of pictures are apart, each described by a mean and a covariance: the distance behind the FID."""

import torch

from t2ilab.lab.definition import Exercise, Misconception, Property, Tolerance
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

LAB = "14_capstone"
DIM = 4


def frechet_distance(mu1, cov1, mu2, cov2):
    """The squared Fréchet distance of two Gaussians (Dowson & Landau 1982; Heusel et al. 2017, eq. 6).

    mu1, mu2: (D,), the means; cov1, cov2: (D, D), the covariances, perhaps singular. Returns one number:
    |mu1 - mu2|^2 + trace(cov1 + cov2 - 2 (cov1 cov2)^(1/2)), with the root of a matrix, not of entries.
    """
    # The trace of a matrix is the sum of its eigenvalues, and those of its root are their roots. The
    # product is not symmetric, but its eigenvalues are real and not negative, but for rounding.
    eigenvalues = torch.linalg.eigvals(cov1.double() @ cov2.double()).real.clamp(min=0)
    root_trace = eigenvalues.sqrt().sum()
    return (mu1 - mu2).square().sum() + cov1.trace() + cov2.trace() - 2 * root_trace


def _inputs(generator):
    def covariance(rank=DIM, dim=DIM):
        half = torch.randn(dim, rank, generator=generator, dtype=torch.float64)
        return half @ half.T / rank + (0.2 * torch.eye(dim) if rank == dim else 0)

    def mean(dim=DIM):
        return torch.randn(dim, generator=generator, dtype=torch.float64)

    return {
        "mu1": mean(), "cov1": covariance(), "mu2": mean() + 0.3, "cov2": 1.7 * covariance(),
        "singular1": covariance(2), "singular2": covariance(2),
        "variances1": 0.3 + torch.rand(DIM, generator=generator, dtype=torch.float64),
        "variances2": 1.3 + torch.rand(DIM, generator=generator, dtype=torch.float64),
        "other_mu1": mean(7), "other_cov1": covariance(7, 7), "other_mu2": mean(7), "other_cov2": covariance(7, 7),
    }  # fmt: skip


@cases
def _probe(frechet_distance, inputs):
    mu1, cov1, mu2, cov2 = (inputs[name] for name in ("mu1", "cov1", "mu2", "cov2"))
    other = [inputs[f"other_{name}"] for name in ("mu1", "cov1", "mu2", "cov2")]

    def in_float32(*given):
        """In the precision of what was given, whatever kind of number comes back."""
        value = frechet_distance(*(x.float() for x in given))
        return value.float() if torch.is_tensor(value) else torch.tensor(float(value))

    yield "two_gaussians", lambda: frechet_distance(mu1, cov1, mu2, cov2)
    yield "exchanged", lambda: frechet_distance(mu2, cov2, mu1, cov1)
    yield "equal_gaussians", lambda: frechet_distance(mu1, cov1, mu1, cov1)
    yield "equal_covariances", lambda: frechet_distance(mu1, cov1, mu2, cov1)
    yield "equal_means", lambda: frechet_distance(mu1, cov1, mu1, cov2)
    yield "commuting", lambda: frechet_distance(mu1, inputs["variances1"].diag(), mu1, inputs["variances2"].diag())
    yield "one_dimension", lambda: frechet_distance(mu1[:1], cov1[:1, :1], mu2[:1], cov2[:1, :1])
    yield "sizes", lambda: frechet_distance(*other)
    yield "float32", lambda: in_float32(mu1, cov1, mu2, cov2)
    yield "singular", lambda: frechet_distance(mu1, inputs["singular1"], mu2, inputs["singular2"])


def _root(cov):
    values, vectors = torch.linalg.eigh(cov)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _root_trace(cov1, cov2):
    return torch.linalg.eigvals(cov1 @ cov2).real.clamp(min=0).sqrt().sum()


def _mistaken(root_trace=_root_trace, means=lambda d: d.square().sum(), join=lambda m, t, r: m + t - 2 * r):
    """A distance with one fault: in the trace of the root, in the part of the means, or in how all are put together."""

    def frechet_distance(mu1, cov1, mu2, cov2):
        return join(means(mu1 - mu2), cov1.trace() + cov2.trace(), root_trace(cov1, cov2))

    return frechet_distance


def _positive(arrays):
    return arrays["two_gaussians"].shape == () and arrays["two_gaussians"] > 1e-2


FRECHET_DISTANCE = Exercise(
    name="frechet_distance",
    lab=LAB,
    difficulty=3,
    minutes=12,
    points=4,
    make_inputs=_inputs,
    probe=_probe,
    reference=frechet_distance,
    tolerance=Tolerance(float32=(1e-3, 1e-4), float64=(1e-6, 1e-6)),
    hints=(
        Text(
            "Only the trace of the root is asked for, not the root itself. Which numbers of a matrix add up to its "
            "trace?",
            "必要なのは平方根の行列そのものではなく、そのトレースです。トレースは、行列のどんな数の和でしょうか。",
        ),
        Text(
            "The trace is the sum of the eigenvalues, and the eigenvalues of the root are the roots of those of the "
            "product: torch.linalg.eigvals(cov1 @ cov2). Rounding may leave a hair of an imaginary part, or below 0.",
            "トレースは固有値の和で、行列の平方根の固有値は、もとの固有値の平方根です。torch.linalg.eigvals(cov1 @ "
            "cov2) を使います。丸め誤差で、わずかな虚部や負の値が残ることがあります。",
        ),
        Text(
            "root_trace = torch.linalg.eigvals(cov1 @ cov2).real.clamp(min=0).sqrt().sum(), then (mu1 - "
            "mu2).square().sum() + cov1.trace() + cov2.trace() - 2 * root_trace.",
            "root_trace = torch.linalg.eigvals(cov1 @ cov2).real.clamp(min=0).sqrt().sum() とし、(mu1 - "
            "mu2).square().sum() + cov1.trace() + cov2.trace() - 2 * root_trace を返します。",
        ),
    ),
    properties={
        "equal_gaussians": Property(
            lambda arrays, inputs: abs(arrays["equal_gaussians"]) < 1e-4 and _positive(arrays),
            0.15,
            Text(
                "Between equal Gaussians the distance must be 0.",
                "等しいガウス分布どうしの距離は 0 になるはずです。",
            ),
        ),
        "equal_covariances": Property(
            lambda arrays, inputs: (
                abs(arrays["equal_covariances"] - (inputs["mu1"] - inputs["mu2"]).square().sum().item()) < 1e-4
                and _positive(arrays)
                and abs(arrays["two_gaussians"] - arrays["equal_covariances"]) > 1e-4
            ),
            0.15,
            Text(
                "Where the covariances are equal, the squared distance of the means must be left.",
                "共分散が等しければ、平均どうしの距離の 2 乗だけが残るはずです。",
            ),
        ),
        "commuting": Property(
            lambda arrays, inputs: (
                abs(
                    arrays["commuting"]
                    - (inputs["variances1"].sqrt() - inputs["variances2"].sqrt()).square().sum().item()
                )
                < 1e-4
            ),
            0.2,
            Text(
                "Where both covariances are diagonal and the means equal, it must be the sum of the squared "
                "differences of the standard deviations.",
                "平均が等しく、共分散がどちらも対角行列なら、標準偏差の差の 2 乗の和になるはずです。",
            ),
        ),
    },
    misconceptions={
        "elementwise_root": Misconception(
            _mistaken(lambda cov1, cov2: (cov1 @ cov2).sqrt().trace()),
            Text(
                "the root is taken of each entry; it is the root of the matrix that is asked for, whose eigenvalues "
                "are the roots.",
                "要素ごとの平方根になっています。必要なのは行列としての平方根で、その固有値がもとの固有値の平方根に"
                "なります。",
            ),
        ),
        "diagonals_only": Misconception(
            _mistaken(lambda cov1, cov2: (cov1.diagonal() * cov2.diagonal()).sqrt().sum()),
            Text(
                "only the variances are compared: what the covariances say off their diagonals is lost.",
                "分散どうししか比べていません。対角成分以外の情報が失われています。",
            ),
        ),
        "not_squared": Misconception(
            _mistaken(means=lambda d: d.square().sum().sqrt()),
            Text(
                "the distance of the means is not squared.",
                "平均どうしの距離が 2 乗されていません。",
            ),
        ),
        "mean_of_squares": Misconception(
            _mistaken(means=lambda d: d.square().mean()),
            Text(
                "the squared differences of the means are averaged; add them up.",
                "平均の差の 2 乗を平均しています。合計してください。",
            ),
        ),
        "absolute_means": Misconception(
            _mistaken(means=lambda d: d.abs().sum()),
            Text(
                "the differences of the means are taken absolute; square them.",
                "平均の差の絶対値を足しています。2 乗してから足してください。",
            ),
        ),
        "products_trace": Misconception(
            _mistaken(lambda cov1, cov2: (cov1 @ cov2).trace()),
            Text(
                "the root is missing: this takes away the trace of the product itself.",
                "平方根が抜けています。積そのもののトレースを引いています。",
            ),
        ),
        "root_of_trace": Misconception(
            _mistaken(lambda cov1, cov2: (cov1 @ cov2).trace().sqrt()),
            Text(
                "the root is taken of the trace; it is the trace of the root, a sum of roots.",
                "トレースの平方根になっています。平方根のトレース、つまり平方根の和です。",
            ),
        ),
        "roots_first": Misconception(
            _mistaken(lambda cov1, cov2: (_root(cov1) @ _root(cov2)).trace()),
            Text(
                "the product of the two roots is not the root of the product, unless the matrices commute.",
                "平方根どうしの積は、行列が可換でないかぎり、積の平方根とは違います。",
            ),
        ),
        "read_as_symmetric": Misconception(
            _mistaken(lambda cov1, cov2: torch.linalg.eigvalsh(cov1 @ cov2).clamp(min=0).sqrt().sum()),
            Text(
                "eigvalsh and eigh read one half only and take the matrix for symmetric, which the product is not.",
                "eigvalsh や eigh は行列の半分だけを読み、対称とみなします。この積は対称ではありません。",
            ),
        ),
        "one_root": Misconception(
            _mistaken(join=lambda m, t, r: m + t - r),
            Text(
                "the trace of the root counts twice; it is taken away once.",
                "平方根のトレースは 2 倍して引きます。1 回しか引いていません。",
            ),
        ),
        "plus": Misconception(
            _mistaken(join=lambda m, t, r: m + t + 2 * r),
            Text("the root is added; take it away.", "平方根の項を足しています。引いてください。"),
        ),
        "no_means": Misconception(
            _mistaken(join=lambda m, t, r: t - 2 * r),
            Text("the means are left out.", "平均の差が抜けています。"),
        ),
        "no_covariances": Misconception(
            _mistaken(join=lambda m, t, r: m),
            Text(
                "the covariances are left out: a heap of equal pictures would be as good as the data.",
                "共分散が抜けています。これでは、同じ画像ばかりでもデータと同じ評価になってしまいます。",
            ),
        ),
        "root_of_all": Misconception(
            _mistaken(join=lambda m, t, r: (m + t - 2 * r).clamp(min=0).sqrt()),
            Text(
                "the root is taken of the whole; the FID is the squared distance.",
                "全体の平方根をとっています。FID は距離の 2 乗です。",
            ),
        ),
        "difference_of_covariances": Misconception(
            lambda mu1, cov1, mu2, cov2: (mu1 - mu2).square().sum() + (cov1 - cov2).square().sum(),
            Text(
                "the squared difference of the covariances is added; the distance has a trace with a root instead.",
                "共分散の差の 2 乗を足しています。この距離では、平方根を含むトレースを使います。",
            ),
        ),
    },
    off_limits=("t2ilab.distances.frechet_distance", "torchmetrics.image.fid._compute_fid"),
)
