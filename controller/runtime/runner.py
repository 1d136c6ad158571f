"""Drives the pure engine: events in, intents out, carried out one after the other on a task of their own.

While a long intent runs (a transfer, a self-test) every status still reaches the engine, so that a trip is acted on
when its frame arrives. DUMP does not queue: it goes out with the very next exchange.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from controller.messages import Event, Message, StepEntered
from controller.runtime.actions import ActionFailed, Actions
from controller.runtime.facts import journal_facts
from controller.runtime.health import PING_S, Health
from controller.runtime.heartbeat import Heartbeat
from controller.runtime.offload import Offload
from controller.runtime.orders import ShotTicket, arguments, describe_refusal
from controller.runtime.situation import EMI_S, Situation, observe
from controller.safety import watch
from controller.safety.bench import BenchState
from controller.sequencer import engine
from controller.sequencer.plan import InstrumentClass, Plan, StepKind
from controller.sequencer.steps import Command, Intent, Journal, Observation, Perform
from controller.shots.journal import JournalError
from controller.shots.journal_file import JournalFile
from drivers.errors import InstrumentError
from drivers.wire.plc import Input, PlcCommand, PlcState, PlcStatus, Refusal

BARRIER_S = 0.25
"""A journal barrier that takes longer aborts the shot (safety.md 6)."""

TRIPS_MAX = 256
"""Trips that a run reports: a PLC that trips more often in one run is broken, and its ring has the rest."""

REPEAT_S = 1.0
"""How often a command that waits for a person is asked again."""

INTENT_S = 30.0
"""Promise of the intent under way; drivers' own deadlines are shorter, and a transfer promises its own time."""

LOOK_S = 0.1
"""How often the sequence task looks at the intent under way, or for one, and so shows that it lives itself."""

PLC_SILENCE_S = 5.0
"""Without a status for this long while aborting, the PLC is lost and nothing can be proven (exit 4)."""

QUIET_BEFORE_S = 0.5
"""Pollers keep off the links from this long before fire."""


_DUMPS = frozenset({BenchState.DUMPING, BenchState.TRIP})
"""States that close the dumps; a trip does so by itself."""

_REST = Perform("rest_charger")
"""In an abort it starts at once, as DUMP does: taking energy away waits for no journal and for no other intent."""

_NEED_CONSENT = frozenset({PlcCommand.PERMIT, PlcCommand.FIRE_ENABLE, PlcCommand.FIRE, PlcCommand.RUN})


class Runner:
    """One run of one plan. :attr:`state` says where it stands; :attr:`finished` resolves at its end."""

    def __init__(
        self,
        plan: Plan,
        ticket: ShotTicket,
        situation: Situation,
        heartbeat: Heartbeat,
        actions: Actions,
        journal: JournalFile,
        limits: watch.WatchLimits,
        health: Health,
        offload: Offload,
        publish: Callable[[Message], None],
    ) -> None:
        self._plan = plan
        self._ticket = ticket
        self._situation = situation
        self._heartbeat = heartbeat
        self._actions = actions
        self._journal = journal
        self._limits = limits
        self._health = health
        self._offload = offload
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._work: deque[Intent] = deque()
        self._current: asyncio.Task[None] | None = None
        self._resting: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[None] | None = None
        self._watch = watch.WatchState()
        self._repeat: tuple[Command, int] | None = None
        self.trips: list[str] = []
        self._trips_seen: tuple[str, ...] = ()
        self.state = engine.EngineState()
        self.finished: asyncio.Future[engine.EngineState] = self._loop.create_future()

    def now_ns(self) -> int:
        """The loop's time."""
        return round(self._loop.time() * 1e9)

    def note(self, source: str, kind: str, text: str) -> None:
        """Publish an event."""
        self._publish(Event(self.now_ns(), source, kind, text))

    # --- events -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin with the first step."""
        self._post(engine.Start(self.now_ns()))

    def stop(self, reason: str, ending: engine.Ending = engine.Ending.ABORTED) -> None:
        """Take the energy away and end the run. May be called from anywhere on the loop, at any time."""
        if self.state.mode is engine.Mode.RUN:
            self.note("core", "operator" if ending is engine.Ending.STOPPED else "fault", f"abort: {reason}")
        self._post(engine.Stop(self.now_ns(), reason, ending))

    def hold(self, reason: str) -> None:
        """No further pulses; the plan goes on without them. Plans without pulses do not change."""
        if self.state.mode is engine.Mode.RUN and self._plan.runs and not self.state.held:
            self.note("core", "operator", f"hold: {reason}")
        self._post(engine.Hold(self.now_ns(), reason))

    async def record(self, kind: str) -> None:
        """A record that must be on the disk before what it is about is done. Raises ActionFailed, JournalError."""
        await self._write(Journal(kind, barrier=True))

    def on_status(self, status: PlcStatus, now_ns: int) -> None:
        """A status arrived: the watch first, then the engine."""
        levels = watch.classify(self._situation.reading(now_ns), self._limits, self._watch.boot_id, self.emi(now_ns))
        before = self._watch.action
        self._watch = watch.step(self._watch, levels, status.boot_id)
        if self._watch.action is watch.Action.DUMP and before is watch.Action.NONE:
            self.stop(watch.reason(self._watch.cause))
        elif not levels.loop_on_time and self._permitting():
            self.stop(watch.reason("loop-gap"))  # the watch counts armed benches; what opens one must not be caught up
        seen = observe(status, now_ns, self._situation.run_words(now_ns))
        self._post(engine.Seen(seen))
        self._tell_trips(seen)
        self._stamp(seen)
        self._ask_again(now_ns)
        self._end_without_tasks(now_ns)

    def _permitting(self) -> bool:
        """The step that opens the dumps is under way (safety.md 2.3 row 29: abort on resume)."""
        state = self.state
        return state.mode is engine.Mode.RUN and self._plan.steps[max(state.step, 0)].kind is StepKind.PERMIT

    def _tell_trips(self, seen: Observation) -> None:
        """Every cause is news once: what is counted, and what the run reports at its end."""
        if seen.trips == self._trips_seen:
            return
        for name in seen.trips:
            if name not in self._trips_seen:
                self.trips.append(name)
                self.note("plc", "trip", f"trip {name}")
        self._trips_seen = seen.trips
        del self.trips[TRIPS_MAX:]

    def _end_without_tasks(self, now_ns: int) -> None:
        """A task hangs and the heartbeat has stopped: the PLC's proof is waited for, nothing of the tasks is."""
        task = self._heartbeat.stopped_by
        if not task:
            return
        self.stop(f"task {task} does not answer; the heartbeat was stopped")
        if self.state.mode is engine.Mode.SALVAGE:
            self._end(replace(self.state, mode=engine.Mode.DONE))

    def on_trouble(self, text: str, now_ns: int) -> None:
        """An exchange with the PLC failed: the status gets older, and once it is stale the run ends."""
        age_s = (now_ns - self._situation.status_ns) * 1e-9
        if age_s <= self._limits.status_age_s:
            self.note("plc", "warning", text)
        else:  # what stopped the run is told once, not at every beat that follows
            self.stop(f"the PLC's status is {age_s:.2f} s old: {text}")
        if self.state.mode is engine.Mode.ABORT:
            since_s = (now_ns - max(self._situation.status_ns, self.state.abort_ns)) * 1e-9
            if since_s > PLC_SILENCE_S:
                self._end(engine.lost(self.state, f"{self.state.reason}; the PLC does not answer any more"))

    def emi(self, now_ns: int) -> bool:
        """True while the pulse disturbs readings."""
        status, fire_ns = self._situation.status, self._situation.fire_ns
        in_shot = status is not None and status.state is PlcState.SHOT
        return in_shot or (fire_ns is not None and now_ns - fire_ns < EMI_S * 1e9)

    def quiet(self, now_ns: int) -> bool:
        """True from T-0.5 s to T+0.2 s: only heartbeat and safety traffic run on the links."""
        if self.emi(now_ns):
            return True
        if self.state.mode is not engine.Mode.RUN or self.state.step < 0:
            return False
        kind = self._plan.steps[self.state.step].kind
        left_s = engine.countdown_s(self._plan, self.state, now_ns)
        return kind in (StepKind.ISOLATE, StepKind.FIRE) or (left_s is not None and left_s < QUIET_BEFORE_S)

    def countdown_s(self, now_ns: int) -> float | None:
        """Seconds to fire during the countdown, else None."""
        return engine.countdown_s(self._plan, self.state, now_ns)

    def step(self) -> int:
        """Index of the step under way, -1 before the first."""
        return self.state.step

    def found(self, instrument: str) -> None:
        """Everything a run needs was opened before it began: no news."""

    def lose(self, instrument: str, why: str) -> bool:
        """A poller's instrument is lost: an optional one is asked no more (True), a required one ends the run."""
        situation = self._situation
        if self._plan.instruments.get(instrument) is InstrumentClass.OPTIONAL:
            situation.lost_optional[instrument] = why
            self.note(instrument, "warning", f"optional instrument lost, the shot goes on: {why}")
            return True
        if not situation.lost_required:
            situation.lost_required = instrument
            self.stop(f"{instrument} stopped answering: {why}")
        return False

    def _stamp(self, seen: Observation) -> None:
        situation = self._situation
        if situation.dump_ns is None and seen.state in _DUMPS:
            situation.dump_ns = seen.t_ns
        if situation.dump_ns is not None and situation.safe_ns is None and engine.proven_safe(seen, opened=True):
            situation.safe_ns = seen.t_ns

    def _ask_again(self, now_ns: int) -> None:
        if self._repeat is None or self.state.mode is not engine.Mode.RUN:
            return
        command, last_ns = self._repeat
        if (now_ns - last_ns) * 1e-9 >= REPEAT_S:
            self._repeat = None
            self._queue(command)

    def _post(self, event: engine.Event) -> None:
        self.state, outputs = engine.step(self._plan, self.state, event)
        self._situation.held = self.state.held
        for output in outputs:
            self._take(output)

    def _take(self, output: engine.Output) -> None:
        if isinstance(output, engine.Enter):
            self._mark(output.index, "enter")
        elif isinstance(output, engine.Leave):
            self._repeat = None
            self._mark(output.index, "done")
        elif isinstance(output, engine.Cancel):
            self._work.clear()
            self._repeat = None
            if self._current is not None:
                self._current.cancel()
        elif isinstance(output, engine.Finish):
            self._end(self.state)
        elif output == Command("DUMP"):
            self._heartbeat.dump()
        elif output == _REST and self.state.mode is engine.Mode.ABORT:
            self._resting = self._loop.create_task(self._perform(_REST), name="charger off")
            self._queue(output)  # its end is waited for in its place
        else:
            self._queue(output)

    def _queue(self, intent: Intent) -> None:
        """Leave ``intent`` to the sequence task."""
        self._work.append(intent)
        self._awaken()

    def _mark(self, index: int, phase: str) -> None:
        left_s = self.countdown_s(self.now_ns())
        if left_s is not None and phase == "enter":
            self._situation.quiet_ns = self.now_ns() + round((left_s - QUIET_BEFORE_S) * 1e9)
        self._publish(StepEntered(self.now_ns(), index, self._plan.steps[index].id, phase))

    def _end(self, state: engine.EngineState) -> None:
        self.state = state
        if not self.finished.done():
            self.finished.set_result(state)

    # --- intents ------------------------------------------------------------------------------------------------

    async def work(self) -> None:
        """Carry out intents until cancelled."""
        try:
            while True:
                self._health.promise("sequence", self.now_ns(), PING_S)
                if self._work:
                    await self._carry_out_next()
                else:
                    self._wake = self._loop.create_future()
                    await self._look_at(self._wake)
                    self._wake = None
        finally:
            for task in (self._current, self._resting):
                if task is not None:
                    task.cancel()

    async def _carry_out_next(self) -> None:
        intent = self._work.popleft()
        self._health.promise("intent", self.now_ns(), INTENT_S)
        self._current = self._loop.create_task(self._carry_out(intent), name=f"intent {intent}")
        await self._look_at(self._current)
        self._health.retire("intent")
        self._settle(self._current)
        self._current = None

    async def _look_at(self, awaited: "asyncio.Future[None]") -> None:
        """Wait for ``awaited`` whatever becomes of it, and meanwhile show that this task lives."""
        while not awaited.done():
            self._health.promise("sequence", self.now_ns(), PING_S)
            await asyncio.wait([awaited], timeout=LOOK_S)

    def _settle(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        trouble = task.exception()
        if trouble is None:
            if not self._work:
                self._post(engine.Done(self.now_ns()))
        elif isinstance(trouble, InstrumentError | ActionFailed | JournalError):
            self._work.clear()
            self.note("core", "fault", str(trouble))
            self._post(engine.Failed(self.now_ns(), str(trouble)))
        else:
            raise trouble

    async def _carry_out(self, intent: Intent) -> None:
        if isinstance(intent, Journal):
            await self._write(intent)
        elif intent == _REST and self._resting is not None:
            await self._resting
        elif isinstance(intent, Perform):
            await self._perform(intent)
        else:
            await self._send(intent)

    async def _perform(self, intent: Perform) -> None:
        try:
            await self._actions.perform(intent.action)
        except (InstrumentError, ActionFailed) as trouble:
            if self.state.mode is engine.Mode.RUN:
                raise
            # safing asks everybody once and depends on the PLC alone; what the scopes caught must still be fetched
            self.note("core", "warning", f"{intent.action}: {trouble}")

    async def _write(self, intent: Journal) -> None:
        try:
            self._journal.append(intent.kind, self._facts(intent.kind))
            if intent.barrier:
                before = self._loop.time()
                await self._offload(self._journal.barrier)
                if self._loop.time() - before > BARRIER_S:
                    raise ActionFailed(f"the journal's fsync before {intent.kind} took longer than {BARRIER_S:g} s")
        except JournalError:
            self._situation.journal_alive = False
            if self.state.mode is engine.Mode.RUN:
                raise
            self.note("journal", "fault", f"{intent.kind} could not be written; safing goes on without the journal")

    def _facts(self, kind: str) -> dict[str, Any]:
        step, reason = self.state.step, self.state.reason
        step_id = self._plan.steps[step].id if step >= 0 else ""
        return journal_facts(kind, self._situation, self.now_ns(), step_id, self._ticket.number, reason)

    async def _send(self, intent: Command) -> None:
        command = PlcCommand[intent.name]
        if command in _NEED_CONSENT and self._ticket.consent_input and not self._consented():
            raise ActionFailed(f"{intent.name} needs the second person's consent key, and it is not turned")
        if command is PlcCommand.FIRE:
            self._situation.fire_ns = self.now_ns()
        status = await self._heartbeat.command(command, self._arguments(command))
        if status.ack is Refusal.ACCEPTED:
            return
        if command is PlcCommand.HOLD and status.ack is Refusal.WRONG_STATE:
            return  # no pulses come: there is nothing to hold
        if intent.repeat:
            self._repeat = (intent, self.now_ns())
            return
        raise ActionFailed(f"the PLC refused {intent.name}: {describe_refusal(status)}")

    def _arguments(self, command: PlcCommand) -> tuple[int, ...]:
        pulses = self._plan.steps[max(self.state.step, 0)].pulses
        return arguments(command, self._ticket, self._plan, self._nonce(), pulses)

    def _nonce(self) -> int:
        status = self._situation.status
        return status.nonce if status is not None else 0

    def _consented(self) -> bool:
        status = self._situation.status
        return status is not None and Input.SECOND_CONSENT in status.inputs

    def _awaken(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
