"""PURE: a stretch of a recorded channel for a plot of so many points, extremes kept.

A range with few samples comes back as the samples themselves. Otherwise it is cut into ``points`` stretches of about
as many samples each, and every stretch gives its smallest and its largest value: what a line of that width would have
covered, so that no spike is lost at any zoom.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from controller.shots.model import ChannelCapture, FloatArray, SlowLog
from controller.shots.signals import scale_values

Indices = npt.NDArray[np.int64]

POINTS_MIN, POINTS_MAX = 2, 10_000
"""Fewer make no line; no screen has more columns, and an answer stays below a megabyte."""

POINTS_DEFAULT = 2_000
"""A plot across a large screen."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A channel between two instants.

    ``t_s`` has shape (n,), in rising order and within the range asked for. Either ``low`` is ``high`` is the samples
    themselves, or (``decimated``) they are the extremes of the stretch around each instant. ``samples`` is how many
    valid samples lie in the range, ``extent`` the first and last instant of the whole channel, None without samples.
    """

    t_s: FloatArray
    low: FloatArray
    high: FloatArray
    samples: int
    decimated: bool
    extent: tuple[float, float] | None


def capture_extent(capture: ChannelCapture, samples: int) -> tuple[float, float] | None:
    """First and last instant of a waveform with so many samples, in seconds relative to T0; None without samples."""
    return (_instant(capture, 0), _instant(capture, samples - 1)) if samples else None


def capture_stretch(capture: ChannelCapture, from_s: float, to_s: float, points: int) -> Stretch:
    """A waveform's samples from ``from_s`` to ``to_s``, both included, in seconds relative to T0, delay taken off.

    The extremes are looked for in the raw counts and scaled afterwards: the same numbers, at a tenth of the time.
    """
    index = range(capture.raw.size)
    first = bisect_left(index, from_s, key=lambda i: _instant(capture, i))
    last = bisect_right(index, to_s, key=lambda i: _instant(capture, i))
    raw = capture.raw[first : max(first, last)]
    extent = capture_extent(capture, capture.raw.size)
    if raw.size <= points:
        values = scale_values(replace(capture, raw=raw))
        return Stretch(_instants(capture, first + np.arange(raw.size)), values, values, raw.size, False, extent)
    edges = _edges(raw.size, points)
    ends = [scale_values(replace(capture, raw=ufunc.reduceat(raw, edges[:-1]))) for ufunc in (np.minimum, np.maximum)]
    middle = 0.5 * (_instants(capture, first + edges[:-1]) + _instants(capture, first + edges[1:] - 1))
    return Stretch(middle, np.minimum(*ends), np.maximum(*ends), raw.size, True, extent)


def log_stretch(log: SlowLog, origin_s: float, from_s: float, to_s: float, points: int) -> Stretch:
    """A slow channel's valid samples from ``from_s`` to ``to_s``, both included, in seconds after ``origin_s``."""
    valid = np.isfinite(log.value) & np.isfinite(log.t_s)
    t_s, values = log.t_s[valid] - origin_s, log.value[valid]
    if np.any(np.diff(t_s) < 0.0):
        order = np.argsort(t_s, kind="stable")
        t_s, values = t_s[order], values[order]
    extent = (float(t_s[0]), float(t_s[-1])) if t_s.size else None
    first, last = int(np.searchsorted(t_s, from_s, "left")), int(np.searchsorted(t_s, to_s, "right"))
    t_s, values = t_s[first : max(first, last)], values[first : max(first, last)]
    if t_s.size <= points:
        return Stretch(t_s, values, values, t_s.size, False, extent)
    edges = _edges(t_s.size, points)
    low, high = (ufunc.reduceat(values, edges[:-1]) for ufunc in (np.minimum, np.maximum))
    middle = 0.5 * (t_s[edges[:-1]] + t_s[edges[1:] - 1])
    return Stretch(middle, low, high, t_s.size, True, extent)


def _instant(capture: ChannelCapture, index: int) -> float:
    """The instant of one sample: the very number that ``signals.time_axis`` has for it."""
    return index * capture.x_increment_s + (capture.x_origin_s - capture.delay_s)


def _instants(capture: ChannelCapture, index: Indices) -> FloatArray:
    return index.astype(np.float64) * capture.x_increment_s + (capture.x_origin_s - capture.delay_s)


def _edges(size: int, points: int) -> Indices:
    """Where the ``points`` stretches of ``size`` samples begin, and the end of the last; more samples than points."""
    return (np.arange(points + 1, dtype=np.int64) * size) // points
