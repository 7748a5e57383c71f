"""Flow matching: a straight road between noise and picture, with a time of its own, and Euler's walk along it.

Here x_t = (1 - t) x0 + t noise for t in [0, 1], so t is a time and not a timestep, and noise lies at t = 1 as it does
for every schedule of this course. A network learns the velocity dx_t / dt = noise - x0 of the roads through each point
(Lipman et al. 2023; Liu et al. 2023). Some papers count t the other way, and call the picture x_1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # net(x_t (B, ...), t (B,) in [0, 1]) -> velocity like x_t


@dataclass(frozen=True)
class FlowMatching:
    """The straight road, and which times a walk along it visits.

    `shift` bends the times towards noise: t becomes shift t / (1 + (shift - 1) t) (Esser et al. 2024, eq. 23); 1 leaves
    them even, and larger pictures want more. Raises ValueError for a shift that is not positive.
    """

    shift: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.shift < float("inf"):
            raise ValueError(f"shift must be positive, got {self.shift}; 1 is none, 3 is Stable Diffusion 3's.")

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor | float) -> Tensor:
        """x_t = (1 - t) x0 + t noise for pictures (B, ...), of floats, and times in [0, 1], one or (B,)."""
        t = _time(t, x0)
        return ((1 - t) * x0 + t * noise).to(x0.dtype)

    def velocity(self, x0: Tensor, noise: Tensor) -> Tensor:
        """noise - x0, the same all along the road."""
        return noise - x0

    def to_x0(self, velocity: Tensor, x_t: Tensor, t: Tensor | float) -> Tensor:
        """Where the road that runs through x_t with this velocity comes from: x_t - t velocity."""
        return (x_t - _time(t, x_t) * velocity).to(x_t.dtype)

    def times(self, num_inference_steps: int) -> Tensor:
        """The times of a walk: (num_inference_steps + 1,) float64 on the CPU, from 1 down to 0.

        Raises ValueError for fewer than 1 step.
        """
        if num_inference_steps < 1:
            raise ValueError(f"num_inference_steps must be at least 1, got {num_inference_steps}.")
        t = torch.linspace(1, 0, num_inference_steps + 1, dtype=torch.float64)
        return self.shift * t / (1 + (self.shift - 1) * t)


def flow_matching_loss(net: Velocity, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """The mean squared error of one velocity for each picture (Lipman et al. 2023, eq. 14; Liu et al. 2023, eq. 1).

    x0 (B, ...), noise like x0 and standard normal, t (B,) in [0, 1]. Returns a scalar. Raises ValueError for shapes
    that do not fit and times outside [0, 1].
    """
    if noise.shape != x0.shape:
        raise ValueError(f"noise must have the shape of x0, {tuple(x0.shape)}, got {tuple(noise.shape)}.")
    if t.shape != x0.shape[:1]:
        raise ValueError(f"t must hold one time for each picture, ({len(x0)},), got shape {tuple(t.shape)}.")
    road = FlowMatching()
    output = net(road.add_noise(x0, noise, t), t)
    if output.shape != x0.shape:
        raise ValueError(f"the network must return the shape of x0, {tuple(x0.shape)}, got {tuple(output.shape)}.")
    return (output - road.velocity(x0, noise)).square().mean()


@torch.no_grad()
def sample_flow_euler(
    net: Velocity,
    x: Tensor,
    times: Tensor | Sequence[float],
    *,
    callback: Callable[[int, float, Tensor, Tensor], object] | None = None,
) -> Tensor:
    """Follow the velocity in straight steps, from noise at the first time to pictures at the last.

    Args:
        net: gives the velocity for x_t (B, ...) and times (B,).
        x: (B, ...), standard normal noise if the first time is 1; left as it was.
        times: falling strictly within [0, 1]; `FlowMatching.times` makes them. One step leads from each to the next.
        callback: runs as callback(step, t, x_t, x0_hat) before each update.

    Returns:
        Like x, at the last time.

    Raises:
        ValueError: no floats, times that do not fall or leave [0, 1], fewer than two, or a velocity that is not finite
            or of another shape.
    """
    grid = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    if grid.ndim != 1 or len(grid) < 2 or not (grid[0] <= 1 and grid[-1] >= 0 and (grid.diff() < 0).all()):
        raise ValueError(f"times must be at least two that fall strictly from at most 1 to at least 0, got {times}.")
    if not x.is_floating_point():
        raise ValueError(f"x must be floats, standard normal noise, got {x.dtype}.")
    road, exact = FlowMatching(), torch.promote_types(x.dtype, torch.float32)
    for step, (t, t_next) in enumerate(pairwise(grid.tolist())):
        velocity = net(x, torch.full((len(x),), t, dtype=exact, device=x.device))
        if velocity.shape != x.shape or not velocity.isfinite().all():
            raise ValueError(
                f"the network must return finite numbers in the shape of x, {tuple(x.shape)}, at time {t:.4g}; got "
                f"shape {tuple(velocity.shape)}" + (" with NaN or infinity." if velocity.shape == x.shape else ".")
            )
        if callback:
            callback(step, t, x, road.to_x0(velocity, x, t))
        x = x + (t_next - t) * velocity
    return x


def _time(t: Tensor | float, x: Tensor) -> Tensor:
    """Times in [0, 1], one or (B,), in single precision at least, shaped to meet pictures (B, ...), or a ValueError."""
    if not x.is_floating_point():
        raise ValueError(f"pictures must be floats in [-1, 1], got {x.dtype}.")
    t = torch.as_tensor(t, device=x.device)
    t = t.to(torch.promote_types(x.dtype, torch.float32))
    if t.shape not in ((), (1,), (len(x),)):
        raise ValueError(f"t must be one time or one for each of the {len(x)} pictures, got shape {tuple(t.shape)}.")
    if not bool(((t >= 0) & (t <= 1)).all()):
        raise ValueError(
            f"times must lie in [0, 1], got {t.min():.4g} to {t.max():.4g}; 0 is the picture, 1 the noise."
        )
    return t.reshape(-1, *[1] * (x.ndim - 1))
