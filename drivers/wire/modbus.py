"""PURE: Modbus TCP, both directions: MBAP header and function codes 3, 4, 6, 16 and 23.

Source: Modbus Application Protocol V1.1b3 sections 6.3, 6.4, 6.6, 6.12, 6.17 and 7 (exceptions); Modbus
Messaging on TCP/IP V1.0b section 3.1 (MBAP). Register payloads travel as the bytes they are.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

READ_MAX = 125
"""Registers one FC 3, 4 or 23 may read: the reply's byte count is one byte (6.3)."""
WRITE_MAX = 123
"""Registers FC 16 may write (6.12)."""
WRITE_MAX_23 = 121
"""Registers FC 23 may write (6.17)."""
PDU_MAX = 253
"""Bytes of the largest PDU; anything a header claims beyond it is not Modbus."""
MBAP_SIZE = 7


class Function(IntEnum):
    """The function codes spoken here."""

    READ_HOLDING = 3
    READ_INPUT = 4
    WRITE_ONE = 6
    WRITE_MANY = 16
    READ_WRITE = 23


class ExceptionCode(IntEnum):
    """Exception codes of section 7."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5
    BUSY = 6


class ModbusError(ValueError):
    """Bytes that are not Modbus. ``code`` is what a server answers when it still can."""

    def __init__(self, problem: str, code: ExceptionCode | None = None) -> None:
        super().__init__(problem)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A request. ``data`` are register bytes to write; FC 23 reads ``address`` and writes ``write_address``."""

    function: Function
    address: int
    count: int = 0
    data: bytes = b""
    write_address: int = 0


class Reply(NamedTuple):
    """A reply: ``data`` of a read, or the ``exception``."""

    function: int
    data: bytes = b""
    exception: int = 0


class Frame(NamedTuple):
    """One MBAP frame: transaction, unit and the PDU behind them."""

    transaction: int
    unit: int
    pdu: bytes


_MBAP = struct.Struct(">HHHB")
_FC_HH = struct.Struct(">BHH")
_FC16 = struct.Struct(">BHHB")
_FC23 = struct.Struct(">BHHHHB")
_FUNCTIONS = {int(function): function for function in Function}
_READ_WRITE, _WRITE_MANY, _WRITE_ONE = Function.READ_WRITE, Function.WRITE_MANY, Function.WRITE_ONE
_READS = (Function.READ_HOLDING, Function.READ_INPUT)


def encode_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """Put the MBAP header before a PDU. Raises ModbusError for a PDU that is empty or too long."""
    if not 1 <= len(pdu) <= PDU_MAX:
        raise ModbusError(f"a PDU of {len(pdu)} bytes")
    return _MBAP.pack(transaction, 0, len(pdu) + 1, unit) + pdu


class Framer:
    """Cuts a byte stream into frames. Holds at most one incomplete frame."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Frames that are complete now. Raises ModbusError when the stream cannot be Modbus; it is then useless."""
        stream = self._rest + data if self._rest else bytes(data)
        frames: list[Frame] = []
        start, size = 0, len(stream)
        while size - start >= MBAP_SIZE:
            transaction, protocol, length, unit = _MBAP.unpack_from(stream, start)
            if protocol != 0 or not 2 <= length <= PDU_MAX + 1:
                raise ModbusError(f"MBAP header with protocol {protocol} and length {length}")
            end = start + 6 + length
            if size < end:
                break
            frames.append(Frame(transaction, unit, stream[start + MBAP_SIZE : end]))
            start = end
        self._rest = stream[start:]
        return frames

    @property
    def pending(self) -> int:
        """Bytes of the incomplete frame."""
        return len(self._rest)


def encode_request(request: Request) -> bytes:
    """The PDU of a request. Raises ModbusError for counts, addresses or data outside the protocol's limits."""
    function, address = request.function, request.address
    if function in _READS:
        _check_span(address, request.count, READ_MAX)
        return _FC_HH.pack(function, address, request.count)
    words, odd = divmod(len(request.data), 2)
    if odd:
        raise ModbusError("register data of an odd number of bytes")
    if function is _READ_WRITE:
        _check_span(address, request.count, READ_MAX)
        _check_span(request.write_address, words, WRITE_MAX_23)
        head = _FC23.pack(function, address, request.count, request.write_address, words, words * 2)
        return head + request.data
    if function is _WRITE_MANY:
        _check_span(address, words, WRITE_MAX)
        return _FC16.pack(function, address, words, words * 2) + request.data
    _check_span(address, words, 1)
    return struct.pack(">BH", function, address) + request.data


def decode_request(pdu: bytes) -> Request:
    """Read a request's PDU. Raises ModbusError carrying exception 1 (function) or 3 (lengths and counts)."""
    try:
        function = _FUNCTIONS[pdu[0]]
    except (KeyError, IndexError):
        raise ModbusError("unknown function code", ExceptionCode.ILLEGAL_FUNCTION) from None
    try:
        return _decode_request(function, pdu)
    except struct.error:
        raise ModbusError("a request of the wrong length", ExceptionCode.ILLEGAL_VALUE) from None


def _decode_request(function: Function, pdu: bytes) -> Request:
    if function is _READ_WRITE:
        _, address, count, write_address, words, size = _FC23.unpack_from(pdu)
        _check_span(address, count, READ_MAX)
        data = _check_data(pdu, _FC23.size, write_address, words, size, WRITE_MAX_23)
        return Request(function, address, count, data, write_address)
    if function is _WRITE_MANY:
        _, address, words, size = _FC16.unpack_from(pdu)
        return Request(function, address, 0, _check_data(pdu, _FC16.size, address, words, size, WRITE_MAX))
    _, address, value = _FC_HH.unpack(pdu)
    if function in _READS:
        _check_span(address, value, READ_MAX)
        return Request(function, address, value)
    return Request(function, address, 0, pdu[3:5])


def _check_span(address: int, count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ModbusError(f"{count} registers where 1 to {most} are allowed", ExceptionCode.ILLEGAL_VALUE)
    if not 0 <= address <= 65536 - count:
        raise ModbusError(f"registers {address} + {count} beyond 65535", ExceptionCode.ILLEGAL_ADDRESS)


def _check_data(pdu: bytes, start: int, address: int, words: int, size: int, most: int) -> bytes:
    if size != words * 2 or len(pdu) != start + size:
        raise ModbusError("byte count and data disagree", ExceptionCode.ILLEGAL_VALUE)
    _check_span(address, words, most)
    return pdu[start:]


def encode_reply(request: Request, data: bytes = b"") -> bytes:
    """The PDU that answers ``request``; ``data`` are the bytes read."""
    if request.function is _WRITE_MANY:
        return _FC_HH.pack(request.function, request.address, len(request.data) // 2)
    if request.function is _WRITE_ONE:
        return struct.pack(">BH", request.function, request.address) + request.data
    return bytes((request.function, len(data))) + data


def encode_exception(function: int, code: int) -> bytes:
    """The PDU of an exception reply."""
    return bytes((function & 0x7F | 0x80, code))


def decode_reply(request: Request, pdu: bytes) -> Reply:
    """Read the reply to ``request``. Raises ModbusError when it cannot be an answer to that request."""
    if len(pdu) == 2 and pdu[0] == request.function | 0x80:
        return Reply(request.function, exception=pdu[1])
    if request.count:
        if len(pdu) != 2 + 2 * request.count or pdu[0] != request.function or pdu[1] != 2 * request.count:
            raise ModbusError(f"not an answer to a read of {request.count} registers: {pdu[:8].hex(' ')}")
        return Reply(request.function, pdu[2:])
    if pdu != encode_reply(request):
        raise ModbusError(f"not the echo of this write: {pdu[:8].hex(' ')}")
    return Reply(request.function)
