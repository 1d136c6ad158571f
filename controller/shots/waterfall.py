"""PURE: a train as a picture of so many rows and columns, extremes kept.

Every cell stands for some neighbouring pulses and some neighbouring samples, and has the smallest and the largest of
them: a breakdown in one of thousands of pulses stays in its cell at any size. What a cell *shows* is the extreme that
is further from the typical pulse; where neither is further than the noise, the middle of both, so that a quiet train
looks quiet.
"""

from dataclasses import dataclass

import numpy as np

from controller.shots.model import FloatArray, IntArray, PulseTrain, RawArray
from controller.shots.signals import time_axis

NOISE_FACTOR = 6.0
"""Deviations up to so many standard deviations of the noise are not looked at: one sample in 10^8 is beyond."""


@dataclass(frozen=True, slots=True)
class View:
    """What to look at: segments ``first`` .. ``last`` (from 0, last one included), times ``from_s`` .. ``to_s``."""

    first: int
    last: int
    from_s: float
    to_s: float
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """``row_edges`` (rows + 1,) are the segments where rows begin, ``column_edges`` (columns + 1,) the samples.

    ``low`` and ``high`` (rows, columns) are raw counts; their order is that of the values, whatever the scale's sign.
    ``typical_low`` and ``typical_high`` (columns,) are the typical pulse's extremes in the same columns, in the
    channel's unit. A column's instant is ``t_s``.
    """

    row_edges: IntArray
    column_edges: IntArray
    t_s: FloatArray
    low: RawArray
    high: RawArray
    typical_low: FloatArray
    typical_high: FloatArray


def reduce_train(train: PulseTrain, typical: FloatArray, view: View) -> Waterfall:
    """The picture of ``view``; fewer rows and columns where there are not as many pulses and samples."""
    t_s = time_axis(train.capture)
    begin = int(np.searchsorted(t_s, view.from_s, "left"))
    end = int(np.searchsorted(t_s, view.to_s, "right"))
    first, last = max(view.first, 0), min(view.last + 1, train.segments)
    row_edges = _edges(first, max(last, first), view.rows)
    column_edges = _edges(begin, max(end, begin), view.columns)
    if row_edges.size < 2 or column_edges.size < 2:
        none = train.capture.raw[:0, :0]
        return Waterfall(row_edges[:1], column_edges[:1], np.empty(0), none, none, np.empty(0), np.empty(0))
    raw = train.capture.raw[row_edges[0] : row_edges[-1], column_edges[0] : column_edges[-1]]
    rows, columns = row_edges[:-1] - row_edges[0], column_edges[:-1] - column_edges[0]
    low = np.minimum.reduceat(np.minimum.reduceat(raw, rows, axis=0), columns, axis=1)
    high = np.maximum.reduceat(np.maximum.reduceat(raw, rows, axis=0), columns, axis=1)
    if train.capture.y_increment_v * train.capture.scale < 0.0:
        low, high = high, low
    usual = typical[column_edges[0] : column_edges[-1]]
    return Waterfall(
        row_edges,
        column_edges,
        0.5 * (t_s[column_edges[:-1]] + t_s[column_edges[1:] - 1]),
        low,
        high,
        np.minimum.reduceat(usual, columns),
        np.maximum.reduceat(usual, columns),
    )


def shown_values(waterfall: Waterfall, low: FloatArray, high: FloatArray, noise: float) -> FloatArray:
    """What every cell shows, of its extremes ``low`` and ``high`` in the channel's unit."""
    over, under = high - waterfall.typical_high, waterfall.typical_low - low
    extreme: FloatArray = np.where(over >= under, high, low)
    shown: FloatArray = np.where(np.maximum(over, under) > NOISE_FACTOR * noise, extreme, 0.5 * (low + high))
    return shown


def _edges(first: int, end: int, count: int) -> IntArray:
    """``count`` stretches of ``first`` .. ``end``, or as many as there are items; one number alone for nothing."""
    parts = min(count, end - first)
    if parts <= 0:
        return np.array([first], dtype=np.int64)
    return first + (np.arange(parts + 1, dtype=np.int64) * (end - first)) // parts
