"""One FC23 exchange every 50 ms: heartbeat, commands, status (bench.md 2, "Link").

Commands ride on the next exchange, which a waiting command brings forward. The PLC judges a command in its next scan,
so the answer comes with a later status; until then exchanges follow each other quickly. The heartbeat is sent only
while every task keeps its promise; when one does not, a last exchange carries DUMP and from then on nothing is
heartbeat or command any more: the PLC's watchdog has the last word, and is only looked at.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controller.runtime.health import Health
from controller.runtime.situation import Situation
from controller.runtime.sleeper import Sleeper
from drivers.errors import InstrumentError
from drivers.ports import RigPlc
from drivers.wire.plc import PlcCommand, PlcRequest, PlcState, PlcStatus
from drivers.wire.plc_run import PlcRunStatus

PERIOD_S = 0.05
"""Heartbeat period (design.md 2): a tenth of the PLC's watchdog."""

DUMPING_PERIOD_S = 0.02
"""Period while the bank is being dumped, so that a decay of 0.1 s is seen in enough points to be fitted."""

ACK_POLL_S = 0.015
"""Time to the next exchange while a command waits for its answer: one and a half PLC scans."""

ACK_MAX_S = 0.5
"""A command not answered by then is lost: fifty scans."""

REPEATED_S = 0.3
"""A PLC that answers with the same scan for longer says nothing any more (safety.md 2.3 row 11)."""

COMMANDS_MAX = 16
"""Commands waiting for an exchange; the engine never has more than two."""

_DUMPS = frozenset({PlcState.TRIP, PlcState.DUMPING})
"""States in which the PLC has closed the dumps by itself: DUMP repeats it. In any other DUMP goes out in this turn."""


@dataclass(frozen=True, slots=True)
class _Order:
    command: PlcCommand
    arguments: tuple[int, ...]
    answer: "asyncio.Future[PlcStatus]"


class Heartbeat:
    """Owns the PLC's link. ``on_status`` hears every status, ``on_trouble`` every failed exchange."""

    def __init__(
        self,
        plc: RigPlc,
        situation: Situation,
        health: Health,
        epoch: int,
        connection_id: int,
        first_sequence: int,
        on_status: Callable[[PlcStatus, int], None],
        on_trouble: Callable[[str, int], None],
        read_run: Callable[[], Awaitable[PlcRunStatus]] | None = None,
    ) -> None:
        self._plc = plc
        self._situation = situation
        self._health = health
        self._epoch = epoch
        self._connection_id = connection_id
        self._on_status = on_status
        self._on_trouble = on_trouble
        self._read_run = read_run
        self._run_missed = False
        self._orders: deque[_Order] = deque()
        self._asked: tuple[_Order, int, float] | None = None
        self._dump = False
        self._sequence = first_sequence
        self._sleeper = Sleeper()
        self.stopped_by = ""

    async def command(self, command: PlcCommand, arguments: tuple[int, ...] = ()) -> PlcStatus:
        """Send ``command`` with the next exchange and return the status that acknowledges it.

        Raises InstrumentError when that exchange fails: the command may or may not have arrived.
        """
        if len(self._orders) >= COMMANDS_MAX:
            raise InstrumentError(self._plc.name, f"{COMMANDS_MAX} commands are waiting already")
        answer: asyncio.Future[PlcStatus] = asyncio.get_running_loop().create_future()
        self._orders.append(_Order(command, arguments, answer))
        self._sleeper.awaken()
        return await answer

    def dump(self) -> None:
        """Ask for DUMP with the very next exchange, before anything that waits."""
        self._dump = True
        self._sleeper.awaken()

    async def run(self) -> None:
        """Exchange until cancelled."""
        loop = asyncio.get_running_loop()
        start, count = loop.time(), 0
        while True:
            now_ns = round(loop.time() * 1e9)
            self._health.beats += 1
            self.stopped_by = self.stopped_by or self._health.overdue(now_ns)
            if self.stopped_by:
                await self._last_words(now_ns)
                await self._look_on()
            dumping = self._dump
            await self._exchange(now_ns)
            if self._dump and not dumping:
                if self._state() in _DUMPS:
                    # the PLC has told itself; the charger, which nobody has told yet, waits for this turn to end
                    await asyncio.sleep(0)
                continue
            if self._asked is not None or self._dump or self._orders:
                # the PLC needs a scan before it can answer, or before a DUMP repeated makes sense
                await self._sleeper.until(loop.time() + ACK_POLL_S)
            elif self._state() is PlcState.DUMPING:
                await self._sleeper.until(loop.time() + DUMPING_PERIOD_S)
            else:
                # the schedule is t0 + n * period: a late exchange skips beats, it never catches up
                count = max(count + 1, int((loop.time() - start) / PERIOD_S) + 1)
                due = start + count * PERIOD_S
                await self._sleeper.until(due)
                self._situation.loop_gap_s = max(0.0, loop.time() - due)

    def _state(self) -> PlcState | None:
        status = self._situation.status
        return None if status is None else status.state

    async def _exchange(self, now_ns: int) -> None:
        request = self._next_request()
        try:
            status = await self._plc.exchange(request)
        except InstrumentError as trouble:
            if self._asked is not None and self._asked[1] == request.sequence:
                self._fail(str(trouble))
            if request.command is PlcCommand.DUMP:
                self._dump = True  # nobody knows whether it arrived: the next exchange carries it again
            self._on_trouble(str(trouble), now_ns)
            return
        now_ns = round(asyncio.get_running_loop().time() * 1e9)
        self._situation.take(status, now_ns)
        if self._read_run is not None and request.command is not PlcCommand.DUMP:
            now_ns = await self._take_run(self._read_run, now_ns)
        self._settle(status)
        if now_ns - self._situation.status_ns > REPEATED_S * 1e9:
            self._on_trouble(f"it repeats its scan {status.scan}", now_ns)
        self._on_status(status, now_ns)

    async def _take_run(self, read_run: Callable[[], Awaitable[PlcRunStatus]], now_ns: int) -> int:
        """The run block after its status, so that it is never older. One that fails only grows old: told once."""
        try:
            run = await read_run()
        except InstrumentError as trouble:
            if not self._run_missed:
                self._on_trouble(f"its run block: {trouble}", now_ns)
            self._run_missed = True
            return now_ns
        self._run_missed = False
        now_ns = round(asyncio.get_running_loop().time() * 1e9)
        self._situation.take_run(run, now_ns)
        return now_ns

    def _next_request(self) -> PlcRequest:
        if self._dump:
            self._dump = False
            return self._request(PlcCommand.DUMP, ())
        while self._orders and self._orders[0].answer.done():
            self._orders.popleft()  # who asked was cancelled by an abort: it must not go out behind the DUMP
        if self._orders and self._asked is None:
            order = self._orders.popleft()
            request = self._request(order.command, order.arguments)
            self._asked = (order, request.sequence, asyncio.get_running_loop().time())
            return request
        return self._request(PlcCommand.NONE, ())

    def _settle(self, status: PlcStatus) -> None:
        """Answer the command that waits, when this status does."""
        if self._asked is None:
            return
        order, sequence, since = self._asked
        if status.ack_sequence == sequence:
            self._asked = None
            if not order.answer.done():
                order.answer.set_result(status)
        elif asyncio.get_running_loop().time() - since > ACK_MAX_S:
            self._fail(f"{order.command.name} was not answered within {ACK_MAX_S:g} s")

    def _fail(self, problem: str) -> None:
        if self._asked is None:
            return
        order, self._asked = self._asked[0], None
        if not order.answer.done():
            order.answer.set_exception(InstrumentError(self._plc.name, problem))

    async def _last_words(self, now_ns: int) -> None:
        self._on_trouble(f"task {self.stopped_by} does not answer; the heartbeat stops", now_ns)
        self._dump = True
        await self._exchange(now_ns)

    async def _look_on(self) -> None:
        """Ask for the status as nobody: epoch 0 holds nothing and feeds no watchdog, but is answered."""
        loop = asyncio.get_running_loop()
        while True:
            await self._sleeper.until(loop.time() + PERIOD_S)
            self._health.beats += 1
            now_ns = round(loop.time() * 1e9)
            try:
                status = await self._plc.exchange(PlcRequest(PlcCommand.DUMP if self._dump else PlcCommand.NONE))
            except InstrumentError as trouble:
                self._on_trouble(str(trouble), now_ns)
                continue
            self._dump = False
            now_ns = round(loop.time() * 1e9)
            self._situation.take(status, now_ns)
            self._on_status(status, now_ns)

    def _request(self, command: PlcCommand, arguments: tuple[int, ...]) -> PlcRequest:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        status = self._situation.status
        return PlcRequest(
            command=command,
            arguments=arguments,
            sequence=self._sequence,
            epoch=self._epoch,
            connection_id=self._connection_id,
            age_echo=status.scan if status is not None else 0,
        )
