"""PURE: HiSLIP 1.0 messages (IVI-6.1), the one codec of our client and of the stand-ins: bytes in, messages out.

Every message is a header of 16 bytes, all fields big-endian: ``HS``, message type, control code, a 32-bit parameter
and the 64-bit length of the payload that follows (IVI-6.1 section 2.4; instruments.md 3.2). Golden vectors, typed by
hand: ``tests/vectors/hislip.txt``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

HEADER = Struct("!2sBBIQ")
HEADER_BYTES = HEADER.size
PROLOGUE = b"HS"

VERSION = 0x0100
"""HiSLIP 1.0: major version in the upper byte."""

FIRST_ID = 0xFFFFFF00
"""Message id of a client's first message, and of the first one after a device clear."""
ID_STEP = 2
ANY_ID = 0xFFFFFFFF
"""Message id of a server's answer that belongs to no particular message (section 3.1)."""
IDS = 1 << 32

VENDOR_TYPES = 128
"""Message types from here on are a vendor's own (table 4)."""

MESSAGE_MAX = 1 << 20
"""Payload bytes either side holds of one message: what clients ask for (instruments.md 3.2)."""

SKIP_MAX = 16 * MESSAGE_MAX
"""Payload of a message that is too large but is still read to its end; beyond it the sender is broken."""

ANSWER_MAX = SKIP_MAX
"""Bytes, header included, that our client takes in one message: blocks go straight into the caller's memory, so that
their size costs nothing, and one header per 16 MiB is none. An answer that nobody waits for must still be skipped."""

CONTROL_MAX = 4096
"""Payload bytes of any other message than Data: sub-addresses, lock strings and error texts."""

SUB_ADDRESS_MAX = 256
LOCK_STRING_MAX = 256
"""Bytes (sections 6.1 and 6.5)."""


class Kind(IntEnum):
    """Message types (table 4)."""

    INITIALIZE = 0
    INITIALIZE_RESPONSE = 1
    FATAL_ERROR = 2
    ERROR = 3
    ASYNC_LOCK = 4
    ASYNC_LOCK_RESPONSE = 5
    DATA = 6
    DATA_END = 7
    DEVICE_CLEAR_COMPLETE = 8
    DEVICE_CLEAR_ACKNOWLEDGE = 9
    ASYNC_REMOTE_LOCAL_CONTROL = 10
    ASYNC_REMOTE_LOCAL_RESPONSE = 11
    TRIGGER = 12
    INTERRUPTED = 13
    ASYNC_INTERRUPTED = 14
    ASYNC_MAX_MESSAGE_SIZE = 15
    ASYNC_MAX_MESSAGE_SIZE_RESPONSE = 16
    ASYNC_INITIALIZE = 17
    ASYNC_INITIALIZE_RESPONSE = 18
    ASYNC_DEVICE_CLEAR = 19
    ASYNC_SERVICE_REQUEST = 20
    ASYNC_STATUS_QUERY = 21
    ASYNC_STATUS_RESPONSE = 22
    ASYNC_DEVICE_CLEAR_ACKNOWLEDGE = 23
    ASYNC_LOCK_INFO = 24
    ASYNC_LOCK_INFO_RESPONSE = 25


class Fatal(IntEnum):
    """Codes of FatalError, after which the connection is closed (section 6.2)."""

    UNIDENTIFIED = 0
    BAD_HEADER = 1
    NOT_BOTH_CHANNELS = 2
    BAD_INITIALIZATION = 3
    TOO_MANY_CLIENTS = 4


class Error(IntEnum):
    """Codes of Error, after which the conversation goes on (section 6.3)."""

    UNIDENTIFIED = 0
    UNKNOWN_TYPE = 1
    UNKNOWN_CONTROL = 2
    UNKNOWN_VENDOR_TYPE = 3
    TOO_LARGE = 4


class LockReply(IntEnum):
    """Control code of AsyncLockResponse (section 6.5)."""

    FAILURE = 0
    SUCCESS = 1
    SHARED_RELEASED = 2
    ERROR = 3


class RemoteLocal(IntEnum):
    """Control code of AsyncRemoteLocalControl (section 6.9): what VISA's viGpibControlREN can ask for."""

    DISABLE_REMOTE = 0
    ENABLE_REMOTE = 1
    DISABLE_AND_GO_LOCAL = 2
    ENABLE_AND_GO_REMOTE = 3
    ENABLE_AND_LOCK_OUT = 4
    ENABLE_GO_REMOTE_AND_LOCK_OUT = 5
    GO_LOCAL = 6


class BadHeader(ValueError):
    """What arrived is no HiSLIP message: the stream cannot be read any further."""


class BadMessage(ValueError):
    """A whole message whose fields cannot be right."""


class Message(NamedTuple):
    """One message. ``kind`` may be a number that :class:`Kind` does not know."""

    kind: int
    control: int = 0
    parameter: int = 0
    payload: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return HEADER.pack(PROLOGUE, self.kind, self.control, self.parameter, len(self.payload)) + self.payload


class Oversized(NamedTuple):
    """In place of a message whose payload was too large and has been skipped."""

    kind: int
    size: int


class Header(NamedTuple):
    """The fixed part of a message; ``size`` is the length of the payload in bytes."""

    kind: int
    control: int
    parameter: int
    size: int


def parse_header(data: bytes | bytearray | memoryview, offset: int = 0) -> Header:
    """The header at ``offset``, which must be there in full. Raises :class:`BadHeader`."""
    prologue, kind, control, parameter, size = HEADER.unpack_from(data, offset)
    if prologue != PROLOGUE:
        raise BadHeader(f"{bytes(data[offset : offset + HEADER_BYTES])!r} is no HiSLIP message")
    return Header(kind, control, parameter, size)


def encode_header(kind: int, control: int, parameter: int, size: int) -> bytes:
    """The header of a message whose payload of ``size`` bytes is sent separately."""
    return HEADER.pack(PROLOGUE, kind, control, parameter, size)


class MessageReader:
    """Collects whole messages from a stream that may be cut anywhere; holds at most one message of ``limit`` bytes.

    Messages other than Data and DataEnd are limited to :data:`CONTROL_MAX`.
    """

    __slots__ = ("_held", "_limit", "_skip", "_skipped")

    def __init__(self, limit: int = MESSAGE_MAX) -> None:
        self._limit = limit
        self._held = bytearray()
        self._skip = 0
        self._skipped = Oversized(0, 0)

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Message | Oversized]:
        """The messages that ``data`` completes. Raises :class:`BadHeader`; nothing can be read after that."""
        held = self._held
        held += data
        while True:
            if self._skip:
                gone = min(self._skip, len(held))
                del held[:gone]
                self._skip -= gone
                if self._skip:
                    return
                yield self._skipped
            if len(held) < HEADER_BYTES:
                return
            kind, control, parameter, size = parse_header(held)
            limit = self._limit if kind in (Kind.DATA, Kind.DATA_END) else CONTROL_MAX
            if size > limit:
                if size > SKIP_MAX:
                    raise BadHeader(f"a message of type {kind} claims {size} bytes where {limit} are taken")
                del held[:HEADER_BYTES]
                self._skip, self._skipped = size, Oversized(kind, size)
                continue
            whole = HEADER_BYTES + size
            if len(held) < whole:
                return
            payload = bytes(held[HEADER_BYTES:whole])
            del held[:whole]
            yield Message(kind, control, parameter, payload)


# -- messages whose fields have a shape of their own; the others are plain :class:`Message` values


@dataclass(frozen=True, slots=True)
class Initialize:
    """A client's first message on its synchronous channel (section 6.1)."""

    sub_address: bytes = b"hislip0"
    vendor: bytes = b"xx"
    version: int = VERSION

    def message(self) -> Message:
        """As it is sent."""
        parameter = self.version << 16 | int.from_bytes(self.vendor, "big")
        return Message(Kind.INITIALIZE, 0, parameter, self.sub_address)

    @classmethod
    def of(cls, message: Message) -> "Initialize":
        """Read it; raises :class:`BadMessage`. Any version and an empty sub-address are somebody's habit."""
        if len(message.payload) > SUB_ADDRESS_MAX:
            raise BadMessage(f"a sub-address of {len(message.payload)} bytes")
        parameter = message.parameter
        return cls(message.payload, (parameter & 0xFFFF).to_bytes(2, "big"), parameter >> 16)


@dataclass(frozen=True, slots=True)
class InitializeResponse:
    """The server's answer: its version, the session id, and whether it prefers overlap mode."""

    session: int
    overlap: bool = False
    version: int = VERSION

    def message(self) -> Message:
        """As it is sent."""
        return Message(Kind.INITIALIZE_RESPONSE, int(self.overlap), self.version << 16 | self.session)

    @classmethod
    def of(cls, message: Message) -> "InitializeResponse":
        """Read it; bits that 1.0 does not know are a later version's and ignored."""
        return cls(message.parameter & 0xFFFF, bool(message.control & 1), message.parameter >> 16)


def async_initialize(session: int) -> Message:
    """A client's first message on its asynchronous channel: pairs it with the synchronous one."""
    return Message(Kind.ASYNC_INITIALIZE, 0, session)


def async_initialize_response(vendor: bytes) -> Message:
    """The server's answer: its vendor's two letters."""
    return Message(Kind.ASYNC_INITIALIZE_RESPONSE, 0, int.from_bytes(vendor, "big"))


def max_message_size(kind: Kind, size: int) -> Message:
    """AsyncMaximumMessageSize or its response: the most that its sender takes (section 6.8)."""
    return Message(kind, 0, 0, size.to_bytes(8, "big"))


def size_in(message: Message) -> int:
    """The size in either of the two. Raises :class:`BadMessage`."""
    if len(message.payload) != 8:
        raise BadMessage(f"a maximum message size of {len(message.payload)} bytes where 8 belong")
    return int.from_bytes(message.payload, "big")


def lock_request(timeout_ms: int, lock_string: bytes = b"") -> Message:
    """AsyncLock: wait up to ``timeout_ms`` for the exclusive lock, or with a string for that shared one."""
    return Message(Kind.ASYNC_LOCK, 1, timeout_ms, lock_string)


def lock_release(last_id: int) -> Message:
    """AsyncLock: give back what is held once message ``last_id`` is done."""
    return Message(Kind.ASYNC_LOCK, 0, last_id)


def lock_info_response(exclusive: bool, holders: int) -> Message:
    """AsyncLockInfoResponse: whether there is an exclusive lock, and how many clients hold any."""
    return Message(Kind.ASYNC_LOCK_INFO_RESPONSE, int(exclusive), holders)


def problem(code: Fatal | Error, text: str) -> Message:
    """FatalError or Error with a text for people."""
    kind = Kind.FATAL_ERROR if isinstance(code, Fatal) else Kind.ERROR
    return Message(kind, code, 0, text.encode("ascii", "replace")[:CONTROL_MAX])


def describe_problem(message: Message) -> str:
    """What a FatalError or an Error says, in one line for a person."""
    fatal = message.kind == Kind.FATAL_ERROR
    codes: type[Fatal] | type[Error] = Fatal if fatal else Error
    known = message.control in codes.__members__.values()
    name = codes(message.control).name.lower().replace("_", " ") if known else f"code {message.control}"
    text = message.payload[:80].decode("latin-1").strip()
    return f"HiSLIP {'fatal ' if fatal else ''}error: {name}" + (f" ({text!r})" if text else "")


def next_id(message_id: int) -> int:
    """The id of the message after ``message_id``."""
    return (message_id + ID_STEP) % IDS
