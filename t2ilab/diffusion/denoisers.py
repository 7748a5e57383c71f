"""Denoisers: callables `denoise(x_t, t) -> x0_hat` that estimate E[x0 | x_t], the best guess at the clean picture.

Miyasawa (1961) and Tweedie (Robbins 1956) showed that this one estimate holds the gradient of the log density of noisy
pictures, (sqrt(ac) x0_hat - x_t) / (1 - ac); it is all that a sampler ever asks for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from t2ilab.diffusion.schedule import NoiseSchedule, Timestep, check_prediction_type

Denoiser = Callable[[Tensor, Timestep], Tensor]

CHUNK_ELEMENTS = 2**22  # numbers held at once by IdealDenoiser: 16 MB in float32, 32 MB in float64


@dataclass(frozen=True, eq=False)
class NetworkDenoiser:
    """A network as a denoiser: what it predicts, turned into a clean picture.

    `net(x_t, t) -> output` takes x_t (B, ...) and int64 t (B,) and gives the shape of x_t; `prediction_type` says what
    the output means ("epsilon", "sample" or "v_prediction"). With `clip`, a half-range such as 1.0 for pictures in
    [-1, 1], x0_hat is clamped to [-clip, clip] (latents have no such range: leave it None there).

    Called with x_t (B, ...) and t, a single timestep or (B,), it returns x0_hat like x_t. Raises ValueError for an
    unknown prediction type, a clip that is not positive, an output of another shape, and an output that is not finite.
    """

    net: Callable[[Tensor, Tensor], Tensor]
    schedule: NoiseSchedule
    prediction_type: str = "epsilon"
    clip: float | None = None

    def __post_init__(self) -> None:
        check_prediction_type(self.prediction_type)
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise ValueError(f"clip must be a positive half-range or None, got {self.clip}; use 1.0 for [-1, 1].")

    def __call__(self, x_t: Tensor, t: Timestep) -> Tensor:
        t = _one_each(t, x_t)
        output = self.net(x_t, t)
        if output.shape != x_t.shape:
            raise ValueError(
                f"the network must return the shape of x_t, {tuple(x_t.shape)}, got {tuple(output.shape)}; "
                "a network with a learned variance has twice the channels: keep the first half."
            )
        if not all(end.isfinite() for end in output.aminmax()):  # one pass; NaN shows in both ends
            steps = sorted(set(t[~output.flatten(1).isfinite().all(1)].tolist()))
            raise ValueError(
                f"the network's output must be finite, got NaN or infinity at timestep {', '.join(map(str, steps))}; "
                "check that its training did not diverge and that its dtype holds its values."
            )
        x0_hat = self.schedule.to_x0(output, x_t, t, self.prediction_type)
        return x0_hat if self.clip is None else x0_hat.clamp(-self.clip, self.clip)


class IdealDenoiser:
    """The exact E[x0 | x_t] when x0 is one of the rows of `data` (N, ...), each with the same chance.

    Bayes' rule gives each row the weight softmax_i(-|x_t - sqrt(ac) x_i|^2 / (2 (1 - ac))), and the answer is the
    weighted mean of the rows (the optimal denoiser of Karras et al. 2022, appendix B.3, in this schedule's terms). It
    reads the rows in chunks and keeps a running log-sum-exp, so beyond the data it needs less than 0.1 GB, and the
    data may lie on another device than x_t. Distances are summed as they are, not by |a|^2 - 2ab + |b|^2, whose
    cancellation would drown them at low noise.

    Called with x_t (B, ...) and t, a single timestep or (B,), it returns x0_hat like x_t. Raises ValueError for data
    that are empty, not floats or not finite, and for an x_t whose shape is not that of the rows.
    """

    def __init__(self, data: Tensor, schedule: NoiseSchedule):
        if data.ndim < 2 or data.numel() == 0 or not data.is_floating_point():
            raise ValueError(
                f"data must be floats (N, ...) with at least one row, got {data.dtype} of shape {tuple(data.shape)}."
            )
        if not all(end.isfinite() for end in data.aminmax()):  # NaN shows in both ends
            raise ValueError("data must be finite, got NaN or infinity in some row; drop or repair that row.")
        self.data = data
        self.schedule = schedule

    def __call__(self, x_t: Tensor, t: Timestep) -> Tensor:
        if x_t.shape[1:] != self.data.shape[1:] or not x_t.is_floating_point():
            raise ValueError(
                f"x_t must be floats (B, ...) with rows like the data's, {tuple(self.data.shape[1:])}, got {x_t.dtype} "
                f"of shape {tuple(x_t.shape)}."
            )
        times = _one_each(t, x_t)
        exact = torch.promote_types(torch.promote_types(x_t.dtype, self.data.dtype), torch.float32)
        x = x_t.flatten(1).to(exact)  # (B, D)
        x0_hat = torch.empty_like(x)
        for time in times.unique():  # one pass over the data for each noise level
            same = times == time
            x0_hat[same] = self._mean(x[same], self.schedule.alphas_cumprod_at(time).item())
        return x0_hat.reshape(x_t.shape).to(x_t.dtype)

    def _mean(self, x: Tensor, ac: float) -> Tensor:
        """The weighted mean (B, D) of all rows for x (B, D), whose alphas_cumprod is `ac`."""
        rows = self.data.flatten(1)  # (N, D)
        best = x.new_full((len(x), 1), -math.inf)  # the largest logit so far
        total = x.new_zeros(len(x), 1)  # sum of exp(logit - best)
        mean = torch.zeros_like(x)  # sum of exp(logit - best) * row
        for chunk in rows.split(max(1, CHUNK_ELEMENTS // max(len(x), rows.shape[1]))):
            chunk = chunk.to(x)  # (C, D)
            distance = torch.cdist(x, math.sqrt(ac) * chunk, compute_mode="donot_use_mm_for_euclid_dist")  # (B, C)
            logits = distance**2 / (-2 * (1 - ac))
            before, best = best, torch.maximum(best, logits.amax(1, keepdim=True))
            weights, fade = (logits - best).exp(), (before - best).exp()
            total = fade * total + weights.sum(1, keepdim=True)
            mean = fade * mean + weights @ chunk
        return mean / total


def _one_each(t: Timestep, x_t: Tensor) -> Tensor:
    """t as int64 (B,), one for each picture of x_t and where it lies, or a ValueError."""
    t = torch.as_tensor(t, device=x_t.device)
    if t.is_floating_point() or t.dtype == torch.bool or t.shape not in ((), (1,), (len(x_t),)):
        raise ValueError(
            f"t must be one integer timestep or one for each of the {len(x_t)} pictures, got {t.dtype} of shape "
            f"{tuple(t.shape)}."
        )
    return t.to(torch.int64).expand(len(x_t))
