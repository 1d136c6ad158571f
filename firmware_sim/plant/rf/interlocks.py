"""PURE: the latches that act inside a pulse: arc (light, peak current), VSWR, over-current (safety.md 2.3 rows 43, 44).

A comparator looks at a signal; when that has stayed beyond its threshold for ``persist_s``, its latch sets
``delay_s`` later. The first latch switches the drive off ``switch_s`` later; the next pulse is inhibited.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from enum import Enum

import numpy as np

from firmware_sim.plant.rf.waves import Array, Wave, follow_real


class Trip(Enum):
    """The latches."""

    ARC_LIGHT = "arc light"
    ARC_CURRENT = "arc peak current"
    VSWR = "VSWR"
    OVER_CURRENT = "over-current"


@dataclass(frozen=True, slots=True)
class Comparator:
    """``threshold`` in the signal's unit; how long the signal must stay beyond it; from then to the latch."""

    threshold: float
    persist_s: float
    delay_s: float


@dataclass(frozen=True, slots=True)
class InterlockParameters:
    """Thresholds: watts of arc (its light follows them with ``light_tau_s``), amperes, |reflected / forward|, amperes.

    The VSWR comparator looks at the coupler's ports, each through a video bandwidth of ``video_tau_s``, while the
    forward port shows at least ``forward_floor_w`` (of line power). ``switch_s`` is from the latch to the drive off.
    """

    arc_light: Comparator
    arc_current: Comparator
    vswr: Comparator
    over_current: Comparator
    light_tau_s: float
    video_tau_s: float
    forward_floor_w: float
    switch_s: float


DEAD_OF = {
    "arc_detector_dead": (Trip.ARC_LIGHT,),
    "vswr_trip_dead": (Trip.VSWR,),
    "over_current_trip_dead": (Trip.ARC_CURRENT, Trip.OVER_CURRENT),
}
"""Fault -> the latches it stops."""


@dataclass(frozen=True, slots=True)
class Latches:
    """When each latch set, in s of the pulse's times; None: not in this pulse."""

    arc_light_s: float | None = None
    arc_current_s: float | None = None
    vswr_s: float | None = None
    over_current_s: float | None = None

    @property
    def first_s(self) -> float | None:
        """When the first one set."""
        return min((t for t in self.times().values() if t is not None), default=None)

    @property
    def first(self) -> Trip | None:
        """Which one that was (the order of :class:`Trip` decides at the same instant)."""
        first_s = self.first_s
        return None if first_s is None else next(trip for trip, t in self.times().items() if t == first_s)

    @property
    def inhibit_next(self) -> bool:
        """Whether the next pulse is inhibited: any latch holds it until it is cleared."""
        return self.first_s is not None

    def times(self) -> dict[Trip, float | None]:
        """Trip -> when."""
        return dict(zip(Trip, (getattr(self, f.name) for f in fields(self)), strict=True))


def compare(comparator: Comparator, signal: Array, start_s: float, step_s: float) -> float | None:
    """When the latch sets: the crossing (interpolated) after which the signal stays beyond, plus persistence and delay.

    None when the signal does not stay beyond long enough within the record.
    """
    beyond = signal > comparator.threshold
    if not beyond.any():
        return None
    edges = np.diff(beyond.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long_enough = np.flatnonzero((ends - starts) * step_s > comparator.persist_s)
    if not len(long_enough):
        return None
    n = int(starts[long_enough[0]])
    crossing = float(n)
    if n > 0:
        low, high = float(signal[n - 1]), float(signal[n])
        crossing = n - (high - comparator.threshold) / (high - low)
    return start_s + crossing * step_s + comparator.persist_s + comparator.delay_s


def watch(
    p: InterlockParameters,
    ports: tuple[Wave, Wave],
    coupling_db: float,
    arc_w: Array,
    current_a: Array,
    faults: Collection[str] = (),
) -> Latches:
    """The latches of one pulse from the coupler's (forward, reverse) ports, the arc's power and the tube's current.

    All arrays are on the ports' grid.
    """
    forward, reverse = ports
    start, step = forward.start_s, forward.step_s
    ahead = follow_real(np.abs(forward.amplitude), step, p.video_tau_s)
    behind = follow_real(np.abs(reverse.amplitude), step, p.video_tau_s)
    floor = (p.forward_floor_w * 10.0 ** (-coupling_db / 10.0)) ** 0.5
    ratio = np.where(ahead > floor, behind / np.maximum(ahead, floor), 0.0)
    light = follow_real(arc_w, step, p.light_tau_s)
    signals: Mapping[Trip, tuple[Comparator, Array]] = {
        Trip.ARC_LIGHT: (p.arc_light, light),
        Trip.ARC_CURRENT: (p.arc_current, current_a),
        Trip.VSWR: (p.vswr, ratio),
        Trip.OVER_CURRENT: (p.over_current, current_a),
    }
    dead = {trip for fault, trips in DEAD_OF.items() if fault in faults for trip in trips}
    return Latches(
        *(None if trip in dead else compare(comparator, x, start, step) for trip, (comparator, x) in signals.items())
    )
