"""HiSLIP 1.0 (IVI-6.1) as a link: two channels, synchronized mode, one exchange at a time, a total deadline on each.

Every message has an id and every answer names the message it answers, so a late reply is dropped when it comes. After
a timeout, garbage or a cancelled exchange the link also clears the device before the next exchange, which frees an
instrument that is still busy with the old one; what does not clear is reconnected. PyVISA's HiSLIP can neither be
awaited nor cancelled (instruments.md 3.1), which is why this exists.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivers.errors import (
    ConnectFailed,
    LinkClosed,
    LinkError,
    LinkTimeout,
    RemoteWireError,
    WrongInstrument,
    connect_problem,
)
from drivers.transports.hislip_channels import Events, Replies
from drivers.transports.receiver import Framer
from drivers.transports.route import Hislip
from drivers.transports.turns import OVERDUE, REPLY_MAX, Hello, Turns, ask
from drivers.wire import hislip
from drivers.wire.block import BlockReader
from drivers.wire.dialect import Row, Values
from drivers.wire.hislip import FIRST_ID, HEADER, HEADER_BYTES, IDS, PROLOGUE, Kind, LockReply, Message, RemoteLocal

CLEAR_S = 0.3
"""Longest device clear: it interrupts whatever the instrument does, so a healthy one answers within a round trip."""

PAYLOAD_MIN = 64
"""Bytes per message we send at least, whatever maximum the instrument claims: a smaller one is nonsense."""

VENDOR = b"SG"
"""Two letters that name the client's maker [UNV: not registered with the IVI Foundation]."""

_DATA, _DATA_END = int(Kind.DATA), int(Kind.DATA_END)


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who has locked the instrument: whether anybody has it alone, and how many clients hold any lock."""

    exclusive: bool
    holders: int


class HislipLink:
    """The two channels to instrument ``name``. Opens lazily; raises only the tree of :mod:`drivers.errors`.

    ``on_service_request`` is called with the status byte whenever the instrument requests service.
    """

    def __init__(self, name: str, route: Hislip, *, hello: Hello | None = None) -> None:
        self.name = name
        self._turns = Turns(name, self, hello)
        self.on_service_request: Callable[[int], None] | None = None
        self._route = route
        self._replies = Replies(self)
        self._events = Events(self)
        self._broken = True
        self._next_id = FIRST_ID
        self._last_id = FIRST_ID
        self._delivered = 0
        self._payload_max = hislip.MESSAGE_MAX

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
        """Send ``request`` as one message, return its one reply without ``terminator``, which END may replace.

        Raises as :meth:`drivers.transports.link.Link.query`.
        """
        turns = self._turns
        deadline = turns.loop.time() + timeout_s
        if turns.busy or not turns.ready:
            await turns.enter(deadline)
        else:
            turns.busy = True
        try:
            self._replies.expect(terminator, max_bytes, framer)
            return await self._exchange(request, deadline)
        except BaseException as error:
            turns.spoil(error)
        finally:
            turns.leave()

    async def query_block(
        self, request: bytes, out: bytearray | memoryview, *, timeout_s: float, terminator: bytes = b"\n"
    ) -> int:
        """Send ``request``, receive one definite block into ``out``; returns its length in bytes.

        The socket writes into ``out`` itself, however many messages the block comes in. Raises as :meth:`query`;
        RemoteWireError when the block is larger than ``out``. After an error nothing writes to ``out`` any more.
        """
        turns = self._turns
        deadline = turns.loop.time() + timeout_s
        if turns.busy or not turns.ready:
            await turns.enter(deadline)
        else:
            turns.busy = True
        block = BlockReader(out, terminator)
        try:
            self._replies.expect(terminator, 0, block=block)
            await self._exchange(request, deadline)
            return block.size
        except BaseException as error:
            turns.spoil(error)
        finally:
            self._replies.expect(b"\n", 0)
            turns.leave()

    async def send(self, request: bytes, *, timeout_s: float) -> None:
        """Send ``request``, which has no reply; returns when the transport has taken it. Raises as :meth:`query`."""
        await self._post(request, self._turns.loop.time() + timeout_s)

    async def close(self) -> None:
        """Release the link. Never raises for one that is already gone."""
        self._turns.close()
        self._drop(LinkClosed(self.name, "closed here"))

    # -- what HiSLIP offers beyond a byte stream

    async def status_byte(self, *, timeout_s: float) -> int:
        """The status byte, as a serial poll reads it; answered even while an exchange is under way."""
        answer = await self._service(Kind.ASYNC_STATUS_QUERY, Kind.ASYNC_STATUS_RESPONSE, timeout_s, self._delivered)
        return answer.control

    async def trigger(self, *, timeout_s: float) -> None:
        """The group execute trigger; it has no answer."""
        await self._post(None, self._turns.loop.time() + timeout_s)

    async def clear(self, *, timeout_s: float) -> None:
        """Device clear: the instrument gives up what it does and forgets what it was about to answer."""
        deadline = self._turns.loop.time() + timeout_s
        if self._turns.ready:
            self._turns.poison("to be cleared")
        await self._turns.enter(deadline)
        self._turns.leave()

    async def lock(self, *, wait_s: float, timeout_s: float, shared: bytes = b"") -> bool:
        """Ask for the exclusive lock, or the ``shared`` one of that name; False when it was not free in ``wait_s``."""
        wait_ms = min(max(round(wait_s * 1e3), 0), IDS - 1)
        message = hislip.lock_request(wait_ms, shared)
        answer = await self._converse(message, Kind.ASYNC_LOCK_RESPONSE, timeout_s)
        return self._lock_reply(answer) is LockReply.SUCCESS

    async def unlock(self, *, timeout_s: float) -> None:
        """Give the lock back once everything sent so far is done."""
        answer = await self._converse(hislip.lock_release(self._last_id), Kind.ASYNC_LOCK_RESPONSE, timeout_s)
        self._lock_reply(answer)

    async def lock_info(self, *, timeout_s: float) -> LockInfo:
        """Who holds the instrument's locks."""
        answer = await self._service(Kind.ASYNC_LOCK_INFO, Kind.ASYNC_LOCK_INFO_RESPONSE, timeout_s, 0)
        return LockInfo(bool(answer.control), answer.parameter)

    async def remote_local(self, mode: RemoteLocal, *, timeout_s: float) -> None:
        """Remote, local, or the front panel locked out."""
        kinds = Kind.ASYNC_REMOTE_LOCAL_CONTROL, Kind.ASYNC_REMOTE_LOCAL_RESPONSE
        await self._service(*kinds, timeout_s, mode)

    def _lock_reply(self, answer: Message) -> LockReply:
        if answer.control not in (LockReply.FAILURE, LockReply.SUCCESS, LockReply.SHARED_RELEASED):
            raise RemoteWireError(self.name, f"refused the lock request (code {answer.control})")
        return LockReply(answer.control)

    async def _service(self, kind: Kind, answer: Kind, timeout_s: float, control: int) -> Message:
        return await self._converse(Message(kind, control, self._last_id), answer, timeout_s)

    async def _converse(self, message: Message, kind: Kind, timeout_s: float) -> Message:
        """One request on the asynchronous channel. Without its answer the channel is not to be trusted again."""
        deadline = self._turns.loop.time() + timeout_s
        if not self._turns.ready:
            await self._turns.enter(deadline)
            self._turns.leave()
        events = self._events
        try:
            async with asyncio.timeout_at(deadline):
                return await events.request(message, kind)
        except BaseException as error:
            self._broken = self._broken or events is self._events
            if isinstance(error, TimeoutError):
                self._turns.poison("no answer on the asynchronous channel")
                raise LinkTimeout(self.name, "no answer on the asynchronous channel within the deadline") from error
            self._turns.spoil(error)

    # -- what the channels report

    def stray(self, problem: str) -> None:
        """An answer that nobody asked for: clear before the next exchange."""
        self._turns.poison(problem)

    def broken(self, problem: str) -> None:
        """The connection is gone, or cannot be read any further. One channel is no use without the other."""
        garbage = self._replies.transport is not None and self._events.transport is not None
        self._turns.poison(problem)
        self._drop(RemoteWireError(self.name, problem) if garbage else LinkClosed(self.name, problem))

    def refused(self, message: Message) -> None:
        """Error: this exchange failed. FatalError: so has the connection."""
        problem = hislip.describe_problem(message)
        self._turns.poison(problem)
        error = RemoteWireError(self.name, problem)
        if message.kind == Kind.FATAL_ERROR:
            self._drop(error)
        else:
            self.fail(error)
            self._events.fail(error)

    def service_requested(self, status: int) -> None:
        """Pass it on."""
        if self.on_service_request is not None:
            self.on_service_request(status)

    # -- one exchange

    async def _exchange(self, request: bytes, deadline: float) -> bytes:
        replies = self._replies
        waiter: asyncio.Future[bytes] = self._turns.loop.create_future()
        replies.waiter = waiter
        self._turns.watch(deadline)
        self._write(request)
        reply = await waiter
        self._delivered = 1
        return reply

    def _write(self, request: bytes) -> None:
        """Send one message to the instrument: Data ... DataEnd, each with an id of its own."""
        transport = self._transport()
        message_id, rest = self._next_id, len(request)
        if rest > self._payload_max:
            for at in range(0, rest - self._payload_max, self._payload_max):
                piece = request[at : at + self._payload_max]
                transport.write(HEADER.pack(PROLOGUE, _DATA, self._delivered, message_id, len(piece)) + piece)
                self._delivered, message_id = 0, hislip.next_id(message_id)
            request = request[at + self._payload_max :]
        transport.write(HEADER.pack(PROLOGUE, _DATA_END, self._delivered, message_id, len(request)) + request)
        self._sent(message_id)

    def _sent(self, message_id: int) -> None:
        self._last_id = self._replies.expected_id = message_id
        self._next_id = (message_id + hislip.ID_STEP) % IDS
        self._delivered = 0

    async def _post(self, request: bytes | None, deadline: float) -> None:
        """What has no answer: a message, or without one the trigger."""
        await self._turns.enter(deadline)
        try:
            if request is None:
                message_id = self._next_id
                self._transport().write(Message(Kind.TRIGGER, self._delivered, message_id).encode())
                self._sent(message_id)
            else:
                self._write(request)
            if self._replies.drained is not None:
                async with asyncio.timeout_at(deadline):
                    await self._replies.drained
                self._transport()
        except BaseException as error:
            self._turns.spoil(error)
        finally:
            self._turns.leave()

    def _transport(self) -> asyncio.Transport:
        transport = self._replies.transport
        if transport is None:
            raise LinkClosed(self.name, self._turns.problem)
        return transport

    def fail(self, error: Exception) -> None:
        """End the exchange in progress with ``error``."""
        self._replies.fail(error)

    def overdue(self) -> str:
        """What is wrong when the deadline has passed, and what came instead."""
        count = self._replies.discarded
        others = f" ({count} answers to other messages were dropped)" if count else ""
        return OVERDUE + others

    # -- recovery

    async def restore(self) -> None:
        """Clear the device, or connect again. Raises ConnectFailed, LinkError, RemoteWireError, TimeoutError."""
        if not self._broken:
            try:
                async with asyncio.timeout(CLEAR_S):
                    await self._clear_device()
                return
            except (OSError, LinkError, RemoteWireError) as error:  # TimeoutError is an OSError
                self._drop(LinkClosed(self.name, f"device clear failed: {error or 'no answer'}"))
        await self._reconnect()

    async def _clear_device(self) -> None:
        """IVI-6.1 section 6.7: nothing that was sent before counts any more, in either direction."""
        replies = self._replies
        replies.clearing = True
        try:
            await self._events.request(Message(Kind.ASYNC_DEVICE_CLEAR), Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE)
            await replies.request(Message(Kind.DEVICE_CLEAR_COMPLETE), Kind.DEVICE_CLEAR_ACKNOWLEDGE)
        finally:
            replies.clearing = False
        self._next_id = FIRST_ID
        self._delivered = 0

    async def _reconnect(self) -> None:
        self._turns.connecting()
        self._drop(LinkClosed(self.name, self._turns.problem))
        replies, events = self._replies, self._events = Replies(self), Events(self)
        self._next_id, self._delivered = FIRST_ID, 0
        try:
            await self._join(replies, events)
        except BaseException as error:
            self._drop(LinkClosed(self.name, "given up"))
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise ConnectFailed(self.name, connect_problem(error)) from error
            if isinstance(error, ValueError):
                raise RemoteWireError(self.name, str(error)) from error
            raise
        self._broken = False

    async def _join(self, replies: Replies, events: Events) -> None:
        """Open both channels and agree on the size of messages. Raises OSError, TimeoutError, LinkError, ValueError."""
        route = self._route
        await route.connect(lambda: replies)
        hello = hislip.Initialize(route.sub_address.encode("ascii"), VENDOR).message()
        session = hislip.InitializeResponse.of(await replies.request(hello, Kind.INITIALIZE_RESPONSE))
        await route.connect(lambda: events)
        await events.request(hislip.async_initialize(session.session), Kind.ASYNC_INITIALIZE_RESPONSE)
        ours = hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE, hislip.ANSWER_MAX)
        theirs = hislip.size_in(await events.request(ours, Kind.ASYNC_MAX_MESSAGE_SIZE_RESPONSE))
        self._payload_max = max(min(theirs, hislip.MESSAGE_MAX) - HEADER_BYTES, PAYLOAD_MIN)
        if session.overlap:
            await self._clear_device()  # its DeviceClearComplete asks for synchronized mode

    def _drop(self, error: Exception) -> None:
        """Give up both channels; whoever waits for them gets ``error``."""
        self._broken = True
        for channel in (self._replies, self._events):
            channel.give_up()
            channel.fail(error)

    async def greet(self, hello: Hello, deadline: float) -> None:
        """Ask who is there; raises WrongInstrument and what :meth:`query` raises."""
        self._replies.expect(hello.terminator, REPLY_MAX, len)
        try:
            answer = (await self._exchange(hello.request, deadline)).removesuffix(hello.terminator)
        except BaseException as error:
            self._turns.spoil(error)
        if not hello.accept(answer):
            text = answer[:80].decode("latin-1").strip()
            raise WrongInstrument(self.name, f"another instrument is there, which answered {text!r}")
