"""The idle bench: nothing runs, but somebody looks, and an armed bench is dumped (safety.md 3: energy may always go).

The PLC is asked as nobody (epoch 0 holds nothing and feeds no watchdog, but is answered). An instrument that does not
answer keeps nobody from watching: it is asked again with growing pauses, and meanwhile its values only grow older.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TypeVar, cast

from controller.messages import Event, Hello, Message
from controller.rig.model import Rig
from controller.runtime.alarming import Alarming
from controller.runtime.health import Health
from controller.runtime.pollers import MISSES_MAX, Pollers
from controller.runtime.requests import Answer
from controller.runtime.situation import Situation, trip_names
from controller.runtime.sleeper import Sleeper
from controller.sequencer.acquisition import daq_ranges
from drivers.errors import InstrumentError
from drivers.ports import CapacitorCharger, Daq, Instrument, RigPlc, RunPlc
from drivers.wire.plc import ARMED_STATES, Flag, PlcCommand, PlcRequest, PlcState, PlcStatus, Trip

PERIOD_S = 0.05
"""Time between two questions to the PLC, as in a run (design.md 2)."""

RETRY_FIRST_S = 0.5
"""Pause before a lost instrument is opened again; it doubles with every failure."""

RETRY_MAX_S = 8.0
"""Longest such pause: a person who plugs a cable in does not wait longer."""

PLC_RETRY_MAX_S = 1.0
"""The same for the PLC, because a bench that nobody sees may be charged."""

STEADY_S = 10.0
"""An instrument that answered for this long starts with the shortest pause again when it is lost."""

LEAVE_S = 60.0
"""Longest stay with a bench that is not safe yet when the watch is to end: T_dump, dwell and a misfire's no-approach
time, as in a recovery."""

FIRST_LOOK_S = 5.0
"""Longest wait for the PLC's first word when the watch is to end right after it began: it is being connected to."""

RUN_RETRY_S = 10.0
"""A PLC that has no run block is not asked for it twenty times a second."""

FRESH_S = 0.5
"""A PLC silent for longer does not answer, and who asks for an abort is told so: ten exchanges."""

One = TypeVar("One", bound=Instrument)


@dataclass(frozen=True, slots=True)
class Opens:
    """How to open what is watched; each raises InstrumentError while the instrument is not there."""

    plc: Callable[[], Awaitable[RigPlc]]
    charger: Callable[[], Awaitable[CapacitorCharger]]
    daq: Callable[[], Awaitable[Daq]]
    slow: Mapping[str, Callable[[], Awaitable[Instrument]]] = field(default_factory=dict)
    """What is read for the telemetry alone, by name."""


class Parting(Enum):
    """How the watch left the bench: the exit codes of design.md 4 say the same."""

    SAFE = 0
    DUMPED = 3
    UNVERIFIED = 4


class Watcher:
    """Watches one bench until :meth:`leave`. :meth:`abort` dumps it at any time."""

    def __init__(
        self,
        rig: Rig,
        opens: Opens,
        hello: Hello,
        publish: Callable[[Message], None],
        alarming: Alarming | None = None,
    ) -> None:
        self._rig = rig
        self._opens = opens
        self._hello = hello
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._sleeper = Sleeper()
        self._dump = False
        self._dumped = False
        self._run_failed_s = -RUN_RETRY_S
        self._lost: dict[str, str] = {}
        self._leaving: asyncio.Future[None] = self._loop.create_future()
        self._settled: asyncio.Future[None] = self._loop.create_future()
        self.situation = Situation(self.now_ns())
        self._pollers = Pollers(rig, self.situation, self, Health(), publish, alarming)

    # --- outside ------------------------------------------------------------------------------------------------

    async def run(self) -> Parting:
        """Watch until :meth:`leave`, and on until a bench with energy in it is safe, but no longer than LEAVE_S."""
        self._publish(self._hello)
        slow = self._pollers.slow
        works: Mapping[str, Callable[[], Awaitable[None]]] = {
            "plc": lambda: self._keep(self._opens.plc, self._watch_plc, PLC_RETRY_MAX_S),
            "charger": lambda: self._keep(self._opens.charger, self._pollers.charger, RETRY_MAX_S),
            "daq": lambda: self._keep(self._opens.daq, self._watch_daq, RETRY_MAX_S),
            "frames": self._pollers.frames,
        } | {f"slow {name}": partial(self._keep, each, slow, RETRY_MAX_S) for name, each in self._opens.slow.items()}
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(_run(work), name=f"watch {name}") for name, work in works.items()]
            await self._leaving
            parting = await self._part()
            for task in running:
                task.cancel()
        return parting

    def leave(self) -> None:
        """End the watch; repeated calls change nothing."""
        if not self._leaving.done():
            self._leaving.set_result(None)

    def abort(self, reason: str) -> Answer:
        """DUMP with the next exchange, whatever the state; repeated by every exchange until one is answered."""
        self.note("core", "operator", f"abort: {reason}")
        self._ask_dump()
        if self._plc_answers():
            return Answer(True, "dumping: DUMP goes to the PLC with the next exchange; nothing runs on this bench")
        return Answer(
            False, "the PLC does not answer: use the e-stop at the bench; DUMP is sent as soon as the PLC answers"
        )

    # --- what the pollers need ----------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """The loop's time."""
        return round(self._loop.time() * 1e9)

    def quiet(self, now_ns: int) -> bool:
        """Nothing fires here."""
        return False

    def note(self, source: str, kind: str, text: str) -> None:
        """Publish an event."""
        self._publish(Event(self.now_ns(), source, kind, text))

    def found(self, instrument: str) -> None:
        """Say that one who was missing is back."""
        if self._lost.pop(instrument, ""):
            self.note(instrument, "info", "answers again")

    def lose(self, instrument: str, why: str) -> bool:
        """Remember who is missing, say so once, and let it be opened anew."""
        if instrument not in self._lost:
            self._lost[instrument] = why
            self.note(instrument, "warning", f"lost, and asked again until it answers: {why}")
        return True

    def step(self) -> int:
        """No step."""
        return -1

    def countdown_s(self, now_ns: int) -> float | None:
        """No countdown."""
        return None

    # --- links --------------------------------------------------------------------------------------------------

    async def _keep(
        self, open_one: Callable[[], Awaitable[One]], use: Callable[[One], Awaitable[None]], pause_max_s: float
    ) -> None:
        """Open an instrument, use it until it is lost, and again, with pauses that double up to ``pause_max_s``."""
        pause_s, told = RETRY_FIRST_S, ""
        while True:
            since = self._loop.time()
            try:
                await self._one_connection(open_one, use)
            except InstrumentError as trouble:
                self.lose(trouble.instrument, trouble.problem)
            except Exception as defect:  # of one driver: the others, the PLC's above all, are not to pay for it
                if told != (told := repr(defect)):
                    self.note("core", "fault", f"a defect of a driver, which is tried again: {told}")
            if self._loop.time() - since > STEADY_S:
                pause_s = RETRY_FIRST_S
            await asyncio.sleep(pause_s)
            pause_s = min(2.0 * pause_s, pause_max_s)

    async def _one_connection(
        self, open_one: Callable[[], Awaitable[One]], use: Callable[[One], Awaitable[None]]
    ) -> None:
        instrument = await open_one()
        try:
            await use(instrument)
        finally:
            await instrument.close()

    async def _watch_daq(self, daq: Daq) -> None:
        try:
            await daq.configure(daq_ranges(self._rig))
        except InstrumentError as trouble:
            self.lose(daq.name, trouble.problem)
        else:
            await self._pollers.daq(daq)

    async def _watch_plc(self, plc: RigPlc) -> None:
        """One exchange every 50 ms until the PLC does not answer any more."""
        start, count, misses = self._loop.time(), 0, 0
        while misses < MISSES_MAX:
            command = PlcCommand.DUMP if self._dump else PlcCommand.NONE
            try:
                status = await plc.exchange(PlcRequest(command))
            except InstrumentError as trouble:
                misses += 1
                if misses >= MISSES_MAX:
                    self.lose(plc.name, trouble.problem)
            else:
                misses = 0
                self.found(plc.name)
                if command is PlcCommand.DUMP:
                    self._dump = False
                await self._take_run(plc)
                self._take(status)
            count = max(count + 1, int((self._loop.time() - start) / PERIOD_S) + 1)
            if not self._dump or command is PlcCommand.DUMP:  # a new DUMP does not wait, a repeated one does
                await self._sleeper.until(start + count * PERIOD_S)

    async def _take_run(self, plc: RigPlc) -> None:
        """The run block of a bench that pulses; one that fails only grows old."""
        if self._rig.run is None or self._run_failed_s + RUN_RETRY_S > self._loop.time():
            return
        try:
            run = await cast(RunPlc, plc).read_run()
        except InstrumentError as trouble:
            self._run_failed_s = self._loop.time()
            self.note(plc.name, "warning", f"its run block: {trouble.problem}")
        else:
            self.situation.take_run(run, self.now_ns())

    # --- the PLC's word -----------------------------------------------------------------------------------------

    def _take(self, status: PlcStatus) -> None:
        before, situation = self.situation.status, self.situation
        situation.take(status, self.now_ns())
        self._tell(before, status)
        if status.state in ARMED_STATES:
            if before is None or before.state not in ARMED_STATES:
                self.note("core", "fault", f"the bench is in {status.state.name} and nothing runs here: DUMP is sent")
            self._dumped = True
            self._ask_dump()
        if self._leaving.done() and not self._energised() and not self._settled.done():
            self._settled.set_result(None)

    def _tell(self, before: PlcStatus | None, status: PlcStatus) -> None:
        """Events for what has changed since the status before."""
        if before is not None and before.boot_id != status.boot_id:
            self.note("plc", "warning", "the PLC has restarted")
        if before is None or before.state is not status.state:
            self.note("plc", "info", f"PLC {status.state.name}")
        known = Trip(0) if before is None else before.trips
        for name in trip_names(status.trips & ~known):
            self.note("plc", "trip", f"trip {name}")
        if known and not status.trips:
            self.note("plc", "info", "no trip stands any more")

    def _ask_dump(self) -> None:
        self._dump = True
        self._sleeper.awaken()

    def _plc_answers(self) -> bool:
        silent_s = self._loop.time() - self.situation.status_ns * 1e-9
        return self.situation.status is not None and silent_s <= FRESH_S

    def _energised(self) -> bool:
        """A DUMP is still to be sent, or the bench was last seen with energy in it or on its way out."""
        status = self.situation.status
        if status is None:
            return self._dump
        under_way = status.state in ARMED_STATES or status.state is PlcState.DUMPING
        return self._dump or under_way or Flag.ENERGY_SAFE not in status.flags

    async def _part(self) -> Parting:
        """Nobody walks away from a bench with energy in it; a silent PLC that was last seen safe is not waited for."""
        if self.situation.status is None:
            await asyncio.wait([self._settled], timeout=FIRST_LOOK_S)
        if self._energised():
            self.note("core", "warning", "the bench is not safe yet: the watch does not end before it is")
            await asyncio.wait([self._settled], timeout=LEAVE_S)
        if self._energised() or not self._plc_answers():
            self.note("core", "fault", "the watch ends and nobody knows that the bench is safe: treat it as charged")
            return Parting.UNVERIFIED
        return Parting.DUMPED if self._dumped else Parting.SAFE


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
