"""PURE: PULSE-INHIBIT, the machine beside RUN: causes, hold-off, retry budget, pulse number and duty (bench.md 2).

The latches act in hardware within the pulse; this is what a scan of 10 ms adds: it keeps the gate shut until the cause
is gone and the hold-off over, and bounds how often. All of it are saturating integers, so that it is explored with
``step``, of which it is a part.
"""

from typing import NamedTuple

from drivers.wire.plc import PlcState
from drivers.wire.plc_run import PULSES_MAX

RETRIES_MAX = 8
"""Places of the budget: one saturating age each."""

_RUN = PlcState.RUN
_HIGH_VOLTAGE = frozenset({PlcState.CHARGE, PlcState.FLOAT, PlcState.RUN})
_OF_PERMIT = frozenset({PlcState.FLOAT, PlcState.RUN})


class RunTimes(NamedTuple):
    """Limits of RUN in scans and pulses."""

    run: int = 0
    """How long a permit lasts, counted from its first RUN."""
    hold_off: int = 0
    latch_reset: int = 0
    """Scans in which the latches must obey their reset."""
    retry_window: int = 0
    retries: int = 0
    duty_pulses: int = 0
    duty_window: int = 0
    pulses: int = 0
    """What the present RUN may fire; 0: as many as the duty allows."""


NO_RUN = RunTimes()
"""A bench that does not run."""


class RunSeen(NamedTuple):
    """What the run bench's own terminals say on one scan, windows and counter already judged."""

    causes: int = 0
    """Latches that are set, and windows that inhibit: ``InhibitCause`` bits."""
    soft: bool = False
    """One of the causes is a window that inhibits: it has to come back by itself before the hold-off begins."""
    pulses: int = 0
    """Pulses counted since the last scan."""
    window_trip: bool = False
    """A window that trips is lost in a state where it must hold, or a live zero is dead."""
    fit: bool = True
    """Every window that must hold here or in the next state does, and is warm."""
    all_dead: bool = False
    """No analogue input has a reading: what their test relay makes of them."""


NOTHING_SEEN = RunSeen()


class PulseState(NamedTuple):
    """Memory of the machine."""

    t: int = 0
    """Scans of FLOAT and RUN since the first RUN of this permit, that scan included; 0 before it."""
    inhibit: int = 0
    """Causes that keep the gate shut."""
    hold: int = 0
    """Scans since the causes that come back by themselves did."""
    pulses: int = 0
    """Counted in this RUN."""
    bucket: int = 0
    """Leaky bucket of the duty limit: filled by ``duty_window`` with a pulse, drained by ``duty_pulses`` per scan."""
    exhausted: bool = False
    """A cause came with no place left in the budget, or a latch did not obey its reset."""
    overrun: bool = False
    """Pulses on this scan that nothing allowed, or too many."""
    ages: tuple[int, ...] = ()
    """Scans since each of the last retries, youngest first, saturating at ``retry_window``: older ones are spent."""


AT_REST = PulseState()


def at_rest(times: RunTimes) -> PulseState:
    """Nothing has happened for a long time: the whole budget is there."""
    return PulseState(ages=(times.retry_window,) * times.retries)


def retries_left(p: PulseState, times: RunTimes) -> int:
    """Places of the budget that are free now."""
    return sum(age >= times.retry_window for age in p.ages)


def resets_latches(p: PulseState, times: RunTimes) -> bool:
    """The hold-off is over: the latches are told to let go."""
    return bool(p.inhibit) and p.hold >= times.hold_off


def advance(p: PulseState, state: PlcState, seen: RunSeen, times: RunTimes) -> PulseState:
    """One scan that begins in ``state``: before trips and transitions are looked for."""
    running = state is _RUN
    gate = running and not p.inhibit
    pulses = min(p.pulses + seen.pulses, (times.pulses or PULSES_MAX) + 1) if running else 0
    full = times.duty_pulses * times.duty_window
    bucket = max(0, p.bucket + seen.pulses * times.duty_window - times.duty_pulses)
    overrun = bucket > full or (seen.pulses > 0 and not gate) or 0 < times.pulses < pulses
    t = p.t
    if running or (t and state in _OF_PERMIT):
        t = min(t + 1, times.run)
    elif state not in _OF_PERMIT:
        t = 0
    ages = tuple(age + 1 if age < times.retry_window else age for age in p.ages)
    inhibit, hold, exhausted = 0, 0, False
    if state in _HIGH_VOLTAGE:
        inhibit, hold, ages, exhausted = _inhibit(p, seen, ages, times)
    return PulseState(t, inhibit, hold, pulses, min(bucket, full + 1), exhausted, overrun, ages)


def _inhibit(
    p: PulseState, seen: RunSeen, ages: tuple[int, ...], times: RunTimes
) -> tuple[int, int, tuple[int, ...], bool]:
    """inhibit, hold, ages and exhausted while there is high voltage."""
    if not p.inhibit:
        if not seen.causes:
            return 0, 0, ages, False
        # the oldest place is taken: it has to be free
        return seen.causes, 0, (0, *ages[:-1]), ages[-1] < times.retry_window
    asked = p.hold >= times.hold_off
    if asked and not seen.causes:
        return 0, 0, ages, False
    last = times.hold_off + times.latch_reset
    stuck = p.hold >= last and not seen.soft
    hold = 0 if seen.soft else min(p.hold + 1, last)
    return p.inhibit | seen.causes, hold, ages, stuck
