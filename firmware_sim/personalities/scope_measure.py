"""PURE: the automatic measurements of a scope on a record in volts; None where the instrument answers 9.9E+37."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

HYSTERESIS = 0.1
"""Of peak to peak: the band around the middle that a signal must cross to count as a period."""

Record = npt.NDArray[np.float64]


def _maximum(volts: Record, step_s: float) -> float | None:
    return float(volts.max())


def _minimum(volts: Record, step_s: float) -> float | None:
    return float(volts.min())


def _peak_to_peak(volts: Record, step_s: float) -> float | None:
    return float(np.ptp(volts))


def _average(volts: Record, step_s: float) -> float | None:
    return float(volts.mean())


def _amplitude(volts: Record, step_s: float) -> float | None:
    """Top minus base: the medians of the upper and the lower half."""
    middle = (volts.max() + volts.min()) / 2
    upper, lower = volts[volts >= middle], volts[volts < middle]
    return float(np.median(upper) - np.median(lower)) if upper.size and lower.size else None


def _frequency(volts: Record, step_s: float) -> float | None:
    """Rising passes through the middle, counted with hysteresis: periods over the time between first and last."""
    low, high = float(volts.min()), float(volts.max())
    middle, band = (low + high) / 2, (high - low) * HYSTERESIS / 2
    side = np.where(volts > middle + band, 1, np.where(volts < middle - band, -1, 0))
    decided = np.flatnonzero(side)
    rises = decided[1:][np.diff(side[decided]) == 2]
    if high <= low or rises.size < 2:
        return None
    return float((rises.size - 1) / ((rises[-1] - rises[0]) * step_s))


MEASUREMENTS: Mapping[str, Callable[[Record, float], float | None]] = MappingProxyType(
    {
        "measure.maximum?": _maximum,
        "measure.minimum?": _minimum,
        "measure.peak_to_peak?": _peak_to_peak,
        "measure.average?": _average,
        "measure.amplitude?": _amplitude,
        "measure.frequency?": _frequency,
    }
)
"""DSO-X row name -> function of (volts, sample interval in s)."""
