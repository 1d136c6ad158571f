"""PURE: the numerical methods behind the measurements: peak fit, decay fit, smoothing. Arrays in, numbers out."""

from dataclasses import dataclass

import numpy as np

from controller.shots.model import FloatArray

SMOOTH_SHARE = 1000
"""The first guess of a peak's place averages over a thousandth of the record: wider than EMI, narrower than a pulse."""

PEAK_WINDOW = 0.97
"""Samples above this share of the peak take part in the fit: wide enough to average, narrow enough for a cubic."""

PEAK_MIN_POINTS = 9
"""A cubic through fewer samples follows their noise."""

DECAY_TOP, DECAY_BOTTOM = 0.9, 0.25
"""A decay is fitted between these shares of its start: below the relay's bounce, and before the second dump joins a
dump by one path (the PLC closes it when the first one's expected time has passed)."""

DECAY_MIN_POINTS = 5
"""Fewer samples do not tell an exponential from a straight line."""

DECAY_MAX_U95 = 0.1
"""A time constant less certain than this share of itself was not fitted to an exponential."""


@dataclass(frozen=True, slots=True)
class PeakFit:
    """A maximum: place, height, u95 of the height from the scatter around the fit, and half the fit window."""

    t_s: float
    value: float
    u95: float
    half_window_s: float


@dataclass(frozen=True, slots=True)
class DecayFit:
    """An exponential decay: its time constant in seconds and the u95 of that."""

    tau_s: float
    u95_s: float


def smooth(values: FloatArray, width: int) -> FloatArray:
    """Centred moving average of odd ``width``; the ends repeat the first and last sample."""
    if width <= 1:
        return values
    half = width // 2
    padded = np.concatenate((np.full(half, values[0]), values, np.full(half, values[-1])))
    total = np.cumsum(np.concatenate((np.zeros(1), padded)))
    return np.asarray((total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1))


def fit_peak(t_s: FloatArray, values: FloatArray) -> PeakFit | None:
    """The maximum of a noisy record by a cubic through its crest.

    The largest sample is biased upwards by the noise (physics.md A10: +1.6 % at 8 bit); a least-squares fit is not.
    None when the record is too short.
    """
    if values.size < PEAK_MIN_POINTS:
        return None
    width = 2 * (values.size // (2 * SMOOTH_SHARE)) + 1
    smoothed = smooth(values, width)
    top = int(np.argmax(smoothed))
    first, last = _crest(smoothed, top, max(PEAK_MIN_POINTS // 2, width))
    t, y = t_s[first:last], values[first:last]
    centre = float(t_s[top])
    half = float(max(t[-1] - centre, centre - t[0]))
    x = (t - centre) / half
    design = np.vander(x, 4)
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    fine = np.linspace(float(x[0]), float(x[-1]), 2001)
    curve = np.polyval(solution, fine)
    best = int(np.argmax(curve))
    scatter = float(np.sqrt(np.sum((y - design @ solution) ** 2) / max(y.size - 4, 1)))
    return PeakFit(
        centre + float(fine[best]) * half, float(curve[best]), 2.0 * scatter * float(np.sqrt(4 / y.size)), half
    )


def _crest(smoothed: FloatArray, top: int, half: int) -> tuple[int, int]:
    """Index range around ``top`` that stays above PEAK_WINDOW of the height over the record's middle level.

    It reaches at least ``half`` samples to each side, so that a burst of interference is averaged and not fitted.
    """
    level = float(np.median(smoothed))
    threshold = level + PEAK_WINDOW * (float(smoothed[top]) - level)
    below = np.flatnonzero(smoothed < threshold)
    cut = int(np.searchsorted(below, top))
    first = int(below[cut - 1]) + 1 if cut > 0 else 0
    last = int(below[cut]) if cut < below.size else smoothed.size
    first, last = min(first, top - half), max(last, top + half + 1)
    return max(first, 0), min(max(last, PEAK_MIN_POINTS), smoothed.size)


def fit_decay(t_s: FloatArray, values: FloatArray) -> DecayFit | None:
    """Time constant of ``values`` falling towards zero, by a weighted straight line through their logarithm.

    The start is the largest sample; samples from the first below DECAY_TOP to the first below DECAY_BOTTOM of it take
    part, weighted by their height (a constant error in volts is a growing one in the logarithm). None without a decay.
    """
    if values.size < DECAY_MIN_POINTS:
        return None
    top = float(np.max(values))
    if not top > 0.0:
        return None
    start = int(np.argmax(values))
    tail = values[start:]
    first = start + int(np.argmax(tail < DECAY_TOP * top))
    low = np.flatnonzero(tail < DECAY_BOTTOM * top)
    last = start + int(low[0]) if low.size else values.size
    t, y = t_s[first:last], values[first:last]
    if t.size < DECAY_MIN_POINTS or not np.all(y > 0.0) or float(y[-1]) > 0.7 * float(y[0]):
        return None
    weight = y / top
    design = np.stack((t - t[0], np.ones_like(t)), axis=1) * weight[:, None]
    solution, *_ = np.linalg.lstsq(design, np.log(y) * weight, rcond=None)
    slope = float(solution[0])
    if not slope < 0.0:
        return None
    scatter = float(np.sum((design @ solution - np.log(y) * weight) ** 2)) / max(t.size - 2, 1)
    variance = scatter * float(np.linalg.inv(design.T @ design)[0, 0])
    tau_s = -1.0 / slope
    u95_s = 2.0 * float(np.sqrt(variance)) * tau_s * tau_s
    return DecayFit(tau_s, u95_s) if u95_s < DECAY_MAX_U95 * tau_s else None
