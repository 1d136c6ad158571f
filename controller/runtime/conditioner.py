"""A conditioning session: look, decide, keep, act, again; the decision is ``sequencer/conditioning.py`` and pure.

Whatever raises field or pulse length, or switches the drive on, is on the disk first: the state's file, then a barrier
of the journal (rule C2). Taking away waits for neither. What inhibits a pulse or trips is the hardware's and the PLC's.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from controller.runtime.conditioning_file import ConditioningFile
from controller.runtime.first_fault import FirstFaultScopes
from controller.runtime.offload import Offload
from controller.runtime.pulse_tally import COUNTER_MASK
from controller.runtime.situation import RUN_AGE_S, Reached, Situation
from controller.sequencer.conditioning import Action, FaultSeen, Observation, decide, resume
from controller.sequencer.conditioning_estimate import hours_to_goal, reached_text
from controller.sequencer.conditioning_state import ConditioningState, Fault
from controller.sequencer.run_plan import ConditioningPlan
from drivers.errors import InstrumentError
from drivers.ports import GaugeStatus, VacuumGauge

POLL_S = 0.05
"""How often a fault is looked for between two decisions: with every run block."""

POLL_MIN_S = 0.001
"""The last bit of a wait: less than a clock shows would be no wait at all."""

ESTIMATE_S = 10.0
"""The hours to the goal are estimated so often: nobody plans by the second."""

KEEP_S = 60.0
"""The kept state is never older while a session runs."""

GAUGE_S = 1.0
"""Longest wait for the gauge; later there is no pressure, and no pressure steps the field down."""

UNDER_RANGE_PART = 0.1
"""A gauge that says "less than I can measure" reads as this part of the pressure that is good again."""

SLACK_S = 1.0
"""Beside the pulses of an action: nothing is asked so often that this matters."""

FAULTS = {
    "OVER_CURRENT": Fault.GUN_ARC,
    "ARC": Fault.WAVEGUIDE_ARC,
    "VSWR": Fault.VSWR,
    "VACUUM": Fault.VACUUM,
}
"""The PLC's causes in the decision's words. A window that inhibits is no fault: the pressure says it itself.

In this order within one pulse: an arc in the gun sets the arc latch as well, one in the waveguide draws no current; an
arc reflects, and frees gas.
"""

_ORDER = {kind: place for place, kind in enumerate(FAULTS.values())}


class Drive(Protocol):
    """What a session does to the drive source; each returns once the instrument has confirmed it."""

    async def level(self, drive_w: float, width_s: float) -> None:
        """Power and pulse length; the output stays as it was."""
        ...

    async def output(self, on: bool) -> None:
        """Drive on or off."""
        ...

    async def measured(self) -> tuple[float, float]:
        """Power in W and pulse length in s as the source holds them."""
        ...


@dataclass(frozen=True, slots=True)
class SessionTools:
    """What a session needs beside its plan."""

    drive: Drive
    gauge: VacuumGauge | None
    gauge_number: int
    file: ConditioningFile
    offload: Offload
    record: Callable[[str], Awaitable[None]]
    note: Callable[[str, str, str], None]
    alive: Callable[[float], None]
    """Called with how many seconds the next wait may take."""
    scopes: FirstFaultScopes


class Conditioner:
    """One session of one part. :meth:`begin`, then :meth:`run` while the PLC is in RUN."""

    def __init__(self, plan: ConditioningPlan, situation: Situation, tools: SessionTools) -> None:
        self._plan = plan
        self._situation = situation
        self._tools = tools
        self._loop = asyncio.get_running_loop()
        self._state: ConditioningState | None = None
        self._counter = 0
        self._pulse = 0
        self._seen_s = 0.0
        self._fired = 0
        self._on = False
        self._field_v_per_m = 0.0
        self._pulse_s = 0.0
        self._held = (0.0, 0.0)
        self._because = ""
        self._kept_s = self._loop.time()
        self._estimated_s = -math.inf

    @property
    def state(self) -> ConditioningState:
        """Where the conditioning stands. Raises RuntimeError before :meth:`begin`."""
        if self._state is None:
            raise RuntimeError("the conditioning has not begun")
        return self._state

    async def begin(self, fresh: bool) -> None:
        """Take up the kept state, or begin anew. Raises StateRefused, OSError."""
        recipe = self._plan.recipe
        file = self._tools.file
        self._state = await self._tools.offload(partial(file.begin, recipe, fresh))
        since = f"goes on after {self._state.pulses_total} pulses" if self._state.pulses_total else "begins anew"
        self._tools.note("conditioning", "info", f"{file.serial} {since}, kept in {file.path}")

    async def run(self, session_s: float) -> None:
        """Condition until the goal, the end of the budget or the end of the session; the drive is off after it.

        Raises InstrumentError, JournalError, OSError: the run ends then, with what was kept.
        """
        until_s = self._loop.time() + session_s
        self._counter, self._seen_s = self._block_counter(), self._situation.run_ns * 1e-9
        self._state, action = resume(self._plan.recipe, self.state, self._pulse, self._fired, self._seen_s)
        if self.state.pulses_total == 0:
            self._state = replace(self.state, drop=0.0)  # there is nothing to come back to
        try:
            while not self.state.phase.ended and self._loop.time() < until_s:
                await self._act(action)
                self._show()
                await self._keep_now_and_then()
                await self._wait(min(until_s, self._loop.time() + action.pulses / self._plan.recipe.rate_hz))
                seen, before = await self._look(), self.state
                self._state, action = decide(self._plan.recipe, before, seen)
                self._tell_fault(before)
            await self._off()
            self._show()
            self._tell(action)
            self._tools.note("conditioning", "info", f"reached: {reached_text(self._plan.recipe, self.state)}")
        except asyncio.CancelledError:
            raise  # a hold or an abort waits for no disk: what was kept is a minute old at most
        except BaseException:
            await self._keep()
            raise
        await self._keep()

    def _show(self) -> None:
        """For people: the field that is set now, and how long it still takes."""
        before, now_s = self._situation.reached, self._loop.time()
        early, late = before.hours_early, before.hours_late
        if now_s - self._estimated_s >= ESTIMATE_S or self.state.phase.ended:
            self._estimated_s = now_s
            estimate = hours_to_goal(self._plan.recipe, self.state)
            early, late = (math.nan, math.nan) if estimate is None else (estimate.low_h, estimate.high_h)
        self._situation.reached = Reached(self._field_v_per_m, self._pulse_s, early, late)

    async def _keep(self) -> None:
        await self._tools.offload(partial(self._tools.file.keep, self.state))
        self._kept_s = self._loop.time()

    async def _keep_now_and_then(self) -> None:
        if self._loop.time() - self._kept_s >= KEEP_S:
            await self._keep()

    # --- look ---------------------------------------------------------------------------------------------------

    def _block_counter(self) -> int:
        run = self._situation.run
        return 0 if run is None else run.pulse_counter

    def _count(self) -> None:
        """Pulses since the last count; they were fired if the drive was on. Counter and time are of one block."""
        counter, self._seen_s = self._block_counter(), self._situation.run_ns * 1e-9
        pulses = (counter - self._counter) & COUNTER_MASK
        self._counter = counter
        self._pulse += pulses
        self._fired += pulses if self._on else 0

    async def _look(self) -> Observation:
        self._count()
        faults = self._faults()
        if faults:
            self._tools.scopes.catch(self._loop.time())
        stale = self._loop.time() - self._seen_s > RUN_AGE_S
        if self._on:
            self._held = await self._tools.drive.measured()
        drive_w, width_s = self._held  # with the drive off: of the pulses that came before it was
        return Observation(
            pulse=self._pulse,
            fired=self._fired,
            time_s=math.nan if stale else self._seen_s,
            pressure_pa=await self._pressure_pa(),
            field_v_per_m=self._plan.field_v_per_m(drive_w),
            pulse_s=width_s,
            faults=faults,
        )

    def _faults(self) -> tuple[FaultSeen, ...]:
        """What has inhibited since the last look, in the pulse before which the counter stood still."""
        found = []
        while self._situation.inhibits:
            cause, counter = self._situation.inhibits.popleft()
            if cause in FAULTS:
                behind = (self._counter - counter) & COUNTER_MASK
                found.append(FaultSeen(FAULTS[cause], max(0, self._pulse - 1 - behind)))
        return tuple(sorted(found, key=lambda fault: (fault.pulse, _ORDER[fault.kind])))

    async def _pressure_pa(self) -> float:
        """In Pa; NaN where there is no pressure, which the decision takes for what it is."""
        gauge, number = self._tools.gauge, self._tools.gauge_number
        if gauge is None:
            return math.nan
        try:
            async with asyncio.timeout(GAUGE_S):
                reading = (await gauge.read()).get(number)
        except (TimeoutError, InstrumentError) as trouble:
            self._tools.note(gauge.name, "warning", f"no pressure: {trouble or 'no answer in time'}")
            return math.nan
        if reading is not None and reading.status is GaugeStatus.OK:
            return reading.pressure_pa
        under = reading is not None and reading.status is GaugeStatus.UNDER_RANGE
        return UNDER_RANGE_PART * self._plan.recipe.vacuum_resume_pa if under else math.nan

    # --- act ----------------------------------------------------------------------------------------------------

    async def _act(self, action: Action) -> None:
        self._tools.alive(SLACK_S)
        if not action.fires:
            await self._off()
        elif not self._on or action.field_v_per_m > self._field_v_per_m or action.pulse_s > self._pulse_s:
            await self._raise(action)
        elif (action.field_v_per_m, action.pulse_s) != (self._field_v_per_m, self._pulse_s):
            await self._set(action)
        self._tell(action)

    async def _raise(self, action: Action) -> None:
        """Written ahead: a file that is older than the field would go on too high, days later."""
        await self._keep()
        drive_w = self._plan.drive_w(action.field_v_per_m)
        self._situation.run_facts = {"drive_w": drive_w, "width_s": action.pulse_s, "serial": self._plan.serial}
        await self._tools.record("raise_intent")
        await self._set(action)
        if not self._on:
            self._count()
            await self._tools.drive.output(True)
            self._on = True

    async def _set(self, action: Action) -> None:
        await self._tools.drive.level(self._plan.drive_w(action.field_v_per_m), action.pulse_s)
        self._field_v_per_m, self._pulse_s = action.field_v_per_m, action.pulse_s

    async def _off(self) -> None:
        if self._on:
            await self._tools.drive.output(False)
            await self._next_block()
            self._count()
            self._on = False
            self._field_v_per_m = 0.0

    async def _next_block(self) -> None:
        """A run block that is newer than now, so that no pulse before it counts as one after it."""
        since_ns = round(self._loop.time() * 1e9)
        deadline = self._loop.time() + RUN_AGE_S
        # blocks come with the heartbeat, which waits for nobody
        while self._situation.run_ns <= since_ns and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)

    async def _wait(self, until_s: float) -> None:
        """Until the action's pulses are over, or a fault."""
        while self._loop.time() < until_s and not any(cause in FAULTS for cause, _ in self._situation.inhibits):
            self._tools.alive(POLL_S + SLACK_S)
            await self._tools.scopes.renew(self._loop.time())
            await asyncio.sleep(max(POLL_MIN_S, min(POLL_S, until_s - self._loop.time())))

    def _tell_fault(self, before: ConditioningState) -> None:
        """Each breakdown, by its first fault."""
        if sum(self.state.bursts) > sum(before.bursts):
            found = self.state.recent[-1]
            level = f"{found.field_v_per_m * 1e-6:.2f} MV/m, {found.pulse_s * 1e9:.0f} ns"
            self._tools.note("conditioning", "info", f"breakdown: {found.kind.label} in pulse {found.pulse}, {level}")

    def _tell(self, action: Action) -> None:
        """Why the field is what it is, when that has changed."""
        if action.because.name != self._because:
            self._because = action.because.name
            invalid = f" ({action.invalid})" if action.invalid else ""
            level = f"{action.field_v_per_m * 1e-6:.2f} MV/m, {action.pulse_s * 1e9:.0f} ns: " if action.fires else ""
            self._tools.note("conditioning", "info", f"{level}{action.because.value}{invalid}")
