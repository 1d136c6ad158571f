"""What every link to an instrument has, whatever it runs on: turns, total deadlines, and recovery after a failure.

After a timeout, garbage or a cancelled exchange a link is *poisoned*: before the next exchange it is restored in the
way of its transport and says hello again, so that a late reply is never taken for the next answer (instruments.md 3.1,
trap T4). Nothing is ever sent twice. Between failed attempts to connect there are pauses (``backoff.py``).

The hot path makes one future and no timer: one timer per link is shared by all its exchanges and re-armed only when it
fires early. Measured in ``tests/benchmarks/bench_query.py`` and ``bench_hislip.py``.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from drivers.errors import ConnectFailed, InstrumentError, LinkBusy, LinkClosed, LinkError, LinkTimeout, RemoteWireError
from drivers.transports.backoff import Backoff
from drivers.wire.dialect import BadReply, Row, Values

REPLY_MAX = 4096
"""Default cap on a reply: no line of any dialect here is longer."""

TURNS_MAX = 64
"""Callers that may wait for one link: far more than the controller has tasks."""

CLOCK_SLACK_S = 0.001
"""A timer this early counts as on time: uvloop's clock has milliseconds, the virtual one rounds to nanoseconds."""

OVERDUE = "no complete answer within the deadline"
"""What is wrong when the deadline of an exchange has passed, if its link knows nothing better."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What is asked after every connect and drain. ``accept`` tells whether a line is the right instrument's answer."""

    request: bytes
    terminator: bytes
    accept: Callable[[bytes], bool]


class Hooks(Protocol):
    """What a link does in the way of its transport when its :class:`Turns` say so."""

    async def restore(self) -> None:
        """Make the link usable again: drain, clear or, after ``Turns.connecting()``, connect.

        Raises ConnectFailed, LinkError, RemoteWireError.
        """
        ...

    async def greet(self, hello: Hello, deadline: float) -> None:
        """Ask who is there; raises WrongInstrument and what an exchange raises."""
        ...

    def fail(self, error: Exception) -> None:
        """End the exchange in progress with ``error``."""
        ...

    def overdue(self) -> str:
        """What is wrong when the deadline has passed: :data:`OVERDUE`, and what the link knows beyond it."""
        ...


class Turns:
    """Whose turn it is on the link to ``name``, until when, and whether the link can be trusted.

    An exchange is ``enter``, ``watch``, then ``spoil`` for whatever was raised, and ``leave`` in any case. Where
    ``ready`` is true and ``busy`` false, setting ``busy`` is the same as ``enter``: the hot path does that.
    """

    __slots__ = (
        "_backoff", "_connecting", "_deadline", "_hello", "_hooks", "_name", "_timer", "_timer_at", "_waiting", "busy",
        "closed", "loop", "problem", "ready",
    )  # fmt: skip

    def __init__(self, name: str, hooks: Hooks, hello: Hello | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.busy = False
        self.ready = False
        self.closed = False
        self.problem = "not connected"
        self._name = name
        self._hooks = hooks
        self._hello = hello
        self._backoff = Backoff()
        self._connecting = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    async def open(self, timeout_s: float) -> None:
        """Connect and greet now, whatever failed before. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
        self.retry_now()
        await self.enter(self.loop.time() + timeout_s)
        self.leave()

    def poison(self, problem: str) -> None:
        """Distrust the link: restore it before the next exchange."""
        self.ready = False
        self.problem = problem

    def retry_now(self) -> None:
        """The next exchange may connect at once, whatever failed before."""
        self._backoff.waive()

    def connecting(self) -> None:
        """An attempt to connect begins. Raises ConnectFailed while the pause after the last one is not over."""
        left_s = self._backoff.left_s(self.loop.time())
        if left_s > 0.0:
            raise ConnectFailed(
                self._name, f"{self._backoff.why}; the next attempt to connect is due in {left_s:.2f} s"
            )
        self._connecting = True

    def close(self) -> None:
        """Restore it never again."""
        self.closed = True
        self.poison("closed")
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf

    def spoil(self, error: BaseException) -> NoReturn:
        """Poison the link, and raise ``error`` as the tree of errors knows it."""
        self.poison(f"{type(error).__name__}: {error}")
        if isinstance(error, TimeoutError):
            raise LinkTimeout(self._name, "not sent within the deadline") from error
        if isinstance(error, ValueError):
            raise RemoteWireError(self._name, str(error)) from error
        raise error

    # -- deadlines

    def watch(self, deadline: float) -> None:
        """The exchange that begins now must end by ``deadline``, or the hook ``fail`` ends it."""
        self._deadline = deadline
        if deadline < self._timer_at:
            self._arm(deadline)

    def unwatch(self) -> None:
        """What was watched has ended, and the turn goes on."""
        self._deadline = math.inf

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(when, self._expire)
        self._timer_at = when

    def _expire(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._deadline == math.inf:
            return
        if self.loop.time() + CLOCK_SLACK_S < self._deadline:
            self._arm(self._deadline)
        else:
            self._hooks.fail(LinkTimeout(self._name, self._hooks.overdue()))

    # -- turns and recovery

    async def enter(self, deadline: float) -> None:
        """Wait for the turn; restore the link if need be. Raises LinkTimeout, LinkClosed, what ``restore`` raises."""
        if self.busy:
            await self._wait_turn(deadline)
        self.busy = True
        try:
            if not self.ready:
                await self._recover(deadline)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """The turn is the next one's."""
        self._deadline = math.inf
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy = False

    async def _wait_turn(self, deadline: float) -> None:
        if len(self._waiting) >= TURNS_MAX:
            raise LinkError(self._name, f"more than {TURNS_MAX} exchanges wait for this link")
        turn: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in self._waiting:  # not if it was passed over: cancelled, and this task had not been told yet
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise LinkBusy(self._name, "the link was busy until the deadline") from error
            raise

    async def _recover(self, deadline: float) -> None:
        if self.closed:
            raise LinkClosed(self._name, "closed here")
        problem = self.problem
        self._connecting = False
        try:
            async with asyncio.timeout_at(deadline):
                await self._hooks.restore()
            self.ready = True
            if self._hello is not None:
                await self._hooks.greet(self._hello, deadline)
        except TimeoutError as error:
            self._failed(problem, f"could not be restored within the deadline ({problem})")
            raise LinkTimeout(self._name, f"could not be restored within the deadline ({problem})") from error
        except InstrumentError as error:
            self._failed(problem, error.problem)
            raise
        self._backoff.succeeded()

    def _failed(self, problem: str, why: str) -> None:
        """The link is as little to be trusted as before; where it was to be connected, a pause begins."""
        self.poison(problem)
        if self._connecting:
            self._backoff.failed(self.loop.time(), why)


class Askable(Protocol):
    """As much of a link as :func:`ask` needs."""

    name: str

    async def query(self, request: bytes, *, timeout_s: float, terminator: bytes = b"\n") -> bytes:
        """Send ``request``, return the one reply."""
        ...

    def poison(self, problem: str) -> None:
        """Distrust the link."""
        ...


async def ask(
    link: Askable, row: Row, *, timeout_s: float, terminator: bytes, before: bytes, values: dict[str, Any]
) -> Values:
    """One dialect row: its request (after ``before``, sent in the same write), and the values of its reply.

    Raises as ``link.query``; RemoteWireError, and a poisoned link, for a reply that cannot be right.
    """
    reply = await link.query(before + row.request(**values), timeout_s=timeout_s, terminator=terminator)
    try:
        return row.parse_reply(reply)
    except BadReply as error:
        link.poison(str(error))
        raise RemoteWireError(link.name, str(error)) from error
