"""PURE: numbers from a record: the functions that a profile's measurements name, their uncertainty and their verdict.

Every function takes the raw captures or slow logs, never anything already converted, so that a shot can be evaluated
again with corrected factors. A clipped record gives no number.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Protocol

from controller.sequencer.verdict import Side, Verdict, judge
from controller.shots.model import ChannelCapture, MeasuredValue, PulseTrain, SlowLog
from controller.shots.pulses import TRAIN_FUNCTIONS
from controller.shots.quantities import FUNCTIONS, SLOW_FIRST, MeasureContext, Reading, Source
from controller.shots.signals import is_clipped
from controller.shots.units import conversion


class MeasurementSpec(Protocol):
    """What this module needs of ``controller.sequencer.plan.Measurement``."""

    @property
    def name(self) -> str:
        """Key of the value."""
        ...

    @property
    def channel(self) -> str:
        """Name of the capture or slow log."""
        ...

    @property
    def function(self) -> str:
        """Key of FUNCTIONS, or of TRAIN_FUNCTIONS for a train."""
        ...

    @property
    def unit(self) -> str:
        """Unit of value and limits."""
        ...

    @property
    def lower(self) -> float | None:
        """Lower limit, or None."""
        ...

    @property
    def upper(self) -> float | None:
        """Upper limit, or None."""
        ...

    @property
    def title(self) -> str:
        """For people."""
        ...


def measure(
    spec: MeasurementSpec,
    captures: Sequence[ChannelCapture | PulseTrain],
    slow_logs: Sequence[SlowLog],
    context: MeasureContext,
    trains: Sequence[PulseTrain] = (),
) -> MeasuredValue:
    """Evaluate one measurement. Whatever keeps it from a number makes it ``inconclusive`` with the reason.

    A slow log wins over a capture of the same name for the functions of SLOW_FIRST. Trains may stand among the
    captures. Raises KeyError for a function that is in neither table (``compile`` has checked the profile).
    """
    if spec.function in TRAIN_FUNCTIONS:
        return _measure_train(spec, [*trains, *(item for item in captures if isinstance(item, PulseTrain))])
    function = FUNCTIONS[spec.function]
    source = _find(spec, [item for item in captures if isinstance(item, ChannelCapture)], slow_logs)
    if source is None:
        return _judge(spec, Reading(None, spec.unit, None, f"no record of channel {spec.channel}"))
    if isinstance(source, ChannelCapture) and is_clipped(source):
        return _judge(spec, Reading(None, spec.unit, None, "clipped: the signal left the instrument's range"))
    return _judge(spec, function(source, context), overdue=_is_overdue(source))


def measure_all(
    specs: Sequence[MeasurementSpec],
    captures: Sequence[ChannelCapture | PulseTrain],
    slow_logs: Sequence[SlowLog],
    context: MeasureContext,
) -> tuple[MeasuredValue, ...]:
    """All measurements of a plan, in its order."""
    return tuple(measure(spec, captures, slow_logs, context) for spec in specs)


def _measure_train(spec: MeasurementSpec, trains: Sequence[PulseTrain]) -> MeasuredValue:
    train = next((item for item in trains if item.channel == spec.channel), None)
    if train is None:
        return _judge(spec, Reading(None, spec.unit, None, f"no train of channel {spec.channel}"))
    if is_clipped(train.capture) and spec.function != "missing_pulses":
        return _judge(spec, Reading(None, spec.unit, None, "clipped: the signal left the instrument's range"))
    return _judge(spec, TRAIN_FUNCTIONS[spec.function](train), overdue=train.capture.calibration_overdue)


def _find(spec: MeasurementSpec, captures: Sequence[ChannelCapture], slow_logs: Sequence[SlowLog]) -> Source | None:
    capture = next((item for item in captures if item.channel == spec.channel), None)
    log = next((item for item in slow_logs if item.name == spec.channel), None)
    first, second = (log, capture) if spec.function in SLOW_FIRST else (capture, log)
    return first if first is not None else second


def _is_overdue(source: Source) -> bool:
    return isinstance(source, ChannelCapture) and source.calibration_overdue


_BEYOND = {Side.LOWER: "below the lower limit", Side.UPPER: "above the upper limit"}


def _judge(spec: MeasurementSpec, reading: Reading, overdue: bool = False) -> MeasuredValue:
    """Compare with the limits; acceptance is simple (the value itself), nearness to a limit is said in ``reason``."""
    value, u95, reason = _convert(reading, spec.unit)
    judged = judge(spec, value, u95 or 0.0)
    if judged.verdict is Verdict.FAIL:
        reason = _BEYOND[judged.side]
    elif judged.marginal:
        reason = "marginal: a limit lies within the uncertainty"
    if overdue:
        reason = f"{reason}; calibration overdue" if reason else "calibration overdue"
    return MeasuredValue(
        name=spec.name,
        title=spec.title or spec.name,
        channel=spec.channel,
        value=value,
        unit=spec.unit,
        lower=spec.lower,
        upper=spec.upper,
        uncertainty=u95,
        verdict=judged.verdict.label,
        margin=judged.margin,
        reason=reason,
        function=spec.function,
    )


def _convert(reading: Reading, unit: str) -> tuple[float | None, float | None, str]:
    """Value and u95 in ``unit``, or None with the reason."""
    if reading.value is None:
        return None, None, reading.reason
    if not isfinite(reading.value):
        return None, None, "the record holds invalid samples"
    factor = conversion(reading.unit, unit)
    if factor is None:
        return None, None, f"measured in {reading.unit}, which cannot be given in {unit}"
    return reading.value * factor, None if reading.u95 is None else abs(reading.u95 * factor), reading.reason
