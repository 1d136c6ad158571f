"""The PLC as a Modbus device: every edge of its three blocks, and that half a request is never taken."""

from dataclasses import replace

import pytest

from drivers.wire import plc_map
from drivers.wire.modbus import ExceptionCode
from drivers.wire.plc import PlcCommand, PlcState, Refusal
from drivers.wire.plc_map import (
    EVENT_REGISTERS,
    REQUEST_REGISTERS,
    RING_ADDRESS,
    STATUS_ADDRESS,
    STATUS_REGISTERS,
)
from firmware_sim.plc.registers import PlcRegisters
from tests.unit.plc.kit import Station

RING_END = RING_ADDRESS + 256 * EVENT_REGISTERS
STATUS_END = STATUS_ADDRESS + STATUS_REGISTERS
ILLEGAL = ExceptionCode.ILLEGAL_ADDRESS


@pytest.fixture
def station() -> Station:
    station = Station()
    station.ready()
    return station


@pytest.fixture
def registers(station: Station) -> PlcRegisters:
    return PlcRegisters(station.plc)


def test_status_can_be_read_in_any_part(station: Station, registers: PlcRegisters) -> None:
    block = plc_map.encode_status(station.plc.status())
    assert registers.read(STATUS_ADDRESS, STATUS_REGISTERS) == block
    assert registers.read(STATUS_ADDRESS, 1) == block[:2]
    assert registers.read(STATUS_ADDRESS + 6, 2) == block[12:16]
    assert registers.read(STATUS_END - 1, 1) == block[-2:]
    assert registers.read(STATUS_ADDRESS - 1, 2) is ILLEGAL
    assert registers.read(STATUS_END - 1, 2) is ILLEGAL
    assert registers.read(STATUS_ADDRESS, STATUS_REGISTERS + 1) is ILLEGAL


def test_request_block_reads_back_what_was_written(station: Station, registers: PlcRegisters) -> None:
    assert registers.read(0, REQUEST_REGISTERS) == bytes(2 * REQUEST_REGISTERS)
    block = plc_map.encode_request(station.request(PlcCommand.WARN))
    assert registers.write(0, block) is None
    assert registers.read(0, REQUEST_REGISTERS) == block
    assert registers.read(3, 2) == block[6:10]
    assert registers.read(REQUEST_REGISTERS - 1, 1) == block[-2:]
    assert registers.read(REQUEST_REGISTERS - 1, 2) is ILLEGAL
    station.scan()
    assert station.plc.outputs.horn


def test_ring_can_be_read_in_any_part(station: Station, registers: PlcRegisters) -> None:
    events = station.plc.events
    whole = b"".join(map(plc_map.encode_event, events))
    width = 2 * EVENT_REGISTERS
    assert len(events) >= 6
    for offset, count in ((0, 1), (0, 12), (0, 24), (11, 1), (11, 2), (12, 12), (13, 22), (35, 2), (36, 24), (1, 60)):
        assert registers.read(RING_ADDRESS + offset, count) == whole[2 * offset : 2 * (offset + count)]
    assert registers.read(RING_ADDRESS + len(events) * EVENT_REGISTERS - 6, 12) == whole[-12:] + bytes(12)
    assert registers.read(RING_END - EVENT_REGISTERS, EVENT_REGISTERS) == bytes(width)
    assert registers.read(RING_END - 1, 1) == bytes(2)
    assert registers.read(RING_END - 1, 2) is ILLEGAL
    assert registers.read(RING_ADDRESS - 1, 2) is ILLEGAL


@pytest.mark.parametrize(
    ("address", "size", "answer"),
    [
        (0, 2 * REQUEST_REGISTERS - 2, ExceptionCode.ILLEGAL_VALUE),
        (0, 2, ExceptionCode.ILLEGAL_VALUE),
        (0, 2 * REQUEST_REGISTERS + 2, ILLEGAL),
        (1, 2 * REQUEST_REGISTERS, ILLEGAL),
        (1, 2 * REQUEST_REGISTERS - 2, ExceptionCode.ILLEGAL_VALUE),
        (STATUS_ADDRESS, 2 * REQUEST_REGISTERS, ILLEGAL),
        (-1, 2 * REQUEST_REGISTERS, ILLEGAL),
        (REQUEST_REGISTERS, 2, ILLEGAL),
    ],
)
def test_request_is_written_whole_or_not_at_all(
    station: Station, registers: PlcRegisters, address: int, size: int, answer: ExceptionCode
) -> None:
    block = plc_map.encode_request(station.request(PlcCommand.WARN))
    data = (block + bytes(4))[:size]
    assert registers.write(address, data) is answer
    assert registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, address, data) is answer
    assert registers.read(0, REQUEST_REGISTERS) == bytes(2 * REQUEST_REGISTERS)


def test_exchange_answers_with_the_status_that_belongs_to_it(station: Station, registers: PlcRegisters) -> None:
    good = station.request()
    block = plc_map.encode_request(good)
    answer = registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, 0, block)
    assert isinstance(answer, bytes)
    assert plc_map.decode_status(answer).state is PlcState.SAFE
    again = registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, 0, block)
    assert isinstance(again, bytes)
    status = plc_map.decode_status(again)
    assert (status.ack, status.ack_sequence, status.guards) == (Refusal.BAD_SEQUENCE, good.sequence, 0)


def test_exchange_may_read_another_span(station: Station, registers: PlcRegisters) -> None:
    """Whoever asks for less than the whole status block gets registers as they are: the PLC's own acknowledgement."""
    block = plc_map.encode_request(station.request())
    assert registers.read_write(0, REQUEST_REGISTERS, 0, block) == block
    next_block = plc_map.encode_request(station.request())
    whole = registers.read_write(STATUS_ADDRESS, 2, 0, next_block)
    assert whole == plc_map.encode_status(station.plc.status())[:4]
    last = plc_map.encode_request(station.request())
    first_events = b"".join(map(plc_map.encode_event, station.plc.events))[: 2 * STATUS_REGISTERS]
    assert registers.read_write(RING_ADDRESS, STATUS_REGISTERS, 0, last) == first_events
    assert registers.read_write(90, 2, 0, plc_map.encode_request(station.request())) is ILLEGAL


def test_damaged_and_unknown_requests_are_refused_with_sequence_0(station: Station, registers: PlcRegisters) -> None:
    """Their sequence cannot be trusted."""
    block = bytearray(plc_map.encode_request(station.request(PlcCommand.WARN)))
    block[-1] ^= 1
    answer = registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, 0, bytes(block))
    assert isinstance(answer, bytes)
    status = plc_map.decode_status(answer)
    assert (status.ack, status.ack_sequence, status.guards) == (Refusal.BAD_CHECKSUM, 0, 0)
    unknown = plc_map.encode_request(replace(station.request(), command=99))  # type: ignore[arg-type]
    answer = registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, 0, unknown)
    assert isinstance(answer, bytes)
    status = plc_map.decode_status(answer)
    assert (status.ack, status.ack_sequence, status.guards) == (Refusal.UNKNOWN_COMMAND, 0, 0)
    station.scan()
    assert not station.plc.outputs.horn


def test_silent_plc_answers_nothing(station: Station, registers: PlcRegisters) -> None:
    assert registers.answering
    station.plc.inject("silent")
    assert not registers.answering
