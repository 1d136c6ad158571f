"""PURE: which pulse breaks down next: the process of ``breakdown/``, looked ahead of."""

from firmware_sim.plant.breakdown.faults import Breakdown, breakdown_at
from firmware_sim.plant.breakdown.parameters import BreakdownParameters
from firmware_sim.plant.breakdown.points import RandomPoints
from firmware_sim.plant.breakdown.process import OFF, BreakdownState, Drive, advance, fresh
from firmware_sim.plant.breakdown.surface import probability

AHEAD = 65_536
"""Pulses looked ahead: 22 minutes at 50 Hz; a change of the drive looks anew."""


class Striking:
    """``pulse`` is the next one that is not decided. Cutting a stretch changes nothing (``process.advance``)."""

    def __init__(self, parameters: BreakdownParameters, seed: int) -> None:
        self._p = parameters
        self._points = RandomPoints(seed)
        self._drive = OFF
        self._known_until = 0
        self._next: int | None = None
        self.state: BreakdownState = fresh(parameters)
        self.pulse = 0

    def strike(self, drive: Drive) -> Breakdown | None:
        """Decide the next pulse under ``drive``: its breakdown, or None."""
        pulse = self.pulse
        self.pulse = pulse + 1
        if drive != self._drive:
            self._catch_up(pulse)
            self._drive = drive
            self._known_until = pulse
        if not drive.fires:
            return None
        if pulse >= self._known_until:
            self._look(pulse)
        if pulse != self._next:
            return None
        self._catch_up(pulse + 1)
        self._known_until = pulse + 1
        return breakdown_at(self._points, self._p, pulse, drive.pulse_s)

    def skip(self) -> None:
        """A pulse without RF, or one that nothing triggered: it neither conditions nor breaks down."""
        self.strike(OFF)

    def rate(self) -> float:
        """Mean breakdowns per pulse under the present drive, clusters included."""
        return probability(self._p.law, self.state.strength, self._drive.field_v_per_m, self._drive.pulse_s)

    def _look(self, pulse: int) -> None:
        self._catch_up(pulse)
        _, self._next = advance(self._points, self._p, self.state, self._drive, pulse + AHEAD)
        self._known_until = pulse + AHEAD if self._next is None else self._next + 1

    def _catch_up(self, until: int) -> None:
        """Carry the state on; at most one breakdown lies in between, and it is the known one."""
        while self.state.pulse < until:
            self.state, _ = advance(self._points, self._p, self.state, self._drive, until)
