"""PURE: one Modbus TCP connection to a stand-in: frames in, frames out; the device decides what a register is."""

from typing import Protocol

from drivers.wire.modbus import (
    ExceptionCode,
    Framer,
    Function,
    ModbusError,
    Request,
    decode_request,
    encode_exception,
    encode_frame,
    encode_reply,
)
from firmware_sim.sessions.base import Chunk

_READ_WRITE = Function.READ_WRITE


class ModbusDevice(Protocol):
    """Registers behind a session. A value that is an ExceptionCode is answered as that exception."""

    @property
    def answering(self) -> bool:
        """False: requests are swallowed without an answer."""
        ...

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        """Two bytes per register, big-endian."""
        ...

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        """Write ``len(data) / 2`` registers from ``address`` on; None when done."""
        ...

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        """FC 23: write first, then read (6.17)."""
        ...


class ModbusSession:
    """Server side of one connection. Any unit id is answered, as the LabJack does (instruments.md 2.11)."""

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._framer = Framer()

    @property
    def waiting(self) -> bool:
        """Modbus answers at once: nothing here waits for time."""
        return False

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Answer every request that is complete; a stream that is not Modbus is hung up on."""
        try:
            frames = self._framer.feed(data)
        except ModbusError:
            return [Chunk(b"", 0, True)]
        answers: list[Chunk] = []
        for frame in frames:
            if self._device.answering:
                answers.append(Chunk(encode_frame(frame.transaction, frame.unit, self._answer(frame.pdu))))
        return answers

    def tick(self, now_ns: int) -> list[Chunk]:
        """Nothing happens by time alone."""
        return []

    def _answer(self, pdu: bytes) -> bytes:
        try:
            request = decode_request(pdu)
        except ModbusError as problem:
            return encode_exception(pdu[0], problem.code or ExceptionCode.ILLEGAL_VALUE)
        outcome = self._carry_out(request)
        if isinstance(outcome, ExceptionCode):
            return encode_exception(request.function, outcome)
        return encode_reply(request, outcome)

    def _carry_out(self, request: Request) -> bytes | ExceptionCode:
        device = self._device
        if request.function is _READ_WRITE:
            return device.read_write(request.address, request.count, request.write_address, request.data)
        if request.count:
            return device.read(request.address, request.count)
        return device.write(request.address, request.data) or b""
