"""PURE: what a profile's measurements can ask of a record: one function per quantity, listed in FUNCTIONS.

Uncertainties are u95 (k = 2): the calibration chain's share, the quantisation's, the baseline's and the fit's, added as
squares. Captures are read with their baseline before T0 taken off, where the quantity is a change (peak, integrals),
and as they are where it is a level (value at fire, end voltage).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from controller.shots.fits import fit_decay, fit_peak
from controller.shots.model import ChannelCapture, FloatArray, SlowLog, SweepLevel
from controller.shots.signals import BASELINE_MIN_POINTS, baseline, before_t0, lsb, scale_values, time_axis

SETTLED_POINTS = 20
"""A slow log's level is the median of this many samples (0.2 s at 100 Hz): one EMI spike does not move it."""

FIRE_POINTS = 3
"""An isolated bank droops by 1 % a second, so only the newest samples count; three survive one spike."""

SIGN_NOISE_FACTOR = 6.0
"""A pulse has a sign when its extreme stands this many noise sigmas above the baseline."""

SIGN_BLOCK_S = 20e-6
"""Interference of a trigger lasts some microseconds, the shortest pulse of a bench some hundred."""

DUMP_SETTLE_S = 0.05
"""A decay is fitted from here after the dump's command: relays travel 15-30 ms and bounce (bench.md section 1)."""

NO_PRETRIGGER = "no samples before T0 to take the baseline from"


@dataclass(frozen=True, slots=True)
class MeasureContext:
    """The instants of the shot on the slow logs' axis, in seconds since its start; None when it did not get there."""

    t0_s: float | None = None
    dump_s: float | None = None
    safe_s: float | None = None
    levels: tuple[SweepLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A value in the function's natural unit with its u95, or (value None) the reason why there is none."""

    value: float | None
    unit: str
    u95: float | None = None
    reason: str = ""


Source = ChannelCapture | SlowLog
Function = Callable[[Source, MeasureContext], Reading]


@dataclass(frozen=True, slots=True)
class _Series:
    """A source as time and value, ready for evaluation; ``noise_u95`` is the uncertainty of its zero."""

    t_s: FloatArray
    value: FloatArray
    unit: str
    zero_u95: float
    relative_u95: float
    resolution: float


def _change(source: Source, context: MeasureContext) -> _Series | None:
    """The source with its level before T0 taken off; None without pre-trigger samples."""
    if isinstance(source, ChannelCapture):
        zero = baseline(source)
        if zero is None:
            return None
        values = scale_values(source) - zero[0]
        return _Series(time_axis(source), values, source.unit, zero[1], source.uncertainty, lsb(source))
    valid = np.isfinite(source.value)
    t_s = source.t_s[valid] - (context.t0_s or 0.0)
    return _Series(t_s, source.value[valid], source.unit, 0.0, 0.0, 0.0)


def _combined(series: _Series, value: float, *others: float) -> float:
    return float(hypot(series.relative_u95 * value, series.zero_u95, series.resolution / sqrt(3.0), *others))


def peak(source: Source, context: MeasureContext) -> Reading:
    """Largest value after T0, by a fit through the crest (physics.md A10)."""
    return _extreme(source, context, 1.0)


def minimum(source: Source, context: MeasureContext) -> Reading:
    """Smallest (most negative) value after T0, by the same fit."""
    return _extreme(source, context, -1.0)


def _extreme(source: Source, context: MeasureContext, sign: float) -> Reading:
    series = _change(source, context)
    if series is None:
        return Reading(None, source.unit, None, NO_PRETRIGGER)
    after = series.t_s >= 0.0
    fit = fit_peak(series.t_s[after], sign * series.value[after])
    if fit is None:
        return Reading(None, series.unit, None, "too few samples after T0")
    return Reading(sign * fit.value, series.unit, _combined(series, fit.value, fit.u95))


def time_of_peak(source: Source, context: MeasureContext) -> Reading:
    """Seconds from T0 to the crest of the larger excursion; u95 from the channel's delay and one sample."""
    series = _change(source, context)
    if series is None:
        return Reading(None, "s", None, NO_PRETRIGGER)
    after = series.t_s >= 0.0
    t_s, values = series.t_s[after], series.value[after]
    if values.size == 0:
        return Reading(None, "s", None, "too few samples after T0")
    sign = 1.0 if float(np.max(values)) >= -float(np.min(values)) else -1.0
    fit = fit_peak(t_s, sign * values)
    if fit is None:
        return Reading(None, "s", None, "too few samples after T0")
    step_s = float(t_s[1] - t_s[0])
    skew_s = source.delay_uncertainty_s if isinstance(source, ChannelCapture) else 0.0
    flatness_s = fit.half_window_s * sqrt(min(1.0, fit.u95 / max(abs(fit.value), 1e-300) / 0.03))
    return Reading(fit.t_s, "s", hypot(step_s, skew_s, flatness_s))


def integral(source: Source, context: MeasureContext) -> Reading:
    """Integral over the time after T0, in unit seconds: a charge for a current."""
    series = _change(source, context)
    if series is None:
        return Reading(None, f"{source.unit} s", None, NO_PRETRIGGER)
    after = series.t_s >= 0.0
    t_s, values = series.t_s[after], series.value[after]
    if t_s.size < 2:
        return Reading(None, f"{source.unit} s", None, "too few samples after T0")
    value = float(np.trapezoid(values, t_s))
    span_s = float(t_s[-1] - t_s[0])
    u95 = hypot(series.relative_u95 * value, series.zero_u95 * span_s)
    return Reading(value, f"{series.unit} s", u95)


def action_integral(source: Source, context: MeasureContext) -> Reading:
    """Integral of the square over the time after T0: the interlock's number, A^2 s (physics.md A7).

    The noise's own square (its variance before T0) is taken off, so that a long quiet tail adds nothing.
    """
    unit = f"{source.unit}^2 s"
    series = _change(source, context)
    if series is None:
        return Reading(None, unit, None, NO_PRETRIGGER)
    after = series.t_s >= 0.0
    t_s, values = series.t_s[after], series.value[after]
    if t_s.size < 2:
        return Reading(None, unit, None, "too few samples after T0")
    span_s = float(t_s[-1] - t_s[0])
    variance = float(np.var(before_t0(source))) if isinstance(source, ChannelCapture) else 0.0
    value = float(np.trapezoid(values * values, t_s)) - variance * span_s
    zero = 2.0 * series.zero_u95 * abs(float(np.trapezoid(values, t_s)))
    return Reading(value, unit, hypot(2.0 * series.relative_u95 * value, zero))


def value_at_fire(source: Source, context: MeasureContext) -> Reading:
    """The level just before T0: mean of a capture's pre-trigger, or a slow log's last settled samples before T0."""
    if isinstance(source, ChannelCapture):
        quiet = before_t0(source)
        if quiet.size < BASELINE_MIN_POINTS:
            return Reading(None, source.unit, None, NO_PRETRIGGER)
        return _level(quiet, source.unit, source.uncertainty, lsb(source))
    if context.t0_s is None:
        return Reading(None, source.unit, None, "the shot did not fire")
    return _last_before(source, context.t0_s)


def _last_before(log: SlowLog, t0_s: float) -> Reading:
    """Median of the last few valid samples before T0; their spread is the uncertainty, droop included."""
    values = log.value[(log.t_s <= t0_s) & np.isfinite(log.value)][-FIRE_POINTS:]
    if values.size == 0:
        return Reading(None, log.unit, None, "no valid sample before T0")
    return Reading(float(np.median(values)), log.unit, float(np.ptp(values)))


def end_voltage(source: Source, context: MeasureContext) -> Reading:
    """The level at the end of the record: median of a slow log's last samples, mean of a capture's last hundredth.

    Samples from before the bench was verified safe count only where there are too few after it.
    """
    if isinstance(source, ChannelCapture):
        tail = scale_values(source)[-max(BASELINE_MIN_POINTS, source.raw.size // 100) :]
        return _level(tail, source.unit, source.uncertainty, lsb(source))
    everything = np.ones(source.t_s.size, dtype=np.bool_)
    after = everything if context.safe_s is None else source.t_s >= context.safe_s
    return _settled(source, after if np.count_nonzero(after) >= FIRE_POINTS else everything)


def calorimetric_deviation(source: Source, context: MeasureContext) -> Reading:
    """How far coupler and water are apart at worst, as a part of what the water took; over all levels of a sweep."""
    if not context.levels:
        return Reading(None, "1", None, "no level of a sweep was measured")
    worst = 0.0
    for level in context.levels:
        if level.coupler_w is None or level.calorimetric_w is None or not level.calorimetric_w > 0.0:
            return Reading(None, "1", None, f"{level.step}: coupler or water said nothing")
        worst = max(worst, abs(level.coupler_w / level.calorimetric_w - 1.0))
    return Reading(worst, "1")


def _settled(log: SlowLog, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Reading:
    values = log.value[chosen & np.isfinite(log.value)][-SETTLED_POINTS:]
    if values.size == 0:
        return Reading(None, log.unit, None, "no valid sample")
    return Reading(float(np.median(values)), log.unit, float(2.0 * np.std(values) / sqrt(values.size)))


def _level(values: FloatArray, unit: str, relative_u95: float, resolution: float) -> Reading:
    if values.size == 0:
        return Reading(None, unit, None, "no samples")
    mean = float(np.mean(values))
    scatter = 2.0 * float(np.std(values)) / sqrt(values.size)
    return Reading(mean, unit, hypot(relative_u95 * mean, scatter, resolution / sqrt(3.0)))


def dump_tau(source: Source, context: MeasureContext) -> Reading:
    """Time constant of the decay after the dump's command, from a slow log (or a capture after T0)."""
    if isinstance(source, ChannelCapture):
        t_s = time_axis(source)
        chosen = t_s >= 0.0
        fit = fit_decay(t_s[chosen], scale_values(source)[chosen])
    elif context.dump_s is None:
        return Reading(None, "s", None, "the shot did not dump")
    else:
        chosen = (source.t_s >= context.dump_s + DUMP_SETTLE_S) & np.isfinite(source.value)
        fit = fit_decay(source.t_s[chosen], source.value[chosen])
    if fit is None:
        return Reading(None, "s", None, "no decay to fit")
    return Reading(fit.tau_s, "s", fit.u95_s)


def noise_rms(source: Source, context: MeasureContext) -> Reading:
    """Standard deviation before T0, or of the whole record when nothing was fired."""
    if isinstance(source, ChannelCapture):
        values = scale_values(source) if context.t0_s is None else before_t0(source)
    else:
        values = source.value[np.isfinite(source.value)]
    if values.size < BASELINE_MIN_POINTS:
        return Reading(None, source.unit, None, "too few samples")
    rms = float(np.std(values))
    return Reading(rms, source.unit, 2.0 * rms / sqrt(2.0 * values.size))


def sign(source: Source, context: MeasureContext) -> Reading:
    """+1 or -1 for the direction of the larger excursion after T0; none when it drowns in the noise.

    Excursions are medians of 20 us: interference on a weak pulse is higher than the pulse, and shorter than that.
    """
    series = _change(source, context)
    if series is None:
        return Reading(None, "", None, NO_PRETRIGGER)
    later = series.t_s >= 0.0
    after = _medians(series.t_s[later], series.value[later])
    if after.size == 0:
        return Reading(None, "", None, "too few samples after T0")
    noise = float(np.std(before_t0(source))) if isinstance(source, ChannelCapture) else 0.0
    extreme = float(after[int(np.argmax(np.abs(after)))])
    if abs(extreme) <= SIGN_NOISE_FACTOR * max(noise, series.resolution):
        return Reading(None, "", None, "no pulse above the noise")
    return Reading(1.0 if extreme > 0.0 else -1.0, "", 0.0)


def _medians(t_s: FloatArray, values: FloatArray) -> FloatArray:
    """Medians of consecutive blocks of :data:`SIGN_BLOCK_S`; the samples themselves where they are no denser."""
    step_s = (t_s[-1] - t_s[0]) / (t_s.size - 1) if t_s.size > 1 else SIGN_BLOCK_S
    block = max(1, round(SIGN_BLOCK_S / step_s))
    whole = values.size - values.size % block
    medians: FloatArray = np.median(values[:whole].reshape(-1, block), axis=1)
    return medians


FUNCTIONS: Mapping[str, Function] = {
    "peak": peak,
    "minimum": minimum,
    "time_of_peak": time_of_peak,
    "integral": integral,
    "action_integral": action_integral,
    "value_at_fire": value_at_fire,
    "dump_tau": dump_tau,
    "end_voltage": end_voltage,
    "noise_rms": noise_rms,
    "sign": sign,
    "calorimetric_deviation": calorimetric_deviation,
}
"""What ``plan.Measurement.function`` may name."""

SLOW_FIRST = frozenset({"value_at_fire", "dump_tau", "end_voltage"})
"""Functions about the slow course of a shot: of a slow log and a capture with the same name they take the log."""
