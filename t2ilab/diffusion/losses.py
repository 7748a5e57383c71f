"""What a diffusion network learns: to undo the noise of one timestep, in one squared error."""

from collections.abc import Callable

from torch import Tensor

from t2ilab.diffusion.schedule import NoiseSchedule, Timestep, check_prediction_type


def diffusion_loss(
    net: Callable[[Tensor, Tensor], Tensor],
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    schedule: NoiseSchedule,
    prediction_type: str = "epsilon",
    weights: Tensor | None = None,
) -> Tensor:
    """The mean squared error of one prediction for each picture (DDPM, eq. 14, for epsilon).

    x0 (B, ...) in [-1, 1] or latents, t (B,) int64 in 0 to T - 1, noise like x0 and standard normal, `weights` (B,) or
    None for 1 each (`min_snr_weights` makes them). Returns a scalar, in float32 or better. Raises ValueError for an
    unknown prediction type, shapes that do not fit, and epsilon on a schedule with zero terminal SNR.
    """
    check_prediction_type(prediction_type)
    if noise.shape != x0.shape:
        raise ValueError(f"noise must have the shape of x0, {tuple(x0.shape)}, got {tuple(noise.shape)}.")
    if t.shape != x0.shape[:1]:
        raise ValueError(f"t must hold one timestep for each picture, ({len(x0)},), got shape {tuple(t.shape)}.")
    if weights is not None and weights.shape != t.shape:
        raise ValueError(f"weights must hold one for each picture, ({len(x0)},), got shape {tuple(weights.shape)}.")
    if prediction_type == "epsilon" and schedule.has_zero_terminal_snr:
        raise ValueError(
            "epsilon cannot be trained with zero terminal SNR, got a rescaled schedule: at its last timestep x_t is "
            "the noise itself, and no picture can be had from it; use prediction_type='v_prediction' or 'sample'."
        )
    x_t = schedule.add_noise(x0, noise, t)
    output = net(x_t, t)
    if output.shape != x0.shape:
        raise ValueError(f"the network must return the shape of x0, {tuple(x0.shape)}, got {tuple(output.shape)}.")
    if prediction_type == "epsilon":
        target = noise
    elif prediction_type == "sample":
        target = x0
    else:
        target = schedule.velocity(x0, noise, t)
    error = (_at_least_float32(output) - _at_least_float32(target)).square().flatten(1).mean(1)  # (B,)
    return error.mean() if weights is None else (weights * error).mean()


def min_snr_weights(schedule: NoiseSchedule, t: Timestep, prediction_type: str, gamma: float = 5.0) -> Tensor:
    """Weights (B,) in float32 that keep easy timesteps from drowning the hard ones (Hang et al. 2023, section 3.4).

    The paper weighs the error of x0 by min(SNR, gamma). The errors of epsilon and v are SNR and SNR + 1 times that of
    x0, so for them the weight is divided by as much. Raises ValueError for an unknown prediction type, timesteps
    outside the schedule, and a gamma that is not positive.
    """
    check_prediction_type(prediction_type)
    if not gamma > 0:
        raise ValueError(f"gamma must be positive, got {gamma}; the paper's is 5.")
    ac = schedule.alphas_cumprod_at(t)
    snr = ac / (1 - ac)
    if prediction_type == "epsilon":
        return (gamma / snr).clamp(max=1)  # min(snr, gamma) / snr, and its limit 1 where there is no signal
    if prediction_type == "sample":
        return snr.clamp(max=gamma)
    return snr.clamp(max=gamma) / (snr + 1)


def _at_least_float32(x: Tensor) -> Tensor:
    return x.float() if x.itemsize < 4 else x
