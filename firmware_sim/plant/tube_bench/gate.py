"""PURE: what a trigger meets in hardware: the PLC's pulse gate, the latches, the duty limiter (safety.md 2.3).

The latches set within the pulse and hold the next one; they let go on the PLC's reset when their cause is over.
"""

from collections import deque
from enum import IntFlag

from firmware_sim.plant.rf.interlocks import Trip
from firmware_sim.plant.tube_bench.parameters import LimiterParameters, VacuumLatchParameters
from firmware_sim.plant.utilities.vacuum import vacuum_latch


class PulseLatch(IntFlag):
    """Bits of ``FieldInputs.pulse_latches``: ``InhibitCause`` of drivers/wire/plc_run.py (a test compares them)."""

    ARC = 1
    VSWR = 2
    OVER_CURRENT = 4
    VACUUM = 8


LATCH_OF: dict[Trip, PulseLatch] = {
    Trip.ARC_LIGHT: PulseLatch.ARC,
    Trip.ARC_CURRENT: PulseLatch.ARC,
    Trip.VSWR: PulseLatch.VSWR,
    Trip.OVER_CURRENT: PulseLatch.OVER_CURRENT,
}
"""A trip within the pulse -> the latch that the PLC sees."""


class PulseGate:
    """``latches`` now, and why an edge would be refused. ``log`` hears of every change, not of every edge."""

    def __init__(self, limiter: LimiterParameters, vacuum: VacuumLatchParameters, log: deque[tuple[int, str]]) -> None:
        self._shortest_ns = round(limiter.shortest_s * 1e9)
        self._vacuum = vacuum
        self._log = log
        self.latches = PulseLatch(0)
        self.open = False
        self.passed = 0
        self.refused = 0
        self._last_ns: int | None = None
        self._why = ""

    def command(self, t_ns: int, is_open: bool) -> None:
        """The PLC's output, through what L0 leaves of it."""
        if is_open is not self.open:
            self.open = is_open
            what = "open" if is_open else f"shut after {self.passed} pulses"
            self._log.append((t_ns, f"pulse gate {what}"))
            self.passed = 0
            self._why = ""

    def refusal(self, t_ns: int) -> str:
        """Why a trigger at ``t_ns`` starts nothing; empty: it does."""
        if not self.open:
            return "gate shut"
        if self.latches:
            return f"latched: {describe(self.latches)}"
        if self._last_ns is not None and t_ns - self._last_ns < self._shortest_ns:
            return "duty limiter"
        return ""

    def offer(self, t_ns: int) -> bool:
        """A trigger at ``t_ns``; True when it passes. The first of several refused for one reason is logged."""
        why = self.refusal(t_ns)
        if why:
            self.refused += 1
            if why != self._why:
                self._log.append((t_ns, f"triggers refused: {why}"))
        else:
            self._last_ns = t_ns
            self.passed += 1
        self._why = why
        return not why

    def forget(self) -> None:
        """The duty limiter is dead: it knows of no pulse before."""
        self._last_ns = None

    def set(self, t_ns: int, latches: PulseLatch, why: str) -> None:
        """Latches that set now."""
        if latches & ~self.latches:
            self._log.append((t_ns, f"latch {describe(latches & ~self.latches)}: {why}"))
        self.latches |= latches

    def watch_vacuum(self, t_ns: int, ion_pump_a: float, *, alive: bool = True) -> None:
        """The hard-wired comparator on the ion pump's current."""
        if alive and ion_pump_a > self._vacuum.trip_a:
            self.set(t_ns, PulseLatch.VACUUM, f"ion pump at {ion_pump_a * 1e6:.0f} uA")

    def reset(self, t_ns: int, ion_pump_a: float) -> None:
        """The PLC's reset: latches of pulses let go, that of the vacuum when it is good again."""
        if not self.latches:
            return
        stays = vacuum_latch(bool(self.latches & PulseLatch.VACUUM), ion_pump_a, *_limits(self._vacuum))
        kept = PulseLatch.VACUUM if stays else PulseLatch(0)
        if self.latches & ~kept:
            self._log.append((t_ns, f"latch {describe(self.latches & ~kept)} reset"))
        self.latches = self.latches & kept


def _limits(vacuum: VacuumLatchParameters) -> tuple[float, float]:
    return vacuum.trip_a, vacuum.clear_a


def describe(latches: PulseLatch) -> str:
    """Names of the latches that are set."""
    return " and ".join((latch.name or "").lower().replace("_", "-") for latch in PulseLatch if latch in latches)
