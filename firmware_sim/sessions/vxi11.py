"""PURE: a VXI-11 instrument (VXIbus Consortium, VXI-11 revision 1.0): its connections, call by call.

Core and abort channel share one port: a call says which program it means. The interrupt channel goes the other way,
so the shell must be able to dial. Calls of one connection are carried out in order; one that has to wait holds up only
its own connection, and device_abort comes by another one. What the calls do is :mod:`firmware_sim.sessions.vxi11_core`.
"""

from collections import deque
from collections.abc import Callable

from firmware_sim.sessions import rpc
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.hislip_locks import Locks
from firmware_sim.sessions.rpc import Accept, BadArguments, BadRecord, Call, RecordReader, Refusal, Unpacker
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.vxi11_core import EMPTY, RECEIVE_MAX, CoreChannel, Instrument, Later, Parts
from firmware_sim.sessions.vxi11_interrupt import VERSION
from firmware_sim.sessions.vxi11_link import DeviceError, Refused

CORE, ABORT = 0x0607AF, 0x0607B0
DEVICE_ABORT = 1

RECORD_MAX = RECEIVE_MAX + 1024
"""A call with its credentials and arguments."""
INBOX_MAX = 64
INBOX_BYTES_MAX = 4 * RECORD_MAX
"""Calls that wait behind one that is held. Clients send one at a time: more ends the connection."""


class Vxi11Server:
    """The VXI-11 door of one instrument; calling it opens the session of one connection.

    ``open_scpi`` makes the message exchange of one link, with ``held`` replies; ``locks`` are the instrument's when
    other doors lock as well. Interrupts need a network: the shell sets ``instrument.network``.
    """

    def __init__(self, open_scpi: Callable[[], ScpiSession], locks: Locks | None = None) -> None:
        self.instrument = Instrument(open_scpi, locks if locks is not None else Locks())

    def __call__(self) -> "Vxi11Session":
        """The session of one connection."""
        return Vxi11Session(self.instrument)


class Vxi11Session:
    """One connection: calls in, replies out, in order."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._core = CoreChannel(instrument)
        self._reader = RecordReader(RECORD_MAX)
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._held: tuple[Call, Later] | None = None

    # -- Session and Attached

    @property
    def waiting(self) -> bool:
        """True while a call is held, or a link has reason to speak later."""
        return self._held is not None or self._core.waiting

    @property
    def due_ns(self) -> int | None:
        """Now while a call is held: its I/O and lock timeouts count milliseconds."""
        return self._instrument.now_ns if self._held is not None else None

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Calls, cut anywhere; what cannot be a call ends the connection."""
        self._instrument.now_ns = now_ns
        chunks: list[Chunk] = []
        try:
            for record in self._reader.feed(data):
                self._inbox.append(record)
                self._inbox_bytes += len(record)
                chunks += self._run()
                if len(self._inbox) > INBOX_MAX or self._inbox_bytes > INBOX_BYTES_MAX:
                    raise BadRecord("more calls than wait here")
        except BadRecord:
            chunks.append(Chunk(close=True))
        return chunks

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let time pass."""
        self._instrument.now_ns = now_ns
        self._core.go_on(now_ns)
        try:
            return self._run()
        except BadRecord:
            return [Chunk(close=True)]

    def attach(self, wake: Callable[[], None]) -> None:
        """Nobody else decides when this connection speaks: held calls are ticked."""

    def detach(self) -> None:
        """The connection is gone, and nobody waits for an answer."""
        self._inbox.clear()
        self._held = None
        self._core.close()

    # -- calls

    def _run(self) -> list[Chunk]:
        """Carry out what has arrived until a call is held. Raises BadRecord."""
        chunks: list[Chunk] = []
        while True:
            if self._held is None:
                if not self._inbox:
                    return chunks
                record = self._inbox.popleft()
                self._inbox_bytes -= len(record)
                reply = self._begin(record)
            else:
                call, later = self._held
                reply = self._reply(call, later)
            if reply is None:
                return chunks
            self._held = None
            chunks += rpc.record(*reply)

    def _begin(self, record: bytes) -> Parts | None:
        """The reply to a call, None when it is held. Raises BadRecord."""
        try:
            call = rpc.parse_call(record)
        except Refusal as refusal:
            return (refusal.reply,)
        if call.program != CORE:
            return (rpc.answer_at_once(call, ABORT, VERSION, {DEVICE_ABORT: self._abort}),)
        if call.version != VERSION or call.procedure == 0:
            return (rpc.answer_at_once(call, CORE, VERSION, {}),)
        procedure = self._core.procedures.get(call.procedure)
        if procedure is None:
            return (rpc.accepted(call.xid, status=Accept.PROC_UNAVAIL),)
        try:
            later = procedure(call.arguments)
        except BadArguments:
            return (rpc.accepted(call.xid, status=Accept.GARBAGE_ARGS),)
        except Refused as refused:
            return _failed(call, refused)
        self._held = call, later
        return self._reply(call, later)

    def _reply(self, call: Call, later: Later) -> Parts | None:
        try:
            result = later()
        except Refused as refused:
            return _failed(call, refused)
        if result is None:
            return None
        first, *rest = result
        return (rpc.accepted(call.xid, rpc.i32(DeviceError.NONE) + bytes(first)), *rest)

    def _abort(self, arguments: Unpacker) -> bytes:
        """device_abort: the call in progress on that link, if any, ends with error 23."""
        link = self._instrument.links.get(arguments.i32())
        if link is None:
            return rpc.i32(DeviceError.INVALID_LINK)
        link.aborted = True
        return rpc.i32(DeviceError.NONE)


def _failed(call: Call, refused: Refused) -> Parts:
    """The error code, and zeros where the result would stand."""
    return (rpc.accepted(call.xid, rpc.i32(refused.code) + bytes(EMPTY.get(call.procedure, 0))),)
