"""PURE: a pulse in a few numbers, as a person reads them off a scope: flat top, ripple, rise, width, energy."""

from dataclasses import dataclass

import numpy as np

from firmware_sim.plant.modulator.tube import Array

CORE = (0.25, 0.75)
"""Where the height is first looked for: the middle half of the time above half the peak, away from both edges."""


@dataclass(frozen=True, slots=True)
class PulseScalars:
    """Numbers of one pulse. Tube side unless it says line; a pulse that did not happen has zeros.

    ``flat_top_v`` and ``flat_top_a`` are means over the flat top, ``flat_top_w`` of V I, ``ripple`` peak to peak over
    mean. ``rise_s`` is 10-90 % of the flat top, ``fwhm_s`` between its halves. ``backswing_v`` is the lowest tube
    voltage, ``line_j`` what the line held, ``tube_j`` and ``rf_j`` what went into beam and out as RF, ``rf_flat_w``
    the mean RF power over the flat top, ``arc_j`` an arc's energy. ``switch_a`` is the peak current, ``reverse_a`` the
    highest inverse one, ``inverse_v`` the highest inverse voltage across the switch, ``end_of_line_a`` the peak current
    of the end-of-line clipper, ``left_v`` the mean voltage left on the line, ``flux_vs`` the core's highest flux, all
    on the primary side. Energies count until the record's ``end_s`` after the switch's closing.
    """

    flat_top_v: float = 0.0
    flat_top_a: float = 0.0
    flat_top_w: float = 0.0
    ripple: float = 0.0
    rise_s: float = 0.0
    fwhm_s: float = 0.0
    peak_v: float = 0.0
    peak_a: float = 0.0
    backswing_v: float = 0.0
    line_j: float = 0.0
    tube_j: float = 0.0
    arc_j: float = 0.0
    rf_j: float = 0.0
    rf_flat_w: float = 0.0
    switch_a: float = 0.0
    reverse_a: float = 0.0
    inverse_v: float = 0.0
    end_of_line_a: float = 0.0
    left_v: float = 0.0
    flux_vs: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """Height, edges and flat top of one positive pulse; ``flat`` selects its points."""

    height: float
    ripple: float
    rise_s: float
    fwhm_s: float
    flat: slice


def crossing_s(time_s: Array, values: Array, level: float, rising: bool) -> float:
    """First upward or last downward crossing of ``level``, straight between points. Raises ValueError if none."""
    above = np.flatnonzero(values >= level)
    if not len(above):
        raise ValueError(f"nothing reaches {level}")
    k = int(above[0]) if rising else int(above[-1])
    other = k - 1 if rising else k + 1
    if not 0 <= other < len(values):
        return float(time_s[k])
    share = (level - values[k]) / (values[other] - values[k])
    return float(time_s[k] + share * (time_s[other] - time_s[k]))


def shape_of(time_s: Array, values: Array, flat_from: float, flat_until: float) -> Shape | None:
    """Measure a positive pulse; None when there is none.

    The flat top lies between the shares ``flat_from`` and ``flat_until`` of the time above half the height; the height
    is first estimated as the median of the middle, since overshoot and droop would shift a share of the peak.
    """
    peak = float(values.max(initial=0.0))
    if peak <= 0.0:
        return None
    begin = crossing_s(time_s, values, 0.5 * peak, rising=True)
    end = crossing_s(time_s, values, 0.5 * peak, rising=False)
    middle = _window(time_s, begin, end, *CORE)
    height = float(np.median(values[middle]))
    begin = crossing_s(time_s, values, 0.5 * height, rising=True)
    end = crossing_s(time_s, values, 0.5 * height, rising=False)
    flat = _window(time_s, begin, end, flat_from, flat_until)
    height = float(values[flat].mean())
    rise_s = crossing_s(time_s, values, 0.9 * height, True) - crossing_s(time_s, values, 0.1 * height, True)
    fwhm_s = crossing_s(time_s, values, 0.5 * height, False) - crossing_s(time_s, values, 0.5 * height, True)
    return Shape(height, float(np.ptp(values[flat])) / height, rise_s, fwhm_s, flat)


def _window(time_s: Array, begin: float, end: float, first: float, last: float) -> slice:
    """Points between two shares of an interval: at least one."""
    low = int(np.searchsorted(time_s, begin + first * (end - begin)))
    high = int(np.searchsorted(time_s, begin + last * (end - begin), "right"))
    low = min(low, len(time_s) - 1)
    return slice(low, max(high, low + 1))


def integral(time_s: Array, values: Array) -> float:
    """Trapezoidal integral over evenly or unevenly spaced points."""
    return float(np.trapezoid(values, time_s))
