"""The receiving ends of HiSLIP's two channels. They only complete futures; deadlines and recovery are the link's.

:class:`Replies` is the synchronous channel: answers to one message at a time, told apart by message id; the socket
writes waveforms straight into the caller's memory, message by message. :class:`Events` is the asynchronous one.
"""

import asyncio
from typing import Protocol, cast

from drivers.transports.receiver import Framer, TooMuch
from drivers.wire.block import BadBlock, BlockReader
from drivers.wire.hislip import (
    ANY_ID,
    CONTROL_MAX,
    HEADER,
    HEADER_BYTES,
    PROLOGUE,
    SKIP_MAX,
    BadHeader,
    Header,
    Kind,
    Message,
    MessageReader,
    Oversized,
    parse_header,
)

SCRATCH_BYTES = 8192
"""What one read takes: a whole text reply; of a block only its beginning goes through here."""

REQUESTS_MAX = 64
"""Unanswered requests on the asynchronous channel: as many as callers may wait for the other one."""

_DATA, _DATA_END = int(Kind.DATA), int(Kind.DATA_END)


class Owner(Protocol):
    """What the channels tell their link."""

    def stray(self, problem: str) -> None:
        """Something came that nobody asked for; the stream itself is still good."""
        ...

    def broken(self, problem: str) -> None:
        """The connection is gone, or cannot be read any further."""
        ...

    def refused(self, message: Message) -> None:
        """The instrument reports an Error or a FatalError."""
        ...

    def service_requested(self, status: int) -> None:
        """The instrument wants attention."""
        ...


class _Nobody:
    """The owner of channels that were given up."""

    def stray(self, problem: str) -> None:
        """Of no interest any more."""

    def broken(self, problem: str) -> None:
        """Nor this."""

    def refused(self, message: Message) -> None:
        """Nor this."""

    def service_requested(self, status: int) -> None:
        """Nor this."""


class _Channel:
    """What both have: the way back, and back-pressure."""

    def __init__(self, owner: Owner) -> None:
        self._owner: Owner = owner
        self.transport: asyncio.Transport | None = None
        self.drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way back."""
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link."""
        self.transport = None
        self.resume_writing()
        self._owner.broken("the peer hung up" if exc is None else f"connection lost: {exc}")

    def pause_writing(self) -> None:
        """The peer does not read: ``drained`` is pending until it does."""
        self.drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The peer reads again."""
        drained, self.drained = self.drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def way_back(self) -> asyncio.Transport:
        """What to write to. Raises ConnectionResetError when the connection is gone."""
        if self.transport is None:
            raise ConnectionResetError("the peer hung up")
        return self.transport

    def give_up(self) -> None:
        """The link has given this connection up: report nothing more, and hang up."""
        self._owner = _Nobody()
        if self.transport is not None:
            self.transport.abort()


class Replies(_Channel, asyncio.BufferedProtocol):
    """The synchronous channel. ``expected_id`` is the message whose answer is wanted; others are dropped."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.waiter: asyncio.Future[bytes] | None = None
        self.expected_id = 0
        self.discarded = 0
        self.clearing = False
        self._scratch = bytearray(SCRATCH_BYTES)
        self._view = memoryview(self._scratch)
        self._fill = 0
        self._message = Header(0, 0, 0, 0)
        self._left = 0
        self._wanted = False
        self._filling = False
        self._direct = False
        self._window = self._view
        self._held = bytearray()
        self._control = bytearray()
        self._answer: tuple[Kind, asyncio.Future[Message]] | None = None
        self.expect(b"\n", 0)

    def expect(self, end: bytes, limit: int, framer: Framer | None = None, block: BlockReader | None = None) -> None:
        """What the next reply looks like: as :class:`drivers.transports.receiver.Receiver`."""
        self._end = end
        self._limit = limit
        self._framer = framer
        self._block = block
        self._plain = framer is None and block is None
        self._held.clear()
        self.discarded = 0

    def fail(self, error: Exception) -> None:
        """End the exchange in progress with ``error``; nothing is written to the caller's memory any more."""
        waiter, self.waiter = self.waiter, None
        self._wanted = False
        self._block = None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        if self._answer is not None and not self._answer[1].done():
            self._answer[1].set_exception(error)

    async def request(self, message: Message, kind: Kind) -> Message:
        """Send a message other than Data and return its answer, which is of ``kind``."""
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answer = (kind, answer)
        try:
            self.way_back().write(message.encode())
            return await answer
        finally:
            self._answer = None

    # -- what arrives

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: of a block's payload, into the caller's memory.

        The same read takes the next message's header: it lands where that message's payload then overwrites it.
        """
        if self._left and self._filling and self._block is not None:
            self._direct = True
            self._window = window = self._block.window()[: self._left + HEADER_BYTES]
            return window
        self._direct = False
        return self._view[self._fill :]

    def buffer_updated(self, nbytes: int) -> None:
        """``nbytes`` were written there. The hot path is one whole answer in one piece, and nothing else."""
        if self._direct:
            try:
                self._wrote(nbytes)
            except BadHeader as error:
                self._owner.broken(str(error))
            return
        waiter = self.waiter
        if nbytes >= HEADER_BYTES and waiter is not None and self._plain and not (self._fill or self._left):
            prologue, kind, _, message_id, size = HEADER.unpack_from(self._scratch)
            end = self._end
            text = nbytes - len(end)
            if (
                kind == _DATA_END
                and message_id == self.expected_id
                and prologue == PROLOGUE
                and size == nbytes - HEADER_BYTES
                and text - HEADER_BYTES <= self._limit
                and self._scratch.find(end, HEADER_BYTES, nbytes) == text
                and not (self._held or waiter.done())
            ):
                self.waiter = None
                waiter.set_result(bytes(self._view[HEADER_BYTES:text]))
                return
        stop, self._fill = self._fill + nbytes, 0
        try:
            self._parse(stop)
        except BadHeader as error:
            self._owner.broken(str(error))

    def _parse(self, stop: int) -> None:
        at = 0
        while at < stop:
            if not self._left:
                if stop - at < HEADER_BYTES:
                    self._scratch[: stop - at] = self._scratch[at:stop]
                    self._fill = stop - at
                    return
                self._begin(parse_header(self._scratch, at))
                at += HEADER_BYTES
            piece = min(self._left, stop - at)
            if piece:
                self._take(self._view[at : at + piece])
                at += piece
                self._left -= piece
            if not self._left:
                self._finish()

    def _begin(self, header: Header) -> None:
        """A message begins: is its payload wanted?"""
        kind, _, message_id, size = header
        self._message, self._left, self._wanted, self._filling = header, size, False, False
        if kind not in (_DATA, _DATA_END):
            if size > CONTROL_MAX:
                raise BadHeader(f"a message of type {kind} claims {size} bytes")
            self._wanted = True
            self._control.clear()
            return
        if self.clearing:
            self._bound(size)
        elif self.waiter is None or self.waiter.done():
            self._bound(size)
            self._owner.stray(f"an answer to message {message_id:#x} that nobody asked for")
        elif message_id not in (self.expected_id, ANY_ID):
            self._bound(size)
            self.discarded += 1
        elif self._block is None and len(self._held) + size > self._limit + len(self._end):
            self._bound(size)
            self.fail(TooMuch(f"more than {self._limit} bytes: {len(self._held)} and a message of {size}"))
        else:
            self._wanted = self._filling = True

    def _bound(self, size: int) -> None:
        if size > SKIP_MAX:
            raise BadHeader(f"an answer claims {size} bytes")

    def _take(self, piece: memoryview) -> None:
        """Payload that came through the scratch memory."""
        if not self._wanted:
            return
        if self._message.kind not in (_DATA, _DATA_END):
            self._control += piece
        elif self._block is None:
            self._held += piece
        else:
            self._feed(self._block, piece)

    def _feed(self, block: BlockReader, piece: memoryview) -> None:
        try:
            block.feed(piece)
        except BadBlock as error:
            self.fail(error)

    def _wrote(self, count: int) -> None:
        """Payload went into the caller's memory, perhaps with the beginning of the next header behind it."""
        left = self._left
        more, self._left = max(count - left, 0), max(left - count, 0)
        header = bytes(self._window[left:count])
        if self._block is not None:
            try:
                self._block.wrote(count - more)
            except BadBlock as error:
                self.fail(error)
        if not self._left:
            self._finish()
        if more:
            self._scratch[:more] = header
            self._parse(more)

    def _finish(self) -> None:
        """The message is complete."""
        kind, control, parameter, _ = self._message
        if kind not in (_DATA, _DATA_END):
            self._control_arrived(Message(kind, control, parameter, bytes(self._control)))
        elif kind == _DATA_END and self._wanted:
            try:
                reply = self._complete()
            except ValueError as error:
                self.fail(error)
                return
            waiter, self.waiter = self.waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(reply)

    def _complete(self) -> bytes:
        """The reply that END closed. Raises ValueError when it is none."""
        if self._block is not None:
            if not self._block.ended():
                raise BadBlock("the answer ended before its block did")
            return b""
        held = self._held
        if self._framer is not None:
            size = self._framer(held)
            rest = b"" if size == len(held) else self._end
            if not 0 < size <= min(len(held), self._limit) or held[size:] != rest:
                raise TooMuch(f"{len(held)} bytes where {size} belong: {bytes(held[:40])!r}")
            return bytes(held[:size])
        at = held.find(self._end)
        if at >= 0 and at + len(self._end) < len(held):
            raise TooMuch(f"{len(held) - at - len(self._end)} bytes after the end of the reply {bytes(held[:40])!r}")
        if at < 0 and len(held) > self._limit:
            raise TooMuch(f"more than {self._limit} bytes, beginning {bytes(held[:40])!r}")
        return bytes(held if at < 0 else held[:at])

    def _control_arrived(self, message: Message) -> None:
        if self._answer is not None and message.kind == self._answer[0]:
            if not self._answer[1].done():
                self._answer[1].set_result(message)
        elif message.kind in (Kind.ERROR, Kind.FATAL_ERROR):
            self._owner.refused(message)
        elif message.kind == Kind.INTERRUPTED:  # our newer message gave up the older answer, which its id tells apart
            self._held.clear()
        elif not self.clearing:
            self._owner.stray(f"a message of type {message.kind} that nobody asked for")


class Events(_Channel, asyncio.Protocol):
    """The asynchronous channel: requests with one answer each, and what the instrument says by itself."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self._reader = MessageReader()
        self._requests: list[tuple[Kind, asyncio.Future[Message]]] = []

    async def request(self, message: Message, kind: Kind) -> Message:
        """Send ``message`` and return its answer, which is of ``kind``. Raises ValueError when too many wait."""
        if len(self._requests) >= REQUESTS_MAX:
            raise ValueError(f"more than {REQUESTS_MAX} requests wait for the asynchronous channel")
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        entry = (kind, answer)
        self._requests.append(entry)
        try:
            self.way_back().write(message.encode())
            reply: Message = await answer
            return reply
        finally:
            if entry in self._requests:
                self._requests.remove(entry)

    def fail(self, error: Exception) -> None:
        """End every request with ``error``."""
        requests, self._requests = self._requests, []
        for _, answer in requests:
            if not answer.done():
                answer.set_exception(error)

    def data_received(self, data: bytes) -> None:
        """Answers in the order of their kind; a lock that is waited for does not hold up a status byte."""
        try:
            for message in self._reader.feed(data):
                self._arrived(message)
        except BadHeader as error:
            self._owner.broken(str(error))

    def _arrived(self, message: Message | Oversized) -> None:
        if isinstance(message, Oversized):
            self._owner.broken(f"a message of type {message.kind} with {message.size} bytes")
            return
        for entry in self._requests:
            if entry[0] == message.kind:
                self._requests.remove(entry)
                if not entry[1].done():
                    entry[1].set_result(message)
                return
        if message.kind == Kind.ASYNC_SERVICE_REQUEST:
            self._owner.service_requested(message.control)
        elif message.kind in (Kind.ERROR, Kind.FATAL_ERROR):
            self._owner.refused(message)
        elif message.kind != Kind.ASYNC_INTERRUPTED:  # its twin on the other channel is what counts
            self._owner.broken(f"a message of type {message.kind} that nobody asked for")
