"""Modbus TCP client link: one transaction at a time, a deadline on each, and late replies recognised by their number.

Transaction numbers never repeat within 65536 exchanges, so a reply that comes after its deadline is dropped when it
arrives and cannot be taken for a later answer (dependencies.md section 3: pymodbus #2777). Nothing is sent twice.

Unlike other links (``backoff.py``) this one makes no pause after a failed attempt to connect: the next transaction
tries again at once. The rig PLC is behind it, and the first exchange that can get through has to carry the DUMP; the
DAQ behind it reads the witness that proves a bank empty. Their pollers' periods bound how often they are called.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from drivers.errors import (
    ConnectFailed,
    InstrumentRefused,
    LinkBusy,
    LinkClosed,
    LinkError,
    LinkTimeout,
    LocalWireError,
    RemoteWireError,
    connect_problem,
)
from drivers.wire.modbus import (
    ExceptionCode,
    Frame,
    Framer,
    ModbusError,
    Request,
    decode_reply,
    encode_frame,
    encode_request,
)

TIMEOUTS_MAX = 3
"""Deadlines missed in a row before the connection counts as half-open and is replaced at the next transaction."""
TURNS_MAX = 64
"""Callers that may wait for one link: far more than the controller has tasks."""
UNIT = 1
"""Unit id sent; both stand-ins and the LabJack ignore it (instruments.md 2.11)."""

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]]
"""Opens the path and joins it to the protocol the factory makes; raises OSError."""


class _Receiver(asyncio.Protocol):
    """Cuts frames off the stream and gives the one that is waited for to its future."""

    def __init__(self, lost: Callable[["_Receiver", str], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.transaction = -1
        self.waiter: asyncio.Future[Frame] | None = None
        self._framer = Framer()
        self._lost = lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way back."""
        self.transport = cast(asyncio.Transport, transport)

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole."""
        return self._framer.pending

    def data_received(self, data: bytes) -> None:
        """Complete the exchange whose number a frame carries; any other frame is late and is dropped."""
        try:
            frames = self._framer.feed(data)
        except ModbusError as problem:
            self._lost(self, f"not Modbus: {problem}")
            return
        for frame in frames:
            waiter = self.waiter
            if waiter is not None and frame.transaction == self.transaction and not waiter.done():
                waiter.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link."""
        self._lost(self, "the peer hung up" if exc is None else f"connection lost: {exc}")


class ModbusLink:
    """The Modbus connection to instrument ``name``. Opens lazily; raises only the tree of :mod:`drivers.errors`."""

    def __init__(self, name: str, connect: Connect) -> None:
        self.name = name
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._queued = 0
        self._receiver: _Receiver | None = None
        self._transaction = 0
        self._timeouts = 0
        self._closed = False

    async def transact(self, request: Request, *, timeout_s: float) -> bytes:
        """Send ``request`` once and return the bytes its reply carries.

        ``timeout_s`` covers waiting for the turn, connecting and the reply. Raises LocalWireError, ConnectFailed,
        LinkTimeout, LinkClosed, RemoteWireError, and InstrumentRefused for an exception reply.
        """
        try:
            pdu = encode_request(request)
        except ModbusError as problem:
            raise LocalWireError(self.name, str(problem)) from problem
        deadline = self._loop.time() + timeout_s
        await self._take_turn(deadline)
        try:
            receiver = self._receiver or await self._open(deadline)
            frame = await self._exchange(receiver, pdu, deadline)
        finally:
            self._turn.release()
        return self._read(request, frame)

    async def close(self) -> None:
        """Release the link. Never raises for one that is already gone."""
        self._closed = True
        receiver = self._receiver
        if receiver is not None:
            self._drop(receiver, "closed here")

    def _read(self, request: Request, frame: Frame) -> bytes:
        try:
            reply = decode_reply(request, frame.pdu)
        except ModbusError as problem:
            raise RemoteWireError(self.name, str(problem)) from problem
        if reply.exception:
            known = reply.exception in list(ExceptionCode)
            word = ExceptionCode(reply.exception).name.lower().replace("_", " ") if known else "unknown"
            raise InstrumentRefused(
                self.name, f"Modbus exception {reply.exception} ({word}) to {request.function.name} {request.address}"
            )
        return reply.data

    async def _take_turn(self, deadline: float) -> None:
        if self._closed:
            raise LinkClosed(self.name, "closed here")
        if not self._turn.locked():
            await self._turn.acquire()
            return
        if self._queued >= TURNS_MAX:
            raise LinkError(self.name, f"more than {TURNS_MAX} exchanges wait for this link")
        self._queued += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError as error:
            raise LinkBusy(self.name, "the link was busy until the deadline") from error
        finally:
            self._queued -= 1

    async def _open(self, deadline: float) -> _Receiver:
        if self._closed:
            raise LinkClosed(self.name, "closed here")
        receiver = _Receiver(self._drop)
        try:
            async with asyncio.timeout_at(deadline):
                await self._connect(lambda: receiver)
        except TimeoutError as error:
            raise ConnectFailed(self.name, "no connection within the deadline") from error
        except OSError as error:
            raise ConnectFailed(self.name, connect_problem(error)) from error
        self._receiver = receiver
        self._timeouts = 0
        return receiver

    async def _exchange(self, receiver: _Receiver, pdu: bytes, deadline: float) -> Frame:
        self._transaction = transaction = self._transaction + 1 & 0xFFFF
        transport = receiver.transport
        if transport is None:
            raise LinkClosed(self.name, "the peer hung up")
        waiter: asyncio.Future[Frame] = self._loop.create_future()
        receiver.transaction, receiver.waiter = transaction, waiter
        timer = self._loop.call_at(deadline, self._expire, waiter)
        try:
            transport.write(encode_frame(transaction, UNIT, pdu))
            frame = await waiter
        finally:
            timer.cancel()
            receiver.waiter = None
        self._timeouts = 0
        return frame

    def _expire(self, waiter: "asyncio.Future[Frame]") -> None:
        if waiter.done():
            return
        self._timeouts += 1
        waiter.set_exception(LinkTimeout(self.name, "no answer within the deadline"))
        receiver = self._receiver
        if receiver is not None and receiver.pending:
            self._drop(receiver, "half an answer, and the other half would be taken for the next one's beginning")
        elif receiver is not None and self._timeouts >= TIMEOUTS_MAX:
            self._drop(receiver, "no answer several times in a row")

    def _drop(self, receiver: _Receiver, problem: str) -> None:
        """Give a connection up and fail the exchange in progress; the next transaction opens another."""
        if receiver is self._receiver:
            self._receiver = None
        waiter, transport = receiver.waiter, receiver.transport
        receiver.transport = None
        if waiter is not None and not waiter.done():
            waiter.set_exception(LinkClosed(self.name, problem))
        if transport is not None:
            transport.abort()
