"""What every link to an instrument promises, whatever it runs on: turns, total deadlines, and recovery after a failure.

After a timeout, garbage or a cancelled exchange a link is *poisoned*: before the next exchange it is restored in the
way of its transport and says hello again, so that a late reply is never taken for the next answer (instruments.md 3.1,
trap T4). Nothing is ever sent twice.

The hot path makes one future and no timer: one timer per link is shared by all its exchanges and re-armed only when it
fires early. Measured in ``tests/benchmarks/bench_query.py`` and ``bench_hislip.py``.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from drivers.errors import InstrumentError, LinkClosed, LinkError, LinkTimeout, RemoteWireError
from drivers.transports.receiver import Framer
from drivers.wire.dialect import BadReply, Row, Values

REPLY_MAX = 4096
"""Default cap on a reply: no line of any dialect here is longer."""

TURNS_MAX = 64
"""Callers that may wait for one link: far more than the controller has tasks."""

CLOCK_SLACK_S = 0.001
"""A timer this early counts as on time: uvloop's clock has milliseconds, the virtual one rounds to nanoseconds."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What is asked after every connect and drain. ``accept`` tells whether a line is the right instrument's answer."""

    request: bytes
    terminator: bytes
    accept: Callable[[bytes], bool]


class Exchanges(ABC):
    """The common part of the links to instrument ``name``. A transport adds :meth:`query` and the hooks below."""

    def __init__(self, name: str, hello: Hello | None) -> None:
        self.name = name
        self._hello = hello
        self._loop = asyncio.get_running_loop()
        self._busy = False
        self._ready = False
        self._closed = False
        self._problem = "not connected"
        self._turns: deque[asyncio.Future[None]] = deque()
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    async def open(self, timeout_s: float) -> None:
        """Connect and say hello now. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
        await self._enter(self._loop.time() + timeout_s)
        self._leave()

    @abstractmethod
    async def query(
        self,
        request: bytes,
        *,
        timeout_s: float,
        terminator: bytes = b"\n",
        framer: Framer | None = None,
        max_bytes: int = REPLY_MAX,
    ) -> bytes:
        """Send ``request``, return the one reply: without ``terminator``, or as long as ``framer`` says.

        ``timeout_s`` covers everything: waiting for the turn, reconnecting, sending and the last byte of the reply.
        Raises LinkTimeout, LinkClosed, ConnectFailed, RemoteWireError (more than ``max_bytes``, or bytes after it).
        """

    async def ask(
        self, row: Row, *, timeout_s: float, terminator: bytes = b"\n", before: bytes = b"", **values: Any
    ) -> Values:
        """One dialect row: its request (after ``before``, sent in the same write), and the values of its reply.

        Raises as :meth:`query`; RemoteWireError, and a poisoned link, for a reply that cannot be right.
        """
        request = before + row.request(**values)
        reply = await self.query(request, timeout_s=timeout_s, terminator=terminator)
        try:
            return row.parse_reply(reply)
        except BadReply as error:
            self.poison(str(error))
            raise RemoteWireError(self.name, str(error)) from error

    def poison(self, problem: str) -> None:
        """Distrust the stream: restore it before the next exchange."""
        self._ready = False
        self._problem = problem

    # -- what a transport adds

    @abstractmethod
    async def _restore(self) -> None:
        """Make the link usable again: connect, drain or clear. Raises ConnectFailed, LinkError."""

    @abstractmethod
    async def _greet(self, hello: Hello, deadline: float) -> None:
        """Ask who is there; raises WrongInstrument and what :meth:`query` raises."""

    @abstractmethod
    def _fail(self, error: Exception) -> None:
        """End the exchange in progress with ``error``."""

    # -- one exchange

    def _watch(self, deadline: float) -> None:
        """The exchange that begins now must end by ``deadline``, or :meth:`_fail` ends it."""
        self._deadline = deadline
        if deadline < self._timer_at:
            self._arm(deadline)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._expire)
        self._timer_at = when

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf

    def _expire(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._deadline == math.inf:
            return
        if self._loop.time() + CLOCK_SLACK_S < self._deadline:
            self._arm(self._deadline)
        else:
            self._fail(LinkTimeout(self.name, self._overdue()))

    def _overdue(self) -> str:
        """What is wrong when the deadline has passed."""
        return "no complete answer within the deadline"

    def _break(self, error: BaseException) -> NoReturn:
        """Poison the link, and raise ``error`` as the tree of errors knows it."""
        self.poison(f"{type(error).__name__}: {error}")
        if isinstance(error, TimeoutError):
            raise LinkTimeout(self.name, "not sent within the deadline") from error
        if isinstance(error, ValueError):
            raise RemoteWireError(self.name, str(error)) from error
        raise error

    # -- turns and recovery

    async def _enter(self, deadline: float) -> None:
        if self._busy:
            await self._wait_turn(deadline)
        self._busy = True
        try:
            if not self._ready:
                await self._recover(deadline)
        except BaseException:
            self._leave()
            raise

    async def _wait_turn(self, deadline: float) -> None:
        if len(self._turns) >= TURNS_MAX:
            raise LinkError(self.name, f"more than {TURNS_MAX} exchanges wait for this link")
        turn: asyncio.Future[None] = self._loop.create_future()
        self._turns.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave()
            elif turn in self._turns:  # not if it was passed over: cancelled, and this task had not been told yet
                self._turns.remove(turn)
            if isinstance(error, TimeoutError):
                raise LinkTimeout(self.name, "the link was busy until the deadline") from error
            raise

    def _leave(self) -> None:
        self._deadline = math.inf
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False

    async def _recover(self, deadline: float) -> None:
        if self._closed:
            raise LinkClosed(self.name, "closed here")
        problem = self._problem
        try:
            async with asyncio.timeout_at(deadline):
                await self._restore()
            self._ready = True
            if self._hello is not None:
                await self._greet(self._hello, deadline)
        except TimeoutError as error:
            self.poison(problem)
            raise LinkTimeout(self.name, f"could not be restored within the deadline ({problem})") from error
        except InstrumentError:
            self.poison(problem)
            raise
