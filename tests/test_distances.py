"""Distances of heaps of features against closed forms, torchmetrics and loops."""

import math
import warnings

import pytest
import torch

from t2ilab.distances import frechet, frechet_distance, kid, mode_coverage, precision_recall

TURNED = [[0.6, -0.8], [0.8, 0.6]]


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def covariance(values, vectors):
    vectors = torch.tensor(vectors, dtype=torch.float64)
    return vectors @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ vectors.T


@pytest.mark.parametrize(("values1", "values2"), [
    ([2.0, 0.5], [1.0, 3.0]), ([1e-3, 50.0], [7.0, 1e-2]), ([2.0, 0.0], [1.0, 3.0]), ([2.0, 0.0], [0.0, 3.0]),
])  # fmt: skip
def test_two_by_two_covariances_that_do_not_commute_by_the_closed_form(values1, values2):
    cov1, cov2 = covariance(values1, [[1.0, 0.0], [0.0, 1.0]]), covariance(values2, TURNED)
    assert (cov1 @ cov2 - cov2 @ cov1).abs().max() > 0.1
    # Of a 2x2 matrix, the trace of its root is the root of trace + 2 root of the determinant (Cayley & Hamilton).
    product = cov1 @ cov2
    determinant = values1[0] * values1[1] * values2[0] * values2[1]
    root = math.sqrt(product.trace().item() + 2 * math.sqrt(determinant))
    mu1, mu2 = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.5, 1.0]).double()
    expected = 0.25 + 9 + sum(values1) + sum(values2) - 2 * root
    assert abs(frechet_distance(mu1, cov1, mu2, cov2) - expected) < 1e-10
    assert abs(frechet_distance(mu2, cov2, mu1, cov1) - expected) < 1e-10


@pytest.mark.parametrize("rank", [7, 3])
def test_as_torchmetrics_has_it(rank):
    from torchmetrics.image.fid import _compute_fid

    mu1, mu2 = normal(2, 7)
    half1, half2 = normal(2, 7, rank, seed=1)
    cov1, cov2 = half1 @ half1.T, half2 @ half2.T
    theirs = _compute_fid(mu1, cov1, mu2, cov2).item()  # by the eigenvalues of the product
    assert frechet_distance(mu1, cov1, mu2, cov2) == pytest.approx(theirs, abs=1e-6)


def test_torchmetrics_fid_with_our_features_is_ours():
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Flat(torch.nn.Module):
        num_features = 12

        def forward(self, images):
            return images.flatten(1)

    real, fake = torch.rand(2, 40, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    theirs = FrechetInceptionDistance(Flat(), normalize=True, input_img_size=(3, 2, 2)).set_dtype(torch.float64)
    theirs.update(real, real=True)
    theirs.update(fake * 0.5, real=False)
    assert frechet(real.flatten(1), fake.flatten(1) * 0.5) == pytest.approx(theirs.compute().item(), rel=1e-6)


def test_no_distance_to_oneself_and_the_mean_counts_squared():
    x = normal(50, 4)
    assert frechet(x, x) < 1e-10
    assert frechet(x, x + torch.tensor([3.0, 0, 0, 4.0])) == pytest.approx(25)
    assert frechet(x, 3 * (x - x.mean(0)) + x.mean(0)) == pytest.approx(4 * torch.cov(x.T).trace().item())


def test_too_few_pictures_are_said():
    few, many = normal(8, 10), normal(4000, 10, seed=1)
    with pytest.warns(UserWarning, match=r"8 pictures span at most 7 of 10 directions, .* it comes out too large"):
        small = frechet(many, few)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        large = frechet(many, normal(4000, 10, seed=2))
    assert small > 1 > 0.1 > large  # of one and the same distribution


def test_the_kernel_distance_by_loops_and_as_torchmetrics_has_it():
    from torchmetrics.image.kid import poly_mmd

    x, y = normal(6, 5), normal(4, 5, seed=1) + 0.3

    def k(a, b):
        return ((a @ b).item() / 5 + 1) ** 3

    slow = sum(k(x[i], x[j]) for i in range(6) for j in range(6) if i != j) / 30
    slow += sum(k(y[i], y[j]) for i in range(4) for j in range(4) if i != j) / 12
    slow -= 2 * sum(k(a, b) for a in x for b in y) / 24
    assert kid(x, y) == pytest.approx(slow, abs=1e-10)
    assert kid(x[:4], y) == pytest.approx(poly_mmd(x[:4], y).item(), abs=1e-10)


def test_the_kernel_distance_does_not_hang_on_the_number_of_pictures():
    small = [kid(normal(20, 4, seed=i), normal(20, 4, seed=1000 + i)) for i in range(300)]
    assert abs(sum(small) / 300) < 0.05 * max(map(abs, small))  # its mean is 0
    biased = [frechet(normal(20, 4, seed=i), normal(20, 4, seed=1000 + i)) for i in range(20)]
    assert min(biased) > 0.1


def test_precision_and_recall_by_loops():
    real, fake = normal(20, 3), 1.2 * normal(15, 3, seed=1) + 0.4

    def inside(points, heap, k):
        hits = 0
        for p in points:
            found = False
            for q in heap:
                radius = sorted((q - r).norm().item() for r in heap if r is not q)[k - 1]
                found |= (p - q).norm().item() <= radius
            hits += found
        return hits / len(points)

    for k in (1, 3):
        expected = inside(list(fake), list(real), k), inside(list(real), list(fake), k)
        assert precision_recall(real, fake, k) == pytest.approx(expected)


def test_one_good_picture_alone_has_precision_and_no_recall():
    real = normal(300, 4)
    one = real[:1] + 1e-9 * normal(50, 4, seed=1)
    precision, recall = precision_recall(real, one)
    assert precision == 1
    assert recall < 0.02
    assert precision_recall(real, real + 100) == (0, 0)
    assert precision_recall(real, real) == (1, 1)


def test_modes_that_occur():
    assert mode_coverage(torch.tensor([0, 2, 2, -1, 5]), 6) == 0.5
    assert mode_coverage(torch.tensor([], dtype=torch.int64), 6) == 0
    assert mode_coverage(torch.arange(6).repeat(2), 6) == 1


class OnAppleGPU(torch.Tensor):
    """What lies where there is no float64, until it is brought to the CPU."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.double:
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        with torch._C.DisableTorchFunctionSubclass():
            found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            return found.as_subclass(torch.Tensor if func is torch.Tensor.cpu else cls)
        return found


def test_features_of_a_device_without_float64_are_measured():
    real, fake = normal(40, 3), normal(40, 3, seed=1) + 1
    there = [heap.as_subclass(OnAppleGPU) for heap in (real, fake)]
    for measure in (frechet, kid, precision_recall):
        assert measure(*there) == measure(real, fake)
    gaussians = [part(heap) for heap in (real, fake) for part in (lambda x: x.mean(0), lambda x: torch.cov(x.T))]
    assert frechet_distance(*(part.as_subclass(OnAppleGPU) for part in gaussians)) == frechet_distance(*gaussians)


BROKEN = normal(9, 3)
BROKEN[4, 1] = math.nan
EYE = torch.eye(2)


@pytest.mark.parametrize(("call", "sentence"), [
    (lambda: frechet(normal(9, 3), normal(9, 4)), r"by the same network; got \(9, 3\) and \(9, 4\)"),
    (lambda: kid(normal(1, 3), normal(9, 3)), "at least two pictures each"),
    (lambda: frechet(normal(9, 3), BROKEN), "Features must be finite; got NaN or infinity"),
    (lambda: kid(BROKEN, normal(9, 3)), "Features must be finite"),
    (lambda: precision_recall(normal(3, 3), normal(9, 3)), "k = 3 for 3 and 9 pictures"),
    (lambda: precision_recall(normal(9, 3), normal(9, 3), 0), "k from 1"),
    (lambda: frechet_distance(torch.zeros(2), EYE, torch.zeros(3), EYE), r"got \(2,\), \(2, 2\), \(3,\), \(2, 2\)"),
    (lambda: frechet_distance(torch.zeros(2), EYE / 0, torch.zeros(2), EYE), "must be finite"),
    (lambda: frechet_distance(torch.zeros(2), -EYE, torch.zeros(2), EYE), "no eigenvalue below 0; got .* is -1"),
    (lambda: frechet_distance(torch.zeros(2), torch.ones(2, 2).triu(), torch.zeros(2), EYE), "is symmetric"),
    (lambda: mode_coverage(torch.tensor([0, 6]), 6), "from 0 to 5; got 6"),
    (lambda: mode_coverage(torch.tensor([0.5]), 6), "whole numbers"),
])  # fmt: skip
def test_what_cannot_be_measured_is_said(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
