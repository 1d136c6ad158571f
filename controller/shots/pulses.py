"""PURE: numbers from a train: peak, flat top and width of every pulse, what they scatter by, and which are missing.

Everything is vectorised over blocks of segments, so that thousands of pulses take a fraction of a second and no block
needs more memory than :data:`BLOCK_SAMPLES` samples. The baseline of each segment is its own, from before its trigger.

* peak: the largest sample, with the train's sign. A spike of one sample counts: a breakdown may be as short.
* flat top: mean of the middle half of the pulse, between its first and last sample above half its peak.
* width: at half the flat top, from the first to the last crossing, interpolated between samples.
* missing: below half of the median peak, or not above the noise; such a pulse has no flat top and no width (NaN).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from controller.shots.model import BoolArray, FloatArray, IntArray, PulseTrain
from controller.shots.quantities import SIGN_NOISE_FACTOR, Reading
from controller.shots.signals import BASELINE_MIN_POINTS, lsb, quiet_end, segment_values

BLOCK_SAMPLES = 1 << 20
"""Samples evaluated at once: 8 MB as floating point."""

MISSING_SHARE = 0.5
"""A pulse below this share of the median peak did not happen: a tube that conducts at all conducts fully."""

TYPICAL_SEGMENTS = 401
"""The typical pulse is the median of so many segments, evenly spread; more change it by less than its noise."""

UNITS: Mapping[str, str] = {"peak": "{unit}", "flat_top": "{unit}", "width": "s"}
"""What is measured of every pulse -> its unit."""


@dataclass(frozen=True, slots=True)
class PulseTable:
    """One row per segment: ``peak`` and ``flat_top`` in the channel's unit, ``width`` in s, shape (segments,) each.

    ``missing`` marks segments without a pulse; ``planned`` is how many segments were asked for.
    """

    peak: FloatArray
    flat_top: FloatArray
    width: FloatArray
    missing: BoolArray
    planned: int

    @property
    def missing_count(self) -> int:
        """Pulses that were asked for and did not come: segments without a pulse, and segments never triggered."""
        return self.planned - int(self.missing.size) + int(np.count_nonzero(self.missing))


@dataclass(frozen=True, slots=True)
class Statistic:
    """A quantity over all pulses that are there; NaN when there are none (``std``: fewer than two)."""

    quantity: str
    unit: str
    count: int
    minimum: float
    mean: float
    maximum: float
    std: float


def pulse_table(train: PulseTrain) -> PulseTable:
    """Measure every pulse of a train."""
    count = train.segments
    zero, low, high = np.zeros(count), np.zeros(count), np.zeros(count)
    variance = np.zeros(count)
    end = quiet_end(train.capture)
    for rows, values in _blocks(train):
        if end >= BASELINE_MIN_POINTS:
            zero[rows], variance[rows] = values[:, :end].mean(axis=1), values[:, :end].var(axis=1)
        low[rows], high[rows] = values.min(axis=1), values.max(axis=1)
    low, high = low - zero, high - zero
    sign = 1.0 if count == 0 or np.median(high) >= -np.median(low) else -1.0
    peak = high if sign > 0.0 else -low
    noise = max(float(np.sqrt(np.median(variance))) if count else 0.0, lsb(train.capture))
    missing = _missing(peak, noise)
    flat_top, width = np.full(count, np.nan), np.full(count, np.nan)
    for rows, values in _blocks(train):
        flat_top[rows], width[rows] = _shapes(sign * (values - zero[rows, None]), peak[rows])
    flat_top[missing] = width[missing] = np.nan
    return PulseTable(sign * peak, sign * flat_top, width * train.capture.x_increment_s, missing, train.planned)


def statistics_of(table: PulseTable, unit: str) -> tuple[Statistic, ...]:
    """Smallest, mean, largest and standard deviation of each quantity over the pulses that are there."""
    return tuple(_statistic(name, text.format(unit=unit), values_of(table, name)) for name, text in UNITS.items())


def values_of(table: PulseTable, quantity: str) -> FloatArray:
    """One quantity of the pulses that are there, in the order of the train."""
    values: FloatArray = getattr(table, quantity)[~table.missing]
    return values


def typical_pulse(train: PulseTrain) -> FloatArray:
    """The pulse as it usually is: median over the segments at every instant, in the channel's unit, shape (points,)."""
    if train.segments == 0:
        return np.zeros(train.points)
    chosen = np.unique(np.linspace(0, train.segments - 1, min(TYPICAL_SEGMENTS, train.segments)).astype(np.int64))
    median: FloatArray = np.median(segment_values(train.capture, chosen), axis=0)
    return median


def deviations(train: PulseTrain, typical: FloatArray) -> FloatArray:
    """Root mean square distance of every segment from the typical pulse, in the channel's unit, shape (segments,)."""
    found = np.zeros(train.segments)
    for rows, values in _blocks(train):
        found[rows] = np.sqrt(np.mean((values - typical) ** 2, axis=1))
    return found


def worst_pulse(distance: FloatArray, missing: BoolArray) -> int | None:
    """The segment furthest from the typical pulse among those that have a pulse; of all when none has, None of none."""
    if distance.size == 0:
        return None
    return int(np.argmax(distance if np.all(missing) else np.where(missing, -1.0, distance)))


def typical_noise(train: PulseTrain, typical: FloatArray) -> float:
    """How far an ordinary sample is from the typical pulse: its standard deviation by the median, in the unit."""
    if train.segments == 0 or train.points == 0:
        return 0.0
    chosen = np.unique(np.linspace(0, train.segments - 1, min(TYPICAL_SEGMENTS, train.segments)).astype(np.int64))
    distance = np.abs(segment_values(train.capture, chosen) - typical)
    return max(1.4826 * float(np.median(distance)), 0.5 * lsb(train.capture))


def _blocks(train: PulseTrain) -> Iterator[tuple[slice, FloatArray]]:
    """Segments in turn, in the channel's unit, as many at once as :data:`BLOCK_SAMPLES` allows."""
    if train.points == 0:
        return
    step = max(1, BLOCK_SAMPLES // train.points)
    for first in range(0, train.segments, step):
        rows = slice(first, min(first + step, train.segments))
        yield rows, segment_values(train.capture, rows)


def _missing(peak: FloatArray, noise: float) -> BoolArray:
    seen = peak > SIGN_NOISE_FACTOR * noise
    if not np.any(seen):
        return np.ones(peak.size, dtype=np.bool_)
    return np.asarray(~seen | (peak < MISSING_SHARE * float(np.median(peak[seen]))))


def _shapes(values: FloatArray, peak: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Flat top, and width in samples, of pulses that are positive and start at zero; shape (segments,) each."""
    first, last = _outermost(values, 0.5 * peak)
    span = last - first
    start, stop = first + (span + 3) // 4, first + 3 * span // 4 + 1
    stop = np.maximum(stop, start + 1)
    start, stop = np.minimum(start, values.shape[1] - 1), np.minimum(stop, values.shape[1])
    sums = np.concatenate((np.zeros((values.shape[0], 1)), np.cumsum(values, axis=1)), axis=1)
    every = np.arange(values.shape[0])
    flat_top = (sums[every, stop] - sums[every, start]) / (stop - start)
    half = 0.5 * flat_top
    first, last = _outermost(values, half)
    rising = first - _fraction(values, every, first, np.maximum(first - 1, 0), half)
    falling = last + _fraction(values, every, last, np.minimum(last + 1, values.shape[1] - 1), half)
    return flat_top, falling - rising


def _outermost(values: FloatArray, level: FloatArray) -> tuple[IntArray, IntArray]:
    """First and last sample at or above each segment's level."""
    above = values >= level[:, None]
    return above.argmax(axis=1), values.shape[1] - 1 - above[:, ::-1].argmax(axis=1)


def _fraction(values: FloatArray, rows: IntArray, inner: IntArray, outer: IntArray, level: FloatArray) -> FloatArray:
    """How far beyond ``inner``, towards ``outer``, the level is crossed: 0 to 1 samples, 0 at the record's end."""
    inside, outside = values[rows, inner], values[rows, outer]
    drop = inside - outside
    fraction: FloatArray = np.where(drop > 0.0, (inside - level) / np.where(drop > 0.0, drop, 1.0), 0.0)
    return np.clip(fraction, 0.0, 1.0)


def _statistic(quantity: str, unit: str, values: FloatArray) -> Statistic:
    if values.size == 0:
        return Statistic(quantity, unit, 0, np.nan, np.nan, np.nan, np.nan)
    spread = float(np.std(values, ddof=1)) if values.size > 1 else float("nan")
    ends = float(np.min(values)), float(np.max(values))
    return Statistic(quantity, unit, int(values.size), ends[0], float(np.mean(values)), ends[1], spread)


# -- what a profile may ask of a train

NO_PULSE = "no pulse in the train"


def _function(quantity: str, name: str) -> Callable[[PulseTrain], Reading]:
    def measure(train: PulseTrain) -> Reading:
        unit = UNITS[quantity].format(unit=train.capture.unit)
        found = _statistic(quantity, unit, values_of(pulse_table(train), quantity))
        value = {"min": found.minimum, "mean": found.mean, "max": found.maximum, "std": found.std}[name]
        if not np.isfinite(value):
            return Reading(None, unit, None, NO_PULSE if found.count == 0 else "one pulse has no scatter")
        return Reading(value, unit, _u95(train, quantity, name, found))

    return measure


def _u95(train: PulseTrain, quantity: str, name: str, found: Statistic) -> float:
    """The chain's share and the resolution; of a mean and of a scatter also what so few pulses leave open."""
    of_time = quantity == "width"
    resolution = train.capture.x_increment_s if of_time else lsb(train.capture)
    relative = 0.0 if of_time else train.capture.uncertainty
    scatter = found.std if np.isfinite(found.std) else 0.0
    if name == "std":
        return hypot(relative * scatter, 2.0 * scatter / sqrt(2.0 * found.count), resolution / sqrt(3.0))
    value = {"min": found.minimum, "mean": found.mean, "max": found.maximum}[name]
    spread = 2.0 * scatter / sqrt(found.count) if name == "mean" else 0.0
    return hypot(relative * value, spread, resolution / sqrt(3.0))


def missing_pulses(train: PulseTrain) -> Reading:
    """How many of the planned pulses did not come."""
    return Reading(float(pulse_table(train).missing_count), "", 0.0)


def highest(train: PulseTrain) -> Reading:
    """The highest sample of all that was recorded, whether there is a pulse in it or pick-up only."""
    capture = train.capture
    if train.segments == 0 or train.points == 0:
        return Reading(None, capture.unit, None, "no pulse was recorded")
    top = max(float(segment_values(capture, slice(at, at + 1)).max()) for at in range(train.segments))
    return Reading(top, capture.unit, hypot(capture.uncertainty * top, lsb(capture) / sqrt(3.0)))


TRAIN_FUNCTIONS: Mapping[str, Callable[[PulseTrain], Reading]] = {
    **{f"{quantity}_{name}": _function(quantity, name) for quantity in UNITS for name in ("min", "mean", "max", "std")},
    "missing_pulses": missing_pulses,
    "highest": highest,
}
"""What ``plan.Measurement.function`` may name for a channel that is recorded as a train."""
