"""Thresholding: estimates that guidance pushed out of the pictures' range are brought back into it."""

from dataclasses import dataclass

from torch import Tensor

from t2ilab.diffusion.denoisers import Denoiser
from t2ilab.diffusion.schedule import Timestep


def dynamic_threshold(x0_hat: Tensor, percentile: float = 0.995) -> Tensor:
    """Brings each picture back into [-1, 1]: clipped to [-s, s], then divided by s (Saharia et al. 2022, section 2.3).

    s is that quantile of the picture's own |x0_hat|, and at least 1, so that pictures within the range stay as they
    are. (Clipping to [-1, 1] alone is the paper's static thresholding.)

    Args:
        x0_hat: (B, ...).
        percentile: in (0, 1].

    Raises:
        ValueError: a percentile outside (0, 1].
    """
    _check(percentile)
    flat = x0_hat.flatten(1).abs()
    flat = flat.float() if flat.itemsize < 4 else flat  # torch has no quantile of half precisions
    s = flat.quantile(percentile, dim=1).clamp(min=1).reshape(-1, *[1] * (x0_hat.ndim - 1)).to(x0_hat.dtype)
    return x0_hat.clamp(-s, s) / s


@dataclass(frozen=True, eq=False)
class ThresholdedDenoiser:
    """A denoiser whose estimates are thresholded: dynamically, or, with percentile None, statically.

    What it wraps must not clip already, or there is nothing left to measure; guidance belongs inside it.

    Called with x_t (B, ...) and t it returns x0_hat in [-1, 1], like x_t. Raises ValueError for a percentile outside
    (0, 1].
    """

    denoise: Denoiser
    percentile: float | None = 0.995

    def __post_init__(self) -> None:
        if self.percentile is not None:
            _check(self.percentile)

    def __call__(self, x_t: Tensor, t: Timestep) -> Tensor:
        x0_hat = self.denoise(x_t, t)
        return x0_hat.clamp(-1, 1) if self.percentile is None else dynamic_threshold(x0_hat, self.percentile)


def _check(percentile: float) -> None:
    if not 0 < percentile <= 1:
        raise ValueError(f"percentile must lie in (0, 1], got {percentile}; the paper's is 0.995.")
