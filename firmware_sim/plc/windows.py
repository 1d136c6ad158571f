"""PURE: analogue inputs that must stay within a window: debounce, resume bounds, warm-up, live zero (safety.md 2.3).

Like every other trend this is not part of ``step``: it turns readings over time into the few bits of ``RunSeen``.
Comparisons are written so that NaN fails them.
"""

import math
from enum import Enum
from typing import NamedTuple

from drivers.wire.plc import PlcState
from drivers.wire.plc_run import InhibitCause

S = PlcState
_WINDOW = int(InhibitCause.WINDOW)


class Act(Enum):
    """What the loss of a window does. A dead live zero trips whatever this says."""

    TRIP = "trip"
    INHIBIT = "inhibit"
    PERMIT = "permit"
    """It keeps the bench from going on, and RUN from staying, and trips nothing."""


class Scale(Enum):
    """How a live zero's current means a value."""

    LINEAR = "linear"
    LOG = "log"


class LiveZero(NamedTuple):
    """A 4-20 mA input: the values at its ends, and the currents beyond which the transmitter or its wire is dead."""

    at_4_ma: float
    at_20_ma: float
    scale: Scale
    dead_below_ma: float
    dead_above_ma: float


class Window(NamedTuple):
    """One analogue input. Bounds are in its own unit, counts in scans, ``states`` one bit per ``PlcState``."""

    name: str
    low: float
    high: float
    resume_low: float
    resume_high: float
    debounce: int
    resume: int
    """Scans in a row within the resume bounds after which a lost window holds again."""
    warm_up: int
    """Scans in a row within the window, short excursions aside, before it permits anything."""
    states: int
    act: Act
    live_zero: LiveZero | None

    @property
    def good_max(self) -> int:
        """Where the count of good scans saturates."""
        return max(self.resume, self.warm_up)


class WindowMemory(NamedTuple):
    """What one scan leaves to the next: bits, and per window scans out of it and scans in it."""

    lost: int
    dead: int
    blamed: int
    """Windows that were lost when TRIP was entered: a reset waits for them."""
    bad: tuple[int, ...]
    good: tuple[int, ...]


class Verdict(NamedTuple):
    """What the windows say about one scan."""

    trip: bool
    inhibit: bool
    fit: bool
    cold: int
    """Windows whose warm-up is not over, one bit each."""


def unknown(windows: tuple[Window, ...]) -> WindowMemory:
    """Nothing has been read yet: every window is lost until it has held for its resume time."""
    none = (0,) * len(windows)
    return WindowMemory((1 << len(windows)) - 1, 0, 0, none, none)


def left(memory: WindowMemory, windows: tuple[Window, ...]) -> int:
    """Windows that are out of bounds now, for their debounce: not those that are only unknown, or not back for long."""
    return sum(1 << at for at, (w, bad) in enumerate(zip(windows, memory.bad, strict=True)) if bad >= w.debounce)


def value_of(reading: float, window: Window) -> float:
    """The reading in the window's own unit; NaN for a dead live zero and for what is no number."""
    zero = window.live_zero
    if zero is None:
        return reading if math.isfinite(reading) else math.nan
    if not zero.dead_below_ma <= reading <= zero.dead_above_ma:
        return math.nan
    part = (reading - 4.0) / 16.0
    if zero.scale is Scale.LOG:
        return zero.at_4_ma * math.exp(part * math.log(zero.at_20_ma / zero.at_4_ma))
    return zero.at_4_ma + part * (zero.at_20_ma - zero.at_4_ma)


def read_windows(readings: list[float], windows: tuple[Window, ...]) -> tuple[float, ...]:
    """The values of all windows; a terminal that is not there is dead."""
    missing = (math.nan,) * (len(windows) - len(readings))
    return tuple(value_of(reading, w) for reading, w in zip((*readings, *missing), windows, strict=False))


def follow(memory: WindowMemory, values: tuple[float, ...], windows: tuple[Window, ...]) -> WindowMemory:
    """Count one scan of ``values``."""
    lost, dead = memory.lost, 0
    bads, goods = [], []
    bit = 1
    for w, value, bad, good in zip(windows, values, memory.bad, memory.good, strict=True):
        if w.low <= value <= w.high:
            bad = 0
            if not lost & bit:
                good = min(good + 1, w.good_max)
            elif w.resume_low <= value <= w.resume_high:
                good = min(good + 1, w.good_max)
                lost = lost & ~bit if good >= w.resume else lost
            else:
                good = 0
        else:
            gone = not math.isfinite(value)
            bad = w.debounce if gone else min(bad + 1, w.debounce)
            dead |= bit if gone else 0
            if bad >= w.debounce:
                lost |= bit
                good = 0
        bads.append(bad)
        goods.append(good)
        bit <<= 1
    return WindowMemory(lost, dead, memory.blamed, tuple(bads), tuple(goods))


def seasoned(memory: WindowMemory, values: tuple[float, ...], windows: tuple[Window, ...]) -> WindowMemory:
    """As if what is within its resume bounds had been there for hours: for stand-ins that are found running."""
    lost, goods = memory.lost, list(memory.good)
    for at, (w, value) in enumerate(zip(windows, values, strict=True)):
        if w.resume_low <= value <= w.resume_high:
            lost &= ~(1 << at)
            goods[at] = w.good_max
    return memory._replace(lost=lost, good=tuple(goods))


_HIGH_VOLTAGE = frozenset({S.CHARGE, S.FLOAT, S.RUN})
"""Where a window that inhibits does that instead of keeping the bench from going on."""

_NEXT = {S.SAFE: S.OPENING, S.OPENING: S.CHARGE, S.CHARGE: S.FLOAT, S.FLOAT: S.RUN}


def blame(memory: WindowMemory, windows: tuple[Window, ...], state: PlcState) -> WindowMemory:
    """TRIP was entered from ``state``: remember which windows were lost there."""
    lost = sum(1 << at for at, w in enumerate(windows) if w.states >> state & 1) & (memory.lost | memory.dead)
    return memory._replace(blamed=lost)


def conclude(memory: WindowMemory, windows: tuple[Window, ...], state: PlcState) -> Verdict:
    """What it means in ``state``: here and, for what a start needs, in the state that comes next."""
    trip = inhibit = False
    fit, cold = True, 0
    following = _NEXT.get(state, state)
    for at, (w, good) in enumerate(zip(windows, memory.good, strict=True)):
        lost = memory.lost >> at & 1
        is_cold = good < w.warm_up
        cold |= is_cold << at
        here = w.states >> state & 1 or (state is S.TRIP and memory.blamed >> at & 1)
        if here and (memory.dead >> at & 1 or (lost and w.act is Act.TRIP)):
            trip = True
        if w.act is Act.INHIBIT:
            inhibit = inhibit or bool(here and lost)
            if state in _HIGH_VOLTAGE:
                continue
        if (lost or is_cold) and (here or w.states >> following & 1):
            fit = False
    return Verdict(trip, inhibit, fit, cold)


def causes_of(verdict: Verdict) -> int:
    """The inhibit cause of windows that inhibit."""
    return _WINDOW if verdict.inhibit else 0
