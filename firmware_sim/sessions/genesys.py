"""PURE: an RS-232/485 line with one or more Genesys supplies on it (instruments.md 2.6).

All hear every byte; who was addressed last answers. Bytes from 0x80 up are the fast commands, which need no CR.
"""

from collections.abc import Sequence

from drivers.wire.genesys import ADDRESS_MAX, MINUTES, REGISTERS, TEST, Status
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.personalities.genesys_language import LINE_MAX, GenesysListener
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.serial_line import SerialPace

BAUD = 9600
"""As delivered; 1200 to 19200 can be chosen at the front."""

RETRANSMIT, ACKNOWLEDGE = 0xC0, 0xE0
"""Plus the address, sent twice: repeat the last answer; take note of a service request."""

REARM = 0xA5
"""Then the address: nobody answers, and requests come again by themselves once the events were read."""

ENABLE_FAULT, DISCONNECT = 0xA4, 0xBF
"""To everybody: set the fault bit in SENA; forget who is addressed."""

_WITH_ADDRESS = {TEST: "fast_test", MINUTES: "fast_minutes", REARM: ""}
_CR, _LF, _BACKSPACE = 13, 10, 8


class GenesysLine:
    """The line. One session for all clients, as one serial port is."""

    def __init__(self, units: Sequence[GenesysUnit], baud: int = BAUD) -> None:
        self._listeners = [GenesysListener(unit) for unit in units]
        self._pace = SerialPace(baud)
        self._line = bytearray()
        self._first = 0
        self._said: dict[int, bytes] = {}

    def add(self, unit: GenesysUnit) -> None:
        """Put one more supply on the line."""
        self._listeners.append(GenesysListener(unit))

    @property
    def waiting(self) -> bool:
        """True while a supply could request service by itself."""
        return any(listener.unit.watched for listener in self._listeners)

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Answer the messages that ``data`` completes, then say which supplies request service."""
        self._pace.hear(len(data), now_ns)
        replies = b"".join(self._byte(byte, now_ns) for byte in data)
        return self._pace.say(replies + self._requests(), now_ns)

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let protection act, and say which supplies request service."""
        for listener in self._listeners:
            listener.unit.advance(now_ns)
        return self._pace.say(self._requests(), now_ns)

    def _requests(self) -> bytes:
        said = b""
        for listener in self._listeners:
            unit = listener.unit
            unit.look()
            if unit.registers.requested:
                unit.registers.requested = False
                said += b"!%02d\r" % unit.address
        return said

    # -- bytes

    def _byte(self, byte: int, now_ns: int) -> bytes:
        first, self._first = self._first, 0
        if first in _WITH_ADDRESS:
            return self._addressed(_WITH_ADDRESS[first], byte, now_ns)
        if byte >= REGISTERS:
            return self._fast(first, byte, now_ns)
        if byte == _CR:
            line, self._line = bytes(self._line), bytearray()
            return b"".join(self._answer(listener, listener.hear(line, now_ns)) for listener in self._listeners)
        if byte == _BACKSPACE:
            del self._line[-1:]
        elif byte != _LF and len(self._line) <= LINE_MAX:
            self._line.append(byte)
        return b""

    def _fast(self, first: int, byte: int, now_ns: int) -> bytes:
        if byte == ENABLE_FAULT:
            for listener in self._listeners:
                listener.unit.registers.sena |= int(Status.FAULT)
        elif byte == DISCONNECT:
            for listener in self._listeners:
                listener.selected = False
        elif byte in _WITH_ADDRESS or first != byte:
            self._first = byte
        elif byte & 0x1F <= ADDRESS_MAX:
            kind, address = byte & 0xE0, byte & 0x1F
            if kind == REGISTERS:
                return self._addressed("fast_registers", address, now_ns)
            if kind == RETRANSMIT:
                return self._said.get(address, b"")
        return b""

    def _addressed(self, name: str, address: int, now_ns: int) -> bytes:
        if not name:
            return b""
        return b"".join(self._answer(listener, listener.fast(name, address, now_ns)) for listener in self._listeners)

    def _answer(self, listener: GenesysListener, reply: bytes) -> bytes:
        if not reply:
            return b""
        address = listener.unit.address
        self._said[address] = reply
        if listener.unit.injected("srq_inside"):
            listener.unit.on_act("srq_inside", "a service request cuts a reply in two")
            middle = len(reply) // 2
            return reply[:middle] + b"!%02d\r" % address + reply[middle:]
        return reply
