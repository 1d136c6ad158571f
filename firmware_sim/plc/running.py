"""PURE: what a bench that runs has beside the state machine: windows, pulse counter, auxiliaries, its own events.

One object per PLC whose limits have a ``run:`` section; any other PLC has none and pays nothing for it.
"""

import math
from typing import TYPE_CHECKING, Any

from drivers.wire.plc import EventCode, PlcState, Refusal, Trip
from drivers.wire.plc_run import LATCHES, PlcRunStatus, RunFlag, decode_auxiliaries, inhibit_of, run_flags_of
from firmware_sim.plc.auxiliaries import AuxiliaryState, drive_auxiliaries, may_ask
from firmware_sim.plc.machine import ControlState, high_voltage_zero
from firmware_sim.plc.memory import Block
from firmware_sim.plc.pulses import PulseState, RunSeen, RunTimes, at_rest, resets_latches, retries_left
from firmware_sim.plc.report import FINITE_MAX_V
from firmware_sim.plc.ring import Ring
from firmware_sim.plc.run_limits import RunLimits
from firmware_sim.plc.windows import (
    Verdict,
    blame,
    causes_of,
    conclude,
    follow,
    left,
    read_windows,
    seasoned,
    unknown,
)
from firmware_sim.signals import FieldInputs, FieldOutputs

if TYPE_CHECKING:
    from firmware_sim.plc.levels import Levels
    from firmware_sim.plc.settings import Times

SEASONING_SCANS = 200
"""Two seconds: supplies and monitors have settled by then."""

COUNTER_MASK = 0xFFFFFFFF
"""The rig's pulse counter has 32 bits and runs over."""
_RUN = PlcState.RUN


class RunSide:
    """Windows, counter and auxiliaries of one PLC."""

    __slots__ = (
        "_block",
        "_counter",
        "_found",
        "_limits",
        "_new",
        "_seasoning",
        "_seen_once",
        "_was_on",
        "auxiliaries",
        "high_voltage_zero",
        "memory",
        "values",
        "verdict",
    )

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self.forget()
        times = RunTimes(retries=limits.retries)
        self._block = Block("q" * len(self._remembered(at_rest(times), times)))

    def forget(self) -> None:
        """A PLC that starts, or lost its memory: nothing is known, and what cools and heats goes on as it is."""
        self.memory = unknown(self._limits.windows)
        self.values: tuple[float, ...] = (math.nan,) * len(self._limits.windows)
        self.verdict = Verdict(False, False, False, 0)
        self.auxiliaries = AuxiliaryState()
        self.high_voltage_zero = False
        self._new = self._was_on = 0
        """Windows that left on this scan, and what was on before it: only for the events."""
        self._counter = 0
        self._seen_once = False
        self._seasoning = 0
        self._found = False

    def left_running(self) -> None:
        """The bench is found as it was left, hours ago: within SEASONING_SCANS, what is within its window is warm."""
        self._seasoning = SEASONING_SCANS
        self._found = True

    def _remembered(self, pulse: PulseState, times: RunTimes) -> tuple[int, ...]:
        """What one scan leaves to the next, the pulse inhibit and its times included."""
        memory = self.memory
        own = (*memory[:3], *memory.bad, *memory.good, *self.auxiliaries, self._counter, self._seen_once)
        return (*pulse[:-1], *pulse.ages, *times, *own)

    def excused(self) -> int:
        """Auxiliaries with a fault of their own now, one bit each: for judges."""
        lost = left(self.memory, self._limits.windows)
        return sum(1 << at for at, one in enumerate(self._limits.auxiliaries) if one.stops_on & lost)

    def store(self, pulse: PulseState, times: RunTimes) -> None:
        """Keep it all a second time (memory.py)."""
        self._block.store(self._remembered(pulse, times))

    def is_sound(self, pulse: PulseState, times: RunTimes) -> bool:
        """Nothing of it has changed since it was stored."""
        return self._block.holds(self._remembered(pulse, times))

    def damage(self, name: str, damaged: Any, control: ControlState, times: "Times") -> "tuple[ControlState, Times]":
        """The fault ``memory_flip`` in a part of this side."""
        if name == "windows":
            self.memory = damaged
        elif name == "pulse":
            control = control._replace(pulse=damaged)
        else:
            times = times._replace(run=damaged)
        return control, times

    def meet(self, inputs: FieldInputs) -> None:
        """Before anything else on a scan: what outlives a PLC is taken over by one that knows nothing yet, or finds it.

        That are the positions of bistable relays and the rig's counter; a command of the same scan comes after it.
        """
        if not self._seen_once:
            self._seen_once = True
            self._counter = inputs.pulse_counter
            self.auxiliaries = AuxiliaryState(inputs.auxiliaries, inputs.auxiliaries)
        elif self._found:
            self.auxiliaries = AuxiliaryState(inputs.auxiliaries, inputs.auxiliaries)
        self._found = False

    def see(self, inputs: FieldInputs, state: PlcState, under_test: int) -> RunSeen:
        """Take one scan's terminals in ``state``. Under the windows' own test relay nothing is learned from them.

        That relay opens every loop: warm-ups would begin again, and a heater would stop for a flow that is there.
        """
        windows = self._limits.windows
        self.values = values = read_windows(inputs.analogue, windows)
        before = self.memory
        if not under_test & Trip.WINDOW:
            self.memory = follow(before, values, windows)
        if self._seasoning:
            self._seasoning -= 1
            self.memory = seasoned(self.memory, values, windows)
        memory = self.memory
        self._new = memory.lost & ~before.lost | memory.dead & ~before.dead
        self.verdict = verdict = conclude(self.memory, windows, state)
        pulses = inputs.pulse_counter - self._counter & COUNTER_MASK
        self._counter = inputs.pulse_counter
        causes = inputs.pulse_latches & LATCHES | causes_of(verdict)
        return RunSeen(causes, verdict.inhibit, pulses, verdict.trip, verdict.fit, all(map(math.isnan, values)))

    def ask(self, arguments: tuple[int, ...]) -> Refusal:
        """AUXILIARIES, in any state: what shall be on from now on."""
        try:
            asked = decode_auxiliaries(arguments)
        except ValueError:
            return Refusal.OUT_OF_LIMITS
        if not may_ask(self.auxiliaries, asked, self.high_voltage_zero, self._limits.auxiliaries):
            return Refusal.GUARD
        self.auxiliaries = AuxiliaryState(asked, self.auxiliaries.on)
        return Refusal.ACCEPTED

    def trip(self, state: PlcState) -> None:
        """TRIP was entered from ``state``."""
        self.memory = blame(self.memory, self._limits.windows, state)

    def finish(
        self,
        outputs: FieldOutputs,
        ring: Ring,
        scan: int,
        before: ControlState,
        after: ControlState,
        levels: "Levels",
        times: "Times",
    ) -> None:
        """The end of a scan: outputs, events, memory."""
        self._drive(outputs, after, levels, times)
        self._note(ring, scan, before, after, times)
        self.store(after.pulse, times.run)

    def _drive(self, outputs: FieldOutputs, control: ControlState, levels: "Levels", times: "Times") -> None:
        """The outputs that only such a bench has, after this scan."""
        self.high_voltage_zero = high_voltage_zero(control, levels, times)
        lost = left(self.memory, self._limits.windows)
        self._was_on = self.auxiliaries.on
        state = drive_auxiliaries(self.auxiliaries, lost, self.high_voltage_zero, self._limits.auxiliaries)
        self.auxiliaries = state
        outputs.auxiliaries = state.on
        outputs.latch_reset = resets_latches(control.pulse, times.run)

    def _note(self, ring: Ring, scan: int, before: ControlState, after: ControlState, times: "Times") -> None:
        """Record what began or ended on this scan; called after :meth:`_drive`."""
        pulse = after.pulse
        if self._new:
            first = (self._new & -self._new).bit_length() - 1
            ring.record(scan, EventCode.WINDOWS, self.memory.dead << 16 | self.memory.lost, self.values[first])
        if pulse.inhibit & ~before.pulse.inhibit:
            detail = pulse.inhibit << 16 | retries_left(pulse, times.run)
            ring.record(scan, EventCode.INHIBIT, detail, float(pulse.pulses))
        if before.state is _RUN and after.state is not _RUN:
            ring.record(scan, EventCode.PULSES, pulse.pulses, float(times.run.pulses))
        if self._was_on != self.auxiliaries.on:
            ring.record(scan, EventCode.AUXILIARIES, self._was_on << 16 | self.auxiliaries.on)

    def status(self, scan: int, control: ControlState, times: "Times", outputs: FieldOutputs) -> PlcRunStatus:
        """The run block as of the last scan."""
        pulse, memory = control.pulse, self.memory
        flags = (
            RunFlag.PULSE_GATE * outputs.pulse_gate
            | RunFlag.LATCH_RESET * outputs.latch_reset
            | RunFlag.WINDOWS_FIT * self.verdict.fit
            | RunFlag.HIGH_VOLTAGE_ZERO * self.high_voltage_zero
        )
        return PlcRunStatus(
            scan=scan,
            flags=run_flags_of(flags),
            inhibit=inhibit_of(pulse.inhibit),
            retries_left=retries_left(pulse, times.run),
            run_age_ms=pulse.t * 10,
            pulses=pulse.pulses,
            pulses_asked=times.run.pulses,
            pulse_counter=self._counter & COUNTER_MASK,
            windows_lost=memory.lost,
            windows_dead=memory.dead,
            windows_cold=self.verdict.cold,
            auxiliaries=self.auxiliaries.on,
            auxiliaries_asked=self.auxiliaries.asked,
            window_values=tuple(v if abs(v) < FINITE_MAX_V else math.nan for v in self.values),
        )
