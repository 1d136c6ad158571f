"""PURE: the PLC as a Modbus device: the request block is written whole, status and ring are read (plc-map.md)."""

from typing import Protocol

from drivers.wire.modbus import ExceptionCode
from drivers.wire.plc import PlcEvent, PlcRequest, PlcStatus, Refusal
from drivers.wire.plc_map import (
    EVENT_REGISTERS,
    EVENTS_MAX,
    REQUEST_ADDRESS,
    REQUEST_REGISTERS,
    RING_ADDRESS,
    RUN_ADDRESS,
    RUN_REGISTERS,
    STATUS_ADDRESS,
    STATUS_REGISTERS,
    ChecksumError,
    decode_request,
    encode_event,
    encode_run_status,
    encode_status,
)
from drivers.wire.plc_run import PlcRunStatus

_REQUEST_END = REQUEST_ADDRESS + REQUEST_REGISTERS
_STATUS_END = STATUS_ADDRESS + STATUS_REGISTERS
_RUN_END = RUN_ADDRESS + RUN_REGISTERS
_RING_END = RING_ADDRESS + EVENTS_MAX * EVENT_REGISTERS
_EMPTY_SLOT = bytes(EVENT_REGISTERS * 2)


class _Ring(Protocol):
    def slot(self, index: int) -> PlcEvent | None: ...


class _Plc(Protocol):
    """What the registers need of a PLC."""

    @property
    def answering(self) -> bool: ...
    @property
    def ring(self) -> _Ring: ...
    def exchange(self, request: PlcRequest) -> PlcStatus: ...
    def refuse(self, refusal: Refusal, sequence: int) -> PlcStatus: ...
    def status(self) -> PlcStatus: ...
    def run_status(self) -> PlcRunStatus | None: ...


class PlcRegisters:
    """Register-map device over a PLC; shared by all connections."""

    def __init__(self, plc: _Plc) -> None:
        self._plc = plc
        self._request = bytes(REQUEST_REGISTERS * 2)

    @property
    def answering(self) -> bool:
        """False while the PLC is dead or silent: then nothing is answered at all."""
        return self._plc.answering

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        """Bytes of ``count`` registers. Spans must lie within one block: the gaps are illegal addresses."""
        end = address + count
        if address >= STATUS_ADDRESS and end <= _STATUS_END:
            return _cut(encode_status(self._plc.status()), address - STATUS_ADDRESS, count)
        if address >= REQUEST_ADDRESS and end <= _REQUEST_END:
            return _cut(self._request, address - REQUEST_ADDRESS, count)
        if address >= RING_ADDRESS and end <= _RING_END:
            return self._read_ring(address - RING_ADDRESS, count)
        if address >= RUN_ADDRESS and end <= _RUN_END and (status := self._plc.run_status()) is not None:
            return _cut(encode_run_status(status), address - RUN_ADDRESS, count)
        return ExceptionCode.ILLEGAL_ADDRESS

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        """Carry out a request block; a part of one is refused, so that half a command can never be mixed."""
        answer = self._take(address, data)
        return answer if isinstance(answer, ExceptionCode) else None

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        """FC 23: carry out the request, answer with the status that belongs to it."""
        answer = self._take(write_address, data)
        if isinstance(answer, ExceptionCode):
            return answer
        if address == STATUS_ADDRESS and count == STATUS_REGISTERS:
            return encode_status(answer)
        return self.read(address, count)

    def _take(self, address: int, data: bytes) -> PlcStatus | ExceptionCode:
        if address < REQUEST_ADDRESS or address + len(data) // 2 > _REQUEST_END:
            return ExceptionCode.ILLEGAL_ADDRESS
        if len(data) != REQUEST_REGISTERS * 2:
            return ExceptionCode.ILLEGAL_VALUE
        self._request = data
        try:
            request = decode_request(data)
        except ChecksumError:
            return self._plc.refuse(Refusal.BAD_CHECKSUM, 0)
        except ValueError:
            return self._plc.refuse(Refusal.UNKNOWN_COMMAND, 0)
        return self._plc.exchange(request)

    def _read_ring(self, offset: int, count: int) -> bytes:
        first = offset // EVENT_REGISTERS
        last = (offset + count - 1) // EVENT_REGISTERS
        slots = (self._plc.ring.slot(index) for index in range(first, last + 1))
        block = b"".join(_EMPTY_SLOT if event is None else encode_event(event) for event in slots)
        return _cut(block, offset - first * EVENT_REGISTERS, count)


def _cut(block: bytes, start: int, count: int) -> bytes:
    return block[2 * start : 2 * (start + count)]
