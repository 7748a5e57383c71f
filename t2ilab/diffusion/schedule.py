"""How much picture and how much noise there is at each timestep, and every conversion that follows from it.

A schedule is the list of betas of DDPM (Ho et al. 2020, https://arxiv.org/abs/2006.11239). Its running product
`alphas_cumprod`, written `ac` here, says it all: x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise.
"""

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

PREDICTION_TYPES = ("epsilon", "sample", "v_prediction")
SPACINGS = ("leading", "trailing", "linspace", "karras")
BETA_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")  # diffusers' names, for from_dict

Timestep = int | Tensor


def check_prediction_type(prediction_type: str) -> None:
    """Raise ValueError unless the network predicts one of the three things that a network can predict."""
    if prediction_type not in PREDICTION_TYPES:
        known = ", ".join(repr(name) for name in PREDICTION_TYPES)
        raise ValueError(
            f"prediction_type must be one of {known}, got {prediction_type!r}; a network trained to find the noise, "
            "as DDPM's is, takes 'epsilon'."
        )


SIGMA_MAX = 160.0  # a little above the last sigma of DDPM's linear schedule


class NoiseSchedule:
    """The forward process of DDPM for timesteps 0 (almost clean) to T - 1 (almost noise); it never changes.

    `betas` (T,), each in (0, 1], are the variances of the noise added at each timestep; only the last may be 1. The
    products are built in float64 and kept in float32; those kept values are the definition, and whatever is computed
    from them uses float64 where the pictures do and float32 everywhere else, bfloat16 pictures included.

    In every method `t` is an int, a 0-d integer tensor, or an integer tensor (B,) with one timestep for each picture;
    pictures are floats (B, ...) of any shape, and results have their dtype and device.
    """

    __slots__ = ("_alphas_cumprod", "_betas", "_config", "_levels")
    _alphas_cumprod: Tensor
    _betas: Tensor
    _config: dict[str, Any]
    _levels: dict[torch.device, Tensor]

    def __init__(self, betas: Tensor | Sequence[float]):
        if isinstance(betas, Tensor):
            exact = betas.detach().cpu().to(torch.float64, copy=True)
        else:
            exact = torch.tensor(betas, dtype=torch.float64, device="cpu")
        if exact.ndim != 1 or len(exact) == 0:
            raise ValueError(f"betas must be a list of numbers (T,) with T >= 1, got shape {tuple(exact.shape)}.")
        outside = ~((exact > 0) & (exact <= 1))  # written so that NaN counts as outside
        if outside.any():
            i = int(outside.nonzero()[0])
            raise ValueError(
                f"betas must lie in (0, 1], got {exact[i].item():g} at timestep {i}; a beta is a share of variance, "
                "usually between 0.0001 and 0.02."
            )
        alphas_cumprod = (1 - exact).cumprod(0).float()
        if alphas_cumprod[0] == 1:
            raise ValueError(
                f"the first beta must be large enough to matter in float32, got {exact[0].item():g}; use at least 1e-7."
            )
        if (alphas_cumprod[:-1] == 0).any():
            i = int((alphas_cumprod == 0).nonzero()[0])
            raise ValueError(
                f"some signal must be left until the last timestep, got none from timestep {i} of {len(exact)} on; "
                "use smaller betas or fewer timesteps."
            )
        self._freeze("_betas", exact)
        self._freeze("_alphas_cumprod", alphas_cumprod)
        self._freeze("_config", {"trained_betas": exact.tolist(), "num_train_timesteps": len(exact)})
        self._freeze("_levels", {})

    # ---- the usual schedules -----------------------------------------------------------------------------------

    @classmethod
    def linear(
        cls, num_train_timesteps: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02
    ) -> "NoiseSchedule":
        """Betas on a straight line: DDPM's own (Ho et al. 2020, section 4). Raises ValueError outside (0, 1]."""
        betas = torch.linspace(beta_start, beta_end, _count(num_train_timesteps), dtype=torch.float64)
        return cls(betas)._named("linear", beta_start=beta_start, beta_end=beta_end)

    @classmethod
    def scaled_linear(
        cls, num_train_timesteps: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012
    ) -> "NoiseSchedule":
        """Roots of the betas on a straight line: Stable Diffusion's (Rombach et al. 2022). Raises as `linear`."""
        if not (beta_start > 0 and beta_end > 0):
            raise ValueError(f"beta_start and beta_end must lie in (0, 1], got {beta_start:g} and {beta_end:g}.")
        roots = torch.linspace(beta_start**0.5, beta_end**0.5, _count(num_train_timesteps), dtype=torch.float64)
        return cls(roots**2)._named("scaled_linear", beta_start=beta_start, beta_end=beta_end)

    @classmethod
    def cosine(cls, num_train_timesteps: int = 1000) -> "NoiseSchedule":
        """ac falls like a squared cosine, betas capped at 0.999 (Nichol & Dhariwal 2021, eq. 17)."""
        steps = torch.linspace(0, 1, _count(num_train_timesteps) + 1, dtype=torch.float64)
        ac = torch.cos((steps + 0.008) / 1.008 * torch.pi / 2) ** 2
        return cls((1 - ac[1:] / ac[:-1]).clamp(max=0.999))._named("squaredcos_cap_v2")

    def rescale_zero_terminal_snr(self) -> "NoiseSchedule":
        """Shift and stretch sqrt(ac) so that the last timestep is pure noise (Lin et al. 2023, algorithm 1).

        Without this the noisiest picture that a network ever trains on still shows a little of the picture, its
        brightness above all. Predict "v_prediction" or "sample" with it. Raises ValueError if there is one timestep.
        """
        if self.num_train_timesteps < 2:
            raise ValueError("rescaling needs at least 2 timesteps, since the first one stays as it is; got 1.")
        if self.has_zero_terminal_snr:
            return self
        root = (1 - self._betas).cumprod(0).sqrt()
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])
        ac = root**2
        rescaled = type(self)(torch.cat([1 - ac[:1], 1 - ac[1:] / ac[:-1]]))
        rescaled._freeze("_config", {**self._config, "rescale_betas_zero_snr": True})
        return rescaled

    # ---- its numbers -------------------------------------------------------------------------------------------

    @property
    def num_train_timesteps(self) -> int:
        """T, the number of timesteps."""
        return len(self._betas)

    @property
    def betas(self) -> Tensor:
        """(T,) float32: the variance of the noise added at each timestep. A copy, as all of these."""
        return self._betas.float()

    @property
    def alphas_cumprod(self) -> Tensor:
        """(T,) float32, falling: the share of the picture's variance that is left, the product of (1 - beta)."""
        return self._alphas_cumprod.clone()

    @property
    def sigmas(self) -> Tensor:
        """(T,) float32: sqrt((1 - ac) / ac), the noise's deviation once the picture is scaled back to full size."""
        ac = self._alphas_cumprod.double()
        return ((1 - ac) / ac).sqrt().float()

    @property
    def snr(self) -> Tensor:
        """(T,) float32: ac / (1 - ac), the signal-to-noise ratio of variances."""
        ac = self._alphas_cumprod.double()
        return (ac / (1 - ac)).float()

    @property
    def has_zero_terminal_snr(self) -> bool:
        """Whether the last timestep is pure noise."""
        return bool(self._alphas_cumprod[-1] == 0)

    def timesteps(
        self,
        num_inference_steps: int,
        spacing: Literal["leading", "trailing", "linspace", "karras"] = "leading",
        steps_offset: int = 0,
    ) -> Tensor:
        """The timesteps that a sampler visits: (num_inference_steps,) int64 on the CPU, descending.

        The three spacings of Lin et al. 2023, table 2, on diffusers' grids: "leading" counts up from 0 in whole
        strides (so it stops short of T - 1), "trailing" counts down from T - 1, "linspace" holds both ends. "karras"
        spends most steps where there is little noise: sigma^(1/7) falls evenly (Karras et al.
        2022, eq. 5), each at the nearest timestep that is still free, where diffusers takes fractions of timesteps.
        Where a schedule goes beyond sigma 160 (the cosine to 20,000), "karras" begins at 160: above, all is noise.
        `steps_offset` shifts "leading" only, as in diffusers; Stable Diffusion 1 has 1. A single "linspace" step is
        T - 1 here and 0 in diffusers. Raises ValueError for fewer than 1 or more than T steps, an unknown spacing, or
        an offset that leaves the schedule.
        """
        T, n = self.num_train_timesteps, _count(num_inference_steps, "num_inference_steps")
        if n > T:
            raise ValueError(f"num_inference_steps must be at most the {T} timesteps of the schedule, got {n}.")
        if spacing == "leading":
            grid = [i * (T // n) + operator.index(steps_offset) for i in reversed(range(n))]
        elif spacing == "trailing":
            stride = (T - T / n) - T  # as numpy.arange has it: ties between two timesteps then fall as in diffusers
            grid = [round(T + i * stride) - 1 for i in range(n)]
        elif spacing == "linspace":
            stride = (T - 1) / max(n - 1, 1)
            grid = [T - 1] + [round(i * stride) for i in reversed(range(n - 1))]
        elif spacing == "karras":
            grid = self._karras(n)
        else:
            known = ", ".join(repr(name) for name in SPACINGS)
            raise ValueError(f"spacing must be one of {known}, got {spacing!r}.")
        if grid[0] >= T or grid[-1] < 0:
            raise ValueError(
                f"timesteps must lie in 0 to {T - 1}, got {grid[-1]} to {grid[0]}; steps_offset {steps_offset} is too "
                f"far for {n} steps."
            )
        return torch.tensor(grid, device="cpu")

    def alphas_cumprod_at(self, t: Timestep, device: torch.device | str | None = None) -> Tensor:
        """alphas_cumprod at `t`: (B,), or (1,) for a single timestep; float32, on `device` or where t lies.

        Raises ValueError for a t that is not integers, not (B,), or outside 0 to T - 1. (On an accelerator the last is
        torch's own error: looking at t there would wait for the device at every training step.)
        """
        return self._levels_at(self._checked(t), device)

    # ---- between x0, noise, velocity and x_t ---------------------------------------------------------------------

    def add_noise(self, x0: Tensor, noise: Tensor, t: Timestep) -> Tensor:
        """x_t, a draw from q(x_t | x0) when `noise` is standard normal (DDPM, eq. 4)."""
        ac, dtype = self._at(t, x0, noise)
        return (ac.sqrt() * x0 + (1 - ac).sqrt() * noise).to(dtype)

    def velocity(self, x0: Tensor, noise: Tensor, t: Timestep) -> Tensor:
        """v = sqrt(ac) noise - sqrt(1 - ac) x0, what "v_prediction" predicts (Salimans & Ho 2022, section 4)."""
        ac, dtype = self._at(t, x0, noise)
        return (ac.sqrt() * noise - (1 - ac).sqrt() * x0).to(dtype)

    def to_x0(self, output: Tensor, x_t: Tensor, t: Timestep, prediction_type: str) -> Tensor:
        """The clean picture that a network's output means (for epsilon: DDPM, eq. 15).

        Raises ValueError for an unknown prediction type, and for epsilon where a timestep is pure noise.
        """
        check_prediction_type(prediction_type)
        ac, dtype = self._at(t, output, x_t)
        if prediction_type == "sample":
            x0 = output
        elif prediction_type == "v_prediction":
            x0 = ac.sqrt() * x_t - (1 - ac).sqrt() * output
        else:
            # Only a rescaled schedule pays for looking at every t (on a GPU this waits for the device).
            if self.has_zero_terminal_snr and (ac == 0).any():
                raise ValueError(
                    f"epsilon cannot give x0 at timestep {self.num_train_timesteps - 1}, got a schedule with zero "
                    "terminal SNR: x_t is all noise there, so even the right noise leaves x0 = 0 / 0; "
                    "train with prediction_type='v_prediction' or 'sample'."
                )
            x0 = (x_t - (1 - ac).sqrt() * output) / ac.sqrt()
        return x0.to(dtype)

    def to_eps(self, output: Tensor, x_t: Tensor, t: Timestep, prediction_type: str) -> Tensor:
        """The noise that a network's output means. Raises ValueError for an unknown prediction type."""
        check_prediction_type(prediction_type)
        ac, dtype = self._at(t, output, x_t)
        if prediction_type == "sample":
            eps = (x_t - ac.sqrt() * output) / (1 - ac).sqrt()
        elif prediction_type == "v_prediction":
            eps = (1 - ac).sqrt() * x_t + ac.sqrt() * output
        else:
            eps = output
        return eps.to(dtype)

    def posterior(self, x0: Tensor, x_t: Tensor, t: Timestep) -> tuple[Tensor, Tensor]:
        """Mean and variance of q(x_{t-1} | x_t, x0), one step back for one who knows the picture (DDPM, eqs. 6-7).

        The variance broadcasts against the mean: (B, 1, ...), or (1, 1, ...) for a single t. Before timestep 0 lies
        the picture itself, so there the mean is x0 and the variance 0.
        """
        ac, dtype = self._at(t, x0, x_t)
        ac_prev, _ = self._at(t, x0, x_t, back=True)
        alpha = ac / ac_prev
        beta = (ac_prev - ac) / ac_prev  # 1 - alpha, but float32 keeps its digits
        mean = (ac_prev.sqrt() * beta * x0 + alpha.sqrt() * (1 - ac_prev) * x_t) / (1 - ac)
        return mean.to(dtype), beta * (1 - ac_prev) / (1 - ac)

    # ---- saved and loaded --------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The schedule as numbers and names for json, under the names of diffusers' scheduler configs."""
        config = {"rescale_betas_zero_snr": False, **self._config}
        return {key: list(value) if isinstance(value, list) else value for key, value in config.items()}

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "NoiseSchedule":
        """The schedule that `to_dict` or one of diffusers' scheduler configs describes; other entries are ignored.

        What is missing has diffusers' defaults. Raises ValueError for a beta_schedule that is none of ours.
        """
        trained, kind = config.get("trained_betas"), config.get("beta_schedule", "linear")
        T = config.get("num_train_timesteps", 1000)
        ends = {"beta_start": config.get("beta_start", 1e-4), "beta_end": config.get("beta_end", 0.02)}
        if trained is not None:
            schedule = cls(trained)
        elif kind == "linear":
            schedule = cls.linear(T, **ends)
        elif kind == "scaled_linear":
            schedule = cls.scaled_linear(T, **ends)
        elif kind == "squaredcos_cap_v2":
            schedule = cls.cosine(T)
        else:
            known = ", ".join(repr(name) for name in BETA_SCHEDULES)
            raise ValueError(f"beta_schedule must be one of {known}, got {kind!r}; give its numbers as trained_betas.")
        return schedule.rescale_zero_terminal_snr() if config.get("rescale_betas_zero_snr", False) else schedule

    # ---- inside ------------------------------------------------------------------------------------------------

    def _karras(self, n: int, rho: float = 7.0) -> list[int]:
        """n different timesteps whose sigmas fall as eq. 5 of Karras et al. 2022 has it, as nearly as they can."""
        if self.has_zero_terminal_snr:
            raise ValueError("karras spacing needs a finite first sigma, got zero terminal SNR; use 'trailing'.")
        sigmas = self.sigmas.double()
        first = sigmas[-1].clamp(max=SIGMA_MAX)
        ramp = torch.linspace(1, 0, n, dtype=torch.float64)
        asked = (sigmas[0] ** (1 / rho) + ramp * (first ** (1 / rho) - sigmas[0] ** (1 / rho))) ** rho
        nearest = (sigmas.log()[:, None] - asked.log()).abs().argmin(0).tolist()
        grid: list[int] = []
        for i, t in enumerate(nearest):
            below = grid[-1] - 1 if grid else self.num_train_timesteps - 1
            grid.append(min(max(t, n - 1 - i), below))  # the rest needs a timestep each
        return grid

    def _at(self, t: Timestep, first: Tensor, second: Tensor, back: bool = False) -> tuple[Tensor, torch.dtype]:
        """ac at `t` (`back`: one timestep before), shaped and typed to meet the pictures; and the result's dtype."""
        for x in (first, second):
            if not x.is_floating_point():
                raise ValueError(f"pictures must be floats, got {x.dtype}; bring them to [-1, 1] first.")
        shape, dtype = first.shape, torch.promote_types(first.dtype, second.dtype)
        if second.shape != shape:
            try:
                shape = torch.broadcast_shapes(shape, second.shape)
            except RuntimeError:
                raise ValueError(
                    f"pictures must have one shape, got {tuple(shape)} and {tuple(second.shape)}."
                ) from None
        ac = self._levels_at(self._checked(t), second.device, back)
        if len(ac) > 1 and shape[:1] not in ((len(ac),), (1,)):
            raise ValueError(f"t must be one timestep or one for each picture, got {len(ac)} for shape {tuple(shape)}.")
        # Full rank, not 0-d: so bfloat16 pictures are multiplied in float32 and rounded once, at the end.
        ac = ac.reshape(-1, *[1] * (len(shape) - 1)) if shape else ac.reshape(())
        return ac.to(torch.float64 if dtype == torch.float64 else torch.float32), dtype

    def _checked(self, t: Timestep) -> Tensor:
        """t as int64 (B,) or (1,), or a ValueError."""
        t = t if isinstance(t, Tensor) else torch.tensor(t, device="cpu")
        if t.ndim > 1 or t.is_floating_point() or t.is_complex() or t.dtype == torch.bool:
            raise ValueError(f"t must be an integer or integers (B,), got {t.dtype} of shape {tuple(t.shape)}.")
        last = self.num_train_timesteps - 1
        if t.device.type == "cpu" and t.numel() and (int(t.min()) < 0 or int(t.max()) > last):
            raise ValueError(f"t must lie in 0 to {last}, got {int(t.min())} to {int(t.max())}; timesteps are 0-based.")
        return t.to(torch.int64).reshape(-1)

    def _levels_at(self, t: Tensor, device: torch.device | str | None, back: bool = False) -> Tensor:
        """ac at checked timesteps (`back`: one before each, 1 before the first); index_select refuses negative ones."""
        where = t.device if device is None else torch.device(device)
        if where not in self._levels:  # the same numbers, lying where the pictures are
            self._levels[where] = torch.cat([self._alphas_cumprod.new_ones(1), self._alphas_cumprod]).to(where)
        levels = self._levels[where]
        return (levels[:-1] if back else levels[1:]).index_select(0, t.to(where))

    def _named(self, beta_schedule: str, **ends: float) -> "NoiseSchedule":
        """This schedule, remembered by its name and not by its numbers."""
        config = {"beta_schedule": beta_schedule, "num_train_timesteps": self.num_train_timesteps, **ends}
        self._freeze("_config", config)
        return self

    def _freeze(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a NoiseSchedule never changes, so {name} cannot be set; make a new one.")

    def __reduce__(self):  # for pickle and copy, which would set attributes
        return type(self).from_dict, (self.to_dict(),)

    def __repr__(self) -> str:
        name = self._config.get("beta_schedule", "trained_betas")
        ends = f"alphas_cumprod {self._alphas_cumprod[0]:.6g} to {self._alphas_cumprod[-1]:.4g}"
        return f"NoiseSchedule({name}, {self.num_train_timesteps} timesteps, {ends})"


def _count(number: int, name: str = "num_train_timesteps") -> int:
    """A whole number of at least 1, or a ValueError."""
    try:
        count = operator.index(number)
    except TypeError:
        raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}.") from None
    if count < 1:
        raise ValueError(f"{name} must be at least 1, got {count}.")
    return count
