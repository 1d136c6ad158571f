"""The asyncio protocols at the receiving end of a link: one for lines and frames, one that fills a caller's memory.

Both only complete a future; deadlines, turns and recovery are :mod:`drivers.transports.link`'s.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from drivers.wire.block import BadBlock, BlockReader

Framer = Callable[[bytearray], int]
"""Given what has arrived of one reply: its whole length in bytes once known, else 0. Raises ValueError on nonsense."""


class TooMuch(ValueError):
    """More arrived than was asked for."""


class Owner(Protocol):
    """What a receiver tells its link when no exchange is waiting for it."""

    def stray(self, count: int) -> None:
        """``count`` bytes came that nobody asked for."""
        ...

    def lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        ...


class _Nobody:
    """The owner of a receiver whose connection was given up."""

    def stray(self, count: int) -> None:
        """Late bytes on an abandoned connection are of no interest."""

    def lost(self, error: Exception | None) -> None:
        """Nor is its end."""


class Receiver(asyncio.Protocol):
    """Collects one reply at a time, up to ``limit`` bytes, ended by ``end`` or measured by ``framer``."""

    __slots__ = ("_held", "_owner", "block", "drained", "end", "framer", "limit", "plain", "transport", "waiter")

    def __init__(self, owner: Owner) -> None:
        self._owner: Owner = owner
        self._held = bytearray()
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[bytes] | None = None
        self.end = b"\n"
        self.limit = 0
        self.plain = True
        self.framer: Framer | None = None
        self.block: BlockReader | None = None
        self.drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way back."""
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link, which fails the exchange in progress."""
        self.transport = None
        self.resume_writing()
        self._owner.lost(exc)

    def pause_writing(self) -> None:
        """The peer does not read: ``drained`` is pending until it does."""
        self.drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The peer reads again."""
        drained, self.drained = self.drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def data_received(self, data: bytes) -> None:
        """The hot path is one whole line in one piece, and nothing else."""
        waiter = self.waiter
        if waiter is None or waiter.done():
            self._owner.stray(len(data))
            return
        end = self.end
        size = len(data) - len(end)
        if 0 <= size <= self.limit and data.find(end) == size and self.plain and not self._held:
            self.waiter = None
            waiter.set_result(data[:size])
            return
        try:
            reply = self._collect(data)
        except ValueError as error:
            self.fail(error)
            return
        if reply is not None:
            self.waiter = None
            waiter.set_result(reply)

    def fail(self, error: Exception) -> None:
        """End the exchange in progress with ``error``."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def expect(self, end: bytes, limit: int, framer: Framer | None = None, block: BlockReader | None = None) -> None:
        """What the next reply looks like."""
        self.end = end
        self.limit = limit
        self.framer = framer
        self.block = block
        self.plain = framer is None and block is None

    def detach(self) -> None:
        """The link has given this connection up: report nothing more."""
        self._owner = _Nobody()

    def reset(self) -> None:
        """Forget a half-received reply."""
        self._held.clear()
        self.waiter = None
        self.expect(b"\n", 0)

    def _collect(self, data: bytes) -> bytes | None:
        """Add ``data``; the reply once it is whole. Raises ValueError when it can no longer become one."""
        if self.block is not None:
            return b"" if self.block.feed(data) else None
        held = self._held
        held += data
        if self.framer is not None:
            size = self.framer(held)
            whole, gap = 0 < size <= len(held), 0
        else:
            size = held.find(self.end, max(0, len(held) - len(data) - len(self.end)))
            whole, gap = size >= 0, len(self.end)
        if size > self.limit or (not whole and len(held) > self.limit + gap):
            raise TooMuch(f"more than {self.limit} bytes, beginning {bytes(held[:40])!r}")
        if not whole:
            return None
        if len(held) > size + gap:
            raise TooMuch(f"{len(held) - size - gap} bytes after the end of the reply {bytes(held[:40])!r}")
        reply = bytes(held[:size])
        held.clear()
        return reply


class BlockReceiver(asyncio.BufferedProtocol):
    """Stands in for the :class:`Receiver` while a block is under way: the socket writes into the caller's memory."""

    def __init__(self, receiver: Receiver, block: BlockReader) -> None:
        self._receiver = receiver
        self._block = block
        self._spill = memoryview(bytearray(4096))

    def connection_lost(self, exc: Exception | None) -> None:
        """As the receiver."""
        self._receiver.connection_lost(exc)

    def pause_writing(self) -> None:
        """As the receiver."""
        self._receiver.pause_writing()

    def resume_writing(self) -> None:
        """As the receiver."""
        self._receiver.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go; after the exchange has ended, memory that nobody reads."""
        return self._block.window() if self._receiver.waiter is not None else self._spill

    def buffer_updated(self, nbytes: int) -> None:
        """``nbytes`` were written there."""
        receiver = self._receiver
        if receiver.waiter is None:
            receiver.data_received(bytes(self._spill[:nbytes]))
            return
        try:
            done = self._block.wrote(nbytes)
        except BadBlock as error:
            receiver.fail(error)
            return
        if done:
            waiter, receiver.waiter = receiver.waiter, None
            if not waiter.done():
                waiter.set_result(b"")
