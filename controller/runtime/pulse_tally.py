"""PURE: pulses that should have come and did not, while the gate is open; an estimate for people, not for a verdict.

The PLC's counter says what came, the rate what should have. Blocks come 50 ms apart and a trigger can stand on either
side of one, so one pulse at each end of a stretch is in doubt; the scopes' segments tell exactly, after the run.
"""

import math
from dataclasses import dataclass

from drivers.wire.plc_run import PlcRunStatus, RunFlag

COUNTER_MASK = 0xFFFFFFFF
"""The rig's pulse counter has 32 bits and runs over."""

DOUBT = 1
"""Pulses in doubt at each end of a stretch."""

GAP_S = 0.3
"""Blocks further apart than this end a stretch: the reader stood still, and nobody knows what the gate did."""


@dataclass(slots=True)
class PulseTally:
    """Counts over stretches in which the gate stays open and nothing inhibits. :attr:`missing` never falls."""

    _start: tuple[int, int] | None = None
    _last: tuple[int, int] | None = None
    _begun: bool = False
    _before: int = 0
    _now: int = 0

    @property
    def missing(self) -> int:
        """Pulses that did not come, those of closed stretches and of this one."""
        return self._before + self._now

    def restart(self) -> None:
        """Count from zero."""
        self._start = self._last = None
        self._begun, self._before, self._now = False, 0, 0

    def take(self, run: PlcRunStatus, now_ns: int, rate_hz: float) -> None:
        """One run block, as it came."""
        passing = RunFlag.PULSE_GATE in run.flags and not run.inhibit and rate_hz > 0.0
        here = (now_ns, run.pulse_counter)
        late = self._last is not None and (now_ns - self._last[0]) * 1e-9 > GAP_S
        if not passing or late:
            self._before, self._now = self.missing, 0
            self._start, self._last, self._begun = (here if passing else None), (here if passing else None), False
            return
        if self._start is None or (not self._begun and run.pulse_counter == self._start[1]):
            self._start = self._last = here  # before the first pulse nobody knows since when triggers come
            return
        self._begun, self._last = True, here
        came = (run.pulse_counter - self._start[1]) & COUNTER_MASK
        due = (now_ns - self._start[0]) * 1e-9 * rate_hz
        self._now = max(self._now, math.floor(due + 1e-9) - came - DOUBT)
