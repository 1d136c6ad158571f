"""PURE: raw samples to engineering units. One place for the rules of ``ChannelCapture``.

``values = ((raw - y_reference) * y_increment_v + y_origin_v) * scale``; time is relative to T0, with the channel's own
delay taken off. Clipping is a property of the raw codes, so that no scale can hide it.
"""

from dataclasses import replace

import numpy as np

from controller.shots.model import ChannelCapture, FloatArray, IntArray

BASELINE_MIN_POINTS = 8
"""Fewer samples before T0 give no baseline worth subtracting."""

BASELINE_SHARE = 0.9
"""The last tenth before T0 is left out: trigger skew and the instrument's own filter reach into it."""

CLIP_MIN_POINTS = 2
"""One sample at the end of the range may be noise; two are a signal that went beyond."""


def scale_values(capture: ChannelCapture) -> FloatArray:
    """All samples in ``capture.unit``, float64, in the shape of ``capture.raw``."""
    volts = (capture.raw.astype(np.float64) - capture.y_reference) * capture.y_increment_v + capture.y_origin_v
    return volts * capture.scale


def segment_values(capture: ChannelCapture, rows: slice | IntArray) -> FloatArray:
    """Segments ``rows`` of a train's samples in ``capture.unit``, shape (len(rows), points), float64."""
    return scale_values(replace(capture, raw=capture.raw[rows]))


def time_axis(capture: ChannelCapture) -> FloatArray:
    """Seconds relative to T0, shape (points,), float64; those of a train's segments to their own triggers."""
    index = np.arange(capture.raw.shape[-1], dtype=np.float64)
    return index * capture.x_increment_s + (capture.x_origin_s - capture.delay_s)


def lsb(capture: ChannelCapture) -> float:
    """One raw count in ``capture.unit``."""
    return abs(capture.y_increment_v * capture.scale)


def is_clipped(capture: ChannelCapture) -> bool:
    """True when the record touches an end of the instrument's range."""
    low, high = capture.full_scale
    outside = np.count_nonzero(capture.raw <= low) + np.count_nonzero(capture.raw >= high)
    return int(outside) >= CLIP_MIN_POINTS


def before_t0(capture: ChannelCapture) -> FloatArray:
    """The samples that may serve as baseline, in ``capture.unit``; may be empty."""
    return scale_values(replace(capture, raw=capture.raw[: quiet_end(capture)]))


def quiet_end(capture: ChannelCapture) -> int:
    """How many samples from the start on may serve as baseline; 0 without pre-trigger."""
    t_s = time_axis(capture)
    if t_s.size == 0 or t_s[0] >= 0.0:
        return 0
    return int(np.searchsorted(t_s, t_s[0] * (1.0 - BASELINE_SHARE)))


def baseline(capture: ChannelCapture) -> tuple[float, float] | None:
    """Mean before T0 and its u95 (2 s / sqrt(n), at least the quantisation's), or None without pre-trigger."""
    quiet = before_t0(capture)
    if quiet.size < BASELINE_MIN_POINTS:
        return None
    spread = max(float(np.std(quiet)), lsb(capture) / np.sqrt(12.0))
    return float(np.mean(quiet)), float(2.0 * spread / np.sqrt(quiet.size))
