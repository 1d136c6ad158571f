"""What a step lets the instruments do: one coroutine per name in the step table.

Losing a required instrument raises; losing an optional one marks the shot and goes on (bench.md 4).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.runtime.bench import Bench
from controller.runtime.health import Health
from controller.runtime.scope_records import Recorded, differences, marked, read_channel, scope_setup
from controller.runtime.situation import Situation
from controller.sequencer.plan import InstrumentClass, Plan, ScopePlan, StepKind
from controller.sequencer.trains import transfer_s
from drivers.errors import InstrumentError, InstrumentRefused
from drivers.ports import ChargerReading, DelayPlan, ScopeSetup, ScopeState

if TYPE_CHECKING:
    from controller.runtime.run_actions import RunActions

TRIGGER_POLL_S = 0.02
"""How often an armed scope is asked whether it has triggered: a serial front panel takes about 10 ms."""

TRIGGER_WAIT_S = 2.0
"""Longest wait for a scope after its trigger: a record of a few milliseconds and its processing."""

TRANSFER_S = 60.0
"""Longest transfer of one waveform: 8 MB at 1 byte/us would be 8 s; a driver's own deadline is far shorter."""

LAST_LOOK_S = 0.4
"""Longest look at scopes and delay generator shortly before fire: it begins a second before (``steps.py``; a status of
50 ms later), and half a second before fire the links fall quiet."""

PROMPT_S = 0.1
"""What took longer to be read back at the end of the hold is not read back again in the countdown: a whole read-back is
some twenty exchanges, and a healthy scope may take 50 ms for each. A quarter of :data:`LAST_LOOK_S`, so that one bad
moment of a prompt instrument ends no shot."""

_TRIGGERING = frozenset({StepKind.FIRE, StepKind.REHEARSE})

Store = Callable[[str, str, Recorded], Awaitable[None]]


class ActionFailed(Exception):
    """An action's own verdict: the instruments answer, but not what the plan needs."""


@dataclass(slots=True)
class Captured:
    """What the actions learned: setups as armed, the delays as armed, waveforms by channel."""

    setups: dict[str, ScopeSetup] = field(default_factory=dict)
    delays: DelayPlan | None = None
    waveforms: dict[str, tuple[str, Recorded]] = field(default_factory=dict)


class Actions:
    """The actions of one shot. ``note`` publishes an event, ``store`` keeps a waveform before the record is built."""

    def __init__(
        self,
        plan: Plan,
        bench: Bench,
        situation: Situation,
        delay_plan: DelayPlan,
        health: Health,
        note: Callable[[str, str, str], None],
        store: Store,
    ) -> None:
        self._plan = plan
        self._bench = bench
        self._situation = situation
        self._delay_plan = delay_plan
        self._health = health
        self._note = note
        self._store = store
        self.captured = Captured()
        self._took_s: dict[str, float] = {}
        self._short: set[str] = set()
        self.running: RunActions | None = None
        """What plans with pulses have beside; set by the core, which knows the step."""
        self._table: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "configure": self.configure,
            "arm": self.arm,
            "recheck": self.recheck,
            "recheck_scopes": self.recheck_scopes,
            "last_look": self.last_look,
            "ready_charger": self.ready_charger,
            "rest_charger": self.rest_charger,
            "await_trigger": self.await_trigger,
            "force_trigger": self.force_trigger,
            "transfer": self.transfer,
            "salvage": self.salvage,
        }

    async def perform(self, action: str) -> None:
        """Run one action by name. Raises ActionFailed or InstrumentError."""
        await (self.running.table if self.running and action in self.running.table else self._table)[action]()

    def _class_of(self, name: str) -> InstrumentClass:
        return self._plan.instruments.get(name, InstrumentClass.REQUIRED)

    async def _guard(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Await ``work``; an optional instrument that fails is lost for this shot, any other raises."""
        if name in self._situation.lost_optional:
            work.close()
            return
        try:
            await work
        except (InstrumentError, ActionFailed) as trouble:
            if self._class_of(name) is not InstrumentClass.OPTIONAL:
                raise
            self._situation.lost_optional[name] = str(trouble)
            self._note(name, "warning", f"optional instrument lost, the shot goes on: {trouble}")

    async def _every_scope(self, work: Callable[[ScopePlan], Coroutine[Any, Any, None]]) -> None:
        await asyncio.gather(*(self._guard(scope.instrument, work(scope)) for scope in self._plan.scopes))

    async def configure(self) -> None:
        """Program delays, scopes and DAQ; each driver reads back what it wrote."""

        async def scope(plan: ScopePlan) -> None:
            await self._bench.scopes[plan.instrument].configure(scope_setup(plan))

        await asyncio.gather(
            self._guard(self._bench.delay.name, self._bench.delay.configure(self._delay_plan)),
            self._guard(self._bench.daq.name, self._bench.daq.configure(self._plan.daq_ranges_v)),
            self._every_scope(scope),
        )

    async def arm(self) -> None:
        """Arm delay generator and scopes, and remember how they read back."""

        async def delay() -> None:
            if self._plan.run is not None:
                return  # armed is for one edge from outside; pulses come from its own triggers
            await self._bench.delay.arm()
            self.captured.delays = await self._bench.delay.read_back()

        async def scope(plan: ScopePlan) -> None:
            instrument = self._bench.scopes[plan.instrument]
            await instrument.arm()
            self.captured.setups[plan.instrument] = held = await instrument.read_back()
            if changes := differences(scope_setup(plan), held):
                raise ActionFailed(f"{plan.instrument}: changed since it was configured: {', '.join(changes)}")

        await asyncio.gather(self._guard(self._bench.delay.name, delay()), self._every_scope(scope))

    async def recheck(self) -> None:
        """Armed still, and nobody turned a knob since arming (bench.md 3, items 4 and 8); the charge so far."""

        async def charger() -> None:
            # how much went in, as of now: the watch compares it with the probes before anything may be isolated
            reading = await self._read_charger()
            self._situation.take_charger(reading, round(asyncio.get_running_loop().time() * 1e9))

        await self._guard(self._bench.charger.name, charger())
        await self.recheck_scopes()

    async def recheck_scopes(self) -> None:
        """Delay generator, then scopes: a trigger that it gives by mistake shows in them. Nothing hurries yet."""
        if self.captured.delays is not None:  # a plan that fires nothing has armed nothing
            name = self._bench.delay.name
            await self._guard(name, self._timed(name, self._check_delays))
            await self._every_scope(lambda plan: self._timed_scope(plan.instrument))
        elif self._plan.run is not None:
            await self._every_scope(lambda plan: self._timed_scope(plan.instrument))

    async def last_look(self) -> None:
        """The same once more before fire, over before the links fall quiet. A slow one is asked one question only."""
        if self.captured.delays is None:
            return
        until_s = asyncio.get_running_loop().time() + LAST_LOOK_S
        if self._situation.quiet_ns is not None:
            until_s = min(until_s, self._situation.quiet_ns * 1e-9)

        async def delay() -> None:
            await (self._check_delays() if self._prompt(self._bench.delay.name) else self._check_answers())

        async def scope(name: str) -> None:
            await (self._check_scope(name) if self._prompt(name) else self._check_armed(name))

        name = self._bench.delay.name
        await self._guard(name, _within(until_s, name, delay))
        await self._every_scope(lambda plan: _within(until_s, plan.instrument, lambda: scope(plan.instrument)))

    async def _timed_scope(self, name: str) -> None:
        await self._timed(name, lambda: self._check_scope(name))

    async def _timed(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = asyncio.get_running_loop()
        before_s = loop.time()
        await work()
        self._took_s[name] = loop.time() - before_s

    def _prompt(self, name: str) -> bool:
        took_s = self._took_s.get(name, 0.0)
        if took_s <= PROMPT_S:
            return True
        what = f"reading it back took {took_s:.2f} s, too long shortly before fire: its settings stand as read before"
        self._note(name, "warning", what)
        return False

    async def _check_delays(self) -> None:
        if await self._bench.delay.read_back() != self.captured.delays:
            raise ActionFailed(f"{self._bench.delay.name}: delays changed since arming")

    async def _check_answers(self) -> None:
        await self._bench.delay.identify()

    async def _check_scope(self, name: str) -> None:
        await self._check_armed(name)
        if changes := await self._changes(name):
            raise ActionFailed(f"{name}: changed at its front panel since arming: {changes}")

    async def _check_armed(self, name: str) -> None:
        state = await self._bench.scopes[name].state()
        if state is not ScopeState.ARMED:
            raise ActionFailed(f"{name}: not armed any more but {state.value}")

    async def _changes(self, name: str) -> str:
        """What differs from the setup that was armed, for a person; empty when nothing does."""
        return ", ".join(differences(self.captured.setups[name], await self._bench.scopes[name].read_back()))

    async def _read_charger(self) -> ChargerReading:
        """A reading is lost with the second miss, here as for the poller (safety.md 2.3 row 10)."""
        try:
            return await self._bench.charger.read()
        except InstrumentError as trouble:
            self._note(self._bench.charger.name, "warning", str(trouble))
            return await self._bench.charger.read()

    async def ready_charger(self) -> None:
        """Set-points and output on; the PLC's hard-wired inhibit still holds the charger off."""
        await self._bench.charger.configure(self._plan.charge_voltage_v, self._plan.charge_current_a)
        await self._bench.charger.output(True)

    async def rest_charger(self) -> None:
        """Output off: the second line behind the PLC's hard-wired inhibit, so it can wait until the pulse is over."""
        left_s = self._situation.emi_left_s(round(asyncio.get_running_loop().time() * 1e9))
        if left_s > 0.0:  # else not even one turn of the loop
            await asyncio.sleep(left_s)
        if self.running is None:
            await self._bench.charger.output(False)
            return
        resting = asyncio.get_running_loop().create_task(self.running.rest(), name="triggers and drive off")
        try:
            await self._bench.charger.output(False)
        finally:
            await resting

    async def _await_record(self, plan: ScopePlan) -> None:
        if plan.segments > 1:
            await self._await_train(plan)
        else:
            await self._await_trigger(plan.instrument)

    async def _await_train(self, plan: ScopePlan) -> None:
        """All segments, or no further one for :data:`TRIGGER_WAIT_S`: what came is recorded, the rest is missing."""
        loop = asyncio.get_running_loop()
        scope, seen = self._bench.scopes[plan.instrument], 0
        deadline = loop.time() + TRIGGER_WAIT_S
        while (done := await scope.segments_done()) < plan.segments:
            if done > seen:
                seen, deadline = done, loop.time() + TRIGGER_WAIT_S
            elif loop.time() > deadline:
                break
            await asyncio.sleep(TRIGGER_POLL_S)
        if done == 0:
            state = await scope.state()
            raise ActionFailed(f"{plan.instrument}: no trigger was recorded; it is {state.value}")
        if done < plan.segments and plan.instrument not in self._short:
            self._short.add(plan.instrument)
            what = f"{done} of {plan.segments} segments came, the train is recorded as it is"
            self._note(plan.instrument, "warning", what)

    async def _await_trigger(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TRIGGER_WAIT_S
        while True:
            state = await self._bench.scopes[name].state()
            if state is ScopeState.TRIGGERED:
                return
            if loop.time() > deadline:
                raise ActionFailed(f"{name}: no trigger was recorded; it is {state.value}")
            await asyncio.sleep(TRIGGER_POLL_S)

    async def await_trigger(self) -> None:
        """Every scope has recorded its trigger."""

        async def scope(plan: ScopePlan) -> None:
            await self._await_record(plan)

        await self._every_scope(scope)

    async def force_trigger(self) -> None:
        """Trigger every scope by command and wait for the records."""

        async def scope(plan: ScopePlan) -> None:
            await self._bench.scopes[plan.instrument].force_trigger()
            await self._await_record(plan)

        await self._every_scope(scope)

    async def transfer(self) -> None:
        """Read every planned channel and store it, then see that everything the shot depended on still answers."""

        running = self.running
        if running is not None and (running.tools.held() or running.run.conditioning is not None):
            await self.salvage()  # the pulses ended when they did: what came is recorded, and there may be nothing
            return

        async def scope(plan: ScopePlan) -> None:
            await self._await_record(plan)
            await self._read(plan, await self._mark_changes(plan.instrument))

        await self._every_scope(scope)
        await self._look_back()

    async def _mark_changes(self, name: str) -> str:
        """A knob turned after the last look before fire: the record holds what it was taken with, and says so."""
        if name not in self.captured.setups:
            return ""
        try:
            changes = await self._changes(name)
        except InstrumentRefused as refused:  # a setting that only the driver knows, such as the probe factor
            changes = refused.problem
        if changes:
            self._note(name, "warning", f"changed at its front panel since arming, the record is marked: {changes}")
        return changes

    async def _look_back(self) -> None:
        """A shot whose charger, DAQ or delay generator died on the way is no good shot, whatever the scopes show."""

        async def charger() -> None:
            await self._read_charger()

        async def daq() -> None:
            await self._bench.daq.read()

        async def delay() -> None:
            if not await self._bench.delay.triggered():
                raise ActionFailed(f"{self._bench.delay.name}: saw no trigger in this shot")

        await self._guard(self._bench.charger.name, charger())
        await self._guard(self._bench.daq.name, daq())
        if self.captured.delays is not None and any(step.kind in _TRIGGERING for step in self._plan.steps):
            await self._guard(self._bench.delay.name, delay())

    async def salvage(self) -> None:
        """After an abort: keep what the scopes caught; one that caught nothing is noted, never waited for."""
        for plan in self._plan.scopes:
            if plan.instrument not in self.captured.setups:
                continue  # never armed by this run: what it holds is another shot's, or nothing
            if all(channel.channel in self.captured.waveforms for channel in plan.channels):
                continue  # transferred before the run ended
            try:
                if await self._bench.scopes[plan.instrument].state() is ScopeState.TRIGGERED:
                    await self._read(plan)
                else:
                    self._note(plan.instrument, "info", "nothing was recorded")
            except InstrumentError as trouble:
                self._note(plan.instrument, "warning", f"record not transferred: {trouble}")

    async def _read(self, plan: ScopePlan, changes: str = "") -> None:
        instrument = self._bench.scopes[plan.instrument]
        for channel in plan.channels:
            if channel.channel in self.captured.waveforms:
                continue
            now_ns = round(asyncio.get_running_loop().time() * 1e9)
            self._health.promise("intent", now_ns, TRANSFER_S + transfer_s(plan))
            recorded = marked(await read_channel(instrument, channel.source, plan.segments), changes)
            self.captured.waveforms[channel.channel] = (plan.instrument, recorded)
            await self._store(channel.channel, plan.instrument, recorded)


async def _within(until_s: float, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Await ``work()`` until that loop time, and do not even begin after it. Raises ActionFailed when it is late."""
    try:
        if asyncio.get_running_loop().time() >= until_s:
            raise TimeoutError
        async with asyncio.timeout_at(until_s):
            await work()
    except TimeoutError:
        raise ActionFailed(f"{name}: not looked at in time before the links fall quiet for the pulse") from None
