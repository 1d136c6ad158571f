"""PURE: complex envelopes on a uniform grid: |a|^2 is power in W, the argument its phase (physics.md B5)."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex128]

POINTS_MAX = 1 << 20
"""A millisecond at 1 ns: a pulse of microseconds needs some thousand points, a wrong unit a billion."""


@dataclass(frozen=True, slots=True)
class Wave:
    """An envelope: ``amplitude[n]`` in sqrt(W) at ``start_s + n * step_s``."""

    start_s: float
    step_s: float
    amplitude: Waves

    @property
    def time_s(self) -> Array:
        """The times of the points."""
        return self.start_s + self.step_s * np.arange(len(self.amplitude), dtype=np.float64)

    @property
    def power_w(self) -> Array:
        """Power at every point."""
        return power(self.amplitude)

    @property
    def energy_j(self) -> float:
        """Energy that passed: the sum over the points."""
        return float(self.power_w.sum()) * self.step_s


def power(amplitude: Waves) -> Array:
    """|a|^2, in W."""
    watts: Array = amplitude.real**2 + amplitude.imag**2
    return watts


def resample(time_s: Array, power_w: Array, phase_rad: Array, step_s: float, tail_s: float) -> Wave:
    """A tube's output on a uniform grid, ``tail_s`` of silence appended; amplitude and phase interpolated linearly.

    Raises ValueError for lengths that differ, times that do not grow, negative power, or more than POINTS_MAX points.
    """
    if not len(time_s) == len(power_w) == len(phase_rad) or len(time_s) < 2:
        raise ValueError(f"resample: {len(time_s)}, {len(power_w)} and {len(phase_rad)} points; the same, 2 or more")
    if not (np.diff(time_s) > 0.0).all():
        raise ValueError("resample: time_s must grow from point to point")
    if not (np.asarray(power_w) >= 0.0).all():
        raise ValueError("resample: power_w must be finite and 0 or more everywhere")
    start_s, end_s = float(time_s[0]), float(time_s[-1])
    count = ceil((end_s - start_s + tail_s) / step_s) + 1
    if count > POINTS_MAX:
        raise ValueError(f"resample: {count} points of {step_s} s; at most {POINTS_MAX}: are the times in seconds?")
    grid = start_s + step_s * np.arange(count)
    size = np.interp(grid, time_s, np.sqrt(power_w), right=0.0)
    angle = np.interp(grid, time_s, phase_rad)
    return Wave(start_s, step_s, size * np.exp(1j * angle))


def follow(x: Waves, step_s: float, rate_per_s: complex) -> Waves:
    """A first-order element ``y' = rate (x - y)`` answering to piecewise-linear ``x``, exact, at rest in ``x[0]``.

    The rate may be complex (a detuned resonator). The recursion is a bidiagonal system: LAPACK solves it in one call.
    """
    from scipy.linalg import solve_banded

    ratio = complex(rate_per_s) * step_s
    decay = complex(np.exp(-ratio))
    mean = -complex(np.expm1(-ratio)) / ratio
    drive = (1.0 - mean) * x
    drive[0] = x[0]
    drive[1:] += (mean - decay) * x[:-1]
    bands = np.empty((2, len(x)), dtype=np.complex128)
    bands[0] = 1.0
    bands[1] = -decay
    answer: Waves = solve_banded((1, 0), bands, drive, check_finite=False)
    return answer


def follow_real(x: Array, step_s: float, tau_s: float) -> Array:
    """:func:`follow` for a real signal and a time constant; 0 s passes it unchanged."""
    if tau_s <= 0.0:
        return x
    answer: Array = follow(x.astype(np.complex128), step_s, 1.0 / tau_s).real.copy()
    return answer


def delay(x: Waves, points: int) -> Waves:
    """Later by whole points, silence before."""
    if points == 0:
        return x
    shifted = np.zeros_like(x)
    shifted[points:] = x[:-points] if points < len(x) else 0.0
    return shifted
