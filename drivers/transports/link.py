"""One instrument's byte stream: one exchange at a time, a total deadline on each, and no stale answer ever.

After a timeout, garbage, stray bytes or a cancelled exchange the link is *poisoned*: before the next exchange it
reconnects (networks) or drains the line until silence (serial), and says hello again. Turns, deadlines and the rest
that is the same on every transport are :mod:`drivers.transports.exchange`'s.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from enum import Enum

from drivers.errors import ConnectFailed, LinkClosed, LinkTimeout, WrongInstrument, connect_problem
from drivers.transports.exchange import REPLY_MAX, Exchanges
from drivers.transports.exchange import TURNS_MAX as TURNS_MAX
from drivers.transports.exchange import Hello as Hello
from drivers.transports.receiver import BlockReceiver, Framer, Receiver
from drivers.wire.block import BlockReader

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


class Link(Exchanges):
    """The stream to instrument ``name``. Opens lazily; every method raises only the tree of :mod:`drivers.errors`."""

    def __init__(
        self, name: str, connect: Connect, *, recovery: Recovery = Recovery.RECONNECT, hello: Hello | None = None
    ) -> None:
        super().__init__(name, hello)
        self._connect = connect
        self._recovery = recovery
        self._receiver = Receiver(self)
        self._strays = 0

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

    async def close(self) -> None:
        """Release the link. Never raises for one that is already gone."""
        self._closed = True
        self.poison("closed")
        self._receiver.fail(LinkClosed(self.name, "closed here"))
        self._disarm()
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
        self._watch(deadline)
        self._transport().write(request)
        return await waiter

    def _transport(self) -> asyncio.Transport:
        transport = self._receiver.transport
        if transport is None:
            raise LinkClosed(self.name, self._problem)
        return transport

    def _fail(self, error: Exception) -> None:
        self._receiver.fail(error)

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
