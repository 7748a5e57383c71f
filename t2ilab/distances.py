"""How far a heap of pictures is from another, by their features, and how much of the other it covers.

All of it is mathematics over feature vectors (N, D), one a picture; whose features they are belongs beside every
figure. `t2ilab.metrics.features` gives those of the zoo's reader, `ImageText.encode_image` those of a CLIP.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor


def frechet_distance(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> float:
    """The squared Fréchet distance of two Gaussians (Dowson & Landau 1982; the FID of Heusel et al. 2017).

    |mu1 - mu2|^2 + trace(cov1 + cov2 - 2 (cov1 cov2)^(1/2)), in float64. The trace of the root is the sum of the
    singular values of cov1^(1/2) cov2^(1/2), which is exact for singular covariances too.

    Args:
        mu1, mu2: (D,).
        cov1, cov2: (D, D), symmetric, no eigenvalue below 0.

    Raises:
        ValueError: shapes that do not belong together, numbers that are not finite, or no covariance.
    """
    dim = len(mu1)
    if mu1.shape != (dim,) or mu2.shape != (dim,) or cov1.shape != (dim, dim) or cov2.shape != (dim, dim):
        shapes = ", ".join(str(tuple(x.shape)) for x in (mu1, cov1, mu2, cov2))
        raise ValueError(f"Two Gaussians are (D,), (D, D), (D,), (D, D) with the same D; got {shapes}.")
    mu1, cov1, mu2, cov2 = (_exact(x) for x in (mu1, cov1, mu2, cov2))
    if not all(x.isfinite().all() for x in (mu1, cov1, mu2, cov2)):
        raise ValueError("Means and covariances must be finite; got NaN or infinity. Look for pictures that hold any.")
    root = torch.linalg.svdvals(_root(cov1) @ _root(cov2)).sum()
    distance = (mu1 - mu2).square().sum() + cov1.trace() + cov2.trace() - 2 * root
    return max(0.0, distance.item())  # rounding may leave a hair below 0


def _root(cov: Tensor) -> Tensor:
    """The symmetric root of a covariance. Raises ValueError where it is none."""
    values, vectors = torch.linalg.eigh(cov)  # reads one half only
    largest = values.abs().amax().item()
    hair = 1e-6 * largest
    if not torch.allclose(cov, cov.mT, rtol=0, atol=hair) or values.amin() < -hair:
        raise ValueError(
            "A covariance is symmetric and has no eigenvalue below 0; got one whose smallest is "
            f"{values.amin().item():.3g}. Make it with torch.cov(features.T)."
        )
    # What rounding left of an eigenvalue of 0 would be a thousand times larger under the root.
    values = torch.where(values > len(cov) * torch.finfo(cov.dtype).eps * largest, values, 0.0)
    return (vectors * values.sqrt()) @ vectors.mT


def frechet(real: Tensor, fake: Tensor) -> float:
    """The squared Fréchet distance of two heaps of features (N, D), (M, D), each taken for a Gaussian.

    Named after its features: the FID has Inception's, and figures of different features do not compare. It is larger
    for fewer pictures, so compare at equal numbers only.

    Warns:
        UserWarning: fewer than D + 1 pictures, which leave a covariance singular.

    Raises:
        ValueError: features that do not belong together, are not finite, or of fewer than two pictures.
    """
    real, fake = _checked(real, fake)
    if (fewest := min(len(real), len(fake))) <= real.shape[1]:
        warnings.warn(
            f"{fewest} pictures span at most {fewest - 1} of {real.shape[1]} directions, so the distance is mostly "
            f"their small number: it comes out too large. Take more than {real.shape[1]} pictures, or kid.",
            stacklevel=2,
        )
    return frechet_distance(real.mean(0), torch.cov(real.T), fake.mean(0), torch.cov(fake.T))


def kid(real: Tensor, fake: Tensor) -> float:
    """The kernel distance (Bińkowski et al. 2018, section 4): does not depend on the number of pictures.

    The unbiased squared maximum mean discrepancy with the kernel (x . y / D + 1)^3; about 0, or a hair below, for heaps
    from one distribution.

    Args:
        real, fake: features (N, D), (M, D).

    Raises:
        ValueError: features that do not belong together, are not finite, or of fewer than two pictures.
    """
    real, fake = _checked(real, fake)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.mT / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        k = kernel(x, x)
        return (k.sum() - k.trace()) / (len(x) * (len(x) - 1))  # nothing is compared with itself

    return (within(real) + within(fake) - 2 * kernel(real, fake).mean()).item()


def precision_recall(real: Tensor, fake: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """How many painted pictures could be real, and how many real ones could be painted (Kynkäänniemi et al. 2019).

    A picture could be of a heap if it is no farther from one in the heap than that one's k-th nearest neighbour there.

    Args:
        real, fake: features (N, D), (M, D).
        neighbours: k; the paper takes 3.

    Returns:
        precision and recall, in [0, 1].

    Raises:
        ValueError: features that do not belong together, are not finite, or not more pictures than neighbours.
    """
    real, fake = _checked(real, fake)
    if not 1 <= neighbours < min(len(real), len(fake)):
        raise ValueError(
            f"The k-th neighbour needs k from 1 and more pictures than that; got k = {neighbours} for {len(real)} and "
            f"{len(fake)} pictures."
        )

    def share(inside: Tensor, heap: Tensor) -> float:
        radii = _distances(heap, heap).kthvalue(neighbours + 1, dim=1).values  # each is its own nearest
        return (_distances(inside, heap) <= radii).any(1).double().mean().item()

    return share(fake, real), share(real, fake)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (N, M); not by way of a product, which would tell a picture from its copy."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def mode_coverage(labels: Tensor, num_modes: int) -> float:
    """The share of the modes of a distribution that occur at all: 1 for a painter that leaves none out.

    Args:
        labels: int64 (N,), the mode that each picture was read as; below 0 for none.
        num_modes: how many there are, numbered from 0.

    Raises:
        ValueError: numbers that are not whole, or beyond the last mode.
    """
    if labels.ndim != 1 or labels.is_floating_point() or num_modes < 1:
        raise ValueError(f"Labels are whole numbers (N,) of at least one mode; got {tuple(labels.shape)}, {num_modes}.")
    if len(labels) and labels.max() >= num_modes:
        raise ValueError(f"Modes are numbered from 0 to {num_modes - 1}; got {labels.max().item()}.")
    return len(labels[labels >= 0].unique()) / num_modes


def _checked(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float64, on the CPU. Raises ValueError where they are not two heaps of features."""
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1] or min(len(real), len(fake)) < 2:
        raise ValueError(
            "Features are (N, D) and (M, D), of at least two pictures each and by the same network; got "
            f"{tuple(real.shape)} and {tuple(fake.shape)}."
        )
    if not (real.isfinite().all() and fake.isfinite().all()):
        raise ValueError("Features must be finite; got NaN or infinity. Look for pictures that hold any.")
    return _exact(real), _exact(fake)


def _exact(x: Tensor) -> Tensor:
    """In float64, and on the CPU: Apple's GPUs have none, and a CLIP there gives its features there."""
    return x.detach().cpu().double()
