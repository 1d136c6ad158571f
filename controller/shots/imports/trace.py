"""PURE: what every reader makes of a file: named traces with raw codes and their scaling."""

from dataclasses import dataclass, field

import numpy as np

from controller.shots.model import ChannelCapture, FloatArray, RawArray

FILE_MAX = 512 << 20
"""Bytes of one file: a scope's longest record of four channels; everything is read into memory."""

TRACES_MAX = 256
"""Traces of one file; a TDMS file of a data logger has some tens."""

CODE_MAX = (1 << 30) - 1
"""Floating-point values become codes of this size: 1e-9 of the largest value, below any instrument's resolution."""

STEP_TOLERANCE = 0.01
"""Largest deviation of a time column from even steps, in steps: the rounding of a printed number."""


class BadFile(ValueError):
    """A file that is not what its reader reads; ``remedy`` says what would be right."""

    def __init__(self, problem: str, remedy: str = "export the trace again") -> None:
        super().__init__(problem)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Trace:
    """``value = (raw - y_reference) * y_increment + y_origin`` in ``unit``, at ``i * x_increment_s + x_origin_s``."""

    name: str
    unit: str
    raw: RawArray
    x_increment_s: float
    x_origin_s: float
    y_increment: float
    y_origin: float = 0.0
    y_reference: float = 0.0
    full_scale: tuple[int, int] = (-CODE_MAX - 1, CODE_MAX + 1)
    notes: dict[str, str] = field(default_factory=dict)

    def values(self) -> FloatArray:
        """The samples in ``unit``."""
        found: FloatArray = (self.raw.astype(np.float64) - self.y_reference) * self.y_increment + self.y_origin
        return found

    def times(self) -> FloatArray:
        """Seconds after the file's own zero."""
        found: FloatArray = np.arange(self.raw.size, dtype=np.float64) * self.x_increment_s + self.x_origin_s
        return found

    def capture(self, channel: str, source: str, settings: dict[str, str]) -> ChannelCapture:
        """The trace as a record keeps it, under the name ``channel``."""
        return ChannelCapture(
            channel=channel,
            instrument="import",
            source=source,
            raw=self.raw,
            x_increment_s=self.x_increment_s,
            x_origin_s=self.x_origin_s,
            y_increment_v=self.y_increment,
            y_origin_v=self.y_origin,
            y_reference=self.y_reference,
            full_scale=self.full_scale,
            settings=settings | self.notes,
            scale=1.0,
            unit=self.unit,
            title=self.name,
        )


def from_values(name: str, unit: str, times: FloatArray, values: FloatArray) -> Trace:
    """A trace of two columns. Raises BadFile for uneven times and values that are not finite."""
    if times.size < 2 or times.size != values.size:
        raise BadFile(f"{name}: {times.size} times and {values.size} values are no trace", "give at least two samples")
    step_s = float(times[-1] - times[0]) / (times.size - 1)
    ideal = times[0] + np.arange(times.size) * step_s
    if not (np.isfinite(times).all() and step_s > 0.0 and np.abs(times - ideal).max() <= STEP_TOLERANCE * step_s):
        raise BadFile(f"{name}: the times do not rise in even steps", "export samples at a constant rate")
    return from_steps(name, unit, step_s, float(times[0]), values)


def from_steps(name: str, unit: str, step_s: float, start_s: float, values: FloatArray) -> Trace:
    """A trace of floating-point samples. Raises BadFile for a step that is none, and values that are not finite."""
    if not (np.isfinite(step_s) and step_s > 0.0 and np.isfinite(start_s)):
        raise BadFile(f"{name}: a time step of {step_s} s", "export samples at a constant rate")
    if not values.size or not np.isfinite(values).all():
        raise BadFile(f"{name}: it has no samples, or some that are not finite", "export a complete trace")
    largest = float(np.abs(values).max())
    increment = max(largest / CODE_MAX, np.finfo(np.float64).tiny * CODE_MAX)
    raw = np.rint(values / increment).astype(np.int32)
    return Trace(name, unit, raw, step_s, start_s, increment)
