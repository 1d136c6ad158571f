"""PURE: one frequency, level or list sweep of the SMB100A stand-in: which point it is at, and when it ends."""

from dataclasses import dataclass
from enum import Enum


class SweepKind(Enum):
    """What a sweep moves."""

    FREQUENCY = "frequency"
    POWER = "power"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Points of equal dwell from ``start_ns`` on; ``ends`` and ``points`` describe a long one without listing it."""

    kind: SweepKind
    values: tuple[float, ...]
    dwell_s: float
    start_ns: int
    endless: bool = False
    ends: tuple[float, float] = (0.0, 0.0)
    points: int = 0
    logarithmic: bool = False

    @classmethod
    def between(
        cls,
        kind: SweepKind,
        ends: tuple[float, float],
        points: int,
        dwell_s: float,
        start_ns: int,
        endless: bool,
        logarithmic: bool = False,
    ) -> "Sweep":
        """``points`` values from one end to the other."""
        return cls(kind, (), dwell_s, start_ns, endless, ends, points, logarithmic)

    @property
    def count(self) -> int:
        """Number of points."""
        return self.points or len(self.values)

    def running(self, now_ns: int) -> bool:
        """True until the last point's dwell is over."""
        return self.endless or now_ns < self.start_ns + round(self.count * self.dwell_s * 1e9)

    def value(self, now_ns: int) -> float:
        """Frequency in hertz or level in dBm at this instant."""
        index = int((now_ns - self.start_ns) / 1e9 / self.dwell_s)
        index = index % self.count if self.endless else min(index, self.count - 1)
        if self.values:
            return self.values[index]
        low, high = self.ends
        fraction = index / max(1, self.count - 1)
        if self.logarithmic:
            return float(low * (high / low) ** fraction)
        return low + (high - low) * fraction
