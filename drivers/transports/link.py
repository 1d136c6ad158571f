"""One instrument's byte stream: one exchange at a time, a total deadline on each, and no stale answer ever.

After a timeout, garbage, stray bytes or a cancelled exchange the link is *poisoned*: before the next exchange it
reconnects (networks) or drains the line until silence (serial), and says hello again, so that a late reply is never
taken for the next answer (instruments.md 3.1, trap T4). Nothing is ever sent twice.

The hot path makes one future and no timer: one timer per link is shared by all its exchanges and re-armed only when it
fires early. Measured in ``tests/benchmarks/bench_query.py``.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

from drivers.errors import (
    ConnectFailed,
    InstrumentError,
    LinkClosed,
    LinkError,
    LinkTimeout,
    RemoteWireError,
    WrongInstrument,
    connect_problem,
)
from drivers.transports.receiver import BlockReceiver, Framer, Receiver
from drivers.wire.block import BlockReader
from drivers.wire.dialect import BadReply, Row, Values

REPLY_MAX = 4096
"""Default cap on a reply: no line of any dialect here is longer."""

TURNS_MAX = 64
"""Callers that may wait for one link: far more than the controller has tasks."""

SILENCE_S = 0.1
"""A drained serial line must be quiet this long: three times the longest FuG reply at 9600 baud."""

HELLO_LINES_MAX = 16
"""Stale lines skipped while waiting for the answer to hello on a line that cannot be reconnected."""

CLOCK_SLACK_S = 0.001
"""A timer this early counts as on time: uvloop's clock has milliseconds, the virtual one rounds to nanoseconds."""

BLOCK_DIRECT_MIN = 65536
"""From this size on the socket writes straight into the caller's memory; below, one copy is cheaper."""

Connect = Callable[[Callable[[], asyncio.BaseProtocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]]
"""Opens the path and joins it to the protocol that the factory makes; raises OSError. See ``tcp.py``, ``serial.py``."""


class Recovery(Enum):
    """How a poisoned link becomes usable again while its connection still stands."""

    RECONNECT = "reconnect"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Hello:
    """What is asked after every connect and drain. ``accept`` tells whether a line is the right instrument's answer."""

    request: bytes
    terminator: bytes
    accept: Callable[[bytes], bool]


class Link:
    """The stream to instrument ``name``. Opens lazily; every method raises only the tree of :mod:`drivers.errors`."""

    def __init__(
        self, name: str, connect: Connect, *, recovery: Recovery = Recovery.RECONNECT, hello: Hello | None = None
    ) -> None:
        self.name = name
        self._connect = connect
        self._recovery = recovery
        self._hello = hello
        self._loop = asyncio.get_running_loop()
        self._receiver = Receiver(self)
        self._busy = False
        self._ready = False
        self._closed = False
        self._problem = "not connected"
        self._strays = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    async def open(self, timeout_s: float) -> None:
        """Connect and say hello now. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
        await self._enter(self._loop.time() + timeout_s)
        self._leave()

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
        deadline = self._loop.time() + timeout_s
        if self._busy or not self._ready:
            await self._enter(deadline)
        else:
            self._busy = True
        try:
            self._receiver.expect(terminator, max_bytes, framer)
            return await self._exchange(request, deadline)
        except BaseException as error:
            self._break(error)
        finally:
            self._leave()

    async def query_block(
        self, request: bytes, out: bytearray | memoryview, *, timeout_s: float, terminator: bytes = b"\n"
    ) -> int:
        """Send ``request``, receive one definite block into ``out``; returns its length in bytes.

        The socket writes into ``out`` itself. Raises as :meth:`query`; RemoteWireError when the block is larger than
        ``out``. After an error the contents of ``out`` are undefined, but nothing writes to it any more.
        """
        deadline = self._loop.time() + timeout_s
        if self._busy or not self._ready:
            await self._enter(deadline)
        else:
            self._busy = True
        receiver = self._receiver
        block = BlockReader(out, terminator)
        receiver.expect(terminator, 0, block=block)
        direct = len(memoryview(out).cast("B")) >= BLOCK_DIRECT_MIN and self._switch(BlockReceiver(receiver, block))
        try:
            await self._exchange(request, deadline)
            return block.size
        except BaseException as error:
            self._break(error)
        finally:
            if direct:
                self._switch(receiver)
            self._leave()

    async def send(self, request: bytes, *, timeout_s: float) -> None:
        """Send ``request``, which has no reply; returns when the transport has taken it. Raises as :meth:`query`."""
        deadline = self._loop.time() + timeout_s
        await self._enter(deadline)
        try:
            self._transport().write(request)
            if self._receiver.drained is not None:
                async with asyncio.timeout_at(deadline):
                    await self._receiver.drained
                self._transport()
        except BaseException as error:
            self._break(error)
        finally:
            self._leave()

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
        """Distrust the stream: reconnect or drain before the next exchange."""
        self._ready = False
        self._problem = problem

    async def close(self) -> None:
        """Release the link. Never raises for one that is already gone."""
        self._closed = True
        self.poison("closed")
        self._receiver.fail(LinkClosed(self.name, "closed here"))
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf
        transport = self._receiver.transport
        if transport is not None:
            transport.close()

    def stray(self, count: int) -> None:
        """The receiver's report: bytes came that nobody asked for."""
        self._strays += count
        self.poison(f"{count} bytes that nobody asked for")

    def lost(self, error: Exception | None) -> None:
        """The receiver's report: the connection is gone."""
        self.poison("the peer hung up" if error is None else f"connection lost: {error}")
        self._receiver.fail(LinkClosed(self.name, self._problem))

    # -- one exchange

    async def _exchange(self, request: bytes, deadline: float) -> bytes:
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._receiver.waiter = waiter
        self._deadline = deadline
        if deadline < self._timer_at:
            self._arm(deadline)
        self._transport().write(request)
        return await waiter

    def _transport(self) -> asyncio.Transport:
        transport = self._receiver.transport
        if transport is None:
            raise LinkClosed(self.name, self._problem)
        return transport

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._expire)
        self._timer_at = when

    def _expire(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._deadline == math.inf:
            return
        if self._loop.time() + CLOCK_SLACK_S < self._deadline:
            self._arm(self._deadline)
        else:
            self._receiver.fail(LinkTimeout(self.name, "no complete answer within the deadline"))

    def _break(self, error: BaseException) -> NoReturn:
        """Poison the link, and raise ``error`` as the tree of errors knows it."""
        self.poison(f"{type(error).__name__}: {error}")
        if isinstance(error, TimeoutError):
            raise LinkTimeout(self.name, "not sent within the deadline") from error
        if isinstance(error, ValueError):
            raise RemoteWireError(self.name, str(error)) from error
        raise error

    def _switch(self, protocol: asyncio.BaseProtocol) -> bool:
        """Let ``protocol`` receive from now on; False where the transport cannot (then the receiver copies)."""
        transport = self._receiver.transport
        if transport is None or transport.is_closing():
            return False
        try:
            transport.pause_reading()
            transport.set_protocol(protocol)
        except NotImplementedError:
            return False
        finally:
            transport.resume_reading()
        return True

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

    async def _restore(self) -> None:
        receiver = self._receiver
        drain = self._recovery is Recovery.DRAIN
        if receiver.transport is None or not drain:
            await self._reconnect()
        receiver = self._receiver
        receiver.reset()
        if drain:
            seen = -1
            while seen != self._strays:
                seen = self._strays
                await asyncio.sleep(SILENCE_S)

    async def _reconnect(self) -> None:
        old = self._receiver
        old.detach()
        if old.transport is not None:
            old.transport.abort()
        self._receiver = Receiver(self)
        try:
            await self._connect(lambda: self._receiver)
        except OSError as error:
            raise ConnectFailed(self.name, connect_problem(error)) from error
        if self._receiver.transport is not None:
            serial = self._receiver.transport.get_extra_info("serial")
            self._recovery = Recovery.DRAIN if serial is not None else self._recovery

    async def _greet(self, hello: Hello, deadline: float) -> None:
        """Ask who is there; raises WrongInstrument.

        On a line that was only drained, older answers may still come first: they are skipped, and because a serial
        instrument answers in order, nothing older than hello's own answer can follow it. Another instrument may end
        its lines otherwise: a line that ended at the deadline is an answer too.
        """
        last, seen = b"", b""

        def frame(held: bytearray) -> int:
            nonlocal last, seen
            seen = bytes(held)
            lines = bytes(held).split(hello.terminator)
            if len(lines) < 2:
                return 0
            last = lines[-2]
            if self._recovery is Recovery.RECONNECT or (hello.accept(last) and not lines[-1]):
                return len(held) - len(lines[-1])
            if len(lines) > HELLO_LINES_MAX:
                raise ValueError("babble instead of an identification")
            return 0

        receiver = self._receiver
        receiver.expect(hello.terminator, REPLY_MAX, frame)
        try:
            await self._exchange(hello.request, deadline)
        except (asyncio.CancelledError, LinkTimeout, ValueError) as error:
            answer = last or (seen if seen.endswith((b"\n", b"\r", b"\0")) else b"")
            if answer.strip() and not isinstance(error, asyncio.CancelledError):
                raise WrongInstrument(self.name, _another(answer)) from error
            self._break(error)
        finally:
            receiver.reset()
            self._deadline = math.inf
        if not hello.accept(last):
            raise WrongInstrument(self.name, _another(last))


def _another(answer: bytes) -> str:
    return f"another instrument is there, which answered {answer[:80].decode('latin-1').strip()!r}"
