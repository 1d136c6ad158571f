"""One instrument's byte stream: one exchange at a time, a total deadline on each, and no stale answer ever.

After a timeout, garbage, stray bytes or a cancelled exchange the link is *poisoned*: before the next exchange it
reconnects (networks) or drains the line until silence (serial), and says hello again. Turns, deadlines and the rest
that is the same on every transport are :mod:`drivers.transports.turns`'s.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from drivers.errors import ConnectFailed, LinkClosed, LinkTimeout, WrongInstrument, connect_problem
from drivers.transports.receiver import BlockReceiver, Framer, Receiver
from drivers.transports.turns import OVERDUE, REPLY_MAX, Turns, ask
from drivers.transports.turns import TURNS_MAX as TURNS_MAX
from drivers.transports.turns import Hello as Hello
from drivers.wire.block import BlockReader
from drivers.wire.dialect import Row, Values

SILENCE_S = 0.1
"""A drained serial line must be quiet this long: three times the longest FuG reply at 9600 baud."""

HELLO_LINES_MAX = 16
"""Stale lines skipped while waiting for the answer to hello on a line that cannot be reconnected."""

BLOCK_DIRECT_MIN = 65536
"""From this size on the socket writes straight into the caller's memory; below, one copy is cheaper."""

Connect = Callable[[Callable[[], asyncio.BaseProtocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]]
"""Opens the path and joins it to the protocol that the factory makes; raises OSError. See ``tcp.py``, ``serial.py``."""


class Recovery(Enum):
    """How a poisoned link becomes usable again while its connection still stands."""

    RECONNECT = "reconnect"
    DRAIN = "drain"


class Link:
    """The stream to instrument ``name``. Opens lazily; every method raises only the tree of :mod:`drivers.errors`."""

    def __init__(
        self, name: str, connect: Connect, *, recovery: Recovery = Recovery.RECONNECT, hello: Hello | None = None
    ) -> None:
        self.name = name
        self._turns = Turns(name, self, hello)
        self._connect = connect
        self._recovery = recovery
        self._receiver = Receiver(self)
        self._strays = 0
        self._mute = False

    async def open(self, timeout_s: float) -> None:
        """Connect and say hello now, whatever failed before. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
        await self._turns.open(timeout_s)

    async def ask(
        self, row: Row, *, timeout_s: float, terminator: bytes = b"\n", before: bytes = b"", **values: Any
    ) -> Values:
        """One dialect row's values, as :func:`drivers.transports.turns.ask`."""
        return await ask(self, row, timeout_s=timeout_s, terminator=terminator, before=before, values=values)

    def poison(self, problem: str) -> None:
        """Distrust the stream: restore it before the next exchange."""
        self._turns.poison(problem)

    def retry_now(self) -> None:
        """The next exchange may connect at once: a command that must not wait for a pause (``backoff.py``)."""
        self._turns.retry_now()

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
        turns = self._turns
        deadline = turns.loop.time() + timeout_s
        if turns.busy or not turns.ready:
            await turns.enter(deadline)
        else:
            turns.busy = True
        try:
            self._receiver.expect(terminator, max_bytes, framer)
            return await self._exchange(request, deadline)
        except BaseException as error:
            turns.spoil(error)
        finally:
            turns.leave()

    async def query_block(
        self, request: bytes, out: bytearray | memoryview, *, timeout_s: float, terminator: bytes = b"\n"
    ) -> int:
        """Send ``request``, receive one definite block into ``out``; returns its length in bytes.

        The socket writes into ``out`` itself. Raises as :meth:`query`; RemoteWireError when the block is larger than
        ``out``. After an error the contents of ``out`` are undefined, but nothing writes to it any more.
        """
        turns = self._turns
        deadline = turns.loop.time() + timeout_s
        if turns.busy or not turns.ready:
            await turns.enter(deadline)
        else:
            turns.busy = True
        receiver = self._receiver
        block = BlockReader(out, terminator)
        receiver.expect(terminator, 0, block=block)
        direct = len(memoryview(out).cast("B")) >= BLOCK_DIRECT_MIN and self._switch(BlockReceiver(receiver, block))
        try:
            await self._exchange(request, deadline)
            return block.size
        except BaseException as error:
            turns.spoil(error)
        finally:
            if direct:
                self._switch(receiver)
            turns.leave()

    async def send(self, request: bytes, *, timeout_s: float) -> None:
        """Send ``request``, which has no reply; returns when the transport has taken it. Raises as :meth:`query`."""
        deadline = self._turns.loop.time() + timeout_s
        await self._turns.enter(deadline)
        try:
            self._transport().write(request)
            if self._receiver.drained is not None:
                async with asyncio.timeout_at(deadline):
                    await self._receiver.drained
                self._transport()
        except BaseException as error:
            self._turns.spoil(error)
        finally:
            self._turns.leave()

    async def close(self) -> None:
        """Release the link. Never raises for one that is already gone."""
        self._turns.close()
        self._receiver.fail(LinkClosed(self.name, "closed here"))
        transport = self._receiver.transport
        if transport is not None:
            transport.close()

    def stray(self, count: int) -> None:
        """The receiver's report: bytes came that nobody asked for."""
        self._strays += count
        self._turns.poison(f"{count} bytes that nobody asked for")

    def lost(self, error: Exception | None) -> None:
        """The receiver's report: the connection is gone."""
        self._turns.poison("the peer hung up" if error is None else f"connection lost: {error}")
        self._receiver.fail(LinkClosed(self.name, self._turns.problem))

    # -- one exchange

    async def _exchange(self, request: bytes, deadline: float) -> bytes:
        waiter: asyncio.Future[bytes] = self._turns.loop.create_future()
        self._receiver.waiter = waiter
        self._turns.watch(deadline)
        self._transport().write(request)
        return await waiter

    def _transport(self) -> asyncio.Transport:
        transport = self._receiver.transport
        if transport is None:
            raise LinkClosed(self.name, self._turns.problem)
        return transport

    def fail(self, error: Exception) -> None:
        """End the exchange in progress with ``error``."""
        self._receiver.fail(error)

    def overdue(self) -> str:
        """What is wrong when the deadline has passed."""
        return OVERDUE

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

    # -- recovery

    async def restore(self) -> None:
        """Connect again, or drain the line. Raises ConnectFailed."""
        receiver = self._receiver
        drain = self._recovery is Recovery.DRAIN
        if receiver.transport is None or not drain or self._mute:
            await self._reconnect()
        receiver = self._receiver
        receiver.reset()
        if drain:
            seen = -1
            while seen != self._strays:
                seen = self._strays
                await asyncio.sleep(SILENCE_S)

    async def _reconnect(self) -> None:
        self._turns.connecting()
        old = self._receiver
        old.detach()
        if old.transport is not None:
            old.transport.abort()
        self._receiver = Receiver(self)
        self._mute = False
        try:
            await self._connect(lambda: self._receiver)
        except OSError as error:
            raise ConnectFailed(self.name, connect_problem(error)) from error
        if self._receiver.transport is not None:
            serial = self._receiver.transport.get_extra_info("serial")
            self._recovery = Recovery.DRAIN if serial is not None else self._recovery

    async def greet(self, hello: Hello, deadline: float) -> None:
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
            # a serial line is only silent, but a stream through a network may be half open
            serial = receiver.transport is not None and receiver.transport.get_extra_info("serial") is not None
            self._mute = not seen and not serial
            self._turns.spoil(error)
        finally:
            receiver.reset()
            self._turns.unwatch()
        if not hello.accept(last):
            raise WrongInstrument(self.name, _another(last))


def _another(answer: bytes) -> str:
    return f"another instrument is there, which answered {answer[:80].decode('latin-1').strip()!r}"
