"""PURE: ONC remote procedure calls (RFC 5531) in XDR (RFC 4506), as VXI-11 and the port mapper use them.

A call comes as one record of marked fragments on TCP, cut anywhere, or as one datagram. Credentials are read past:
instruments do not look at them.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from firmware_sim.sessions.base import Chunk

LAST_FRAGMENT = 0x8000_0000
CALL, REPLY = 0, 1
RPC_VERSION = 2
CREDENTIALS_MAX = 400
"""Bytes of credentials and of a verifier (RFC 5531 section 8.2)."""
FRAGMENTS_MAX = 1024
"""Fragments of one record: clients send one; a flood of empty ones must end."""

_U32 = struct.Struct(">I")
_I32 = struct.Struct(">i")


class Accept(IntEnum):
    """How an accepted call ended."""

    SUCCESS = 0
    PROG_UNAVAIL = 1
    PROG_MISMATCH = 2
    PROC_UNAVAIL = 3
    GARBAGE_ARGS = 4


class BadRecord(ValueError):
    """The stream cannot be cut into records any further, or a record is no call: the connection is of no use."""


class BadArguments(ValueError):
    """The arguments are not what the procedure takes."""


class Unpacker:
    """Reads XDR from the front; raises :class:`BadArguments`."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    def u32(self) -> int:
        """An unsigned integer (also a short: XDR has none)."""
        if self._at + 4 > len(self._data):
            raise BadArguments("the arguments end early")
        value: int = _U32.unpack_from(self._data, self._at)[0]
        self._at += 4
        return value

    def i32(self) -> int:
        """A signed integer."""
        value: int = _I32.unpack(_U32.pack(self.u32()))[0]
        return value

    def boolean(self) -> bool:
        """A bool: anything but zero is true, as C clients send it."""
        return self.u32() != 0

    def opaque(self, limit: int) -> bytes:
        """Variable-length bytes or a string of at most ``limit`` bytes."""
        size = self.u32()
        padded = size + (-size % 4)
        if size > limit or self._at + padded > len(self._data):
            raise BadArguments(f"{size} bytes where {len(self._data) - self._at} are left and {limit} are allowed")
        value = self._data[self._at : self._at + size]
        self._at += padded
        return value


def u32(*values: int) -> bytes:
    """Unsigned integers."""
    return struct.pack(f">{len(values)}I", *values)


def i32(*values: int) -> bytes:
    """Signed integers."""
    return struct.pack(f">{len(values)}i", *values)


def opaque(data: bytes) -> bytes:
    """Variable-length bytes with their padding."""
    return _U32.pack(len(data)) + data + bytes(-len(data) % 4)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, its arguments not yet read."""

    xid: int
    program: int
    version: int
    procedure: int
    arguments: Unpacker


class Refusal(Exception):
    """A call that is answered without asking any program; ``reply`` is that answer's body."""

    def __init__(self, xid: int, reply: bytes) -> None:
        super().__init__(f"call {xid} refused")
        self.xid = xid
        self.reply = reply


def parse_call(record: bytes) -> Call:
    """The call in ``record``. Raises BadRecord for what is no call, Refusal for another version of RPC."""
    reader = Unpacker(record)
    try:
        xid, kind = reader.u32(), reader.u32()
        if kind != CALL:
            raise BadRecord(f"message type {kind} where a call must be")
        if reader.u32() != RPC_VERSION:
            raise Refusal(xid, u32(xid, REPLY, 1, 0, RPC_VERSION, RPC_VERSION))
        program, version, procedure = reader.u32(), reader.u32(), reader.u32()
        for _ in ("credentials", "verifier"):
            reader.u32()
            reader.opaque(CREDENTIALS_MAX)
    except BadArguments as trouble:
        raise BadRecord(str(trouble)) from trouble
    return Call(xid, program, version, procedure, reader)


def encode_call(xid: int, program: int, version: int, procedure: int, arguments: bytes) -> bytes:
    """A call without credentials: what the interrupt channel sends."""
    return u32(xid, CALL, RPC_VERSION, program, version, procedure, 0, 0, 0, 0) + arguments


def accepted(xid: int, result: bytes = b"", status: Accept = Accept.SUCCESS) -> bytes:
    """The reply to a call, with an empty verifier."""
    return u32(xid, REPLY, 0, 0, 0, status) + result


def record(*parts: bytes | memoryview) -> list[Chunk]:
    """One record of one fragment. Views are passed on uncopied."""
    size = sum(len(part) for part in parts)
    first, rest = parts[0], parts[1:]
    return [Chunk(_U32.pack(LAST_FRAGMENT | size) + bytes(first)), *(Chunk(part) for part in rest if len(part))]


class RecordReader:
    """Cuts a stream into records of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._record = bytearray()
        self._fragments = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The records that are complete now. Raises BadRecord for one that is too long."""
        self._held += data
        while len(self._held) >= 4:
            mark: int = _U32.unpack_from(self._held)[0]
            size = mark & ~LAST_FRAGMENT
            if len(self._record) + size > self._limit:
                raise BadRecord(f"a record of {len(self._record) + size} bytes where {self._limit} are the most")
            if len(self._held) < 4 + size:
                return
            self._record += memoryview(self._held)[4 : 4 + size]
            del self._held[: 4 + size]
            self._fragments += 1
            if mark & LAST_FRAGMENT:
                whole = bytes(self._record)
                self._record.clear()
                self._fragments = 0
                yield whole
            elif self._fragments >= FRAGMENTS_MAX:
                raise BadRecord(f"a record of more than {FRAGMENTS_MAX} fragments")


Procedure = Callable[[Unpacker], bytes]


def answer_at_once(call: Call, program: int, version: int, procedures: Mapping[int, Procedure]) -> bytes:
    """The reply to a call of a program whose procedures never wait. Procedure 0 does nothing, as everywhere."""
    if call.program != program:
        return accepted(call.xid, status=Accept.PROG_UNAVAIL)
    if call.version != version:
        return accepted(call.xid, u32(version, version), Accept.PROG_MISMATCH)
    if call.procedure == 0:
        return accepted(call.xid)
    procedure = procedures.get(call.procedure)
    if procedure is None:
        return accepted(call.xid, status=Accept.PROC_UNAVAIL)
    try:
        return accepted(call.xid, procedure(call.arguments))
    except BadArguments:
        return accepted(call.xid, status=Accept.GARBAGE_ARGS)
